"""A checkout stays small: what is measured is kept compressed, one line a run, and pictures are few."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_BYTES = 15_000_000


def test_a_checkout_is_small() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout: the source archive holds less")
    sizes = {name: (ROOT / name).stat().st_size for name in listed.stdout.split("\0") if (ROOT / name).is_file()}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:5]
    assert sum(sizes.values()) < MOST_BYTES, f"the largest files: {largest}"
    assert not [name for name in sizes if name.endswith((".tex", "differences.json"))], "tables are made anew"
