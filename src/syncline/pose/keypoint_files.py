"""Reads and writes keypoint files: finds the file of a video, its format, and when its frames are shown.

Our own form is an `.npz` of plain arrays with the times in it. Those of other programs count frames: they are taken for
the video's own frames, unless a rate is given.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.files import replacing
from syncline.pose.followed_person import Detections, follow
from syncline.pose.forms import coco, deeplabcut, landmark_arrays, openpose, sleap
from syncline.pose.forms.form_reading import MOST_NUMBERS
from syncline.pose.keypoints import Keypoints
from syncline.pose.skeleton import skeleton_of

_log = logging.getLogger(__name__)

SUFFIXES = (".npz", ".slp", ".h5", ".csv", ".json", ".npy")
"""What keypoint files end in; of one video's files the first kind in this order is read."""
THRESHOLD = 0.3
"""Joints of files below this confidence are missing."""


def find_keypoints(folder: Path, video: Path) -> Path | None:
    """The keypoint file (or folder of OpenPose) of a video: named as it is, or as it is and more (`<video>DLC_…h5`).

    What is named as another video beside it, or as it is and a number, is of another: `swing_2.json` is not of `swing`.

    Raises:
        SynclineError: there is no such folder.
    """
    if not folder.is_dir():
        raise SynclineError(f"--keypoints {folder}: is no folder; give the one that holds a keypoint file a video")
    stem = video.stem
    for name in (video.name, stem):
        inner = folder / name
        if openpose.is_folder_of(inner):
            return inner
        for usual in ("alphapose-results.json", f"{stem}.json"):
            if (inner / usual).is_file():
                return inner / usual
    if stem in openpose.stems(folder):
        return folder
    files = sorted(
        path for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and _belongs(path.stem, stem) and not _of_another(path.stem, video)
    )  # fmt: skip
    if files:
        return min(files, key=lambda path: (len(path.stem), SUFFIXES.index(path.suffix.lower())))
    for path in sorted(folder.glob("*.slp")):
        if stem in (Path(name.replace("\\", "/")).stem for name in sleap.videos_of(path)):
            return path
    return None


def _belongs(name: str, stem: str) -> bool:
    """Whether a file's name is a video's, with nothing or with another program's words around it."""
    exported = re.fullmatch(r".+\.[0-9]{3}_(.+)\.analysis", name)  # SLEAP: <project>.000_<video>.analysis.h5
    if exported or name == f"results_{stem}":  # as MMPose's demos write it
        return exported is None or exported[1] == stem
    rest = name.removeprefix(stem)
    if name in (stem, rest):
        return name == stem
    numbered = re.match(r"[\W_]+[0-9]+(DLC|[\W_]|$)", rest)  # another take
    return rest.startswith("DLC") or not (rest[0].isalnum() or numbered)


def _of_another(name: str, video: Path) -> bool:
    """Whether a video beside it has a longer name that a keypoint file's name begins with."""
    longer = (name[:end] for end in range(len(video.stem) + 1, len(name) + 1))
    return any(_belongs(name, stem) and video.with_name(stem + video.suffix).is_file() for stem in longer)


def read_detections(path: Path, stem: str | None = None) -> Detections:
    """All people that a keypoint file has, by its form.

    Args:
        path: the file, or the folder of OpenPose.
        stem: of the video, for files that hold several.

    Raises:
        SynclineError: no form that is known, or a file that is damaged.
    """
    if path.is_dir():
        return openpose.read(path, stem if stem in openpose.stems(path) else None)
    suffix = path.suffix.lower()
    if suffix == ".slp":
        return sleap.read_project(path, stem)
    if suffix == ".h5":
        return sleap.read_analysis(path) if sleap.is_analysis(path) else deeplabcut.read_h5(path)
    if suffix == ".csv":
        return deeplabcut.read_csv(path)
    if suffix == ".json":
        return coco.read(path)
    if suffix == ".npy":
        return landmark_arrays.read(path)
    raise SynclineError(f"{path}: keypoint files end in {', '.join(SUFFIXES)} or are OpenPose's folders of JSON")


