"""Measures the core and the running platform, and records what was measured with the machine that it ran on."""
