"""How f may come by SciPy's functions and distributions, and what is left as it is."""

import math
from functools import partial

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.recording import trace
from fastgrad.program.trace.refusals import Untraceable
from fastgrad.program.trace.replacements import holds_symbols, replaced

scipy = pytest.importorskip("scipy")
from scipy import special, stats
from scipy.special import logsumexp
from scipy.stats import norm

DATA = np.array([0.3, -1.7, 0.4])
FROZEN = norm(0.2, 1.3)
METHOD = norm.logpdf
BOUND = FROZEN.logpdf
PARTIAL = partial(norm.logpdf, scale=2.0)


def helper(x):
    return norm.logpdf(x, 0.1, 2.0)


def closed(dist):
    return lambda x: np.sum(dist.logpdf(x))


CALLS = {
    "its name": lambda x: np.sum(norm.logpdf(x)),
    "the module's": lambda x: np.sum(stats.norm.logpdf(x)),
    "the package's": lambda x: np.sum(scipy.stats.norm.logpdf(x)) + scipy.special.logsumexp(x),
    "a function's name": lambda x: logsumexp(x) + x[0],
    "f itself": logsumexp,
    "a frozen one": lambda x: np.sum(FROZEN.logpdf(x)),
    "frozen in f": lambda x: np.sum(norm(0.2, scale=1.3).logpdf(x)),
    "frozen by x": lambda x: np.sum(norm(x[0], scale=x[1] ** 2 + 1).logpdf(DATA)),
    "a method": lambda x: np.sum(METHOD(x)) + BOUND(x[0]),
    "a partial": lambda x: np.sum(PARTIAL(x)),
    "a helper": lambda x: np.sum(helper(x)),
    "a closure": closed(FROZEN),
    "a default": lambda x, dist=norm: np.sum(dist.logpdf(x)),
    "a keyword": lambda x: np.sum(norm.logpdf(x=x, loc=0.3)),
    "numbers alone": lambda x: x[0] * norm.logpdf(0.3) + norm.mean() + FROZEN.mean() + norm.cdf(0.2),
    "an attribute": lambda x: x[0] * len(norm.name),
    "broadcast": lambda x: np.sum(norm.logpdf(x[:, None], DATA, 2.0)),
    "a list": lambda x: np.sum(norm.logpdf([x[0], 0.3])),
}


@pytest.mark.parametrize("name", CALLS)
def test_ways_to_call_one(name):
    f, x = CALLS[name], np.array([0.7, 1.9, 0.3])
    assert evaluate(trace(f, (3,)), x) == pytest.approx([float(f(x))], rel=1e-14)


def test_what_is_no_scipys_is_itself():
    for value in (np, np.exp, 3.0, "a", len, lambda x: x, DATA, int, object(), special.erf):
        assert replaced(value) is value
    assert replaced(special).__name__ == "scipy.special"
    assert replaced(special).erf is special.erf


def test_distributions_without_a_rule_say_so_and_the_users_are_left_alone():
    class Own(stats.rv_continuous):
        def _logpdf(self, x):
            return -x * x

    own = Own()
    assert replaced(own) is own
    others = (type(norm)(a=0.0), type(stats.beta)(a=0.2, b=0.7))
    for dist in others:
        with pytest.raises(Untraceable, match=r"logpdf, which has no rule for tracing"):
            trace(lambda x, dist=dist: dist.logpdf(x[0]), (1,))
        assert trace(lambda x, dist=dist: x[0] * len(dist.__class__.__name__), (1,)).nodes


def test_functions_under_the_same_name_are_left_alone(monkeypatch):
    def logsumexp(x):
        return np.sum(x) + 1.0

    assert replaced(logsumexp) is logsumexp
    monkeypatch.setattr(special, "logsumexp", logsumexp)
    f = lambda x: special.logsumexp(x) + 0.0
    assert evaluate(trace(f, (2,)), [1.0, 2.0]) == [4.0]


