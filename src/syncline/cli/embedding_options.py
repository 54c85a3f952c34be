"""Options that say how videos are embedded (--run, --backbone ...), and the `Embedder` that they make."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.cli.device_options import add_compute_options, use
from syncline.cli.pose_options import add_body_options, bodies_of, embed_bodies, suggest_poses
from syncline.cli.terminal import Bars, progress, warn
from syncline.errors import SynclineError
from syncline.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from syncline.data import Embedding, Sampling, Video, VideoSet
    from syncline.encoder import FeatureCache, FolderFit, FrameEncoder
    from syncline.encoder.folder_features import FolderBodies
    from syncline.encoder.principal_space import PrincipalSpace


FASTEST = 1000.0
"""Frames a second that --rate takes at most: no camera of people's is faster, and a mistyped one would never end."""


def add_embedding_options(parser: argparse.ArgumentParser) -> None:
    """--run, --backbone, --weights, --rate, --refit, --device, --runtime, --cache."""
    group = parser.add_argument_group("how frames are embedded")
    group.add_argument(
        "--run",
        help="a trained run (folder, or hf:owner/name on the Hugging Face hub); without it, frozen features are used",
    )
    group.add_argument("--backbone", help="timm name of the frozen backbone; without it the default, which is offline")
    group.add_argument("--weights", help="file of the backbone's weights, for networks without internet")
    group.add_argument(
        "--rate", default="auto", metavar="auto|HZ",
        help="frames looked at a second (default auto: what the run says; without one, enough for the folder's clips, "
             "chosen when it is first looked at and kept)",
    )  # fmt: skip
    group.add_argument(
        "--refit", action="store_true",
        help="choose the rate and standardise frozen features anew, on the clips that are there now",
    )  # fmt: skip
    add_compute_options(group)
    group.add_argument("--cache", type=Path, help="folder of the feature cache (default: the user's)")
    add_body_options(parser)


def check_embedding_options(arguments: argparse.Namespace) -> None:
    """Raises SynclineError where these options are wrong by themselves, before anything heavy is imported."""
    rate_asked(arguments.rate)
    if arguments.cache is not None and arguments.cache.is_file():
        raise SynclineError(f"--cache {arguments.cache} is a file; give a folder")
    if arguments.run is not None and (arguments.backbone or arguments.weights):
        raise SynclineError("--backbone and --weights choose frozen features; a --run has its own")
    check_mirror(arguments)


def check_mirror(arguments: argparse.Namespace) -> None:
    """Refuses --mirror auto with --run.

    Raises:
        SynclineError: both are given.
    """
    if arguments.run is not None and arguments.mirror == "auto":
        raise SynclineError("--mirror auto turns poses and frozen features; leave it or --run out")


def with_mirrored(
    videos: Sequence[Video], embeddings: list[Embedding], cache: FeatureCache, space: PrincipalSpace
) -> list[Embedding]:
    """Frozen embeddings with those in a mirror that --mirror auto finds; it says which."""
    from syncline.encoder.mirrored_videos import turned_back

    found, turned = turned_back(videos, embeddings, cache, space)
    if turned:
        warn(f"mirrored, left for right, as they match the others so: {', '.join(videos[i].name for i in turned)}")
    return found


def rate_asked(text: str | None, *, auto: bool = True) -> float | None:
    """What --rate says; None for auto, where that may be said, and where nothing is.

    Raises:
        SynclineError: no number of frames a second.
    """
    if text is None or (auto and text == "auto"):
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= FASTEST:
        raise SynclineError(f"--rate must be {'auto or ' * auto}a number above 0, at most {FASTEST:g}, got {text}")
    return rate


