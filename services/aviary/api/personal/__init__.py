"""Generated from proto/: change that, then run `make proto`."""
