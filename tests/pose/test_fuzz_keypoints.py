"""Damaged keypoint files end in a right result or our own error; `make fuzz` runs the same cases 20 times over."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_hundred_damaged_keypoint_files() -> None:
    path = Path(__file__).parent.parent / "fuzz" / "keypoints.py"
    spec = importlib.util.spec_from_file_location("fuzz_keypoints", path)
    assert spec is not None
    assert spec.loader is not None
    fuzzing = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzzing)
    outcomes = fuzzing.fuzz(110)
    assert sum(sum(counted.values()) for counted in outcomes.values()) == 110
    assert sum(counted["error"] for counted in outcomes.values()) > 10
    assert sum(counted["result"] for counted in outcomes.values()) > 10
