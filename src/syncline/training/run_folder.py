"""The folder of a run: who writes to it, what it already holds, and cleaning up after nothing came of it.

RUN/train.json      the whole configuration (also a file for --config)
RUN/metrics.jsonl   one line a logged step
RUN/checkpoint/     what --resume continues from
RUN/model.safetensors, config.json, README.md   the encoder
RUN/run.json        the videos, the steps done, versions
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from syncline.errors import SynclineError, UnusableRunError
from syncline.files import content_hash, lock, read_jsonl, write_text
from syncline.training.checkpoint import FOLDER
from syncline.training.train_config import TrainConfig, config_from

Case = Literal["folder", "new", "mixed"]
CONFIG, METRICS, SUMMARY, LOCK = "train.json", "metrics.jsonl", "run.json", ".lock"


def check_run(run: Path, *, resume: bool) -> None:
    """Whether training may write into ``run``. A run that ended before its first checkpoint may be begun again.

    Raises:
        SynclineError: it holds something and ``resume`` is not asked for, or it is no run and it is.
    """
    holds = {path.name for path in run.iterdir()} - {LOCK} if run.is_dir() else set()
    if not holds:
        if resume:
            raise SynclineError(f"{run} holds no run to resume; train without --resume")
        return
    if CONFIG not in holds:
        raise SynclineError(f"{run} exists and is no run of syncline's ({CONFIG} is missing); choose another folder")
    if not resume and holds & {FOLDER, "model.safetensors"}:
        raise SynclineError(f"{run} exists; continue it with --resume, or choose another folder")


def read_config(run: Path) -> TrainConfig:
    """The configuration that a run was started with.

    Raises:
        SynclineError: none is there. UnusableRunError: it is damaged.
    """
    try:
        values = json.loads((run / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SynclineError(f"{run} holds no run ({CONFIG} is missing)") from error
    except ValueError as error:
        raise UnusableRunError(f"{run / CONFIG} is damaged") from error
    if not isinstance(values, dict):
        raise UnusableRunError(f"{run / CONFIG} is damaged")
    return config_from(values)


def trained_on(run: str | Path, files: Iterable[str | Path]) -> list[bool]:
    """Which of these files a run was trained on, told by their content, whatever they are called and wherever they lie.

    A run of version 0.1.0 did not keep content hashes: of it the paths are compared.

    Raises:
        SynclineError: there is no run. UnusableRunError: it is damaged.
    """
    path = Path(run) / SUMMARY
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        if "content" in summary:
            known = set(summary["content"].values())
            return [content_hash(Path(file)) in known for file in files]
        paths = {str(path) for path in summary["source"] or ()}
    except FileNotFoundError as error:
        raise SynclineError(f"{run} holds no run ({SUMMARY} is missing)") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnusableRunError(f"{path} is damaged") from error
    return [str(Path(file).absolute()) in paths for file in files]


def case_of(run: str | Path, files: Iterable[str | Path]) -> Case:
    """Whether a run was trained on these files: ``folder`` on all of them, ``new`` on none, else ``mixed``."""
    found = trained_on(run, files)
    if found and all(found):
        return "folder"
    return "mixed" if any(found) else "new"


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """Holds ``run`` for this process alone. The system lets go of it when the process ends, however it ends.

    A folder that was made here and holds nothing to resume from when an error ends the block is removed again.

    Raises:
        SynclineError: another process trains into it.
    """
    if run.exists() and not run.is_dir():
        raise SynclineError(f"{run} is a file; give a new folder for the run")
    made, foreign = not run.exists(), not (run / LOCK).exists()
    run.mkdir(parents=True, exist_ok=True)
    with open(run / LOCK, "a+b") as file:
        if not lock(file):
            file.seek(0)
            holder = file.read().decode(errors="replace").strip() or "unknown"
            raise SynclineError(f"{run} is being trained into by another process (pid {holder}); choose another folder")
        file.truncate(0)
        file.write(f"{os.getpid()}\n".encode())
        file.flush()
        try:
            yield
        except Exception:
            if made and not (run / FOLDER).exists():
                shutil.rmtree(run, ignore_errors=True)
            elif foreign:
                (run / LOCK).unlink(missing_ok=True)
            raise


class Metrics:
    """``metrics.jsonl``: appended to, flushed line by line, and cut back to where a resumed run begins."""

    def __init__(self, path: Path, *, after: int = 0) -> None:
        kept = [line for line in read_jsonl(path) if isinstance(line.get("step"), int) and line["step"] <= after]
        write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
        self._file = open(path, "a", encoding="utf-8", newline="\n")  # noqa: SIM115 (closed by close)

    def write(self, values: dict[str, Any]) -> None:
        """Writes one line."""
        self._file.write(json.dumps(values) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
