"""What keeps the tweets' store honest: removal for good, recounting, and what a person may take away."""
