"""Writes files atomically (the old one whole, or the new one whole), and JSONL that survives a kill."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from syncline.errors import SynclineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HASHED_BYTES = 1 << 20
_PART = ".part"


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives the path of a new file beside ``path``, which takes its place when the block ends without an error.

    Whatever happens in between (an exception, a full disk, a kill), ``path`` holds its old content. The parent
    folder is made. The temporary name keeps the suffix of ``path``, because writers choose the format by it.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.stem[:40]}-", suffix=f"{_PART}{target.suffix}", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        os.replace(temporary, target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number and type(error).__name__ == "SafetensorError":  # an error of the system in the words of Rust
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(target)) from error
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:
            error.filename = str(target)
        raise


def holds_files(folder: str | os.PathLike[str]) -> bool:
    """Whether there is anything in a folder but what a kill left of the temporary files of `replacing`.

    A folder that does not exist holds nothing.
    """
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        return any(not (entry.name.startswith(".") and Path(entry.name).stem.endswith(_PART)) for entry in entries)
    return False


def lock(file: BinaryIO) -> bool:
    """Takes ``file`` for this process alone until it is closed; False where another has it.

    The system lets go of it when the process ends, however it ends.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(1 << 20)  # a byte that nobody reads: locked bytes cannot be read on Windows
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes ``text`` as UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes ``value`` as indented JSON (no NaN: ``null`` must be chosen by the caller), whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def append_jsonl(path: str | os.PathLike[str], values: Iterable[Any]) -> None:
    """Adds a line of JSON for each value and waits until they are on the disk. The file is made if need be.

    Half a line that a kill has left at the end is cut off first. Where the disk is full, the file is as it was.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n" for value in values)
    with open(target, "ab+") as file:
        _end_with_a_whole_line(file)
        before = file.seek(0, os.SEEK_END)
        try:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(target, before)
            raise


def read_jsonl(path: str | os.PathLike[str], *, strict: bool = False) -> list[dict[str, Any]]:
    """The objects of a JSONL file, in order; [] where there is no file.

    Older lines may be compressed, in a file of this name with ``.xz`` behind it: they come first. Half a line that a
    kill has left is passed over, at the end and in the middle.

    Raises:
        SynclineError: with ``strict``, where a line other than the last is no JSON object; a damaged ``.xz``.
    """
    found = _packed(Path(f"{os.fspath(path)}.xz"))
    try:
        *lines, rest = Path(path).read_bytes().split(b"\n")
    except FileNotFoundError:
        return found
    for number, line in enumerate(lines, start=1):
        value = _object(line)
        if value is not None:
            found.append(value)
        elif strict and line.strip():
            raise SynclineError(f"{path}, line {number}: expected a JSON object; remove the line, or the file")
    last = _object(rest)  # whole, but for its line break: written by hand
    return found if last is None else [*found, last]


def last_of_jsonl(path: str | os.PathLike[str], *, within: int = 1 << 13) -> dict[str, Any] | None:
    """The last whole object among the last ``within`` bytes of a JSONL file that may be growing; None without one."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - within))
            lines = file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return None
    return next((value for line in reversed(lines) if (value := _object(line)) is not None), None)


def _packed(path: Path) -> list[dict[str, Any]]:
    """The objects of a compressed JSONL file; [] where there is none."""
    if not path.is_file():
        return []
    import lzma  # some Pythons are built without it

    try:
        lines = lzma.decompress(path.read_bytes()).splitlines()
    except lzma.LZMAError as error:
        raise SynclineError(f"{path}: expected JSON lines compressed by xz ({error})") from None
    return [value for line in lines if (value := _object(line)) is not None]


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:  # UnicodeDecodeError is one
        return None
    return value if isinstance(value, dict) else None


def _end_with_a_whole_line(file: BinaryIO) -> None:
    """Cuts off half a last line; a whole one gets the line break that it lacks."""
    size = file.seek(0, os.SEEK_END)
    start, tail = size, b""
    while start > 0 and b"\n" not in tail:
        begin = max(0, start - (1 << 16))
        file.seek(begin)
        tail, start = file.read(start - begin) + tail, begin
    rest = tail[tail.rfind(b"\n") + 1 :]
    if _object(rest) is not None:
        file.write(b"\n")
    elif rest:
        file.truncate(size - len(rest))


def mapped(path: str | os.PathLike[str], dtype: Any, shape: tuple[int, ...], *, offset: int = 0) -> NDArray[Any]:
    """A read-only array in a file, read from disk on access.

    Unlike numpy's memory maps it keeps no file open: a folder may have more videos than a process may open files, of
    which many machines allow 256 or 1,024.

    Raises:
        OSError: no such file, or it is shorter than the array.
    """
    import numpy as np
    import torch

    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    if not size:  # nothing can be mapped
        return np.zeros(shape, kind)
    try:
        whole = torch.from_file(os.fspath(path), shared=False, size=offset + size, dtype=torch.uint8)
    except RuntimeError as error:
        raise OSError(str(error)) from error
    found: NDArray[Any] = whole.numpy()[offset:].view(kind).reshape(shape)
    found.flags.writeable = False
    return found


def cache_folder() -> Path:
    """The folder of everything that can be computed again: ``SYNCLINE_CACHE``, or the user's own cache folder."""
    named = os.environ.get("SYNCLINE_CACHE")
    if named:
        return Path(named).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "syncline"


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a whole file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_hash(path: str | os.PathLike[str]) -> str:
    """A hash that tells files of videos apart without reading gigabytes: size, first, middle and last mebibyte.

    32 hexadecimal digits. Any change of length, header, index or tail changes it; a change that keeps the size
    and touches only bytes outside the three mebibytes does not. Of a folder (of frames): the names and sizes of its
    files, and the content of the first, the middle and the last.
    """
    if os.path.isdir(path):
        return _folder_hash(path)
    size = os.path.getsize(path)
    digest = hashlib.sha256(str(size).encode())
    with open(path, "rb") as file:
        for start in sorted({0, max(0, size // 2 - _HASHED_BYTES // 2), max(0, size - _HASHED_BYTES)}):
            file.seek(start)
            digest.update(file.read(_HASHED_BYTES))
    return digest.hexdigest()[:32]


def content_of(path: Path) -> str:
    """``content_hash`` of a video.

    Raises:
        SynclineError: the file is gone or cannot be read.
    """
    try:
        return content_hash(path)
    except OSError as error:
        raise SynclineError(f"{path} cannot be read ({error.strerror})") from error


def _folder_hash(path: str | os.PathLike[str]) -> str:
    with os.scandir(path) as entries:
        files = sorted((entry.name, entry.stat().st_size) for entry in entries if entry.is_file())
    digest = hashlib.sha256(json.dumps(files).encode())
    for number in sorted({0, len(files) // 2, len(files) - 1}) if files else []:
        digest.update(content_hash(os.path.join(path, files[number][0])).encode())
    return digest.hexdigest()[:32]
