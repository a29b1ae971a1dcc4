"""The fan-out's keyspace."""
