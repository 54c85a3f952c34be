"""Key events from recorded signals, by rules such as `grasp: action[6] > 0.5 for 3`.

The events come in the order of the rules. Each is the first frame after the one before at which its condition begins to
hold, and holds for so many frames; a condition that holds from the start has not begun.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError

_RULE = re.compile(
    r"\s*(?P<name>[^:]+?)\s*:\s*(?P<column>[\w.]+)(\[(?P<index>\d{1,6})\])?\s*(?P<sign>[<>])\s*"
    r"(?P<threshold>[-+]?[\d.]+(e[-+]?\d+)?)(\s+for\s+(?P<hold>\d{1,6}))?\s*"
)


@dataclass(frozen=True)
class EventRule:
    """An event: a column (one of its entries) comes above or falls below a threshold for `hold` frames.

    Examples:
        >>> EventRule.parse("grasp: action[6] > 0.5 for 3")
        EventRule(name='grasp', column='action', index=6, above=True, threshold=0.5, hold=3)
    """

    name: str
    column: str
    index: int
    above: bool
    threshold: float
    hold: int = 1

    @classmethod
    def parse(cls, text: str) -> EventRule:
        """Parses a rule.

        Raises:
            SynclineError: it is none.
        """
        match = _RULE.fullmatch(text)
        try:
            if match is None:
                raise ValueError
            threshold = float(match["threshold"])
        except ValueError as error:
            raise SynclineError(f"{text[:120]!r} is no rule; expected 'grasp: action[6] > 0.5 for 3'") from error
        index, hold = int(match["index"] or 0), max(int(match["hold"] or 1), 1)
        return cls(match["name"], match["column"], index, match["sign"] == ">", threshold, hold)


def read_rules(path: str | Path) -> list[EventRule]:
    """The rules of a file, one a line; empty lines and those that begin with `#` are passed over.

    Raises:
        SynclineError: naming the file and the line.
    """
    path = Path(path)
    rules = []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SynclineError(f"{path} cannot be read as rules ({error})") from error
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                rules.append(EventRule.parse(line))
            except SynclineError as error:
                raise SynclineError(f"{path}, line {number}: {error}") from error
    return rules


def events_from_signals(signals: Mapping[str, NDArray[Any]], rules: Sequence[EventRule]) -> tuple[int | None, ...]:
    """Frame of each event, None where its condition never begins.

    Args:
        signals: columns by name, each (t,) or (t, k).
        rules: in the order of the events.

    Raises:
        SynclineError: a rule names a column, or an entry of one, that is not there.

    Examples:
        >>> hand = np.array([0.0, 0, 1, 1, 0, 0, 1])
        >>> rules = [EventRule.parse("close: hand > .5"), EventRule.parse("open: hand < .5 for 2")]
        >>> events_from_signals({"hand": hand}, rules)
        (2, 4)
    """
    events: list[int | None] = []
    after = 0
    for rule in rules:
        holds = _holds(signals, rule)
        begins = np.flatnonzero(holds[1:] & ~holds[:-1]) + 1
        ends = np.append(np.flatnonzero(~holds), len(holds))
        lasting = begins[ends[np.searchsorted(ends, begins)] - begins >= rule.hold]
        at = next((int(frame) for frame in lasting if frame > after), None)
        events.append(at)
        after = after if at is None else at
    return tuple(events)


def _holds(signals: Mapping[str, NDArray[Any]], rule: EventRule) -> NDArray[np.bool_]:
    column = signals.get(rule.column)
    if column is None:
        raise SynclineError(f"event {rule.name!r}: no column {rule.column!r}; there are {', '.join(signals)[:300]}")
    values = column.reshape(len(column), -1)
    if rule.index >= values.shape[1]:
        raise SynclineError(f"event {rule.name!r}: {rule.column} has {values.shape[1]} entries, no [{rule.index}]")
    line = values[:, rule.index].astype(np.float64)
    return np.asarray(line > rule.threshold if rule.above else line < rule.threshold)
