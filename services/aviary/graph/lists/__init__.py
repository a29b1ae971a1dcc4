"""Lists of users."""
