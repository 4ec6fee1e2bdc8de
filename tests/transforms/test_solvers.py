"""All that minimize takes beside a function: for each solver what it takes, and errors for what it does not take."""

import numpy as np
import pytest
from scipy.optimize import minimize

from fastgrad.transforms import for_minimize, solvers

START = np.array([-1.2, 1.0, 0.5])
PAIRS = [(0.5, 3.0), (0.5, None), (None, 3.0)]


def valley(x, a=100.0):
    return np.sum(a * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("products", [False, True])
@pytest.mark.parametrize("solver", [None, *solvers.FIRST, *solvers.SECOND])
def test_for_minimize(solver, products):
    if solver == "dogleg":  # needs a Hessian that is positive definite everywhere
        f, best = (lambda x, a=1.0: a * np.sum((x - 1) ** 2) + np.sum((x - 1) ** 4)), 1.0
    else:
        f, best = valley, 1.0
    if products and solver not in solvers.PRODUCTS:
        with pytest.raises(ValueError, match=r"products=True is for 'Newton-CG'"):
            for_minimize(f, solver, products=True)
        return
    found = minimize(f, START, args=(10.0,), **for_minimize(f, solver, products=products))
    np.testing.assert_allclose(found.x, best, atol=2e-3)


def test_for_minimize_of_what_fits_no_solver():
    with pytest.raises(ValueError, match=r"'Nelder-Mead' takes no derivatives; use one of 'CG'"):
        for_minimize(valley, "Nelder-Mead")
    with pytest.raises(ValueError, match=r"'BFGS' takes no bounds; use one of 'L-BFGS-B'"):
        for_minimize(valley, "BFGS", bounds=PAIRS)
    with pytest.raises(ValueError, match=r"write for_minimize\(f, 'BFGS'\)"):
        for_minimize(valley, method="BFGS")
    with pytest.raises(ValueError, match="without bounds"):
        for_minimize(valley, "trust-constr", bounds=PAIRS, products=True)
    with pytest.raises(TypeError, match="must be a function"):
        for_minimize(START)
