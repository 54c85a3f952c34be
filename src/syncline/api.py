"""The functions of ``import syncline`` beside training: align, sync, search, transfer, deviate on any clips.

A clip is a path, an array (t, d) of features of any kind with ``times=`` or ``rate=``, or an ``Embedding``. Paths are
embedded as the command line does it: by ``run``, or without one by features of the frozen backbone, from the cache
where they are there. All clips of one call are embedded together.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from syncline.alignment.alignment_settings import PAIR
from syncline.clips import Clip, clips_of, embedded_by, events_of, folder_clips, index_of, number_of, opened_paths
from syncline.data import Embedding
from syncline.data.notebook_results import Results
from syncline.encoder.feature_kinds import Kind
from syncline.errors import SynclineError, check_choice
from syncline.notebook import AlignedVideos, VideosOnTimeline, shown_as
from syncline.progress import Callback, silent
from syncline.tasks import (
    Alignment,
    Hit,
    LabelledVideo,
    MomentIndex,
    Report,
    Template,
    Timeline,
    Transferred,
    align_within,
    deviate_from_group,
    find_moments,
    gather_folder,
    rank,
    synchronize,
    transfer_events,
    transfer_in_folder,
)
from syncline.tasks import align as align_embeddings
from syncline.tasks import deviate as deviate_from
from syncline.tasks.template import MadeWith

if TYPE_CHECKING:
    from syncline.encoder import FrameEncoder
    from syncline.pose import PoseOptions
    from syncline.pose.estimator import Model as PoseModel

Events = Sequence[float | None]


def align(
    a: Clip,
    b: Clip = None,
    *,
    template: Template | str | os.PathLike[str] | None = None,
    mode: Literal["local", "global", "subsequence", "band"] = "local",
    segments: int = 3,
    band: float = 0.1,
    min_gap: float | None = None,
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
        a, b: a path, an array (t, d), or an ``Embedding`` each. With a template b may be left out: the video that
            stands for its folder then is B.
        template: of ``make_template``, or its file: the two as its folder sees them. It has a way of its own to align,
            and takes neither ``mode`` nor prices.
        mode: ``local`` (what both show), ``global`` (all of both), ``subsequence`` (the shorter inside the longer) or
            ``band`` (near the diagonal). segments: most stretches of ``local``. band: half width, share of the longer.
        min_gap: seconds; shorter unmatched runs are tempo (default: a share of the clips).
        times: of arrays: the seconds (t,) of each, as ``(times_a, times_b)``. rate: of arrays, instead of ``times``,
            frames a second; of paths, how many frames are looked at.
        run: a trained run (folder, ``hf:owner/name``) or encoder, for paths. cache: folder of the feature cache.
        callback: called with a ``Progress`` for every clip that is embedded. gap_open, gap_extend, gamma: see
            ``tasks.align``.

    Raises:
        SynclineError: a clip that cannot be used; the message begins with the argument's name.

    Examples:
        >>> import numpy as np
        >>> t = np.linspace(0, 3, 40)
        >>> circle = np.stack([np.cos(t), np.sin(t)], 1)
        >>> align(circle, circle[::2], rate=10, mode="global").matches
        True
    """
    min_gap = None if min_gap is None else number_of("min_gap", min_gap, 0)
    number_of("band", band, 0, 1)
    if template is not None:
        known = _opened(template)
        given = {"a": a} if b is None else {"a": a, "b": b}
        folder = known.with_clips(clips_of(given, times, rate, embedded_by(run, cache, rate, callback, known)))
        pair = len(known.embeddings), known.reference if b is None else len(known.embeddings) + 1
        found = align_within(folder.group, folder.embeddings, *pair, min_gap=min_gap, votes=folder.votes)
    elif b is None:
        raise SynclineError("b is missing; give the clip to compare with, or a template=")
    else:
        one, other = clips_of({"a": a, "b": b}, times, rate, embedded_by(run, cache, rate, callback))
        found = align_embeddings(
            one, other, mode=mode, segments=segments, band=band, min_gap=min_gap, gap_open=gap_open,
            gap_extend=gap_extend, gamma=gamma,
        )  # fmt: skip
    return shown_as(AlignedVideos, found)


def embed(
    videos: Clip,
    *,
    times: Sequence[Any] | None = None,
    rate: float | None = None,
    run: str | os.PathLike[str] | FrameEncoder | None = None,
    cache: str | os.PathLike[str] | None = None,
    callback: Callback = silent,
) -> list[Embedding]:
    """One ``Embedding`` a clip, as all functions here make them: give it to several, and nothing is embedded twice.

    Args:
        videos: a folder, a path, a clip or a list of them; arrays get their times. The rest as ``align``.

    Examples:
        >>> import numpy as np
        >>> embed([np.eye(3), np.eye(3)], rate=10)[1]
        Embedding('videos[1]', 3 frames of 3 numbers, 0.00 to 0.20 s)
    """
    return folder_clips("videos", videos, times, rate, embedded_by(run, cache, rate, callback), one=True)


