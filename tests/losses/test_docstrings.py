"""The examples in the docstrings of losses run; the room imports without video libraries."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import syncline.losses

MODULES = [module.name for module in pkgutil.iter_modules(syncline.losses.__path__, "syncline.losses.")]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
