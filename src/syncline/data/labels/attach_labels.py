"""Finds the video of each label: by whole name, then without suffix, then without folders."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from syncline.data.labels.video_labels import SLACK, LabelTrack, labels_to_phases, with_times
from syncline.data.video_set import Video, VideoSet
from syncline.errors import SynclineError
from syncline.video.discovery import SUFFIXES

_log = logging.getLogger(__name__)
MAX_FOLDERS = 200


def attach_labels(videos: VideoSet, tracks: Sequence[LabelTrack]) -> VideoSet:
    """Videos with the labels of the tracks that bear their names (see `tracks_of`); others stay as they are.

    Raises:
        SynclineError: no track fits any video, tracks that fit several, or labels that do not fit their video.
    """
    found = tracks_of(videos, tracks)
    if not found:
        given = tracks[0].video if tracks else "none"
        raise SynclineError(f"the labels name no video of {videos.name} (the first: {given})")
    labelled: list[Video] = list(videos)
    for i, track in found.items():
        labelled[i] = labelled_video(videos[i], track)
    names = max((track.event_names for track in tracks), key=len, default=()) or videos.event_names
    return replace(videos, videos=tuple(labelled), event_names=names)


def labelled_video(video: Video, track: LabelTrack) -> Video:
    """The video with the phases and events of a track, and its split where the track says one.

    Raises:
        SynclineError: labels that do not fit the video.
    """
    pts_seconds = film_times(video)
    first, end = video.span or (0, video.num_frames)
    own = pts_seconds[: end - first]
    if track.frames is not None and track.num_frames is not None and abs(track.num_frames - len(own)) > SLACK:
        raise SynclineError(
            f"labels of {track.video}: they count the frames of a film of {track.num_frames} frames; {video.name} has "
            f"{len(own)}"
        )
    phases = np.full(video.num_frames, -1, dtype=np.int64)  # of a part, the rest of the file is unknown
    phases[first:end] = labels_to_phases(track, end - first, own)
    events = None
    if track.events:
        there = with_times(track, own).frames or ()
        events = tuple(None if frame is None else first + frame for frame in there)
    return replace(video, phases=phases, events=events, split=track.split or video.split)


def film_times(video: Video) -> NDArray[np.float64]:
    """When each frame of a video is shown, in seconds from its first picture; of a part, from where that begins."""
    from syncline.video import open_video

    return video.own_pts_seconds(open_video(video.path).pts_seconds)


def with_films(tracks: Sequence[LabelTrack], videos: VideoSet) -> list[LabelTrack]:
    """The tracks with the time stamps of their films, so that every form that they are written in names one frame.

    Raises:
        SynclineError: a track whose film is not among the videos, or that does not fit it.
    """
    index = {id(track): i for i, track in tracks_of(videos, tracks).items()}
    missing = next((track.video for track in tracks if id(track) not in index), None)
    if missing is not None:
        raise SynclineError(f"the labels of {missing!r} have no film among the {len(videos)} of {videos.name}")
    return [with_times(track, film_times(videos[index[id(track)]])) for track in tracks]


def with_film_beside(track: LabelTrack) -> LabelTrack:
    """The track with the time stamps of the one film of its name in the folder of its label file or one folder below.

    As it is where there is no such film, or several. Without a film, seconds and frames are not turned into each other.
    """
    if track.pts_seconds is not None or track.frame_rate is not None or track.folder is None:
        return track
    from syncline.video import open_video

    stem = video_stem(track.video)
    folders = [track.folder, *sorted(path for path in track.folder.iterdir() if path.is_dir())][:MAX_FOLDERS]
    films = [
        film
        for folder in folders
        for film in folder.iterdir()
        if film.suffix.lower() in SUFFIXES and video_stem(film.name) == stem and film.is_file()
    ]
    if len(films) != 1:
        return track
    _log.info("frames of %s are counted by the time stamps of %s", track.video, films[0])
    return with_times(track, open_video(films[0]).pts_seconds)


def tracks_of(videos: VideoSet, tracks: Sequence[LabelTrack]) -> dict[int, LabelTrack]:
    """Index of a video -> its track: that of its whole name, otherwise of its name without suffix or folders.

    A name without folders may fit several videos (`cam1/x.mp4`, `cam2/x.mp4`); which of them it means is not guessed.

    Raises:
        SynclineError: two tracks for one video, or a track that fits several videos.

    Examples:
        >>> from pathlib import Path
        >>> cameras = [Video(Path(name), name, name, 9, 3.0) for name in ("cam1/x.mp4", "cam2/x.mp4")]
        >>> list(tracks_of(VideoSet(tuple(cameras), "cameras"), [LabelTrack("cam2/x.mp4")]))
        [1]
    """
    stems = [video_stem(video.name) for video in videos]
    alike = Counter(video_stem(track.video) for track in tracks)
    once = {stem for stem, count in Counter(stems).items() if count == 1 == alike[stem]}
    found: dict[int, LabelTrack] = {}
    left = list(tracks)
    ways: tuple[Callable[[str, str], bool], ...] = (
        str.__eq__,
        lambda name, other: without_suffix(name) == without_suffix(other),
        lambda name, other: _ends_alike(without_suffix(name), without_suffix(other)) or video_stem(name) in once,
    )
    for fits in ways:
        by_stem: dict[str, list[LabelTrack]] = defaultdict(list)
        for track in left:
            by_stem[video_stem(track.video)].append(track)
        pairs = [(i, t) for i, stem in enumerate(stems) for t in by_stem[stem] if fits(videos[i].name, t.video)]
        pairs = _with_most_folders(videos, pairs)
        meant = Counter(id(track) for _, track in pairs)
        new: dict[int, LabelTrack] = {}
        for i, track in pairs:
            if i in found:
                continue
            name = videos[i].name
            if meant[id(track)] > 1:
                raise _several(track, name)
            if i in new:
                raise SynclineError(f"{name} has two labels ({new[i].video!r}, {track.video!r}); take one out")
            new[i] = track
        found |= new
        left = [track for track in left if not meant[id(track)]]
    for track in left:  # a path on another machine says less than a folder of the set does
        bearers = [video.name for video, stem in zip(videos, stems) if stem == video_stem(track.video)]
        if track.video.startswith("/") and len(bearers) > 1:
            raise _several(track, bearers[0])
    return found


def _with_most_folders(videos: VideoSet, pairs: list[tuple[int, LabelTrack]]) -> list[tuple[int, LabelTrack]]:
    """Among videos whose names end a track's path, those with the most folders."""
    longest: dict[int, int] = {}
    for i, track in pairs:
        name = without_suffix(videos[i].name)
        if f"/{without_suffix(track.video)}".endswith(f"/{name}"):
            longest[id(track)] = max(longest.get(id(track), 0), len(name))
    return [(i, t) for i, t in pairs if longest.get(id(t)) in (None, len(without_suffix(videos[i].name)))]


