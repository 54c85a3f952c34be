"""OpenPose: a folder with one JSON a frame, `<video>_000000000012_keypoints.json`.

Of its output format (`doc/02_output.md`): `people`, a list; of each `pose_keypoints_2d` (or `_3d`), x, y, (z,) c for
each joint in a row, 0, 0, 0 where it is not seen; `person_id`, [-1] without tracking.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from pathlib import Path

import numpy as np

from syncline.errors import SynclineError
from syncline.pose.followed_person import Detections
from syncline.pose.forms.form_reading import Body, detections, numbers, read_json
from syncline.wording import counted

_log = logging.getLogger(__name__)

ENDING = "_keypoints.json"


def is_folder_of(path: Path) -> bool:
    """Whether a folder holds files of this form."""
    return path.is_dir() and bool(stems(path))


def stems(folder: Path) -> list[str]:
    """Names of the videos whose frames a folder holds."""
    return sorted({stem for _, stem, _ in _frames(folder)})


def read(folder: Path, stem: str | None = None) -> Detections:
    """The people of one video.

    Args:
        stem: of the video, where the folder holds several; None for all its files.

    Raises:
        SynclineError: no file that is of this form. Where some are, the others are missing frames, with a warning.
    """
    bodies: list[Body] = []
    last = -1
    damaged: list[SynclineError] = []
    for path, name, frame in _frames(folder):
        if stem is not None and name != stem:
            continue
        last = max(last, frame)
        try:
            bodies += _people(path, frame)
        except SynclineError as error:
            damaged.append(error)
    usual = Counter(body.positions.shape for body in bodies).most_common(1)
    odd = [body for body in bodies if body.positions.shape != usual[0][0]]
    damaged += [SynclineError(f"{folder}: frame {body.frame} has another number of joints") for body in odd]
    if damaged and not usual:
        raise damaged[0]
    if damaged:
        _log.warning("%s: %s left out; the first: %s", folder, counted(len(damaged), "damaged frame"), damaged[0])
    return detections(folder, [body for body in bodies if body.positions.shape == usual[0][0]], last + 1)


def _people(path: Path, frame: int) -> list[Body]:
    """The people of one frame."""
    value = read_json(path)
    people = value.get("people") if isinstance(value, dict) else None
    found = [_body(path, frame, person) for person in (people if isinstance(people, list) else [])]
    return [body for body in found if body is not None]


def _frames(folder: Path) -> list[tuple[Path, str, int]]:
    """The files of a folder, each with the name of its video and the number of its frame, which counts from 0."""
    found = ((path, re.fullmatch(r"(.*?)_?([0-9]{1,15})", path.name.removesuffix(ENDING)))
             for path in sorted(folder.glob(f"*{ENDING}")))  # fmt: skip
    return [(path, parts[1], int(parts[2])) for path, parts in found if parts]


def _body(path: Path, frame: int, person: object) -> Body | None:
    if not isinstance(person, dict):
        return None
    flat, width = person.get("pose_keypoints_2d"), 3
    if not flat:
        flat, width = person.get("pose_keypoints_3d"), 4
    if not flat:
        return None
    rows = numbers(path, flat, width)
    seen = rows[:, -1] > 0
    positions = np.where(seen[:, None], rows[:, :-1], np.nan)
    given = person.get("person_id", -1)
    given = given[0] if isinstance(given, list) and given else given
    track = given if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 1 << 31 else -1
    return Body(frame, positions, rows[:, -1], track)
