"""The capacity planner: measured figures and named assumptions in, a fleet and what it costs out."""