def _several(track: LabelTrack, name: str) -> SynclineError:
    return SynclineError(
        f"the labels of {track.video!r} may be of {name} or of another video of that name; give its folder in the "
        "label file"
    )


def video_stem(name: str) -> str:
    """The name of a video without folders and without the suffix of a film; other dots stay.

    Examples:
        >>> video_stem("day 1/cup.v2.MP4"), video_stem("cup.v2")
        ('cup.v2', 'cup.v2')
    """
    return without_suffix(name).rsplit("/", 1)[-1]


def without_suffix(name: str) -> str:
    """The name of a video with its folders, without the suffix of a film and spaces around it.

    Letters with accents count as one: macOS writes `é` in the names of files as two, people in tables as one.
    """
    name = unicodedata.normalize("NFC", name.replace("\\", "/")).strip()
    rest, dot, suffix = name.rpartition(".")
    return rest if dot and rest and rest[-1] != "/" and f".{suffix.lower()}" in SUFFIXES else name


def _ends_alike(name: str, other: str) -> bool:
    """Whether one of two names is the other without some of its folders."""
    return f"/{name}".endswith(f"/{other}") or f"/{other}".endswith(f"/{name}")


def media_name(path: str) -> str:
    """The path of a file without scheme, drive and leading `./` or `../`; its folders stay, they tell cameras apart."""
    path = re.sub(r"^[A-Za-z][\w+.-]+://", "", path.replace("\\", "/"))
    return re.sub(r"^/?[A-Za-z]:(?=/)|^(\.{1,2}/)+", "", path)


def url_name(url: str) -> str:
    """The same of a URL, unquoted and without its query, unless that holds the path (Label Studio's local files)."""
    path, _, query = url.partition("?")
    return media_name(unquote(query.removeprefix("d=") if path.rstrip("/").endswith("local-files") else path))
