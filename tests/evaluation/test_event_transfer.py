"""Event transfer error equals its loop-written definition; absent events, abstentions and groups count as defined."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncline.evaluation import event_transfer_error, metrics_reference
from syncline.evaluation.event_transfer import label_floor
from syncline.evaluation.metric_inputs import Group


def _videos(seed: int) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], list[Group]]:
    """Three to four clips of noisy points on an arc; some lack events, some hold frames that are not of the course."""
    random = np.random.default_rng(seed)
    x, y, times = [], [], []
    for _ in range(int(random.integers(3, 5))):
        t = int(random.integers(1, 13))
        place = np.sort(random.uniform(random.uniform(0, 1), 3, t))
        x.append(np.stack([np.cos(place), np.sin(place), 0.2 * random.normal(size=t)], 1))
        label = np.floor(place * 4 / 3).astype(int)
        label[random.random(t) < 0.15] = -1
        y.append(label)
        times.append(np.sort(random.uniform(0, 4, t)))
    groups = [f"s{i}" for i in random.integers(0, 3, len(x))]
    sets = [frozenset([group, f"s{random.integers(9)}"]) if random.random() < 0.3 else group for group in groups]
    return x, y, times, sets


@pytest.mark.parametrize("by", ["nearest", "dtw", "local"])
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), grouped=st.booleans(), clocked=st.booleans())
def test_equals_the_loops(by: Any, seed: int, grouped: bool, clocked: bool) -> None:
    x, y, times, groups = _videos(seed)
    options: dict[str, Any] = {"groups": groups if grouped else None, "times": times if clocked else None, "by": by}
    found, expected = event_transfer_error(x, y, **options), metrics_reference.event_transfer_error(x, y, **options)
    assert [e for pair in found["per_pair"] for e in pair["errors"]] == pytest.approx(expected["errors"])
    assert found["f1"] == pytest.approx(expected["f1"], nan_ok=True)
    assert found["answered"] == pytest.approx(expected["answered"], nan_ok=True)
    if expected["errors"]:
        assert found["median"] == pytest.approx(np.median(expected["errors"]))
        assert found["p90"] == pytest.approx(np.quantile(expected["errors"], 0.9))
        assert found["within"] == pytest.approx(np.mean(np.array(expected["errors"]) <= 0.5 + 1e-9))


@pytest.mark.parametrize("by", ["nearest", "dtw", "local"])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), tolerance=st.floats(0, 2))
def test_given_events_and_tolerance_equal_the_loops(by: Any, seed: int, tolerance: float) -> None:
    x, y, times, groups = _videos(seed)
    random = np.random.default_rng(seed)
    events = [[int(k) if random.random() < 0.7 else None for k in random.integers(0, len(v), 4)] for v in x]
    options: dict[str, Any] = {"times": times, "groups": groups, "by": by, "events": events, "tolerance": tolerance}
    found, expected = event_transfer_error(x, y, **options), metrics_reference.event_transfer_error(x, y, **options)
    assert [e for pair in found["per_pair"] for e in pair["errors"]] == pytest.approx(expected["errors"])
    assert found["f1"] == pytest.approx(expected["f1"], nan_ok=True)
    if expected["errors"]:
        assert found["within"] == pytest.approx(np.mean(np.array(expected["errors"]) <= tolerance + 1e-9))


def test_an_absent_event_is_not_the_next_one() -> None:
    """The second of two videos has no first event; phases give it the frame of the second event."""
    x = [_arc(np.linspace(0, 3, 12))] * 2
    y = [np.repeat([0, 1, 2], 4), np.repeat([0, 2], [8, 4])]
    by_phases = event_transfer_error(x, y)
    assert by_phases["count"] == 4
    by_events = event_transfer_error(x, y, events=[(4, 8), (None, 8)])
    assert (by_events["count"], by_events["median"]) == (2, 0.0)
    assert sum(pair["false_positives"] for pair in by_events["per_pair"]) == 1
    floor = label_floor(y[1:], [np.repeat([0, 2], [6, 6])], [np.arange(12)], absent=[frozenset({0})])
    assert (floor["count"], floor["median"]) == (1, 2.0)


def _arc(places: Any) -> np.ndarray:
    places = np.asarray(places, dtype=float)
    return np.stack([np.cos(places), np.sin(places)], 1)


def test_absent_events_are_false_positives_and_local_may_abstain() -> None:
    """A shows the whole course, B its first part only: nobody but local can leave the second event out."""
    whole, part = _arc(np.linspace(0, 3, 24)), _arc(np.linspace(0, 1.2, 10))
    y = [np.repeat([0, 1, 2], [4, 14, 6]), np.repeat([0, 1], [4, 6])]
    counts = {}
    for by in ("nearest", "dtw", "local"):
        found = event_transfer_error([whole, part], y, by=by)  # type: ignore[arg-type]
        pair = found["per_pair"][0]
        assert (pair["a"], pair["b"], found["count"]) == (0, 1, 2)  # event 1, in both directions
        counts[by] = pair["false_positives"]
    assert counts["nearest"] >= 1
    assert counts["dtw"] >= 1
    assert counts["local"] == 0


def test_abstention_where_the_event_is_there_is_a_false_negative() -> None:
    """Opposite points: no pair of frames scores above the mean, so nothing aligns and nothing is answered."""
    x, y = [np.ones((4, 2)), np.ones((4, 2))], [np.array([0, 0, 1, 1])] * 2
    found = event_transfer_error(x, y, by="local")
    assert (found["answered"], found["recall"], found["f1"]) == (0.0, 0.0, 0.0)
    assert math.isnan(found["median"])
    assert math.isnan(found["precision"])
    assert event_transfer_error(x, y, by="nearest")["answered"] == 1.0


def test_an_event_at_the_first_frame_is_not_there() -> None:
    x = [_arc([0, 1, 2])] * 2
    found = event_transfer_error(x, [np.array([1, 1, 2]), np.array([0, 1, 2])])
    assert found["count"] == 2  # event 2 both ways; event 1 counts from the second video only, as a false positive
    assert [pair["false_positives"] for pair in found["per_pair"]] == [0, 1]


def test_source_times_and_groups() -> None:
    x, y = [_arc([0, 1, 2, 3])] * 3, [np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1])]
    times = [[0, 10, 20, 30], [0, 1, 2, 3], [0, 1, 2, 3]]
    found = event_transfer_error(x, y, times=times, groups=["a", "b", "a"])
    assert {(p["a"], p["b"]): p["errors"] for p in found["per_pair"]} == {
        (0, 1): [1.0], (1, 0): [10.0], (1, 2): [1.0], (2, 1): [1.0],
    }  # fmt: skip
    assert found["per_video"][1]["median"] == 5.5
    assert math.isnan(event_transfer_error(x, y, groups=["a"] * 3)["median"])
    assert event_transfer_error(x, y, times=times, groups=[frozenset("ab"), "b", "a"])["count"] == 2


def test_floor_of_the_labels() -> None:
    floor = label_floor([[0, 0, 1, 2], [0, 1, 1, 2]], [[0, 1, 1, 2], [0, 1, 1, 1]], [[0, 1, 2, 3]] * 2)
    assert (floor["median"], floor["count"], floor["answered"]) == (0.0, 3, 1.0)
    assert floor["p90"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"events": [[0]]}, "events of 1"),
        ({"events": [[0], [2]]}, r"events\[1\] has an event at 2"),
        ({"events": [[0], []]}, "0 events"),
        ({"tolerance": -1}, "tolerance is -1"),
        ({"by": "guess"}, "by must be one of"),
        ({"times": [[0, 1]]}, "1 of times"),
        ({"times": [[0], [0, 1]]}, r"times\[0\]"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        event_transfer_error([_arc([0, 1])] * 2, [np.array([0, 1])] * 2, **change)
