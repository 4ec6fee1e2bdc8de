"""A function called with symbols: what it does to them is recorded as a program."""
