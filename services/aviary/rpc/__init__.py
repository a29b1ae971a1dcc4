"""How calls travel: one server, one local channel, and the interceptors that both run."""
