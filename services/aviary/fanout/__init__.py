"""Takes each new tweet to its author's followers."""
