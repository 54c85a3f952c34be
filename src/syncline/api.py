"""What ``import syncline`` offers beside training: every task on whatever people have at hand.

A clip is a path, an array (t, d) of features of any kind with ``times=`` or ``rate=``, or an ``Embedding``. Paths are
embedded as the command line does it: by ``run``, or without one by features of the frozen backbone, from the cache
where they are there. All clips of one call are embedded together.
"""

from __future__ import annotations

import base64
import html
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from syncline.alignment.settings import PAIR
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.progress import Callback, Steps, silent
from syncline.tasks import (
    Alignment,
    Hit,
    LabelledVideo,
    MomentIndex,
    Report,
    Timeline,
    Transferred,
    deviate_from_group,
    find_moments,
    gather_folder,
    rank,
    synchronize,
    transfer_events,
)
from syncline.tasks import align as align_embeddings
from syncline.tasks import deviate as deviate_from

if TYPE_CHECKING:
    from syncline.encoder import FrameEncoder

Clip = Any
"""A path, an array (t, d), or an ``Embedding``."""
LONGEST_SHOWN = 120.0
"""Seconds of a video up to which a notebook shows it; the film of a longer one takes too long to make."""
Events = Sequence[float | None]


@dataclass(frozen=True, eq=False, repr=False)
class AlignedVideos(Alignment):
    """An ``Alignment`` that a notebook shows: the two videos in step where both are files and short, else in words."""

    def _repr_html_(self) -> str:
        words = f"<p>{html.escape(repr(self))}</p>"
        a, b = (Path(source) for source in self.sources)
        if not (len(self.times) and a.is_file() and b.is_file() and self.times.max() <= LONGEST_SHOWN):
            return words
        from syncline.tasks.playback import side_by_side

        with tempfile.TemporaryDirectory() as folder:
            film = Path(folder) / "in_step.mp4"
            side_by_side(a, b, self, film, height=240)
            data = base64.b64encode(film.read_bytes()).decode()
        return f'{words}<video controls loop src="data:video/mp4;base64,{data}"></video>'


def align(
    a: Clip,
    b: Clip,
    *,
    mode: Literal["local", "global", "subsequence", "band"] = "local",
    segments: int = 3,
    band: float = 0.1,
    min_gap: float = 0.5,
    times: Sequence[Any] | None = None,
    rate: float | None = None,
    run: str | os.PathLike[str] | FrameEncoder | None = None,
    cache: str | os.PathLike[str] | None = None,
    callback: Callback = silent,
    gap_open: float = PAIR.gap_open,
    gap_extend: float = PAIR.gap_extend,
    gamma: float = PAIR.gamma,
) -> Alignment:
    """Which moment of ``a`` is which moment of ``b``.

    Args:
        a, b: a path, an array (t, d), or an ``Embedding`` each.
        mode: ``local`` (what both show), ``global`` (all of both), ``subsequence`` (the shorter inside the longer) or
            ``band`` (near the diagonal). segments: most stretches of ``local``. band: half width, share of the longer.
        min_gap: seconds; shorter unmatched runs are tempo.
        times: of arrays: the seconds (t,) of each, as ``(times_a, times_b)``. rate: of arrays, instead of ``times``,
            frames a second; of paths, how many frames are looked at.
        run: a trained run (folder, ``hf:owner/name``) or encoder, for paths. cache: folder of the feature cache.
        callback: told a ``Progress`` for every clip that is embedded.
        gap_open, gap_extend, gamma: as ``tasks.align`` takes them.

    Raises:
        SynclineError: a clip that cannot be used; the message begins with the argument's name.

    Examples:
        >>> t = np.linspace(0, 3, 40)
        >>> circle = np.stack([np.cos(t), np.sin(t)], 1)
        >>> align(circle, circle[::2], rate=10, mode="global").matches
        True
    """
    one, other = _clips({"a": a, "b": b}, times, rate, run, cache, callback)
    found = align_embeddings(
        one, other, mode=mode, segments=segments, band=band, min_gap=min_gap, gap_open=gap_open, gap_extend=gap_extend,
        gamma=gamma,
    )  # fmt: skip
    return AlignedVideos(**{field.name: getattr(found, field.name) for field in fields(found)})


