"""Pins, moments given as the same by a person: reads them from a table and checks them against each other."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.video.on_display import nearest_frame

COLUMNS = ("video_a", "seconds_a", "video_b", "seconds_b")


@dataclass(frozen=True)
class Pin:
    """A moment of one video that is the same as a moment of another.

    Attributes:
        video_a, video_b: names. seconds_a, seconds_b: on each video's own time. row: where it was said, for errors.
    """

    video_a: str
    seconds_a: float
    video_b: str
    seconds_b: float
    row: str = "a pin"


def read_pins(path: Path) -> list[Pin]:
    """Pins of a CSV with the columns video_a, seconds_a, video_b, seconds_b.

    Raises:
        SynclineError: a file that cannot be read, a missing column, or a row without a number (it names the row).
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise SynclineError(
                    f"{path} has no column {missing[0]}; pins are a CSV with the columns {', '.join(COLUMNS)}"
                )
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SynclineError(f"{path} cannot be read as a CSV of pins ({error})") from error
    pins = []
    for number, row in enumerate(rows, start=2):
        where = f"row {number} of {path.name}"
        try:
            a, b = float(row["seconds_a"]), float(row["seconds_b"])
        except (TypeError, ValueError) as error:
            raise SynclineError(
                f"{where}: seconds must be numbers, got {row['seconds_a']}, {row['seconds_b']}"
            ) from error
        pins.append(Pin(row["video_a"], a, row["video_b"], b, where))
    return pins


def pinned_frames(
    pins: Sequence[Pin], embeddings: Sequence[Embedding], index: Callable[[str], int]
) -> dict[tuple[int, int], NDArray[np.int64]]:
    """Pins as `Consensus` takes them: (i, j) with i < j -> (k, 2) frames, and what pins imply together (a-b and b-c
    give a-c).

    Args:
        pins: in the order in which they were said; the later of two that contradict each other is refused.
        embeddings: whose frames are meant; a moment goes to the nearest sampled frame.
        index: name of a video -> its number in `embeddings`, raising SynclineError for a name that is none.

    Raises:
        SynclineError: an unknown video, a video pinned to itself, a time outside a film, or pins that contradict or
            cross each other; it names the row.
    """
    groups: dict[tuple[int, int], dict[int, int]] = {}  # (video, frame) -> video -> frame of all that belong to it
    for pin in pins:
        a = _frame(pin, pin.video_a, pin.seconds_a, embeddings, index)
        b = _frame(pin, pin.video_b, pin.seconds_b, embeddings, index)
        if a[0] == b[0]:
            raise SynclineError(f"{pin.row}: both moments are of {pin.video_a}; a pin joins two videos")
        one, other = groups.get(a, {a[0]: a[1]}), groups.get(b, {b[0]: b[1]})
        for video in one.keys() & other.keys():
            if one[video] != other[video]:
                times = [float(embeddings[video].pts_seconds[side[video]]) for side in (one, other)]
                raise SynclineError(
                    f"{pin.row} contradicts earlier pins: with it the moments {times[0]:.3f} s and {times[1]:.3f} s of "
                    f"{embeddings[video].source} would be the same; take one of them out"
                )
        joined = one | other
        _refuse_crossing(
            pin, joined, {id(g): g for g in groups.values() if g is not one and g is not other}, embeddings
        )
        for moment in joined.items():
            groups[moment] = joined
    return _by_pairs({id(group): group for group in groups.values()})


def _frame(
    pin: Pin, name: str, seconds: float, embeddings: Sequence[Embedding], index: Callable[[str], int]
) -> tuple[int, int]:
    try:
        video = index(name)
    except SynclineError as error:
        raise SynclineError(f"{pin.row}: {error}") from error
    pts = embeddings[video].pts_seconds
    step = float(np.median(np.diff(pts))) if len(pts) > 1 else 1.0
    if not pts[0] - step <= seconds <= pts[-1] + step:
        raise SynclineError(f"{pin.row}: {seconds} s lies outside {name} ({pts[0]:.2f} to {pts[-1]:.2f} s)")
    return video, nearest_frame(pts, seconds)


def _refuse_crossing(
    pin: Pin, joined: Mapping[int, int], others: Mapping[int, Mapping[int, int]], embeddings: Sequence[Embedding]
) -> None:
    for other in others.values():
        shared = sorted(joined.keys() & other.keys())
        signs = {video: int(np.sign(joined[video] - other[video])) for video in shared}
        if len(set(signs.values())) > 1:
            one, two = shared[0], next(video for video in shared if signs[video] != signs[shared[0]])
            raise SynclineError(
                f"{pin.row} crosses an earlier pin: what comes first in {embeddings[one].source} comes later in "
                f"{embeddings[two].source}; take one of them out"
            )


def _by_pairs(groups: Mapping[int, Mapping[int, int]]) -> dict[tuple[int, int], NDArray[np.int64]]:
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for group in groups.values():
        videos = sorted(group)
        for number, i in enumerate(videos):
            for j in videos[number + 1 :]:
                found.setdefault((i, j), []).append((group[i], group[j]))
    return {pair: np.array(sorted(frames), dtype=np.int64) for pair, frames in found.items()}
