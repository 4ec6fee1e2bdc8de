"""The python engine: f is called as it is."""
