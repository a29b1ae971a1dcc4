"""Tweets in parts, as a reader's front holds them."""
