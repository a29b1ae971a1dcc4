"""What may be lost at any moment and comes back complete: warm timelines and rate limits, in Redis."""
