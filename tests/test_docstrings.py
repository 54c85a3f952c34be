"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import pkgutil
from pathlib import Path

import pytest

import syncline

MODULES = [
    module.name for module in pkgutil.walk_packages(syncline.__path__, "syncline.") if "__main__" not in module.name
]


NEEDS = {
    "syncline.alignment.soft_smith_waterman.triton_kernel": "triton"
}  # which PyTorch brings with CUDA only, and for Linux only


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
        pytest.skip(f"no {NEEDS[name]} here")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_old_names_of_modules_have_the_names_that_are_there_alone() -> None:
    """Whatever looks a module over (pytest asks for ``pytestmark``) gets an AttributeError and no warning."""
    for name in ("label_files", "label_track"):
        assert not hasattr(importlib.import_module(f"syncline.data.{name}"), "pytestmark")
