"""Transforms of some numbers, written out."""

import numpy as np
import pytest

import fastgrad
from fastgrad.program.program import evaluate
from fastgrad.program.trace.fourier import _root_of_unity
from fastgrad.program.trace.recording import trace
from tests.agreement import assert_as_pythons

scipy = pytest.importorskip("scipy.fft") and pytest.importorskip("scipy")
fft, rfft = scipy.fft, scipy.fft.rfft
POINTS = np.random.default_rng(0).uniform(-2.0, 2.0, (40, 6))
A = np.arange(1.0, 25.0)
H = np.array([1, 2j, 3, 1 - 1j])


def weighted(z):
    """A real number that sees all of an array."""
    return np.sum(z.real * A[: z.size].reshape(z.shape)) + np.sum(np.abs(z) * A[1 : z.size + 1].reshape(z.shape))


FUNCTIONS = {
    "fft": lambda x: weighted(np.fft.fft(x)),
    "of complex numbers": lambda x: weighted(np.fft.fft(x * 1j + x[::-1])),
    "ifft": lambda x: weighted(np.fft.ifft(x * 1j)),
    "rfft": lambda x: weighted(np.fft.rfft(x)),
    "irfft": lambda x: weighted(np.fft.irfft(np.fft.rfft(x) * H)),
    "irfft of an odd number": lambda x: weighted(np.fft.irfft(np.fft.rfft(x) * H, 5)),
    "hfft": lambda x: weighted(np.fft.hfft(x)) + weighted(np.fft.hfft(x * 1j, 7, norm="forward")),
    "ihfft": lambda x: weighted(np.fft.ihfft(x)) + weighted(np.fft.ihfft(x, 5, norm="ortho")),
    "cut": lambda x: weighted(np.fft.rfft(x, 5)),
    "padded": lambda x: weighted(np.fft.fft(x, 9)),
    "ortho": lambda x: weighted(np.fft.fft(x, norm="ortho")) + weighted(np.fft.irfft(x + 0j, norm="ortho")),
    "forward": lambda x: weighted(np.fft.fft(x, norm="forward")) + weighted(np.fft.ifft(x, norm="forward")),
    "an axis": lambda x: weighted(np.fft.fft(x.reshape(2, 3), axis=0)) + weighted(np.fft.rfft(x.reshape(2, 3))),
    "fft2": lambda x: weighted(np.fft.fft2(x.reshape(2, 3))),
    "ifft2": lambda x: weighted(np.fft.ifft2(x.reshape(2, 3), s=(2, 2))),
    "fftn": lambda x: weighted(np.fft.fftn(x.reshape(1, 2, 3))) + weighted(np.fft.ifftn(x.reshape(2, 3), axes=(0,))),
    "rfft2": lambda x: weighted(np.fft.rfft2(x.reshape(2, 3))) + weighted(np.fft.rfft2(x.reshape(3, 2), s=(2, 3))),
    "irfft2": lambda x: weighted(np.fft.irfft2(np.fft.rfft2(x.reshape(2, 3)) * [1.0, 2.0j])),
    "rfftn": lambda x: (
        weighted(np.fft.rfftn(x.reshape(1, 2, 3))) + weighted(np.fft.rfftn(x.reshape(2, 3), axes=(1, 0)))
    ),
    "irfftn": lambda x: weighted(np.fft.irfftn(x.reshape(2, 3) * (1.0 + 0.5j), s=(2, 4), axes=(0, 1), norm="ortho")),
    "shifts": lambda x: weighted(np.fft.fftshift(np.fft.fft(x[:5]))) + weighted(np.fft.ifftshift(np.fft.fft(x[:5]))),
    "an axis is shifted": lambda x: weighted(np.fft.fftshift(np.fft.fft2(x.reshape(2, 3)), axes=1)),
    "frequencies": lambda x: np.sum(np.fft.fftfreq(6) * x) + np.sum(np.fft.rfftfreq(6) * np.abs(np.fft.rfft(x))),
    "one number": lambda x: weighted(np.fft.fft(x[:1])),
}


SCIPYS = {
    "fft": lambda x: weighted(fft.fft(x, workers=1)) + weighted(scipy.fft.ifft(x * 1j, norm="ortho")),
    "rfft": lambda x: weighted(rfft(x, 5)) + weighted(fft.irfft(fft.rfft(x) * H)) + weighted(fft.hfft(x)),
    "fft2": lambda x: weighted(fft.fft2(x.reshape(2, 3))) + weighted(fft.fftn(x.reshape(2, 3), axes=0)),
    "shifts": lambda x: weighted(fft.fftshift(fft.fft(x))) + np.sum(fft.fftfreq(6) * x),
    **{
        f"{name} {kind} {norm}": lambda x, name=name, kind=kind, norm=norm: weighted(
            getattr(fft, name)(x.reshape(3, 2), kind, axis=0, norm=norm) + 0j
        )
        for name in ("dct", "idct", "dst", "idst")
        for kind, norm in ((2, None), (3, "ortho"))
    },
    "a number of them": lambda x: weighted(fft.dct(x, n=4) + 0j) + weighted(fft.idst(x, type=1) + 0j),
}


ALL = FUNCTIONS | {f"scipy.fft: {name}": f for name, f in SCIPYS.items()}


@pytest.mark.parametrize("name", ALL)
def test_functions_are_what_numpy_and_scipy_have(name):
    f = ALL[name]
    assert evaluate(trace(f, (6,)), POINTS[0])[0] == pytest.approx(f(POINTS[0]), rel=1e-13)
    assert_as_pythons(f, POINTS, rtol=1e-5, atol=1e-6)


def test_a_function_of_that_name_is_not_taken_for_scipys():
    def rfft(x):
        return x * 2.0

    rfft.__module__ = "scipy.fft"
    assert evaluate(trace(lambda x: rfft(x).sum(), (3,)), np.ones(3)) == [6.0]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 12, 16, 30])
def test_derivatives_of_a_transform_are_its_matrix(n):
    jacobian = fastgrad.jacobian(lambda x: np.fft.fft(x).real, np.ones(n), method="exact")
    np.testing.assert_allclose(jacobian, np.fft.fft(np.eye(n)).real.T, atol=1e-14)


def test_quarter_turns_are_exact():
    assert [_root_of_unity(k, 8) for k in (0, 2, 4, 6, 8)] == [1, 1j, -1, -1j, 1]
    assert _root_of_unity(-1, 4) == -1j
