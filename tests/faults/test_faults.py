"""Every fault once; `make faults` injects hundreds and writes docs/faults.md."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX"),
]

NAMES = (
    "kill train", "kill embed", "kill sync", "kill label", "full disk train", "full disk embed", "full disk label",
    "replaced source", "two train", "two embed", "SIGTERM train", "clock train",
)  # fmt: skip


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(inject, world)"""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    try:
        from tests.faults.__main__ import inject
        from tests.faults.world import TRAIN, World

        world = World(tmp_path_factory.mktemp("faults") / "world")
        world.undisturbed(TRAIN)
        yield inject, world
    finally:
        sys.path.pop(0)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost(name: str, faults: Any) -> None:
    inject, world = faults
    row = inject(world, name, 1, seed=1000)
    assert row["lost"] == []
    assert row["survived"] == 1
