"""Each hint is given for what it is about, and not for an ordinary folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from syncline.data import open_videos
from syncline.data.synthetic_scene import Look, draw, state_at
from syncline.video.alignment_hints import (
    GLANCE_RATE,
    GLANCE_SIZE,
    Glance,
    Hint,
    glance_at,
    hints_for,
    repetition_period,
)


def clip(number: int, *, seconds: float = 6.0, twice: bool = False, look: int | None = None) -> Glance:
    """One synthetic performance in small."""
    rng = np.random.default_rng(number if look is None else look)
    height, width = (4 * side for side in GLANCE_SIZE)
    own = Look.drawn(rng, height, width)
    count = int(seconds * GLANCE_RATE)
    course = np.linspace(0, 1, count) ** rng.uniform(0.8, 1.25)
    if twice:
        course, seconds = np.concatenate([course, course]), 2 * seconds
    pictures = [draw(state_at(float(at), own), own, 0.0, rng) for at in course]
    small = np.stack(pictures).reshape(len(course), GLANCE_SIZE[0], 4, GLANCE_SIZE[1], 4, 3).mean(axis=(2, 4))
    return Glance(Path(f"{number:02d}.mp4"), small.astype(np.uint8), np.arange(len(course)) / GLANCE_RATE, seconds)


@pytest.fixture(scope="module")
def folder() -> list[Glance]:
    return [clip(number) for number in range(8)]


def kinds(hints: list[Hint], glance: Glance) -> set[str]:
    return {hint.kind for hint in hints if hint.path == glance.path}


def test_an_ordinary_folder_gets_none(folder: list[Glance]) -> None:
    assert hints_for(folder) == []
    assert hints_for([]) == []
    assert hints_for(folder[:1]) == []


def test_repetitions(folder: list[Glance]) -> None:
    again = clip(20, twice=True)
    found = hints_for([*folder, again])
    assert "repetitions" in kinds(found, again)
    period = repetition_period(again.pixels.reshape(len(again.pixels), -1).astype(float), again.duration)
    assert period == pytest.approx(6.0, rel=0.1)


def test_scene_cuts(folder: list[Glance]) -> None:
    first, second = clip(21), clip(22)
    pixels = np.concatenate([first.pixels, 255 - second.pixels])
    joined = Glance(Path("cut.mp4"), pixels, np.arange(len(pixels)) / GLANCE_RATE, 12.0)
    found = [hint for hint in hints_for([*folder, joined]) if hint.kind == "cuts"]
    assert [(hint.path.name, hint.seen) for hint in found] == [("cut.mp4", "1 scene cut (6.0 s)")]


def test_near_duplicates(folder: list[Glance]) -> None:
    noise = np.random.default_rng(0).integers(-3, 4, folder[2].pixels.shape)
    pixels = (folder[2].pixels.astype(int) + noise).clip(0, 255).astype(np.uint8)
    copy = Glance(Path("copy.mp4"), pixels, folder[2].pts_seconds, folder[2].duration)
    found = [hint for hint in hints_for([*folder, copy]) if hint.kind == "duplicate"]
    assert [(hint.path.name, hint.seen) for hint in found] == [("copy.mp4", "nearly the same pictures as 02.mp4")]
    cameras = [Glance(Path(f"d/cam{k}/x.mp4"), pixels, copy.pts_seconds, copy.duration) for k in (1, 2)]
    found = [hint for hint in hints_for([*folder[:2], *cameras]) if hint.kind == "duplicate"]
    assert [hint.seen for hint in found] == [f"nearly the same pictures as {Path('cam1/x.mp4')}"]


def test_slow_motion(folder: list[Glance]) -> None:
    slow = clip(23, seconds=24.0)
    still = Glance(slow.path, np.repeat(slow.pixels[::4], 4, axis=0), slow.pts_seconds, slow.duration)
    assert "slow motion" in kinds(hints_for([*folder, still]), still)


def test_a_long_clip_at_the_usual_pace_is_not_slow(folder: list[Glance]) -> None:
    pixels = np.concatenate([one.pixels for one in folder])
    long = Glance(Path("24.mp4"), pixels, np.arange(len(pixels)) / GLANCE_RATE, 48.0)
    rows = [hint for hint in hints_for([*folder, long]) if hint.path == long.path]
    assert [hint.kind for hint in rows if hint.kind in ("slow motion", "long")] == ["long"]
    assert "8.0 times as long as usual" in next(hint for hint in rows if hint.kind == "long").seen


def test_mirrored(folder: list[Glance]) -> None:
    plain = clip(24)
    turned = Glance(Path("turned.mp4"), plain.pixels[:, :, ::-1], plain.pts_seconds, plain.duration)
    found = [hint.path.name for hint in hints_for([*folder, turned]) if hint.kind == "mirrored"]
    assert found == ["turned.mp4"]


def test_another_activity(folder: list[Glance]) -> None:
    rng = np.random.default_rng(0)
    places = np.indices(GLANCE_SIZE)
    waves = [np.sin(places[0] * 0.9 + places[1] * 1.3 + turn) for turn in np.cumsum(rng.uniform(0, 1, 24))]
    pixels = np.repeat((np.stack(waves) * 120 + 128).astype(np.uint8)[..., None], 3, axis=3)
    other = Glance(Path("other.mp4"), pixels, folder[0].pts_seconds, 6.0)
    assert "other" in kinds(hints_for([*folder, other]), other)


def test_features_of_a_network_serve_in_the_place_of_pixels(folder: list[Glance]) -> None:
    features = [np.eye(24, dtype=np.float32)[np.arange(24)] for _ in folder]
    features[3] = features[3] * 40 + 40
    assert [hint.path.name for hint in hints_for(folder, features=features)] == ["03.mp4"]


def test_every_hint_says_what_to_do(folder: list[Glance]) -> None:
    hints = hints_for([*folder, clip(20, twice=True)])
    assert hints
    for hint in hints:
        assert "\n" not in str(hint)
        assert hint.advice in str(hint)


def test_a_black_beginning_and_a_flash_are_no_scene_cuts(folder: list[Glance]) -> None:
    dark = clip(25)
    pixels = np.concatenate(
        [np.zeros_like(dark.pixels[:3]), dark.pixels[:12], np.full_like(dark.pixels[:1], 250), dark.pixels[12:]]
    )
    led_in = Glance(Path("dark.mp4"), pixels, np.arange(len(pixels)) / GLANCE_RATE, len(pixels) / GLANCE_RATE)
    assert "cuts" not in kinds(hints_for([*folder, led_in]), led_in)


def test_half_the_speed_is_slow_motion(folder: list[Glance]) -> None:
    for number in range(3):
        plain = clip(30 + number)
        slow = Glance(
            plain.path, np.repeat(plain.pixels, 2, axis=0), np.arange(2 * len(plain.pixels)) / GLANCE_RATE, 12.0
        )
        assert [hint.path for hint in hints_for([*folder, slow]) if hint.kind == "slow motion"] == [slow.path]


def test_alignments_tell_slow_motion_where_movement_does_not(folder: list[Glance]) -> None:
    restless = clip(33, seconds=12.0)  # as long as one at half the speed, and no slower to look at
    noise = np.random.default_rng(0).integers(-40, 41, restless.pixels.shape)
    moving = Glance(restless.path, (restless.pixels + noise).clip(0, 255).astype(np.uint8), restless.pts_seconds, 12.0)
    clips = [*folder, moving]
    assert "slow motion" not in kinds(hints_for(clips), moving)
    found = [h for h in hints_for(clips, tempos=[1.0, None, *[1.1] * 6, 1.9]) if h.kind == "slow motion"]
    assert [hint.path for hint in found] == [moving.path]
    assert "takes 1.7 times as long for the same" in found[0].seen
    assert "slow motion" not in kinds(hints_for(clips, tempos=[1.0] * 8 + [None]), moving)
    short = [hint.kind for hint in hints_for(folder, tempos=[1.0] * 7 + [2.0])]
    assert short == [], "a clip as short as the others is not slow, whatever an alignment says"


def test_features_find_no_fewer_repetitions_than_pictures(folder: list[Glance]) -> None:
    again = clip(20, twice=True)
    clips = [*folder, again]
    blind = [np.random.default_rng(k).normal(size=(20, 8)) for k in range(len(clips))]
    assert "repetitions" in kinds(hints_for(clips, features=blind), again)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("g1_bottle", {"slow motion": 8, "mirrored": 8}),
        ("cr5_usb", {"slow motion": 7}),  # the camera goes with the hand: no left and right to tell
        ("human_golf", {"slow motion": 6, "mirrored": 4}),
        ("human_pullup", {"slow motion": 4}),  # the movement is the same both ways
    ],
)
def test_slow_and_mirrored_clips_of_real_sets(real_data: Path, name: str, least: dict[str, int]) -> None:
    """One clip of eight at half the speed, or mirrored, each in turn: how many are found at least."""
    clips = [glance_at(video.path) for video in list(open_videos(real_data / name))[:8]]
    found = {"slow motion": 0, "mirrored": 0}
    for k, one in enumerate(clips):
        twice = np.repeat(one.pixels, 2, axis=0)
        ways = {
            "slow motion": Glance(one.path, twice, np.arange(len(twice)) / GLANCE_RATE, 2 * one.duration),
            "mirrored": Glance(one.path, one.pixels[:, :, ::-1], one.pts_seconds, one.duration),
        }
        for kind, made in ways.items():
            hints = hints_for([*clips[:k], made, *clips[k + 1 :]])
            found[kind] += kind in {hint.kind for hint in hints if hint.path == one.path}
    assert all(found[kind] >= count for kind, count in least.items()), found
