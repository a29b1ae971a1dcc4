"""What hangs together with a tweet: what it replies to, what replies to it, what quotes it."""
