"""Ports kept by the Rust core, in this process."""
