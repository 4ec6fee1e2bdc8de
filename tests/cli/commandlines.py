"""Words of command lines that several files give, and a process that runs them."""

import subprocess
import sys

import numpy as np

FIELD = ["field", "model:energy"]
GRID = ["--x", "-1:1:0.5", "--y", "0:3:1"]
XY = [np.linspace(-1, 1, 5), np.arange(4.0)]  # the nodes of GRID


def process(*words, start=(sys.executable, "-m", "fastgrad"), **options):
    return subprocess.run([*start, *words], check=False, capture_output=True, text=True, timeout=60, **options)
