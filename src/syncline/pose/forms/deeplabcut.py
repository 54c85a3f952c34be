"""DeepLabCut: a table with a row a frame, `.csv` or `.h5`; columns scorer, (individuals,) bodyparts, coords.

The coords of a body part are x, y, (z,) likelihood; of several animals each is an individual. The `.h5` is pandas' and
is read without unpickling, in both forms that pandas writes (`table` and `fixed`).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.data.published.restricted_pickle import parse_pickle
from syncline.errors import SynclineError
from syncline.pose.followed_person import Detections
from syncline.pose.forms.form_reading import MAX_BYTES, MAX_FRAMES, MOST_NUMBERS
from syncline.pose.forms.hdf5_reading import opened, words
from syncline.pose.skeleton import skeleton_of

HEADS = ("scorer", "individuals", "bodyparts", "coords")
MOST_COLUMNS = 100_000
UNIQUE = "single"


def read_csv(path: Path) -> Detections:
    """The bodies of a `.csv`.

    Raises:
        SynclineError: a table of another kind.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SynclineError(f"{path}: larger than {MAX_BYTES >> 30} GiB")
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise SynclineError(f"{path}: cannot be read as a table ({str(error)[:80]})") from error
    heads: dict[str, list[str]] = {}
    while rows and rows[0] and rows[0][0] in HEADS:
        row = rows.pop(0)
        heads[row[0]] = row[1:]
    if "bodyparts" not in heads or "coords" not in heads or len({len(row) for row in heads.values()}) != 1:
        raise SynclineError(
            f"{path}: is no table of DeepLabCut; expected rows scorer, bodyparts and coords at its head"
        )
    width = len(heads["coords"])
    individuals = heads.get("individuals", [""] * width)
    columns = list(zip(individuals, heads["bodyparts"], heads["coords"], strict=True))
    values = np.full((len(rows), width), np.nan)
    frames = np.arange(len(rows))
    for i, row in enumerate(rows):
        if len(row) != width + 1:
            raise SynclineError(f"{path}: line {i + len(heads) + 1} has {len(row)} fields, expected {width + 1}")
        frames[i] = int(row[0]) if row[0].isdecimal() and len(row[0]) < 9 else i
        values[i] = [_number(path, field) for field in row[1:]]
    return _bodies(path, columns, values, frames)


def read_h5(path: Path) -> Detections:
    """The bodies of an `.h5`.

    Raises:
        SynclineError: a file of another kind, or h5py is not installed.
    """
    with opened(path) as file:
        names = [name for name in file if "pandas_type" in file[name].attrs]
        if not names:
            raise SynclineError(f"{path}: holds no table of DeepLabCut and no tracks of SLEAP")
        group = file[names[0]]
        if "table" in group:
            table = group["table"]
            kind = words(table.attrs["values_block_0_kind"])
            tuples = parse_pickle(kind.encode("latin1"), said=str(path))
            if table.size > MAX_FRAMES:
                raise SynclineError(f"{path}: more than {MAX_FRAMES} rows")
            content = table[()]
            return _bodies(path, _columns(path, tuples), np.asarray(content["values_block_0"], float),
                           np.asarray(content["index"]))  # fmt: skip
        values = group["block0_values"]
        if values.size > MOST_NUMBERS:
            raise SynclineError(f"{path}: more than {MOST_NUMBERS} numbers")
        levels: list[list[str]] = []
        while f"block0_items_level{len(levels)}" in group:
            text = [words(word) for word in group[f"block0_items_level{len(levels)}"][()]]
            levels.append([text[label] for label in group[f"block0_items_label{len(levels)}"][()]])
        index = group["axis1"][()] if "axis1" in group else np.arange(len(values))
        return _bodies(path, _columns(path, list(zip(*levels, strict=True))), np.asarray(values[()], float), index)


def _columns(path: Path, tuples: Any) -> list[tuple[str, str, str]]:
    """(individual, body part, coordinate) of each column."""
    if not isinstance(tuples, list) or not all(isinstance(t, tuple) and len(t) in (3, 4) for t in tuples):
        raise SynclineError(f"{path}: columns are not named by scorer, bodypart and coordinate")
    return [("" if len(t) == 3 else str(t[1]), str(t[-2]), str(t[-1])) for t in tuples]


def _number(path: Path, field: str) -> float:
    try:
        return float(field) if field.strip() else np.nan
    except ValueError as error:
        raise SynclineError(f"{path}: {field[:40]!r} where a number was expected") from error


def _bodies(
    path: Path, columns: Sequence[tuple[str, str, str]], values: NDArray[np.float64], index: NDArray[Any]
) -> Detections:
    if values.ndim != 2 or values.shape[1] != len(columns) or not columns or len(columns) > MOST_COLUMNS:
        raise SynclineError(f"{path}: {len(columns)} names of columns for values {values.shape}")
    several = len({individual for individual, _, _ in columns}) > 1
    if several:  # what there is once (the corners of a box) is a body part of an "individual" of that name
        kept = [i for i, (individual, _, _) in enumerate(columns) if individual != UNIQUE]
        columns, values = [columns[i] for i in kept], values[:, kept]
    column_of = {column: i for i, column in enumerate(columns)}
    individuals = list(dict.fromkeys(individual for individual, _, _ in columns))
    parts = list(dict.fromkeys(part for _, part, _ in columns))
    axes = ["x", "y", "z"] if any(coordinate == "z" for _, _, coordinate in columns) else ["x", "y"]
    numbered = index.dtype.kind in "iu" and (index >= 0).all() and (index < MAX_FRAMES).all()
    frames = index.astype(np.int64) if numbered else np.arange(len(values))
    nowhere = np.full(len(values), np.nan)
    positions, confidence, numbers = [], [], []
    for number, individual in enumerate(individuals):

        def column(part: str, coordinate: str, individual: str = individual) -> NDArray[np.float64]:
            at = column_of.get((individual, part, coordinate))
            return nowhere if at is None else values[:, at]

        with np.errstate(over="ignore", invalid="ignore"):
            own = np.stack([np.stack([column(p, c) for c in axes], axis=1) for p in parts], axis=1).astype(np.float32)
        likely = "likelihood" in {coordinate for _, _, coordinate in columns}
        sure = np.stack([column(p, "likelihood") if likely else np.ones(len(values)) for p in parts], axis=1)
        own[~np.isfinite(own).all(axis=2)] = np.nan
        positions.append(own)
        confidence.append(np.where(np.isfinite(own[:, :, 0]) & np.isfinite(sure), sure, 0).clip(0, 1))
        numbers.append(np.full(len(values), number))
    together = np.concatenate(positions)
    there = np.isfinite(together[:, :, 0]).any(axis=1)
    return Detections(
        frames=np.tile(frames, len(individuals))[there], positions=together[there],
        confidence=np.concatenate(confidence)[there].astype(np.float32), tracks=np.concatenate(numbers)[there],
        num_frames=int(frames.max(initial=-1)) + 1, skeleton=skeleton_of(parts),
    )  # fmt: skip
