"""Events come in the order in which they happen; where videos disagree, that is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.data.labels.event_order import with_names
from syncline.data.labels.label_formats import read_labels
from syncline.data.labels.video_labels import LabelTrack, labels_to_phases
from syncline.errors import SynclineError

READ_AS = {
    "test_order_in_time_whatever_the_vocabulary_is": ("all forms", "vocabularies in any order", "events as timed"),
    "test_two_events_and_two_videos_are_named_where_they_disagree": (
        "all forms", "opposite orders in two videos", "refused, with the two events and videos",
    ),
}  # fmt: skip


def track(video: str, **seconds: float | None) -> LabelTrack:
    return LabelTrack(video, tuple(seconds.items()))


def test_order_in_time_whatever_the_vocabulary_is() -> None:
    """A vocabulary is often alphabetical."""
    one = track("a", approach=1.0, grasp=2.0, lift=None, close=1.5)
    two = track("b", approach=0.5, close=0.7, grasp=None, lift=3.0)
    three = track("c", grasp=4.0, lift=5.0)
    for named in with_names([one, two, three]):
        assert named.event_names == ("approach", "close", "grasp", "lift")
        assert labels_to_phases(named, 60, np.arange(60) / 10).max() in (3, 4)


def test_two_events_and_two_videos_are_named_where_they_disagree() -> None:
    with pytest.raises(SynclineError) as caught:
        with_names([track("a.mp4", grasp=1.0, lift=2.0), track("c.mp4", lift=2.0), track("b.mp4", lift=1.0, grasp=2.0)])
    for word in ("'grasp'", "'lift'", "a.mp4", "b.mp4"):
        assert word in str(caught.value)
    assert "c.mp4" not in str(caught.value)


def test_a_ring_over_three_videos_is_named() -> None:
    with pytest.raises(SynclineError, match="'x', 'y', 'z' in a ring"):
        with_names([track("a", x=1.0, y=2.0), track("b", y=1.0, z=2.0), track("c", z=1.0, x=2.0)])


def test_chosen_events_need_no_order_of_the_others() -> None:
    one, two = track("a", grasp=1.0, lift=2.0, wave=3.0), track("b", grasp=1.0, wave=1.5, lift=2.0)
    assert [t.event_names for t in with_names([one, two], ["grasp", "lift"])] == [("grasp", "lift")] * 2


def test_frames_order_as_seconds_do_and_equal_moments_do_not() -> None:
    counted = LabelTrack("a", (("late", None), ("early", None)), frames=(9, 3))
    assert with_names([counted])[0].frames == (3, 9)
    same = track("a", x=1.0, y=1.0), track("b", y=1.0, x=2.0)
    assert with_names(same)[0].event_names == ("y", "x")


def test_the_file_is_named(tmp_path: Path) -> None:
    rows = "a.mp4,grasp,1\na.mp4,lift,2\nb.mp4,lift,1\nb.mp4,grasp,2\n"
    (tmp_path / "x.csv").write_text("video,event,seconds\n" + rows)
    with pytest.raises(SynclineError, match=r"x\.csv: event 'grasp' comes after|x\.csv: event .* comes before"):
        read_labels(tmp_path / "x.csv")
    assert len(read_labels(tmp_path / "x.csv", event_names=["lift"])) == 2


@given(st.permutations(list("abcdef")), st.integers(0, 2**32 - 1))
def test_any_subsets_of_one_order_give_that_order(order: list[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole = track("whole", **{name: float(k) for k, name in enumerate(order)})
    parts = []
    for number in range(4):
        some = [name for name in order if rng.random() < 0.6]
        shuffled = [some[k] for k in rng.permutation(len(some))]
        parts.append(track(str(number), **{name: float(order.index(name)) for name in shuffled}))
    assert all(t.event_names == tuple(order) for t in with_names([*parts, whole]) if t.events)
