"""``syncline embed``: the embeddings of all sampled frames, on disk."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.cli.argument_values import add_source_options, source_of
from syncline.cli.device_options import add_compute_options, use
from syncline.cli.embedding_options import check_mirror, rate_asked, with_mirrored
from syncline.cli.output_files import prepare_folder
from syncline.cli.pose_options import add_body_options
from syncline.cli.terminal import Bars, progress
from syncline.wording import counted

if TYPE_CHECKING:
    from syncline.data import Embedding, Video
    from syncline.encoder import EmbeddingStore
    from syncline.encoder.folder_features import FolderBodies

EXAMPLE = """\
Without --run, features of the frozen backbone are used, standardised over the folder. What is there already is not
computed again, so the same command finishes what was interrupted. Several machines can fill one folder, each
with its own --shard.

examples:
  syncline embed videos/ --out embeddings/ --run runs/pour
  syncline embed swings/ --out embeddings/ --features pose
  syncline embed videos/ --out embeddings/ --run runs/pour --shard 2/4
  torchrun --nproc-per-node 2 -m syncline -- embed videos/ --out embeddings/ --run runs/pour # two GPUs
  syncline embed videos/ --out embeddings/ --run runs/pour --ray --workers 8       # starts Ray on this machine
  syncline embed videos/ --out embeddings/ --run runs/pour --ray auto --workers 64  # the cluster of this machine
