"""What pytest leaves alone when it looks for examples in these pages."""

collect_ignore = ["conf.py", "drawings.py"]
