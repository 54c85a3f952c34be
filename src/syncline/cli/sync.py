"""``syncline sync FOLDER``: all videos of a folder on one common timeline."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.cli.consensus import add_consensus_options, check_consensus_options, consensus_of
from syncline.cli.editor_timeline import add_timeline_option, check_timeline, write_editor_timeline
from syncline.cli.embedder import Embedder, add_embedding_options
from syncline.cli.options import add_label_rate, labels_of, pick
from syncline.cli.outputs import add_output_options, draw, prepare_folder
from syncline.cli.template import save_template
from syncline.cli.terminal import Bars, progress, say, warn
from syncline.wording import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from syncline.alignment.pair_posteriors import Mapper
    from syncline.data import Embedding, Video, VideoSet
    from syncline.tasks import FolderConsensus, Timeline
    from syncline.tasks.align import PairAligner

EPILOG = """\
examples:
  syncline sync videos/
  syncline sync videos/ --no-consensus --reference best.mp4 --out synced
  syncline sync cameras/ --copies cut --sound         # a copy of each that begins at the first common moment
  syncline sync cameras/ --same-event        # several cameras, one event: offset and drift of each
  syncline sync videos/ --save-template swings.template --labels marks.csv   # for new clips, without the folder
  syncline sync videos/ --ray auto --workers 64 --no-films   # alignments on the cluster of this machine

writes into --out: timeline.csv (a row an instant of the common time, a column a video: its second, empty where it has
no part), sync.json (reference, coverage and misfit of every video, offsets), the picture timeline, and grid.mp4; with
--copies the folder copies/: equally many frames each, at one rate, whole pictures throughout.
"""


AGREE = 0.1
"""Seconds by which the offsets by pictures and by sound may differ, beside what both are unsure of."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.epilog = EPILOG
    parser.add_argument("source", help="folder of videos, or a manifest (.csv)")
    add_output_options(parser, "synced")
    parser.add_argument("--method", choices=["joint", "star"], help=argparse.SUPPRESS)  # of 0.1.0; star: --no-consensus
    parser.add_argument("--reference", help="the video to begin with (default: the one that matches the others best)")
    parser.add_argument("--same-event", action="store_true", help="also estimate offset and drift of every video")
    parser.add_argument("--grid", type=int, default=9, metavar="N", help="most videos in the grid film (default: 9)")
    parser.add_argument("--height", type=int, default=240, help="pixels of a picture in the film (default: 240)")
    parser.add_argument("--no-films", action="store_true", help="write no grid")
    parser.add_argument("--copies", choices=["retimed", "cut"],
                        help="also a copy of every video: retimed, in step throughout; cut, each at its own pace from "
                        "the first moment that all show")  # fmt: skip
    parser.add_argument("--copies-rate", type=float, metavar="HZ", help="frames a second (default: the reference's)")
    parser.add_argument("--sound", action="store_true", help="copies keep their sound, as fast as the pictures")
    parser.add_argument(
        "--ray", nargs="?", const="local", metavar="ADDRESS",
        help="align on workers of Ray (extra [ray]): of the cluster at ADDRESS ('auto': of this machine), or of a Ray "
             "that is started here",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="workers of --ray (default: 2)")
    parser.add_argument("--save-template", type=Path, metavar="FILE",
                        help="also write what the folder agrees on, small, for transfer, deviate and align --template "
                        "with clips that come later")  # fmt: skip
    parser.add_argument("--labels", type=Path, help="with --save-template: key events, kept in it, in any form")
    add_label_rate(parser)
    add_consensus_options(parser, without="align each video with the reference alone")
    add_timeline_option(parser)
    add_embedding_options(parser)


def _check(arguments: argparse.Namespace) -> None:
    from syncline.errors import SynclineError

    if (arguments.copies_rate or arguments.sound) and not arguments.copies:
        raise SynclineError("--copies-rate and --sound are about copies; add --copies retimed or --copies cut")
    if arguments.grid < 1 or arguments.height < 2 or arguments.workers < 1:
        raise SynclineError("--grid and --workers must be at least 1 and --height at least 2")
    if arguments.labels is not None and arguments.save_template is None:
        raise SynclineError("--labels are kept in a template; add --save-template FILE")
    if arguments.method is not None:
        warn("--method is no longer needed: the group decides, or with --no-consensus the reference")
        arguments.no_consensus |= arguments.method == "star"
    if arguments.save_template is not None and arguments.no_consensus:
        raise SynclineError("--save-template keeps the consensus; leave --no-consensus out")
    check_timeline(arguments)
    check_consensus_options(arguments)