In Python: syncline.encoder.EmbeddingStore.read("embeddings/")
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("source", help="a folder of videos, a manifest (.csv), a video file, or pouring, penn_action")
    parser.add_argument("--out", metavar="DIR", required=True, help="folder of the embeddings")
    parser.add_argument(
        "--run", help="a trained run (folder, or hf:owner/name on the Hugging Face hub); without it frozen features"
    )
    parser.add_argument("--dtype", choices=("float32", "float16"), default="float32", help="of the stored vectors")
    parser.add_argument("--npy", metavar="DIR", help="also one NumPy array a video, as action-localisation tools read")
    parser.add_argument("--shard", metavar="I/N", help="only the I-th of N parts of the videos (from 1)")
    parser.add_argument("--rate", metavar="HZ", help="frames looked at a second (default: as many as the run was "
                        "trained with; without one 7.5, of poses enough for the clips)")  # fmt: skip
    parser.add_argument(
        "--ray", nargs="?", const="local", metavar="ADDRESS",
        help="spread the videos over workers of Ray (extra [ray]; needs --run): of the cluster at ADDRESS ('auto': "
        "that of this machine), or without ADDRESS of a Ray that is started here",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, metavar="N", help="workers of --ray, each on one core (default: 2)")
    parser.add_argument("--cache", type=Path, help="folder of the feature cache (default: the user's)")
    add_compute_options(parser)
    add_source_options(parser)
    add_body_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Embeds; 1 if a file could not be read."""
    from syncline.encoder import EmbeddingStore
    from syncline.errors import SynclineError

    arguments.rate = rate_asked(arguments.rate, auto=False)
    part, parts = _shard(arguments.shard)
    if arguments.shard is None and parts > 1 and (arguments.run is None or arguments.ray is not None):
        raise SynclineError("torchrun spreads a trained run (--run RUN), without --ray; start anything else without it")
    if arguments.ray is not None and arguments.run is None:
        raise SynclineError("--ray needs a trained run (--run RUN); frozen features are measured on the whole folder")
    if arguments.workers is not None and (arguments.ray is None or arguments.workers < 1):
        raise SynclineError(f"--workers {arguments.workers}: expected 1 or more, together with --ray")
    videos = list(source_of(arguments, arguments.source))
    prepare_folder(Path(arguments.out), mark=False)
    work = _work(arguments, videos)
    name = "0" if parts == 1 else f"{part + 1}of{parts}"
    with EmbeddingStore(arguments.out, dtype=arguments.dtype, made_by=work.made_by, part=name) as store:
        mine = videos[part::parts]
        left = [video for video in mine if video.video_id not in store]
        if len(left) < len(mine):
            print(f"{len(mine) - len(left)} of {counted(len(mine), 'video')} there already")
        if arguments.ray is not None:
            failed = _on_ray(arguments, left, store)
        else:
            failed = _one_by_one(work, left, store)
    work.close()
    for source, why in failed:
        print(f"passed over {source}: {why}")
    if failed and len(failed) == len(mine):
        raise SynclineError(
            f"{counted(len(mine), 'video')}, none of which could be embedded; the first: {failed[0][1]}"
        )
    if arguments.npy is not None:
        from syncline.data.published.feature_arrays import write_features

        names = {video.video_id: video.name for video in mine}
        stored = [one for one in EmbeddingStore.read(arguments.out) if one.source in names]
        write_features(arguments.npy, stored, [names[one.source] for one in stored])
        print(f"{arguments.npy}: an array of each")
    print(f"{arguments.out}: embeddings of {counted(len(mine) - len(failed), 'video')} ({work.made_with})")
    return 1 if failed else 0


def _work(arguments: argparse.Namespace, videos: Sequence[Video]) -> _Trained | _Frozen:
    from syncline.cli.pose_options import bodies_of

    check_mirror(arguments)
    bodies = bodies_of(arguments, mirrors_pictures=True)
    if arguments.run is not None:
        return _Trained(arguments, bodies)
    return _Frozen(arguments, videos) if bodies is None else _Posed(arguments, videos, bodies)


def _shard(text: str | None) -> tuple[int, int]:
    """(index from 0, how many), as said or as torchrun numbers its processes."""
    from syncline.errors import SynclineError

    if text is None:
        return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    first, slash, second = text.partition("/")
    if not (slash and first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second)):
        raise SynclineError(f"--shard {text!r}: expected I/N with I from 1 to N, as 2/4")
    return int(first) - 1, int(second)


class _Trained:
    """A run's encoder, with the cache of its backbone."""

    def __init__(self, arguments: argparse.Namespace, bodies: FolderBodies | None) -> None:
        from syncline.data import Sampling
        from syncline.encoder import FrameEncoder
        from syncline.encoder.backbone_weights import state_hash
        from syncline.encoder.pose_inputs import encoder_inputs
        from syncline.errors import SynclineError

        self.encoder = FrameEncoder.from_pretrained(arguments.run, device=use(arguments))
        config = self.encoder.config
        self.sampling = config.sampling if arguments.rate is None else Sampling(rate_hz=arguments.rate)
        if arguments.ray is not None and config.features != "pictures":
            raise SynclineError("--ray serves runs on pictures; leave it out for one that takes poses")
        self.cache = encoder_inputs(self.encoder, arguments.cache, self.sampling, bodies=bodies)
        self.made_with = f"run {arguments.run}, {_sampled(self.sampling)}"
        self.made_by = f"run {state_hash(self.encoder.state_dict())[:16]}, {_sampled(self.sampling)}"

    def content(self, video: Video) -> str:
        """Hash of the file, asked for before it is read."""
        from syncline.files import content_of

        return content_of(video.path)

    def embed(self, video: Video) -> Embedding:
        """One video."""
        return self.encoder.embed([video], sampling=self.sampling, cache=self.cache)[0]

    def close(self) -> None:
        """At the end."""
        if self.cache is not None:
            self.cache.close()


