"""Accounts, profiles and sessions."""
