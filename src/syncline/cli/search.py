"""``syncline search FOLDER``: a moment of one video in all the others."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.cli.argument_values import add_time_origin, pick, say_time_origin
from syncline.cli.embedding_options import Embedder, add_embedding_options, check_embedding_options
from syncline.cli.output_files import add_output_options, draw, prepare_folder
from syncline.cli.search_by_picture import embedder_for_picture
from syncline.cli.terminal import Bars, say, warn
from syncline.errors import SynclineError
from syncline.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from syncline.data import Embedding, VideoSet
    from syncline.tasks import Hit, MomentIndex

EPILOG = """\
examples:
  syncline search videos/ --video cup_03.mp4 --time 4.2
  syncline search videos/ --video cup_03.mp4 --time 4.0 --until 5.5 -k 20 --per-video 3
  syncline search videos/ --image still.jpg --run runs/pour --index moments/
  syncline search embeddings/ --video /data/cup_03.mp4 --time 4.2       # a folder written by syncline embed

A moment of a video is looked for by what all videos of the folder agree on: hits are the same moment of what is done,
also where it looks otherwise. A picture (--image), or any moment with --no-consensus, is looked for by the likeness of
single frames, which finds the same room rather than the same moment.

writes into --out: hits.csv, hits.json and the picture hits (the query at the left, then the hits).
columns: score, what hits are ordered by: the share of the folder's votes for this moment (0 to 1), weighted by how
alike the two frames are; similarity, the cosine of the two frames (-1 to 1), which is the score where frames alone are
compared; seconds, in the video that is named; match_score, of its video and the query's as align has it (`?` in the
terminal: below what align takes for a match). Where no
hit's video shows anything in common with the query's, that is said and the exit code is 1. A picture has no course,
and so no match score.

With --index the index is kept there, brought up to date when videos were added, changed or removed, and says so;
--keep-index leaves it as it is.
"""


MOST_PICTURES = 60


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = EPILOG
    parser.add_argument("source", type=Path, help="folder of videos, manifest (.csv), or folder of embeddings")
    parser.add_argument("--video", help="the video of the moment that is looked for")
    parser.add_argument("--time", type=float, help="its second")
    parser.add_argument("--until", type=float, help="the end, if a range is looked for")
    parser.add_argument("--image", type=Path, help="a picture instead of a video and a time")
    parser.add_argument("-k", type=int, default=10, help="how many hits (default: 10)")
    parser.add_argument("--per-video", type=int, default=1, metavar="N",
                        help="hits of one video at most (default: 1; 0: any number)")  # fmt: skip
    parser.add_argument("--no-consensus", action="store_true", help="compare single frames, and ask no other video")
    parser.add_argument("--apart", type=float, default=1.0, help="seconds between two hits of one video (default: 1)")
    parser.add_argument("--own", action="store_true", help="search the query's own video too")
    parser.add_argument("--index", type=Path, help="folder in which the index is kept")
    parser.add_argument("--keep-index", action="store_true", help="do not update the index, only say if it is stale")
    add_time_origin(parser, "seconds given and found count from",
                    "seconds given and found count from where a container begins")  # fmt: skip
    add_output_options(parser, "found")
    add_embedding_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Searches and writes the hits."""
    if (arguments.image is None) == (arguments.video is None) or (arguments.video and arguments.time is None):
        raise SynclineError("give what is looked for: --video V --time T, or --image FILE")
    if arguments.k < 1 or not arguments.apart >= 0 or arguments.per_video < 0:
        raise SynclineError("-k must be at least 1, --apart and --per-video at least 0")
    if arguments.until is not None and arguments.time is None:
        raise SynclineError("--until needs --time")
    if arguments.until is not None and not arguments.until >= arguments.time:
        raise SynclineError(f"--until {arguments.until} comes before --time {arguments.time}")
    if arguments.image is not None and not arguments.image.is_file():
        raise SynclineError(f"--image {arguments.image} does not exist")
    store = (arguments.source / "store.json").is_file()
    if store and (arguments.image or arguments.index):
        raise SynclineError("a folder of embeddings is searched by --video and --time, and needs no --index")
    if store and arguments.time_origin == "container":
        raise SynclineError("embeddings do not know where containers begin; search the videos, or leave --time-origin "
                            "out")  # fmt: skip
    check_embedding_options(arguments)
    prepare_folder(arguments.out)

    from syncline.data import open_videos
    from syncline.encoder import EmbeddingStore
    from syncline.tasks import MomentIndex

    videos: VideoSet | None = None
    begins: dict[str, float] = {}
    vector: NDArray[np.float32] | None = None
    if store:
        index = MomentIndex(EmbeddingStore.read(arguments.source))
        source = _stored(index, arguments.video)
        _check_others(arguments, len(index.sources))
    else:
        videos = open_videos(arguments.source)
        source = "" if arguments.image is not None else videos[pick(videos, arguments.video)].name
        begins = dict(zip([video.name for video in videos], say_time_origin(videos, arguments), strict=True))
        _from_first_picture(arguments, begins.get(source, 0.0))
        if source:
            _check_others(arguments, len(videos))
        embedder, usual = (Embedder.of(arguments), True) if source else embedder_for_picture(arguments, videos)
        if not usual and arguments.index is not None:
            warn(f"{arguments.index} is left as it is: it does not hold what this picture is compared with")
            arguments.index = None
        index = _index(arguments, embedder, videos)
        if arguments.image is not None:
            vector = embedder.embed_picture(arguments.image, videos)
    clips = index.embeddings()
    if videos is not None and source and not arguments.no_consensus and {*index.sources} == {v.name for v in videos}:
        clips = embedder.beside_frozen([videos[pick(videos, name)] for name in index.sources], clips)
    hits = _hits(arguments, index, clips, source, vector)
    scores = _shared(index, source, hits)
    _write(arguments, hits, scores, videos, source, begins)
    return _verdict(scores, source)


