"""What the verbs share: the options that say how frames are embedded, and embedding itself with a progress bar."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.errors import SynclineError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from syncline.data import Embedding, Video, VideoSet
    from syncline.data.label_track import LabelTrack
    from syncline.encoder import FeatureCache, FrameEncoder


def add_embedding_options(parser: argparse.ArgumentParser) -> None:
    """--run, --backbone, --weights, --rate, --cache."""
    group = parser.add_argument_group("how frames are embedded")
    group.add_argument("--run", type=Path, help="a trained run (folder); without it, frozen features serve")
    group.add_argument("--backbone", help="timm name of the frozen backbone; without it the default, which is offline")
    group.add_argument("--weights", help="file of the backbone's weights, for networks without internet")
    group.add_argument("--rate", type=float, help="frames looked at a second (default 7.5, or what the run says)")
    group.add_argument("--cache", type=Path, help="folder of the feature cache (default: the user's)")


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """--root, --action, --camera: which part of a data set is meant."""
    group = parser.add_argument_group("of a data set")
    group.add_argument("--root", help="folder of the data set, where its name is given: pouring, penn_action")
    group.add_argument("--action", help="of penn_action: one of its 13 (default: all, each for itself)")
    group.add_argument("--camera", help="of a LeRobot data set: which (default: its first)")


def source_of(arguments: argparse.Namespace, source: str) -> VideoSet:
    """The videos that a source and the options of ``add_source_options`` mean."""
    from syncline.data import open_source

    return open_source(source, root=arguments.root, action=arguments.action, camera=arguments.camera)


def setting(text: str) -> dict[str, Any]:
    """What ``--set a.b=1`` says, as nested dictionaries.

    Raises:
        SynclineError: no KEY=VALUE, or a value that is no YAML.
    """
    import yaml

    key, equals, value = text.partition("=")
    if not equals or not all(key.split(".")):
        raise SynclineError(f"--set {text!r}: expected KEY=VALUE, as --set encoder.width=128")
    try:
        result: Any = yaml.safe_load(value)
        if isinstance(result, str):  # YAML takes 1e-4 for a word
            result = float(result)
    except yaml.YAMLError as error:
        raise SynclineError(f"--set {text!r}: the value is no YAML") from error
    except ValueError:
        pass
    for part in reversed(key.split(".")):
        result = {part: result}
    return dict(result)


@dataclass
class Embedder:
    """Videos -> embeddings, as the command line said.

    Attributes:
        cache: features of the frozen backbone, kept on disk; None for an encoder that has no frozen one.
        encoder: the trained run, or None.
    """

    cache: FeatureCache | None
    encoder: FrameEncoder | None
    rate: float | None

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Embedder:
        """What the options of ``add_embedding_options`` say."""
        from syncline.data import Sampling
        from syncline.encoder import Backbone, FeatureCache, FrameEncoder

        rate: float | None = arguments.rate
        if rate is not None and not rate > 0:
            raise SynclineError(f"--rate must be above 0, got {rate}")
        sampling = None if rate is None else Sampling(rate)
        if arguments.run is None:
            weights = arguments.weights
            backbone = (
                Backbone(arguments.backbone, weights=weights) if arguments.backbone else Backbone(weights=weights)
            )
            return cls(FeatureCache(arguments.cache, backbone, sampling), None, rate)
        if arguments.backbone or arguments.weights:
            raise SynclineError("--backbone and --weights choose frozen features; a --run has its own")
        encoder = FrameEncoder.from_pretrained(arguments.run)
        frozen = encoder.backbone.trainable == "frozen"
        return cls(FeatureCache(arguments.cache, encoder.backbone) if frozen else None, encoder, rate)

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

        from syncline.encoder.projection import principal_directions

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
        try:
            with Image.open(path) as picture:
                small = picture.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
        except (OSError, ValueError) as error:
            raise SynclineError(f"{path} is no picture that can be read ({error})") from error
        pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None]
        with torch.no_grad():
            if self.encoder is not None:
                trained: NDArray[np.float32] = self.encoder.eval()(pixels[:, None])[0, 0].numpy()
                return trained
            assert self.cache is not None
            fitted = [self.cache.features(video).grid[0] for video in videos]
            mean, scale, directions = principal_directions(fitted, 128)
            rows = backbone(pixels).flatten(1).half().float()
            found: NDArray[np.float32] = ((rows - mean) @ (directions / scale[:, None]))[0].numpy()
            return found

    def fingerprint(self, contents: Mapping[str, str]) -> str:
        """A hash of what makes the vectors; frozen features are measured on the whole folder, so it counts in."""
        import hashlib
        import json

        from syncline.encoder.weights import state_hash

        if self.encoder is not None:
            parts: list[object] = [state_hash(self.encoder.state_dict()), self.rate]
        else:
            assert self.cache is not None
            parts = [self.cache.backbone.describe(), self.rate, sorted(contents.items())]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def described(self) -> str:
        """In words for results: the run, or the backbone."""
        if self.encoder is not None:
            return "trained run"
        assert self.cache is not None
        return f"frozen features of {self.cache.backbone.name}"


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr; gives the function that moves it by one."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def say(text: str) -> None:
    """A line of results on stdout."""
    print(text)


def labels_of(videos: VideoSet, path: Path, event_names: Sequence[str] | None = None) -> list[LabelTrack]:
    """The labels in a file or folder, and a warning where some of them name no video."""
    from syncline.data.label_files import read_labels
    from syncline.data.label_track import tracks_of

    tracks = read_labels(path, event_names=event_names)
    used = {id(track) for track in tracks_of(videos, tracks).values()}
    unused = [track.video for track in tracks if id(track) not in used]
    if used and unused:
        print(
            f"syncline: of the {len(tracks)} videos that {path} labels, {len(unused)} are not in {videos.name} and are "
            f"left out (the first: {unused[0]})", file=sys.stderr,
        )  # fmt: skip
    return tracks


def pick(videos: VideoSet, name: str) -> int:
    """Place of the video that a name, a stem or a path means.

    Raises:
        SynclineError: none or several.
    """
    stem = Path(name).stem
    exact = [i for i, video in enumerate(videos) if name in (video.name, str(video.path))]
    exact = exact or [i for i, video in enumerate(videos) if Path(name).exists() and same(video.path, Path(name))]
    loose = exact or [i for i, video in enumerate(videos) if Path(video.name).stem == stem]
    if len(loose) != 1:
        known = ", ".join(video.name for video in list(videos)[:4])
        raise SynclineError(f"{name!r} names {len(loose) or 'none'} of the {len(videos)} videos ({known}, …)")
    return loose[0]


def same(one: Path, other: Path) -> bool:
    """Whether two paths are the same file."""
    return one.resolve() == other.resolve()


def known_events(video: Video, num_phases: int) -> list[float | None]:
    """Seconds of a video's key events by its phases, on its own clock; [] without labels."""
    from syncline.data import events_from_phases
    from syncline.video import VideoReader

    if video.phases is None or num_phases < 2:
        return []
    clock = VideoReader(video.path).pts_seconds
    return [None if frame is None else float(clock[frame]) for frame in events_from_phases(video.phases, num_phases)]
