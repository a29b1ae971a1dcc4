"""The graph's keyspace."""
