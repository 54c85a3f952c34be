"""SLEAP: `.slp` projects and the `.h5` of its analysis export.

Of its data format: the export has `tracks`, (tracks, 2, nodes, frames) or the axes the other way round, `node_names`,
`edge_inds`, `point_scores`. A project has tables: `frames` (video, frame_idx, first and last instance), `instances`
(instance_type 0 by a person, 1 predicted; track; first and last point), `points` and `pred_points` (x, y, visible,
score), and its skeleton in `metadata` as JSON.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from syncline.errors import SynclineError
from syncline.pose.followed_person import Detections
from syncline.pose.forms.form_reading import MOST_NUMBERS, Body, detections
from syncline.pose.forms.hdf5_reading import opened, words
from syncline.pose.skeleton import Skeleton, skeleton_of

PREDICTED = 1


def is_analysis(path: Path) -> bool:
    """Whether an `.h5` is of SLEAP's export."""
    with opened(path) as file:
        return "tracks" in file and "node_names" in file


def read_analysis(path: Path) -> Detections:
    """The bodies of an export.

    Raises:
        SynclineError: arrays that do not fit each other.
    """
    with opened(path) as file:
        names = [words(name) for name in file["node_names"][()]]
        if file["tracks"].size > MOST_NUMBERS:
            raise SynclineError(f"{path}: more than {MOST_NUMBERS} numbers")
        tracks = np.asarray(file["tracks"][()], dtype=np.float64)
        scores = np.asarray(file["point_scores"][()], dtype=np.float64) if "point_scores" in file else None
        bones = _pairs(file["edge_inds"][()] if "edge_inds" in file else [], len(names))
    if tracks.ndim != 4:
        raise SynclineError(f"{path}: tracks {tracks.shape}; expected (tracks, 2, nodes, frames)")
    if tracks.shape[1:3] != (2, len(names)) and tracks.shape[1:3] == (len(names), 2):
        tracks = tracks.transpose(3, 2, 1, 0)
        scores = None if scores is None else scores.transpose(2, 1, 0)
    if tracks.shape[1:3] != (2, len(names)):
        raise SynclineError(
            f"{path}: tracks {tracks.shape} for {len(names)} nodes; expected (tracks, 2, nodes, frames)"
        )
    if scores is None or scores.shape != (tracks.shape[0], *tracks.shape[2:]):
        scores = np.ones((tracks.shape[0], *tracks.shape[2:]))
    bodies = [
        Body(frame, tracks[track, :, :, frame].T, scores[track, :, frame], track)
        for track in range(tracks.shape[0])
        for frame in np.flatnonzero(np.isfinite(tracks[track, 0]).any(axis=0)).tolist()
    ]
    return detections(path, bodies, tracks.shape[3], skeleton_of(names, bones))


def videos_of(path: Path) -> list[str]:
    """File names of the videos of a project; of pictures that are in the project, the files they were taken from."""
    return [name for name, _ in _videos(path)]


def _videos(path: Path) -> list[tuple[str, int]]:
    """The videos of a project: file name, and the number that `frames` has for it."""
    with opened(path) as file:
        found = []
        for number, text in enumerate(file["videos_json"][()] if "videos_json" in file else []):
            value = json.loads(words(text))
            backend = value.get("backend") or {}
            inside = re.fullmatch("video([0-9]{1,9})/video", str(backend.get("dataset") or value.get("dataset") or ""))
            name = str(value.get("filename") or backend.get("filename", ""))
            if inside:
                number = int(inside[1])
                name = str(_source(file, value, number).get("filename") or name)
            found.append((name, number))
        return found


def _source(file: Any, value: Any, number: int) -> Any:
    """The video that embedded pictures were taken from."""
    if isinstance(value.get("source_video"), dict):
        return value["source_video"]
    group = f"video{number}/source_video"
    source = json.loads(words(file[group].attrs["json"])) if group in file and "json" in file[group].attrs else {}
    return source.get("backend") or source


def read_project(path: Path, stem: str | None = None) -> Detections:
    """The bodies of one video of a project.

    Args:
        stem: of the video's file name, where the project has several.

    Raises:
        SynclineError: tables that do not fit each other, or several videos of which none is this one.
    """
    videos = _videos(path)
    names = [Path(name.replace("\\", "/")).stem for name, _ in videos]
    if stem not in names and len(names) > 1:
        raise SynclineError(f"{path}: is of several videos ({', '.join(names[:4])}), none of which is {stem}")
    wanted = videos[names.index(stem) if stem in names else 0][1] if videos else 0
    with opened(path) as file:
        skeleton = _skeleton(json.loads(words(file["metadata"].attrs["json"])))
        frames, instances = file["frames"][()], file["instances"][()]
        tables = (file["points"][()], file["pred_points"][()])
        bodies: list[Body] = []
        last = -1
        if len(videos) < 2:  # then all are of this one, whatever its number
            wanted = int(frames["video"][0]) if len(frames) else wanted
        for row in frames[frames["video"] == wanted]:
            frame = int(row["frame_idx"])
            last = max(last, frame)
            here = instances[int(row["instance_id_start"]) : int(row["instance_id_end"])]
            corrected = {int(one["from_predicted"]) for one in here if int(one["instance_type"]) != PREDICTED}
            for one in here:
                if int(one["instance_type"]) == PREDICTED and int(one["instance_id"]) in corrected:
                    continue
                bodies.append(_body(path, frame, one, tables, len(skeleton.joints)))
    return detections(path, bodies, last + 1, skeleton)


def _body(path: Path, frame: int, one: Any, tables: tuple[Any, Any], joints: int) -> Body:
    predicted = int(one["instance_type"]) == PREDICTED
    points = tables[1 if predicted else 0][int(one["point_id_start"]) : int(one["point_id_end"])]
    if len(points) != joints:
        raise SynclineError(f"{path}: an instance with {len(points)} points, the skeleton has {joints} nodes")
    positions = np.stack([points["x"], points["y"]], axis=1).astype(np.float64)
    seen = points["visible"] & np.isfinite(positions).all(axis=1)
    sure = points["score"].astype(np.float64) if predicted else np.ones(joints)
    return Body(frame, np.where(seen[:, None], positions, np.nan), np.where(seen, sure, 0), int(one["track"]))


def _skeleton(value: Any) -> Skeleton:
    names = [str(node["name"]) for node in value["nodes"]]
    skeleton = value["skeletons"][0]
    order = [node["id"] for node in skeleton["nodes"]]
    links = [(link["source"], link["target"]) for link in skeleton.get("links", []) if _is_body(link)]
    bones = [(order.index(a), order.index(b)) for a, b in links if a in order and b in order]
    return skeleton_of([names[node] for node in order], bones)


def _is_body(link: Any) -> bool:
    """Links of the second kind say which nodes are mirror images; they are no bones."""
    kind = link.get("type", {})
    return ("py/id" in kind and kind["py/id"] == 1) or ("py/reduce" in kind and kind["py/reduce"][1]["py/tuple"] == [1])


def _pairs(rows: Any, count: int) -> list[tuple[int, int]]:
    pairs = [(int(row[0]), int(row[1])) for row in rows if len(row) == 2]
    return [(a, b) for a, b in pairs if 0 <= a < count and 0 <= b < count]
