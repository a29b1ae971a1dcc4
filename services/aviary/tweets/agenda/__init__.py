"""What happens to tweets at a time of its own."""
