"""The process that runs MediaPipe: pictures in, landmarks out. Needs only mediapipe and numpy.

Nothing here imports syncline, because mediapipe and the packages of syncline may want different versions of the same
library. What is said between the two processes:

- at its start the worker writes one line of JSON: what it runs (`model`, `version`, `licence`, `sha256`);
- a request is one line of JSON (`width`, `height`, `count`, `person`, `model`) and `count` pictures of raw RGB, in
  order of time;
- each picture is answered by one line: `null`, where nobody is seen, or a list of [x, y, z, visibility], x and y as
  shares of the picture.

A request is one film: the person found in one picture is looked for near there in the next.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

CONFIDENCE = 0.3
HAND_JOINTS = 21
REACH = 1.6
"""Around the person who was asked for, so many times the size of the last pose is looked at."""
MODEL_FILES = {
    "body": ("pose_detection/pose_detection.tflite", "pose_landmark/pose_landmark_full.tflite"),
    "hands": ("palm_detection/palm_detection_full.tflite", "hand_landmark/hand_landmark_full.tflite"),
}
NAMES = {"body": "BlazePose full", "hands": "MediaPipe Hands full"}


class Body:
    """The 33 landmarks of one person."""

    def __init__(self, person: list[float] | None) -> None:
        import mediapipe

        self._model = mediapipe.solutions.pose.Pose(
            model_complexity=1, min_detection_confidence=CONFIDENCE, min_tracking_confidence=CONFIDENCE
        )
        # the estimator follows one person and starts with whoever is seen best: another one must be all there is to see
        self._window = None if person is None else (person[0] - 0.2, person[1] - 0.4, person[0] + 0.2, person[1] + 0.4)

    def look(self, picture: Any) -> list[list[float]] | None:
        """Landmarks of one picture (h, w, 3) uint8 RGB."""
        if self._window is not None:
            picture = _only(picture, self._window)
        found = self._model.process(picture).pose_landmarks
        if found is None:
            return None
        rows = [[mark.x, mark.y, mark.z, mark.visibility] for mark in found.landmark]
        if self._window is not None:
            self._window = _around(rows)
        return rows


class Hands:
    """21 landmarks of the left hand, then 21 of the right; zeros, not seen, for a hand that is not there."""

    def __init__(self, person: list[float] | None) -> None:
        import mediapipe

        del person  # both hands are looked for
        self._model = mediapipe.solutions.hands.Hands(
            max_num_hands=2, min_detection_confidence=CONFIDENCE, min_tracking_confidence=CONFIDENCE
        )

    def look(self, picture: Any) -> list[list[float]] | None:
        """Landmarks of one picture (h, w, 3) uint8 RGB."""
        found = self._model.process(picture)
        if not found.multi_hand_landmarks:
            return None
        rows = [[0.0] * 4 for _ in range(2 * HAND_JOINTS)]
        for marks, side in zip(found.multi_hand_landmarks, found.multi_handedness):
            # the estimator takes pictures for mirrored ones: what it calls left is the right hand
            start = HAND_JOINTS if side.classification[0].label == "Left" else 0
            sure = side.classification[0].score
            rows[start : start + HAND_JOINTS] = [[mark.x, mark.y, mark.z, sure] for mark in marks.landmark]
        return rows


def _only(picture: Any, window: tuple[float, float, float, float]) -> Any:
    height, width = picture.shape[:2]
    left, top, right, bottom = window
    rows = slice(max(0, int(top * height)), max(0, int(bottom * height)))
    columns = slice(max(0, int(left * width)), max(0, int(right * width)))
    seen = np.zeros_like(picture)
    seen[rows, columns] = picture[rows, columns]
    return seen


def _around(rows: list[list[float]]) -> tuple[float, float, float, float]:
    marks = np.array(rows)[:, :2]
    low, high = marks.min(axis=0), marks.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2 * REACH + 0.05
    return middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]


def _described(model: str) -> dict[str, str]:
    import mediapipe

    folder = Path(mediapipe.__file__).parent / "modules"
    digest = hashlib.sha256()
    for name in MODEL_FILES[model]:
        digest.update((folder / name).read_bytes())
    return {
        "model": NAMES[model],
        "version": f"mediapipe {mediapipe.__version__}",
        "licence": "Apache-2.0",
        "sha256": digest.hexdigest(),
    }


def serve(source: BinaryIO, target: BinaryIO, model: str) -> None:
    """Answers requests until `source` ends."""

    def say(value: object) -> None:
        target.write(json.dumps(value).encode() + b"\n")
        target.flush()

    say(_described(model))
    while line := source.readline():
        request = json.loads(line)
        width, height = request["width"], request["height"]
        estimator = (Hands if model == "hands" else Body)(request["person"])
        for _ in range(request["count"]):
            content = source.read(width * height * 3)
            if len(content) < width * height * 3:
                return
            say(estimator.look(np.frombuffer(content, np.uint8).reshape(height, width, 3)))


def main() -> None:
    """Answers requests; prints of libraries are redirected, so that they do not mix with the answers."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers, sys.argv[1])


if __name__ == "__main__":
    main()
