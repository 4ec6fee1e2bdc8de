"""Special functions as operations of programs: those of math without SciPy, their values where math raises."""

import subprocess
import sys

import numpy as np
import pytest

from fastgrad.program.specials import OPERATIONS

special = pytest.importorskip("scipy.special")
PLACES = np.array([
    0.0, -0.0, 1.0, 2.0, -0.5, -2.5, -3.0, 1e-5, 0.3, 7.9, 8.1, 100.0, 1e10, np.inf, np.nan, 171.7, 1e300, -1.0, 26.6,
])  # fmt: skip
SAME = {
    "erf": special.erf,
    "erfc": special.erfc,
    "lgamma": special.gammaln,
    "tgamma": special.gamma,
    "digamma": special.psi,
    "trigamma": lambda x: special.polygamma(1, x),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "mills": lambda x: np.exp(-0.5 * x * x - special.log_ndtr(x)) / np.sqrt(2 * np.pi),
}


@pytest.mark.parametrize("name", SAME)
def test_they_are_scipys(name):
    places = PLACES[np.abs(PLACES) < 30] if name == "mills" else PLACES
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(OPERATIONS[name](places), SAME[name](places), rtol=2e-14)
        for x in (0.7, np.float64(-1.5)):
            assert OPERATIONS[name](x) == pytest.approx(float(SAME[name](x)), rel=1e-14)
            assert np.ndim(OPERATIONS[name](x)) == 0


def test_the_others_are_looked_up():
    for name in ("erfcx", "log_ndtr", "i0e", "i1e", "j0", "j1", "logit"):
        assert OPERATIONS[name](0.3) == getattr(special, name)(0.3)
    assert OPERATIONS["xlogy"](0.0, 0.0) == 0.0
    assert OPERATIONS["xlog1py"](2.0, -0.5) == special.xlog1py(2.0, -0.5)


def test_functions_of_math_need_no_scipy():
    code = """
import sys, math, numpy as np, fastgrad
sys.modules["scipy"] = None
points = np.linspace(0.5, 3.0, 40)[:, None]
def f(x):
    return math.lgamma(x[0]) + math.erf(x[0]) + math.gamma(x[0]) + math.erfc(x[0])
for method in ("central", "exact"):
    print(np.isfinite(fastgrad.hessian(f, points, batch=True, method=method)).all())
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["True", "True"], "")
