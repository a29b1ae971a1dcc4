"""The tweets' keyspace."""
