"""Results back into a copy of a LeRobot data set (v2.1 and v3.0): subtasks, and columns of frames and episodes.

- Names of the subtasks: `meta/subtasks.parquet`, `subtask` (its index column) and `subtask_index`.
- Subtask of every frame: the column `subtask_index` of the data tables, a feature of `meta/info.json`.
- Stages of every episode, as reward models (SARM) read them: `sparse_subtask_names`, `_start_frames`, `_end_frames`,
  `_start_times`, `_end_times` of the episodes, and `meta/temporal_proportions_sparse.json`.
- Other numbers: columns of the data tables and of the episodes, by name.

The subtask before the first event is called `start`; frames whose subtask is not known are `unknown`. The original is
never written to. Films are linked into the copy where the file system can, otherwise copied.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.data.labels.attach_labels import video_stem
from syncline.data.labels.video_labels import SLACK, LabelTrack, known_frames, known_phases
from syncline.data.published.lerobot import Episode, episode_name, read_episodes
from syncline.errors import SynclineError
from syncline.files import replacing, write_json, write_text

START, UNKNOWN = "start", "unknown"


@dataclass(frozen=True)
class EpisodeResults:
    """The results of one episode.

    Attributes:
        phases: (t,) int64 phase of every row, 0 before the first event, -1 unknown; None without labels.
        frames: (t,) numbers of every row, by the name of their column.
        numbers: one number of the whole episode, by the name of its column.
    """

    phases: NDArray[np.int64] | None = None
    frames: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)


def results_of_tracks(tracks: Sequence[LabelTrack]) -> dict[str, EpisodeResults]:
    """Subtask and `progress` of every frame, and the mean confidence, of the labels of some episodes.

    Progress goes evenly from 0 to 1 over the phases: k / (number of events + 1) where event k happens.

    Args:
        tracks: with the time stamps or lengths of their films; those in which nothing is marked are left out.

    Examples:
        >>> track = LabelTrack("episode_000000", (("grasp", None), ("put", None)), num_frames=7, frames=(2, 4))
        >>> results_of_tracks([track])["episode_000000"].frames["progress"].round(2).tolist()
        [0.0, 0.17, 0.33, 0.5, 0.67, 0.83, 1.0]
    """
    found = {}
    for track in tracks:
        frames = known_frames(track)
        if all(frame is None for frame in frames):
            continue
        phases = known_phases(track)
        knots = {0: 0.0}
        knots |= {frame: (k + 1) / (len(frames) + 1) for k, frame in enumerate(frames) if frame is not None}
        knots.setdefault(len(phases) - 1, 1.0)
        progress = np.interp(np.arange(len(phases)), list(knots), list(knots.values()))
        sure = [value for value in track.confidence or () if value is not None]
        numbers = {"subtask_confidence": float(np.mean(sure))} if sure else {}
        found[video_stem(track.video)] = EpisodeResults(phases, {"progress": progress}, numbers)
    return found


def write_lerobot(
    root: str | Path, out: str | Path, results: Mapping[str, EpisodeResults], *, event_names: Sequence[str] = ()
) -> Path:
    """A copy of a data set with results in its tables.

    Args:
        root: the data set. out: folder of the copy; it must not be there, or be empty.
        results: by the name of the episode (`episode_000003`); others are left without.
        event_names: of the events that part the phases; () writes no subtasks.

    Returns:
        The folder of the copy.

    Raises:
        SynclineError: `out` is not empty or inside `root`, results of no episode, or of another length than its rows.
    """
    root, out = Path(root), Path(out)
    check_copy(root, out)
    info, episodes = read_episodes(root)
    by_name = {episode_name(episode.number): episode for episode in episodes}
    stray = next((name for name in results if name not in by_name), None)
    if stray is not None:
        raise SynclineError(f"{root} has no {stray}, of which there are results")
    rows = {name: _fitted(by_name[name], result) for name, result in results.items()}
    names = (START, *event_names) if event_names else ()
    copy_data_set(root, out)
    v3 = str(info.get("codebase_version", "")).startswith("v3")
    tables = sorted({episode.data for episode in episodes})
    untold = any(_untold(rows.get(name), names) for name in by_name)
    subtasks = (*names, *([UNKNOWN] if untold else [])) if names else ()
    for table in tables:
        own = {e.number: rows.get(episode_name(e.number)) for e in episodes if e.data == table}
        _write_frames(out / table.relative_to(root), own, subtasks)
    stages = {e.number: _stages(rows.get(episode_name(e.number)), names, float(info["fps"])) for e in episodes}
    numbers = {e.number: dict(results.get(episode_name(e.number), EpisodeResults()).numbers) for e in episodes}
    (_write_episodes_3 if v3 else _write_episodes_2)(out, stages, numbers)
    if subtasks:
        _write_subtasks(out, subtasks)
        write_json(out / "meta" / "temporal_proportions_sparse.json", _proportions(list(rows.values()), names))
    columns = sorted({column for result in rows.values() for column in result.frames})
    features = {column: {"dtype": "float32", "shape": [1], "names": None} for column in columns}
    if subtasks:
        features["subtask_index"] = {"dtype": "int64", "shape": [1], "names": None}
    write_json(out / "meta" / "info.json", {**info, "features": {**info["features"], **features}})
    return out


def check_copy(root: Path, out: Path) -> None:
    """Refuse a folder that cannot hold the copy of a data set.

    Raises:
        SynclineError: it lies in the data set, or holds something.
    """
    if out.resolve() == root.resolve() or root.resolve() in out.resolve().parents:
        raise SynclineError(f"{out} lies in the data set {root}, which is never written to; give another folder")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SynclineError(f"{out} is not an empty folder; the copy of {root} needs one of its own")


def copy_data_set(root: Path, out: Path) -> None:
    """All files of a data set: films as links where the file system can, tables as copies."""

    def put(source: str, target: str) -> str:
        if Path(source).suffix == ".mp4":
            try:
                os.link(source, target)
                return target
            except OSError:  # another file system, or one without links
                pass
        return str(shutil.copyfile(source, target))

    shutil.copytree(root, out, copy_function=put, dirs_exist_ok=True)


def _fitted(episode: Episode, result: EpisodeResults) -> EpisodeResults:
    """The results with one entry a row; at most two more or fewer are cut off, or the last repeated."""
    take = np.arange(episode.length)

    def fit(what: str, array: NDArray[Any]) -> NDArray[Any]:
        if array.ndim != 1 or not len(array) or abs(len(array) - episode.length) > SLACK:
            raise SynclineError(
                f"{episode_name(episode.number)}: {what} has shape {array.shape}; expected {episode.length} rows"
            )
        return np.asarray(array[np.minimum(take, len(array) - 1)])

    phases = None if result.phases is None else fit("phases", result.phases).astype(np.int64)
    frames = {name: fit(name, values).astype(np.float64) for name, values in result.frames.items()}
    return EpisodeResults(phases, frames, result.numbers)


def _untold(result: EpisodeResults | None, names: Sequence[str]) -> bool:
    return bool(names) and (result is None or result.phases is None or bool((result.phases < 0).any()))


def _write_frames(path: Path, results: Mapping[int, EpisodeResults | None], subtasks: Sequence[str]) -> None:
    """Add the columns to one data table; rows of episodes without results are NaN, or the subtask `unknown`."""
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(path)
    number = np.asarray(table.column("episode_index").to_numpy(zero_copy_only=False)).reshape(-1)
    columns = sorted({column for result in results.values() if result for column in result.frames})
    added: dict[str, NDArray[Any]] = {name: np.full(len(number), np.nan, np.float32) for name in columns}
    if subtasks:
        added["subtask_index"] = np.full(len(number), len(subtasks) - 1, np.int64)
    for episode, result in results.items():
        at = np.flatnonzero(number == episode)
        if result is None or not len(at):
            continue
        for column, values in result.frames.items():
            added[column][at] = np.asarray(values)[: len(at)]
        if subtasks and result.phases is not None:
            known = result.phases[: len(at)]
            added["subtask_index"][at] = np.where(known < 0, len(subtasks) - 1, known)
    for name, values in added.items():
        column = pa.array(values)
        at_column = table.schema.get_field_index(name)
        table = table.append_column(name, column) if at_column < 0 else table.set_column(at_column, name, column)
    with replacing(path) as temporary:
        parquet.write_table(table, temporary)


def _stages(result: EpisodeResults | None, names: Sequence[str], rate: float) -> dict[str, list[Any]] | None:
    """Name, first and last frame and their times of every stage of an episode, in order; None without labels."""
    if result is None or result.phases is None or not names:
        return None
    known = [k for k in range(len(names)) if (result.phases == k).any()]
    starts = [int(np.flatnonzero(result.phases == k)[0]) for k in known]
    ends = [int(np.flatnonzero(result.phases == k)[-1]) for k in known]
    return {
        "sparse_subtask_names": [names[k] for k in known],
        "sparse_subtask_start_frames": starts,
        "sparse_subtask_end_frames": ends,
        "sparse_subtask_start_times": [start / rate for start in starts],
        "sparse_subtask_end_times": [(end + 1) / rate for end in ends],
    }


def _proportions(results: Sequence[EpisodeResults], names: Sequence[str]) -> dict[str, float]:
    """Mean share of an episode that each stage takes."""
    labelled = [r.phases[r.phases >= 0] for r in results if r.phases is not None and (r.phases >= 0).any()]
    shares = [[float(np.mean(phases == k)) for k in range(len(names))] for phases in labelled]
    means = np.mean(shares, axis=0) if shares else np.zeros(len(names))
    return {name: float(mean) for name, mean in zip(names, means, strict=True)}


def _write_episodes_2(
    out: Path, stages: Mapping[int, dict[str, list[Any]] | None], numbers: Mapping[int, dict[str, float]]
) -> None:
    file = out / "meta" / "episodes.jsonl"
    lines = []
    for line in file.read_text(encoding="utf-8").split("\n"):
        if line.strip():
            entry = json.loads(line)
            number = int(entry["episode_index"])
            lines.append(json.dumps(entry | (stages[number] or {}) | numbers[number], ensure_ascii=False) + "\n")
    write_text(file, "".join(lines))


def _write_episodes_3(
    out: Path, stages: Mapping[int, dict[str, list[Any]] | None], numbers: Mapping[int, dict[str, float]]
) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    texts, whole, real = pa.list_(pa.string()), pa.list_(pa.int64()), pa.list_(pa.float64())
    kinds = {"names": texts, "start_frames": whole, "end_frames": whole, "start_times": real, "end_times": real}
    stage_columns = {f"sparse_subtask_{name}": kind for name, kind in kinds.items()} if any(stages.values()) else {}
    number_columns = dict.fromkeys(sorted({name for own in numbers.values() for name in own}), pa.float64())
    for file in sorted((out / "meta" / "episodes").glob("*/*.parquet")):
        table = parquet.read_table(file)
        episodes = [int(number) for number in table.column("episode_index").to_pylist()]
        for name, kind in (stage_columns | number_columns).items():
            values = [((stages[e] or {}) | numbers[e]).get(name) for e in episodes]
            column, at = pa.array(values, type=kind), table.schema.get_field_index(name)
            table = table.append_column(name, column) if at < 0 else table.set_column(at, name, column)
        with replacing(file) as temporary:
            parquet.write_table(table, temporary)


def _write_subtasks(out: Path, names: Sequence[str]) -> None:
    """The list of subtasks, with the name as the index that pandas restores."""
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"subtask_index": pa.array(range(len(names)), pa.int64()), "subtask": list(names)})
    kinds = {"subtask_index": ("int64", "int64"), "subtask": ("unicode", "object")}
    columns = [
        {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy_kind, "metadata": None}
        for name, (kind, numpy_kind) in kinds.items()
    ]
    creator = {"library": "pyarrow", "version": pa.__version__}
    about = {"index_columns": ["subtask"], "column_indexes": [], "columns": columns, "creator": creator}
    table = table.replace_schema_metadata({"pandas": json.dumps({**about, "pandas_version": "2.0.0"})})
    with replacing(out / "meta" / "subtasks.parquet") as temporary:
        parquet.write_table(table, temporary)
