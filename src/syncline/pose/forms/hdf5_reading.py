"""Opens HDF5 files safely: errors of h5py become `SynclineError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from syncline.errors import SynclineError


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Opens an HDF5 file.

    Raises:
        SynclineError: h5py is not installed, the file is no HDF5, or the block found something else in it.
    """
    try:
        import h5py
    except ImportError as error:
        raise SynclineError(f"{path} needs h5py; pip install 'syncline[keypoints]'") from error
    try:
        with h5py.File(path, "r") as file:
            yield file
    except SynclineError:
        raise
    except Exception as error:  # damaged files raise nearly every type there is
        said = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise SynclineError(f"{path}: is no keypoint file that can be read ({said})") from error


def words(value: Any) -> str:
    """Text of an attribute or data set, which HDF5 has as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