def read_keypoints(
    path: Path,
    *,
    pts_seconds: NDArray[np.float64] | None = None,
    rate: float | None = None,
    picture_size: tuple[int, int] | None = None,
    person: tuple[float, float] | None = None,
    threshold: float = THRESHOLD,
    video: Path | None = None,
) -> Keypoints:
    """One body of a keypoint file, with the times of its frames.

    Args:
        path: the file, in any form, or the folder of OpenPose.
        pts_seconds: (t,) when the video's frames are shown. Needed for all forms but our own, unless `rate` is given.
        rate: frames a second that the file counts; None: the video's own frames.
        picture_size: (width, height) of the video; positions that are shares of the picture become pixels, as do those
            of OpenPose that reach from -1 to 1 (its `--keypoint_scale 3` and `4`).
        person: (x, y) as shares of the picture: who is nearest to it at the start is followed, None the largest.
        threshold: joints below this confidence are missing.
        video: whose frames these are.

    Raises:
        SynclineError: a file that cannot be read, more frames than the video has, a rate at which it is longer, times
            that are not known, or `person` for several people in 3-D.
    """
    source = str(path if video is None else video)
    if path.suffix.lower() == ".npz":
        return replace(load_keypoints(path).confident(threshold), source=source)
    found = read_detections(path, None if video is None else video.stem)
    found = _in_pixels(found, picture_size, from_the_middle=openpose.is_folder_of(path))
    if rate is not None:
        seconds = np.arange(found.num_frames) / rate
        if pts_seconds is not None and len(pts_seconds) > 1 and len(seconds):
            _check_length(path, float(seconds[-1]), float(pts_seconds[-1]), rate)
    elif pts_seconds is None:
        raise SynclineError(f"{path}: the times of its frames are not known; give the video or the rate")
    else:
        seconds = pts_seconds
        if found.num_frames == len(seconds) + 1 and len(found) and found.frames.min() > 0:
            found = replace(found, frames=found.frames - 1, num_frames=len(seconds))  # it counts from 1
        if found.num_frames > len(seconds) + 1:
            raise SynclineError(
                f"{path}: {found.num_frames} frames, the video has {len(seconds)}; where the file counts another rate "
                "than the video's, give it by --keypoints-rate"
            )
        if found.num_frames < 0.9 * len(seconds):
            _log.warning("%s: %d frames of the video's %d; the rest is unknown", path, found.num_frames, len(seconds))
    size = picture_size
    if person is not None and found.positions.shape[2] == 3 and len(np.unique(found.frames)) < len(found):
        raise SynclineError(f"{path}: --person is a point in the picture, which 3-D keypoints of several people lack")
    at = None if person is None else (person[0] * size[0], person[1] * size[1]) if size else person
    chosen = follow(found, at)[: len(seconds)]
    joints, axes = found.positions.shape[1:]
    positions = np.full((len(seconds), joints, axes), np.nan, np.float32)
    confidence = np.zeros((len(seconds), joints), np.float32)
    there = np.flatnonzero(chosen >= 0)
    positions[there], confidence[there] = found.positions[chosen[there]], found.confidence[chosen[there]]
    return Keypoints(positions, confidence, seconds, found.skeleton, source, size).confident(threshold)


def _check_length(path: Path, last: float, shown: float, rate: float) -> None:
    """Warns of a file that ends long before its video at the rate that was given.

    Raises:
        SynclineError: it goes on long after the video has ended, so that the rate must be wrong.
    """
    if last > 1.1 * shown + 1 / rate:
        raise SynclineError(
            f"{path}: at {rate:g} frames a second it lasts {last:.2f} s, the video {shown:.2f} s; --keypoints-rate is "
            "how many frames of the file belong to a second of the video"
        )
    if last < 0.9 * shown - 1 / rate:
        _log.warning("%s: at %g frames a second it lasts %.2f s of the video's %.2f; the rest is unknown", path, rate,
                     last, shown)  # fmt: skip


def _in_pixels(found: Detections, size: tuple[int, int] | None, *, from_the_middle: bool) -> Detections:
    """The same in pixels, where positions are shares of the picture or, `from_the_middle`, of half of it."""
    rows = found.positions[np.isfinite(found.positions[:, :, 0])]
    if size is None or not len(rows):
        return found
    factor = np.array([size[0], size[1], size[0]][: found.positions.shape[2]], np.float32)
    if landmark_arrays.shares(rows):
        return replace(found, positions=found.positions * factor)
    half = np.float32(0.5)
    if from_the_middle and found.positions.shape[2] == 2 and landmark_arrays.shares(half * rows + half):
        return replace(found, positions=(half * found.positions + half) * factor)
    return found


def write_keypoints(path: Path, keypoints: Keypoints) -> None:
    """Writes our own form, `.npz`, whole or not at all."""
    if path.suffix != ".npz":
        raise SynclineError(f"{path}: keypoints are written as .npz")
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(
            file,
            positions=keypoints.positions,
            confidence=keypoints.confidence,
            pts_seconds=keypoints.pts_seconds,
            joints=np.array(keypoints.skeleton.joints),
            bones=np.array(keypoints.skeleton.bones, np.int64).reshape(-1, 2),
            picture_size=np.array(keypoints.picture_size or (0, 0), np.int64),
        )


def load_keypoints(path: Path) -> Keypoints:
    """Reads our own format.

    Raises:
        SynclineError: a file that is not of it, or damaged.
    """
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            if not {"positions", "confidence", "pts_seconds", "joints"} <= set(file.files):
                raise SynclineError(f"{path}: is no keypoint file of ours; expected positions, confidence, pts_seconds")
            if sum(entry.file_size for entry in file.zip.infolist()) > 4 * MOST_NUMBERS:
                raise SynclineError(f"{path}: larger than {MOST_NUMBERS >> 18} MiB")
            positions, confidence, seconds = file["positions"], file["confidence"], file["pts_seconds"]
            joints = [str(name) for name in file["joints"].tolist()]
            bones = [(int(a), int(b)) for a, b in file["bones"].tolist()] if "bones" in file.files else []
            size = [int(side) for side in file["picture_size"].tolist()] if "picture_size" in file.files else [0, 0]
    except SynclineError:
        raise
    except Exception as error:  # of what is damaged NumPy, zip and zlib each raise their own
        said = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise SynclineError(f"{path}: is no keypoint file that can be read ({said})") from error
    if any(array.dtype.kind not in "fiu" for array in (positions, confidence, seconds)) or seconds.ndim != 1:
        raise SynclineError(f"{path}: positions, confidence and pts_seconds must be arrays of numbers")
    if any(not 0 <= end < len(joints) for bone in bones for end in bone):
        raise SynclineError(f"{path}: a bone to a joint that does not exist")
    known = len(size) == 2 and min(size) > 0
    return Keypoints(
        positions, confidence, seconds, skeleton_of(joints, bones), str(path), (size[0], size[1]) if known else None
    )
