"""What of SciPy, and of Python's statistics, is there where f has imported it: fastgrad itself never does."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from .captures import home, is_installed

_UFUNCS = "scipy.special._ufuncs"
DENSITIES = frozenset({"pdf", "logpdf", "pmf", "logpmf", "cdf", "logcdf", "sf", "logsf", "ppf", "isf"})
METHODS = DENSITIES | {"mean", "var", "std", "entropy"}
"""The methods of distributions that have rules."""
FORMULAS = frozenset({
    "_pdf", "_logpdf", "_cdf", "_logcdf", "_sf", "_logsf", "_ppf", "_isf", "_pmf", "_logpmf", "_stats", "_entropy",
    "_munp", "_argcheck", "_get_support", "_support_mask", "_open_support_mask",
})  # fmt: skip
"""And what their formulas are called, where they have no rules."""
_REPLACED = ("pdf", "logpdf", "_pdf", "_logpdf", "_cdf")  # by somebody else's, of a whole class
WITH_RULES = {
    "scipy.stats": frozenset({
        "zscore", "zmap", "gmean", "hmean", "pmean", "moment", "skew", "kurtosis", "sem", "variation", "iqr",
        "trim_mean", "entropy", "pearsonr", "linregress",
    }),
    "scipy.interpolate": frozenset({"splev", "bisplev"}),
    "scipy.integrate": frozenset({
        "quad", "quad_vec", "dblquad", "tplquad", "nquad", "odeint", "solve_ivp", "solve_bvp", "cubature", "tanhsinh",
    }),
    "scipy.optimize": frozenset({
        "anderson", "basinhopping", "bisect", "bracket", "brent", "brenth", "brentq", "broyden1", "broyden2", "brute",
        "curve_fit", "differential_evolution", "direct", "dual_annealing", "fixed_point", "fmin", "fmin_bfgs",
        "fmin_cg", "fmin_cobyla", "fmin_l_bfgs_b", "fmin_ncg", "fmin_powell", "fmin_slsqp", "fmin_tnc", "fminbound",
        "fsolve", "golden", "least_squares", "leastsq", "line_search", "minimize", "minimize_scalar", "newton",
        "newton_krylov", "ridder", "root", "root_scalar", "rosen", "shgo", "toms748",
    }),
    "scipy.linalg": frozenset({
        "solve", "inv", "det", "norm", "cholesky", "cho_factor", "cho_solve", "lu_factor", "lu_solve",
        "solve_triangular", "solve_banded", "expm", "eigh", "eigvalsh", "svd", "svdvals", "block_diag", "toeplitz",
        "hankel", "circulant",
    }),
    "scipy.signal": frozenset({
        "convolve", "fftconvolve", "oaconvolve", "correlate", "convolve2d", "correlate2d", "lfilter", "filtfilt",
        "sosfilt", "sosfiltfilt", "savgol_filter", "detrend", "resample", "resample_poly", "decimate",
    }),
    "scipy.ndimage": frozenset({
        "gaussian_filter", "gaussian_filter1d", "uniform_filter", "uniform_filter1d", "convolve", "convolve1d",
        "correlate", "correlate1d", "sobel", "prewitt", "laplace", "gaussian_laplace", "zoom", "shift", "rotate",
        "affine_transform", "map_coordinates", "spline_filter", "spline_filter1d",
    }),
    "scipy.spatial.distance": frozenset({
        "cdist", "pdist", "minkowski", "squareform", "euclidean", "sqeuclidean", "cityblock", "chebyshev",
        "cosine", "correlation", "mahalanobis",
    }),
    "statistics": frozenset({
        "mean", "fmean", "geometric_mean", "variance", "pvariance", "stdev", "pstdev", "median", "median_low",
        "median_high", "covariance", "correlation", "linear_regression",
    }),
}  # fmt: skip
"""The functions written in Python that have rules, by their modules; those of scipy.special are made of its ufuncs."""


def module(name: str) -> ModuleType | None:
    """One of SciPy's modules, if it has been imported."""
    return sys.modules.get(name)


def further_module(name: str) -> ModuleType:
    """One of SciPy's modules for what another one of them, which f has imported, is made of."""
    return import_module(name)


def is_own_ufunc(value: Any) -> bool:
    """Whether a ufunc is one of scipy.special, of SciPy's own files: what else has its name may do anything."""
    if type(value) is not np.ufunc:
        return False
    place = module(_UFUNCS)
    return (
        place is not None
        and vars(place).get(value.__name__) is value
        and _lies_in_scipy(getattr(place, "__file__", None))
    )


def is_own_function(value: Any) -> bool:
    """Whether a function of Python's is of SciPy's own files."""
    return type(value) is FunctionType and _lies_in_scipy(value.__code__.co_filename)


def place_of(value: FunctionType) -> str | None:
    """In which module of SciPy's a function of Python's is; of all but scipy.special those that have rules."""
    for name in ("scipy.special", *(name for name, known in WITH_RULES.items() if value.__name__ in known)):
        place = module(name)
        own = place is not None and vars(place).get(value.__name__) is value
        if own and (is_own_function(value) or (name == "statistics" and is_installed(value.__code__.co_filename))):
            return name
    return None


def name_of_transform(value: Any) -> str | None:
    """The name of a function of scipy.fft; None of anything else."""
    place, name = module("scipy.fft"), getattr(value, "__name__", None)
    own = place is not None and isinstance(name, str) and vars(place).get(name) is value
    return name if own and _lies_in_scipy(getattr(place, "__file__", None)) else None


def distribution_of(value: Any) -> Any:
    """The distribution of numbers of scipy.stats that a value is, or of which it fixes the parameters; or None."""
    kind = type(value)
    frozen = kind.__name__.endswith("_frozen") and home(kind).startswith("scipy.stats.")
    dist = getattr(value, "dist", None) if frozen else value
    return dist if home(type(dist)).startswith("scipy.stats._") and hasattr(dist, "badvalue") else None


def name_of_distribution(dist: Any) -> str | None:
    """The name of a distribution of scipy.stats; None of one that somebody made, or has changed, of the same class."""
    kind = type(dist)
    name = kind.__name__.removesuffix("_gen")
    own = getattr(module("scipy.stats"), name, None)
    if own is None or type(own) is not kind or not is_own_function(getattr(kind, "_argcheck", None)):
        return None
    formulas = [
        getattr(kind, formula) for formula in ("pdf", "logpdf", "_pdf", "_logpdf", "_cdf") if hasattr(kind, formula)
    ]
    if not all(map(is_own_function, formulas)):
        return None
    as_made = (own.a, own.b, own.badvalue) == (dist.a, dist.b, dist.badvalue)
    return name if as_made and (METHODS | FORMULAS).isdisjoint(vars(dist)) else None


def is_normals(kind: type) -> bool:
    """Whether a class is that of SciPy's normal distribution of several numbers, or of one with fixed parameters."""
    place = module("scipy.stats._multivariate")
    names = ("multivariate_normal_gen", "multivariate_normal_frozen")
    return (
        place is not None
        and kind in [vars(place).get(name) for name in names]
        and is_own_function(vars(kind).get("logpdf"))
    )


def _lies_in_scipy(path: str | None) -> bool:
    scipy = module("scipy")
    folder = os.path.join(os.path.dirname(getattr(scipy, "__file__", None) or "/nowhere/"), "")
    return path is not None and path.startswith(folder)
