"""Bookmarks, pins, votes, and who engaged."""
