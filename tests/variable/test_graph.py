"""The graph of Variables: what is remembered, by whom, and what backward leaves alone."""

import gc
import threading
import weakref

import numpy as np
import pytest

import fastgrad.variable as F
from fastgrad import Variable
from fastgrad.variable import grad, no_backprop_mode
from fastgrad.variable.graph import MODE, ancestors


def variable(*numbers, dtype=np.float64):
    return Variable(np.array(numbers, dtype))


def test_leaves_accumulate_until_cleared():
    x = variable(5.0)
    y = x**2 - 2 * x + 1
    y.backward()
    y.backward()
    assert x.grad == [16.0]
    x.cleargrad()
    assert x.grad is None
    y.backward()
    assert x.grad == [8.0]


def test_results_on_the_way_keep_their_gradient_only_if_asked():
    x = variable(3.0)
    z = x**2
    y = z + 4 * z
    y.backward()
    assert (z.grad, y.grad.tolist(), x.grad.tolist()) == (None, [1.0], [30.0])
    y.backward(retain_grad=True)
    assert (z.grad.tolist(), y.grad.tolist(), x.grad.tolist()) == ([5.0], [1.0], [60.0])
    (2 * y).backward()
    assert (z.grad, y.grad, x.grad.tolist()) == (None, None, [120.0])


def test_gradients_share_no_memory():
    x, w, y = variable(1.0, 2.0), variable(3.0, 4.0), None
    y = (x + w).reshape(2, 1)
    y.grad = np.ones((2, 1))
    y.backward(retain_grad=True)
    x.grad *= 5
    assert (w.grad.tolist(), y.grad.tolist()) == ([1.0, 1.0], [[1.0], [1.0]])
    s = variable(1.0, 2.0)
    s.sum().backward()
    s.grad += 1
    assert s.grad.tolist() == [2.0, 2.0]


def test_a_gradient_arrives_once_all_uses_have_been_summed():
    """Walked in the order of the calls, a long path beside a short one would count twice."""
    x = variable(2.0)
    a = x * 1
    b = a * a
    c = b * a
    (a + (c * b)).backward()
    assert x.grad == [1 + 5 * 2.0**4]


def test_long_chains_neither_recurse_nor_stay():
    x = variable(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1e-5
    middle = weakref.ref(y)
    y.backward()
    assert x.grad == [1.0]
    del y
    assert middle() is None


def test_fan_out_costs_one_visit_a_node():
    x = variable(1.0)
    y = x
    for _ in range(200):
        y = y + y
    y.backward()
    assert x.grad == [2.0**200]


def test_the_graph_goes_with_its_last_variable():
    x = variable(1.0)
    gc.disable()
    try:
        z = F.sin(x)
        held = weakref.ref(z), weakref.ref(z.data)
        y = F.exp(z)[[0]] * 2
        del z
        assert held[0]() is not None
        y.backward(retain_grad=True)
        (g,) = grad([y], [x], enable_double_backprop=True)
        del y, g
        assert [h() for h in held] == [None, None]
    finally:
        gc.enable()


def test_nothing_is_remembered_in_no_backprop_mode():
    x = variable(5.0)
    with no_backprop_mode():
        y = x**2
        with pytest.raises(ZeroDivisionError), no_backprop_mode():
            _ = 1 / 0
        assert not (x * 2)._inputs
    y.backward()
    assert x.grad is None
    (x**2).backward()
    assert x.grad == [10.0]


def test_no_backprop_mode_is_of_one_thread():
    x, inside, done = variable(5.0), threading.Event(), threading.Event()

    def other():
        with no_backprop_mode():
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    try:
        assert inside.wait(10)
        (x**2).backward()
        assert x.grad == [10.0]
    finally:
        done.set()
        thread.join()


def test_threads_differentiate_a_shared_graph(at_once):
    x = variable(*np.linspace(0, 1, 50))
    y = F.sum(F.exp(F.sin(x)) * x)
    found = [None] * 8

    def work(i):
        found[i] = grad([y], [x])[0].data

    at_once(work, range(8))
    y.backward()
    assert all(np.array_equal(g, x.grad) for g in found)


def test_constants_get_no_gradient():
    x, c = variable(2.0), Variable(np.array([3.0]), requires_grad=False)
    y = x * c
    y.backward()
    assert (x.grad.tolist(), c.grad) == ([3.0], None)
    assert not (c * 2).requires_grad


def test_a_failure_leaves_gradients_alone():
    x = variable(1.0, 2.0)
    y = F.sum(x * x)
    x.data = np.ones(3)
    with pytest.raises(ValueError, match=r"x\.data got another shape"):
        y.backward()
    assert x.grad is None


def test_grad_leaves_every_grad_alone():
    x, other = variable(3.0), variable(1.0)
    y = x**3
    (first, missing) = grad([y], [x, other])
    assert (first.data.tolist(), missing, x.grad, y.grad) == ([27.0], None, None, None)
    assert not first._inputs


def test_grad_of_several_outputs_from_given_gradients():
    x = variable(3.0, 4.0)
    a, b = x**2, F.sum(x)
    (g,) = grad([a, b], [x], [variable(1.0, 10.0), None])
    assert g.data.tolist() == [7.0, 81.0]


def test_grad_stops_at_results_on_the_way():
    x = variable(3.0)
    z = x**2
    (g,) = grad([z**2], [z])
    assert g.data.tolist() == [18.0]


def test_gradients_of_gradients_by_backward():
    x = variable(3.0)
    (g,) = grad([x**3], [x], enable_double_backprop=True)
    g.backward()
    assert x.grad == [18.0]


def test_ancestors_come_after_what_was_made_of_them():
    x = Variable(np.array(2.0))
    y = x * x
    z = y + x
    order = ancestors([z])
    assert [id(v) for v in order] == [id(z), id(y), id(x)]
    assert MODE.remembers
