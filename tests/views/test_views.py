"""Samplers, augmentation and batches: ranges, determinism, what a draw depends on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from syncline.errors import SynclineError
from syncline.views import FeatureViews, ViewConfig, augment, retime, time_augment
from syncline.views.augment_pictures import turn_hue
from syncline.views.frame_sampling import offset_uniform, segment_uniform, stride_sampling, tcn_positives, tcn_triplets


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


SAMPLERS: dict[str, Any] = {
    "time_augment": time_augment,
    "video": lambda length, t, generator: time_augment(length, t, generator=generator, base="video"),
    "fast": lambda length, t, generator: time_augment(length, t, generator=generator, region=3.0),
    "offset_uniform": offset_uniform,
    "segment_uniform": segment_uniform,
    "stride": lambda length, t, generator: stride_sampling(length, t, generator=generator, stride=3),
    "retime": retime,
}


@settings(max_examples=120, deadline=None)
@given(
    name=st.sampled_from(sorted(SAMPLERS)), length=st.integers(1, 90), t=st.integers(1, 40), seed=st.integers(0, 999)
)
def test_samplers_stay_inside_ascend_and_mask_a_prefix(name: str, length: int, t: int, seed: int) -> None:
    steps, mask = SAMPLERS[name](length, t, generator=generator(seed))
    assert steps.shape == mask.shape == (t,)
    assert steps.min() >= 0
    assert steps.max() < length
    assert (np.diff(steps) >= 0).all()
    assert not (~mask[:-1] & mask[1:]).any(), "a prefix"
    assert mask.any() or name == "video", "of a short video, the published crop may lie beyond the end"
    again, _ = SAMPLERS[name](length, t, generator=generator(seed))
    np.testing.assert_array_equal(steps, again)


def test_published_crops_pad_a_fifth_and_clips_do_not() -> None:
    padded = {
        base: np.mean([1 - time_augment(300, 64, generator=generator(k), base=base)[1].mean() for k in range(200)])  # type: ignore[arg-type]
        for base in ("video", "clip")
    }
    assert padded["clip"] == 0
    assert 0.17 < padded["video"] < 0.23, "19 to 20 % of the slots"


def test_two_views_overlap() -> None:
    for seed in range(100):
        draw = generator(seed)
        first, _ = time_augment(300, 32, generator=draw)
        second, _ = time_augment(300, 32, generator=draw, previous=int(first[0]))
        assert min(first[-1], second[-1]) - max(first[0], second[0]) > 0, "blocks are at least 32 long, 26 apart"


def test_a_crop_after_a_recut_may_lie_anywhere() -> None:
    views = FeatureViews([np.zeros((1, 300, 1), np.float16)], ViewConfig(num_frames=32, batch_size=64, retimed=0.5))
    after = []
    for step in range(30):
        for steps in views.batch(step).steps.numpy():
            recut = [view[-1] - view[0] > 96 for view in steps]  # longer than any crop
            if recut == [True, False]:
                after.append(steps[1].mean())
    assert len(after) > 100
    assert abs(np.mean(after) - 150) < 20, "before a re-cut's beginning counted as a crop's, and the mean was 78"


@pytest.mark.parametrize("name", ["pairing", "sampler", "crop_base", "pipeline"])
def test_an_unknown_choice_is_refused(name: str) -> None:
    with pytest.raises(SynclineError, match=f"views.{name} must be one of .*'clips'"):
        ViewConfig(**{name: "clips"})  # type: ignore[arg-type]


def test_tcn_pairs_and_triplets() -> None:
    for seed in range(50):
        steps, _ = offset_uniform(100, 16, generator=generator(seed))
        back = steps - tcn_positives(steps, generator=generator(seed + 1))
        assert ((back >= 1) & (back <= 5) | (steps < 5)).all()
        anchor, positive, negative = tcn_triplets(200, 8, generator=generator(seed))
        assert (np.abs(anchor - positive) <= 10).all()
        assert (np.abs(anchor - negative) >= 30).all()


def features(copies: int = 1, videos: int = 3) -> list[np.ndarray[Any, Any]]:
    """Features that are the video's number, the frame's and the copy's."""
    result = []
    for video in range(videos):
        t = 20 + 5 * video
        maps = np.zeros((copies, t, 3), np.float16)
        maps[..., 0], maps[..., 1], maps[..., 2] = video, np.arange(t), np.arange(copies)[:, None]
        result.append(maps)
    return result


@pytest.mark.parametrize("pairing", ["views", "videos", "npairs", "triplets"])
def test_batches_hold_what_they_say(pairing: str) -> None:
    config = ViewConfig(num_frames=6, batch_size=4, pairing=pairing)  # type: ignore[arg-type]
    views = FeatureViews(features(copies=3), config, seed=5)
    for step in range(20):
        batch = views.batch(step)
        assert batch.inputs.shape == (4, 3 if pairing == "triplets" else 2, 6, 3)
        torch.testing.assert_close(batch.inputs[..., 0], batch.video[..., None].expand_as(batch.steps).float())
        torch.testing.assert_close(batch.inputs[..., 1], batch.steps.float())
        assert set(batch.inputs[..., 2].unique().tolist()) <= {1.0, 2.0}, "of copies the augmented ones"
        assert torch.equal(batch.frames, 20 + 5 * batch.video)
        different = batch.video[:, 0] != batch.video[:, 1]
        assert bool(different.all() if pairing == "videos" else (~different).all())


