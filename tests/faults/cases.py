"""The faults: each function disturbs one case and returns how it ended, or raises AssertionError with what was lost."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from pathlib import Path

from tests.faults.children import Ended, Harm, child, remount, run, small_disk
from tests.faults.world import EMBED, LABEL, SYNC, TRAIN, Verb, World, apply, edits, state

from syncline.encoder import EmbeddingStore
from syncline.encoder.embedding_store import stored
from syncline.viewer.marks_journal import Journal


def finish(world: World, verb: Verb, place: Path, harm: Harm = Harm()) -> None:  # noqa: B008
    """Go on after a fault, and compare with the undisturbed run."""
    whole = world.folder / verb.name
    verb.midway(place, whole)
    ended = run(verb.again(world, place), place / "log", harm)
    assert ended.code == 0, ended.said
    verb.check(place, whole)


def killed(world: World, verb: Verb, rng: random.Random) -> str:
    """``kill -9`` at a random time, or at a random change of a file (where losses are likelier)."""
    whole, place = world.undisturbed(verb), world.new()
    if rng.random() < 0.5:
        ended = run(verb.words(world, place), place / "log", after=rng.uniform(0, 1) * whole.seconds)
    else:
        harm = Harm(folder=str(place), kill_at=rng.randint(1, whole.changes))
        ended = run(verb.words(world, place), place / "log", harm)
    assert ended.code in (0, -signal.SIGKILL), ended.said
    finish(world, verb, place)
    return "killed" if ended.code else "had ended"


def disk_full(world: World, verb: Verb, rng: random.Random) -> str:
    """A disk too small by a random amount, then space is made. Without the right to mount one: a limit on file size."""
    world.undisturbed(verb)
    place = world.new()
    out = place / "out"
    needed = sum(file.stat().st_size for file in (world.folder / verb.name / "out").rglob("*")) // 1024 + 4
    with small_disk(place, rng.randint(4, max(5, int(0.9 * needed)))) as mounted:
        log = world.folder / f"{place.name}.log"
        harm = Harm() if mounted else Harm(largest=rng.randint(1, 1024 * needed))
        ended = run(verb.words(world, place), log, harm)
        assert ended.clear, ended.said
        if mounted:
            remount(place, "size=64m")
        if verb is TRAIN and ended.code == 0:
            verb.check(place, world.folder / verb.name)
        elif not (verb is TRAIN and not out.exists()):
            verb.midway(place, world.folder / verb.name)
        finish(world, verb, place)
    how = "small disk" if mounted else "file size limit"
    return f"{how}: {'refused in a line' if ended.code else 'had room'}"


def labels_full(world: World, rng: random.Random) -> str:
    """No room for some marks within one server's life: those are refused, the others are there."""
    place = world.new()
    code = run(_Full(str(place), rng.randint(1, 4000), rng.randint(1, 40)), place / "log")
    assert code.code == 0, code.said
    return "refused, and the next ones kept"


class _Full:
    """Edits of a journal that meets a full disk for a while. A class, since a child's work must be picklable."""

    def __init__(self, folder: str, largest: int, refusals: int) -> None:
        self.folder, self.largest, self.refusals = folder, largest, refusals

    def __call__(self) -> int:
        import resource

        place = Path(self.folder)
        journal, expected = Journal(place / "labels.jsonl"), Journal(place / "expected.jsonl")
        refused = 0
        for edit in edits():
            limit = self.largest if refused < self.refusals else resource.RLIM_INFINITY
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                apply(journal, edit)
                kept = True
            except OSError:
                refused += 1
                kept = False
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            if kept:
                apply(expected, edit)
        assert refused, "the limit was never met"
        assert state(journal) == state(expected), "the server's marks are not those that it answered"
        assert state(Journal(journal.path)) == state(expected), "the file's marks are not those that were answered"
        return 0


def read_only_cache(world: World, verb: Verb, rng: random.Random) -> str:
    """A feature cache that cannot be written: the same results, computed each time."""
    world.undisturbed(verb)
    place, cache = world.new(), world.new()
    with small_disk(cache, 1024) as mounted:
        if mounted:
            remount(cache, "ro")
        else:
            cache.rmdir()
            cache.write_bytes(b"")  # a file where the folder should be: nothing can be written below it
        words = verb.words(world, place)
        assert isinstance(words, list)
        words[words.index("--cache") + 1] = str(cache)
        ended = run(words, place / "log")
        assert ended.code == 0, ended.said
        verb.check(place, world.folder / verb.name)
    return "the same results"


