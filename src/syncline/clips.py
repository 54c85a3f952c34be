"""Turns what users pass (paths, arrays (t, d) with times, ``Embedding``s, a folder) into embeddings."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.progress import Callback
from syncline.tasks.template import MadeWith
from syncline.video.frame_folders import find_frame_folders
from syncline.wording import counted

if TYPE_CHECKING:
    from syncline.data import Video
    from syncline.tasks import Template

Clip = Any
"""A path, an array (t, d), or an ``Embedding``."""
Embed = Callable[[list[Path], str], list[Embedding]]
"""Embeds paths together; the text is the arguments' names, for errors."""
Beside = Literal["never", "scenes", "always"]
"""When frozen features are aligned instead of a run's embeddings: never, where scenes differ, or always."""


def folder_clips(
    argument: str, videos: Clip, times: Any, rate: Any, embed: Embed, *, one: bool = False
) -> list[Embedding]:
    """The clips of a folder (one path) or of a list; with ``one`` also of a lone array or ``Embedding``."""
    if isinstance(videos, str | os.PathLike):
        folder = Path(videos)
        if not folder.exists():
            raise SynclineError(f"{argument}={os.fspath(videos)!r} does not exist; give a folder or a list of clips")
        if times is not None:
            raise SynclineError("times goes with arrays; videos have times of their own")
        _check_rate(rate)
        return embed([folder], argument)
    if isinstance(videos, Embedding) or getattr(videos, "ndim", 1) > 1:
        if one:
            return clips_of({argument: videos}, None if times is None else [times], rate, embed)
        raise SynclineError(f"{argument} is {_said(videos)}, one clip; expected a folder or a list of clips")
    if not hasattr(videos, "__iter__"):
        raise SynclineError(f"{argument} is {_said(videos)}; expected a folder or a list of clips")
    listed = list(videos)
    if not listed:
        raise SynclineError(f"{argument} is empty; expected a folder or a list of clips")
    return clips_of({f"{argument}[{i}]": clip for i, clip in enumerate(listed)}, times, rate, embed)


def clips_of(named: dict[str, Clip], times: Any, rate: Any, embed: Embed) -> list[Embedding]:
    """Embeddings of clips by the names of their arguments; paths among them are embedded together."""
    _check_times(times, rate, named)
    found: dict[str, Embedding] = {}
    paths: dict[str, Path] = {}
    for index, (argument, clip) in enumerate(named.items()):
        if isinstance(clip, Embedding):
            found[argument] = clip
        elif isinstance(clip, str | os.PathLike):
            paths[argument] = Path(clip)
            if not Path(clip).exists():
                raise SynclineError(f"{argument}={os.fspath(clip)!r} does not exist; give the path of a video")
        else:
            found[argument] = _from_array(argument, clip, None if times is None else times[index], rate)
    if paths:
        if len({path.resolve() for path in paths.values()}) < len(paths):
            raise SynclineError(f"{' and '.join(paths)} are the same file, {next(iter(paths.values()))}; give two")
        for argument, path in paths.items():
            if path.is_dir() and not find_frame_folders(path):
                raise SynclineError(f"{argument}='{path}' is a folder; give the path of a video")
        embedded = embed(list(paths.values()), ", ".join(paths))
        if len(embedded) != len(paths):
            raise SynclineError(f"{', '.join(paths)}: expected one video each, found {counted(len(embedded), 'video')}")
        found |= dict(zip(paths, embedded, strict=True))
    return [found[argument] for argument in named]


def number_of(argument: str, value: Any, least: float = -math.inf, most: float = math.inf) -> float:
    """A finite number of a range, ends included.

    Raises:
        SynclineError: anything else; the message begins with the argument's name.
    """
    if isinstance(value, int | float | np.number) and not isinstance(value, bool) and least <= value <= most:
        return float(value)
    within = f" in [{least:g}, {most:g}]" if math.isfinite(most) else f" of at least {least:g}"
    raise SynclineError(f"{argument} must be a number{within if math.isfinite(least) else ''}, got {value!r}")


def events_of(events: Any, clips: Sequence[Embedding]) -> dict[int, tuple[float | None, ...]]:
    """The seconds of every marked clip's events, by the clip's index."""
    if not isinstance(events, Mapping):
        raise SynclineError(f"events is {_said(events)}; expected a dict of a video and the seconds of its events")
    marked = {}
    for name, seconds in events.items():
        if isinstance(seconds, str) or not hasattr(seconds, "__iter__"):
            raise SynclineError(f"events[{name!r}] is {_said(seconds)}; expected a list of seconds, None where absent")
        marked[index_of("events", name, clips)] = tuple(
            None if second is None else number_of(f"events[{name!r}][{i}]", second) for i, second in enumerate(seconds)
        )
    return marked


def _check_rate(rate: Any) -> None:
    if rate is not None and not number_of("rate", rate) > 0:
        raise SynclineError(f"rate must be above 0, got {rate}")


def _check_times(times: Any, rate: Any, named: Mapping[str, Clip]) -> None:
    _check_rate(rate)
    if times is None:
        return
    if not hasattr(times, "__len__") or any(np.ndim(one) == 0 for one in times if one is not None):
        raise SynclineError("times must hold an array of seconds for each clip, as (times_a, times_b)")
    if len(times) != len(named):
        raise SynclineError(
            f"times holds {counted(len(times), 'array')} for {counted(len(named), 'clip')}; give one for each"
        )
    if rate is not None and not any(isinstance(clip, str | os.PathLike) for clip in named.values()):
        raise SynclineError("times and rate say the same thing of arrays; give one of the two")


