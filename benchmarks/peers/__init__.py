"""Other ways to serve the same timelines, as good teams build them, for the same world and behind the same gateway."""
