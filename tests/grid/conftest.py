"""Which way samples go, whatever their number, and no threads that are left behind."""

import threading

import pytest

from fastgrad.grid import arrays


@pytest.fixture
def no_short_cut(monkeypatch):
    """Small arrays are np.gradient's business otherwise."""
    for name, size in (("SMALL", 0), ("SHORT", 0), ("EVEN", -1)):
        monkeypatch.setattr(arrays, name, size)


@pytest.fixture
def no_copies(monkeypatch):
    """Samples with gaps or of other types would be copied whole otherwise."""
    for name in ("COPIED", "COPIED_ROWS", "LOOSE"):
        monkeypatch.setattr(arrays, name, 0)


@pytest.fixture(scope="module")
def no_threads_of_zarr():
    """They would keep the tests after these from forking."""
    from zarr.core.sync import cleanup_resources

    yield
    cleanup_resources()
    for thread in threading.enumerate():
        if thread.name.startswith("asyncio"):
            thread.join()
