"""Every fault once; `make faults` injects hundreds and writes docs/faults.md."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("signals and limits of POSIX", allow_module_level=True)

sys.path.insert(0, str(Path(__file__).parents[2]))  # it stays: the children that are disturbed import from there too

from tests.faults.__main__ import FAULTS, inject
from tests.faults.world import TRAIN, World

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("faults") / "world")
    made.undisturbed(TRAIN)
    return made


@pytest.mark.parametrize("name", list(FAULTS))
def test_nothing_is_lost(name: str, world: World) -> None:
    row = inject(world, name, 1, seed=1000)
    assert row["lost"] == []
    assert row["survived"] == 1
