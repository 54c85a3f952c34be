"""Groups and sorts the pictures of a folder by their names, and reads times from them.

The parts of a name that are no digits, and the kind of picture, tell sequences apart. Of its numbers the one that takes
most values counts the pictures, or says when they were taken: seconds, milli-, micro- or nanoseconds since 1970, a date
with a time of day (also as macOS names pictures of the screen), seconds with a decimal point, or milliseconds where
`ms` follows. Where several numbers differ in every name (`0007_1700000000.png`), one that tells times is taken,
otherwise the last. All other numbers tell sequences apart too (`cam1_0001`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

PICTURE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp"])
_ALIKE = {".jpeg": ".jpg", ".tiff": ".tif"}
_YEARS = 946_684_800, 4_102_444_800  # 2000 to 2100, in seconds since 1970
_MILLISECONDS = re.compile(r"ms(?![a-z])", re.IGNORECASE)
_PARTS = re.compile(r"\d+\.\d+|\d+|\D+")
_DATE = re.compile(
    r"((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])[-_T. ]?"
    r"([01]\d|2[0-3])[-_.:h]?([0-5]\d)[-_.:m]?([0-5]\d)(?:[-_.,s](\d{1,9})(?!\d))?"
)
_SCREENSHOT = re.compile(
    r"((?:19|20)\d\d)-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\s+(?:[^\d\s]{1,12}\s+){0,3}"
    r"(\d{1,2})[.:]([0-5]\d)[.:]([0-5]\d)(?:\s*([ap])\.?m\.?)?(?=(?:\s*\(\d+\)|\s+\d+)?$)",
    re.IGNORECASE,
)
"""How macOS names pictures of the screen, in any language: `2024-05-01 at 9.23.45 PM`, `2024-05-01 um 21.23.45`."""
_LONGEST_STEP = 60.0  # seconds between pictures that are still one recording


@dataclass(frozen=True)
class PictureSequence:
    """Pictures of one sequence.

    Attributes:
        pattern: their names with `*` for what counts. names: in order.
        numbers: ascending, what counts; None where the names tell times.
        seconds: ascending from 0, when each was taken; None where the names count.
    """

    pattern: str
    names: tuple[str, ...]
    numbers: tuple[int, ...] | None
    seconds: tuple[float, ...] | None


def is_picture_name(name: str) -> bool:
    """Whether a file's name is that of a picture with a number."""
    path = Path(name)
    return path.suffix.lower() in PICTURE_SUFFIXES and not name.startswith(".") and any(map(str.isdecimal, path.stem))


def picture_sequences(names: Sequence[str]) -> list[PictureSequence]:
    """The sequences among names of pictures, the longest first; a picture that belongs to no other is one of its own.

    Examples:
        >>> [(s.pattern, s.names) for s in picture_sequences(["b_1.png", "a_10.jpg", "a_9.jpg"])]
        [('a_*.jpg', ('a_9.jpg', 'a_10.jpg')), ('b_*.png', ('b_1.png',))]
    """
    dated = _by_date(names)
    if dated is not None:
        return [dated]
    found, others = _of_the_screen(names)
    kinds: dict[tuple[str, ...], list[tuple[list[str], str]]] = defaultdict(list)
    for name in others:
        path = Path(name)
        parts = _PARTS.findall(path.stem)
        words = ["" if part[0].isdecimal() else part for part in parts]
        kinds[(*words, _ALIKE.get(path.suffix.lower(), path.suffix.lower()))].append((parts, name))
    found += [sequence for members in kinds.values() for sequence in _of_one_kind(members)]
    return sorted(found, key=lambda sequence: (-len(sequence.names), sequence.pattern))


def _of_one_kind(members: list[tuple[list[str], str]]) -> list[PictureSequence]:
    """Names that differ in their numbers only."""
    columns = [k for k, part in enumerate(members[0][0]) if part[0].isdecimal()]
    values = {k: [parts[k] for parts, _ in members] for k in columns}
    counts = max(columns, key=lambda k: (len(set(values[k])), k))
    counting = [k for k in columns if len(set(values[k])) == len(members) > 1] or [counts]
    counts = next((k for k in counting if _seconds(values[k]) is not None), counts)
    split: dict[tuple[str, ...], list[tuple[str, str]]] = defaultdict(list)
    for parts, name in members:
        key = tuple("*" if k == counts or k in counting else part for k, part in enumerate(parts))
        split[key].append((parts[counts], name))
    follows = "".join(members[0][0][counts + 1 : counts + 2])
    unit = 1e-3 if _MILLISECONDS.match(follows) else None
    return [_sequence("".join(key) + Path(own[0][1]).suffix, own, unit) for key, own in split.items()]


