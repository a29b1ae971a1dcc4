"""Tweets that are not published yet."""
