"""Options for body pose (--features, --keypoints ...), and embeddings by them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from syncline.cli.terminal import Bars, warn
from syncline.encoder.feature_kinds import KINDS, Kind
from syncline.errors import SynclineError

if TYPE_CHECKING:
    from syncline.data import Embedding, Video
    from syncline.encoder.folder_features import FolderBodies
    from syncline.pose.estimator import Model


def add_body_options(parser: argparse.ArgumentParser) -> None:
    """--features, --keypoints and what goes with them."""
    group = parser.add_argument_group("people in the picture (docs: Body pose)")
    group.add_argument("--features", choices=KINDS, help="what stands for a frame without --run: pictures (default), "
                       "body pose by an estimator, both, keypoints that you have (default where --keypoints is given), "
                       "or auto: pose where most clips show a person")  # fmt: skip
    group.add_argument("--pose-model", choices=("body", "hands"), default="body", help="what the estimator looks for: "
                       "the body (default), or both hands, for work at a table")  # fmt: skip
    group.add_argument("--keypoints", type=Path, metavar="DIR", help="folder with a keypoint file a video: OpenPose, "
                       "MediaPipe, COCO (MMPose, AlphaPose), DeepLabCut, SLEAP or ours; any skeleton")  # fmt: skip
    group.add_argument("--keypoints-rate", type=float, metavar="HZ", help="frames a second that the keypoint files "
                       "count (default: the videos' own frames)")  # fmt: skip
    group.add_argument("--keypoints-threshold", type=float, metavar="C",
                       help="joints of keypoint files below this confidence are missing (default: 0.3)")  # fmt: skip
    group.add_argument("--person", metavar="X,Y", help="whom to follow where there are several: who is nearest to this "
                       "point at the start, as shares of the picture (default: the largest)")  # fmt: skip
    group.add_argument("--mirror", choices=("auto", "off"), default="off", help="turn left for right the clips that "
                       "match the others clearly better so, poses or pictures: left-handers, the other side "
                       "(default: off)")  # fmt: skip
    group.add_argument("--upright", action="store_true", help="turn bodies so that the trunk stands upright: tilted "
                       "cameras")  # fmt: skip
    group.add_argument("--centre", metavar="JOINT[,JOINT]", help="joints whose middle is the centre of the body "
                       "(default: hips; of other skeletons the mean of all joints)")  # fmt: skip
    group.add_argument("--scale", metavar="JOINT,JOINT", help="joints whose distance is the size of the body (default: "
                       "hips to shoulders; of other skeletons the mean distance from the centre)")  # fmt: skip


def bodies_of(arguments: argparse.Namespace, *, mirrors_pictures: bool = False) -> FolderBodies | None:
    """Makes `FolderBodies` from the options; None for pictures. With --run: the source of its poses, or None.

    Args:
        mirrors_pictures: whether --mirror auto applies to pictures, too.

    Raises:
        SynclineError: options that do not go together, or are no points or numbers.
    """
    run = getattr(arguments, "run", None)
    if run is not None and arguments.features not in (None, "pictures"):
        raise SynclineError(
            f"--features {arguments.features} replaces a run, which has its own features; leave --run or "
            "--features away"
        )
    _check_together(arguments, run, mirrors_pictures)
    kind = arguments.features or ("keypoints" if arguments.keypoints is not None else "pictures")
    if kind == "pictures":
        if arguments.keypoints is not None:
            raise SynclineError("--keypoints goes with --features keypoints, pose, pictures+pose or auto")
        if run is None or arguments.person is None:
            return None
        kind = "pose"  # whom to follow, of a run that takes poses
    if arguments.keypoints is not None and not arguments.keypoints.is_dir():
        raise SynclineError(f"--keypoints {arguments.keypoints}: is no folder; give one with a keypoint file a video")
    if arguments.keypoints_rate is not None and not 0 < arguments.keypoints_rate < 1e4:
        raise SynclineError(f"--keypoints-rate must be above 0, got {arguments.keypoints_rate}")
    from syncline.encoder.folder_features import FolderBodies
    from syncline.pose import PoseOptions
    from syncline.pose.keypoint_files import THRESHOLD

    options = PoseOptions(
        centre=_names(arguments.centre), scale=_names(arguments.scale), mirror=arguments.mirror,
        upright=arguments.upright,
    )  # fmt: skip
    return FolderBodies(
        cast("Kind", kind), arguments.keypoints, arguments.keypoints_rate,
        THRESHOLD if arguments.keypoints_threshold is None else arguments.keypoints_threshold,
        _person(arguments.person), cast("Model", arguments.pose_model), options, arguments.cache,
    )  # fmt: skip


def _check_together(arguments: argparse.Namespace, run: str | None, mirrors_pictures: bool) -> None:
    """Raises SynclineError where an option would change nothing."""
    shaping = {
        "--centre": arguments.centre is not None, "--scale": arguments.scale is not None,
        "--upright": arguments.upright, "--pose-model": arguments.pose_model != "body",
    }  # fmt: skip
    of_files = {
        "--keypoints-rate": arguments.keypoints_rate is not None,
        "--keypoints-threshold": arguments.keypoints_threshold is not None,
    }
    for option, given in of_files.items():
        if given and arguments.keypoints is None:
            raise SynclineError(f"{option} is about keypoint files; give their folder by --keypoints DIR")
    shaping["--mirror"] = arguments.mirror == "auto" and not mirrors_pictures
    shaping["--person"] = arguments.person is not None and run is None
    pictures = arguments.features == "pictures" or (arguments.features is None and arguments.keypoints is None)
    for option, given in shaping.items():
        if given and run is not None:
            raise SynclineError(f"{option} is kept in the run, as it was trained; leave it or --run out")
        if given and pictures:
            raise SynclineError(
                f"{option} is about poses, and these are features of pictures; add --features pose, pictures+pose, "
                "keypoints or auto"
            )


def _names(text: str | None) -> tuple[str, ...]:
    return () if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def _person(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        x = y = -1.0
    if not 0 <= x <= 1 or not 0 <= y <= 1:
        raise SynclineError(f"--person {text}: expected X,Y as shares of the picture, as 0.3,0.5 (0,0 is top left)")
    return x, y


def embed_bodies(
    bodies: FolderBodies,
    videos: Sequence[Video],
    rate: float | None,
    pictures: Callable[[], tuple[list[Embedding], float]],
    folder: Path | None = None,
    refit: bool = False,
) -> list[Embedding] | None:
    """Embeds by `--features`, one embedding a video; None if that means pictures alone.

    Args:
        rate: sampled frames a second; None: enough for the clips.
        pictures: gives the embeddings of pictures and the rate of theirs, for `pictures+pose`.
        folder: whose standardisation is kept; None where the videos are in no folder. refit: measure it anew.
    """
    from syncline.data import Sampling, choose_rate
    from syncline.encoder.folder_features import side_by_side
    from syncline.files import content_of

    kind = _decided(bodies, videos)
    if kind == "pictures":
        return None
    kept = bodies.kept_in(folder, rate)
    beside: list[Embedding] = []
    if kind == "pictures+pose":
        beside, rate = pictures()
    if rate is None:
        fit = None if kept is None or refit else kept.read([content_of(video.path) for video in videos])
        rate = choose_rate(videos) if fit is None else fit.rate_hz
    with Bars() as bars:
        found = bodies.embed(videos, Sampling(rate), callback=bars, kept=kept, refit=refit)
    for remark in bodies.remarks(videos):
        warn(remark)
    return side_by_side(beside, found) if beside else found


def pose_settings(arguments: argparse.Namespace, videos: Sequence[Video] | None) -> dict[str, Any]:
    """The training settings that the options of `add_body_options` change.

    Args:
        videos: to train on, for `auto`; None where it is not known yet, and `auto` is refused.

    Raises:
        SynclineError: as `bodies_of`.
    """
    from dataclasses import asdict

    bodies = bodies_of(arguments)
    if bodies is None:
        return {"encoder": {"features": "pictures"}} if arguments.features == "pictures" else {}
    if bodies.kind == "auto":
        if videos is None:
            raise SynclineError("--features auto looks at the videos; give them, or name pictures, pose or both")
        if _decided(bodies, videos) == "pictures":
            return {}
    features = "pictures+pose" if bodies.kind == "pictures+pose" else "pose"
    keypoints = None if bodies.keypoints is None else str(bodies.keypoints)
    return {
        "encoder": {"features": features},
        "pose": {
            "keypoints": keypoints, "keypoints_rate": bodies.keypoints_rate, "threshold": bodies.threshold,
            "person": bodies.person, "model": bodies.model, "options": asdict(bodies.options),
        },
    }  # fmt: skip


def _decided(bodies: FolderBodies, videos: Sequence[Video]) -> Kind:
    """The kind, which `auto` finds out and says."""
    asked = bodies.kind
    with Bars() as bars:
        kind = bodies.decide(videos, callback=bars)
    if asked == "auto":
        why = bodies.presence or ("keypoints are given" if kind != "pictures" else "no pose estimator is installed")
        warn(f"features auto: {kind} ({why})")
    return kind


def suggest_poses(arguments: argparse.Namespace, videos: Sequence[Video]) -> None:
    """One line where nobody said what stands for a frame, an estimator is installed, and most clips show a person."""
    from syncline.pose.estimator import find_python
    from syncline.pose.people_present import FEW_CLIPS, people_in

    if arguments.features is not None or arguments.keypoints is not None or find_python() is None:
        return
    try:
        with Bars() as bars:
            found = people_in(videos, arguments.cache, clips=FEW_CLIPS, callback=bars)
    except SynclineError:
        return  # an estimator that does not run is reported where it is asked for
    if found.people:
        warn(f"{found}: --features pose (or auto) may serve better than pictures")