def _from_first_picture(arguments: argparse.Namespace, first: float) -> None:
    """--time and --until of the query's video from its first picture, which comes at second `first` of their origin."""
    from syncline.data.labels.time_origin import second_from_container

    for name in ("time", "until"):
        second = getattr(arguments, name)
        if second is not None and first:
            setattr(arguments, name, second_from_container(second, first, f"--{name}"))


def _shared(index: MomentIndex, source: str, hits: list[Hit]) -> dict[str, float | None]:
    """The match score of the query's video and that of each hit; None of a picture and of the query's own video."""
    from syncline.tasks.pair_similarity import shared_course

    held = dict(zip(index.sources, index.embeddings(), strict=True))
    names = dict.fromkeys(hit.source for hit in hits)
    return {name: shared_course(held[source], held[name]) if source and name != source else None for name in names}


def _verdict(scores: dict[str, float | None], source: str) -> int:
    """1 where no hit's video has anything in common with the query's; of one alone the table tells the score."""
    from syncline.alignment.alignment_settings import MATCH_THRESHOLD

    known = {name: score for name, score in scores.items() if score is not None}
    if known and len(known) == len(scores) and max(known.values()) < MATCH_THRESHOLD:
        warn(f"{source} and the videos of all hits show nothing in common (best score {max(known.values()):.3f}, needs "
             f"{MATCH_THRESHOLD:.2f}; 0 is what strangers have)")  # fmt: skip
        return 1
    return 0


def _check_others(arguments: argparse.Namespace, count: int) -> None:
    if count == 1 and not arguments.own:
        raise SynclineError(f"{arguments.source} holds one video, the query's own; search it with --own")


def _hits(
    arguments: argparse.Namespace, index: MomentIndex, clips: list[Embedding], source: str,
    vector: NDArray[np.float32] | None,
) -> list[Hit]:  # fmt: skip
    """Searches by the folder's consensus, or by frames: for a picture, on request, and in a folder of one video."""
    from syncline.tasks import find_moments

    per_video = arguments.per_video or None
    if vector is None and not arguments.no_consensus and len(index.sources) > 1:
        with Bars() as bars:
            return find_moments(
                clips, index.sources.index(source), arguments.time, arguments.until, k=arguments.k,
                per_video=per_video, min_separation=arguments.apart, own=arguments.own, callback=bars,
            )  # fmt: skip
    if vector is None:
        vector = index.query(source, arguments.time, arguments.until)
    return index.search(
        vector, arguments.k, per_video=per_video, min_separation=arguments.apart,
        exclude=None if arguments.own or not source else source,
    )  # fmt: skip


def _stored(index: MomentIndex, name: str) -> str:
    found = [source for source in index.sources if source == name or Path(source).name == name]
    if len(found) != 1:
        raise SynclineError(f"{name!r} names {len(found) or 'none'} of the {len(index.sources)} embedded videos")
    return found[0]


def _index(arguments: argparse.Namespace, embedder: Embedder, videos: VideoSet) -> MomentIndex:
    """The kept index brought up to date, or a new one."""
    import dataclasses

    from syncline.files import content_hash
    from syncline.tasks import MomentIndex

    contents = {video.name: content_hash(video.path) for video in videos}
    made = embedder.fingerprint(contents)
    kept = arguments.index is not None and (arguments.index / "index.json").is_file()
    index = MomentIndex.load(arguments.index) if kept else MomentIndex()
    if index.notes.get("made_with", made) != made:
        warn(f"{arguments.index} was made otherwise (another run, backbone or set of videos): it is stale")
        if arguments.keep_index:
            raise SynclineError(f"{arguments.index} does not fit; leave --keep-index away to rebuild it")
        index = MomentIndex()
    fresh = [video for video in videos if index.notes.get(f"content {video.name}") != contents[video.name]]
    gone = [name for name in index.sources if name not in contents]
    if kept and (fresh or gone):
        warn(f"{arguments.index} is stale: of its videos {len(fresh)} new or changed, {len(gone)} gone")
    if arguments.keep_index and kept:
        return index
    for name in gone:
        index.remove(name)
    embeddings = embedder.embed(fresh if embedder.encoder is not None else videos) if fresh else []
    named = fresh if embedder.encoder is not None else list(videos)
    if fresh:
        index.add([dataclasses.replace(e, source=video.name) for e, video in zip(embeddings, named, strict=True)])
    if arguments.index is not None and (fresh or gone or not kept):
        index.notes = {"made_with": made} | {f"content {name}": content for name, content in contents.items()}
        index.save(arguments.index)
        warn(f"{arguments.index}: {counted(len(index), 'frame')} of {counted(len(index.sources), 'video')}")
    return index


