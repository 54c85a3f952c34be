"""PennAction as its authors released it, and the phase labels that TCC's authors gave out for it.

    frames/0001/000001.jpg ...     2326 sequences of pictures
    labels/0001.mat                action, train, nframes, and poses that are not needed here
    penn_action_labels/{train,val}/{action}/0001*.npy     one phase a frame; not part of the release

With the labels, their folders say the split, and sequences without labels are left out; without them, `train` in the
.mat files does, and no video has phases. The pictures are read where they are.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.data.labels.label_arrays import read_array
from syncline.data.published.published_actions import NOT_USED, PENN_ACTION, Action, action_named
from syncline.data.video_set import Video
from syncline.errors import SynclineError
from syncline.video.frame_folders import frame_files, frame_rate

_log = logging.getLogger(__name__)

LABELS = "penn_action_labels"
MAX_MAT = 1 << 26


def raw_root(root: Path) -> Path | None:
    """The folder with `frames` and `labels`: the one given, or `Penn_Action` in it; None where it is neither."""
    for folder in (root, root / "Penn_Action"):
        if (folder / "frames").is_dir() and any((folder / "labels").glob("*.mat")):
            return folder
    return None


def read_raw(root: Path) -> list[Video]:
    """The sequences of the 13 actions, with labels where they are.

    Raises:
        SynclineError: naming the file and what is wrong; no sequence at all.
    """
    base = raw_root(root)
    if base is None:
        raise SynclineError(f"{root} holds no frames and labels/*.mat")
    labels = next((folder for folder in (root / LABELS, base / LABELS) if folder.is_dir()), None)
    phases = {} if labels is None else _label_files(labels)
    videos, unlabelled, broken = [], 0, 0
    for mat in sorted((base / "labels").glob("*.mat")):
        name, split = _said(mat)
        if name in NOT_USED:
            continue
        action = action_named(name)
        folder = base / "frames" / mat.stem
        if labels is not None and mat.stem not in phases:
            unlabelled += 1
            continue
        try:
            length = len(frame_files(folder))
            if not length:
                raise SynclineError(f"{folder}: holds no numbered pictures")
        except SynclineError as error:
            _log.warning("passed over %s: %s", mat.stem, error)
            broken += 1
            continue
        own = None
        if mat.stem in phases:
            split, of_labels, file = phases[mat.stem]
            if of_labels is not action:
                raise SynclineError(f"{file} labels {of_labels.name}, but {mat} says {action.name}")
            own = stretched(_checked(file, action), length)
        title = f"{mat.stem}_{action.name}"
        videos.append(Video(folder, title, title, length, frame_rate(folder), split, action.name, own))
    if unlabelled:
        _log.info("%d sequences have no phase labels in %s and are left out", unlabelled, labels)
    if not videos:
        raise SynclineError(f"{base} holds no sequence that can be read ({broken} of them are damaged)")
    return videos


def stretched(labels: NDArray[np.int64], num_frames: int) -> NDArray[np.int64]:
    """Labels brought to the length of the video: (num_frames,).

    The longer of the two is read at floor(j L_long / L_short), as TCC does. Where that is the video, no frame is thrown
    away: the frames between those that it would keep bear the label of the one before.

    Examples:
        >>> stretched(np.array([0, 1, 2, 3]), 2).tolist(), stretched(np.array([0, 1]), 5).tolist()
        ([0, 2], [0, 0, 1, 1, 1])
    """
    if not len(labels) or not num_frames:
        raise SynclineError(f"{len(labels)} labels for {num_frames} frames")
    if len(labels) >= num_frames:
        return labels[np.arange(num_frames) * len(labels) // num_frames]
    kept = np.arange(len(labels)) * num_frames // len(labels)
    return labels[np.searchsorted(kept, np.arange(num_frames), side="right") - 1]


def _label_files(folder: Path) -> dict[str, tuple[str, Action, Path]]:
    """The label files by sequence: split, action and file."""
    found: dict[str, tuple[str, Action, Path]] = {}
    for split in ("train", "val"):
        for file in sorted((folder / split).glob("*/*.npy")):
            sequence = file.name[:4]
            if sequence in found:
                raise SynclineError(f"{file}: sequence {sequence} is labelled twice, also in {found[sequence][2]}")
            found[sequence] = split, action_named(file.parent.name), file
    if not found:
        raise SynclineError(f"{folder} holds no labels; expected train/ACTION/0001.npy and val/ACTION/...")
    return found


def _checked(file: Path, action: Action) -> NDArray[np.int64]:
    labels = read_array(file)
    if not len(labels) or labels.min() < -1 or labels.max() >= action.num_phases:
        raise SynclineError(f"{file}: expected labels from 0 to {action.num_phases - 1}, and -1 for unknown")
    return labels


def _said(mat: Path) -> tuple[str, str]:
    """(action, split) of a .mat file."""
    from scipy.io import loadmat

    try:
        if mat.stat().st_size > MAX_MAT:
            raise SynclineError(f"{mat}: {mat.stat().st_size} bytes; up to {MAX_MAT} are read")
        content: dict[str, Any] = loadmat(mat, variable_names=["action", "train"])
        action = str(np.asarray(content["action"]).reshape(-1)[0])
        train = int(np.asarray(content["train"]).reshape(-1)[0])
    except SynclineError:
        raise
    except Exception as error:  # damaged files raise nearly every type there is
        said = str(error).splitlines()[0][:160] if str(error) else ""
        raise SynclineError(f"{mat} cannot be read as PennAction labels ({type(error).__name__}: {said})") from error
    known = {name for found in PENN_ACTION for name in (found.name, found.tcc_name)}
    if action not in known and action not in NOT_USED:
        raise SynclineError(f"{mat}: no action of PennAction: {action[:80]!r}")
    return action, "train" if train == 1 else "val"