def _sequence(pattern: str, members: list[tuple[str, str]], unit: float | None = None) -> PictureSequence:
    """Pictures by what counts them; `unit` is that in seconds, where the names say it."""
    texts = [text for text, _ in members]
    seconds = _seconds(texts) if unit is None else [unit * float(text) for text in texts]
    if seconds is None and any("." in text for text in texts):  # `take2.0001`: a point that is no decimal point
        whole = {text.partition(".")[0] for text in texts}
        pattern = pattern.replace("*", f"{whole.pop()}.*" if len(whole) == 1 else "*.*")
        texts = [text.partition(".")[2] or text for text in texts]
    if seconds is not None:
        order = sorted(range(len(members)), key=lambda i: seconds[i])
        times = tuple(seconds[i] - seconds[order[0]] for i in order)
        return PictureSequence(pattern, tuple(members[i][1] for i in order), None, times)
    numbers = [int(text) for text in texts]
    order = sorted(range(len(members)), key=lambda i: (numbers[i], members[i][1]))
    return PictureSequence(pattern, tuple(members[i][1] for i in order), tuple(numbers[i] for i in order), None)


def _seconds(texts: list[str]) -> list[float] | None:
    """Times, if that is what the numbers are."""
    values = [float(text) for text in texts]
    for unit in (1.0, 1e3, 1e6, 1e9):
        if all(_YEARS[0] * unit <= value < _YEARS[1] * unit for value in values):
            split = [text.partition(".") for text in texts]
            begin = min(int(whole) for whole, _, _ in split)  # exact: nanoseconds do not fit a float
            return [(int(whole) - begin + float(f"0.{fraction or 0}")) / unit for whole, _, fraction in split]
    whole = {text.partition(".")[0] for text in texts}
    if all("." in text for text in texts) and (len(whole) > 1 or whole == {"0"}):
        return values
    return None


def _by_date(names: Sequence[str]) -> PictureSequence | None:
    """All names as one sequence by the date and time that each holds; None where they do not tell pictures apart."""
    found = [_DATE.search(Path(name).stem) for name in names]
    if len(names) < 2 or any(match is None for match in found):
        return None
    rest = {name[: match.start()] + "*" + name[match.end() :] for name, match in zip(names, found) if match is not None}
    if len(rest) > 1:
        return None
    if _is_counter([match[7] or "" for match in found if match is not None]):
        return None
    moments = [_moment(match) for match in found if match is not None]
    if len(moments) < len(names) or None in moments:
        return None
    pairs = sorted((moment, name) for moment, name in zip(moments, names) if moment is not None)
    steps = sorted(later[0] - before[0] for before, later in pairwise(pairs))
    if steps[0] <= 0 or not 5e-4 <= steps[len(steps) // 2] <= _LONGEST_STEP:
        return None
    begin = pairs[0][0]
    return PictureSequence(rest.pop(), tuple(n for _, n in pairs), None, tuple(m - begin for m, _ in pairs))


def _of_the_screen(names: Sequence[str]) -> tuple[list[PictureSequence], list[str]]:
    """Sequences of pictures that macOS took of the screen, by what stands around their times, and all other names.

    A `(2)` behind the time is another screen, or a copy.
    """
    groups: dict[str, list[tuple[float, str]]] = defaultdict(list)
    others = []
    for name in names:
        path = Path(name)
        match = _SCREENSHOT.search(path.stem)
        moment = None if match is None else _moment_on_the_screen(match)
        if match is None or moment is None:
            others.append(name)
            continue
        suffix = _ALIKE.get(path.suffix.lower(), path.suffix.lower())
        groups[f"{path.stem[: match.start()]}*{path.stem[match.end() :]}{suffix}"].append((moment, name))
    found = []
    for pattern, members in groups.items():
        members.sort()
        times = tuple(moment - members[0][0] for moment, _ in members)
        found.append(PictureSequence(pattern, tuple(name for _, name in members), None, times))
    return found, others


def _moment_on_the_screen(match: re.Match[str]) -> float | None:
    """Seconds since 1970, as if it had been taken in UTC; None of a time that is none."""
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if match[7]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[7].casefold() == "p" else 0)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _is_counter(fractions: list[str]) -> bool:
    """Whether what looks like the fraction of a second counts the pictures of a burst (`_001`, `_002`).

    Examples:
        >>> _is_counter(["001", "003", "002"]), _is_counter(["100", "133", "167"]), _is_counter(["", ""])
        (True, False, False)
    """
    numbers = sorted(int(text) for text in fractions if text)
    return len(numbers) == len(fractions) and {b - a for a, b in pairwise(numbers)} == {1}


def _moment(match: re.Match[str]) -> float | None:
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction = match[7]
    try:
        whole = datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:  # the 31st of February
        return None
    return whole + (int(fraction) / 10 ** len(fraction) if fraction else 0.0)
