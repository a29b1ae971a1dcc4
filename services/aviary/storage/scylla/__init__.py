"""Tables on ScyllaDB or Cassandra."""
