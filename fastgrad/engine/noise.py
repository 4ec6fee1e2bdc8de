"""`noise=`: how large the noise of f's values is, and with which other options that makes sense."""

from __future__ import annotations

from typing import Any

import numpy as np

ESTIMATE = "estimate"


def check_noise(noise: Any, method: str, order: int, h: Any, rel_step: Any, bounds: Any) -> float | str | None:
    """A number, "estimate" or None.

    Raises
    ------
    ValueError
        Neither; or formulas and steps that are not made for noise.
    """
    if noise is None:
        return None
    if not (isinstance(noise, str) and noise == ESTIMATE):
        if isinstance(noise, (bool, str)) or np.ndim(noise) or not _is_positive(noise):
            msg = f"noise={noise!r} must be a positive number, the size of the noise of f's values, or 'estimate'"
            raise ValueError(msg)
        noise = float(noise)
    if method == "adaptive":
        return noise  # type: ignore[no-any-return]
    if method != "central" or order != 2:
        msg = (
            f"noise={noise!r} does not fit method={method!r} with order={order!r}; use method='central' with order=2, "
            "or method='adaptive'"
        )
        raise ValueError(msg)
    for name, given in (("h", h), ("rel_step", rel_step), ("bounds", bounds)):
        if given is not None:
            text = "method='adaptive', whose steps stay inside bounds and sides" if name == "bounds" else f"no {name}"
            msg = f"noise={noise!r} chooses the step itself, which does not fit {name}=; use {text}"
            raise ValueError(msg)
    return noise  # type: ignore[no-any-return]


def _is_positive(noise: Any) -> bool:
    try:
        return bool(0.0 < noise < np.inf)
    except TypeError:
        return False
