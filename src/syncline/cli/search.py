"""``syncline search FOLDER``: the moments that are most like a given one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.cli.embedder import Embedder, add_embedding_options
from syncline.cli.options import pick
from syncline.cli.outputs import add_output_options, draw, prepare_folder
from syncline.cli.terminal import say, warn
from syncline.errors import SynclineError

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from syncline.data import VideoSet
    from syncline.tasks import Hit, MomentIndex

EPILOG = """\
examples:
  syncline search videos/ --video cup_03.mp4 --time 4.2
  syncline search videos/ --video cup_03.mp4 --time 4.0 --until 5.5 -k 20
  syncline search videos/ --image still.jpg --run runs/pour --index moments/
  syncline search embeddings/ --video /data/cup_03.mp4 --time 4.2       # a folder written by syncline embed

writes into --out: hits.csv, hits.json and the picture hits (the query at the left, then the hits). With --index the
index is kept there, brought up to date when videos were added, changed or removed, and says so; --keep-index leaves it
as it is.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.epilog = EPILOG
    parser.add_argument("source", type=Path, help="folder of videos, manifest (.csv), or folder of embeddings")
    parser.add_argument("--video", help="the video of the moment that is looked for")
    parser.add_argument("--time", type=float, help="its second")
    parser.add_argument("--until", type=float, help="the end, if a range is looked for")
    parser.add_argument("--image", type=Path, help="a picture instead of a video and a time")
    parser.add_argument("-k", type=int, default=10, help="how many hits (default: 10)")
    parser.add_argument("--apart", type=float, default=1.0, help="seconds between two hits of one video (default: 1)")
    parser.add_argument("--own", action="store_true", help="search the query's own video too")
    parser.add_argument("--index", type=Path, help="folder in which the index is kept")
    parser.add_argument("--keep-index", action="store_true", help="do not update the index, only say if it is stale")
    add_output_options(parser, "found")
    add_embedding_options(parser)


def run(arguments: argparse.Namespace) -> None:
    """Searches and writes."""
    if (arguments.image is None) == (arguments.video is None) or (arguments.video and arguments.time is None):
        raise SynclineError("give what is looked for: --video V --time T, or --image FILE")
    if arguments.k < 1 or not arguments.apart >= 0:
        raise SynclineError("-k must be at least 1 and --apart at least 0")
    if arguments.until is not None and arguments.time is None:
        raise SynclineError("--until needs --time")
    if arguments.until is not None and not arguments.until >= arguments.time:
        raise SynclineError(f"--until {arguments.until} comes before --time {arguments.time}")
    if arguments.image is not None and not arguments.image.is_file():
        raise SynclineError(f"--image {arguments.image} does not exist")
    store = (arguments.source / "store.json").is_file()
    if store and (arguments.image or arguments.index):
        raise SynclineError("a folder of embeddings is searched by --video and --time, and needs no --index")
    prepare_folder(arguments.out)

    from syncline.data import open_videos
    from syncline.encoder import EmbeddingStore
    from syncline.tasks import MomentIndex

    videos: VideoSet | None = None
    if store:
        index = MomentIndex(EmbeddingStore.read(arguments.source))
        source = _stored(index, arguments.video)
        vector = index.query(source, arguments.time, arguments.until)
    else:
        videos = open_videos(arguments.source)
        source = "" if arguments.image is not None else videos[pick(videos, arguments.video)].name
        if len(videos) == 1 and source and not arguments.own:
            raise SynclineError(f"{arguments.source} holds one video, the query's own; search it with --own")
        embedder = Embedder.of(arguments)
        index = _index(arguments, embedder, videos)
        if arguments.image is not None:
            vector = embedder.embed_picture(arguments.image, videos)
        else:
            vector = index.query(source, arguments.time, arguments.until)
    hits = index.search(
        vector, arguments.k, min_separation=arguments.apart, exclude=None if arguments.own or not source else source
    )
    _write(arguments, hits, videos, source)


def _stored(index: MomentIndex, name: str) -> str:
    from syncline.errors import SynclineError

    found = [source for source in index.sources if source == name or Path(source).name == name]
    if len(found) != 1:
        raise SynclineError(f"{name!r} names {len(found) or 'none'} of the {len(index.sources)} embedded videos")
    return found[0]


def _index(arguments: argparse.Namespace, embedder: Embedder, videos: VideoSet) -> MomentIndex:
    """The kept index brought up to date, or a new one."""
    import dataclasses

    from syncline.errors import SynclineError
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
        warn(f"{arguments.index} is stale: {len(fresh)} videos are new or changed, {len(gone)} are gone")
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
        warn(f"{arguments.index}: {len(index)} frames of {len(index.sources)} videos")
    return index


def _write(arguments: argparse.Namespace, hits: list[Hit], videos: VideoSet | None, source: str) -> None:
    from syncline.files import write_json
    from syncline.tasks.result_files import plain, write_rows

    rows: list[dict[str, Any]] = [
        {"rank": rank, "video": hit.source, "seconds": plain(hit.seconds), "score": plain(hit.score)}
        for rank, hit in enumerate(hits, 1)
    ]
    write_rows(arguments.out / "hits.csv", rows, ["rank", "video", "seconds", "score"])
    query = {"image": str(arguments.image)} if arguments.image else {
        "video": source, "seconds": arguments.time, "until": arguments.until}  # fmt: skip
    write_json(arguments.out / "hits.json", {"query": query, "hits": rows})
    say("   score        time   video")
    for hit in hits:
        say(f"  {hit.score:6.3f}  {hit.seconds:8.2f} s   {hit.source}")
    say(f"results in {arguments.out}")
    draw(arguments, "hits", lambda: _picture(arguments, hits, videos, source))


def _picture(arguments: argparse.Namespace, hits: list[Hit], videos: VideoSet | None, source: str) -> Figure | None:
    """Thumbnails, of all hits whose video is there."""
    from syncline.report.figures import retrieval_grid
    from syncline.report.style import short

    paths = {video.name: video.path for video in videos} if videos is not None else {}

    def picture(name: str, second: float) -> NDArray[np.uint8] | None:
        from syncline.tasks.playback import moments

        path = paths.get(name, Path(name))
        return next(iter(moments(path, [second], height=120))) if path.exists() else None

    if arguments.image is not None:
        import numpy as np
        from PIL import Image

        with Image.open(arguments.image) as opened:
            opened.thumbnail((240, 160))
            query: NDArray[np.uint8] | None = np.array(opened.convert("RGB"))
        caption = short(arguments.image.name, 20)
    else:
        query = picture(source, arguments.time)
        caption = f"{short(source, 20)}\n{arguments.time:.2f} s"
    shown = [(hit, there) for hit in hits[:12] if (there := picture(hit.source, hit.seconds)) is not None]
    if query is None or not shown:
        return None
    captions = [f"{short(hit.source, 20)}\n{hit.seconds:.2f} s   {hit.score:.2f}" for hit, _ in shown]
    return retrieval_grid([query], [[there for _, there in shown]], query_captions=[caption], hit_captions=[captions])
