"""The intervals of an offset hold, and are no wider than they must be."""

from __future__ import annotations

from benchmarks.offset import intervals


def test_the_truth_lies_inside_nine_of_ten_intervals() -> None:
    """benchmarks/offset.py measures 200; of 30 at 90 %, fewer than 23 would lie inside once in a hundred times."""
    found = intervals(range(1000, 1030))
    for what in ("offset", "rate"):
        assert found[f"{what}_inside"] >= 23 / 30
        assert found[f"{what}_half"] <= 5 * found[f"{what}_error"]
