"""``syncline sync FOLDER``: all videos of a folder on one common timeline."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.cli.argument_values import add_label_options, labels_of, pick
from syncline.cli.consensus_options import add_consensus_options, check_consensus_options, consensus_of
from syncline.cli.embedding_options import Embedder, add_embedding_options, check_embedding_options
from syncline.cli.output_files import add_output_options, draw, prepare_folder
from syncline.cli.sync_same_event import by_offsets, offsets_of, say_offset
from syncline.cli.template_options import save_template
from syncline.cli.terminal import Bars, progress, say, warn
from syncline.cli.timeline_option import add_timeline_option, check_timeline, write_editor_timeline
from syncline.cli.transfer import Marks, marks_of
from syncline.wording import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from syncline.alignment.pair_posteriors import Mapper
    from syncline.data import VideoSet
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


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
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
    add_label_options(parser)
    add_consensus_options(parser, without="align each video with the reference alone")
    add_timeline_option(parser)
    add_embedding_options(parser)


def _check(arguments: argparse.Namespace) -> None:
    from syncline.errors import SynclineError

    if (arguments.copies_rate is not None or arguments.sound) and not arguments.copies:
        raise SynclineError("--copies-rate and --sound are about copies; add --copies retimed or --copies cut")
    if arguments.copies_rate is not None:
        from syncline.tasks.synchronised_copies import MOST_RATE

        if not 0 < arguments.copies_rate <= MOST_RATE:
            raise SynclineError(
                f"--copies-rate {arguments.copies_rate:g}: expected a number above 0, up to {MOST_RATE}"
            )
    if arguments.grid < 1 or arguments.height < 2 or arguments.workers < 1:
        raise SynclineError("--grid and --workers must be at least 1 and --height at least 2")
    if arguments.labels is not None and arguments.save_template is None:
        raise SynclineError("--labels are kept in a template; add --save-template FILE")
    if arguments.method is not None:
        warn("--method is no longer needed: the group decides, or with --no-consensus the reference")
        arguments.no_consensus |= arguments.method == "star"
    if arguments.save_template is not None and arguments.no_consensus:
        raise SynclineError("--save-template keeps the consensus; leave --no-consensus out")
    if arguments.save_template is not None and arguments.save_template.is_dir():
        raise SynclineError(f"--save-template {arguments.save_template} is a folder; give a file")
    check_timeline(arguments)
    check_consensus_options(arguments)


def run(arguments: argparse.Namespace) -> None:
    """Synchronises and writes."""
    _check(arguments)
    check_embedding_options(arguments)

    from syncline.data import open_videos
    from syncline.errors import SynclineError
    from syncline.files import write_json
    from syncline.tasks import synchronize
    from syncline.tasks.result_files import plain, timeline_rows, write_rows

    videos = open_videos(arguments.source)
    if len(videos) < 2:
        raise SynclineError(f"{arguments.source} holds one video; synchronising needs two or more")
    chosen = None if arguments.reference is None else pick(videos, arguments.reference)
    marks = {} if arguments.labels is None else marks_of(videos, labels_of(videos, arguments))
    prepare_folder(arguments.out)
    if arguments.save_template is not None:
        prepare_folder(arguments.save_template.absolute().parent, mark=False)
    embedder = Embedder.of(arguments)
    # a template keeps what a run embeds, for new clips are embedded by it
    embeddings = embedder.embed_folder(videos) if arguments.save_template is None else embedder.embed(videos)
    reference = None if chosen is None else embeddings[chosen].source
    joint = not arguments.no_consensus and len(videos) > 2
    folder = None
    if joint or arguments.save_template is not None:
        with _mapper(arguments) as mapper:
            folder = consensus_of(videos, embeddings, pins=arguments.pins, mapper=mapper)
    if arguments.save_template is not None and folder is not None:
        _template(arguments, embedder, videos, folder, marks)
    with progress("synchronising", 1) as step, _aligner(arguments, joint) as aligner:
        timeline = synchronize(
            embeddings, method="joint" if joint else "star", reference=reference, consensus=folder, aligner=aligner
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
            {"video": name, "coverage": plain(share), "misfit_seconds": plain(misfit), "doubtful": bool(guess)}
            for name, share, misfit, guess in zip(
                names, timeline.coverage, timeline.inconsistency, timeline.doubtful, strict=True
            )
        ],
    }
    if timeline.match_score is not None:
        for entry, score in zip(value["videos"], timeline.match_score, strict=True):
            entry["match_score"] = plain(score)
    if arguments.same_event:
        value["offsets"] = offsets_of(videos, embeddings, start)
    write_json(arguments.out / "sync.json", value)
    _say_result(value)
    say(f"results in {arguments.out}; reference {names[start]}")
    own_pace = by_offsets(videos, value["offsets"], timeline) if arguments.same_event else None
    edited = _to_the_end(timeline) if own_pace is None else own_pace
    write_editor_timeline(arguments, videos, edited.seconds, list(edited.positions))
    draw(arguments, "timeline", lambda: _picture(timeline, names))
    if not arguments.no_films:
        _film(arguments, videos, timeline, reference)
    if arguments.copies:
        cut = own_pace is not None and arguments.copies == "cut"
        _copies(arguments, videos, own_pace if cut and own_pace is not None else timeline)


def _say_result(value: Mapping[str, Any]) -> None:
    """A line a video, those that fit worst first, and the offsets where they were asked for."""
    from syncline.alignment.alignment_settings import MATCH_THRESHOLD

    say("    misfit   on the timeline   video")
    for entry in sorted(value["videos"], key=lambda entry: -(entry["misfit_seconds"] or 0.0)):
        misfit = "–" if entry["misfit_seconds"] is None else f"{entry['misfit_seconds']:.2f} s"
        score = entry.get("match_score")
        alone = score is not None and score < MATCH_THRESHOLD
        whom, which = ("the others", "best score") if value["method"] == "joint" else ("the reference", "score")
        alike = f"nothing in common with {whom} ({which} {score or 0.0:.3f}, needs {MATCH_THRESHOLD:.2f})"
        low = alike if alone else "fits badly"
        guess = f"   {low}: a guess" if entry["doubtful"] else ""
        say(f"  {misfit:>8}   {entry['coverage']:15.0%}   {entry['video']}{guess}")
    for entry in value.get("offsets", []):
        say_offset(entry)


def _template(
    arguments: argparse.Namespace, embedder: Embedder, videos: VideoSet, folder: FolderConsensus, marks: Marks
) -> None:
    """Writes --save-template, with the events of --labels."""
    names = next(iter(marks.values()))[0] if marks else ()
    events = {i: seconds for i, (_, seconds) in marks.items()}
    save_template(arguments.save_template, embedder, videos, folder, names, events)


def _picture(timeline: Timeline, names: list[str]) -> Figure:
    from syncline.report.figures import timeline_figure

    return timeline_figure(timeline, names=names)


def _mapper(arguments: argparse.Namespace) -> AbstractContextManager[Mapper]:
    """The function that aligns the pairs of the consensus: on this machine, or on Ray."""
    if arguments.ray is None:
        return nullcontext(map)
    from syncline.tasks.align_on_ray import map_on_ray

    return map_on_ray(arguments.ray, arguments.workers)


def _aligner(arguments: argparse.Namespace, joint: bool) -> AbstractContextManager[PairAligner]:
    """The function that aligns pairs with the reference; not needed with the consensus."""
    from syncline.tasks import align_pairs
    from syncline.tasks.align_on_ray import pairs_on_ray

    return (
        nullcontext(align_pairs) if joint or arguments.ray is None else pairs_on_ray(arguments.ray, arguments.workers)
    )


def _to_the_end(timeline: Timeline) -> Timeline:
    """With an instant more at its end, so that an editor shows the last picture as long as any other."""
    from dataclasses import replace

    import numpy as np

    seconds, positions = timeline.seconds, timeline.positions
    if len(seconds) < 2:
        return timeline
    return replace(
        timeline,
        seconds=np.append(seconds, 2 * seconds[-1] - seconds[-2]),
        positions=np.column_stack([positions, 2 * positions[:, -1] - positions[:, -2]]),
    )


def _copies(arguments: argparse.Namespace, videos: VideoSet, timeline: Timeline) -> None:
    from syncline.tasks.synchronised_copies import write_copies

    with Bars() as bars:
        written = write_copies(
            [video.path for video in videos], timeline, arguments.out / "copies", kind=arguments.copies,
            rate=arguments.copies_rate, sound=arguments.sound, callback=bars,
        )  # fmt: skip
    say(f"copies of {counted(len(written), 'video')} in {arguments.out / 'copies'}")


def _film(arguments: argparse.Namespace, videos: VideoSet, timeline: Timeline, reference: str | None) -> None:
    """The grid: all, or the first few on the same timeline."""
    from dataclasses import replace

    from syncline.tasks.aligned_films import grid

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
