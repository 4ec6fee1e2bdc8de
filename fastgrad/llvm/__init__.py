"""Machine code from text: explicit vectors and their elementary functions."""