def features(
    videos: Clip,
    kind: Kind = "pictures",
    *,
    times: Sequence[Any] | None = None,
    rate: float | None = None,
    keypoints: str | os.PathLike[str] | None = None,
    keypoints_rate: float | None = None,
    keypoints_threshold: float | None = None,
    pose_model: PoseModel = "body",
    person: tuple[float, float] | None = None,
    options: PoseOptions | None = None,
    cache: str | os.PathLike[str] | None = None,
    callback: Callback = silent,
) -> list[Embedding]:
    """As ``embed``, of features without any training that are chosen by ``kind``.

    Args:
        videos: a folder, a path, or a list of clips; arrays and embeddings are what they are, and get their times.
        kind: ``pictures``, features of the frozen backbone; ``pose``, positions and velocities of the body (by the
            estimator, or of ``keypoints``); ``pictures+pose``, both side by side, half of the weight each;
            ``keypoints``, as ``pose`` but of files only; ``auto``, ``pose`` where most clips show a person.
        keypoints: folder with a keypoint file a video, in any form; see docs/pose.md.
        keypoints_rate: frames a second that the files count; None: the videos' own frames.
        keypoints_threshold: joints of files below this confidence are missing; None: .3.
        pose_model: what the estimator looks for: ``body``, or ``hands``.
        person: (x, y) as shares of the picture: whom to follow where there are several.
        options: how bodies are made comparable. The rest as ``align``; without ``rate`` the clips decide.

    Raises:
        SynclineError: no videos, no estimator where one is needed, or keypoints that fit no video.

    Examples:
        >>> import numpy as np
        >>> features(np.eye(3), rate=10)
        [Embedding('videos', 3 frames of 3 numbers, 0.00 to 0.20 s)]
    """
    from syncline.encoder.folder_features import untrained_embeddings
    from syncline.pose.keypoint_files import THRESHOLD

    check_choice("kind", kind, Kind, error=SynclineError)
    if kind == "keypoints" and keypoints is None:
        raise SynclineError("keypoints is missing; give the folder with a keypoint file a video")

    threshold = THRESHOLD if keypoints_threshold is None else keypoints_threshold

    def embed_paths(paths: list[Path], argument: str) -> list[Embedding]:
        return untrained_embeddings(
            opened_paths(paths, argument), kind, rate=rate, keypoints=None if keypoints is None else Path(keypoints),
            keypoints_rate=keypoints_rate, threshold=threshold, model=pose_model, person=person, options=options,
            cache=None if cache is None else Path(cache), callback=callback,
        )  # fmt: skip

    return folder_clips("videos", videos, times, rate, embed_paths, one=True)


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
    clips = folder_clips("videos", videos, times, rate, embedded_by(run, cache, rate, callback, beside="scenes"))
    source = None if reference is None else clips[index_of("reference", reference, clips)].source
    return shown_as(VideosOnTimeline, synchronize(clips, method=method, reference=source))


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
) -> Results[Hit]:
    """The moments of ``videos`` that are the same as second ``time`` of ``video``, best first.

    Args:
        videos: a folder, or a list of clips. video: one of them, by path, name or number. time: its second; with
            ``until`` a range. k: how many at most. per_video: of one video at most; None for any number.
        own: search that video, too. consensus: ask what all videos agree on; False compares single frames, as is
            done where there is one video only. The rest as ``align``.
    """
    embed_paths = embedded_by(run, cache, rate, callback, beside="always" if consensus else "never")
    clips = folder_clips("videos", videos, times, rate, embed_paths)
    number = index_of("video", video, clips)
    shown = clips[number].pts_seconds
    first, last = (float(shown[0]), float(shown[-1])) if len(shown) else (0.0, 0.0)
    number_of("time", time, first, last)
    if until is not None:
        number_of("until", until, time, last)
    number_of("k", k, 1)
    if per_video is not None:
        number_of("per_video", per_video, 1)
    if len(clips) == 1 and not own:
        raise SynclineError("videos holds one clip, the query's own; search it with own=True")
    if consensus and len(clips) > 1:
        return Results(find_moments(clips, number, time, until, k=k, per_video=per_video, own=own))
    source = clips[number].source
    index = MomentIndex(clips)
    query = index.query(source, time, until)
    return Results(index.search(query, k, per_video=per_video, exclude=None if own else source))


