"""Keypoint files written from the descriptions of their forms, for tests and fuzzing; none of the readers is used."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def walk(frames: int, joints: int, *, start: float = 100.0, step: float = 2.0, seed: int = 0) -> Array:
    """(t, j, 2): a body of about 80 pixels that moves to the right and changes its shape a little."""
    rng = np.random.default_rng(seed)
    shape = rng.uniform(-40, 40, size=(1, joints, 2))
    sway = 3 * np.sin(np.arange(frames)[:, None, None] / 4 + rng.uniform(0, 6, size=(1, joints, 2)))
    moved = np.stack([start + step * np.arange(frames), np.full(frames, 120.0)], axis=1)[:, None]
    body: Array = shape + sway + moved
    return body


def write_openpose(folder: Path, stem: str, people: Sequence[Array], *, confidence: float = 0.9) -> None:
    """One JSON a frame; a joint that is NaN is written 0, 0, 0; a person without any joint is not written."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in range(len(people[0])):
        written = []
        for person in people:
            known = np.isfinite(person[frame, :, 0])
            if known.any():
                rows = np.where(known[:, None], person[frame], 0)
                flat = np.column_stack([rows, np.where(known, confidence, 0)]).ravel().tolist()
                written.append({"person_id": [-1], "pose_keypoints_2d": flat, "face_keypoints_2d": []})
        name = folder / f"{stem}_{frame:012d}_keypoints.json"
        name.write_text(json.dumps({"version": 1.3, "people": written}), encoding="utf-8")


def write_alphapose(path: Path, people: Sequence[Array], *, numbered: bool = True) -> None:
    """A list of results, one a person and frame."""
    rows: list[dict[str, Any]] = []
    for frame in range(len(people[0])):
        for number, person in enumerate(people):
            if np.isfinite(person[frame]).any():
                flat = np.column_stack([person[frame], np.full(person.shape[1], 0.8)]).ravel().tolist()
                row = {
                    "image_id": f"{frame}.jpg",
                    "category_id": 1,
                    "keypoints": flat,
                    "score": 2.5,
                    "box": [0, 0, 9, 9],
                }
                rows.append(row | ({"idx": number + 1} if numbered else {}))
    path.write_text(json.dumps(rows), encoding="utf-8")


def write_mmpose(path: Path, people: Sequence[Array], names: Sequence[str] = ()) -> None:
    """``instance_info``, frames counted from 1."""
    frames = []
    for frame in range(len(people[0])):
        there = [person[frame] for person in people if np.isfinite(person[frame]).any()]
        frames.append({
            "frame_id": frame + 1,
            "instances": [{"keypoints": rows.tolist(), "keypoint_scores": [0.7] * len(rows)} for rows in there],
        })  # fmt: skip
    meta = {"keypoint_id2name": {str(i): name for i, name in enumerate(names)}}
    path.write_text(json.dumps({"meta_info": meta, "instance_info": frames}), encoding="utf-8")


def write_coco(path: Path, people: Sequence[Array], names: Sequence[str]) -> None:
    """The data set's own form: images, annotations with visibility flags, one category."""
    images = [{"id": 900000 + 7 * frame, "file_name": f"{frame:06d}.jpg"} for frame in range(len(people[0]))]
    annotations = []
    for frame, image in enumerate(images):
        for person in people:
            known = np.isfinite(person[frame, :, 0])
            rows = np.where(known[:, None], person[frame], 0)
            flat = np.column_stack([rows, np.where(known, 2, 0)]).ravel().tolist()
            annotations.append({"id": len(annotations), "image_id": image["id"], "category_id": 1, "keypoints": flat})
    value = {
        "images": images, "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": list(names), "skeleton": []}],
    }  # fmt: skip
    path.write_text(json.dumps(value), encoding="utf-8")


def deeplabcut_columns(parts: Sequence[str], individuals: Sequence[str]) -> list[tuple[str, ...]]:
    """Names of the columns: scorer, (individual,) body part, coordinate."""
    return [
        ("DLC_net", *((who,) if who else ()), part, coordinate)
        for who in individuals or [""]
        for part in parts
        for coordinate in ("x", "y", "likelihood")
    ]


def deeplabcut_values(people: Sequence[Array], likelihood: float = 0.95) -> Array:
    """(t, columns) in the order of ``deeplabcut_columns``."""
    parts = [np.concatenate([person, np.full((*person.shape[:2], 1), likelihood)], axis=2) for person in people]
    table: Array = np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
    return table


