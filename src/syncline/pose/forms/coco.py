"""COCO keypoints in a JSON: as MMPose and AlphaPose write them, and as the data set's own files have them.

Of the COCO data format: an annotation has `image_id`, `keypoints` [x, y, v, ...] (v 0 not labelled, 1 hidden, 2 seen)
or a score instead of v, perhaps `score`. AlphaPose: a list of such, `image_id` a file name like `12.jpg`, `idx`
the number of the person. MMPose: a list of frames, or `instance_info` with one, each with `frame_id` and `instances` of
`keypoints` [[x, y], ...] and `keypoint_scores` [...]; names of joints in `meta_info.keypoint_id2name`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from syncline.errors import SynclineError
from syncline.pose.followed_person import Detections
from syncline.pose.forms.form_reading import MAX_FRAMES, Body, detections, number, numbers, read_json
from syncline.pose.skeleton import Skeleton, skeleton_of

SPARSE = 1000
"""In this many times as many frames as have people, ids are taken for numbers of frames."""


def read(path: Path) -> Detections:
    """The people of one video.

    Raises:
        SynclineError: a file that is none of these.
    """
    value = read_json(path)
    if isinstance(value, dict) and "instance_info" in value:
        return _mmpose(path, value["instance_info"], _mmpose_names(value.get("meta_info")))
    if isinstance(value, dict) and "annotations" in value:
        return _coco(path, value["annotations"], _images(value.get("images")), _coco_names(value.get("categories")))
    if isinstance(value, list) and value and isinstance(value[0], dict) and "instances" in value[0]:
        return _mmpose(path, value, None)
    if isinstance(value, list):
        return _coco(path, value, {}, None)
    raise SynclineError(
        f"{path}: is no keypoint file that is known; expected a list of annotations with image_id and keypoints, "
        "MMPose's instance_info, or COCO's annotations"
    )


def _coco(path: Path, annotations: Any, order: dict[object, int], skeleton: Skeleton | None) -> Detections:
    bodies = []
    rows = [row for row in annotations if isinstance(row, dict)] if isinstance(annotations, list) else []
    ids = {_key(row.get("image_id")) for row in rows} - set(order)
    numbered = {key: _frame_of(key) for key in ids}
    known = [frame for frame in numbered.values() if frame is not None]
    # ids that are no numbers of frames (none, one twice, as large as those of a data set) are counted in their order
    if len(set(known)) < len(ids) or max(known, default=0) > SPARSE * len(ids) + SPARSE:
        numbered = {key: i for i, key in enumerate(sorted(ids, key=str))}
    order = order | {key: frame for key, frame in numbered.items() if frame is not None}
    for row in rows:
        if not row.get("keypoints"):
            continue
        flat = numbers(path, row["keypoints"], 3)
        sure = flat[:, 2]
        flagged = np.isin(sure, (0.0, 1.0, 2.0)).all() and "idx" not in row
        confidence = np.where(sure > 0, 1.0, 0.0) if flagged else sure
        positions = np.where(sure[:, None] > 0, flat[:, :2], np.nan)
        given = row.get("idx", row.get("track_id", -1))
        while isinstance(given, list):  # AlphaPose has [0.0], and [[0.0], [0.0]] where it made one of two
            given = given[0] if given else -1
        track = int(given) if isinstance(given, int | float) and 0 <= given < 1 << 31 else -1
        bodies.append(Body(order[_key(row.get("image_id"))], positions, confidence, track))
    return detections(path, bodies, max(order.values(), default=-1) + 1, skeleton)


def _key(value: object) -> object:
    """Something that can be looked up by: an id as the file has it, or its text."""
    return value if isinstance(value, int | str) and not isinstance(value, bool) else str(value)


def _frame_of(key: object) -> int | None:
    """The number of a frame: the id itself, or the last number in a file's name."""
    if isinstance(key, int):
        return key if 0 <= key < MAX_FRAMES else None
    found = re.findall(r"[0-9]{1,9}", Path(str(key)).stem)
    return int(found[-1]) if found and int(found[-1]) < MAX_FRAMES else None


def _images(images: Any) -> dict[object, int]:
    """Frame of each picture's id: by its `frame_id` or in the order of the file names."""
    if not isinstance(images, list):
        return {}
    rows = [row for row in images if isinstance(row, dict) and "id" in row]
    given = [row.get("frame_id") for row in rows]
    if rows and all(isinstance(frame, int) and 0 <= frame < MAX_FRAMES for frame in given):
        return {_key(row["id"]): int(row["frame_id"]) for row in rows}
    rows.sort(key=lambda row: [int(part) if part.isdecimal() else part for part in
                               re.split("([0-9]{1,15})", str(row.get("file_name", row["id"])))])  # fmt: skip
    return {_key(row["id"]): i for i, row in enumerate(rows)}


def _coco_names(categories: Any) -> Skeleton | None:
    category = categories[0] if isinstance(categories, list) and categories else None
    names = category.get("keypoints") if isinstance(category, dict) else None
    if not isinstance(names, list) or not names:
        return None
    return skeleton_of([str(name) for name in names])


def _mmpose(path: Path, frames: Any, skeleton: Skeleton | None) -> Detections:
    if not isinstance(frames, list):
        raise SynclineError(f"{path}: instance_info must be a list of frames")
    rows = [row for row in frames if isinstance(row, dict)]
    ids = [row.get("frame_id", i) for i, row in enumerate(rows)]
    ids = [frame if isinstance(frame, int) and 0 <= frame < MAX_FRAMES else i for i, frame in enumerate(ids)]
    first = min(1, min(ids, default=0))  # MMPose counts frames from 1
    bodies = []
    for frame, row in zip(ids, rows, strict=True):
        instances = row.get("instances")
        for person in instances if isinstance(instances, list) else []:
            if not isinstance(person, dict) or not person.get("keypoints"):
                continue
            points = person["keypoints"]
            if not isinstance(points, list) or not all(
                isinstance(point, list) and len(point) in (2, 3) for point in points
            ):
                raise SynclineError(f"{path}: keypoints of an instance must be a list of [x, y]")
            if len({len(point) for point in points}) > 1:
                raise SynclineError(f"{path}: keypoints of an instance with 2 and with 3 numbers")
            positions = np.array([[number(path, value) for value in point] for point in points], np.float64)
            scores = person.get("keypoint_scores")
            if not isinstance(scores, list) or len(scores) != len(points):
                raise SynclineError(f"{path}: an instance needs as many keypoint_scores as keypoints")
            given = person.get("track_id", -1)
            track = given if isinstance(given, int) and 0 <= given < 1 << 31 else -1
            bodies.append(Body(frame - first, positions, np.array([number(path, s) for s in scores]), track))
    return detections(path, bodies, max(ids, default=-1) + 1 - first, skeleton)


def _mmpose_names(meta: Any) -> Skeleton | None:
    names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if not isinstance(names, dict) or not names:
        return None
    try:
        ordered = [str(names[key]) for key in sorted(names, key=int)]
    except (TypeError, ValueError):
        return None
    return skeleton_of(ordered)
