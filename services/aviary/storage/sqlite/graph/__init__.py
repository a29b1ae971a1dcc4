"""Follows, bonds and lists: the graph's file."""
