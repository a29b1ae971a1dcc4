"""What every service with rows about people offers: its counters recounted, and all that it keeps of one person."""
