"""``syncline deviate FOLDER``: what each video does differently."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from syncline.cli.argument_values import add_time_origin, pick, say_time_origin
from syncline.cli.consensus_options import add_consensus_options, check_consensus_options, consensus_of
from syncline.cli.embedding_options import Embedder, add_embedding_options, check_embedding_options
from syncline.cli.joint_outputs import joints_that_differ
from syncline.cli.lerobot_copy import add_lerobot_option, check_lerobot, write_oddness
from syncline.cli.output_files import add_output_options, draw, prepare_folder
from syncline.cli.template_options import add_template_option, check_one_source, clips_of, join, open_template
from syncline.cli.terminal import Bars, progress, say

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from syncline.data import Embedding
    from syncline.tasks import Report
    from syncline.tasks.deviation_result import Deviation

EPILOG = """\
examples:
  syncline deviate videos/                          # against what the group does
  syncline deviate videos/ --reference best.mp4
  syncline deviate videos/ --run runs/pour --min-seconds 0.5 --out odd
  syncline deviate new.mp4 --template swings.template     # of syncline sync --save-template

The reference is the video that the others share most of, unless one is named. What is missing or extra is what the
folder's consensus says; what is only slower or faster is tempo, and makes no video odd. The manner in which a matched
moment is done (a bent arm where the others' is straight) is not reported: what is matched counts as the same.

writes into --out: deviations.csv (a row a stretch: missing, extra, repeated, out_of_order, slower or faster, with times
and score), ranking.csv (from typical to odd, beside it the share of frames that the simple rule "distance along a DTW
path beyond mean + 2 standard deviations" calls odd), deviations.json, and the picture deviations.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = EPILOG
    parser.add_argument("source", help="folder of videos, or a manifest (.csv)")
    parser.add_argument("more", nargs="*", help="with --template: more new clips")
    add_template_option(parser)
    parser.add_argument(
        "--reference", help="the video to compare with (default: the one that has most in common with the others)"
    )
    add_consensus_options(parser, without="compare each video with the reference alone, whatever the others show")
    parser.add_argument("--min-seconds", type=float,
                        help="shorter stretches are left out (default: a tenth of the median video)")  # fmt: skip
    parser.add_argument("--tempo", type=float, default=1.6,
                        help="times that a stretch must be slower or faster to be reported (default: 1.6)")  # fmt: skip
    add_time_origin(parser, "seconds of the tables count from", "tables count seconds from where a container begins")
    add_lerobot_option(parser)
    add_output_options(parser, "deviations")
    add_embedding_options(parser)


def run(arguments: argparse.Namespace) -> None:
    """Compares the videos of a folder and writes the results."""
    from syncline.errors import SynclineError

    least = arguments.min_seconds
    if not ((least is None or least > 0) and arguments.tempo > 1):  # as nan is not
        raise SynclineError("--min-seconds must be above 0 and --tempo above 1")
    check_one_source(arguments)
    check_consensus_options(arguments)
    check_embedding_options(arguments)
    check_lerobot(arguments)

    from syncline.data import open_videos
    from syncline.tasks import deviate, deviate_from_group, distance_rule, medoid, rank

    if arguments.template is not None:
        _by_template(arguments)
        return
    videos = open_videos(arguments.source)
    if len(videos) < 2:
        raise SynclineError(f"{arguments.source} holds one video; comparing needs two or more")
    origins = say_time_origin(videos, arguments)
    number = None if arguments.reference is None else pick(videos, arguments.reference)
    prepare_folder(arguments.out)
    embedder = Embedder.of(arguments)
    embeddings = embedder.embed_folder(videos)
    if len(videos) > 2 and not arguments.no_consensus:
        folder = consensus_of(videos, embeddings, pins=arguments.pins)
        with Bars() as bars:
            number, reports = deviate_from_group(
                embeddings, folder.group, reference=number, min_seconds=least, tempo=arguments.tempo,
                doubtful=folder.votes.doubtful, callback=bars,
            )  # fmt: skip
    else:
        number = medoid(embeddings) if number is None else number
        with progress("comparing", len(videos) - 1) as step:
            reports = []
            for i in range(len(videos)):
                if i != number:
                    reports.append(deviate(embeddings[number], embeddings[i], min_seconds=least, tempo=arguments.tempo))
                    step()
    reference = embeddings[number]
    simple = {e.source: distance_rule(reference, e) for i, e in enumerate(embeddings) if i != number}
    names = {embedding.source: video.name for embedding, video in zip(embeddings, videos, strict=True)}
    reports = rank(reports)
    joints = {}
    if embedder.bodies is not None and embedder.bodies.clips:
        joints = joints_that_differ(embedder.bodies.clips, embeddings, number, reports)
    begins = {embedding.source: origin for embedding, origin in zip(embeddings, origins, strict=True)}
    _write(arguments, reports, names, videos[number].name, reference, simple, joints, begins)
    write_oddness(arguments, videos, reports, names)


def _by_template(arguments: argparse.Namespace) -> None:
    """Compares new clips with the video that stands for a template's folder, by its consensus."""
    from syncline.errors import SynclineError
    from syncline.tasks import deviate_from_group, distance_rule, rank

    if arguments.reference is not None:
        raise SynclineError("a template has a reference of its own; leave --reference out")
    if arguments.time_origin == "container":
        raise SynclineError("a template does not know where its reference's container begins; leave --time-origin out")
    template, embedder = open_template(arguments)
    videos = clips_of(arguments)
    prepare_folder(arguments.out)
    folder = join(template, embedder, videos)
    first = len(template.embeddings)
    with Bars() as bars:
        _, reports = deviate_from_group(
            folder.embeddings, folder.group, reference=template.reference, min_seconds=arguments.min_seconds,
            tempo=arguments.tempo, only=range(first, first + len(videos)), doubtful=folder.votes.doubtful,
            callback=bars,
        )  # fmt: skip
    reference, new = template.embeddings[template.reference], folder.embeddings[first:]
    names = {embedding.source: video.name for embedding, video in zip(new, videos, strict=True)}
    simple = {embedding.source: distance_rule(reference, embedding) for embedding in new}
    _write(arguments, rank(reports), names, f"{reference.source} of the template", reference, simple, {}, {})


def _write(
    arguments: argparse.Namespace,
    reports: list[Report],
    names: dict[str, str],
    against: str,
    reference: Embedding,
    simple: dict[str, NDArray[np.bool_]],
    joints: dict[str, list[str]],
    begins: dict[str, float],
) -> None:
    from syncline.alignment.alignment_settings import MATCH_THRESHOLD
    from syncline.files import write_json
    from syncline.tasks.result_files import plain, write_rows

    first = begins.get(reference.source, 0.0)  # second of the reference's first picture
    told = {r.source: [_counted_from(d, first, begins.get(r.source, 0.0)) for d in r.deviations] for r in reports}
    rows: list[dict[str, Any]] = [
        {"video": names[report.source], "kind": d.kind, "start": plain(d.start), "end": plain(d.end),
         "score": plain(d.score), "seconds_of": "reference" if d.kind == "missing" else "video",
         "shown_at": plain(d.shown_at)} | ({"joints": joints[report.source][k]} if joints else {})
        for report in reports
        for k, d in enumerate(told[report.source])
    ]  # fmt: skip
    ranking: list[dict[str, Any]] = [
        {"rank": k, "video": names[report.source], "oddness": plain(report.oddness),
         "match_score": plain(report.match_score), "another_activity": report.stranger,
         "deviations": len(report.deviations),
         "simple_rule_share": plain(float(simple[report.source].mean()))}
        for k, report in enumerate(reports, 1)
    ]  # fmt: skip
    columns = ["video", "kind", "start", "end", "score", "seconds_of", "shown_at", *(["joints"] if joints else [])]
    write_rows(arguments.out / "deviations.csv", rows, columns)
    write_rows(arguments.out / "ranking.csv", ranking, list(ranking[0]))
    last = plain(first + float(reference.pts_seconds[-1]))
    value = {"reference": against, "reference_seconds": last, "ranking": ranking, "deviations": rows}
    write_json(arguments.out / "deviations.json", value)
    say("  oddness    match   video, and what it does differently")
    unsure = False
    for entry, report in zip(ranking, reports, strict=True):
        kinds = ", ".join(deviation.said(against) for deviation in told[report.source])
        kinds = "matches none of the others well: another activity, or seen otherwise" if report.stranger else kinds
        low = report.match_score < MATCH_THRESHOLD and not report.stranger
        unsure |= low
        match = f"{report.match_score:.3f}{'?' if low else ' '}"
        say(f"  {entry['oddness']:7.2f}   {match:>7}  {entry['video']}   {kinds or 'nothing'}")
        for d, said in zip(told[report.source], joints.get(report.source, []), strict=False):
            if said:
                say(f"                      {d.kind.replace('_', ' ')} {d.start:.2f} s: {said}")
    if unsure:
        say(f"  ? match below {MATCH_THRESHOLD:.2f}: by itself it shows nothing in common with {against}, so what is "
            "said of it is less sure")  # fmt: skip
    say(f"results in {arguments.out}; compared with {against}")
    say("compared is what is done and how fast, not its manner: a matched moment counts as the same")
    draw(arguments, "deviations", lambda: _picture(reports, names, against))


def _counted_from(deviation: Deviation, reference: float, video: float) -> Deviation:
    """The same with its seconds counted from elsewhere: what to add to the reference's and to the video's."""
    from dataclasses import replace

    by = reference if deviation.kind == "missing" else video
    return replace(deviation, start=deviation.start + by, end=deviation.end + by, shown_at=deviation.shown_at + video)


def _picture(reports: list[Report], names: dict[str, str], against: str) -> Figure:
    from syncline.report.figures import deviation_figure

    shown = [names[report.source] for report in reports]
    return deviation_figure(reports, names=shown, title=f"Deviations from {against}, from typical to odd")
