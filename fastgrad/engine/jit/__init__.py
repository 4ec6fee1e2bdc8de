"""The jit engine: f compiled by Numba, called from compiled loops."""
