"""``syncline transfer FOLDER --labels FILE``: key events from the labelled videos to all others."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.cli.argument_values import add_label_options, labels_of, say_time_origin
from syncline.cli.consensus_options import add_consensus_options, check_consensus_options, consensus_of
from syncline.cli.embedding_options import Embedder, add_embedding_options, check_embedding_options
from syncline.cli.lerobot_copy import add_lerobot_option, check_lerobot, write_subtasks
from syncline.cli.output_files import add_output_options, draw, prepare_folder
from syncline.cli.template_options import add_template_option, check_one_source, clips_of, join, open_template
from syncline.cli.terminal import say, warn
from syncline.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from syncline.data import Video, VideoSet
    from syncline.data.labels.video_labels import LabelTrack
    from syncline.tasks import Transferred
    from syncline.tasks.transfer_result import LeftOut

EPILOG = """\
examples:
  syncline transfer videos/ --labels marks.csv
  syncline transfer videos/ --labels project.boris --events lift pour put --form json boris
  syncline transfer videos/ --labels marks.eaf --run runs/pour --form all
  syncline transfer videos/ --suggest 2
  syncline transfer new.mp4 newer.mp4 --template swings.template     # of syncline sync --save-template --labels

All videos vote, labelled or not (--no-consensus asks the labelled ones alone); --suggest names the videos to
label first, before there is any label. Writes into --out: transferred.csv (video, event, seconds, confidence, found or
absent, second peak, best match score with another video), the labels of all videos in the chosen forms, and, with three
labelled videos or more, the picture reliability. It ends with the video to label next. A confidence is the probability
that an event lies within the tolerance. A video that shows nothing in common with the others gets no events (--force:
guesses); where that holds of all targets, or of all labelled videos, the exit code is 1. Seconds of an episode that is
a part of a longer file count from where the episode begins.
"""
WRITTEN = {
    "csv": "labels.csv", "json": "labels.json", "boris": "labels.boris", "boris-csv": "labels_boris.csv",
    "label-studio": "labels_label_studio.json", "activitynet": "labels_activitynet.json", "elan": "elan", "srt": "srt",
    "vtt": "vtt", "npy": "npy", "text": "text",
}  # fmt: skip
"""File or, of forms of one video, folder that each form of labels is written into."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = EPILOG
    parser.add_argument("source", help="folder of videos, or a manifest (.csv)")
    parser.add_argument("more", nargs="*", help="with --template: more new clips")
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--labels", type=Path, help="key events of one or more videos, in any form")
    given.add_argument("--suggest", type=int, metavar="K", help="name the K videos to label first, and stop")
    add_template_option(given)
    parser.add_argument("--events", nargs="+", metavar="NAME", help="which events, in order (default: all there are)")
    parser.add_argument("--form", nargs="+", choices=[*WRITTEN, "all"], default=["csv"],
                        help="forms of the labels that are written (default: csv)")  # fmt: skip
    parser.add_argument("--tolerance", type=float, metavar="SECONDS",
                        help="what counts as the same moment (default: a twentieth of the median video)")  # fmt: skip
    parser.add_argument(
        "--absent-below",
        type=float,
        metavar="CONFIDENCE",
        help="an event of less confidence than this is absent (default: 0.2)",
    )
    parser.add_argument("--force", action="store_true",
                        help="place events in videos that show nothing in common with the others, too")  # fmt: skip
    add_consensus_options(parser, without="the labelled videos alone vote")
    add_output_options(parser, "transferred")
    add_lerobot_option(parser)
    add_label_options(parser, written=True)
    add_embedding_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Transfers and writes, or names what to label; 1 where there is nothing in common that could carry events."""
    from syncline.errors import SynclineError

    if arguments.absent_below is not None and not 0 <= arguments.absent_below <= 1:
        raise SynclineError("--absent-below must be in [0, 1]")
    if arguments.tolerance is not None and not 0 < arguments.tolerance < float("inf"):
        raise SynclineError(f"--tolerance must be above 0 seconds, got {arguments.tolerance:g}")
    if arguments.suggest is not None and arguments.suggest < 1:
        raise SynclineError(f"--suggest must be at least 1, got {arguments.suggest}")
    check_one_source(arguments)
    check_consensus_options(arguments)
    check_embedding_options(arguments)
    check_lerobot(arguments)

    from syncline.data import open_videos

    if arguments.template is not None:
        return _by_template(arguments)
    videos = open_videos(arguments.source)
    if arguments.suggest is not None:
        _suggest(arguments, videos)
        return 0
    marks = marks_of(videos, labels_of(videos, arguments, arguments.events))
    _check_names(arguments, videos, marks)
    if not marks:
        raise SynclineError(f"{arguments.labels} marks no event in any video of {videos.name}")
    prepare_folder(arguments.out)
    return _transfer(arguments, videos, marks)


def _check_names(arguments: argparse.Namespace, videos: VideoSet, marks: Marks) -> None:
    """Refuses a name of --events that the labels do not know, which is a slip of the pen.

    Raises:
        SynclineError: with the names that there are.
    """
    from syncline.errors import SynclineError

    unmarked = [
        name
        for k, name in enumerate(arguments.events or ())
        if all(seconds[k] is None for _, seconds in marks.values())
    ]
    if not unmarked:
        return
    there = dict.fromkeys(name for track in labels_of(videos, arguments) for name in track.event_names)
    for name in unmarked:
        if name not in there:
            known = f"has {', '.join(there)}" if there else "names none"
            raise SynclineError(f"--events {name}: there is no such event; {arguments.labels} {known}")


def _transfer(arguments: argparse.Namespace, videos: VideoSet, marks: Marks) -> int:
    from syncline.tasks import next_to_label
    from syncline.tasks.transfer import carry_events, election_of

    names = next(iter(marks.values()))[0]
    embedder = Embedder.of(arguments)
    embeddings = embedder.beside_frozen(videos, embedder.embed(videos))
    others = [i for i in range(len(videos)) if i not in marks]
    order = [*marks, *others]
    folder = None if arguments.no_consensus else consensus_of(videos, embeddings, order=order, pins=arguments.pins)
    election = election_of([embeddings[i] for i in order], folder, arguments.tolerance, arguments.absent_below, None)
    by_order = {number: events for number, (_, events) in enumerate(marks.values())}
    carried = carry_events(election, by_order, range(len(marks), len(order)), refuse=not arguments.force)
    found = carried.targets
    if any(embedding.frame_vectors is not None for embedding in embeddings):
        say(f"frozen features are aligned; single frames are compared by the run and count {election.frames:.0%}")
    rows = _write(arguments, videos, names, marks, dict(zip(others, found, strict=True)))
    _reliability(arguments, carried.left_out)
    carried_to = f"{counted(len(names), 'event')} carried to {len(others)}"
    said = carried_to if others else "no video is left to carry their events to"
    say(f"{counted(len(marks), 'labelled video')}, {said}; results in {arguments.out}")
    if others:
        _say_events(rows)
        say(f"confidence: the probability that an event lies within {found[0].tolerance:.2f} s")
        by_source = {embeddings[i].source: videos[i].name for i in others}
        strangers = () if folder is None else [embeddings[order[i]].source for i in folder.votes.strangers]
        say(f"label next: {by_source[next_to_label(found, strangers=strangers)]}")
    if arguments.force:
        return 0
    told = _say_strangers(
        {videos[i].name: score for i, score in zip(marks, carried.labelled_scores, strict=True)},
        "what it is labelled with is a poor guide",
    )
    return max(told, _say_strangers({videos[i].name: f.match_score for i, f in zip(others, found, strict=True)}))


NAMED = 8
"""Videos of a kind that are named one by one."""


def _say_events(rows: Sequence[dict[str, Any]]) -> None:
    """A line a video with its events and how sure they are, of the first few."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["state"] != "labelled":
            where = "absent" if row["seconds"] is None else f"{row['seconds']:.2f} s"
            found.setdefault(row["video"], []).append(f"{row['event']} {where} ({row['confidence']:.0%})")
    for name in list(found)[:NAMED]:
        say(f"  {name}: {', '.join(found[name])}")
    if len(found) > NAMED:
        say(f"  and {len(found) - NAMED} more: see transferred.csv")


