"""Ports kept in this process."""
