"""The tables and the log on SQLite: one file a service, WAL, one writer with group commit."""
