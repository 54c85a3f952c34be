"""Tables in docs/ are those of the measurements that lie in benchmarks/results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("script", ["label_forms.py", "alignment_range.py"])
def test_pages_promise_what_tests_hold(script: str) -> None:
    command = [sys.executable, str(ROOT / "docs" / "scripts" / script), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr}run python docs/scripts/{script}"


@pytest.mark.slow
@pytest.mark.parametrize("script", ["measured.py", "results.py", "results_appendix.py"])
def test_pages_hold_what_was_measured(script: str) -> None:
    command = [sys.executable, str(ROOT / "docs" / "scripts" / script), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or f"run python docs/scripts/{script}"
