"""The journal: nothing that was answered is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syncline.errors import SynclineError
from syncline.viewer.marks_journal import Journal


def test_journal_survives_any_cut(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "whole.jsonl")
    journal.mark("a", 0, 1.0)
    journal.mark("a", 1, None)
    journal.rename(0, "grasp")
    journal.mark("b", 0, 2.5)
    journal.undo()
    journal.mark("b", 0, 3.0)
    content = journal.path.read_bytes()
    assert Journal(journal.path).marks() == {"a": {0: 1.0, 1: None}, "b": {0: 3.0}}
    for cut in {*range(0, len(content), 7), *(k for k, byte in enumerate(content) if byte in b"\n}")}:
        part = tmp_path / "cut.jsonl"
        part.write_bytes(content[:cut])
        again = Journal(part)
        whole = [json.loads(line) for line in content[:cut].split(b"\n") if line.endswith(b"}")]
        left: list[dict[str, Any]] = []
        for line in whole:
            left = left[:-1] if "undo" in line else [*left, line]
        assert again.names() == {line["event"]: line["name"] for line in left if "name" in line}
        assert again.marks() == {
            video: {line["event"]: line["seconds"] for line in left if line.get("video") == video}
            for video in {line["video"] for line in left if "video" in line}
        }
        again.mark("c", 0, 9.0)  # and goes on
        assert Journal(part).marks()["c"] == {0: 9.0}


def test_journal_undoes_and_refuses(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "labels.jsonl")
    assert journal.undo() is None
    journal.rename(2, "let go")
    assert journal.names() == {2: "let go"}
    assert journal.undo() == {"event": 2, "name": "let go"}
    assert journal.names() == {}
    journal.mark("a", 0, 1.0)
    journal.mark("a", 0, None, clear=True)
    assert journal.marks() == {}
    for event, second in ((-1, 1.0), (0, -1.0), (0, float("nan")), (10**6, 1.0)):
        with pytest.raises(SynclineError):
            journal.mark("a", event, second)
    with pytest.raises(SynclineError):
        journal.rename(0, " ")
