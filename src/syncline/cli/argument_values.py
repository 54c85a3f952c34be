"""Parses values of arguments: parts of a data set, a setting, a video of the folder, a file of labels."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.cli.terminal import say, warn
from syncline.errors import SynclineError
from syncline.wording import counted

if TYPE_CHECKING:
    from syncline.data import Video, VideoSet
    from syncline.data.labels.video_labels import LabelTrack


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
    """Parses ``--set a.b=1`` into nested dictionaries; names and types are checked by jsonargparse (`config_from`).

    Ours, because jsonargparse takes ``--encoder.width 128`` only, and imports torch before it can print a help text.

    Raises:
        SynclineError: no KEY=VALUE, or a value that is no YAML.
    """
    import yaml

    from syncline.encoder.encoder_config import named_as_today

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
    room, _, name = key.rpartition(".")
    now = next(iter(named_as_today({name: None}))) if room == "encoder" else name
    if now != name:
        warn(f"--set {key} is --set encoder.{now} now")
    for part in reversed(key.split(".")):
        result = {part: result}
    return dict(result)


def add_label_options(parser: argparse.ArgumentParser, *, written: bool = False) -> None:
    """--label-rate and --time-origin, of the verbs that take --labels.

    Args:
        parser: of the verb. written: whether its results count from there, too.
    """
    add_label_rate(parser)
    results = "the same" if written else "the first picture"
    add_time_origin(parser, f"seconds of labels {'and results ' * written}count from",
                    f"labels count seconds from where a container begins, results from {results}")  # fmt: skip


def add_label_rate(parser: argparse.ArgumentParser) -> None:
    """Adds --label-rate."""
    parser.add_argument("--label-rate", type=float, metavar="HZ",
                        help="frames a second that labels count; of Label Studio the project's (often 24)")  # fmt: skip


def add_time_origin(parser: argparse.ArgumentParser, what: str, said: str) -> None:
    """--time-origin: what counts from there, for its help, and how `say_time_origin` begins."""
    parser.add_argument("--time-origin", choices=["picture", "container"], default="picture",
                        help=f"what {what}: a film's first picture (default), or where its container begins, which may "
                        "be earlier, with sound")  # fmt: skip
    parser.set_defaults(time_origin_said=said)


def labels_of(
    videos: VideoSet, arguments: argparse.Namespace, event_names: Sequence[str] | None = None
) -> list[LabelTrack]:
    """The labels of --labels, in seconds from the first picture, and a warning where some of them name no video."""
    from syncline.data.labels.attach_labels import tracks_of
    from syncline.data.labels.label_formats import read_labels

    path = arguments.labels
    tracks = read_labels(path, event_names=event_names, frame_rate=arguments.label_rate)
    used = {id(track) for track in tracks_of(videos, tracks).values()}
    unused = [track.video for track in tracks if id(track) not in used]
    if used and unused:
        print(
            f"syncline: {path} labels {counted(len(tracks), 'video')}; those that {videos.name} does not have are left "
            f"out: {len(unused)} (the first: {unused[0]})", file=sys.stderr,
        )  # fmt: skip
    return from_first_picture(videos, tracks, arguments)


def from_first_picture(videos: VideoSet, tracks: list[LabelTrack], arguments: argparse.Namespace) -> list[LabelTrack]:
    """The tracks in seconds from the first picture, whatever --time-origin says that they are in."""
    if arguments.time_origin == "picture":
        return tracks
    from syncline.data.labels.time_origin import tracks_from_container

    say_time_origin(videos, arguments)
    return tracks_from_container(videos, tracks)


def say_time_origin(videos: Iterable[Video], arguments: argparse.Namespace) -> list[float]:
    """Seconds to add to those from each video's first picture for those that --time-origin means.

    With `container` it is said which seconds count from there, and how far from the first picture that is.

    Raises:
        SynclineError: with `container`, a video that is a part of a file.
    """
    from syncline.data.labels.time_origin import origins_of

    offsets = origins_of(videos, arguments.time_origin)
    if arguments.time_origin == "picture":
        return offsets
    apart = [offset for offset in offsets if abs(offset) > 5e-4]
    most = f" (by up to {max(apart, key=abs):.3f} s)" if apart else ""
    say(f"{arguments.time_origin_said}; container and first picture differ in {len(apart)} of "
        f"{counted(len(offsets), 'video')}{most}")  # fmt: skip
    return offsets


def pick(videos: VideoSet, name: str) -> int:
    """Number of the video that a name, a stem or a path means.

    Raises:
        SynclineError: none or several.
    """
    stem = Path(name).stem
    exact = [i for i, video in enumerate(videos) if name in (video.name, str(video.path))]
    exact = exact or [i for i, video in enumerate(videos) if Path(name).exists() and same(video.path, Path(name))]
    loose = exact or [i for i, video in enumerate(videos) if Path(video.name).stem == stem]
    if len(loose) != 1:
        known = ", ".join(video.name for video in list(videos)[:4])
        raise SynclineError(f"{name!r} names {len(loose) or 'none'} of {counted(len(videos), 'video')} ({known}, …)")
    return loose[0]


def same(one: Path, other: Path) -> bool:
    """Whether two paths are the same file."""
    return one.resolve() == other.resolve()


def known_events(video: Video, num_phases: int) -> list[float | None]:
    """Seconds of a video's key events by its phases, as its player shows them; [] without labels."""
    from syncline.video import VideoReader

    if video.phases is None or num_phases < 2:
        return []
    pts_seconds = VideoReader(video.path).pts_seconds
    return [None if frame is None else float(pts_seconds[frame]) for frame in video.key_events(num_phases)]