@pytest.mark.parametrize(("videos", "pairs"), [(8, 4), (9, 4), (5, 4), (4, 4), (4, 2), (3, 6), (2, 4), (2, 1)])
def test_pairs_of_videos_repeat_none_without_need(videos: int, pairs: int) -> None:
    config = ViewConfig(num_frames=4, batch_size=pairs, pairing="videos")
    views = FeatureViews(features(videos=videos), config)
    for step in range(10):
        video = views.batch(step).video
        assert bool((video[:, 0] != video[:, 1]).all())
        assert len(video.unique()) == min(videos, 2 * pairs)


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    config = ViewConfig(num_frames=6, batch_size=4)
    views = FeatureViews(features(), config, seed=1)
    later = views.batch(7)
    assert torch.equal(FeatureViews(features(), config, seed=1).batch(7).inputs, later.inputs)
    assert not torch.equal(FeatureViews(features(), config, seed=2).batch(7).inputs, later.inputs)
    assert not torch.equal(views.batch(8).inputs, later.inputs)


def test_processes_share_a_batch_without_loss() -> None:
    batch = FeatureViews(features(), ViewConfig(num_frames=6, batch_size=5)).batch(0)
    parts = [batch.part(index, 2) for index in range(2)]
    assert [len(part.video) for part in parts] == [3, 2]
    assert batch.part(0, 1) is batch, "it stays in page-locked memory"
    whole = torch.empty_like(batch.inputs)
    whole[0::2], whole[1::2] = parts[0].inputs, parts[1].inputs
    assert torch.equal(whole, batch.inputs)


def test_a_batch_is_of_one_action() -> None:
    config = ViewConfig(num_frames=4, batch_size=4, pairing="videos")
    views = FeatureViews(features(videos=6), config, groups=["bowl", "jump", "bowl", "jump", "bowl", "jump"])
    seen = set()
    for step in range(30):
        odd = {int(video) % 2 for video in views.batch(step).video.flatten()}
        assert len(odd) == 1
        seen |= odd
    assert seen == {0, 1}


def test_contexts_are_past_frames() -> None:
    config = ViewConfig(num_frames=5, batch_size=2)
    batch = FeatureViews(features(), config, contexts=3, context_stride=2).batch(0)
    expected = torch.stack([(batch.steps - back).clamp(min=0) for back in (4, 2, 0)], dim=-1)
    torch.testing.assert_close(batch.inputs[..., 1], expected.float())


@pytest.mark.parametrize("pipeline", ["ssl", "plain", "none"])
def test_a_clip_gets_one_draw(pipeline: str) -> None:
    picture = torch.rand(1, 3, 24, 32, generator=generator())
    for seed in range(8):
        clip = picture.expand(11, -1, -1, -1)
        out = augment(clip, generator=generator(seed), flip=True, pipeline=pipeline)  # type: ignore[arg-type]
        assert out.shape == clip.shape
        assert 0 <= float(out.min()) <= float(out.max()) <= 1
        torch.testing.assert_close(out[0], out[10])
        alone = augment(picture, generator=generator(seed), flip=True, pipeline=pipeline)  # type: ignore[arg-type]
        torch.testing.assert_close(alone[0], out[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("turn", [-0.5, -0.2, 0.0, 0.07, 0.5])
def test_the_hue_turns_as_torchvisions_does(turn: float) -> None:
    from torchvision.transforms.v2 import functional

    clip = torch.rand(4, 3, 24, 32, generator=generator())
    clip[1] = clip[1, :1]  # grey
    clip[2] = (2 * clip[2]).round() / 2  # channels that are equal; black and white
    torch.testing.assert_close(turn_hue(clip, turn), functional.adjust_hue(clip, turn), atol=1e-5, rtol=0)


def test_nothing_is_mirrored_unless_asked_for() -> None:
    ramp = torch.linspace(0.2, 0.8, 32).expand(1, 3, 24, 32)
    for flip in (False, True):
        rising = []
        for seed in range(30):
            profile = augment(ramp, generator=generator(seed), flip=flip, pipeline="ssl")[0].mean(dim=(0, 1))
            rising.append(bool(profile[-4] > profile[4]))
        assert all(rising) is not flip


def test_impossible_views_are_told() -> None:
    for change in ({"num_frames": 0}, {"region": 0.9}, {"retimed": 1.5}, {"consistent_offset": -0.1}):
        with pytest.raises(SynclineError):
            ViewConfig(**change)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 1"):
        time_augment(0, 4, generator=generator())
    with pytest.raises(ValueError, match="clip has shape"):
        augment(torch.zeros(2, 4, 8, 8), generator=generator())
