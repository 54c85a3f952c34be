"""Damaged and invented input ends in a right result or our own error; `make fuzz` runs the same cases 20 times over."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncline.data.labels.event_rules import EventRule
from syncline.data.labels.label_formats import read_labels
from syncline.data.labels.video_labels import labels_to_phases
from syncline.data.published.datasets import read_index
from syncline.data.published.tfrecord import parse_sequence_example
from syncline.errors import SynclineError

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KEYS = st.sampled_from(
    [
        "videos", "video", "events", "phases", "frame_rate", "num_frames", "name", "seconds", "frame", "observations",
        "behaviors_conf", "annotations", "data", "result", "value", "ranges", "start", "timelinelabels", "seq_len",
        "frame_label", "action_label", "video_file", "split", "phase_names", "code", "file", "media_info", "fps",
    ]
)  # fmt: skip
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6))
MANY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.slow
def test_a_hundred_damaged_copies() -> None:
    place = Path(__file__).parents[2] / "fuzz" / "labels.py"
    spec = importlib.util.spec_from_file_location("fuzz_labels", place)
    assert spec is not None
    assert spec.loader is not None
    labels = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(labels)
    outcomes = labels.fuzz(100)
    assert sum(sum(counted.values()) for counted in outcomes.values()) == 100
    assert sum(counted["error"] for counted in outcomes.values()) > 10
    assert sum(counted["result"] for counted in outcomes.values()) > 10


def assert_one_line(error: SynclineError) -> None:
    assert "\n" not in str(error)


def assert_refused_or_right(path: Path) -> None:
    try:
        tracks = read_labels(path, frame_rate=10.0)
        for track in tracks:
            phases = labels_to_phases(track, 20, np.arange(20) / 10)
            assert phases.shape == (20,)
            assert phases.min() >= -1
    except SynclineError as error:
        assert_one_line(error)


@MANY
@given(TREES)
def test_invented_json(tree: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.json"
        path.write_text(json.dumps(tree), encoding="utf-8", errors="surrogatepass")
        assert_refused_or_right(path)
        for name in ("pouring", "penn_action"):
            try:
                for video in read_index(name, folder):
                    assert video.path.is_relative_to(folder)
                    assert video.phases is None or len(video.phases) == video.num_frames
            except SynclineError as error:
                assert_one_line(error)


@MANY
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_invented_files(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".csv", ".tsv", ".json", ".boris", ".eaf", ".npy", ".txt"):
            path = Path(folder) / ("x" + suffix)
            path.write_bytes(content)
            assert_refused_or_right(path)


@MANY
@given(st.lists(st.lists(st.text("vidéo,;\"'\n 0123456789.-", max_size=6), min_size=1, max_size=6), max_size=4))
def test_invented_tables(rows: list[list[str]]) -> None:
    header = "video,num_frames,fps,events,event_seconds,event_names\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_text(header + "\n".join(",".join(row) for row in rows), encoding="utf-8")
        assert_refused_or_right(path)


@MANY
@given(st.binary(max_size=120), st.text(max_size=40))
def test_invented_messages_and_rules(content: bytes, text: str) -> None:
    for parse, given_ in ((parse_sequence_example, content), (EventRule.parse, text)):
        try:
            parse(given_)  # type: ignore[operator]
        except SynclineError as error:
            assert_one_line(error)
