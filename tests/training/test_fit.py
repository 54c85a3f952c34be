"""Training itself: it learns, repeats itself, resumes exactly, and leaves whole files or none."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import save_file

from syncline.data import VideoSet
from syncline.encoder import Backbone, FeatureCache, FrameEncoder
from syncline.errors import SynclineError
from syncline.progress import silent
from syncline.training import (
    METHODS,
    TrainConfig,
    TrainingProgress,
    TrainingStopped,
    case_of,
    fit,
    method_config,
    train,
    trained_on,
)
from syncline.training.accelerator import make_encoder
from syncline.training.checkpoint import trained_state
from syncline.training.optimiser_step import lr_factor
from syncline.training.run_folder import locked
from syncline.training.time_and_disk import Budget
from syncline.training.training_data import read_into_cache

Small = Callable[..., TrainConfig]


def same(one: FrameEncoder, other: FrameEncoder) -> bool:
    states = trained_state(one), trained_state(other)
    return states[0].keys() == states[1].keys() and all(torch.equal(states[0][n], states[1][n]) for n in states[0])


def lines(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("method", ["scl", *(pytest.param(m, marks=pytest.mark.slow) for m in METHODS if m != "scl")])
def test_every_method_trains(method: str, videos: VideoSet, cache: Path, small: Small) -> None:
    losses: list[float] = []

    def listen(progress: TrainingProgress) -> None:
        if progress.loss is not None:
            losses.append(progress.loss)

    fit(videos, small(method, steps=60, lr=3e-3, encoder={"dropout": 0.0}), cache=cache, callback=listen)
    assert len(losses) == 60
    assert np.isfinite(losses).all()
    assert np.mean(losses[-10:]) < np.mean(losses[:10])


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["paper", "corrected", "cross_video"])
def test_lac_learns_its_gaps_only_where_it_has_them(
    preset: str, videos: VideoSet, cache: Path, small: Small, tmp_path: Path
) -> None:
    fit(videos, small("lac", preset=preset, steps=2), cache=cache, out=tmp_path / "run")
    terms = lines(tmp_path / "run")[-1]["terms"]
    assert set(terms) == ({"contrastive", "cross"} if preset == "cross_video" else {"contrastive", "local", "sw"})  # type: ignore[call-overload]


def test_frozen_features_can_be_the_teacher(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    told = []
    for teacher in ("alignment", "frozen"):
        config = replace(small("lac", preset="cross_video", steps=1, loss={"cross_start": 0.0}), teacher=teacher)
        fit(videos, config, cache=cache, out=tmp_path / teacher)
        told.append(lines(tmp_path / teacher)[-1]["terms"])
    assert told[0]["contrastive"] == told[1]["contrastive"]  # type: ignore[index]
    assert told[0]["cross"] != told[1]["cross"]  # type: ignore[index]


@pytest.mark.slow
def test_the_loss_falls(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    encoder = fit(videos, small("scl", steps=150, lr=3e-3), cache=cache, out=tmp_path / "run")
    told = lines(tmp_path / "run")
    assert told[-1]["loss"] < 0.8 * told[0]["loss"]
    assert told[-1]["steps"] == told[-1]["step"] == 150
    assert encoder.training is False


def test_the_same_seed_gives_the_same_and_leaves_the_callers_random_numbers_alone(
    videos: VideoSet, cache: Path, small: Small
) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = fit(videos, small(), cache=cache)
    assert torch.equal(torch.rand(2), expected)
    assert same(first, fit(videos, small(), cache=cache))
    assert not same(first, fit(videos, small(seed=1), cache=cache))


def test_what_was_saved_is_what_was_returned(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    encoder = fit(videos, small("lac"), cache=cache, out=tmp_path / "run")
    loaded = FrameEncoder.from_pretrained(tmp_path / "run")
    assert same(encoder, loaded)
    ours, theirs = (e.embed([videos[0].path])[0] for e in (encoder, loaded))
    np.testing.assert_array_equal(ours.vectors, theirs.vectors)
    summary = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (summary["finished"], summary["step"]) == (True, 6)
    assert sum(summary["shares"].values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["scl", "lac", "tcc"])
def test_a_crash_at_any_step_changes_nothing(
    method: str, videos: VideoSet, cache: Path, small: Small, tmp_path: Path
) -> None:
    config = small(method, checkpoint_seconds=0.0, accumulate=2)
    whole = fit(videos, config, cache=cache, out=tmp_path / "whole")

    def crash(progress: TrainingProgress) -> None:
        if progress.phase == "saved" and progress.done in (2, 3):
            raise MemoryError

    run = tmp_path / "run"
    for resume in (False, True):
        with pytest.raises(MemoryError):
            fit(videos, config, cache=cache, out=run, callback=crash, resume=resume)
    assert same(whole, fit(videos, config, cache=cache, out=run, resume=True))
    assert [line["step"] for line in lines(run)] == [line["step"] for line in lines(tmp_path / "whole")]
    assert [line["loss"] for line in lines(run)] == [line["loss"] for line in lines(tmp_path / "whole")]


@pytest.mark.slow
def test_a_callback_may_evaluate_without_a_trace(videos: VideoSet, cache: Path, small: Small) -> None:
    def nosy(progress: TrainingProgress) -> None:
        if progress.encoder is not None and progress.phase == "training":
            progress.encoder.eval()
            torch.rand(5)
            progress.encoder(torch.rand(1, 4, progress.encoder.backbone.dim))

    assert same(fit(videos, small(), cache=cache), fit(videos, small(), cache=cache, callback=nosy))


@pytest.mark.slow
def test_measuring_the_rate_leaves_no_trace(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    plans = []

    def listen(progress: TrainingProgress) -> None:
        if progress.phase == "plan":
            plans.append(progress.plan)

    plain = fit(videos, small(), cache=cache)
    assert same(plain, fit(videos, small(), cache=cache, callback=listen, minutes=5.0))
    (plan,) = plans
    assert plan is not None
    assert (plan.videos, plan.missing, plan.steps) == (4, 0, 6)
    assert plan.step_seconds > 0


@pytest.mark.slow
def test_a_budget_cuts_the_steps_and_the_schedule_with_them(
    videos: VideoSet, cache: Path, small: Small, tmp_path: Path
) -> None:
    config = small(steps=1_000_000)
    fit(videos, config, cache=cache, out=tmp_path / "run", minutes=0.08)
    run = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert run["step"] == run["steps"] < 100_000
    told = lines(tmp_path / "run")[-1]  # a busy machine may have fewer steps left than this line still hopes for
    assert run["step"] <= told["steps"] < 100_000
    assert told["lr"] == pytest.approx(config.lr * lr_factor(config, int(told["step"]) - 1, int(told["steps"])))


def test_a_run_that_a_budget_cut_goes_on_with_another(
    videos: VideoSet, cache: Path, small: Small, tmp_path: Path
) -> None:
    fit(videos, small(steps=1), cache=cache)  # all features are there, so that no video is left out
    done = []
    for minutes, resume in ((1e-4, False), (None, True), (5.0, True)):
        fit(videos, small(), cache=cache, out=tmp_path / "run", minutes=minutes, resume=resume)
        done.append(json.loads((tmp_path / "run" / "run.json").read_text())["step"])
    assert done == [1, 1, 6]


@pytest.mark.slow
def test_augmented_copies_and_stride_contexts(videos: VideoSet, cache: Path, small: Small) -> None:
    encoder = fit(videos, small("tcc", copies=2, encoder={"contexts": 2}), cache=cache)
    assert encoder.config.contexts == 2
    assert all(torch.isfinite(p).all() for p in encoder.parameters())


@pytest.mark.parametrize("preset", ["released", "released_vec"])
def test_released_lac_sees_padding_as_frames(preset: str, videos: VideoSet, cache: Path, small: Small) -> None:
    """Masked slots are zeros in both views: at distance 0, and 1 / d^2 of them is infinite (1e8 with its epsilon)."""
    losses: list[float] = []
    lac = {"temporal": "lac", "head_norm": "none", "projection_head": False}
    fit(
        videos, small("lac", preset=preset, steps=2, encoder=lac), cache=cache,
        callback=lambda told: losses.append(told.loss) if told.loss is not None else None,
    )  # fmt: skip
    assert max(losses) < 1e4


def test_training_from_pixels(videos: VideoSet, small: Small, tmp_path: Path) -> None:
    config = small("scl", steps=1, encoder={"trainable": "all", "grid": 0}, views={"num_frames": 2, "batch_size": 1})
    config = replace(config, checkpoint_seconds=0.0)
    encoder = fit(videos, config, out=tmp_path / "run")
    assert encoder.reference_length == 21, "the median of 18, 20, 22 and 24 frames"
    assert same(encoder, FrameEncoder.from_pretrained(tmp_path / "run"))


def test_a_trained_backbone_goes_on_exactly(videos: VideoSet, small: Small, tmp_path: Path) -> None:
    config = small("scl", steps=3, encoder={"trainable": "all"}, views={"num_frames": 2, "batch_size": 1})
    config = replace(config, checkpoint_seconds=0.0)
    whole = fit(videos, config)

    def crash(progress: TrainingProgress) -> None:
        if progress.phase == "saved":
            raise MemoryError

    with pytest.raises(MemoryError):
        fit(videos, config, out=tmp_path / "run", callback=crash)
    assert same(whole, fit(videos, config, out=tmp_path / "run", resume=True))


def test_bf16_computes_losses_in_float32(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    encoder = fit(videos, small(precision="bf16", steps=2), cache=cache, out=tmp_path / "run")
    assert all(p.dtype == torch.float32 for p in encoder.parameters())
    maps = torch.rand(1, 5, encoder.backbone.dim)
    with torch.no_grad():  # what comes back is the encoder itself, without autocast
        torch.testing.assert_close(encoder(maps), FrameEncoder.from_pretrained(tmp_path / "run")(maps))
    after = fit(videos, small(steps=1), cache=cache)  # and the next run is not bound to it
    assert all(p.dtype == torch.float32 for p in after.parameters())


def test_a_cache_lends_only_the_backbone_that_is_configured(small: Small, cache: Path, tmp_path: Path) -> None:
    config = small()
    lent = Backbone(config.encoder.backbone, weights=config.encoder.weights, grid=config.encoder.grid)
    assert make_encoder(config, FeatureCache(cache, lent))[0].backbone is lent
    state = {name: part.contiguous() for name, part in lent.model.net.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    other = small(encoder={"weights": str(tmp_path / "w.safetensors")})
    assert make_encoder(other, FeatureCache(cache, lent))[0].backbone is not lent
    saved = make_encoder(other, cache)[0]
    saved.save_pretrained(tmp_path / "saved")
    (tmp_path / "w.safetensors").unlink()
    loaded = FrameEncoder.from_pretrained(tmp_path / "saved")
    assert make_encoder(other, FeatureCache(cache, loaded.backbone))[0].backbone is loaded.backbone


def test_augmented_copies_are_made_as_configured(videos: VideoSet, cache: Path, small: Small) -> None:
    grids, files = [], []
    for pipeline in ("ssl", "plain", "none", "none"):
        made = make_encoder(small(copies=2, views={"pipeline": pipeline}), cache)[1]
        assert made is not None
        grids.append(np.array(made.features(videos[0]).features))
        files.append(sorted(path.name for path in made.folder.rglob("*.safetensors")))
    assert not np.array_equal(grids[0][1], grids[1][1])
    np.testing.assert_array_equal(grids[2][0], grids[2][1])
    assert len(set(map(tuple, files))) == 3
    assert files[2] == files[3], "another process finds them"

    def own(clip: torch.Tensor, **_: object) -> torch.Tensor:
        return 1 - clip

    lent = make_encoder(small(copies=2), FeatureCache(cache, Backbone("test_resnet", weights="none"), augment=own))[1]
    assert lent is not None
    assert lent.augment is own


def test_a_run_is_written_once(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fit(videos, small(), cache=cache, out=run)
    before = (run / "model.safetensors").read_bytes()
    with pytest.raises(SynclineError, match="--resume"):
        fit(videos, small(), cache=cache, out=run)
    with pytest.raises(SynclineError, match=r"another model: its encoder\.width is 16, here it is 32"):
        fit(videos, small(encoder={"width": 32}), cache=cache, out=run, resume=True)
    with pytest.raises(SynclineError, match="another model: its videos"):
        fit(VideoSet(videos.videos[:3], "three"), small(), cache=cache, out=run, resume=True)
    assert (run / "model.safetensors").read_bytes() == before
    assert json.loads((run / "train.json").read_text())["encoder"]["width"] == 16, "a refusal leaves it as it was"
    more = fit(videos, small(steps=8), cache=cache, out=run, resume=True)
    assert lines(run)[-1]["step"] == 8
    assert same(more, FrameEncoder.from_pretrained(run))


def test_foreign_folders_are_left_alone(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear")
    with pytest.raises(SynclineError, match="no run of syncline's"):
        fit(videos, small(), cache=cache, out=tmp_path / "letters")
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["a.txt"]
    with pytest.raises(SynclineError, match="is a file"):
        fit(videos, small(), cache=cache, out=tmp_path / "letters" / "a.txt")
    with pytest.raises(SynclineError, match="no run to resume"):
        fit(videos, small(), cache=cache, out=tmp_path / "new", resume=True)
    assert not (tmp_path / "new").exists()


def test_a_damaged_checkpoint_is_told(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fit(videos, small(), cache=cache, out=run)
    (state,) = (run / "checkpoint").glob("state-*.safetensors")
    state.write_bytes(state.read_bytes()[:-10])
    with pytest.raises(SynclineError, match="not whole"):
        fit(videos, small(), cache=cache, out=run, resume=True)
    (run / "checkpoint" / "checkpoint.json").write_text("{")
    with pytest.raises(SynclineError, match="damaged"):
        fit(videos, small(), cache=cache, out=run, resume=True)


def test_two_writers_of_one_run(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    with locked(tmp_path / "run"), pytest.raises(SynclineError, match=r"another process \(pid \d+\)"):
        fit(videos, small(), cache=cache, out=tmp_path / "run")


def test_a_failure_before_the_first_checkpoint_leaves_nothing(
    videos: VideoSet, cache: Path, small: Small, tmp_path: Path
) -> None:
    def fail(progress: TrainingProgress) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fit(videos, small(), cache=cache, out=tmp_path / "run", callback=fail)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_ends_training(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    with pytest.raises(SynclineError, match="not finite at step"):
        fit(videos, small(lr=1e30, clip=0.0, steps=50), cache=cache, out=tmp_path / "run")


@pytest.mark.slow
def test_ctrl_c_saves(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    def interrupt(progress: TrainingProgress) -> None:
        if progress.phase == "training" and progress.done == 3:
            signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(TrainingStopped) as caught:
        fit(videos, small(), cache=cache, out=tmp_path / "run", callback=interrupt)
    assert (caught.value.signal, caught.value.step) == (signal.SIGINT, 3)
    assert signal.getsignal(signal.SIGINT) is handler
    whole = fit(videos, small(), cache=cache)
    assert same(whole, train(videos, tmp_path / "run", resume=True, cache=cache))


def test_ended_while_videos_are_read_it_is_begun_again(
    videos: VideoSet, cache: Path, small: Small, tmp_path: Path
) -> None:
    def interrupt(progress: TrainingProgress) -> None:
        if progress.phase == "features" and progress.done == 2:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(TrainingStopped) as caught:
        fit(videos, small(), cache=cache, out=tmp_path / "run", callback=interrupt)
    assert (caught.value.signal, caught.value.step, caught.value.run) == (signal.SIGTERM, 0, "")
    fit(videos, small(), cache=cache, out=tmp_path / "run")


def test_too_few_videos(videos: VideoSet, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SynclineError, match="at least 2"):
        train(folder / "0.mp4", tmp_path / "run")
    with pytest.raises(SynclineError, match="at least 2"):
        fit(VideoSet(videos.videos[:1], "one"), method_config("scl"), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_splits_choose_the_training_videos(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    split = VideoSet(
        tuple(replace(video, split="val" if i == 0 else "train") for i, video in enumerate(videos)), "split"
    )
    train(split, tmp_path / "run", config=small(), cache=cache)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["videos"] == ["1.mp4", "2.mp4", "3.mp4"]


@pytest.mark.slow
def test_a_broken_video_is_passed_over(
    videos: VideoSet, cache: Path, small: Small, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(videos[0].path.read_bytes()[:600])
    worse = VideoSet((*videos, replace(videos[0], path=broken, name="broken.mp4")), "five")
    assert same(fit(worse, small(), cache=cache), fit(videos, small(), cache=cache))
    assert "broken.mp4" in caplog.text
    with pytest.raises(SynclineError, match=r"at least 2 videos, 1 can be read; .*broken\.mp4"):
        fit(VideoSet((worse[0], worse[4]), "two"), small(), cache=cache)


def test_a_broken_video_is_passed_over_when_the_budget_is_spent_too(
    videos: VideoSet, cache: Path, small: Small, tmp_path: Path
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    broken = [replace(videos[0], path=tmp_path / "broken.mp4", name=f"broken {number}") for number in range(3)]
    config, budget = small(), Budget(1e-9)
    features = FeatureCache(cache, make_encoder(config, cache)[0].backbone)
    unread = read_into_cache(
        [*videos, *broken], config, features, accelerator=Accelerator(cpu=True), budget=budget, callback=silent
    )
    assert all("is no video" in unread[video.name] for video in broken)


def test_a_spent_budget_takes_no_step_back() -> None:
    budget = Budget(1e-9)
    assert [budget.steps(done, 100, 1e-3) for done in (0, 50, 100)] == [1, 50, 100]


def test_every_frame_stands_alone_without_a_temporal_encoder(videos: VideoSet, cache: Path, small: Small) -> None:
    """``temporal: none``: what an aligner compares; no frame sees another."""
    config = small("lac", preset="cross_video", encoder={"temporal": "none"})
    encoder = fit(videos, config, cache=cache)
    maps = torch.rand(1, 6, encoder.backbone.dim)
    alone = torch.cat([encoder(maps[:, i : i + 1]) for i in range(6)], dim=1)
    torch.testing.assert_close(encoder(maps), alone)


def test_a_run_knows_its_clips_by_their_content(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fit(VideoSet(videos.videos[:3], "three"), small(steps=1), cache=cache, out=run)
    moved = tmp_path / "moved.mp4"
    shutil.copy(videos[0].path, moved)
    assert trained_on(run, [moved, videos[3].path]) == [True, False]
    assert case_of(run, [video.path for video in videos.videos[:3]]) == "folder"
    assert case_of(run, [videos[3].path]) == "new"
    assert case_of(run, [moved, videos[3].path]) == "mixed"
    summary = json.loads((run / "run.json").read_text())
    del summary["content"]  # as version 0.1.0 wrote it
    (run / "run.json").write_text(json.dumps(summary))
    assert trained_on(run, [moved, videos[0].path]) == [False, True]
    with pytest.raises(SynclineError, match="holds no run"):
        trained_on(tmp_path, [moved])


def test_a_checkpoint_of_the_first_version_goes_on(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fit(videos, small(steps=4), cache=cache, out=run)
    path = run / "checkpoint" / "checkpoint.json"
    index = json.loads(path.read_text())
    del index["identity"]["sample_rate_hz"]
    index["identity"]["teacher"] = "encoder"
    path.write_text(json.dumps(index))
    fit(videos, small(steps=6), cache=cache, out=run, resume=True)
    assert lines(run)[-1]["step"] == 6