def run(arguments: argparse.Namespace) -> None:
    """Synchronises and writes."""
    from syncline.data import open_videos
    from syncline.errors import SynclineError
    from syncline.files import write_json
    from syncline.tasks import synchronize
    from syncline.tasks.result_files import plain, timeline_rows, write_rows

    _check(arguments)
    videos = open_videos(arguments.source)
    if len(videos) < 2:
        raise SynclineError(f"{arguments.source} holds one video; synchronising needs two or more")
    chosen = None if arguments.reference is None else pick(videos, arguments.reference)
    prepare_folder(arguments.out)
    embedder = Embedder.of(arguments)
    embeddings = embedder.embed(videos)
    reference = None if chosen is None else embeddings[chosen].source
    joint = not arguments.no_consensus and len(videos) > 2
    folder = None
    if joint or arguments.save_template is not None:
        with _mapper(arguments) as mapper:
            folder = consensus_of(videos, embeddings, pins=arguments.pins, mapper=mapper)
    if arguments.save_template is not None and folder is not None:
        _template(arguments, embedder, videos, folder)
    consensus = None if folder is None else folder.group
    with progress("synchronising", 1) as step, _aligner(arguments, joint) as aligner:
        timeline = synchronize(
            embeddings, method="joint" if joint else "star", reference=reference, consensus=consensus, aligner=aligner
        )
        step()
    names = [video.name for video in videos]
    rows, columns = timeline_rows(timeline, names)
    write_rows(arguments.out / "timeline.csv", rows, columns)
    start = timeline.sources.index(timeline.reference)
    value: dict[str, Any] = {
        "method": "joint" if joint else "star",
        "made_with": embedder.described,
        "reference": names[start],
        "videos": [
            {"video": name, "coverage": plain(share), "misfit_seconds": plain(misfit)}
            for name, share, misfit in zip(names, timeline.coverage, timeline.inconsistency, strict=True)
        ],
    }
    if arguments.same_event:
        value["offsets"] = _offsets(videos, embeddings, start)
    write_json(arguments.out / "sync.json", value)
    say("    misfit   on the timeline   video")
    for entry in sorted(value["videos"], key=lambda entry: -(entry["misfit_seconds"] or 0.0)):
        misfit = "–" if entry["misfit_seconds"] is None else f"{entry['misfit_seconds']:.2f} s"
        say(f"  {misfit:>8}   {entry['coverage']:15.0%}   {entry['video']}")
    for entry in value.get("offsets", []):
        _say_offset(entry)
    say(f"results in {arguments.out}; reference {names[start]}")
    write_editor_timeline(arguments, videos, timeline.seconds, list(timeline.positions))
    draw(arguments, "timeline", lambda: _picture(timeline, names))
    if not arguments.no_films:
        _film(arguments, videos, timeline, reference)
    if arguments.copies:
        _copies(arguments, videos, timeline)


def _template(arguments: argparse.Namespace, embedder: Embedder, videos: VideoSet, folder: FolderConsensus) -> None:
    """Writes --save-template, with the events of --labels."""
    from syncline.cli.transfer import marks_of

    names: tuple[str, ...] = ()
    events = {}
    if arguments.labels is not None:
        marks = marks_of(videos, labels_of(videos, arguments.labels, label_rate=arguments.label_rate))
        names = next(iter(marks.values()))[0] if marks else ()
        events = {i: seconds for i, (_, seconds) in marks.items()}
    save_template(arguments.save_template, embedder, videos, folder, names, events)


def _picture(timeline: Timeline, names: list[str]) -> Figure:
    from syncline.report.figures import timeline_figure

    return timeline_figure(timeline, names=names)


def _mapper(arguments: argparse.Namespace) -> AbstractContextManager[Mapper]:
    """What does the alignments of the consensus: this process, or Ray."""
    if arguments.ray is None:
        return nullcontext(map)
    from syncline.tasks.align_on_ray import map_on_ray

    return map_on_ray(arguments.ray, arguments.workers)


def _aligner(arguments: argparse.Namespace, joint: bool) -> AbstractContextManager[PairAligner]:
    """What does the alignments with the reference, of which the consensus needs none."""
    from syncline.tasks import align_pairs
    from syncline.tasks.align_on_ray import pairs_on_ray

    return (
        nullcontext(align_pairs) if joint or arguments.ray is None else pairs_on_ray(arguments.ray, arguments.workers)
    )


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


def _offsets(videos: VideoSet, embeddings: list[Embedding], start: int) -> list[dict[str, Any]]:
    """second of the video = offset + rate × second of the reference; for the reference itself nothing is estimated."""
    from dataclasses import asdict

    from syncline.errors import SynclineError
    from syncline.tasks import estimate_offset
    from syncline.tasks.flash import flashes_of, match_flashes
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
    from dataclasses import asdict

    from syncline.errors import SynclineError
    from syncline.tasks.result_files import plain
    from syncline.tasks.sound import sound_offset

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


def _say_offset(entry: dict[str, Any]) -> None:
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
        say(f"    by sound {'the two drift apart' if sound['drifts'] else 'no drift that can be told'}")
    known = [way for way, line in ways if "offset" in line]
    if len(known) > 1:
        agree = entry["agree"]
        said = f"{' and '.join(agree)} agree" if agree else "no two agree"
        say(f"    {said}; trust {agree[0] if agree else known[0]} most")


def _copies(arguments: argparse.Namespace, videos: VideoSet, timeline: Timeline) -> None:
    from syncline.tasks.copies import write_copies

    with Bars() as bars:
        written = write_copies(
            [video.path for video in videos], timeline, arguments.out / "copies", kind=arguments.copies,
            rate=arguments.copies_rate, sound=arguments.sound, callback=bars,
        )  # fmt: skip
    say(f"copies of {counted(len(written), 'video')} in {arguments.out / 'copies'}")


def _film(arguments: argparse.Namespace, videos: VideoSet, timeline: Timeline, reference: str | None) -> None:
    """The grid: all, or the first few on the same timeline."""
    from dataclasses import replace

    from syncline.tasks.playback import grid

    chosen = list(range(len(videos)))[: arguments.grid]
    if len(chosen) < 2:
        return
    if reference is not None and timeline.sources.index(reference) not in chosen:
        chosen[-1] = timeline.sources.index(reference)
    part = replace(
        timeline,
        sources=tuple(timeline.sources[i] for i in chosen),
        positions=timeline.positions[chosen],
        inconsistency=timeline.inconsistency[chosen],
        coverage=timeline.coverage[chosen],
    )
    if len(chosen) < len(videos):
        say(f"grid.mp4 shows {len(chosen)} of {counted(len(videos), 'video')}; --grid {len(videos)} shows all")
    with Bars() as bars:
        grid(
            [videos[i].path for i in chosen], part, arguments.out / "grid.mp4", height=arguments.height,
            names=[videos[i].name for i in chosen], callback=bars,
        )  # fmt: skip