@dataclass
class Embedder:
    """Videos -> embeddings, as the command line said.

    Attributes:
        cache: features of the frozen backbone, kept on disk; None for an encoder that has no frozen one.
        encoder: the trained run, or None. run: its folder.
        rate: sampled frames a second; None for the run's, or the folder's own.
        folder: where the videos are; what is measured on them is kept under it. None where they are single files.
        refit: measure the folder anew.
        fit: what was measured, once frozen features were asked for.
        bodies: body pose instead of pictures, or beside them; of a run that takes poses, where they come from;
            None for pictures alone.
        arguments: of a folder for which nobody said whether pictures or poses serve, to say that once; else None.
        held: a measurement that serves in place of the folder's own, as a template's does.
        mirror: turn clips of pictures left for right that match the others clearly better so.
    """

    cache: FeatureCache | None
    encoder: FrameEncoder | None
    rate: float | None
    run: Path | None = None
    folder: Path | None = None
    refit: bool = False
    fit: FolderFit[PrincipalSpace] | None = None
    bodies: FolderBodies | None = None
    held: FolderFit[PrincipalSpace] | None = None
    arguments: argparse.Namespace | None = None
    mirror: bool = False

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Embedder:
        """Makes an `Embedder` from the options of ``add_embedding_options``."""
        from syncline.data import Sampling
        from syncline.encoder import FeatureCache
        from syncline.encoder.deferred_backbone import frozen_backbone

        check_embedding_options(arguments)
        rate = rate_asked(arguments.rate)
        sampling = None if rate is None else Sampling(rate)
        bodies = bodies_of(arguments, mirrors_pictures=True)
        source = getattr(arguments, "source", None)
        folder = None if source is None else Path(source)
        device = use(arguments)
        if arguments.run is None:
            name = {"name": arguments.backbone} if arguments.backbone else {}
            backbone = frozen_backbone(**name, weights=arguments.weights, device=device)
            cache = FeatureCache(arguments.cache, backbone, sampling)
            unasked = arguments if bodies is None and folder is not None else None
            return cls(
                cache, None, rate, folder=folder, refit=arguments.refit, bodies=bodies, arguments=unasked,
                mirror=arguments.mirror == "auto",
            )  # fmt: skip
        from syncline.encoder import FrameEncoder
        from syncline.encoder.pose_inputs import InputCache, encoder_inputs
        from syncline.encoder.saving_and_hub import encoder_folder

        run = encoder_folder(arguments.run)
        encoder = FrameEncoder.from_pretrained(run, deferred_backbone=True, device=device)
        frozen = encoder.config.trainable == "frozen"
        inputs = encoder_inputs(encoder, arguments.cache, sampling, bodies=bodies) if frozen else None
        bodies = inputs.bodies if isinstance(inputs, InputCache) else None
        return cls(inputs, encoder, rate, run, folder, arguments.refit, bodies=bodies)

    def embed(self, videos: Sequence[Video] | VideoSet, *, frozen: bool = False) -> list[Embedding]:
        """One embedding a video, in order; ``frozen`` ignores the trained run."""
        from syncline.data import Sampling

        sampling = None if self.rate is None else Sampling(self.rate)
        wanted = list(videos)
        if self.bodies is None and self.encoder is None and self.arguments is not None:
            suggest_poses(self.arguments, wanted)
            self.arguments = None  # once
        if self.bodies is not None and self.encoder is None:
            found = embed_bodies(
                self.bodies, wanted, self.rate, lambda: self._pictures_and_rate(wanted), self.folder, self.refit
            )
            if found is not None:
                return found
        if self.encoder is not None and not frozen and self.bodies is not None:
            self._find_poses(wanted, sampling)
        if self.encoder is None or frozen:
            return self._frozen(wanted)
        with progress("embedding", len(wanted)) as step:
            found = []
            for video in wanted:
                found += self.encoder.embed([video], sampling=sampling, cache=self.cache)
                step()
            return found

    def embed_folder(self, videos: Sequence[Video] | VideoSet) -> list[Embedding]:
        """Embeds videos for timelines and deviations; with a run and clips of different scenes, frozen features."""
        by_run = self.embed(videos)
        found = self.beside_frozen(videos, by_run, scenes_must_differ=True)
        if found is by_run:
            self._say_new(videos)
        else:
            warn("the clips show different scenes: frozen features are aligned, which are better there than the run")
        return found

    def beside_frozen(
        self, videos: Sequence[Video] | VideoSet, embeddings: list[Embedding], *, scenes_must_differ: bool = False
    ) -> list[Embedding]:
        """Frozen features to align, beside the run's ``embeddings`` for single frames; of a run on pictures only.

        ``scenes_must_differ``: where they do not, ``embeddings`` themselves.
        """
        if self.encoder is None:
            return embeddings
        from syncline.encoder.run_beside_frozen import beside_frozen

        with Bars() as bars:
            return beside_frozen(
                list(videos), embeddings, self.encoder, self.cache, scenes_must_differ=scenes_must_differ,
                folder=self.folder, rate_hz=self.rate, refit=self.refit, callback=bars,
            )  # fmt: skip

    def _say_new(self, videos: Sequence[Video] | VideoSet) -> None:
        """Says how many of the clips a run was not trained on: what it knows of time misleads an alignment of those."""
        if self.run is None:
            return
        from syncline.training import trained_on

        try:
            new = trained_on(self.run, [video.path for video in videos]).count(False)
        except SynclineError:  # of a run that does not say what it was trained on
            return
        if new:
            warn(f"of {counted(len(videos), 'video')} the run was not trained on {new}: without --run, those are "
                 "aligned as well or better")  # fmt: skip

    def _find_poses(self, videos: Sequence[Video], sampling: Sampling | None) -> None:
        """Finds the poses of all videos at once, for a run that takes poses."""
        from syncline.encoder.pose_inputs import InputCache

        assert isinstance(self.cache, InputCache)
        assert self.encoder is not None
        assert self.bodies is not None
        try:
            with Bars() as bars:
                chosen = self.encoder.config.sampling if sampling is None else sampling
                self.bodies.clips = self.cache.prepare(videos, chosen, callback=bars)
        finally:
            self.cache.close()

    def _pictures_and_rate(self, videos: Sequence[Video]) -> tuple[list[Embedding], float]:
        pictures = self._frozen(videos)
        assert self.fit is not None
        return pictures, self.fit.rate_hz

    def _frozen(self, videos: Sequence[Video]) -> list[Embedding]:
        from syncline.data import Sampling
        from syncline.encoder import FeatureCache, folder_embeddings, frozen_embeddings

        if self.cache is None or not self.cache.described.dim:
            raise SynclineError("this run has no frozen backbone, so there are no frozen features of it")
        cache = FeatureCache(self.cache.root, self.cache.described, self.cache.sampling)  # of pictures alone
        with Bars() as bars:
            if self.held is not None:
                self.fit, cache.sampling = self.held, Sampling(self.held.rate_hz)
                embeddings = frozen_embeddings(videos, cache, space=self.held.space, callback=bars)
            else:
                embeddings, self.fit = folder_embeddings(
                    videos, cache, folder=self.folder, rate_hz=self.rate, refit=self.refit, callback=bars
                )
        return self._turned(videos, embeddings, cache)

    def _turned(self, videos: Sequence[Video], embeddings: list[Embedding], cache: FeatureCache) -> list[Embedding]:
        """Embeddings with those in a mirror that --mirror auto finds; it says which."""
        if not self.mirror:
            return embeddings
        assert self.fit is not None
        return with_mirrored(videos, embeddings, cache, self.fit.space)

    def embed_picture(self, path: Path, videos: Sequence[Video] | VideoSet) -> NDArray[np.float32]:
        """(d,) vector of a picture file, in the space of the videos' embeddings.

        Raises:
            SynclineError: no picture that can be read, or a run that looks at several frames together.
        """
        import numpy as np
        import torch
        from PIL import Image

        from syncline.video.picture_file import read_still

        config = None if self.encoder is None else self.encoder.config
        if config is not None and (config.contexts > 1 or config.temporal != "none"):
            raise SynclineError(
                f"--image {path}: the run looks at several frames together, a picture is one; look for a moment of a "
                "video (--video, --time), or leave --run away"
            )
        if self.encoder is None:
            assert self.cache is not None
            backbone = self.cache.backbone
        else:
            backbone = self.encoder.backbone
        if self.bodies is not None and (self.encoder is not None or self.bodies.decide(list(videos)) != "pictures"):
            raise SynclineError(f"--image {path}: a picture alone has no motion; --features pictures compares pictures")
        height, width = backbone.size
        small = Image.fromarray(read_still(path)).resize((width, height), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].to(backbone.device)
        with torch.no_grad():
            if self.encoder is not None:
                trained: NDArray[np.float32] = self.encoder.eval()(pixels[:, None])[0, 0].cpu().numpy()
                return trained
            assert self.cache is not None
            if self.fit is None:
                self.embed(videos)
            assert self.fit is not None
            found: NDArray[np.float32] = self.fit.space.project(backbone(pixels).flatten(1).half().cpu())[0].numpy()
            return found

    def fingerprint(self, contents: Mapping[str, str]) -> str:
        """A hash of what makes the vectors, frozen features' measurement on the folder included.

        Args:
            contents: name -> content hash of the videos that are there.
        """
        import hashlib
        import json

        from syncline.encoder import kept_fit

        if self.run is not None:
            from syncline.encoder.saving_and_hub import encoder_hash

            parts: list[object] = [encoder_hash(self.run), self.rate]
            if self.bodies is not None:
                parts.append(self.bodies.describe())
        else:
            assert self.cache is not None
            now = sorted(contents.values())
            kept = (
                None if self.folder is None or self.refit else kept_fit(self.folder, self.cache, now, rate_hz=self.rate)
            )
            parts = [self.cache.described.describe(), self.rate, now if kept is None else list(kept.contents)]
            parts += [["mirrored", now]] if self.mirror else []
            if self.bodies is not None:  # which are standardised over what is there now
                parts += [self.bodies.describe(), now]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def described(self) -> str:
        """The run or the backbone in words, for results."""
        if self.encoder is not None:
            return "trained run"
        assert self.cache is not None
        if self.bodies is not None and self.bodies.kind != "pictures":
            return f"features {self.bodies.kind}"
        return f"frozen features of {self.cache.described.name}"