def _say_strangers(scores: dict[str, float], what: str = "no event is placed in it") -> int:
    """Names the videos that have nothing in common with the others; 1 where that is all of them."""
    from syncline.alignment.alignment_settings import MATCH_THRESHOLD

    low = {name: score for name, score in scores.items() if score < MATCH_THRESHOLD}
    for name in list(low)[:NAMED]:
        warn(f"{name} shows nothing in common with the others (best score {low[name]:.3f}, needs "
             f"{MATCH_THRESHOLD:.2f}; 0 is what strangers have): {what}")  # fmt: skip
    if len(low) > NAMED:
        warn(f"so do {len(low) - NAMED} more: see match_score in transferred.csv")
    return int(bool(scores) and len(low) == len(scores))


def _by_template(arguments: argparse.Namespace) -> int:
    """Carries the events of a template's labelled videos to new clips."""
    from syncline.errors import SynclineError
    from syncline.tasks import transfer_in_folder

    template, embedder = open_template(arguments)
    if not template.events:
        raise SynclineError(
            f"{arguments.template} holds no events; save it with syncline sync FOLDER --save-template FILE "
            "--labels FILE"
        )
    videos = clips_of(arguments)
    say_time_origin(videos, arguments)
    prepare_folder(arguments.out)
    folder = join(template, embedder, videos)
    first = len(template.embeddings)
    new = range(first, first + len(videos))
    limits = {"tolerance": arguments.tolerance, "absent_below": arguments.absent_below}
    found = transfer_in_folder(folder, template.events, new, refuse=not arguments.force, **limits)
    rows = _write(arguments, videos, template.event_names, {}, dict(enumerate(found)))
    carried = f"{counted(len(template.event_names), 'event')} carried to {len(videos)}"
    say(f"{counted(len(template.events), 'labelled video')} of the template, {carried}; results in {arguments.out}")
    _say_events(rows)
    say(f"confidence: the probability that an event lies within {found[0].tolerance:.2f} s")
    return 0 if arguments.force else _say_strangers({v.name: f.match_score for v, f in zip(videos, found, strict=True)})


