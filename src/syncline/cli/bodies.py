"""The options that put body pose in the place of pictures, or beside them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from syncline.cli.terminal import Bars, warn
from syncline.errors import SynclineError

if TYPE_CHECKING:
    from syncline.data import Embedding, Video
    from syncline.encoder.folder_features import FolderBodies, Kind
    from syncline.pose.estimator import Model

KINDS = ("pictures", "pose", "pictures+pose", "keypoints", "auto")


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
    group.add_argument("--keypoints-threshold", type=float, default=0.3, metavar="C",
                       help="joints of keypoint files below this confidence are missing (default: 0.3)")  # fmt: skip
    group.add_argument("--person", metavar="X,Y", help="whom to follow where there are several: who is nearest to this "
                       "point at the start, as shares of the picture (default: the largest)")  # fmt: skip
    group.add_argument("--mirror", choices=("auto", "off"), default="off", help="turn left for right the clips that "
                       "are more like the others so: left-handers, the other side (default: off)")  # fmt: skip
    group.add_argument("--upright", action="store_true", help="turn bodies so that the trunk stands upright: tilted "
                       "cameras")  # fmt: skip
    group.add_argument("--centre", metavar="JOINT[,JOINT]", help="joints whose middle is the centre of the body "
                       "(default: hips; of other skeletons the mean of all joints)")  # fmt: skip
    group.add_argument("--scale", metavar="JOINT,JOINT", help="joints whose distance is the size of the body (default: "
                       "hips to shoulders; of other skeletons the mean distance from the centre)")  # fmt: skip


def bodies_of(arguments: argparse.Namespace) -> FolderBodies | None:
    """What the options of `add_body_options` say; None for pictures.

    Raises:
        SynclineError: options that do not go together, or are no points or numbers.
    """
    kind = arguments.features or ("keypoints" if arguments.keypoints is not None else "pictures")
    if kind == "pictures":
        if arguments.keypoints is not None:
            raise SynclineError("--keypoints goes with --features keypoints, pose, pictures+pose or auto")
        return None
    if arguments.run is not None:
        raise SynclineError(f"--features {kind} stands in the place of a run; leave --run or --features away")
    if arguments.keypoints is not None and not arguments.keypoints.is_dir():
        raise SynclineError(f"--keypoints {arguments.keypoints}: is no folder; give one with a keypoint file a video")
    if arguments.keypoints_rate is not None and not 0 < arguments.keypoints_rate < 1e4:
        raise SynclineError(f"--keypoints-rate must be above 0, got {arguments.keypoints_rate}")
    from syncline.encoder.folder_features import FolderBodies
    from syncline.pose import PoseOptions

    options = PoseOptions(
        centre=_names(arguments.centre), scale=_names(arguments.scale), mirror=arguments.mirror,
        upright=arguments.upright,
    )  # fmt: skip
    return FolderBodies(
        cast("Kind", kind), arguments.keypoints, arguments.keypoints_rate, arguments.keypoints_threshold,
        _person(arguments.person), cast("Model", arguments.pose_model), options, arguments.cache,
    )  # fmt: skip


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
) -> list[Embedding] | None:
    """What `--features` asks for, one embedding a video; None where it comes to pictures alone.

    Args:
        rate: sampled frames a second; None: enough for the clips.
        pictures: gives the embeddings of pictures and the rate of theirs, for `pictures+pose`.
    """
    from syncline.data import Sampling, choose_rate
    from syncline.encoder.folder_features import side_by_side

    with Bars() as bars:
        asked = bodies.kind
        kind = bodies.decide(videos, progress=bars)
    if asked == "auto":
        why = bodies.presence or ("keypoints are given" if kind != "pictures" else "no pose estimator is installed")
        warn(f"features auto: {kind} ({why})")
    if kind == "pictures":
        return None
    beside: list[Embedding] = []
    if kind == "pictures+pose":
        beside, rate = pictures()
    with Bars() as bars:
        found = bodies.embed(videos, Sampling(choose_rate(videos) if rate is None else rate), progress=bars, say=warn)
    for remark in bodies.remarks(videos):
        warn(remark)
    return side_by_side(beside, found) if beside else found
