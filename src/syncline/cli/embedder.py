"""Videos -> embeddings as the command line said: a trained run, or features of a frozen backbone."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.cli.terminal import progress
from syncline.errors import SynclineError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from syncline.data import Embedding, Video, VideoSet
    from syncline.encoder import FeatureCache, FrameEncoder


def add_embedding_options(parser: argparse.ArgumentParser) -> None:
    """--run, --backbone, --weights, --rate, --cache."""
    group = parser.add_argument_group("how frames are embedded")
    group.add_argument(
        "--run",
        help="a trained run (folder, or hf:owner/name on the Hugging Face hub); without it, frozen features serve",
    )
    group.add_argument("--backbone", help="timm name of the frozen backbone; without it the default, which is offline")
    group.add_argument("--weights", help="file of the backbone's weights, for networks without internet")
    group.add_argument("--rate", type=float, help="frames looked at a second (default 7.5, or what the run says)")
    group.add_argument("--cache", type=Path, help="folder of the feature cache (default: the user's)")


@dataclass
class Embedder:
    """Videos -> embeddings, as the command line said.

    Attributes:
        cache: features of the frozen backbone, kept on disk; None for an encoder that has no frozen one.
        encoder: the trained run, or None. run: its folder. rate: frames a second, None for what they say.
    """

    cache: FeatureCache | None
    encoder: FrameEncoder | None
    rate: float | None
    run: Path | None = None

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Embedder:
        """What the options of ``add_embedding_options`` say."""
        from syncline.data import Sampling
        from syncline.encoder import FeatureCache
        from syncline.encoder.deferred_backbone import frozen_backbone

        rate: float | None = arguments.rate
        if rate is not None and not rate > 0:
            raise SynclineError(f"--rate must be above 0, got {rate}")
        sampling = None if rate is None else Sampling(rate)
        if arguments.run is None:
            name = {"name": arguments.backbone} if arguments.backbone else {}
            backbone = frozen_backbone(**name, weights=arguments.weights)
            return cls(FeatureCache(arguments.cache, backbone, sampling), None, rate)
        if arguments.backbone or arguments.weights:
            raise SynclineError("--backbone and --weights choose frozen features; a --run has its own")
        from syncline.encoder.sharing import encoder_folder, load_encoder

        folder = encoder_folder(arguments.run)
        encoder = load_encoder(folder, deferred_backbone=True)
        frozen = encoder.config.trainable == "frozen"
        cache = FeatureCache(arguments.cache, encoder.backbone) if frozen else None
        return cls(cache, encoder, rate, folder)

    def embed(self, videos: Sequence[Video] | VideoSet, *, frozen: bool = False) -> list[Embedding]:
        """One embedding a video, in order; ``frozen`` leaves the trained run aside."""
        from syncline.data import Sampling
        from syncline.encoder import frozen_embeddings

        sampling = None if self.rate is None else Sampling(self.rate)
        wanted = list(videos)
        with progress("embedding", len(wanted)) as step:
            if self.encoder is None or frozen:
                if self.cache is None:
                    raise SynclineError("this run has no frozen backbone, so there are no frozen features of it")
                return frozen_embeddings(wanted, self.cache, progress=lambda _: step())
            found = []
            for video in wanted:
                found += self.encoder.embed([video], sampling=sampling, cache=self.cache)
                step()
            return found

    def embed_picture(self, path: Path, videos: Sequence[Video] | VideoSet) -> NDArray[np.float32]:
        """(d,) vector of a picture file, in the space of the videos' embeddings.

        Raises:
            SynclineError: no picture that can be read, or a run that looks at several frames at once.
        """
        import numpy as np
        import torch
        from PIL import Image

        from syncline.encoder.principal_space import PrincipalSpace
        from syncline.video.still import read_still

        if self.encoder is not None and self.encoder.config.contexts > 1:
            raise SynclineError(
                f"--image {path}: the run looks at {self.encoder.config.contexts} frames at once, a picture is one; "
                "look for a moment of a video (--video, --time), or leave --run away"
            )
        if self.encoder is None:
            assert self.cache is not None
            backbone = self.cache.backbone
        else:
            backbone = self.encoder.backbone
        height, width = backbone.size
        small = Image.fromarray(read_still(path)).resize((width, height), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None]
        with torch.no_grad():
            if self.encoder is not None:
                trained: NDArray[np.float32] = self.encoder.eval()(pixels[:, None])[0, 0].numpy()
                return trained
            assert self.cache is not None
            fitted = [self.cache.features(video).features[0] for video in videos]
            found: NDArray[np.float32] = (
                PrincipalSpace.fit(fitted, 128).project(backbone(pixels).flatten(1).half())[0].numpy()
            )
            return found

    def fingerprint(self, contents: Mapping[str, str]) -> str:
        """A hash of what makes the vectors; frozen features are measured on the whole folder, so it counts in."""
        import hashlib
        import json

        from syncline.encoder.sharing import encoder_hash

        if self.run is not None:
            parts: list[object] = [encoder_hash(self.run), self.rate]
        else:
            assert self.cache is not None
            parts = [self.cache.described.describe(), self.rate, sorted(contents.items())]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def described(self) -> str:
        """In words for results: the run, or the backbone."""
        if self.encoder is not None:
            return "trained run"
        assert self.cache is not None
        return f"frozen features of {self.cache.described.name}"
