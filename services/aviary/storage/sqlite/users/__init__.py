"""Accounts, sessions and exports: the users' file."""