def _suggest(arguments: argparse.Namespace, videos: VideoSet) -> None:
    """Names the videos to label first."""
    from syncline.tasks import suggest

    embeddings = Embedder.of(arguments).embed_folder(videos)
    folder = consensus_of(videos, embeddings, pins=arguments.pins)
    found = suggest(folder, arguments.suggest)
    if arguments.suggest > len(videos):
        say(f"there are no more than {counted(len(videos), 'video')}")
    for i, covered in zip(found.videos, found.covered, strict=True):
        say(f"label {videos[i].name}: {covered:.0%} of the folder is found again in the videos named so far")


Marks = dict[int, tuple[tuple[str, ...], tuple[float | None, ...]]]


def marks_of(videos: VideoSet, tracks: list[LabelTrack]) -> Marks:
    """Number of a video -> names of its events and their seconds in its file; tracks without any are passed over.

    Raises:
        SynclineError: labels that `attach_labels` refuses: of another length, out of order or after the end.
    """
    from dataclasses import replace

    from syncline.data.labels.attach_labels import tracks_of
    from syncline.data.labels.video_labels import known_events, labels_to_phases, with_times

    found: Marks = {}
    named = [len(track.phase_names) for track in tracks]
    num_phases = max([*named, *(int(t.phases.max(initial=-1)) + 1 for t in tracks if t.phases is not None)], default=0)
    for i, track in sorted(tracks_of(videos, tracks).items()):
        video = videos[i]
        shown, begins = _own_times(video)
        track = known_events(with_times(track, shown), num_phases)
        labels_to_phases(replace(track, phases=None), len(shown), shown)  # refuses events that lie outside
        events = tuple(second for _, second in track.events)
        if any(second is not None for second in events):
            found[i] = (track.event_names, tuple(None if second is None else begins + second for second in events))
    return found


def _own_times(video: Video) -> tuple[NDArray[np.float64], float]:
    """When each frame of a video is shown, and what to add for seconds of its file: 0 unless it is a part of a file."""
    from syncline.video import VideoReader

    seconds = VideoReader(video.path).pts_seconds
    return video.own_pts_seconds(seconds), 0.0 if video.span is None else float(seconds[video.span[0]])


def _write(
    arguments: argparse.Namespace, videos: VideoSet, names: tuple[str, ...], marks: Marks, found: dict[int, Transferred]
) -> list[dict[str, Any]]:
    from syncline.data.labels.label_formats import ONE_VIDEO, write_labels
    from syncline.data.labels.time_origin import in_container, origins_of
    from syncline.data.labels.video_labels import track_of_shown
    from syncline.files import write_json
    from syncline.tasks.result_files import plain, write_rows

    rows: list[dict[str, Any]] = []
    tracks = []
    apart = origins_of(videos, arguments.time_origin)
    for i, video in enumerate(videos):
        shown, begins = _own_times(video)
        on_file = marks[i][1] if i in marks else found[i].events
        events = tuple(None if second is None else second - begins for second in on_file)
        for k, (name, second) in enumerate(zip(names, events, strict=True)):
            sure = None if i in marks else plain(found[i].confidence[k])
            at = None if second is None else second + apart[i]
            state = "labelled" if i in marks else "absent" if second is None else "found"
            peak = None if i in marks else found[i].others[k]
            rows.append({"video": video.name, "event": name, "seconds": plain(at), "confidence": sure,
                         "state": state, "or_seconds": None if peak is None else plain(peak[0] - begins + apart[i]),
                         "or_confidence": None if peak is None else plain(peak[1]),
                         "match_score": None if i in marks else plain(found[i].match_score)})  # fmt: skip
        who = ["labelled" if i in marks else "" if second is None else "carried" for second in events]
        how_sure = None if i in marks else [plain(value) for value in found[i].confidence]
        tracks.append(track_of_shown(video, names, events, shown, confidence=how_sure, provenance=who))
    columns = ["video", "event", "seconds", "confidence", "state", "or_seconds", "or_confidence", "match_score"]
    write_rows(arguments.out / "transferred.csv", rows, columns)
    write_json(arguments.out / "transferred.json", rows)
    written = [in_container(track, offset) for track, offset in zip(tracks, apart, strict=True)]
    for form in WRITTEN if "all" in arguments.form else arguments.form:
        path = arguments.out / WRITTEN[form]
        if form in ONE_VIDEO:
            path.mkdir(parents=True, exist_ok=True)
        write_labels(path, written, form=form)
    write_subtasks(arguments, tracks, names)
    return rows


def _reliability(arguments: argparse.Namespace, left_out: LeftOut | None) -> None:
    """How far confidences can be believed, by leaving each labelled video out."""
    if left_out is None:
        return
    from syncline.report.figures import reliability_figure

    draw(arguments, "reliability", lambda: reliability_figure(left_out.calibrated(), left_out.hit))
    say(f"left out one by one, {left_out.hit.mean():.0%} of the labelled events are found within the tolerance")
