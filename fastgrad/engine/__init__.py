"""The engines: what applies a table to a function, and what decides which of them runs."""