def sync(
    videos: Clip,
    *,
    method: Literal["joint", "star"] = "joint",
    reference: str | None = None,
    times: Sequence[Any] | None = None,
    rate: float | None = None,
    run: str | os.PathLike[str] | FrameEncoder | None = None,
    cache: str | os.PathLike[str] | None = None,
    callback: Callback = silent,
) -> Timeline:
    """All videos on one timeline.

    Args:
        videos: a folder, or a list of clips. method: ``joint`` (the group decides) or ``star`` (``reference`` does).
        reference: path or source of the video to begin with. The rest as ``align``.
    """
    clips = _folder("videos", videos, times, rate, run, cache, callback)
    source = None if reference is None else clips[_index("reference", reference, clips)].source
    return synchronize(clips, method=method, reference=source)


def search(
    videos: Clip,
    video: Clip,
    time: float,
    *,
    until: float | None = None,
    k: int = 10,
    per_video: int | None = 1,
    own: bool = False,
    consensus: bool = True,
    times: Sequence[Any] | None = None,
    rate: float | None = None,
    run: str | os.PathLike[str] | FrameEncoder | None = None,
    cache: str | os.PathLike[str] | None = None,
    callback: Callback = silent,
) -> list[Hit]:
    """The moments of ``videos`` that are the same as second ``time`` of ``video``, best first.

    Args:
        videos: a folder, or a list of clips. video: one of them, by path, name or number. time: its second; with
            ``until`` a range. k: how many at most. per_video: of one video at most; None for any number.
        own: search that video, too. consensus: ask what all videos agree on; False compares single frames, as is
            done where there is one video only. The rest as ``align``.
    """
    clips = _folder("videos", videos, times, rate, run, cache, callback)
    number = _index("video", video, clips)
    if len(clips) == 1 and not own:
        raise SynclineError("videos holds one clip, the query's own; search it with own=True")
    if consensus and len(clips) > 1:
        return find_moments(clips, number, time, until, k=k, per_video=per_video, own=own)
    source = clips[number].source
    index = MomentIndex(clips)
    return index.search(index.query(source, time, until), k, per_video=per_video, exclude=None if own else source)


def transfer(
    videos: Clip,
    events: dict[Any, Events],
    *,
    absent_below: float = 0.25,
    times: Sequence[Any] | None = None,
    rate: float | None = None,
    run: str | os.PathLike[str] | FrameEncoder | None = None,
    cache: str | os.PathLike[str] | None = None,
    callback: Callback = silent,
) -> list[Transferred]:
    """Key events of a few videos, carried to all others.

    Args:
        videos: a folder, or a list of clips. events: video (path, name or number) -> seconds of its events, in one
            order for all; None where an event is absent. absent_below: share of the votes below which an event is
            absent. The rest as ``align``.

    Returns:
        One ``Transferred`` for each video without events, in order.
    """
    if not events:
        raise SynclineError("events is empty; give the seconds of the events of one video or more")
    clips = _folder("videos", videos, times, rate, run, cache, callback)
    marked = {_index("events", name, clips): tuple(seconds) for name, seconds in events.items()}
    labelled = [LabelledVideo(clips[i], seconds) for i, seconds in marked.items()]
    others = [clip for i, clip in enumerate(clips) if i not in marked]
    return transfer_events(labelled, others, absent_below=absent_below)


def deviate(
    videos: Clip,
    *,
    reference: Clip = None,
    min_seconds: float | None = None,
    times: Sequence[Any] | None = None,
    rate: float | None = None,
    run: str | os.PathLike[str] | FrameEncoder | None = None,
    cache: str | os.PathLike[str] | None = None,
    callback: Callback = silent,
) -> list[Report]:
    """What each video does differently, from typical to odd.

    Args:
        videos: a folder, or a list of clips. reference: the one to compare with, by path, name or number; None
            compares with what the group does. min_seconds: shorter stretches are left out; None: by the length of
            the clips. The rest as ``align``.
    """
    clips = _folder("videos", videos, times, rate, run, cache, callback)
    if reference is None:
        return rank(deviate_from_group(clips, gather_folder(clips).group, min_seconds=min_seconds)[1])
    number = _index("reference", reference, clips)
    others = [clip for i, clip in enumerate(clips) if i != number]
    return rank([deviate_from(clips[number], clip, min_seconds=min_seconds) for clip in others])


