"""The adapters: one folder an engine, one file a port."""
