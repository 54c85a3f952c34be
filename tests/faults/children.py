"""Processes of ``syncline`` that something happens to.

Children come from a fork server that has torch loaded, so that a case costs what the verb costs and not its imports.
Every one is a process of its own: a kill is ``kill -9``, and its limits and its disk are the kernel's.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

SECONDS = 300.0  # after which a child is taken to hang
_PRELOADED = [
    "torch", "accelerate", "av", "timm", "yaml", "matplotlib.figure", "syncline.cli.main", "syncline.cli.train",
    "syncline.cli.embed", "syncline.cli.sync", "syncline.training", "syncline.encoder", "syncline.tasks",
    "syncline.viewer.marks_journal", "syncline.report.figures", "rich.progress", "tests.faults.children",
]  # fmt: skip


@dataclass(frozen=True)
class Harm:
    """What a child does to itself.

    Attributes:
        folder: changes of files below it are counted. kill_at: the change at which it kills itself, from 1 (0: never).
        largest: bytes that a file may have (0: any). clock_jumps: the clock goes hours to and fro.
        source, source_at, source_fault: the video that is "replaced", "removed" or "truncated" by its n-th opening.
        other: what it is replaced by.
    """

    folder: str = ""
    kill_at: int = 0
    largest: int = 0
    clock_jumps: bool = False
    source: str = ""
    source_at: int = 0
    source_fault: str = ""
    other: str = ""


@dataclass(frozen=True)
class Ended:
    """A child's end: exit code (negative: the signal), all that it printed, seconds, changes of files it made."""

    code: int
    said: str
    seconds: float
    changes: int
    openings: int

    @property
    def clear(self) -> bool:
        """Whether it ended well, or badly with a line of ours and no traceback."""
        ours = "syncline: " in self.said or "passed over" in self.said
        return self.code == 0 or (self.code == 1 and "Traceback" not in self.said and ours)


def _context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def _count_changes(harm: Harm, counts: dict[str, int]) -> None:
    def changes(event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, mode, flags = arguments
            writes = (isinstance(mode, str) and any(letter in mode for letter in "wax+")) or (
                isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
            )
            return writes and isinstance(path, str | os.PathLike) and os.fspath(path).startswith(harm.folder)
        return event in ("os.rename", "os.remove", "os.mkdir") and str(arguments[0]).startswith(harm.folder)

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        if changes(event, arguments):
            counts["changes"] += 1
            if counts["changes"] == harm.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(listen)


def _harm_source(harm: Harm, counts: dict[str, int]) -> None:
    """By Python's own ``open`` (hashing) and by PyAV's (decoding)."""
    import av

    def opened(path: object) -> None:
        if not isinstance(path, str | os.PathLike) or os.fspath(path) != harm.source:
            return
        counts["openings"] += 1
        if counts["openings"] == harm.source_at:
            if harm.source_fault == "replaced":
                shutil.copy(harm.other, f"{harm.source}.new")
                os.replace(f"{harm.source}.new", harm.source)
            elif harm.source_fault == "removed":
                os.remove(harm.source)
            else:
                os.truncate(harm.source, os.path.getsize(harm.source) // 2)

    decode = av.open

    def open_container(file: Any, *arguments: Any, **options: Any) -> Any:
        opened(file)
        return decode(file, *arguments, **options)

    av.open = open_container
    sys.addaudithook(lambda event, arguments: opened(arguments[0]) if event == "open" else None)


def _child(words: list[str] | Callable[[], int], log: str, harm: Harm) -> None:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    counts = {"changes": 0, "openings": 0}
    if harm.folder:
        _count_changes(harm, counts)
    if harm.source:
        _harm_source(harm, counts)
    if harm.clock_jumps:
        true = time.time
        time.time = lambda: true() + 3600 * (int(true() * 1000) % 7 - 3)
    if harm.largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (harm.largest, resource.RLIM_INFINITY))
    from syncline.cli.main import main
    from syncline.encoder import embedding_store

    embedding_store.SHARD_SECONDS = 0.0  # every video is on disk at once: more moments at which a kill could do harm
    code = main(words) if isinstance(words, list) else words()
    if harm.largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(f"\ncounted {counts['changes']} {counts['openings']}", flush=True)
    sys.exit(code)


@contextlib.contextmanager
def child(words: list[str] | Callable[[], int], log: Path, harm: Harm = Harm()) -> Iterator[BaseProcess]:
    """A running child; killed when the block ends, if it still runs."""
    process = _context().Process(target=_child, args=(words, str(log), harm))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def run(
    words: list[str] | Callable[[], int],
    log: Path,
    harm: Harm = Harm(),
    *,
    send: int = signal.SIGKILL,
    after: float | None = None,
) -> Ended:
    """A child from its start to its end; ``after`` so many seconds it is sent the signal ``send``."""
    began = time.monotonic()
    with child(words, log, harm) as process:
        process.join(SECONDS if after is None else after)
        if after is not None and process.exitcode is None and process.pid is not None:
            os.kill(process.pid, send)
            process.join(SECONDS)
        assert process.exitcode is not None, f"hangs: {words}\n{log.read_text(errors='replace')}"
        code = process.exitcode
    said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    counted = [line.split()[1:] for line in said.splitlines() if line.startswith("counted ")]
    changes, openings = (int(number) for number in counted[-1]) if counted else (0, 0)
    return Ended(code, said, time.monotonic() - began, changes, openings)


@contextlib.contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[bool]:
    """A disk of so many kilobytes at ``folder``; False where this user may not mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def remount(folder: Path, options: str) -> None:
    """Other options for a ``small_disk``, as ``size=1m`` or ``ro``."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True, capture_output=True)
