"""Tweets and what hangs on them: the tweets' file."""
