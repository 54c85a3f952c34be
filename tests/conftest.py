"""What every test shares: no hub is asked for anything, and the real videos are where SYNCLINE_TEST_DATA says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may reach for a hub
os.environ.setdefault("SYNCLINE_RUNTIME", "torch")  # the reference; others where a test asks for them
os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's 15 leaves its workers nothing beside other tests
os.environ.setdefault("OMP_NUM_THREADS", "1")  # files run side by side: threads of each would wait for one another


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real sets (g1_bottle, cr5_banana, ...), named by SYNCLINE_TEST_DATA."""
    place = os.environ.get("SYNCLINE_TEST_DATA")
    if not place:
        pytest.skip("SYNCLINE_TEST_DATA is not set: the real videos are not here")
    return Path(place)


@pytest.fixture
def few_files() -> Iterator[None]:
    """Few files more may be opened than are open now."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/dev/fd"))) + 24, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that hold slow tests begin first: no worker is left alone with one of them at the end."""
    long = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("browser")}
    items.sort(key=lambda item: item.path not in long)