def write_deeplabcut_csv(
    path: Path, people: Sequence[Array], parts: Sequence[str], individuals: Sequence[str] = ()
) -> None:
    """Three or four lines of heads, then a row a frame with its number first."""
    columns = deeplabcut_columns(parts, individuals)
    heads = ["scorer", *(["individuals"] if individuals else []), "bodyparts", "coords"]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for level, head in enumerate(heads):
            writer.writerow([head, *(column[level] for column in columns)])
        for frame, row in enumerate(deeplabcut_values(people)):
            writer.writerow([frame, *("" if np.isnan(value) else repr(float(value)) for value in row)])


def write_deeplabcut_h5(
    path: Path, people: Sequence[Array], parts: Sequence[str], individuals: Sequence[str] = (), *, fixed: bool = False
) -> None:
    """As pandas lays a frame out: a compound table whose columns are named by a pickled list, or plain blocks."""
    import h5py

    columns = deeplabcut_columns(parts, individuals)
    values = deeplabcut_values(people)
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        if fixed:
            group.attrs["pandas_type"] = np.bytes_("frame")
            group["axis1"] = np.arange(len(values))
            group["block0_values"] = values
            for level in range(len(columns[0])):
                names = list(dict.fromkeys(column[level] for column in columns))
                group[f"block0_items_level{level}"] = np.array(names, "S")
                group[f"block0_items_label{level}"] = np.array([names.index(c[level]) for c in columns], np.int8)
            return
        group.attrs["pandas_type"] = np.bytes_("frame_table")
        kind = np.dtype([("index", "<i8"), ("values_block_0", "<f8", (values.shape[1],))])
        table = np.zeros(len(values), kind)
        table["index"], table["values_block_0"] = np.arange(len(values)), values
        group["table"] = table
        group["table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(columns, protocol=0))


def write_sleap_analysis(path: Path, people: Sequence[Array], names: Sequence[str], *, turned: bool = False) -> None:
    """``tracks`` (tracks, 2, nodes, frames), or the other way round, and what goes with it."""
    import h5py

    tracks = np.stack(people).transpose(0, 3, 2, 1)
    scores = np.where(np.isfinite(tracks[:, 0]), 0.85, np.nan)
    with h5py.File(path, "w") as file:
        file["tracks"] = tracks.T if turned else tracks
        file["point_scores"] = scores.T if turned else scores
        file["node_names"] = np.array(list(names), "S")
        file["edge_inds"] = np.array([[i, i + 1] for i in range(len(names) - 1)])
        file["track_names"] = np.array([f"track_{i}" for i in range(len(people))], "S")


def write_sleap_project(path: Path, people: Sequence[Array], names: Sequence[str], *, video: str = "a.mp4") -> None:
    """``frames``, ``instances``, ``pred_points`` and the skeleton as JSON; a frame's first body is predicted."""
    import h5py

    frames, instances, points = [], [], []
    for frame in range(len(people[0])):
        first = len(instances)
        for number, person in enumerate(people):
            known = np.isfinite(person[frame, :, 0])
            if known.any():
                start = len(points)
                points += [(*row, there, False, 0.9) for row, there in zip(person[frame], known, strict=True)]
                instances.append((len(instances), 1, len(frames), 0, number, -1, 0.9, start, len(points)))
        frames.append((len(frames), 0, frame, first, len(instances)))
    links = [
        {"key": 0, "source": i, "target": i + 1, "type": {"py/reduce": [{"py/type": "EdgeType"}, {"py/tuple": [1]}]}}
        for i in range(len(names) - 1)
    ]
    skeleton = {
        "directed": True,
        "graph": {"name": "s"},
        "links": links,
        "nodes": [{"id": i} for i in range(len(names))],
    }
    value = {"version": "2.0.0", "skeletons": [skeleton], "nodes": [{"name": name, "weight": 1.0} for name in names]}
    with h5py.File(path, "w") as file:
        file.create_group("metadata").attrs["json"] = np.bytes_(json.dumps(value))
        file["frames"] = np.array(frames, [("frame_id", "<u8"), ("video", "<u4"), ("frame_idx", "<u8"),
                                           ("instance_id_start", "<u8"), ("instance_id_end", "<u8")])  # fmt: skip
        file["instances"] = np.array(instances, [
            ("instance_id", "<i8"), ("instance_type", "u1"), ("frame_id", "<u8"), ("skeleton", "<u4"), ("track", "<i4"),
            ("from_predicted", "<i8"), ("score", "<f4"), ("point_id_start", "<u8"), ("point_id_end", "<u8"),
        ])  # fmt: skip
        file["pred_points"] = np.array(points, [("x", "<f8"), ("y", "<f8"), ("visible", "?"), ("complete", "?"),
                                                ("score", "<f8")])  # fmt: skip
        file["points"] = np.zeros(0, [("x", "<f8"), ("y", "<f8"), ("visible", "?"), ("complete", "?")])
        file["videos_json"] = np.array([json.dumps({"filename": video})], "S")
