"""What a worker tells: warnings, the end, exceptions; and what of an answer that is cut."""

import pickle
import warnings

import pytest

from fastgrad.engine import answers


@pytest.fixture(autouse=True)
def _shown_as_before(monkeypatch):
    """A worker changes what shows warnings, for the rest of its life."""
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)


def failing():
    msg = "no"
    raise KeyError(msg)


def test_an_answer_without_anything_is_one_word():
    assert answers.answer(lambda: None) == answers.DONE
    assert answers.is_done(answers.DONE)
    assert not answers.is_done(b"")


def test_an_exception():
    message = answers.answer(failing)
    assert not answers.is_done(message)
    error = answers.failure(message)
    assert type(error) is KeyError
    assert error.args == ("no",)
    assert "in failing" in error.__notes__[0]


def test_an_answer_that_is_cut_tells_nothing():
    message = answers.answer(failing)
    for length in range(len(message)):
        assert answers.failure(message[:length]) is None
        assert not answers.is_done(message[:length])


def test_an_exception_that_nothing_can_build():
    class Strange(Exception):
        def __new__(cls, *args, **options):
            if not options:
                msg = "needs options"
                raise TypeError(msg)
            return super().__new__(cls, *args)

        def __init__(self, text, **options):
            super().__init__(text)

    error = answers.unpacked(answers.packed(Strange("odd", a=1)))
    assert type(error) is RuntimeError
    assert str(error).endswith("Strange: odd")


def test_warnings_come_first():
    given = [("careful", b"", b"", "f.py", 3), ("careful", b"", b"", "f.py", 3)]
    content = pickle.dumps(given)
    message = answers.WARNED + len(content).to_bytes(8, "little") + content + answers.DONE
    for length in range(len(message)):
        assert not answers.is_done(message[:length])
    assert answers.is_done(message)
    seen = {}
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        answers.warn_again(message, seen)
        answers.warn_again(message, seen)  # of another worker
    assert [(str(w.message), w.category, w.filename, w.lineno) for w in shown] == [("careful", UserWarning, "f.py", 3)]
