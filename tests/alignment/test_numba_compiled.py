"""Kernels from the disk: loaded without what only compiling needs, and the compiler works beside them all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import syncline.alignment.numba_compiled as under_test

FILE = under_test.__file__
KERNELS = """
import importlib.util
import sys
import numpy as np

alone = importlib.util.spec_from_file_location("alone", sys.argv[1])  # without torch, which takes seconds
module = importlib.util.module_from_spec(alone)
alone.loader.exec_module(module)
compiled = module.compiled

@compiled
def kept(x):
    return np.sum(x) + np.argmax(x)

@compiled
def new(x):
    if len(x) > 3:
        raise ValueError("too long")
    return np.sum(x) + np.max(x)

assert kept(np.arange(3.0)) == 5.0
print(len(kept.stats.cache_hits), sorted(set(sys.modules) & {"numba.cpython.unicode", "numba.np.arraymath"}))
if sys.argv[2:] == ["new"]:
    assert new(np.arange(3.0)) == 5.0
    print(len(new.stats.cache_hits))
    try:
        new(np.arange(4.0))
    except ValueError as error:
        print(error)
"""


def test_a_kernel_from_the_disk_needs_no_compiler(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    (tmp_path / "kernels.py").write_text(KERNELS)

    def lines(*words: str) -> list[str]:
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        line = [sys.executable, "-W", "error", str(tmp_path / "kernels.py"), FILE, *words]
        return subprocess.run(line, env=environment, check=True, capture_output=True, text=True).stdout.splitlines()

    assert lines() == ["0 ['numba.cpython.unicode', 'numba.np.arraymath']"]  # compiled
    assert lines() == ["1 []"]  # loaded
    assert lines("new") == ["1 []", "0", "too long"]  # compiled beside one that was loaded
    assert lines("new") == ["1 []", "1", "too long"]


CALLER = """
import numba_compiled
from called import called

@numba_compiled.compiled
def caller(x):
    return 2 * called(x)

print(caller(3), len(caller.stats.cache_hits))
"""
CALLED = """
import numba_compiled

@numba_compiled.compiled
def called(x):
    return x + {}
"""


def test_a_kernel_is_compiled_anew_when_one_that_it_calls_has_changed(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    shutil.copy(FILE, tmp_path / "numba_compiled.py")
    (tmp_path / "caller.py").write_text(CALLER)

    def line(number: int) -> str:
        text = CALLED.format(number)
        if not (tmp_path / "called.py").is_file() or (tmp_path / "called.py").read_text() != text:
            (tmp_path / "called.py").write_text(text)
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
        words = [sys.executable, "-W", "error", str(tmp_path / "caller.py")]
        return subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    assert [line(1), line(1), line(20), line(20)] == ["8 0", "8 1", "46 0", "46 1"]
