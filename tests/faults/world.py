"""A few tiny videos, the verbs that are disturbed on them, and what an undisturbed run of each gives."""

from __future__ import annotations

import dataclasses
import functools
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import bars
from tests.faults.children import Ended, Harm, run
from tests.training.conftest import small_config

from syncline.encoder import EmbeddingStore
from syncline.encoder.embedding_store import stored
from syncline.training.train_config import as_yaml
from syncline.viewer.marks_journal import Journal

Words = list[str] | Callable[[], int]
VIDEOS, STEPS, EDITS = 4, 12, 120


@dataclass
class World:
    """Videos, a configuration of training, a cache; and of every verb the undisturbed result, in ``whole``."""

    folder: Path
    cases: int = 0
    whole: dict[str, Ended] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "videos").mkdir(parents=True)
        for number in range(VIDEOS):
            bars.write_bar_codes(self.videos / f"{number}.mp4", 36 + 4 * number)
        config = small_config("scl", steps=STEPS, checkpoint_seconds=0.0)
        (self.folder / "config.yaml").write_text(as_yaml(config), encoding="utf-8")

    @property
    def videos(self) -> Path:
        return self.folder / "videos"

    def new(self) -> Path:
        """A folder of a case's own."""
        self.cases += 1
        place = self.folder / f"case{self.cases}"
        place.mkdir()
        return place

    def another_video(self, path: Path) -> None:
        """A video that is none of the folder's."""
        bars.write_bar_codes(path, 52)

    def undisturbed(self, verb: Verb) -> Ended:
        """What the verb gives if nothing happens, computed once; its results are in ``folder/<name>``."""
        if verb.name not in self.whole:
            place = self.folder / verb.name
            place.mkdir()
            ended = run(verb.words(self, place), place / "log", Harm(folder=str(place)))
            assert ended.code == 0, ended.said
            again = self.new()
            second = run(verb.words(self, again), again / "log")  # the first one also filled the cache
            verb.check(again, place)
            self.whole[verb.name] = dataclasses.replace(ended, seconds=second.seconds)
        return self.whole[verb.name]


@dataclass(frozen=True)
class Verb:
    """Something that is done. ``words``: to do it in a case's folder; ``again``: to resume after it was disturbed.

    ``check``: (world, place, whole) raises AssertionError where what lies in ``place`` is not as in ``whole``.
    ``midway``: the same for what lies there right after a fault.
    """

    name: str
    words: Callable[[World, Path], Words]
    again: Callable[[World, Path], Words]
    check: Callable[[Path, Path], None]
    midway: Callable[[Path, Path], None]


def _train(world: World, place: Path) -> Words:
    return ["train", str(world.videos), "--out", str(place / "out"), "--config", str(world.folder / "config.yaml"),
            "--cache", str(world.folder / "cache")]  # fmt: skip


def _train_again(world: World, place: Path) -> Words:
    """--resume, as its message says; where nothing was begun, from the start."""
    begun = (place / "out" / "train.json").is_file()
    return [*_train(world, place), *(["--resume"] if begun else [])]  # type: ignore[misc]


def _same_run(place: Path, whole: Path) -> None:
    ours, theirs = place / "out", whole / "out"
    for name in ("model.safetensors", "config.json", "train.json"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), f"{name} differs"
    states = [json.loads((out / "checkpoint" / "checkpoint.json").read_text())["sha256"] for out in (ours, theirs)]
    assert states[0] == states[1], "the checkpoint (parameters, optimiser) differs"
    assert _measured(ours) == _measured(theirs), "metrics.jsonl differs"