def _write(
    arguments: argparse.Namespace,
    hits: list[Hit],
    scores: dict[str, float | None],
    videos: VideoSet | None,
    source: str,
    begins: dict[str, float],
) -> None:
    from syncline.files import write_json
    from syncline.tasks.result_files import plain, write_rows

    rows: list[dict[str, Any]] = [
        {"rank": rank, "video": hit.source, "seconds": plain(hit.seconds + begins.get(hit.source, 0.0)),
         "score": plain(hit.score), "similarity": plain(hit.similarity), "match_score": plain(scores[hit.source])}
        for rank, hit in enumerate(hits, 1)
    ]  # fmt: skip
    write_rows(arguments.out / "hits.csv", rows, ["rank", "video", "seconds", "score", "similarity", "match_score"])
    first = begins.get(source, 0.0)
    query = {"image": str(arguments.image)} if arguments.image else {
        "video": source, "seconds": plain(first + arguments.time),
        "until": None if arguments.until is None else plain(first + arguments.until)}  # fmt: skip
    write_json(arguments.out / "hits.json", {"query": query, "hits": rows})
    _say_hits(hits, rows)
    say(f"results in {arguments.out}")
    draw(arguments, "hits", lambda: _picture(arguments, hits, videos, source, begins))


def _say_hits(hits: list[Hit], rows: list[dict[str, Any]]) -> None:
    """A line a hit; whose video does not match the query's by itself has a question mark, which is told."""
    from syncline.alignment.alignment_settings import MATCH_THRESHOLD

    if not hits:
        say("no other video shows this moment, as far as the folder tells; --no-consensus compares single frames")
        return
    say("   score  similarity      second   match    video")
    unsure = 0
    for hit, row in zip(hits, rows, strict=True):
        match = row["match_score"]
        low = match is not None and match < MATCH_THRESHOLD
        shown = "–" if match is None else f"{match:.3f}"
        say(f"  {hit.score:6.3f}  {hit.similarity:10.3f}  {row['seconds']:8.2f} s  {shown:>6}{'?' if low else ' '}   "
            f"{hit.source}")  # fmt: skip
        unsure += low
    if unsure:
        say(f"  ? match below {MATCH_THRESHOLD:.2f}: by themselves this video and the query's show nothing in common")


def _picture(
    arguments: argparse.Namespace, hits: list[Hit], videos: VideoSet | None, source: str, begins: dict[str, float]
) -> Figure | None:
    """Thumbnails, of all hits whose video is there."""
    from syncline.report.figures import retrieval_grid

    paths = {video.name: video.path for video in videos} if videos is not None else {}

    def picture(name: str, second: float) -> NDArray[np.uint8] | None:
        from syncline.tasks.aligned_films import moments

        path = paths.get(name, Path(name))
        return next(iter(moments(path, [second], height=120))) if path.exists() else None

    if arguments.image is not None:
        import numpy as np
        from PIL import Image

        from syncline.video.picture_file import read_still

        still = Image.fromarray(read_still(arguments.image))
        still.thumbnail((240, 160))
        query: NDArray[np.uint8] | None = np.array(still)
        caption = arguments.image.name
    else:
        query = picture(source, arguments.time)
        caption = f"{Path(source).name}\n{begins.get(source, 0.0) + arguments.time:.2f} s"
    shown = [(hit, there) for hit in hits[:MOST_PICTURES] if (there := picture(hit.source, hit.seconds)) is not None]
    if query is None or not shown:
        return None
    seconds = [hit.seconds + begins.get(hit.source, 0.0) for hit, _ in shown]
    captions = [f"{Path(hit.source).name}\n{at:.2f} s   {hit.score:.2f}"
                for at, (hit, _) in zip(seconds, shown, strict=True)]  # fmt: skip
    title = None if len(hits) <= MOST_PICTURES else f"The first {MOST_PICTURES} of {len(hits)} hits"
    pictures = [there for _, there in shown]
    return retrieval_grid([query], [pictures], query_captions=[caption], hit_captions=[captions], title=title)