def _from_array(argument: str, array: Any, seconds: Any, rate: float | None) -> Embedding:
    if np.ndim(array) == 0 and not hasattr(array, "detach"):
        missing = "missing" if array is None else _said(array)
        raise SynclineError(f"{argument} is {missing}; expected a path, an array (t, d) or an Embedding")
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
    if seconds is None and rate is not None:
        seconds = np.arange(len(vectors)) / rate
    shown = np.asarray(seconds, dtype=np.float64)
    if shown.shape != (len(vectors),):
        raise SynclineError(f"the times of {argument} have shape {shown.shape}; expected ({len(vectors)},)")
    return Embedding(vectors, shown, argument)


def embedded_by(
    run: Any, cache: Any, rate: float | None, callback: Callback,
    template: Template | None = None, made: list[MadeWith] | None = None, *, beside: Beside = "never",
) -> Embed:  # fmt: skip
    """A function that embeds paths as the command line does.

    Args:
        run, cache, rate, callback: as ``api.align`` takes them.
        template: embed them as its frames were. made: gets how it was done.
        beside: of a run on pictures, when to align frozen features and compare only single frames by the run.
    """
    if cache is not None and Path(cache).is_file():
        raise SynclineError(f"cache={os.fspath(cache)!r} is a file; expected a folder")
    return partial(
        _embedded, run=run, cache=cache, rate=rate, callback=callback, template=template, made=made,
        beside=beside,
    )  # fmt: skip


def opened_paths(paths: list[Path], argument: str) -> list[Video]:
    """The videos of a folder, or of files.

    Raises:
        SynclineError: nothing that can be opened; the message begins with the argument's name.
    """
    from syncline.data import open_videos

    try:
        return list(open_videos(paths[0] if len(paths) == 1 else paths))
    except SynclineError as error:
        raise SynclineError(f"{argument}: {error}") from error


def _embedded(
    paths: list[Path], argument: str, *, run: Any, cache: Any, rate: float | None, callback: Callback,
    template: Template | None, made: list[MadeWith] | None, beside: Beside,
) -> list[Embedding]:  # fmt: skip
    from syncline.data import Sampling
    from syncline.encoder import FeatureCache, FrameEncoder, folder_embeddings, frozen_embeddings
    from syncline.encoder.backbone_weights import state_hash
    from syncline.encoder.choose_device import chosen_device
    from syncline.encoder.pose_inputs import encoder_inputs
    from syncline.encoder.run_beside_frozen import beside_frozen
    from syncline.encoder.saving_and_hub import encoder_folder, encoder_hash
    from syncline.tasks.template_features import backbone_hash, check_made_with, fit_of, pictures_made_with

    if not isinstance(run, str | os.PathLike | FrameEncoder | None):
        raise SynclineError(f"run is {_said(run)}; expected the folder of a run, hf:owner/name or a FrameEncoder")
    folder = paths[0] if len(paths) == 1 and paths[0].is_dir() else None
    videos = opened_paths(paths, argument)
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
    encoder = (
        run
        if isinstance(run, FrameEncoder)
        else FrameEncoder.from_pretrained(run, deferred_backbone=True, device=chosen_device())
    )
    made_by = ""
    if template is not None or made is not None:  # of a file all of it, also what is not built until a picture comes
        made_by = state_hash(run.state_dict()) if isinstance(run, FrameEncoder) else encoder_hash(encoder_folder(run))
    if template is not None:
        check_made_with(template.made_with, "run", made_by)
        rate = template.made_with.rate_hz
    if made is not None:
        made.append(MadeWith("run", made_by, rate))
    inputs = encoder_inputs(encoder, cache)
    try:
        sampling = None if rate is None else Sampling(rate)
        found = encoder.embed(videos, sampling=sampling, cache=inputs, callback=callback)
        if beside == "never":
            return found
        return beside_frozen(
            videos, found, encoder, inputs, scenes_must_differ=beside == "scenes", folder=folder, rate_hz=rate,
            callback=callback,
        )  # fmt: skip
    finally:
        if inputs is not None:
            inputs.close()


def index_of(argument: str, name: Any, clips: Sequence[Embedding]) -> int:
    """Which clip is meant: its number, its source, or the name or stem of its file."""
    if isinstance(name, int | np.integer):
        if not -len(clips) <= name < len(clips):
            raise SynclineError(
                f"{argument}={name}: of {counted(len(clips), 'clip')}, numbered from 0, there is none of that number"
            )
        return int(name) % len(clips)
    if not isinstance(name, str | os.PathLike | Embedding):
        raise SynclineError(f"{argument} is {_said(name)}; expected the path, name or number of one of the clips")
    text = name.source if isinstance(name, Embedding) else os.fspath(name)
    sources = [clip.source for clip in clips]
    found = [i for i, source in enumerate(sources) if source == text]
    found = found or [i for i, source in enumerate(sources) if Path(source).name == Path(text).name]
    found = found or [i for i, source in enumerate(sources) if Path(source).stem == text]
    if len(found) != 1:
        known = ", ".join(Path(source).name for source in sources[:4]) + (", …" if len(sources) > 4 else "")
        raise SynclineError(
            f"{argument}={text!r} names {len(found) or 'none'} of {counted(len(clips), 'clip')} ({known})"
        )
    return found[0]


def _said(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"of type {type(value).__name__}" + (f" and shape {tuple(shape)}" if shape is not None else "")
