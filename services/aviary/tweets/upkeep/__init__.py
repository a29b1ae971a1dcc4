"""Tweets removed for good, and what a person may take away."""
