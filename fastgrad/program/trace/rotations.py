"""SciPy's rotations in space, made of traced numbers or applied to them; of numbers alone they are SciPy's own.

Quaternions (x, y, z, w), as SciPy keeps them: of angles by half of each, of rotation vectors by series where they are
short, so that derivatives at the identity are right. Euler angles are those of Bernardes and Viollet (2022).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from ..scipys import is_own_function
from .arrays import guarded, holds_symbols, wrap
from .reductions import ask_where_any, objects
from .refusals import refuse

SHORT = 1e-3  # angles up to which SciPy's formulas, and these, are series
_LOCKED = 1e-7  # beside 0 and pi, where SciPy sets the third angle to 0 and warns


def rotations(kind: Any) -> Any:
    """What stands for the class of SciPy's rotations; None of anything else."""
    own = kind.__name__ == "Rotation" and is_own_function(getattr(kind, "as_rotvec", None))
    return type("Rotation", (_Rotations,), {"_kind": kind}) if own else None


def rotation(value: Any) -> Any:
    """What stands for one of SciPy's rotations; None of anything else."""
    stand_in = rotations(type(value))
    return stand_in and stand_in._of(value)


class _Class(type):
    """What else the class has: of numbers."""

    def __getattr__(cls, name: str) -> Any:
        function = getattr(cls._kind, name)
        return _of_numbers(name, function, cls._of) if callable(function) else function


