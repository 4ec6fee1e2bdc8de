"""Losses over whole arrays as programs of a few kinds of node: seen, differentiated by structure or exactly, checked."""
