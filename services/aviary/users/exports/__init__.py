"""Everything about a person, for that person to take away."""
