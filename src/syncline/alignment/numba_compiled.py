"""Compiles kernels with numba, or leaves them plain (slow) Python where numba is missing.

A compiled kernel is loaded from disk without the compiler: numba would import everything that it can compile (arrays,
strings, random numbers, scipy), which takes longer than many alignments.

Numba compiles a kernel again when its own file has changed, but not when a file that it calls or takes types from has.
Here, a change of any file of this folder counts.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import io
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

numba: Any = None
NUMBA_MISSING = ""
try:
    numba = importlib.import_module("numba")
except Exception as error:  # a numba too old for this Python or numpy raises more than ImportError
    NUMBA_MISSING = f"numba cannot be imported ({error})"


def compiled(function: Callable[..., Any]) -> Any:
    """A kernel: compiled without the interpreter's lock, cached on disk if it can be; unchanged without numba."""
    if numba is None:
        return function
    try:
        kernel = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # no folder to keep the cache in: an installation nobody may write to
        return numba.njit(nogil=True, error_model="numpy")(function)
    if numba.__version__.startswith(_TRIED):
        files = kernel._cache._cache_file
        files._version = files._version, _sources()  # compared before anything else is read
        _load_without_compiler(kernel)
    return kernel


_TRIED = ("0.68.",)
"""Versions of numba whose insides are known: of others, kernels are loaded by numba's own ways."""


@functools.cache
def _sources() -> str:
    """Changes with every file that kernels are made of."""
    folder = Path(__file__).parent
    found = [(str(path.relative_to(folder)), path.stat()) for path in sorted(folder.rglob("*.py"))]
    return hashlib.sha256(repr([(name, of.st_mtime_ns, of.st_size) for name, of in found]).encode()).hexdigest()


def _load_without_compiler(kernel: Any) -> None:
    """Let a kernel's cache neither prepare the compiler nor import the modules whose functions the kernel calls."""
    from numba.core.runtime import rtsys

    cache, files = kernel._cache, kernel._cache._cache_file

    def load_overload(signature: Any, target: Any) -> Any:
        rtsys.initialize(target)  # all of the compiler that compiled code calls
        with cache._guard_against_spurious_io_errors():
            return cache._load_overload(signature, target)

    def load_data(name: str) -> Any:
        return _WithoutImports(io.BytesIO(Path(files._data_path(name)).read_bytes())).load()

    cache.load_overload, files._load_data = load_overload, load_data


class _WithoutImports(pickle.Unpickler):
    """Reads what numba keeps of a kernel."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numba.core.environment", "_rebuild_env"):
            return _environment
        return super().find_class(module, name)


def _environment(module: str, constants: list[Any], name: str) -> Any:
    """As numba's `_rebuild_env`, with the globals of a module only where it is there: compiled code reads constants."""
    from numba.core.environment import Environment

    found = Environment._memo.get(name)
    if found is None:
        found = Environment(vars(sys.modules[module]) if module in sys.modules else {"__name__": module})
        found.consts[:] = constants
        found.env_name = name
        Environment._memo[name] = found
    return found