class _Rotations(metaclass=_Class):
    """One rotation or an array of them: quaternions, and SciPy's own object where all are numbers."""

    __traced__ = True
    __array_ufunc__ = None  # arrays are no factors
    _kind: Any = None

    def __init__(self, quat: Any, normalize: bool = True, copy: bool = True, scalar_first: bool = False) -> None:
        self._own = None
        if not holds_symbols(quat):
            self._own = self._kind(quat, normalize=normalize, copy=copy, scalar_first=scalar_first)
            self._quat = self._own.as_quat()
            return
        self._quat = guarded("Rotation.from_quat", _of_quaternions, (quat, normalize, scalar_first), {})

    @classmethod
    def _of(cls, own: Any) -> Any:
        """SciPy's own; anything else as it is."""
        if not isinstance(own, cls._kind):
            return own
        made = object.__new__(cls)
        made._own, made._quat = own, own.as_quat()
        return made

    @classmethod
    def _made(cls, quat: Any) -> Any:
        return cls(quat, normalize=False)

    @classmethod
    def from_quat(cls, quat: Any, *, scalar_first: bool = False) -> Any:
        return cls(quat, scalar_first=scalar_first)

    @classmethod
    def from_rotvec(cls, rotvec: Any, degrees: bool = False) -> Any:
        return cls._by("from_rotvec", _of_vectors, rotvec, degrees=degrees)

    @classmethod
    def from_euler(cls, seq: str, angles: Any, degrees: bool = False) -> Any:
        return cls._by("from_euler", _of_angles, seq, angles, degrees=degrees)

    @classmethod
    def concatenate(cls, rotations: Any) -> Any:
        given = [rotations] if isinstance(rotations, (_Rotations, cls._kind)) else list(rotations)
        each = [cls._of(one) for one in given]
        if all(one._own for one in each):
            return cls._of(cls._kind.concatenate([one._own for one in each]))
        return cls._made(np.concatenate([np.atleast_2d(one._quat) for one in each]))

    @classmethod
    def _by(cls, name: str, rule: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """One made by a rule of what is traced, by SciPy of numbers."""
        if not any(map(holds_symbols, args)):
            return cls._of(getattr(cls._kind, name)(*args, **options))
        return cls._made(guarded(f"Rotation.{name}", rule, args, options))

    def as_quat(self, canonical: bool = False, *, scalar_first: bool = False) -> Any:
        quat = _canonical(self._quat) if canonical else self._quat
        return np.roll(quat, 1, axis=-1) if scalar_first else quat

    def _as(self, name: str, rule: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """A form of it by a rule of what is traced, by SciPy of numbers."""
        if self._own:
            return getattr(self._own, name)(*args, **options)
        return guarded(f"Rotation.{name}", rule, (self._quat, *args), options)

    def as_matrix(self) -> Any:
        return self._as("as_matrix", _matrices)

    def as_rotvec(self, degrees: bool = False) -> Any:
        return self._as("as_rotvec", _vectors, degrees)

    def as_euler(self, seq: str, degrees: bool = False, **options: Any) -> Any:
        return self._as("as_euler", _angles, seq, degrees, **options)

    def magnitude(self) -> Any:
        return self._as("magnitude", _magnitudes)

    def apply(self, vectors: Any, inverse: bool = False) -> Any:
        if self._own and not holds_symbols(vectors):
            return self._own.apply(vectors, inverse)
        return guarded("Rotation.apply", _applied, (self.as_matrix(), vectors, inverse), {})

    def inv(self) -> Any:
        return self._of(self._own.inv()) if self._own else self._made(self._quat * np.array([-1.0, -1.0, -1.0, 1.0]))

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, self._kind):
            other = self._of(other)
        if not isinstance(other, _Rotations):
            return NotImplemented
        if self._own and other._own:
            return self._of(self._own * other._own)
        return self._made(_composed(self._quat, other._quat))

    def __rmul__(self, other: Any) -> Any:
        return self._of(other) * self if isinstance(other, self._kind) else NotImplemented

    def __pow__(self, n: Any) -> Any:
        if holds_symbols(n):
            return self.from_rotvec(n * self.as_rotvec())
        if self._own:
            return self._of(self._own**n)
        if n in (0, 1, -1):
            return {0: self * self.inv(), 1: self, -1: self.inv()}[n]
        return self.from_rotvec(n * self.as_rotvec())

    @property
    def single(self) -> bool:
        return bool(np.ndim(self._quat) == 1)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(np.shape(self._quat)[:-1])

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        if self.single:
            msg = "Single rotation has no len()."
            raise TypeError(msg)
        return len(self._quat)

    def __getitem__(self, index: Any) -> Any:
        if self.single:
            msg = "Single rotation is not subscriptable."
            raise TypeError(msg)
        return self._of(self._own[index]) if self._own else self._made(self._quat[index])

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __getattr__(self, name: str) -> Any:
        if not self._own:
            refuse(f"f asks for {name!r} of a Rotation of traced numbers, which has no rule for tracing")
        found = getattr(self._own, name)
        return _of_numbers(name, found, self._of) if callable(found) else found


def _of_numbers(name: str, function: Callable[..., Any], of: Callable[[Any], Any]) -> Callable[..., Any]:
    """A method of SciPy's for numbers, and for rotations of them."""

    def own(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(map(own, value))
        if isinstance(value, _Rotations):
            if not value._own:
                refuse(f"f gives a Rotation of traced numbers to {name}, which has no rule for tracing")
            return value._own
        return value

    def call(*args: Any, **options: Any) -> Any:
        args, options = own(args), {key: own(value) for key, value in options.items()}
        if holds_symbols((*args, *options.values())):
            refuse(f"f makes a Rotation by {name} of traced numbers, which has no rule for tracing")
        found = function(*args, **options)
        return tuple(map(of, found)) if isinstance(found, tuple) else of(found)

    return call


def _last(values: Any, size: int, what: str) -> Any:
    if np.ndim(values) not in (1, 2) or np.shape(values)[-1] != size:
        refuse(f"f gives a Rotation {what} of shape {np.shape(values)}")
    return values


def _length(vectors: Any, **options: Any) -> Any:
    return np.sqrt(np.sum(vectors * vectors, axis=-1, **options))


def _stacked(*parts: Any) -> Any:
    return np.stack(parts, axis=-1)


def _of_quaternions(quat: Any, normalize: bool, scalar_first: bool) -> Any:
    quat = _last(wrap(objects(quat)), 4, "quaternions")
    quat = np.roll(quat, -1, axis=-1) if scalar_first else quat
    return quat / _length(quat, keepdims=True) if normalize else quat


def _of_vectors(rotvec: Any, degrees: bool) -> Any:
    rotvec = _last(wrap(objects(rotvec)), 3, "rotation vectors") * (math.pi / 180.0 if degrees else 1.0)
    square = np.sum(rotvec * rotvec, axis=-1)
    is_short = square <= SHORT**2
    angle = np.sqrt(np.where(is_short, 1.0, square))  # its slope at 0 is infinite
    scale = np.where(is_short, 0.5 - square / 48 + square**2 / 3840, np.sin(angle / 2) / angle)
    cosine = np.where(is_short, 1 - square / 8 + square**2 / 384, np.cos(angle / 2))
    return _stacked(*(scale * rotvec[..., k] for k in range(3)), cosine)


def _axes(seq: str) -> tuple[list[int], bool]:
    """The numbers of axes, and whether they turn along."""
    known = any({*seq} <= {*names} for names in ("xyz", "XYZ"))
    if len(seq) not in (1, 2, 3) or not known or any(a == b for a, b in pairwise(seq)):
        refuse(f"f turns about the axes {seq!r}; write one to three of x, y, z, or of X, Y, Z, none twice in a row")
    return ["xyz".index(axis) for axis in seq.lower()], seq.isupper()


def _of_angles(seq: str, angles: Any, degrees: bool) -> Any:
    axes, turn_along = _axes(seq)
    angles = wrap(np.atleast_1d(objects(angles))) * (math.pi / 180.0 if degrees else 1.0)
    found = None
    for k, axis in enumerate(axes):
        half = _last(angles, len(axes), "angles")[..., k] / 2
        single = [0.0 * half] * 3 + [np.cos(half)]
        single[axis] = np.sin(half)
        one = _stacked(*single)
        found = one if found is None else _composed(found, one) if turn_along else _composed(one, found)
    return found


def _composed(p: Any, q: Any) -> Any:
    """Of rotations q, then p."""
    (px, py, pz, pw), (qx, qy, qz, qw) = (tuple(np.moveaxis(each, -1, 0)) for each in (p, q))
    return _stacked(
        pw * qx + qw * px + (py * qz - pz * qy),
        pw * qy + qw * py + (pz * qx - px * qz),
        pw * qz + qw * pz + (px * qy - py * qx),
        pw * qw - px * qx - py * qy - pz * qz,
    )


def _matrices(quat: Any) -> Any:
    x, y, z, w = (quat[..., k] for k in range(4))
    rows = (
        (x * x - y * y - z * z + w * w, 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), -x * x + y * y - z * z + w * w, 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), -x * x - y * y + z * z + w * w),
    )
    return np.stack([_stacked(*row) for row in rows], axis=-2)


