"""What `scipy.optimize.minimize` takes beside a function: its derivatives and bounds, all at once."""

from __future__ import annotations

from typing import Any

from ..engine.arguments import Bounds, Function, check_function
from .functions import grad, hess, hessp

FIRST = ("CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP")
SECOND = ("Newton-CG", "dogleg", "trust-ncg", "trust-krylov", "trust-exact", "trust-constr")
PRODUCTS = ("Newton-CG", "trust-ncg", "trust-krylov", "trust-constr")
BOUNDED = ("L-BFGS-B", "TNC", "SLSQP", "trust-constr")


def for_minimize(
    f: Function, solver: str | None = None, *, bounds: Bounds = None, products: bool = False, **options: Any
) -> dict[str, Any]:
    """What to give to `scipy.optimize.minimize` beside f and the start: derivatives and bounds.

    Without derivatives between the same bounds SciPy's solvers end where f is not defined a step beyond them.

    Parameters
    ----------
    f : callable
        A scalar function, as in `gradient`.
    solver : str, optional
        The `method` of minimize. Those that take one get a Hessian. None: SciPy chooses, by first derivatives.
    bounds : list of tuples or scipy.optimize.Bounds, optional
        As minimize takes them; the derivatives never call f outside.
    products : bool
        Products of the Hessian with vectors, `hessp`, in the place of the Hessian: of many coordinates.
    **options
        Those of `gradient` and `hessian`, such as ``method="exact"``.

    Returns
    -------
    dict
        ``minimize(f, x0, **for_minimize(f, solver))``

    Raises
    ------
    ValueError
        A solver that takes no derivatives, no bounds or no products.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.optimize import minimize
    >>> from fastgrad.transforms import for_minimize
    >>> def cost(x):
    ...     return np.sum(x - np.sqrt(x))  # x >= 0
    >>> what = for_minimize(cost, "trust-constr", bounds=[(0, 1), (0.5, None)], method="exact")
    >>> sorted(what)
    ['bounds', 'hess', 'jac', 'method']
    >>> minimize(cost, [1.0, 1.0], **what).x.round(3)
    array([0.25, 0.5 ])
    """
    check_function(f)
    if options.get("method") in FIRST + SECOND:
        msg = f"method={options['method']!r} is a solver of SciPy's; write for_minimize(f, {options['method']!r})"
        raise ValueError(msg)
    _check_solver(solver, bounds, products)
    within = options if bounds is None else {**options, "bounds": bounds}
    given: dict[str, Any] = {"jac": grad(f, **within)}
    if products:
        given["hessp"] = hessp(f, **options)
    elif solver in SECOND:
        given["hess"] = hess(f, **within)
    given |= {} if solver is None else {"method": solver}
    return given if bounds is None else {**given, "bounds": bounds}


def _check_solver(solver: Any, bounds: Bounds, products: bool) -> None:
    if solver is not None and solver not in FIRST + SECOND:
        msg = f"solver={solver!r} takes no derivatives; use one of {', '.join(map(repr, FIRST + SECOND))}"
    elif bounds is not None and solver is not None and solver not in BOUNDED:
        msg = f"solver={solver!r} takes no bounds; use one of {', '.join(map(repr, BOUNDED))}"
    elif products and (solver not in PRODUCTS or bounds is not None):
        msg = f"products=True is for {', '.join(map(repr, PRODUCTS))}, without bounds; leave it out"
    else:
        return
    raise ValueError(msg)
