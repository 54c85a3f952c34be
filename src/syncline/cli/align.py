"""``syncline align A B``: which moment of A is which moment of B."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.cli.argument_values import add_label_options, from_first_picture, known_events, same
from syncline.cli.consensus_options import consensus_of
from syncline.cli.embedding_options import Embedder, add_embedding_options, check_embedding_options
from syncline.cli.joint_outputs import write_angles
from syncline.cli.output_files import FORMS, add_output_options, draw, prepare_folder
from syncline.cli.template_options import add_template_option, join, open_template, reference_events
from syncline.cli.terminal import Bars, say, warn
from syncline.cli.timeline_option import add_timeline_option, check_timeline, write_editor_timeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from syncline.data import Embedding, Video, VideoSet
    from syncline.tasks import Alignment, Template

EPILOG = """\
examples:
  syncline align mine.mp4 yours.mp4
  syncline align short.mp4 long.mp4 --mode subsequence --out found
  syncline align a.mp4 b.mp4 --run runs/pour --labels marks.csv
  syncline align a.mp4 b.mp4 --within videos/
  syncline align new.mp4 --template swings.template     # with the video that stands for a folder

writes into --out: alignment.csv and .json (times of A and B, confidence, match or gap); then the pictures similarity,
filmstrip and tempo; then side_by_side.mp4 (B follows A, with A's sound) and own_pace.mp4. Of one clip and a template
there are no films and no filmstrip. Two videos that do not match are refused (exit code 1, and alignment.json says
why); --force draws it anyway. With --within or --template the folder answers that: they match when
both belong to it and it carries enough from one to the other, whatever their own score is. What an earlier alignment
left in --out is replaced.
"""
FIGURES = ("similarity", "similarity_frozen", "filmstrip", "tempo")
WRITTEN = (
    "alignment.csv", "alignment.json", "side_by_side.mp4", "own_pace.mp4",
    *(f"{name}.{form}" for name in FIGURES for form in FORMS[:-1]),
)  # fmt: skip
MOMENTS = 9
MOST_GAPS = 12


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = EPILOG
    parser.add_argument("a", type=Path, help="the video that leads")
    parser.add_argument("b", type=Path, nargs="?", help="the video that follows; with --template it may be left out")
    add_output_options(parser, "aligned")
    parser.add_argument("--mode", choices=["local", "global", "subsequence", "band"], default="local",
                        help="local: what both show, the rest left out (default); global: all of both; subsequence: "
                        "the shorter inside the longer; band: global, near the diagonal")  # fmt: skip
    parser.add_argument("--segments", type=int, default=3, help="most matched stretches of local (default: 3)")
    parser.add_argument("--band", type=float, default=0.1,
                        help="half width of the band, as a share of the longer video (default: 0.1)")  # fmt: skip
    parser.add_argument("--within", type=Path, metavar="FOLDER",
                        help="ask all videos of a folder: what their consensus says of the two")  # fmt: skip
    add_template_option(parser)
    parser.add_argument("--pins", type=Path, metavar="FILE",
                        help="with --within: CSV of moments that are the same")  # fmt: skip
    parser.add_argument("--labels", type=Path, help="key events of the two, in any form that is read, for the picture")
    parser.add_argument("--height", type=int, default=360, help="pixels of a picture in the films (default: 360)")
    parser.add_argument("--no-films", action="store_true", help="write no mp4")
    parser.add_argument(
        "--joint", help="with poses: the joint whose angle is drawn (default: where A and B differ most)"
    )
    parser.add_argument("--force", action="store_true", help="write everything even if the two do not match")
    add_label_options(parser)
    add_timeline_option(parser)
    add_embedding_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Aligns two videos and writes the results."""
    _check(arguments)
    check_embedding_options(arguments)
    prepare_folder(arguments.out)
    check_timeline(arguments)

    from syncline.alignment.alignment_settings import MATCH_THRESHOLD
    from syncline.files import write_json
    from syncline.tasks import align
    from syncline.tasks.result_files import alignment_rows, alignment_value, write_rows

    videos = _opened(arguments)
    template, embedder = (None, Embedder.of(arguments)) if arguments.template is None else open_template(arguments)
    how: dict[str, Any] = {"mode": arguments.mode, "segments": arguments.segments, "band": arguments.band}
    if template is not None:
        a, b, alignment = _by_template(template, embedder, videos)
    elif arguments.within is not None:
        a, b, alignment = _within(arguments, embedder, videos)
    else:
        a, b = embedder.embed(videos)
        alignment = align(a, b, **how, **_learned_prices(embedder, a, b))
    for name in WRITTEN:  # of an earlier pair
        (arguments.out / name).unlink(missing_ok=True)
    value = alignment_value(alignment, a, b) | {"made_with": embedder.described}
    side: list[tuple[str, Embedding, Embedding, Alignment]] = [("similarity", a, b, alignment)]
    if (
        embedder.encoder is not None
        and embedder.cache is not None
        and embedder.cache.described.dim
        and template is None
    ):
        frozen_a, frozen_b = embedder.embed(videos, frozen=True)
        beside = align(frozen_a, frozen_b, **how)
        value["frozen"] = {"matches": beside.matches, "match_score": round(beside.match_score, 6)}
        side.append(("similarity_frozen", frozen_a, frozen_b, beside))
    if not alignment.matches and not arguments.force:
        value |= {"pairs": [], "segments": [], "gaps": [], "slower": []}
        write_json(arguments.out / "alignment.json", value)
        apart = alignment.carried is not None and alignment.match_score >= MATCH_THRESHOLD
        alone = "; without the folder they match" if apart else ""
        warn(
            f"{a.source} and {b.source} do not match ({alignment.verdict}; 0 is what strangers have{alone}): nothing "
            f"was drawn; --force draws it anyway{_others(arguments)}"
        )
        return 1
    write_json(arguments.out / "alignment.json", value)
    columns = ["time_a", "time_b", "confidence", "kind", "segment"]
    write_rows(arguments.out / "alignment.csv", alignment_rows(alignment, a, b), columns)
    _report(arguments.out, alignment, value)
    for _, _, _, beside in side[1:]:
        match = "they match" if beside.matches else "they do not match"
        say(f"  by frozen features {match}: {beside.verdict}")
    _project(arguments, videos, alignment, a)
    if embedder.bodies is not None and embedder.bodies.clips and len(videos) == 2:
        own = {clip.source: clip for clip in embedder.bodies.clips}  # of all videos, with --within
        write_angles(arguments, [own[a.source], own[b.source]], alignment)
    elif arguments.joint is not None:
        warn(f"--joint {arguments.joint}: no poses were looked at, so there are no angles; add --features pose")
    _draw(arguments, videos, side, [] if template is None else reference_events(template))
    if not arguments.no_films and len(videos) == 2:
        _film(arguments, videos, alignment)
    return 0


def _others(arguments: argparse.Namespace) -> str:
    """Advice for two that do not match by themselves: other videos may tell."""
    if arguments.within is not None or arguments.template is not None:
        return ""
    folder, suffix = arguments.a.resolve().parent, arguments.a.suffix
    alike = [path for path in folder.iterdir() if path.suffix == suffix] if folder.is_dir() else []
    where = arguments.a.parent if arguments.b.resolve().parent == folder and len(alike) > 2 else "FOLDER"
    return f". Other videos of the activity may link the two: --within {where} asks them"


def _check(arguments: argparse.Namespace) -> None:
    """Refuses options that do not go together, and results that would replace what was given."""
    from syncline.errors import SynclineError

    if arguments.height < 2 or arguments.segments < 1 or not 0 < arguments.band <= 1:
        raise SynclineError("--height must be at least 2, --segments at least 1, --band in (0, 1]")
    asked = [name for name in ("within", "template") if getattr(arguments, name) is not None]
    if asked and arguments.mode != "local":
        raise SynclineError(f"--{asked[0]} has a way of its own to align; leave --mode out")
    if len(asked) > 1:
        raise SynclineError("--within asks a folder and --template what was kept of one; give one of the two")
    if arguments.pins is not None and (arguments.within is None or not arguments.pins.is_file()):
        raise SynclineError("--pins is a file and goes with --within FOLDER")
    if arguments.template is not None and arguments.refit:
        raise SynclineError("--refit is about a folder; leave it or --template out")
    if arguments.b is None and arguments.template is None:
        raise SynclineError("give two videos, or one and --template FILE")
    if arguments.b is not None and same(arguments.a, arguments.b):
        raise SynclineError(f"A and B are the same video, {arguments.a}; give two")
    if arguments.b is None and arguments.timeline is not None:
        raise SynclineError("--timeline needs two films; give the second one, too")
    replaced = {(arguments.out / name).resolve() for name in WRITTEN}
    for given in (arguments.a, arguments.b):
        if given is not None and given.resolve() in replaced:
            raise SynclineError(f"{given} would be replaced by a result of the same name; give another --out")


def _opened(arguments: argparse.Namespace) -> VideoSet:
    """The two videos, or the one beside a template, with their labels."""
    from syncline.data import open_videos
    from syncline.errors import SynclineError
    from syncline.video.scan_cache import ScanCache

    files = [path for path in (arguments.a, arguments.b) if path is not None]
    known = ScanCache()
    for path in files:  # with the reason, where a folder passes over what cannot be read
        problem = known.scan(path).problem
        if problem is not None and path.is_dir():
            raise SynclineError(f"{path} is a folder and no video; align takes two videos, sync and view a folder")
        if problem is not None:
            raise SynclineError(f"{path}: {problem}")
    videos = open_videos(files)
    if arguments.labels is None:
        return videos
    from syncline.data.labels.attach_labels import attach_labels
    from syncline.data.labels.label_formats import read_labels

    tracks = read_labels(arguments.labels, frame_rate=arguments.label_rate)
    return attach_labels(videos, from_first_picture(videos, tracks, arguments))


def _by_template(template: Template, embedder: Embedder, videos: VideoSet) -> tuple[Embedding, Embedding, Alignment]:
    """Two new clips, or one and the video that stands for the template, as the template's consensus sees them."""
    from syncline.tasks import align_within

    folder = join(template, embedder, videos)
    a = len(template.embeddings)
    b = a + 1 if len(videos) == 2 else template.reference
    found = align_within(folder.group, folder.embeddings, a, b, votes=folder.votes)
    return folder.embeddings[a], folder.embeddings[b], found


def _within(
    arguments: argparse.Namespace, embedder: Embedder, pair: VideoSet
) -> tuple[Embedding, Embedding, Alignment]:
    """The two videos among those of a folder, and what its consensus says of them."""
    from syncline.data import VideoSet, open_videos
    from syncline.tasks import align_within

    there = list(open_videos(arguments.within))
    numbers = []
    for video in pair:
        known = [i for i, other in enumerate(there) if same(other.path, video.path)]
        if not known:
            there.append(video)
        numbers.append(known[0] if known else len(there) - 1)
    everyone = VideoSet(tuple(there), str(arguments.within))
    embedder.folder = arguments.within
    embeddings = embedder.embed_folder(everyone)
    folder = consensus_of(everyone, embeddings, pins=arguments.pins)
    a, b = numbers
    return embeddings[a], embeddings[b], align_within(folder.group, embeddings, a, b, votes=folder.votes)


def _learned_prices(embedder: Embedder, a: Embedding, b: Embedding) -> dict[str, Any]:
    """The gap prices that the run learned, where it says that they are to be used."""
    from syncline.alignment.centring import similarity_unit

    learned = None if embedder.encoder is None else embedder.encoder.learned_gaps
    return learned.prices(similarity_unit(a.vectors, b.vectors)) if learned is not None and learned.used else {}


def _project(arguments: argparse.Namespace, videos: VideoSet, alignment: Alignment, a: Embedding) -> None:
    """The editor timeline: A from its first picture to its last, B where it matches."""
    if arguments.timeline is None:
        return
    import numpy as np

    from syncline.video import open_video

    shown = open_video(videos[0].path).pts_seconds
    seconds = np.unique(np.concatenate([shown[:1], a.pts_seconds, shown[-1:] + 1 / videos[0].frame_rate]))
    write_editor_timeline(arguments, videos, seconds, [seconds, alignment.b_at(seconds)])


def _draw(
    arguments: argparse.Namespace,
    videos: VideoSet,
    side: list[tuple[str, Embedding, Embedding, Alignment]],
    events_b: Sequence[float | None] = (),
) -> None:
    events = [*(known_events(video, videos.num_phases) for video in videos), list(events_b)]

    def matrix(a: Embedding, b: Embedding, alignment: Alignment) -> Figure:
        from syncline.report.figures import similarity_figure

        return similarity_figure(
            a, b, alignment, events_a=events[0], events_b=events[1], event_names=videos.event_names
        )

    def tempo() -> Figure:
        from syncline.report.figures import tempo_curve

        return tempo_curve(alignment, names=(a.source, b.source))

    for name, first, second, path in side:
        draw(arguments, name, functools.partial(matrix, first, second, path))
    _, a, b, alignment = side[0]
    if len(alignment.path):
        draw(arguments, "tempo", tempo)
    if len(alignment.path) and len(videos) == 2:
        draw(arguments, "filmstrip", lambda: film_of(videos[0], videos[1], alignment, a))


def film_of(first: Video, second: Video, alignment: Alignment, a: Embedding) -> Figure:
    """The filmstrip of two files: evenly spaced moments of the first, and what belongs to them in the second."""
    import numpy as np

    from syncline.report.figures import filmstrip
    from syncline.tasks.aligned_films import moments

    edges = np.linspace(a.pts_seconds[0], a.pts_seconds[-1], MOMENTS + 1)
    seconds = (edges[:-1] + edges[1:]) / 2
    matched = alignment.b_at(seconds)
    known = np.isfinite(matched)
    pictures = iter(moments(second.path, matched[known].tolist(), height=120))
    below = [next(pictures) if there else None for there in known]
    above = list(moments(first.path, seconds.tolist(), height=120))
    return filmstrip(above, seconds.tolist(), below, matched.tolist(), alignment, names=(first.name, second.name))


def _film(arguments: argparse.Namespace, videos: VideoSet, alignment: Alignment) -> None:
    from syncline.tasks.aligned_films import own_pace, side_by_side

    films = {"side_by_side.mp4": side_by_side} if len(alignment.path) else {}
    films["own_pace.mp4"] = own_pace
    with Bars() as bars:
        for name, write in films.items():
            write(
                videos[0].path, videos[1].path, alignment, arguments.out / name, height=arguments.height,
                callback=bars,
            )  # fmt: skip


def _report(out: Path, alignment: Alignment, value: dict[str, Any]) -> None:
    match = "they match" if alignment.matches else "they do not match"
    say(f"{match}: {alignment.verdict} ({value['made_with']}); results in {out}")
    for s in alignment.segments:
        say(f"  A {s.start_a:7.2f} – {s.end_a:7.2f} s   is   B {s.start_b:7.2f} – {s.end_b:7.2f} s")
    longest = sorted(alignment.gaps, key=lambda gap: gap.start - gap.end)[:MOST_GAPS]
    for gap in sorted(longest, key=lambda gap: gap.start):
        say(f"  only in {gap.video.upper()}: {gap.start:.2f} – {gap.end:.2f} s")
    if len(alignment.gaps) > len(longest):
        say(f"  and {len(alignment.gaps) - len(longest)} shorter ones; all are in alignment.csv")
    for halt in sorted(alignment.slower, key=lambda halt: (halt.video, halt.start)):
        say(f"  {halt.video.upper()} takes its time: {halt.start:.2f} – {halt.end:.2f} s")
