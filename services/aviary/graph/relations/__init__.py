"""Blocks, mutes and follow requests."""
