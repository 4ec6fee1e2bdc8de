"""SciPy's functions on Variables: gradients, gradients of gradients, against exact derivatives of traces."""

import numpy as np
import pytest

import fastgrad
from fastgrad import Variable
from fastgrad.variable import grad
from fastgrad.variable.specials import PRODUCTS, special_rule

special = pytest.importorskip("scipy.special")
PLACES = np.array([0.3, 0.7, 0.95, 0.05])
TWO = ("beta", "betaln", "binom", "boxcox", "huber", "kl_div", "poch", "pseudo_huber", "rel_entr", "xlog1py", "xlogy")
ANYWHERE = {"expit", "log_expit", "erf", "erfc", "ndtr", "log_ndtr", "i0", "i1", "j0", "j1", "psi", "gammaln"}
ANYWHERE |= {"cosm1", "exprel"}


ORDERED = ("jv", "yv", "iv", "kv", "ive", "kve", "gammainc", "gammaincc", "gammaincinv", "gammainccinv", "stdtr")
BEFORE = {
    **dict.fromkeys(("betainc", "betaincc", "betaincinv", "hyp1f1"), (2.5, 1.25)),
    "hyp2f1": (2.5, 1.25, 3.5),
    **dict.fromkeys((*ORDERED, "stdtrit"), (2.5,)),
}


@pytest.mark.parametrize("name", sorted(PRODUCTS.keys() - set(TWO) - set(BEFORE)))
def test_of_one_number(name):
    f = getattr(special, name)
    places = np.array([*PLACES, 2.3, -0.6, -1.7]) if name in ANYWHERE else PLACES
    x = Variable(places.copy())
    y = f(x)
    np.testing.assert_array_equal(y.array, f(places))
    (first,) = grad([y], [x], enable_double_backprop=True)
    (second,) = grad([first], [x])
    exact = [fastgrad.derivative(f, places, n=n, method="exact") for n in (1, 2)]
    np.testing.assert_allclose(first.array, exact[0], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(second.array, exact[1], rtol=2e-12, atol=1e-14)


@pytest.mark.parametrize("name", TWO)
def test_of_two_numbers(name):
    f, a, b = getattr(special, name), Variable(PLACES.copy()), Variable(PLACES[::-1].copy())
    y = f(a, b)
    y.grad = np.ones(4)
    y.backward()
    for k in range(4):
        point = np.array([a.array[k], b.array[k]])
        exact = fastgrad.gradient(lambda x: f(x[0], x[1]), point, method="exact")
        assert (a.grad[k], b.grad[k]) == pytest.approx(exact, rel=1e-12, abs=1e-15)


def test_beside_constants_and_of_other_precisions():
    counts, x = np.array([0.0, 2.0, 1.0]), Variable(np.array([0.5, 0.2, 0.9]))
    y = special.xlogy(counts, x)
    y.grad = np.ones(3)
    y.backward()
    np.testing.assert_allclose(x.grad, counts / x.array)
    small = Variable(np.array([0.5], np.float32))
    z = special.expit(small)
    z.backward()
    assert z.array.dtype == small.grad.dtype == np.float32


def test_at_zero():
    for name, slope in (("i1", 0.5), ("j1", 0.5), ("i1e", 0.5), ("i0", 0.0), ("exprel", 0.5)):
        x = Variable(np.zeros(1))
        getattr(special, name)(x).backward()
        assert x.grad.tolist() == [slope]


def test_what_has_no_rule():
    assert special_rule(special.zetac) is None
    assert special_rule(np.frompyfunc(lambda x: x, 1, 1)) is None
    with pytest.raises(TypeError, match="zetac does not work on Variables"):
        special.zetac(Variable(np.ones(1)))


@pytest.mark.parametrize("name", BEFORE)
def test_of_an_order_or_a_shape(name):
    f, before = getattr(special, name), BEFORE[name]
    x = Variable(PLACES.copy())
    y = f(*before, x)
    (first,) = grad([y], [x], enable_double_backprop=True)
    (second,) = grad([first], [x])
    g = lambda t: f(*before, t)
    np.testing.assert_allclose(first.array, fastgrad.derivative(g, PLACES, method="exact"), rtol=1e-11)
    np.testing.assert_allclose(second.array, fastgrad.derivative(g, PLACES, n=2, method="exact"), rtol=1e-9)
    order = Variable(np.full(4, 2.5))
    z = f(order, *before[1:], PLACES)
    z.grad = np.ones(4)
    with pytest.raises(TypeError, match=r"a shape of a function of SciPy's is a Variable, .* give its \.array"):
        z.backward()