class _Frozen:
    """Features of the frozen backbone, projected onto directions that are measured on the whole folder."""

    def __init__(self, arguments: argparse.Namespace, videos: Sequence[Video]) -> None:
        import hashlib

        from syncline.data import Sampling
        from syncline.encoder import FeatureCache
        from syncline.encoder.deferred_backbone import frozen_backbone
        from syncline.files import content_of

        sampling = Sampling() if arguments.rate is None else Sampling(rate_hz=arguments.rate)
        backbone = frozen_backbone(device=use(arguments))
        self.cache, self.videos = FeatureCache(arguments.cache, backbone, sampling), list(videos)
        self._contents = {video.path: content_of(video.path) for video in videos}
        words = "".join(sorted(self._contents[video.path] for video in videos))
        folder = hashlib.sha256(words.encode()).hexdigest()
        weights = self.cache.described.weights_hash()
        self.made_with = f"frozen features of {self.cache.described.name}, {_sampled(sampling)}"
        self.made_by = f"frozen {weights[:16]} of folder {folder[:16]}, {_sampled(sampling)}"
        self._made: dict[str, Embedding] = {}
        self._mirror = arguments.mirror == "auto"
        self.made_by += ", mirrored" if self._mirror else ""

    def content(self, video: Video) -> str:
        """Hash of the file as it was before any was read."""
        return self._contents[video.path]

    def embed(self, video: Video) -> Embedding:
        """One video. The first call reads all of them, because the directions are those of the folder."""
        if not self._made:
            # what cannot be read is reported where it is needed
            readable = [one for one, _ in self.cache.features_of(self.videos, failed=lambda one, error: None)]
            self._made = {made.source: made for made in self._all(readable)}
        if video.video_id not in self._made:
            self.cache.features(video)  # says what is wrong with it
        return self._made[video.video_id]

    def _all(self, videos: Sequence[Video]) -> list[Embedding]:
        from syncline.encoder import folder_embeddings

        found, fit = folder_embeddings(videos, self.cache, rate_hz=self.cache.sampling.rate_hz)
        return with_mirrored(videos, found, self.cache, fit.space) if self._mirror else found

    def close(self) -> None:
        """Nothing is open."""


class _Posed(_Frozen):
    """Body poses, standardised over the whole folder; with ``pictures+pose`` beside its frozen features."""

    def __init__(self, arguments: argparse.Namespace, videos: Sequence[Video], bodies: FolderBodies) -> None:
        import hashlib
        import json

        from syncline.data import choose_rate

        if arguments.rate is None:  # fast hands are lost at 7.5 Hz
            arguments.rate = choose_rate(videos)
        super().__init__(arguments, videos)
        self.bodies = bodies
        about = hashlib.sha256(json.dumps(bodies.describe(), sort_keys=True).encode()).hexdigest()[:16]
        self.made_with = f"features {bodies.kind}, {_sampled(self.cache.sampling)}"
        self.made_by = f"{self.made_by}, {bodies.kind} {about}"

    def _all(self, videos: Sequence[Video]) -> list[Embedding]:
        from syncline.cli.pose_options import embed_bodies

        rate = self.cache.sampling.rate_hz
        found = embed_bodies(self.bodies, videos, rate, lambda: (super(_Posed, self)._all(videos), rate))
        self.made_with = f"features {self.bodies.kind}, {_sampled(self.cache.sampling)}"
        return super()._all(videos) if found is None else found


def _sampled(sampling: object) -> str:
    rate, stride = getattr(sampling, "rate_hz", None), getattr(sampling, "stride", None)
    return f"every {stride}th frame" if stride else f"{rate:g} Hz"


def _one_by_one(work: _Trained | _Frozen, videos: Sequence[Video], store: EmbeddingStore) -> list[tuple[str, str]]:
    from syncline.errors import SynclineError

    failed = []
    with progress("embedding", len(videos)) as step:
        for video in videos:
            try:
                # parts and re-cuts are known by name
                content = work.content(video) if video.video_id == str(video.path) else ""
                store.write(work.embed(video), content=content)
            except SynclineError as error:
                failed.append((video.name, str(error)))
            step()
    return failed


def _on_ray(arguments: argparse.Namespace, videos: Sequence[Video], store: EmbeddingStore) -> list[tuple[str, str]]:
    from syncline.data import Sampling
    from syncline.encoder.embed_on_ray import embed_on_ray
    from syncline.errors import SynclineError

    if any(video.frames is not None or video.span is not None for video in videos):
        raise SynclineError("--ray embeds whole files only; leave it out for parts and re-cuts")
    sampling = None if arguments.rate is None else Sampling(rate_hz=arguments.rate)
    paths = [video.path for video in videos]
    with Bars() as bars:
        return embed_on_ray(
            paths, run=arguments.run, store=store, address=arguments.ray, workers=arguments.workers or 2,
            sampling=sampling, callback=bars,
        )  # fmt: skip
