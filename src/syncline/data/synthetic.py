"""Renders synthetic videos of one activity, for which it is known which frames correspond.

An arm pours from a bottle into a cup and drops a ball into a box: seven ordered key events (`EVENT_NAMES`). Every video
has its own duration of every phase (they differ several-fold, so time alone does not solve the set), its own speed
within each, its own positions, colours, background, camera, light and noise, and begins and ends somewhere in the first
and last phase. On request it also pauses, leaves a phase out, does one twice, or shows what belongs to no phase.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.data.synthetic_scene import EVENT_NAMES, NUM_PHASES, Look, draw, state_at
from syncline.errors import SynclineError
from syncline.files import write_json, write_text
from syncline.progress import Callback, Steps, silent

Segment = tuple[str, int, int]
TROUBLES = ("pauses", "missing", "repeated", "extra")
_WAVE = 0.16  # how far an extra segment moves the hand, in heights of the picture


@dataclass(frozen=True)
class SyntheticConfig:
    """Settings of rendering; the same configuration gives the same pictures.

    Attributes:
        num_videos: how many; the last third (at least one of two or more) is the split `val`.
        seed: of everything that is drawn. size: (h, w) of the pictures, even. frame_rate: frames a second.
        seconds: shortest and longest course, before pauses, extra and repeated segments.
        unevenness: standard deviation of the log of a phase's share of the time; 0 gives all phases the same.
        trim: up to this share of the first phase is cut off at the start, and of the last at the end.
        pauses: one or two moments held for up to a second. missing: one phase that is not the first or last left out.
        repeated: one phase wound back and done again. extra: a wave of the hand that belongs to no phase.
    """

    num_videos: int = 12
    seed: int = 0
    size: tuple[int, int] = (96, 128)
    frame_rate: float = 15.0
    seconds: tuple[float, float] = (4.0, 8.0)
    unevenness: float = 1.2
    trim: float = 0.8
    pauses: bool = False
    missing: bool = False
    repeated: bool = False
    extra: bool = False

    def __post_init__(self) -> None:
        if self.num_videos < 1 or min(self.size) < 16 or self.size[0] % 2 or self.size[1] % 2:
            raise SynclineError(f"{self.num_videos} videos of {self.size}: at least 1, of an even size from 16 x 16 on")
        if not 0 < self.seconds[0] <= self.seconds[1] or not 0 < self.frame_rate <= 240:
            raise SynclineError(
                f"seconds {self.seconds} at {self.frame_rate} a second: expected 0 < shortest <= longest"
            )
        if self.seconds[0] * self.frame_rate < 4 * NUM_PHASES:
            raise SynclineError(f"{self.seconds[0]} s at {self.frame_rate} a second are too few frames for the course")
        if not 0 <= self.trim <= 1 or not 0 <= self.unevenness <= 2:
            raise SynclineError(f"trim {self.trim} must be in [0, 1], unevenness {self.unevenness} in [0, 2]")


@dataclass(frozen=True, eq=False)
class SyntheticVideo:
    """One rendered video and the truth about it.

    Attributes:
        path: the mp4.
        progress: (t,) float64 canonical progress of every frame in [0, 1]; NaN where it belongs to an extra segment.
            Equal progress is the same moment, in any two videos.
        events: first frame of each of `EVENT_NAMES`, None where it is not shown.
        segments: (kind, first frame, last frame) in order, all frames covered: `course`, `pause`, `rewind`, `repeated`,
            `extra`; and `missing` with first = last = the frame after the jump.
    """

    path: Path
    progress: NDArray[np.float64]
    events: tuple[int | None, ...]
    segments: list[Segment]

    @property
    def phases(self) -> NDArray[np.int64]:
        """(t,) int64 phase that each frame shows, -1 in an extra segment."""
        return np.where(np.isnan(self.progress), -1, phase_of(np.nan_to_num(self.progress)))


def render_synthetic(
    folder: str | Path,
    config: SyntheticConfig | None = None,
    *,
    callback: Callback = silent,
) -> list[SyntheticVideo]:
    """Render a set: `videos/NNN.mp4`, `annotations.csv` (events and split) and `truth.json`; `open_videos` opens it.

    Args:
        folder: made if need be; files of an earlier set of the same names are replaced.
        config: what to render.
        callback: called with a ``Progress`` after each video.

    Raises:
        SynclineError: a configuration that cannot be rendered.

    Examples:
        >>> import tempfile
        >>> made = render_synthetic(tempfile.mkdtemp(), SyntheticConfig(num_videos=1, size=(32, 48)))
        >>> len(made[0].events), bool(made[0].progress[0] < made[0].progress[-1])
        (7, True)
    """
    from syncline.video import VideoWriter

    config = config or SyntheticConfig()
    root = Path(folder)
    made = []
    step = Steps("rendering", config.num_videos, callback)
    for number in range(config.num_videos):
        rng = np.random.default_rng([config.seed, number])
        shown, offsets, segments = course_of(rng, config)
        look = Look.drawn(rng, *config.size)
        path = root / "videos" / f"{number:03d}.mp4"
        (height, width), rate = config.size, config.frame_rate
        with VideoWriter(path, height=height, width=width, rate=rate) as writer:
            for frame, (at, offset) in enumerate(zip(shown, offsets)):
                writer.write(draw(state_at(float(at), look, tuple(offset)), look, frame / rate, rng), frame / rate)
        truth = np.where(np.abs(offsets).max(axis=1) > 0, np.nan, shown)
        made.append(SyntheticVideo(path, truth, _events(truth), segments))
        step(path.name)
    _write_annotations(root / "annotations.csv", made, config)
    _write_truth(root / "truth.json", made, config)
    return made


def read_truth(folder: str | Path) -> list[SyntheticVideo]:
    """The truth beside a rendered set.

    Raises:
        SynclineError: no such file, or one that was not written by `render_synthetic`.
    """
    root = Path(folder)
    path = root / "truth.json"
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["videos"]
        return [
            SyntheticVideo(
                root / "videos" / str(one["video"]),
                np.array([np.nan if value is None else value for value in one["progress"]], dtype=np.float64),
                tuple(None if event is None else int(event) for event in one["events"]),
                [(str(kind), int(first), int(last)) for kind, first, last in one["segments"]],
            )
            for one in listed
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SynclineError(f"{path} is not the truth of a synthetic set ({error})") from error


def course_of(
    rng: np.random.Generator, config: SyntheticConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[Segment]]:
    """Progress of the scene and offset of the hand for every frame, and the segments."""
    shares = np.exp(config.unevenness * rng.standard_normal(NUM_PHASES))
    seconds = rng.uniform(*config.seconds)
    counts = np.maximum(3, np.round(shares / shares.sum() * seconds * config.frame_rate)).astype(int)
    left_out = int(rng.integers(1, NUM_PHASES - 1)) if config.missing else -1
    choices = [phase for phase in range(1, NUM_PHASES - 1) if phase != left_out]
    again = int(rng.choice(choices)) if config.repeated else -1
    parts: list[tuple[str, NDArray[np.float64]]] = []
    for phase, count in enumerate(counts):
        within = _pace(rng, int(count))
        if phase == 0:
            within = within[int(rng.uniform(0, config.trim) * count) :]
        if phase == NUM_PHASES - 1:
            within = within[: max(1, count - int(rng.uniform(0, config.trim) * count))]
        values = (phase + within) / NUM_PHASES
        if phase != left_out:
            parts.append(("course", values))
        else:
            parts.append(("missing", values[:0]))
        if phase == again:
            back = values[::-1][1 :: max(1, len(values) // 4)]
            parts += [("rewind", back), ("repeated", values)]
    if config.pauses:
        for _ in range(int(rng.integers(1, 3))):
            parts = _insert(parts, rng, "pause", int(rng.uniform(0.4, 1.0) * config.frame_rate))
    if config.extra:
        parts = _insert(parts, rng, "extra", int(rng.uniform(0.7, 1.4) * config.frame_rate))
    return _laid_out(parts)


def _pace(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Share of a phase that is done at each of its frames, in [0, 1): fast first, slow first, or even."""
    even = np.arange(count) / count
    bend = rng.uniform(-0.6, 0.6)
    return np.asarray(even + bend * even * (1 - even), dtype=np.float64)


