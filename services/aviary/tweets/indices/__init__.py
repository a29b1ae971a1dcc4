"""The indices that lists of tweets are made from."""
