"""Loads a world of people, follows and tweets through the public API, keeping a journal of every call."""
