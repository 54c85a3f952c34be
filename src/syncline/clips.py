"""What a clip is to ``import syncline`` (a path, an array (t, d) with its times, or an ``Embedding``), and a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.progress import Callback, Steps
from syncline.tasks.template import MadeWith
from syncline.wording import counted

if TYPE_CHECKING:
    from syncline.tasks import Template

Clip = Any
"""A path, an array (t, d), or an ``Embedding``."""


def folder_clips(
    argument: str, videos: Clip, times: Any, rate: Any, run: Any, cache: Any, callback: Callback,
    template: Template | None = None, made: list[MadeWith] | None = None,
) -> list[Embedding]:  # fmt: skip
    """The clips of a folder (one path) or a list; ``template`` and ``made`` as ``_embedded`` takes them."""
    if isinstance(videos, str | os.PathLike):
        folder = Path(videos)
        if not folder.exists():
            raise SynclineError(f"{argument}={os.fspath(videos)!r} does not exist; give a folder or a list of clips")
        if times is not None:
            raise SynclineError("times goes with arrays; videos have times of their own")
        return _embedded([folder], argument, rate, run, cache, callback, template, made)
    if isinstance(videos, Embedding) or not hasattr(videos, "__iter__") or getattr(videos, "ndim", 1) > 1:
        raise SynclineError(f"{argument} is {_said(videos)}; expected a folder or a list of clips")
    listed = list(videos)
    named = {f"{argument}[{i}]": clip for i, clip in enumerate(listed)}
    return clips_of(named, times, rate, run, cache, callback, template, made)


def clips_of(
    named: dict[str, Clip], times: Any, rate: Any, run: Any, cache: Any, callback: Callback,
    template: Template | None = None, made: list[MadeWith] | None = None,
) -> list[Embedding]:  # fmt: skip
    """Embeddings of clips by the names of their arguments; paths among them are embedded together."""
    if not named:
        raise SynclineError("no clip was given; expected a folder or a list of clips")
    if times is not None and len(times) != len(named):
        raise SynclineError(
            f"times holds {counted(len(times), 'array')} for {counted(len(named), 'clip')}; give one for each"
        )
    found: dict[str, Embedding] = {}
    paths: dict[str, Path] = {}
    for number, (argument, clip) in enumerate(named.items()):
        if isinstance(clip, Embedding):
            found[argument] = clip
        elif isinstance(clip, str | os.PathLike):
            paths[argument] = Path(clip)
            if not Path(clip).exists():
                raise SynclineError(f"{argument}={os.fspath(clip)!r} does not exist; give the path of a video")
        else:
            found[argument] = _from_array(argument, clip, None if times is None else times[number], rate)
    if paths:
        embedded = _embedded(list(paths.values()), ", ".join(paths), rate, run, cache, callback, template, made)
        if len(embedded) != len(paths):
            raise SynclineError(f"{', '.join(paths)}: expected one video each, found {counted(len(embedded), 'video')}")
        found |= dict(zip(paths, embedded, strict=True))
    return [found[argument] for argument in named]


def _from_array(argument: str, array: Any, seconds: Any, rate: float | None) -> Embedding:
    try:
        vectors = np.asarray(array.detach().cpu() if hasattr(array, "detach") else array, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise SynclineError(
            f"{argument} is {_said(array)}; expected a path, an array (t, d) or an Embedding"
        ) from error
    if vectors.ndim != 2:
        raise SynclineError(f"{argument} has shape {vectors.shape}; expected an array (t, d)")
    if seconds is None and rate is None:
        raise SynclineError(f"{argument} is an array: give its times= (seconds of each row) or rate= (rows a second)")
    if seconds is None:
        if rate is None or not rate > 0:
            raise SynclineError(f"rate must be above 0, got {rate}")
        seconds = np.arange(len(vectors)) / rate
    shown = np.asarray(seconds, dtype=np.float64)
    if shown.shape != (len(vectors),):
        raise SynclineError(f"the times of {argument} have shape {shown.shape}; expected ({len(vectors)},)")
    return Embedding(vectors, shown, argument)


def _embedded(
    paths: list[Path], argument: str, rate: float | None, run: Any, cache: Any, callback: Callback,
    template: Template | None, made: list[MadeWith] | None,
) -> list[Embedding]:  # fmt: skip
    """Videos as the command line embeds them.

    Args:
        template: embed them as its frames were. made: gets how it was done.
    """
    from syncline.data import Sampling, open_videos
    from syncline.encoder import FeatureCache, FrameEncoder, folder_embeddings, frozen_embeddings
    from syncline.encoder.pose_inputs import encoder_inputs
    from syncline.encoder.sharing import encoder_folder, encoder_hash
    from syncline.encoder.weights import state_hash
    from syncline.tasks.template_features import backbone_hash, check_made_with, fit_of, pictures_made_with

    if rate is not None and not rate > 0:
        raise SynclineError(f"rate must be above 0, got {rate}")
    folder = paths[0] if len(paths) == 1 and paths[0].is_dir() else None
    try:
        videos = list(open_videos(paths[0] if len(paths) == 1 else paths))
    except SynclineError as error:
        raise SynclineError(f"{argument}: {error}") from error
    if run is None:
        features = FeatureCache(cache)
        if template is not None:
            check_made_with(template.made_with, "pictures", backbone_hash(features))
            fit = fit_of(template.made_with)
            features.sampling = Sampling(fit.rate_hz)
            return frozen_embeddings(videos, features, space=fit.space, callback=callback)
        embeddings, fit = folder_embeddings(videos, features, folder=folder, rate_hz=rate, callback=callback)
        if made is not None:
            made.append(pictures_made_with(features, fit))
        return embeddings
    encoder = run if isinstance(run, FrameEncoder) else FrameEncoder.from_pretrained(run, deferred_backbone=True)
    made_by = ""
    if template is not None or made is not None:  # of a file all of it, also what is not built until a picture comes
        made_by = state_hash(encoder.state_dict()) if encoder is run else encoder_hash(encoder_folder(run))
    if template is not None:
        check_made_with(template.made_with, "run", made_by)
        rate = template.made_with.rate_hz
    if made is not None:
        made.append(MadeWith("run", made_by, rate))
    inputs = encoder_inputs(encoder, cache)
    found = []
    step = Steps("embedding", len(videos), callback)
    try:
        for video in videos:
            found += encoder.embed([video], sampling=None if rate is None else Sampling(rate), cache=inputs)
            step(video.name)
    finally:
        if inputs is not None:
            inputs.close()
    return found


def index_of(argument: str, name: Any, clips: Sequence[Embedding]) -> int:
    """Which clip is meant: its number, its source, or the name or stem of its file."""
    if isinstance(name, int | np.integer):
        if not -len(clips) <= name < len(clips):
            raise SynclineError(
                f"{argument}={name}: of {counted(len(clips), 'clip')}, numbered from 0, there is none of that number"
            )
        return int(name) % len(clips)
    text = name.source if isinstance(name, Embedding) else os.fspath(name)
    sources = [clip.source for clip in clips]
    found = [i for i, source in enumerate(sources) if source == text]
    found = found or [i for i, source in enumerate(sources) if Path(source).name == Path(text).name]
    found = found or [i for i, source in enumerate(sources) if Path(source).stem == text]
    if len(found) != 1:
        known = ", ".join(Path(source).name for source in sources[:4])
        raise SynclineError(
            f"{argument}={text!r} names {len(found) or 'none'} of {counted(len(clips), 'clip')} ({known}, …)"
        )
    return found[0]


def _said(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"of type {type(value).__name__}" + (f" and shape {tuple(shape)}" if shape is not None else "")
