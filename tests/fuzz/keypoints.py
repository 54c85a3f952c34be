"""Damaged copies of every form of keypoint file: each gives keypoints that fit, or our own error of one line.

The people in them leave, come back and cross; videos are longer than the files, and files count other rates.

python -m tests.fuzz.keypoints --count 2000
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))
sys.path.insert(0, str(Path(__file__).parent))

import random
import shutil

import keypoint_forms as forms
import numpy as np
from labels import damaged

from syncline.errors import SynclineError
from syncline.pose import Keypoints, find_keypoints, pose_embeddings, read_keypoints, write_keypoints
from syncline.pose.skeleton import by_count

FRAMES = 8
ANIMAL = ["snout", "left_ear", "right_ear", "tail"]
PTS = np.arange(FRAMES) / 30


def _people(joints: int, rng: random.Random) -> list[forms.Array]:
    """Two who walk: beside each other or across each other's way; joints and whole people are missing for a while."""
    first = forms.walk(FRAMES, joints)
    crossing = rng.random() < 0.5
    second = forms.walk(FRAMES, joints, start=130 if crossing else 300, step=-6 if crossing else 2, seed=4)
    first[rng.randrange(FRAMES), rng.randrange(joints)] = np.nan
    gone = rng.randrange(1, FRAMES)
    rng.choice([first, second])[gone : gone + rng.randrange(1, 4)] = np.nan
    return [first, second]


def _npy(path: Path) -> None:
    np.save(path, np.concatenate([forms.walk(FRAMES, 33), np.full((FRAMES, 33, 1), 0.9)], axis=2))


def _own(path: Path) -> None:
    write_keypoints(path, Keypoints(forms.walk(FRAMES, 17), np.ones((FRAMES, 17)), PTS, by_count(17), "a.mp4"))


MAKERS: dict[str, Callable[[Path, random.Random], None]] = {
    "openpose": lambda folder, rng: forms.write_openpose(folder / "a", "a", _people(25, rng)),
    "alphapose": lambda folder, rng: forms.write_alphapose(folder / "a.json", _people(17, rng)),
    "mmpose": lambda folder, rng: forms.write_mmpose(folder / "a.json", _people(17, rng), by_count(17).joints),
    "coco": lambda folder, rng: forms.write_coco(folder / "a.json", _people(17, rng)[:1], by_count(17).joints),
    "npy": lambda folder, rng: _npy(folder / "a.npy"),
    "own": lambda folder, rng: _own(folder / "a.npz"),
    "deeplabcut csv": lambda folder, rng: forms.write_deeplabcut_csv(
        folder / "a.csv", _people(4, rng), ANIMAL, ["x", "y"]
    ),
    "deeplabcut table": lambda folder, rng: forms.write_deeplabcut_h5(
        folder / "a.h5", _people(4, rng), ANIMAL, ["x", "y"]
    ),
    "deeplabcut fixed": lambda folder, rng: forms.write_deeplabcut_h5(
        folder / "a.h5", _people(4, rng)[:1], ANIMAL, fixed=True
    ),
    "sleap analysis": lambda folder, rng: forms.write_sleap_analysis(folder / "a.h5", _people(4, rng), ANIMAL),
    "sleap project": lambda folder, rng: forms.write_sleap_project(folder / "a.slp", _people(4, rng), ANIMAL),
}


def check(folder: Path, rng: random.Random) -> None:
    """The keypoints of video `a`, as long as they say or longer, hold together, and features can be made of them."""
    path = find_keypoints(folder, Path("a.mp4"))
    assert path is not None
    rate = rng.choice([None, 12.5, 60.0])
    found = read_keypoints(
        path, pts_seconds=np.arange(FRAMES * (3 if rate == 12.5 else rng.choice([1, 2]))) / 30, rate=rate,
        picture_size=(640, 240), person=rng.choice([None, (0.2, 0.5)]), video=Path("a.mp4"),
    )  # fmt: skip
    assert found.positions.shape[:2] == (len(found), len(found.skeleton.joints)) == found.confidence.shape
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()
    if len(found):
        assert np.isfinite(pose_embeddings([found]).embeddings[0].vectors).all()


def run_case(form: str, seed: int, work: Path) -> str:
    """Write, damage one file, read: "result" or "error"; an exception that is not ours comes through."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    rng = random.Random(f"{form} {seed}")
    MAKERS[form](work, rng)
    if seed < 0:
        check(work, rng)  # an undamaged specimen opens
        return "result"
    file = rng.choice(sorted(path for path in work.rglob("*") if path.is_file()))
    file.write_bytes(damaged(file.read_bytes(), rng))
    try:
        check(work, rng)
    except SynclineError as error:
        if "\n" in str(error) or len(str(error)) > 2000:
            raise AssertionError(f"an error of more than one line: {error}") from error
        return "error"
    return "result"


def fuzz(count: int, *, first_seed: int = 0) -> dict[str, Counter[str]]:
    """`count` cases, the forms in turn: outcomes by form.

    Raises:
        AssertionError: naming form and seed of each case that ended in something else.
    """
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in MAKERS}
    failures = []
    names = list(MAKERS)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            run_case(name, -1, Path(folder) / "work")
        for number in range(count):
            name, seed = names[number % len(names)], first_seed + number // len(names)
            try:
                outcomes[name][run_case(name, seed, Path(folder) / "work")] += 1
            except Exception as error:
                failures.append(f"form {name!r}, seed {seed}: {type(error).__name__}: {error}")
    assert not failures, "\n".join([f"{len(failures)} of {count} cases:", *failures])
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.keypoints", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="cases (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default: %(default)s)")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    for name, counted in fuzz(arguments.count, first_seed=arguments.seed).items():
        print(f"{name:<18} {counted['result']:6} results {counted['error']:6} refused")


if __name__ == "__main__":
    main()
