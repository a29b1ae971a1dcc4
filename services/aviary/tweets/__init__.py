"""Tweets and what people do with them."""