def source_changes(world: World, fault: str, rng: random.Random) -> str:
    """A video is replaced, removed or truncated while ``embed`` reads the folder; then ``embed`` runs again.

    Afterwards the store must hold what a fresh one of the folder as it is now holds (and may hold what is gone).
    """
    world.undisturbed(TRAIN)
    place = world.new()
    videos, other = place / "videos", place / "other.mp4"
    shutil.copytree(world.videos, videos)
    world.another_video(other)
    source = str(videos / f"{rng.randrange(4)}.mp4")
    words = ["embed", str(videos), "--run", str(world.folder / "train" / "out"), "--cache", str(place / "cache")]
    counted = run([*words, "--out", str(place / "count")], place / "log", Harm(source=source))
    shutil.rmtree(place / "cache")
    at = rng.randint(1, counted.openings)
    harm = Harm(source=source, source_at=at, source_fault=fault, other=str(other))
    first = run([*words, "--out", str(place / "out")], place / "log", harm)
    assert first.clear, first.said
    again = run([*words, "--out", str(place / "out")], place / "log")
    words[-1] = str(place / "fresh-cache")
    fresh = run([*words, "--out", str(place / "fresh")], place / "log")
    assert again.clear, again.said
    assert fresh.clear, fresh.said
    ours, theirs = ({e.source: e for e in EmbeddingStore.read(place / name)} for name in ("out", "fresh"))
    for name, expected in theirs.items():
        assert name in ours, f"{fault} at opening {at}: no row of {name}"
        same = ours[name].vectors.shape == expected.vectors.shape and (ours[name].vectors == expected.vectors).all()
        assert same, f"{fault} at opening {at}: rows of {name} are not of the file as it is"
    keys = [(line.source, line.content) for line in stored(place / "out")]
    assert len(keys) == len(set(keys)), f"{fault} at opening {at}: doubled rows"
    return "said in a line" if first.code or "passed over" in first.said else "read before or after"


def two_at_once(world: World, verb: Verb, rng: random.Random) -> str:
    """Of two processes on the same folder one is refused, and the other one's results are whole."""
    world.undisturbed(verb)
    place = world.new()
    stopped = False
    with child(verb.words(world, place), place / "log", Harm(folder=str(place))) as first:
        until = time.monotonic() + 120
        while not list((place / "out").glob(".lock*")) and first.is_alive() and time.monotonic() < until:
            time.sleep(0.002)
        if first.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(first.pid, signal.SIGSTOP)  # it holds the folder for as long as the second one tries
                stopped = True
        second = run(verb.words(world, place), place / "log2")
        if stopped and first.pid is not None:
            os.kill(first.pid, signal.SIGCONT)
        first.join(120)
    said = (place / "log").read_text() + second.said
    # where the first was stopped before it had the folder, it is the one that is refused
    assert sorted([first.exitcode or 0, second.code]) == [0, 1], said
    assert "another process" in said or "exists" in said, said
    verb.check(place, world.folder / verb.name)
    return "refused in a line"


def asked_to_end(world: World, rng: random.Random) -> str:
    """SIGTERM at a random time: saved, exit code 0, a line that says how to resume."""
    whole, place = world.undisturbed(TRAIN), world.new()
    ended: Ended = run(
        TRAIN.words(world, place), place / "log", send=signal.SIGTERM, after=rng.uniform(0.05, 0.9) * whole.seconds
    )
    if ended.code == -signal.SIGTERM:  # sent before the program was there to hear it
        return "ended before it began"
    assert ended.code == 0, ended.said
    if "--resume" not in ended.said:
        TRAIN.check(place, world.folder / "train")
        return "had ended"
    finish(world, TRAIN, place)
    return "saved, exit code 0"


def clock_jumps(world: World, rng: random.Random) -> str:
    """The clock goes hours to and fro all the time, and the process is killed within."""
    whole, place = world.undisturbed(TRAIN), world.new()
    harm = Harm(folder=str(place), kill_at=rng.randint(1, whole.changes), clock_jumps=True)
    ended = run(TRAIN.words(world, place), place / "log", harm)
    assert ended.code == -signal.SIGKILL, ended.said
    finish(world, TRAIN, place, Harm(clock_jumps=True))
    return "the same results"


KILLED = (TRAIN, EMBED, SYNC, LABEL)
