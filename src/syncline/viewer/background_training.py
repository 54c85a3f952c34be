"""Trains on the folder in another process, and reports how far it is."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from syncline.errors import SynclineError, UnusableRunError
from syncline.files import last_of_jsonl
from syncline.viewer.background_threads import JobState

POLL = 0.5
LONGEST_REASON = 300
LONGEST_MINUTES = 24 * 60


class Trainer:
    """`syncline train SOURCE --out RUN --minutes N` in the background.

    Args:
        command: gives what to run; that writes into `run` `metrics.jsonl` (lines with `step`) and at its end
            `run.json`, which says whether it is `finished`.
        run: folder of the run.
        minutes: time budget, from which the time left is estimated; `start` may change it.
        resume: words added to the command where a run has begun in `run`. Where it then ends with the exit code of
            `UnusableRunError`, as when videos came or went since, the run is moved aside (`run-old-1`), and training
            begins anew.
        finished: called (from a thread) with the run when it is there.
        cache: folder of the feature cache that it uses; None for the user's.
        estimator: gives the command that prints how long training takes, as JSON (`viewer.training_estimate`).
    """

    def __init__(
        self,
        command: Callable[[], Sequence[str]],
        run: Path,
        *,
        minutes: float,
        resume: Sequence[str] = (),
        finished: Callable[[Path], None] | None = None,
        cache: Path | None = None,
        estimator: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        self._command, self._resume, self._estimator = command, list(resume), estimator
        self._estimates: dict[tuple[str, ...], dict[str, float]] = {}
        self._estimating = threading.Lock()
        self.run, self.minutes, self.cache = run, minutes, cache
        self.finished = finished
        self.progress = JobState()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    @classmethod
    def of_source(
        cls, source: Callable[[], Path], run: Path, *, minutes: float = 15.0, cache: Path | None = None
    ) -> Trainer:
        """Training of what `source` gives by this package's own command; a run that was interrupted is resumed."""

        def command() -> list[str]:
            words = ["train", str(source()), "--out", str(run), "--minutes", f"{trainer.minutes:g}"]
            words += [] if cache is None else ["--cache", str(cache)]
            return [sys.executable, "-m", "syncline", *words]

        def estimator() -> list[str]:
            words = [sys.executable, "-m", "syncline.viewer.training_estimate", str(source())]
            return words + ([] if cache is None else ["--cache", str(cache)])

        trainer = cls(command, run, minutes=minutes, resume=["--resume"], cache=cache, estimator=estimator)
        return trainer

    def estimate(self, known: tuple[str, ...] = ()) -> dict[str, float] | None:
        """How long training would take in full, measured in a process of its own; None where it is unknown.

        Args:
            known: what the answer depends on, as the names of the videos; asked again, it is answered at once.

        Returns:
            `feature_seconds`, `step_seconds`, `steps`, `seconds`, `bytes`, `missing` and what else a plan says.

        Raises:
            SynclineError: it cannot be measured, and why.
        """
        if self._estimator is None:
            return None
        with self._estimating:
            if known not in self._estimates:
                done = subprocess.run(self._estimator(), stdin=subprocess.DEVNULL, capture_output=True, text=True)
                lines = done.stdout.strip().splitlines()
                if done.returncode or not lines:
                    said = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
                    raise SynclineError(f"how long it takes is not known: {said[:LONGEST_REASON]}")
                self._estimates[known] = json.loads(lines[-1])
            return self._estimates[known]

    @property
    def begun(self) -> bool:
        """Whether there is a run that was interrupted and can be resumed."""
        return (self.run / "train.json").is_file() and not is_finished(self.run)

    def start(self, minutes: float | None = None) -> None:
        """Begin training, or resume it where it was interrupted.

        Args:
            minutes: time budget from now on; None for the present one.

        Raises:
            SynclineError: training is under way already, or there is no time. OSError: its log cannot be written, or it
                cannot be begun.
        """
        if self.progress.state == "working":
            raise SynclineError("training is under way already")
        if minutes is not None:
            if not 0 < minutes <= LONGEST_MINUTES:
                raise SynclineError(
                    f"training takes more than 0 and at most {LONGEST_MINUTES} minutes, got {minutes:g}"
                )
            self.minutes = minutes
        self.run.parent.mkdir(parents=True, exist_ok=True)
        seconds = self.minutes * 60
        self.progress = JobState("working", 0, round(seconds), "training: getting ready", seconds)
        self._stopped = False
        resumed = (self.run / "train.json").is_file()
        try:
            process = self._launch(resumed)
        except OSError as error:
            self.progress = JobState("failed", 0, 0, f"training did not begin: {error.strerror}")
            raise
        threading.Thread(target=self._watch, args=(process, resumed), daemon=True).start()

    @property
    def _log(self) -> Path:
        return self.run.parent / f"{self.run.name}.log"

    def _launch(self, resumed: bool) -> subprocess.Popen[bytes]:
        words = [*self._command(), *(self._resume if resumed else ())]
        with self._log.open("wb") as file:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        return self._process

    def stop(self) -> None:
        """End training, if it is under way; what it has saved stays and is taken up by the next start."""
        self._stopped = True
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def _watch(self, process: subprocess.Popen[bytes], resumed: bool) -> None:
        try:
            self._follow(process)
            if resumed and process.returncode == UnusableRunError.exit_code and not self._stopped:
                self._move_aside()
                process = self._launch(resumed=False)
                self._follow(process)
        except OSError as error:  # a full disk; a folder that another program holds
            self.progress = JobState("failed", 0, 0, f"training did not finish: {error.strerror}")
            return
        if self._stopped and not is_finished(self.run):
            self.progress = JobState("idle", 0, 0, "training was stopped; started again, it continues from there")
            return
        if process.returncode != 0 or not is_finished(self.run):
            self.progress = JobState("failed", 0, 0, f"training did not finish: {self._reason(process.returncode)}")
            return
        self.progress = JobState("ready", 1, 1, "")
        if self.finished is not None:
            self.finished(self.run)

    def _follow(self, process: subprocess.Popen[bytes]) -> None:
        """Tell how far it is until it ends."""
        began = time.monotonic()
        while process.poll() is None:
            passed = time.monotonic() - began
            step = _last_step(self.run / "metrics.jsonl")
            message = "training: getting ready" if step is None else f"training: step {step}"
            total = round(self.minutes * 60)
            left = max(0.0, total - passed)
            self.progress = JobState("working", min(round(passed), total), total, message, round(left))
            time.sleep(POLL)

    def _move_aside(self) -> None:
        names = (self.run.with_name(f"{self.run.name}-old-{k}") for k in itertools.count(1))
        self.run.rename(next(name for name in names if not name.exists()))

    def _last_line(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _reason(self, code: int) -> str:
        line = self._last_line() or f"exit code {code}"
        whole = len(line) <= LONGEST_REASON
        return line if whole else f"{line[:LONGEST_REASON]} … (the whole of it is in {self._log.name})"


def is_finished(run: Path) -> bool:
    """Whether a run is there and came to its end; one that was interrupted has a model too."""
    try:
        return json.loads((run / "run.json").read_text(encoding="utf-8"))["finished"] is True
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _last_step(metrics: Path) -> int | None:
    """The step of the last whole line, None before the first."""
    try:
        step = (last_of_jsonl(metrics) or {}).get("step")
    except OSError:
        return None
    return step if isinstance(step, int) else None
