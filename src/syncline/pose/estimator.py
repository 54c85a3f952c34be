"""Videos -> keypoints by an estimator that runs in processes, and if need be an environment, of its own.

Notable choices:
- The estimator (MediaPipe's BlazePose; docs/pose.md says why) wants other versions of libraries than the rest may
  have, so only `mediapipe_worker.py` imports it. Which Python runs it: `SYNCLINE_POSE_PYTHON`; this one, if
  mediapipe is in it; the environment that `python -m syncline.pose.install` made.
- Frames are decoded here, exactly those that are sampled, and handed over as pixels: a pose belongs to a frame by its
  time stamp, whatever the other side's decoder would have counted.
- One worker a core; each follows one video at a time.
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.files import cache_folder
from syncline.pose.keypoints import Keypoints
from syncline.pose.skeleton import BLAZEPOSE, HANDS
from syncline.video import VideoReader

Model = Literal["body", "hands"]

PYTHON_VARIABLE = "SYNCLINE_POSE_PYTHON"
MOST_PIXELS = 960
"""Longer sides are scaled down to this: the estimator looks at 256 x 256 pixels of a body."""
PATIENCE_SECONDS = 120.0
SKELETONS = {"body": BLAZEPOSE, "hands": HANDS}
HOW_TO_GET_IT = (
    "body pose needs an estimator: python -m syncline.pose.install puts MediaPipe into a folder of its own (Python 3.9 "
    "to 3.12), or pip install 'syncline[pose]'; poses that you have are read by --keypoints DIR"
)


def environment_folder() -> Path:
    """The folder where `python -m syncline.pose.install` puts the estimator."""
    return cache_folder() / "pose-environment"


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def find_python() -> Path | None:
    """The Python that runs the estimator; None where there is none."""
    named = os.environ.get(PYTHON_VARIABLE)
    if named:
        return Path(named)
    if importlib.util.find_spec("mediapipe") is not None:
        return Path(sys.executable)
    own = python_of(environment_folder())
    return own if own.is_file() else None


class _Worker:
    """One process that estimates; used by one thread at a time."""

    def __init__(self, python: Path, model: Model) -> None:
        # not a pipe, which would fill up where nobody reads it
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
        script = Path(__file__).with_name("mediapipe_worker.py")
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        environment.pop("PYTHONPATH", None)  # packages of this environment are not for the other
        try:
            self._process = subprocess.Popen(
                [str(python), str(script), model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said,
                env=environment,
            )  # fmt: skip
        except OSError as error:
            self._said.close()
            raise SynclineError(f"{PYTHON_VARIABLE} {python} cannot be run ({error.strerror})") from error
        self.described: dict[str, str] = self._answer("its start")

    def estimate(
        self, video: Path, frame_indices: NDArray[np.int64], person: tuple[float, float] | None, size: tuple[int, int]
    ) -> list[Any]:
        """Estimates the pose in each frame, scaled to (height, width): None, or [x, y, z, visibility] a joint."""
        request = {"width": size[1], "height": size[0], "count": len(frame_indices), "person": person}
        found = []
        self._send(json.dumps(request).encode() + b"\n", video)
        for chunk in VideoReader(video, size=size).chunks(frame_indices):
            for picture in chunk.pixels:
                self._send(picture.tobytes(), video)
                found.append(self._answer(str(video)))
        return found

    def _send(self, content: bytes, video: Path) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(content)
            self._process.stdin.flush()
        except OSError as error:
            raise SynclineError(f"{video}: the pose estimator has ended ({self._last_words()})") from error

    def _answer(self, about: str) -> Any:
        assert self._process.stdout is not None
        watch = threading.Timer(PATIENCE_SECONDS, self._process.kill)
        watch.start()
        line = self._process.stdout.readline()
        watch.cancel()
        if not line:
            raise SynclineError(f"the pose estimator has ended at {about} ({self._last_words()}); {HOW_TO_GET_IT}")
        return json.loads(line)

    def _last_words(self) -> str:
        self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:200] if lines else f"exit code {self._process.returncode}"

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._said.close()


class Estimator:
    """Keypoints of videos; processes are started when they are first needed and end with the block.

    Args:
        model: the body's 33 landmarks, or 21 of each hand (for work at a table).
        workers: processes; None for one a core.

    Raises:
        SynclineError: no estimator is installed, or it does not start.
    """

    def __init__(self, model: Model = "body", *, workers: int | None = None) -> None:
        python = find_python()
        if python is None:
            raise SynclineError(HOW_TO_GET_IT)
        if model not in SKELETONS:
            raise SynclineError(f"the pose model must be body or hands, got {model!r}")
        self.model: Model = model
        self.workers = max(1, os.cpu_count() or 1) if workers is None else workers
        self._python = python
        first = _Worker(python, model)
        self.described = first.described
        self._all = [first]
        self._free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._free.put(first)
        self._lock = threading.Lock()

    def __enter__(self) -> Estimator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes."""
        for worker in self._all:
            worker.close()
        self._all = []

    def keypoints(
        self,
        video: Path,
        frame_indices: Sequence[int] | NDArray[np.int64],
        *,
        person: tuple[float, float] | None = None,
    ) -> Keypoints:
        """The body in the given frames of a video, followed from one to the next.

        May be called from several threads, as many as there are workers.

        Args:
            frame_indices: (t,) ascending.
            person: (x, y) as shares of the picture: who is there at the start; None: who is seen best.

        Raises:
            SynclineError: a file that cannot be decoded, or an estimator that ends.
        """
        wanted = np.asarray(frame_indices, dtype=np.int64)
        reader = VideoReader(video)
        height, width = reader.height, reader.width
        shrink = min(1.0, MOST_PIXELS / max(height, width))
        size = max(2, round(height * shrink)), max(2, round(width * shrink))
        worker = self._take()
        try:
            answers = worker.estimate(video, wanted, person, size)
        except BaseException:
            with self._lock:  # an answer that was not read would be taken for the next one's
                self._all.remove(worker)
            worker.close()
            raise
        self._free.put(worker)
        skeleton = SKELETONS[self.model]
        rows = np.full((len(wanted), len(skeleton.joints), 4), np.nan)
        for position, marks in enumerate(answers):
            if marks is not None:
                rows[position] = marks
        seen = rows[:, :, 3] > 0
        positions = np.where(seen[:, :, None], rows[:, :, :2] * [width, height], np.nan)
        return Keypoints(positions, rows[:, :, 3], reader.pts_seconds[wanted], skeleton, str(video), (width, height))

    def _take(self) -> _Worker:
        try:
            return self._free.get_nowait()
        except queue.Empty:
            pass
        with self._lock:
            if len(self._all) < self.workers:
                self._all.append(_Worker(self._python, self.model))
                return self._all[-1]
        return self._free.get()
