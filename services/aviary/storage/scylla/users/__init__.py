"""The users' keyspace."""
