"""``syncline scan``: what each video of a folder is, what is broken, and what will not align well."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.cli.device_options import add_compute_options, use
from syncline.errors import SynclineError
from syncline.wording import counted, spoken

if TYPE_CHECKING:
    from syncline.data import Embedding
    from syncline.video import VideoInfo
    from syncline.video.alignment_hints import Glance, Hint
    from syncline.video.scan_cache import ScanCache

EPILOG = """examples:
  syncline scan videos/
  syncline scan videos/ --quick --json > videos.json
  syncline scan videos/ --people        # which clips show nobody: there body pose cannot be used
  syncline scan videos/ --deep          # repetitions, other activities and tempo by features of a network

Hints are cheap signs from small pictures. Slow motion is told against the other clips (four or more), mirrored clips
mostly where the camera stands still; on the hand, or where a movement is the same both ways, they are not told.
Exit code 0 where at least one file can be read, 1 otherwise. What was learnt is kept by the content of each file.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.epilog = EPILOG
    parser.add_argument("folder", type=Path, help="folder of videos, with its sub-folders; or one video")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of the table")
    parser.add_argument("--quick", action="store_true", help="only what each file is: no look at the pictures")
    parser.add_argument(
        "--deep", action="store_true", help="features of the frozen backbone for the hints: slower, sees more"
    )
    parser.add_argument(
        "--people", action="store_true", help="say which clips show no person, by the pose estimator (docs: Body pose)"
    )
    parser.add_argument("--cache", type=Path, help="folder that keeps what was learnt (default: the user's)")
    add_compute_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Scans, prints as it goes."""
    from syncline.video.scan_cache import ScanCache

    if arguments.quick and arguments.deep:
        raise SynclineError("--quick and --deep contradict each other; give one of them")
    if arguments.deep:
        use(arguments)
    cache = ScanCache(None if arguments.cache is None else arguments.cache / "scan")
    infos = []
    aside: Counter[str] = Counter()
    for info in _infos(arguments.folder, cache, aside):
        infos.append(info)
        if not arguments.json:
            if len(infos) == 1:
                print(_row(("file", "frames", "seconds", "rate", "size", "turn", "codec", "remarks")), flush=True)
            print(_line(info, arguments.folder), flush=True)
    if not infos:
        raise SynclineError(f"{arguments.folder} holds no video")
    good = [info for info in infos if info.problem is None]
    hints = [] if arguments.quick else _hints(good, cache, arguments)
    if arguments.people:
        hints += _without_people(good, arguments.cache)
    if arguments.json:
        told = {"files": [_value(info) for info in infos], "hints": [_hint(h) for h in hints], "left_aside": +aside}
        print(json.dumps(told, indent=2))
    else:
        _summary(infos, hints, aside, arguments.folder)
    return 0 if good else 1


def _infos(folder: Path, cache: ScanCache, aside: Counter[str]) -> Iterable[VideoInfo]:
    from itertools import chain

    from syncline.parallel import results_in_order
    from syncline.video.frame_folders import find_frame_folders
    from syncline.video.scan_files import scan_folder

    if folder.is_file():
        return [cache.scan(folder)]
    found = iter(scan_folder(folder, scan=cache.scan, aside=aside))
    first = next(found, None)
    if first is None:
        return results_in_order(find_frame_folders(folder), cache.scan)
    return chain([first], found)


def _hints(good: list[VideoInfo], cache: ScanCache, arguments: argparse.Namespace) -> list[Hint]:
    from syncline.cli.terminal import progress
    from syncline.parallel import results_in_order
    from syncline.video.alignment_hints import hints_for

    glances: list[Glance] = []
    with progress("looking at pictures", len(good)) as step:
        for glance in results_in_order((info.path for info in good), cache.glance):
            if glance is not None:
                glances.append(glance)
            step()
    if not arguments.deep:
        return hints_for(glances)
    from syncline.cli.terminal import Bars
    from syncline.tasks.clip_tempo import tempos

    embeddings = _features(glances, arguments.cache)
    with Bars() as bars:
        return hints_for(glances, features=[e.vectors for e in embeddings], tempos=tempos(embeddings, callback=bars))


def _without_people(good: list[VideoInfo], cache: Path | None) -> list[Hint]:
    """Clips in which nobody is found."""
    from syncline.cli.terminal import Bars, warn
    from syncline.data import open_videos
    from syncline.pose.estimator import HOW_TO_GET_IT, find_python
    from syncline.pose.people_present import FRAMES, NEEDED, people_in
    from syncline.video.alignment_hints import Hint

    if find_python() is None:
        raise SynclineError(HOW_TO_GET_IT)
    videos = list(open_videos([info.path for info in good]))
    with Bars() as bars:
        found = people_in(videos, cache, clips=None, callback=bars)
    warn(str(found))
    lacking = [(video, share) for video, share in zip(videos, found.shares, strict=True) if share < NEEDED]
    if len(lacking) == len(videos) > 1:
        return [Hint(videos[0].path.parent, "people", "no clip shows a person for long", "pictures serve, not poses")]
    advice = "poses (--features pose) would know little of it"
    return [
        Hint(video.path, "people", f"no person in {1 - share:.0%} of {FRAMES} frames", advice)
        for video, share in lacking
    ]


def _features(glances: list[Glance], cache: Path | None) -> list[Embedding]:
    from syncline.cli.terminal import Bars
    from syncline.data import open_videos
    from syncline.encoder import FeatureCache, frozen_embeddings

    videos = {video.path: video for video in open_videos([glance.path for glance in glances])}
    with Bars() as bars:
        wanted = [videos[glance.path] for glance in glances]
        return frozen_embeddings(wanted, FeatureCache(cache), callback=bars)


def _row(cells: tuple[str, ...]) -> str:
    name, frames, seconds, rate, size, turn, codec, remarks = cells
    return f"{name:<40} {frames:>7} {seconds:>8} {rate:>9} {size:>9} {turn:>4} {codec:<6} {remarks}".rstrip()


def _line(info: VideoInfo, folder: Path) -> str:
    name = _printable(str(_inside(info.path, folder)))
    name = name if len(name) <= 40 else "…" + name[-39:]
    if info.problem is not None:
        return f"{name:<40} cannot be used: {_printable(info.problem)}"
    rate = f"{info.frame_rate:.2f}" + ("" if info.constant_rate else " var")
    size = f"{info.width}x{info.height}"
    cells = (name, str(info.num_frames), f"{info.duration:.2f}", rate, size, str(info.rotation or ""), info.codec)
    return _row((*cells, "; ".join(info.remarks)))


def _inside(path: Path, folder: Path) -> Path:
    """A path from the folder on that is scanned."""
    return path.relative_to(folder) if path.is_relative_to(folder) and path != folder else path


def _printable(text: str) -> str:
    """A name with what a terminal would obey, or cannot write, replaced."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    encoding = sys.stdout.encoding or "utf-8"
    return shown.encode(encoding, "replace").decode(encoding)


