"""Results in a copy of a LeRobot data set, read back as tables, as pandas does, and as a data set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import lerobot_forms
import numpy as np
import pytest
from pyarrow import parquet

from syncline.data import open_source
from syncline.data.labels.attach_labels import film_times
from syncline.data.labels.video_labels import LabelTrack, with_times
from syncline.data.published.lerobot_export import EpisodeResults, results_of_tracks, write_lerobot
from syncline.errors import SynclineError

LENGTHS = [12, 9]
RESULTS = {
    "episode_000000": EpisodeResults(
        np.repeat([0, 1, 2], [4, 5, 3]), {"progress": np.linspace(0, 1, 12)}, {"oddness": 0.25}
    ),
    "episode_000001": EpisodeResults(np.repeat([-1, 0, 2], [1, 4, 4]), {"progress": np.linspace(0, 1, 9)}),
}
WRITERS = {"v2.1": lerobot_forms.write_v2, "v3.0": lerobot_forms.write_v3}


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def episode_rows(root: Path, version: str) -> list[dict[str, object]]:
    if version == "v3.0":
        return parquet.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    return [json.loads(line) for line in (root / "meta/episodes.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("version", "write"), WRITERS.items())
def test_subtasks_and_columns_come_back(tmp_path: Path, version: str, write: Callable[[Path, list[int]], None]) -> None:
    pandas = pytest.importorskip("pandas")
    root = tmp_path / "data set"
    write(root, LENGTHS)
    before = digests(root)
    out = write_lerobot(root, tmp_path / "copy", RESULTS, event_names=["grasp", "release"])
    assert digests(root) == before
    subtasks = pandas.read_parquet(out / "meta" / "subtasks.parquet")
    assert subtasks.index.name == "subtask"
    assert subtasks["subtask_index"].to_dict() == {"start": 0, "grasp": 1, "release": 2, "unknown": 3}
    frames = pandas.concat([pandas.read_parquet(path) for path in sorted((out / "data").rglob("*.parquet"))])
    assert frames[frames.episode_index == 0].subtask_index.tolist() == [0] * 4 + [1] * 5 + [2] * 3
    assert frames[frames.episode_index == 1].subtask_index.tolist() == [3] + [0] * 4 + [2] * 4
    assert frames[frames.episode_index == 1].progress.tolist() == pytest.approx(np.linspace(0, 1, 9))
    assert subtasks.iloc[int(frames.subtask_index.iloc[5])].name == "grasp"  # as lerobot looks a subtask up
    rows = episode_rows(out, version)
    assert rows[0]["sparse_subtask_names"] == ["start", "grasp", "release"]
    assert rows[0]["sparse_subtask_start_frames"] == [0, 4, 9]
    assert rows[0]["sparse_subtask_end_frames"] == [3, 8, 11]
    assert rows[0]["sparse_subtask_end_times"] == pytest.approx([0.4, 0.9, 1.2])
    assert rows[1]["sparse_subtask_names"] == ["start", "release"]
    assert (rows[0]["oddness"], rows[1].get("oddness")) == (0.25, None)
    shares = json.loads((out / "meta" / "temporal_proportions_sparse.json").read_text())
    assert sum(shares.values()) == pytest.approx(1)
    features = json.loads((out / "meta" / "info.json").read_text())["features"]
    assert (features["subtask_index"]["dtype"], features["progress"]["dtype"]) == ("int64", "float32")
    again = open_source(out)
    assert [video.span for video in again] == [video.span for video in open_source(root)]


@pytest.mark.parametrize("write", WRITERS.values())
def test_columns_without_subtasks(tmp_path: Path, write: Callable[[Path, list[int]], None]) -> None:
    write(tmp_path / "d", LENGTHS)
    only = {"episode_000001": EpisodeResults(frames={"oddness": np.ones(9)})}
    out = write_lerobot(tmp_path / "d", tmp_path / "copy", only)
    assert not (out / "meta" / "subtasks.parquet").exists()
    tables = [parquet.read_table(path).to_pydict() for path in sorted((out / "data").rglob("*.parquet"))]
    by_row = [(e, v) for table in tables for e, v in zip(table["episode_index"], table.get("oddness", [np.nan] * 99))]
    assert all(np.isnan(value) if episode == 0 else value == 1 for episode, value in by_row)


def test_labels_become_subtasks_and_progress(tmp_path: Path) -> None:
    lerobot_forms.write_v3(tmp_path / "d", LENGTHS)
    videos = open_source(tmp_path / "d")
    tracks = [
        with_times(LabelTrack(video.name, (("grasp", 0.2), ("put", at)), confidence=(None, 0.5)), film_times(video))
        for video, at in zip(videos, (0.6, None), strict=True)
    ]
    out = write_lerobot(tmp_path / "d", tmp_path / "copy", results_of_tracks(tracks), event_names=["grasp", "put"])
    table = parquet.read_table(out / "data/chunk-000/file-000.parquet").to_pydict()
    assert table["subtask_index"] == [0, 0, 1, 1, 1, 1, *[2] * 6, 0, 0, *[1] * 7]
    progress = np.array(table["progress"])
    assert progress[[0, 2, 6, 11, 12, 14, 20]] == pytest.approx([0, 1 / 3, 2 / 3, 1, 0, 1 / 3, 1])
    assert (np.diff(progress[:12]) > 0).all()
    assert [row["subtask_confidence"] for row in episode_rows(out, "v3.0")] == [0.5, 0.5]


def test_what_cannot_be_written_is_refused_before_anything_is(tmp_path: Path) -> None:
    root = tmp_path / "d"
    lerobot_forms.write_v3(root, LENGTHS)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    for out, results, said in (
        (root, RESULTS, "never written to"),
        (root / "inside", RESULTS, "never written to"),
        (tmp_path / "full", RESULTS, "not an empty folder"),
        (tmp_path / "new", {"episode_000009": EpisodeResults()}, "has no episode_000009"),
        (tmp_path / "new", {"episode_000000": EpisodeResults(np.zeros(5, np.int64))}, "expected 12 rows"),
    ):
        with pytest.raises(SynclineError, match=said):
            write_lerobot(root, out, results, event_names=["grasp"])
        assert not (tmp_path / "new").exists()
