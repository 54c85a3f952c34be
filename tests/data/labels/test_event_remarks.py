"""Who placed an event and how sure that is: in every form that has room for it, there and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncline.data.labels.label_formats import ENDINGS, read_labels, write_labels
from syncline.data.labels.video_labels import LabelTrack

WITH_ROOM = ["csv", "json", "elan", "boris", "boris-csv", "label-studio", "activitynet", "srt", "vtt"]
TRACK = LabelTrack(
    "a.mp4", (("grasp", 1.2), ("lift", 3.4), ("drop", 5.0)), confidence=(None, 0.75, 0.5),
    provenance=("by hand", "carried", "carried"),
)  # fmt: skip


@pytest.mark.parametrize("form", WITH_ROOM)
def test_they_come_back(tmp_path: Path, form: str) -> None:
    write_labels(tmp_path / f"a{ENDINGS[form]}", [TRACK], form=form)
    back = read_labels(tmp_path / f"a{ENDINGS[form]}")[0]
    assert [(name, round(seconds or 0, 6)) for name, seconds in back.events] == list(TRACK.events)
    assert back.confidence == (None, 0.75, 0.5)
    assert back.provenance == ("by hand", "carried", "carried")


@pytest.mark.parametrize("form", WITH_ROOM)
def test_without_any_nothing_is_added(tmp_path: Path, form: str) -> None:
    write_labels(tmp_path / f"a{ENDINGS[form]}", [LabelTrack("a.mp4", (("grasp", 1.2),))], form=form)
    back = read_labels(tmp_path / f"a{ENDINGS[form]}")[0]
    assert (back.confidence, back.provenance) == (None, None)
    assert "confidence" not in (tmp_path / f"a{ENDINGS[form]}").read_text()
