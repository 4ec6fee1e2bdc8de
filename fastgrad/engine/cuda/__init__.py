"""A written program for a GPU: its text, and PTX. Nothing loads or runs it yet."""