# ----------------------------------------------------------------------------------------------------- what a clip is


def _folder(
    argument: str, videos: Clip, times: Any, rate: Any, run: Any, cache: Any, callback: Callback
) -> list[Embedding]:
    """The clips of a folder (one path) or a list."""
    if isinstance(videos, str | os.PathLike):
        folder = Path(videos)
        if not folder.exists():
            raise SynclineError(f"{argument}={os.fspath(videos)!r} does not exist; give a folder or a list of clips")
        if times is not None:
            raise SynclineError("times goes with arrays; videos have times of their own")
        return _embedded([folder], argument, rate, run, cache, callback)
    if isinstance(videos, Embedding) or not hasattr(videos, "__iter__") or getattr(videos, "ndim", 1) > 1:
        raise SynclineError(f"{argument} is {_said(videos)}; expected a folder or a list of clips")
    listed = list(videos)
    return _clips({f"{argument}[{i}]": clip for i, clip in enumerate(listed)}, times, rate, run, cache, callback)


def _clips(named: dict[str, Clip], times: Any, rate: Any, run: Any, cache: Any, callback: Callback) -> list[Embedding]:
    """Embeddings of clips by the names of their arguments; paths among them are embedded together."""
    if not named:
        raise SynclineError("no clip was given; expected a folder or a list of clips")
    if times is not None and len(times) != len(named):
        raise SynclineError(f"times holds {len(times)} arrays for {len(named)} clips; give one for each")
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
        embedded = _embedded(list(paths.values()), ", ".join(paths), rate, run, cache, callback)
        if len(embedded) != len(paths):
            raise SynclineError(f"{', '.join(paths)}: expected one video each, found {len(embedded)} videos")
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
    paths: list[Path], argument: str, rate: float | None, run: Any, cache: Any, callback: Callback
) -> list[Embedding]:
    """Videos as the command line embeds them."""
    from syncline.data import Sampling, open_videos
    from syncline.encoder import FeatureCache, FrameEncoder, folder_embeddings
    from syncline.encoder.sharing import load_encoder

    if rate is not None and not rate > 0:
        raise SynclineError(f"rate must be above 0, got {rate}")
    folder = paths[0] if len(paths) == 1 and paths[0].is_dir() else None
    try:
        videos = list(open_videos(paths[0] if len(paths) == 1 else paths))
    except SynclineError as error:
        raise SynclineError(f"{argument}: {error}") from error
    step = Steps("embedding", len(videos), callback)
    if run is None:
        features = FeatureCache(cache)
        return folder_embeddings(
            videos, features, folder=folder, rate_hz=rate, progress=lambda video: step(video.name)
        )[0]
    encoder = run if isinstance(run, FrameEncoder) else load_encoder(run, deferred_backbone=True)
    features_of_run = FeatureCache(cache, encoder.backbone) if encoder.config.trainable == "frozen" else None
    found = []
    for video in videos:
        found += encoder.embed([video], sampling=None if rate is None else Sampling(rate), cache=features_of_run)
        step(video.name)
    return found


def _index(argument: str, name: Any, clips: Sequence[Embedding]) -> int:
    """Which clip is meant: its number, its source, or the name or stem of its file."""
    if isinstance(name, int | np.integer):
        if not -len(clips) <= name < len(clips):
            raise SynclineError(f"{argument}={name}: there are {len(clips)} clips, numbered from 0")
        return int(name) % len(clips)
    text = name.source if isinstance(name, Embedding) else os.fspath(name)
    sources = [clip.source for clip in clips]
    found = [i for i, source in enumerate(sources) if source == text]
    found = found or [i for i, source in enumerate(sources) if Path(source).name == Path(text).name]
    found = found or [i for i, source in enumerate(sources) if Path(source).stem == text]
    if len(found) != 1:
        known = ", ".join(Path(source).name for source in sources[:4])
        raise SynclineError(f"{argument}={text!r} names {len(found) or 'none'} of the {len(clips)} clips ({known}, …)")
    return found[0]


def _said(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"of type {type(value).__name__}" + (f" and shape {tuple(shape)}" if shape is not None else "")
