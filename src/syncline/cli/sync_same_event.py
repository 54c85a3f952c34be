"""``sync --same-event``: several cameras at one event, each at its own pace, apart by an offset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from syncline.cli.terminal import say
from syncline.errors import SynclineError

if TYPE_CHECKING:
    from syncline.data import Embedding, Video, VideoSet
    from syncline.tasks import Timeline

AGREE = 0.1
"""Seconds by which the offsets by pictures and by sound may differ, beside what both are unsure of."""


def offsets_of(videos: VideoSet, embeddings: list[Embedding], start: int) -> list[dict[str, Any]]:
    """second of the video = offset + rate × second of the reference; for the reference itself nothing is estimated."""
    from syncline.tasks import estimate_offset
    from syncline.tasks.flash_offset import flashes_of, match_flashes
    from syncline.tasks.result_files import plain

    found: list[dict[str, Any]] = []
    light = flashes_of(videos[start].path)
    for i, (video, embedding) in enumerate(zip(videos, embeddings, strict=True)):
        if i == start:
            found.append({"video": video.name, "offset": 0.0, "rate": 1.0})
            continue
        entry: dict[str, Any] = {"video": video.name}
        try:
            line = estimate_offset(embeddings[start], embedding)
            entry |= {key: plain(number) for key, number in asdict(line).items()}
        except SynclineError as error:
            entry["problem"] = str(error)
        entry["sound"] = _by_sound(videos[start], video, entry)
        try:
            flash = match_flashes(light, flashes_of(video.path))
            entry["flash"] = {key: plain(number) for key, number in asdict(flash).items()}
        except SynclineError as error:
            entry["flash"] = {"problem": str(error)}
        entry["agree"] = _agreeing(entry)
        found.append(entry)
    return found


def _by_sound(reference: Video, video: Video, pictures: dict[str, Any]) -> dict[str, Any]:
    """The same by sound, and whether the two ways agree; a `problem` where there is none or nothing in common."""
    from syncline.tasks.result_files import plain
    from syncline.tasks.sound_offset import sound_offset

    try:
        line = sound_offset(reference.path, video.path)
    except SynclineError as error:
        return {
            "problem": str(error).replace(f"{reference.path}: ", f"{reference.name} ").replace(f"{video.path}: ", "")
        }
    value = {key: plain(number) for key, number in asdict(line).items()} | {"drifts": line.drifts}
    if "offset" in pictures:
        apart = abs(line.offset - pictures["offset"])
        value["agrees_with_pictures"] = bool(apart <= AGREE + pictures["offset_within"] + line.offset_within)
    return value


def _agreeing(entry: dict[str, Any]) -> list[str]:
    """Which of sound, flash and pictures say the same: the largest such group, of equals that of the surest; [] if
    there are no two.
    """
    ways = {"sound": entry["sound"], "flash": entry["flash"], "pictures": entry}
    known = {way: line for way, line in ways.items() if "offset" in line}

    def near(way: str, other: str) -> bool:
        room = AGREE if "pictures" in (way, other) else 0.0
        room += sum(known[one]["offset_within"] for one in (way, other))
        return bool(abs(known[way]["offset"] - known[other]["offset"]) <= room)

    groups = [[way, *(other for other in known if other != way and near(way, other))] for way in known]
    best = max(groups, key=len, default=[])
    return best if len(best) > 1 else []


def say_offset(entry: dict[str, Any]) -> None:
    """Lines for people: by sound, by a flash of light, by pictures, and which of them agree."""
    ways = [("sound", entry.get("sound", {})), ("a flash of light", entry.get("flash", {})), ("pictures", entry)]
    for way, line in ways:
        if "offset_within" in line:  # as the reference itself has none
            unsure = f" ± {line['rate_within']:.6f}" if "rate_within" in line else ""
            say(f"  {entry['video']}: at {line['offset']:+.3f} ± {line['offset_within']:.3f} s where the reference "
                f"begins, runs × {line['rate']:.6f}{unsure} by {way}")  # fmt: skip
        elif "problem" in line:
            say(f"  {entry['video']}: nothing by {way}: {line['problem']}")
    sound = entry.get("sound", {})
    if "offset" in sound:
        say(f"    by sound {'the two drift apart' if sound['drifts'] else 'no measurable drift'}")
    known = [way for way, line in ways if "offset" in line]
    if len(known) > 1:
        agree = entry["agree"]
        said = f"{' and '.join(agree)} agree" if agree else "no two agree"
        say(f"    {said}; trust {agree[0] if agree else known[0]} most")


def trusted(entry: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The way to trust most, and what it found; None where nothing did. Of the reference: an offset of 0."""
    if "sound" not in entry:
        return "reference", entry
    ways = {"sound": entry["sound"], "flash": entry["flash"], "pictures": entry}
    known = [way for way, line in ways.items() if "offset" in line]
    best = entry["agree"][:1] or known[:1]
    return (best[0], ways[best[0]]) if best else None


def by_offsets(videos: VideoSet, entries: Sequence[dict[str, Any]], timeline: Timeline) -> Timeline:
    """The videos at their own pace where their offsets put them; NaN before a video's begin and after its end.

    A rate that is not distinguishable from 1 is 1. A video without a known offset is left out, with a warning.

    Args:
        entries: of `offsets_of`. timeline: of the same videos; its names are kept.
    """
    from dataclasses import replace

    import numpy as np

    from syncline.video import open_video

    lines, ends = [], []
    for video, entry in zip(videos, entries, strict=True):
        found = trusted(entry)
        if found is None:
            say(f"  {video.name}: no offset is known, so it is left out of the editor's timeline")
        line = {"offset": np.nan, "rate": 1.0} if found is None else found[1]
        told = abs(line["rate"] - 1) > (line.get("rate_within") or 0.0)
        lines.append((line["offset"], line["rate"] if told else 1.0))
        ends.append(float(open_video(video.path).pts_seconds[-1]) + 1 / video.frame_rate)
    offset, rate = (np.array(column)[:, None] for column in zip(*lines, strict=True))
    length = np.array(ends)[:, None]
    seconds = np.concatenate([-offset / rate, (length - offset) / rate])
    seconds = np.unique(np.round(seconds[~np.isnan(seconds)], 9))
    positions = offset + rate * seconds
    outside = np.isnan(positions) | (positions < -1e-6) | (positions > length + 1e-6)
    positions = np.where(outside, np.nan, np.clip(positions, 0, length))
    return replace(timeline, seconds=seconds - seconds[0], positions=positions, coverage=(~outside).mean(axis=1))