def _value(info: VideoInfo) -> dict[str, Any]:
    return {**dataclasses.asdict(info), "path": str(info.path)}


def _hint(hint: Hint) -> dict[str, str]:
    return {**dataclasses.asdict(hint), "path": str(hint.path)}


def _summary(infos: list[VideoInfo], hints: list[Hint], aside: Counter[str], folder: Path) -> None:
    from syncline.video.discovery import told_aside

    good = [info for info in infos if info.problem is None]
    seconds = sum(info.duration for info in good)
    lasting = f"{seconds:.1f} s" if seconds < 10 else spoken(seconds)
    rates = sorted(
        {float(f"{info.frame_rate:.2g}") if info.frame_rate < 1 else round(info.frame_rate) for info in good}
    )
    usable = f"{len(good)} of {counted(len(infos), 'file')} can be used"
    print(f"\n{usable}: {lasting}, {_rates(rates)} frames a second")
    if told_aside(aside):
        print(f"left out: {told_aside(aside)}")
    sizes = Counter(f"{info.width}x{info.height}" for info in good)
    if len(sizes) > 1:
        print("sizes: " + ", ".join(f"{count} of {size}" for size, count in sizes.most_common(4)))
    for hint in hints:
        print(f"  {hint.kind}: {_printable(f'{_inside(hint.path, folder)}: {hint.seen}; {hint.advice}')}")


def _rates(rates: list[float]) -> str:
    return f"{rates[0]:g} to {rates[-1]:g}" if len(rates) > 1 else (f"{rates[0]:g}" if rates else "no")
