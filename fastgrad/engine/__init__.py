"""Which engine runs a call, and the engines."""