def test_scipys_own_objects_are_as_they_were():
    before = (norm.logpdf, dict(vars(norm)), special.logsumexp, stats.norm)
    fastgrad.gradient(CALLS["the package's"], np.ones((200, 3)), batch=True)
    assert (norm.logpdf, dict(vars(norm)), special.logsumexp, stats.norm) == before


def test_parameters_that_scipy_would_refuse():
    for f in (lambda x: stats.gamma.logpdf(x[0]), lambda x: norm.logpdf(x[0], 1.0, 2.0, 3.0)):
        with pytest.raises(Untraceable, match="other parameters than"):
            trace(f, (1,))


def test_what_holds_symbols():
    seen = []
    trace(
        lambda x: seen.append((holds_symbols(x), holds_symbols(1.0, [2.0, (x[0],)]), holds_symbols([1.0]))) or x[0],
        (1,),
    )
    assert seen == [(True, True, False)]


# --- objects of the user's --------------------------------------------------------------------------------------------


class Model:
    def __init__(self):
        self.prior, self.spread, self.calls = norm(0.0, 2.0), 1.5, 0

    def likelihood(self, x):
        return np.sum(norm.logpdf(DATA, x[0], self.spread)) + self.penalty(x)

    def penalty(self, x):
        return self.prior.logpdf(x[1])

    def counting(self, x):
        self.calls += 1
        return self.prior.logpdf(x[1])

    def loss(self, x):
        return self.helper(x) + math.sqrt(self.spread)

    def helper(self, x):
        return norm.logpdf(x[0]) + math.sin(x[1]) + self.penalty(x)


def test_distributions_in_an_object():
    model, x = Model(), np.array([0.7, 1.9])
    for f in (
        model.likelihood,
        model.loss,
        lambda x: 2.0 * model.loss(x),
        lambda x: model.prior.logpdf(x[0]) * x[1],
        lambda x: model.penalty(x) + x[0],
    ):
        assert evaluate(trace(f, (2,)), x) == pytest.approx([float(f(x))], rel=1e-14)
    assert type(model.prior) is type(norm())


PRIORS = [norm(0.0, 1.0), stats.gamma(2.0), 3.0]
BY_NAME = {"a": norm(0.0, 1.0), "b": stats.expon}
PAIR = (norm, 2.0)


def test_distributions_in_lists_and_dicts():
    x = np.array([0.7, 1.9])
    for f in (
        lambda x: sum(prior.logpdf(v) for prior, v in zip(PRIORS, x, strict=False)),
        lambda x: BY_NAME["a"].logpdf(x[0]) + BY_NAME["b"].logpdf(x[1]),
        lambda x: PAIR[0].logpdf(x[0]) * PAIR[1],
    ):
        assert evaluate(trace(f, (2,)), x) == pytest.approx([float(f(x))], rel=1e-14)
    assert type(PRIORS[0]) is type(norm())


def test_a_list_that_f_writes_into_is_the_users_own():
    priors, seen = [norm(0.0, 1.0)], [norm, 1.0]

    def f(x):
        seen.append(x[0])
        return priors[0].logpdf(x[0])

    with pytest.raises(Untraceable):
        trace(f, (1,))
    assert len(seen) == 2


def test_an_object_that_f_writes_into_is_the_users_own():
    model = Model()
    with pytest.raises(Untraceable):
        trace(model.counting, (2,))
    assert model.calls == 0


class Settings:
    def __init__(self):
        self.scale, self.prior = 1.0, norm


def test_an_object_that_another_function_writes_into_is_the_users_own():
    settings = Settings()

    def prepare():
        settings.scale = 3.0

    def f(x):
        prepare()
        return settings.scale * special.expit(x[0])

    assert evaluate(trace(f, (1,)), [0.3]) == pytest.approx([3.0 * special.expit(0.3)])


def test_a_number_of_a_batch_argument_is_not_kept():
    f = lambda x, k: stats.poisson.logpmf(3, x[0] * k)
    points, rows = np.full((50, 1), 2.0), 1.0 + np.arange(50.0) % 7
    found = fastgrad.gradient(f, points, batch=True, batch_args=(rows,), method="exact")
    np.testing.assert_allclose(found[:, 0], 3 / points[:, 0] - rows)
