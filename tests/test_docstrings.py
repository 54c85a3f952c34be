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


@pytest.mark.parametrize(
    ("old", "names"),
    [
        ("label_track", ("LabelTrack", "attach_labels", "labels_to_phases", "with_names")),
        ("label_files", ("read_labels", "write_labels", "FORMS")),
    ],
)
def test_old_names_of_modules_give_what_they_gave(old: str, names: tuple[str, ...]) -> None:
    """And not a module of the same name."""
    module = importlib.import_module(f"syncline.data.{old}")
    for name in names:
        with pytest.warns(DeprecationWarning, match=f"syncline.data.{old} is now"):
            assert callable(getattr(module, name)) or name == "FORMS"