def transfer(
    videos: Clip,
    events: dict[Any, Events] | None = None,
    *,
    template: Template | str | os.PathLike[str] | None = None,
    absent_below: float | None = None,
    times: Sequence[Any] | None = None,
    rate: float | None = None,
    run: str | os.PathLike[str] | FrameEncoder | None = None,
    cache: str | os.PathLike[str] | None = None,
    callback: Callback = silent,
) -> Results[Transferred]:
    """Key events of a few videos, carried to all others.

    Args:
        videos: a folder, or a list of clips. events: video (path, name or number) -> seconds of its events, in one
            order for all; None where an event is absent. template: of ``make_template`` with events, or its file, in
            place of ``events``: then all ``videos`` are new clips. absent_below: confidence below which an event is
            absent. The rest as ``align``.

    Returns:
        One ``Transferred`` for each video without events, in order.
    """
    if absent_below is not None:
        number_of("absent_below", absent_below, 0, 1)
    if template is not None:
        known = _opened(template)
        if events or not known.events:
            raise SynclineError("a template with events takes the place of events; give one of the two")
        as_known = embedded_by(run, cache, rate, callback, known)
        folder = known.with_clips(folder_clips("videos", videos, times, rate, as_known))
        new = range(len(known.embeddings), len(folder.embeddings))
        return Results(transfer_in_folder(folder, known.events, new, absent_below=absent_below))
    if not events:
        raise SynclineError("events is empty; give the seconds of the events of one video or more")
    embed_paths = embedded_by(run, cache, rate, callback, beside="always")
    clips = folder_clips("videos", videos, times, rate, embed_paths)
    marked = events_of(events, clips)
    labelled = [LabelledVideo(clips[i], seconds) for i, seconds in marked.items()]
    others = [clip for i, clip in enumerate(clips) if i not in marked]
    return Results(transfer_events(labelled, others, absent_below=absent_below))


def deviate(
    videos: Clip,
    *,
    reference: Clip = None,
    template: Template | str | os.PathLike[str] | None = None,
    min_seconds: float | None = None,
    times: Sequence[Any] | None = None,
    rate: float | None = None,
    run: str | os.PathLike[str] | FrameEncoder | None = None,
    cache: str | os.PathLike[str] | None = None,
    callback: Callback = silent,
) -> Results[Report]:
    """Compares each video with the reference; sorts the videos from typical to odd.

    Args:
        videos: a folder, or a list of clips. reference: the one to compare with, by path, name or number; None
            compares with what the group does. template: of ``make_template``, or its file: all ``videos`` are new
            clips, compared with what its folder does. min_seconds: shorter stretches are left out; None: by the length
            of the clips. The rest as ``align``.

    Returns:
        One ``Report`` for each video but the reference; without one, for each but that which stands for the group.
    """
    if min_seconds is not None:
        number_of("min_seconds", min_seconds, 0)
    if template is not None:
        known = _opened(template)
        if reference is not None:
            raise SynclineError("a template has a reference of its own; give one of the two")
        as_known = embedded_by(run, cache, rate, callback, known)
        folder = known.with_clips(folder_clips("videos", videos, times, rate, as_known))
        new = range(len(known.embeddings), len(folder.embeddings))
        found = deviate_from_group(
            folder.embeddings, folder.group, reference=known.reference, min_seconds=min_seconds, only=new,
            doubtful=folder.votes.doubtful,
        )[1]  # fmt: skip
        return Results(rank(found))
    clips = folder_clips("videos", videos, times, rate, embedded_by(run, cache, rate, callback, beside="scenes"))
    if len(clips) < 2:
        raise SynclineError("videos holds one clip; deviating needs two or more, or a template=")
    if reference is None:
        folder = gather_folder(clips)
        found = deviate_from_group(clips, folder.group, min_seconds=min_seconds, doubtful=folder.votes.doubtful)[1]
        return Results(rank(found))
    number = index_of("reference", reference, clips)
    others = [clip for i, clip in enumerate(clips) if i != number]
    return Results(rank([deviate_from(clips[number], clip, min_seconds=min_seconds) for clip in others]))


def make_template(
    videos: Clip,
    events: dict[Any, Events] | None = None,
    *,
    event_names: Sequence[str] | None = None,
    times: Sequence[Any] | None = None,
    rate: float | None = None,
    run: str | os.PathLike[str] | FrameEncoder | None = None,
    cache: str | os.PathLike[str] | None = None,
    callback: Callback = silent,
) -> Template:
    """Makes a template: the folder's consensus, to be saved (``.save(path)``) and used on clips that come later.

    Args:
        videos: a folder, or a list of clips. events: as ``transfer`` takes them; they are kept in the template.
        event_names: of the events; numbers by default. The rest as ``align``.

    Examples:
        >>> import numpy as np
        >>> t = np.linspace(0, 6, 40)
        >>> circle = np.stack([np.cos(t), np.sin(t)], 1)
        >>> template = make_template([circle, circle[::2], circle[5:]], {0: [1.0]}, rate=10)
        >>> (event,) = transfer([circle[::2]], template=template, rate=10)[0].events
        >>> abs(event - 0.5) < 0.15
        True
    """
    made: list[MadeWith] = []
    clips = folder_clips("videos", videos, times, rate, embedded_by(run, cache, rate, callback, None, made))
    marked = events_of(events or {}, clips)
    count = max(map(len, marked.values()), default=0)
    names = [str(k) for k in range(count)] if event_names is None else event_names
    return Template.of(
        gather_folder(clips), made_with=made[0] if made else None, event_names=names if marked else (), events=marked
    )


def _opened(template: Template | str | os.PathLike[str]) -> Template:
    return template if isinstance(template, Template) else Template.load(template)
