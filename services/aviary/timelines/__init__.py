"""Lists of tweets for a reader."""
