"""Recorders are noted from the begin of a recording, in each thread, and forgotten when nobody has them."""

import gc
import threading

import numpy as np

from fastgrad.arrays.births import alive, begin, note
from fastgrad.arrays.nodes import Node
from fastgrad.arrays.recorder import Recorder


def recorder():
    return Recorder(Node("parameter", value=np.ones(3)))


def test_those_since_the_begin_that_somebody_has():
    before = recorder()
    begin()
    x = recorder()
    assert [r is x for r in alive()] == [True]
    assert before is not x
    del x
    gc.collect()
    assert alive() == []


def test_of_each_thread():
    begin()
    thread = threading.Thread(target=recorder)
    thread.start()
    thread.join()
    assert alive() == []


def test_anything_may_be_noted():
    begin()
    note(test_of_each_thread)
    assert alive() == [test_of_each_thread]
