"""A writer of LeRobot data sets in the v2.1 and the v3.0 layout: bar codes, and a hand that closes and opens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bars
import pyarrow as pa
from pyarrow import parquet

FPS = 10
CAMERAS = ("observation.images.top", "observation.images.wrist")


def hand(length: int) -> list[float]:
    """Open, closed in the middle third, open."""
    return [1.0 if length // 3 <= k < 2 * length // 3 else 0.0 for k in range(length)]


def write_info(root: Path, version: str, lengths: Sequence[int]) -> None:
    v3 = version.startswith("v3")
    info: dict[str, Any] = {
        "codebase_version": version,
        "fps": FPS,
        "total_episodes": len(lengths),
        "chunks_size": 1000,
        "splits": {"train": f"0:{len(lengths) - 1}", "val": f"{len(lengths) - 1}:{len(lengths)}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
        if v3
        else "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
        if v3
        else "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "features": {key: {"dtype": "video", "shape": [48, 96, 3]} for key in CAMERAS}
        | {"action": {"dtype": "float32", "shape": [2]}},
    }
    (root / "meta").mkdir(parents=True)
    (root / "meta" / "info.json").write_text(json.dumps(info))


def rows(episode: int, length: int) -> list[dict[str, Any]]:
    made = []
    for frame, closed in enumerate(hand(length)):
        row = {"action": [0.0, closed], "timestamp": frame / FPS, "frame_index": frame, "episode_index": episode}
        made.append(row)
    return made


def write_table(path: Path, content: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(content), path)


def write_v2(root: Path, lengths: Sequence[int]) -> None:
    write_info(root, "v2.1", lengths)
    lines = []
    for episode, length in enumerate(lengths):
        write_table(root / f"data/chunk-000/episode_{episode:06d}.parquet", rows(episode, length))
        for camera in CAMERAS:
            path = root / f"videos/chunk-000/{camera}/episode_{episode:06d}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            bars.write_bar_codes(path, length, rate=FPS)
        lines.append(json.dumps({"episode_index": episode, "tasks": ["put it"], "length": length}))
    (root / "meta" / "episodes.jsonl").write_text("\n".join(lines) + "\n")


def write_v3(root: Path, lengths: Sequence[int]) -> None:
    """All episodes in one video: frame k of the file spells k."""
    write_info(root, "v3.0", lengths)
    episodes, table, start = [], [], 0
    for episode, length in enumerate(lengths):
        row: dict[str, Any] = {"episode_index": episode, "length": length, "tasks": ["put it"]}
        row |= {"data/chunk_index": 0, "data/file_index": 0, "stats/action/mean": [0.0, 0.5]}
        for camera in CAMERAS:
            row |= {f"videos/{camera}/chunk_index": 0, f"videos/{camera}/file_index": 0}
            row[f"videos/{camera}/from_timestamp"] = start / FPS
            row[f"videos/{camera}/to_timestamp"] = (start + length) / FPS
        episodes.append(row)
        table += rows(episode, length)
        start += length
    write_table(root / "meta/episodes/chunk-000/file-000.parquet", episodes)
    write_table(root / "data/chunk-000/file-000.parquet", table)
    for camera in CAMERAS:
        path = root / f"videos/{camera}/chunk-000/file-000.mp4"
        path.parent.mkdir(parents=True)
        bars.write_bar_codes(path, start, rate=FPS)