def _insert(
    parts: list[tuple[str, NDArray[np.float64]]], rng: np.random.Generator, kind: str, length: int
) -> list[tuple[str, NDArray[np.float64]]]:
    """One part of the course cut in two, with a still of the moment between."""
    whole = [k for k, (what, values) in enumerate(parts) if what == "course" and len(values) > 3]
    chosen = int(rng.choice(whole))
    values = parts[chosen][1]
    cut = int(rng.integers(1, len(values) - 1))
    still = np.full(max(3, length), values[cut - 1])
    return [*parts[:chosen], ("course", values[:cut]), (kind, still), ("course", values[cut:]), *parts[chosen + 1 :]]


def _laid_out(
    parts: Sequence[tuple[str, NDArray[np.float64]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[Segment]]:
    shown = np.concatenate([values for _, values in parts])
    offsets = np.zeros((len(shown), 2))
    segments: list[Segment] = []
    start = 0
    for kind, values in parts:
        end = start + len(values)
        if kind == "missing":
            segments.append((kind, start, start))
        elif segments and kind == "course" and segments[-1][0] == "course":
            segments[-1] = ("course", segments[-1][1], end - 1)
        else:
            segments.append((kind, start, end - 1))
        if kind == "extra":
            turn = np.linspace(0, 2 * np.pi, len(values) + 2)[1:-1]
            offsets[start:end, 0] = _WAVE * np.sin(2 * turn) + 1e-6
            offsets[start:end, 1] = -_WAVE * (1 - np.cos(turn))
        start = end
    return shown, offsets, segments


def phase_of(progress: NDArray[np.float64]) -> NDArray[np.int64]:
    """The phase that a scene of that progress, in [0, 1], is in."""
    return np.floor(progress * NUM_PHASES + 1e-9).clip(0, NUM_PHASES - 1).astype(np.int64)


def _events(progress: NDArray[np.float64]) -> tuple[int | None, ...]:
    """First frame of phase k, None where the phase is not shown."""
    phases = np.where(np.isnan(progress), -1, phase_of(np.nan_to_num(progress)))
    found = []
    for phase in range(1, NUM_PHASES):
        at = np.flatnonzero(phases == phase)
        found.append(int(at[0]) if len(at) else None)
    return tuple(found)


def _write_annotations(path: Path, made: Sequence[SyntheticVideo], config: SyntheticConfig) -> None:
    rows = ["video,num_frames,fps,split,events,event_names"]
    held_out = max(1, config.num_videos // 3) if config.num_videos > 1 else 0
    for number, video in enumerate(made):
        split = "val" if number >= config.num_videos - held_out else "train"
        events = ";".join("" if event is None else str(event) for event in video.events)
        rows.append(
            f"{video.path.name},{len(video.progress)},{config.frame_rate:g},{split},{events},{';'.join(EVENT_NAMES)}"
        )
    write_text(path, "\n".join(rows) + "\n")


def _write_truth(path: Path, made: Sequence[SyntheticVideo], config: SyntheticConfig) -> None:
    videos: list[dict[str, Any]] = [
        {
            "video": video.path.name,
            "events": list(video.events),
            "segments": [list(segment) for segment in video.segments],
            "progress": [None if np.isnan(value) else round(float(value), 9) for value in video.progress],
        }
        for video in made
    ]
    write_json(path, {"config": asdict(config), "event_names": list(EVENT_NAMES), "videos": videos})