def _measured(out: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def _whole_json(place: Path, whole: Path) -> None:
    for path in (place / "out").rglob("*.json"):
        if not path.name.startswith("."):
            json.loads(path.read_text(encoding="utf-8"))


def _embed(world: World, place: Path) -> Words:
    return ["embed", str(world.videos), "--out", str(place / "out"), "--run", str(world.folder / "train" / "out"),
            "--cache", str(world.folder / "cache")]  # fmt: skip


def _same_rows(place: Path, whole: Path) -> None:
    lines = [Path(line.source).name for line in stored(place / "out")]
    assert len(set(lines)) == len(lines) == len(list(stored(whole / "out"))), f"rows: {sorted(lines)}"
    _rows_are_right(place, whole)


def _rows_are_right(place: Path, whole: Path) -> None:
    if not (place / "out" / "store.json").is_file():
        return
    expected = {Path(e.source).name: e for e in EmbeddingStore.read(whole / "out")}
    for found in EmbeddingStore.read(place / "out"):
        one = expected[Path(found.source).name]
        assert np.array_equal(found.vectors, one.vectors), f"vectors of {found.source} differ"
        assert np.array_equal(found.pts_seconds, one.pts_seconds), f"times of {found.source} differ"


def _sync(world: World, place: Path) -> Words:
    return ["sync", str(world.videos), "--out", str(place / "out"), "--run", str(world.folder / "train" / "out"),
            "--cache", str(world.folder / "cache"), "--height", "48"]  # fmt: skip


_SYNCED = ("timeline.csv", "sync.json", "timeline.png", "grid.mp4")


def _same_files(place: Path, whole: Path) -> None:
    missing = [name for name in _SYNCED if not (place / "out" / name).is_file()]
    assert not missing, f"not there: {missing}"
    _files_are_whole(place, whole)


def _files_are_whole(place: Path, whole: Path) -> None:
    for name in _SYNCED:
        ours = place / "out" / name
        assert not ours.is_file() or ours.read_bytes() == (whole / "out" / name).read_bytes(), f"{name} differs"


def edits(count: int = EDITS, seed: int = 0) -> list[tuple[Any, ...]]:
    """Marks, absences, names, takings back, as somebody clicks them."""
    rng = random.Random(seed)
    made: list[tuple[Any, ...]] = []
    for number in range(count):
        kind = rng.choice(("mark", "mark", "mark", "absent", "clear", "name", "undo"))
        video, event = f"vidéo {rng.randrange(4)}.mp4", rng.randrange(5)
        if number == 0 or kind == "mark":
            made.append(("mark", video, event, round(rng.uniform(0, 9), 3)))
        elif kind in ("absent", "clear"):
            made.append((kind, video, event))
        else:
            made.append(("name", event, f"event {number}") if kind == "name" else ("undo",))
    return made


def apply(journal: Journal, edit: tuple[Any, ...]) -> None:
    """One edit."""
    kind = edit[0]
    if kind == "mark":
        journal.mark(*edit[1:])
    elif kind in ("absent", "clear"):
        journal.mark(*edit[1:], None, clear=kind == "clear")
    elif kind == "name":
        journal.rename(*edit[1:])
    else:
        journal.undo()


def state(journal: Journal) -> tuple[object, ...]:
    """All that a journal says, and every change that undoing takes back from its file, so that later ones hide none."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "labels.jsonl"
        if journal.path.is_file():
            shutil.copy(journal.path, copied)
        taken_back = list(iter(Journal(copied).undo, None))
    return journal.marks(), journal.names(), taken_back


def write_edits(folder: str) -> int:
    """Continues the edits where the journal stands; ``answered`` gets a byte after each, as a browser its answer."""
    place = Path(folder)
    (place / "out").mkdir(exist_ok=True)
    journal = Journal(place / "out" / "labels.jsonl")
    done = written(place)
    with open(place / "answered", "ab", buffering=0) as answered:
        for edit in edits()[done:]:
            apply(journal, edit)
            answered.write(b".")
    return 0


def written(place: Path) -> int:
    """Edits that the journal holds."""
    path = place / "out" / "labels.jsonl"
    whole = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    return sum(1 for line in whole if _is_json(line))


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _label(world: World, place: Path) -> Words:
    return functools.partial(write_edits, str(place))


def _all_answered_is_there(place: Path, whole: Path) -> None:
    answered = (place / "answered").stat().st_size if (place / "answered").is_file() else 0
    held = written(place)
    assert answered <= held <= answered + 1, f"{answered} edits were answered, the journal holds {held}"
    told = Journal(place / "out" / "labels.jsonl")
    expected = Journal(place / "expected" / "labels.jsonl")
    for edit in edits()[:held]:
        apply(expected, edit)
    assert state(told) == state(expected), "the marks are not those that were made"


def _same_marks(place: Path, whole: Path) -> None:
    ours, theirs = (Journal(where / "out" / "labels.jsonl") for where in (place, whole))
    assert state(ours) == state(theirs), "the marks differ"


TRAIN = Verb("train", _train, _train_again, _same_run, _whole_json)
EMBED = Verb("embed", _embed, _embed, _same_rows, _rows_are_right)
SYNC = Verb("sync", _sync, _sync, _same_files, _files_are_whole)
LABEL = Verb("label", _label, _label, _same_marks, _all_answered_is_there)
VERBS = (TRAIN, EMBED, SYNC, LABEL)  # the runs of embed and sync are train's undisturbed one
