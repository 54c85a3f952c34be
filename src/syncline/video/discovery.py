"""Finds the videos in a folder, by content and not by suffix, and says what is left out and why.

A file with a video's suffix counts as a video even if it is damaged, because it is meant to be one; reading it then
reports what is wrong. A file with another suffix counts if it begins like a container of pictures. A mark file lists
the films that syncline itself wrote, and marks the folders of its results: both are left out, so that the results of
one verb are not the input of the next.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from syncline.errors import SynclineError
from syncline.files import write_text
from syncline.video.picture_names import PICTURE_SUFFIXES

SUFFIXES = frozenset(
    [
        ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts", ".ts", ".wmv", ".flv",
        ".3gp", ".ogv", ".mjpeg", ".gif", ".hevc", ".h264", ".vob", ".mxf", ".asf", ".f4v", ".divx", ".dv", ".3g2",
        ".mod", ".tod", ".rm", ".rmvb", ".insv", ".qt", ".m2v", ".y4m", ".nut",
    ]
)  # fmt: skip
RESULTS_MARK = ".syncline-results"
"""Name of the file that lists the films that syncline wrote into its folder, one name a line; `*` is all of them."""
_ALL = "*"
_SOUND = frozenset([".wav", ".mp3", ".m4a", ".m4b", ".flac", ".ogg", ".oga", ".opus", ".aac", ".wma", ".mka", ".aif"])
_NO_CONTAINER = frozenset(
    [".txt", ".csv", ".tsv", ".json", ".npy", ".npz", ".srt", ".vtt", ".pdf", ".py", ".md", ".xml"]
)
_STILL_BRANDS = frozenset([b"heic", b"heix", b"heim", b"mif1", b"avif", b"crx ", b"M4A ", b"M4B ", b"M4P ", b"F4A "])
_BEGINNINGS = (
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"FLV\x01",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMV
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
    b"\x06\x0e\x2b\x34\x02\x05\x01\x01",  # MXF
    b".RMF",
    b"YUV4MPEG2",
    b"nut/multimedia container",
    b"DKIF",  # IVF
    b"\x00\x00\x00\x01\x67",
    b"\x00\x00\x00\x01\x27",
    b"\x00\x00\x00\x01\x09",  # bare H.264
    b"\x00\x00\x00\x01\x40\x01",
    b"\x00\x00\x00\x01\x46\x01",  # bare H.265
)
_HEAD = 1024


def find_videos(folder: str | Path, *, aside: Counter[str] | None = None) -> list[Path]:
    """The videos of a folder and its sub-folders, sorted.

    Args:
        folder: hidden files and folders in it are left out.
        aside: counts what is left out, by reason.

    Raises:
        SynclineError: no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise SynclineError(f"{root} is no folder; give a folder of videos")
    return sorted(walk_videos(root, aside=aside))


def walk_videos(root: Path, *, aside: Counter[str] | None = None) -> Iterator[Path]:
    """The same one after the other, so that a caller can begin before a large tree has been walked."""
    counts: Counter[str] = Counter() if aside is None else aside
    for folder, folders, files in os.walk(root):
        hidden = [name for name in folders if name.startswith(".")]
        results = [name for name in folders if is_result_folder(Path(folder) / name)]
        counts["hidden folders"] += len(hidden)
        counts["folders of results"] += len(results)
        folders[:] = sorted(set(folders) - set(hidden) - set(results))
        ours = _ours(Path(folder), files, is_root=Path(folder) == root)
        for name in sorted(files):
            why = _why_not(Path(folder) / name, ours)
            if why is None:
                yield Path(folder) / name
            elif name != RESULTS_MARK:
                counts[why] += 1


def mark_result(path: str | Path) -> None:
    """Note a film as written by syncline, in the mark of its folder."""
    path = Path(path)
    names = written_by_us(path.parent)
    if path.name not in names:
        write_text(path.parent / RESULTS_MARK, "".join(f"{name}\n" for name in sorted({*names, path.name})))


def mark_result_folder(folder: str | Path) -> None:
    """Note a folder as one that syncline made for its results: whatever is in it is no input of a folder above."""
    write_text(Path(folder) / RESULTS_MARK, f"{_ALL}\n")


def is_result_folder(folder: str | Path) -> bool:
    """Whether syncline made this folder for its results."""
    return _ALL in written_by_us(Path(folder))


def written_by_us(folder: Path) -> frozenset[str]:
    """Names of the films in a folder that syncline wrote."""
    try:
        return frozenset((folder / RESULTS_MARK).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError):
        return frozenset()


def told_aside(aside: Counter[str]) -> str:
    """What was left out, in words; empty if nothing was.

    Examples:
        >>> told_aside(Counter({"pictures": 3, "films written by syncline": 2, "hidden files": 0}))
        '3 pictures, 2 films written by syncline'
        >>> told_aside(Counter({"other files": 1}))
        '1 other file'
    """
    one = {why: why.replace("films", "film").removesuffix("s") for why in aside}
    return ", ".join(f"{count} {why if count > 1 else one[why]}" for why, count in aside.most_common() if count)


def _ours(folder: Path, files: list[str], *, is_root: bool) -> frozenset[str]:
    """Our own films there; none where a person gives a folder that holds nothing else."""
    ours = written_by_us(folder) if RESULTS_MARK in files else frozenset()
    others = any(Path(name).suffix.lower() in SUFFIXES for name in files if name not in ours)
    return ours if others or not is_root else frozenset()


def _why_not(path: Path, ours: frozenset[str]) -> str | None:
    """Why a file is no video of the folder; None for one that is."""
    suffix = path.suffix.lower()
    if path.name.startswith("."):
        return "hidden files"
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe, which nobody may ever write into
        return "other files"
    if path.name in ours:
        return "films written by syncline"
    if suffix in PICTURE_SUFFIXES:
        return "pictures"
    if suffix in _SOUND:
        return "sound files"
    if suffix in SUFFIXES:
        return "texts" if suffix in (".ts", ".mod") and _is_text(path) else None
    if suffix not in _NO_CONTAINER and _begins_as_container(_head(path)):
        return None
    return "other files"


def _begins_as_container(head: bytes) -> bool:
    """Whether these first bytes of a file are those of a container of pictures."""
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILL_BRANDS
    if head[4:8] in (b"moov", b"mdat", b"wide", b"pnot") or head.startswith(_BEGINNINGS):
        return True
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    if head[:4] == b"OggS":
        return b"theora" in head or b"OVP80" in head
    # packets of MPEG transport streams, and of those that camcorders write
    return any(len(head) >= 4 * step and set(head[at : 4 * step : step]) == {0x47} for at, step in ((0, 188), (4, 192)))


def _head(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""


def _is_text(path: Path) -> bool:
    """Whether a file holds text: TypeScript, say, which shares a suffix with transport streams."""
    head = _head(path)
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return bool(text) and all(letter.isprintable() or letter in "\r\n\t\f" for letter in text)
