"""Streams and signals: colour, progress, pipes, full disks."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest

from fastgrad.cli import streams
from tests.cli.commandlines import GRID, process


def test_progress_is_on_stderr_and_only_where_asked_for(here, run):
    _, out, err = run("field", "model:energy", *GRID, "-o", "a.npy", "--progress")
    assert out == ""
    assert err.split("\n")[1].startswith("\r")
    assert err.split("\n")[1].endswith("100 % of 20 points")
    _, _, err = run("field", "model:energy", *GRID, "-o", "b.npy")
    assert "%" not in err


@pytest.mark.filterwarnings("default")
def test_warnings_are_lines(here, run):
    code, _, err = run("field", "model:constant", *GRID, "-o", "a.npy")
    assert code == 0
    assert "\nwarning: ConstantFunctionWarning: every difference is zero" in err
    assert "commands.py" not in err


def test_colour_only_on_a_terminal_and_not_against_no_color(run, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert run("field")[2].startswith("error: ")
    monkeypatch.setattr("fastgrad.cli.streams.is_terminal", lambda _: True)
    assert run("field")[2].startswith("\x1b[31merror:\x1b[0m ")
    monkeypatch.setenv("NO_COLOR", "1")
    assert run("field")[2].startswith("error: ")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
@pytest.mark.parametrize("words", [[], ["--help"], ["cache"], ["--version"]], ids=str)
def test_broken_pipe_is_silent(words):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "fastgrad", *words], check=False, stdout=gone, stderr=subprocess.PIPE, timeout=60
        )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_stdout_on_a_full_disk():
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fastgrad"], check=False, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert (done.returncode, done.stderr) == (1, "error: stdout: No space left on device\n")


@pytest.mark.skipif(sys.platform == "win32", reason="shell")
def test_closed_streams(here):
    command = f"{sys.executable} -m fastgrad field model:energy --x 0:1:1 -o a.npy --progress --json >&- 2>&-"
    assert subprocess.run(command, shell=True, check=False, timeout=60).returncode == 0
    assert np.load("a.npy").shape == (1, 2)


def test_a_path_that_the_encoding_cannot_show(tmp_path):
    environment = {**os.environ, "FASTGRAD_CACHE_DIR": str(tmp_path / "käse"), "PYTHONIOENCODING": "ascii"}
    done = process("cache", env=environment)
    assert done.returncode == 0
    assert "k\\xe4se" in done.stdout


class Terminal(io.StringIO):
    """A stream that somebody reads along."""

    def isatty(self):
        return True


def test_percents_are_drawn_once_each(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with streams.percent() as draw:
        for done in range(1001):
            draw(done, 1000)
    lines = sys.stderr.getvalue().split("\r")[1:]
    assert [int(line.split("%")[0]) for line in lines] == list(range(101))
    assert lines[-1] == "100 % of 1,000 points\n"
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with streams.percent():
        pass
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize(
    ("stream", "environment", "coloured"),
    [
        (Terminal, {}, True),
        (io.StringIO, {}, False),
        (Terminal, {"NO_COLOR": "1"}, False),
        (Terminal, {"TERM": "dumb"}, False),
    ],
    ids=["terminal", "file", "no colour", "dumb"],
)
def test_the_first_word_has_a_colour(monkeypatch, stream, environment, coloured):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.setenv(name, environment.get(name, ""))
    monkeypatch.setattr(sys, "stderr", stream())
    streams.say("error: x is missing", streams.RED)
    assert sys.stderr.getvalue() == ("\x1b[31merror:\x1b[0m x is missing\n" if coloured else "error: x is missing\n")


def test_closed_streams_swallow_messages_and_no_data(monkeypatch):
    for stream in (None, io.StringIO()):
        if stream:
            stream.close()
        monkeypatch.setattr(sys, "stderr", stream)
        streams.say("nobody reads this", streams.RED)
        assert not streams.is_terminal(stream)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw := io.BytesIO(), encoding="ascii", newline="\n"))
    streams.write("f\u00fcr")
    streams.write("")
    assert raw.getvalue() == b"f\\xfcr\n"
