"""What f is: a straight-line program, what it captures and depends on, and how it is recorded."""