def _applied(matrices: Any, vectors: Any, inverse: bool) -> Any:
    vectors = _last(vectors if holds_symbols(vectors) else np.asarray(vectors, float), 3, "vectors")
    if holds_symbols(vectors):
        vectors = wrap(objects(vectors))
    matrices = np.swapaxes(matrices, -1, -2) if inverse else matrices
    return np.sum(matrices * vectors[..., None, :], axis=-1)


def _canonical(quat: Any) -> Any:
    """With w positive, or the first that is not 0."""
    x, y, z, w = (quat[..., k] for k in range(4))
    is_other = (w < 0) | ((w == 0) & ((x < 0) | ((x == 0) & ((y < 0) | ((y == 0) & (z < 0))))))
    return np.where(np.asarray(is_other)[..., None], -quat, quat)


def _vectors(quat: Any, degrees: bool) -> Any:
    quat = _canonical(quat)
    square = np.sum(quat[..., :3] ** 2, axis=-1)
    is_short = square <= (SHORT / 2) ** 2
    tangent2 = square / quat[..., 3] ** 2
    short2 = 4 * tangent2 * (1 - 2 / 3 * tangent2)  # of the angle
    angle = 2 * np.arctan2(np.sqrt(np.where(is_short, 0.5, square)), quat[..., 3])
    scale = np.where(is_short, 2 + short2 / 12 + 7 * short2**2 / 2880, angle / np.sin(angle / 2))
    return quat[..., :3] * np.asarray(scale * (180.0 / math.pi if degrees else 1.0))[..., None]


def _magnitudes(quat: Any) -> Any:
    return 2 * np.arctan2(_length(quat[..., :3]), np.abs(quat[..., 3]))


def _angles(quat: Any, seq: str, degrees: bool, suppress_warnings: bool = False) -> Any:
    axes, turn_along = _axes(seq)
    i, j, k = axes[::-1] if turn_along else axes
    symmetric = i == k
    k = 3 - i - j if symmetric else k
    sign = (i - j) * (j - k) * (k - i) // 2
    w = quat[..., 3]
    a, b, c, d = w, quat[..., i], quat[..., j], quat[..., k] * sign
    if not symmetric:
        a, b, c, d = a - c, b + d, c + a, d - b
    second = 2 * np.arctan2(np.hypot(c, d), np.hypot(a, b))
    ask_where_any((np.abs(second) <= _LOCKED) | (np.abs(second - math.pi) <= _LOCKED))
    total, difference = np.arctan2(b, a), np.arctan2(d, c)
    first, third = total - difference, (total + difference) * (1 if symmetric else sign)
    found = [third, second - (0.0 if symmetric else math.pi / 2), first]
    turned = _stacked(*(found if turn_along else found[::-1]))
    return _within(turned) * (180.0 / math.pi if degrees else 1.0)


def _within(angles: Any) -> Any:
    """From -pi to pi, of which none is the other."""
    turns = np.where(angles < -math.pi, 2 * math.pi, np.where(angles > math.pi, -2 * math.pi, 0.0))
    return angles + turns
