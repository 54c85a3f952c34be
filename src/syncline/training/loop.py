"""`fit`: the training loop, from videos to a trained encoder.

Notable choices:
- No labels are looked at. A set with splits trains on its ``train`` part, one without on all of it.
- With a frozen backbone, the features of all videos are computed (or found in the cache) first, and training decodes
  nothing; otherwise every batch is decoded.
- A run is a function of configuration, videos and seed. Killed at any step and resumed, it ends with the same
  parameters, bit for bit (on a CPU, without ``minutes``).
"""

from __future__ import annotations

import dataclasses
import math
import signal
import time
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from syncline.data import VideoSet
from syncline.encoder import FeatureCache, FrameEncoder
from syncline.encoder.encoder_config import LearnedGaps
from syncline.encoder.pose_inputs import InputCache, Joined
from syncline.encoder.saving_and_hub import save_encoder
from syncline.errors import SynclineError
from syncline.files import write_json
from syncline.progress import silent
from syncline.training.accelerator import make_accelerator, make_encoder
from syncline.training.checkpoint import Parts, load_checkpoint, read_index, save_checkpoint
from syncline.training.consensus_teacher import ConsensusTeacher
from syncline.training.folder_choices import settled
from syncline.training.method_config import make_loss, method_config
from syncline.training.optimiser_step import Stepper, StepResult, make_optimizer
from syncline.training.process_group import agreed, any_of, peak_memory
from syncline.training.run_folder import CONFIG, METRICS, SUMMARY, Metrics, check_run, locked
from syncline.training.stop_signals import Stop, TrainingStopped, catching_stops
from syncline.training.time_and_disk import FEATURE_SHARE, Budget, Plan, Rehearsal, feature_plan, step_seconds
from syncline.training.train_config import TrainConfig, current_settings
from syncline.training.training_data import Decoding, Material, of_features, of_pixels, rate_of
from syncline.training.training_poses import FoundPoses, with_poses
from syncline.training.training_progress import TrainingCallback, TrainingProgress, passed_on
from syncline.views import Views

_REVISE = 25
"""Steps between looks at the time that has passed, where there is a budget."""
_NOT_IDENTITY = ("steps", "align_with_gaps", "workers", "store", "log_every", "checkpoint_seconds", "trackers")
"""What may change when a run is resumed."""


def fit(
    videos: VideoSet,
    config: TrainConfig | None = None,
    *,
    cache: FeatureCache | str | Path | None = None,
    out: str | Path | None = None,
    callback: TrainingCallback = silent,
    minutes: float | None = None,
    resume: bool = False,
) -> FrameEncoder:
    """Trains on exactly these videos.

    Args:
        videos: at least two. config: None for the default.
        cache: of features, or its folder; None for the user's. A ``FeatureCache`` lends its backbone too, if it is the
            one configured, and its ``augment``, if it has one of its own.
        out: folder of the run; None writes nothing (and cannot be resumed).
        callback: called with a `TrainingProgress` after every video and step.
        minutes: time for everything; steps, and if need be videos, are left out to keep it.
        resume: continue the run in ``out``.

    Returns:
        The encoder, in eval mode.

    Raises:
        SynclineError: too few videos, a run that exists (or does not, with ``resume``), a checkpoint of another model,
            a loss that is not finite.
        TrainingStopped: a ``KeyboardInterrupt``, after Ctrl-C or SIGTERM; what was learnt is saved.
    """
    config = method_config() if config is None else config
    budget = Budget(minutes)
    run = None if out is None else Path(out)
    if len(videos) < 2:
        raise SynclineError(f"{videos.name} has {len(videos)} video; training needs at least 2 of the same activity")
    accelerator = make_accelerator(config, run)
    writes = run is not None and accelerator.is_main_process
    with (
        locked(run) if writes and run is not None else nullcontext(),
        catching_stops() as stop,
        torch.random.fork_rng(),
    ):
        if writes and run is not None:
            check_run(run, resume=resume)
        left_open = settled(videos.videos, config, cache, processes=accelerator.num_processes)
        config, cache, poses = left_open.config, left_open.cache, None
        if config.encoder.features != "pictures":
            heard = callback if accelerator.is_main_process else silent
            with accelerator.main_process_first():  # what it finds is in the cache for the others
                config, poses = with_poses(videos.videos, config, cache, heard)
        # of a run that is resumed, only once its checkpoint is known to be of this configuration
        if writes and run is not None and not resume:
            write_json(run / CONFIG, config.as_dict())
        session = _Session(videos, config, cache, run, accelerator, budget, stop, callback, left_open.notes, poses)
        try:
            return session.train(resume=resume)
        finally:
            if isinstance(session.cache, InputCache):
                session.cache.close()


class _Session:
    """One call of ``fit``."""

    def __init__(
        self,
        videos: VideoSet,
        config: TrainConfig,
        cache: FeatureCache | str | Path | None,
        run: Path | None,
        accelerator: Any,
        budget: Budget,
        stop: Stop,
        callback: TrainingCallback,
        notes: tuple[str, ...],
        poses: FoundPoses | None,
    ) -> None:
        self.notes = notes
        self.videos, self.config, self.run, self.accelerator = videos, config, run, accelerator
        self.budget, self.stop, self.is_main_process = budget, stop, accelerator.is_main_process
        self.callback: TrainingCallback = callback if self.is_main_process else silent
        self.plans = callback is not silent or budget.seconds is not None
        self.encoder, self.cache = make_encoder(config, cache, poses)
        loss = make_loss(config, rate_hz=rate_of(videos.videos, config)).to(accelerator.device)
        model = accelerator.prepare_model(self.encoder)
        self.parts = Parts(self.encoder, loss, make_optimizer(config, self.encoder, loss))
        self.stepper = Stepper(config, self.parts, model, accelerator, Rehearsal(config.views, self.encoder))
        self.plan: Plan | None = None
        self.step, self.total, self.first = 0, config.steps, 0
        self.before = 0.0
        self.began = self.saved = time.monotonic()

    def train(self, *, resume: bool) -> FrameEncoder:
        """Runs the training from data to saved encoder."""
        self.material = self._material()
        self.identity = self._identity()
        if resume:
            self._resume()
            if self.run is not None and self.is_main_process:
                write_json(self.run / CONFIG, self.config.as_dict())
        if self.budget.seconds is not None:
            each = step_seconds(self.stepper, self.config)
            self.total = agreed(self.accelerator, self.budget.steps(self.step, self.total, each))
        self.stop.at_once = False
        self.began = self.saved = time.monotonic()
        writes = self.run is not None and self.is_main_process
        metrics = Metrics(self.run / METRICS, after=self.step) if writes and self.run is not None else None
        self.accelerator.init_trackers("syncline", config={"method": self.config.method, "seed": self.config.seed})
        try:
            while self.step < self.total:
                self._one_step(metrics)
        finally:
            if metrics is not None:
                metrics.close()
            self.material.close()
            self.accelerator.end_training()
        # Accelerate put autocast around the encoder's own ``forward``, which is not to outlive training
        self.accelerator.unwrap_model(self.stepper.model, keep_fp32_wrapper=False)
        self._save(finished=True)
        self.callback(TrainingProgress("done", self.step, self.total, plan=self.plan, encoder=self.encoder))
        return self.encoder.eval()

    @property
    def passed(self) -> float:
        """Seconds of training, those before a resumption too."""
        return self.before + time.monotonic() - self.began

    def _material(self) -> Material:
        """Prepares the training data, after the plan was reported."""
        if self.cache is None:
            material = of_pixels(
                self.videos.videos, self.config, self.encoder, accelerator=self.accelerator, callback=self.callback,
                before=self._tell_pixel_plan if self.plans else None,
            )  # fmt: skip
            self.stepper.views = material.views
            return material
        if self.plans:
            self._tell_plan(*feature_plan(self.videos.videos, self.cache, self.config.encoder.sampling))
        material = of_features(
            self.videos.videos, self.config, self.encoder, self.cache, accelerator=self.accelerator, budget=self.budget,
            callback=self.callback,
        )  # fmt: skip
        self.stepper.views = material.views
        if self.config.teacher == "consensus":
            self.stepper.teacher = self._consensus(material)
        return material

    def _consensus(self, material: Material) -> ConsensusTeacher:
        """The teacher that knows the whole folder; on every process the same."""
        assert self.cache is not None
        found = (self.cache.features(v, sampling=self.config.encoder.sampling).features[0] for v in material.videos)
        # where there are poses they say more than pictures
        features = [rows.second if isinstance(rows, Joined) else np.asarray(rows) for rows in found]
        return ConsensusTeacher(
            features,
            rate_hz=rate_of(material.videos, self.config),
            seed=self.config.seed,
            callback=passed_on(self.callback),
        )

    def _tell_pixel_plan(self, views: Views, decoding: Decoding) -> None:
        """The plan, from steps on views of a few videos."""
        self.stepper.views = views
        self._tell_plan(decoding.frames, decoding.missing, decoding.bytes, decoding.seconds, 0.0)

    def _tell_plan(self, frames: int, missing: int, size: int, decode: float, backbone: float) -> None:
        each = step_seconds(self.stepper, self.config)
        pixels = self.cache is None
        memory = (peak_memory(self.accelerator.device) if pixels else None) or 0
        reading = missing * (decode + backbone)
        steps = self.total
        if self.budget.seconds is not None:
            fitting = (self.budget.seconds - min(reading, FEATURE_SHARE * self.budget.seconds)) / each
            steps = max(1, min(steps, int(0.95 * fitting)))
        self.plan = Plan(
            len(self.videos), frames, missing, size, decode, backbone, reading, each, steps, memory, pixels
        )
        said = "\n".join([str(self.plan), *self.notes])
        self.callback(TrainingProgress("plan", 0, steps, said, plan=self.plan, encoder=self.encoder))

    def _identity(self) -> dict[str, Any]:
        """The settings that a checkpoint must share with the run that continues it."""
        settings = {key: value for key, value in self.config.as_dict().items() if key not in _NOT_IDENTITY}
        hashed = self.encoder.backbone.weights_hash() if self.config.encoder.trainable == "frozen" else ""
        return {**settings, "backbone_weights": hashed, "videos": self.material.names}

    def _resume(self) -> None:
        index = read_index(self.run) if self.run is not None else None
        if index is None or self.run is None:
            return  # ended before its first checkpoint: it starts again
        load_checkpoint(self.run, self.parts, identity=self.identity, current=_current_identity)
        self.step = self.first = int(index["step"])
        self.before = float(index["seconds"])
        # other steps than those it was started with, or a budget of its own: somebody asked for them
        same = index["planned"] == self.config.steps and self.budget.seconds is None
        self.total = int(index["steps"]) if same else self.config.steps

    def _one_step(self, metrics: Metrics | None) -> None:
        logged = self.step == 0 or (self.step + 1) % self.config.log_every == 0 or self.step + 1 == self.total
        result = self.stepper(self.step, self.total, tell=logged)
        self.step += 1
        if not math.isfinite(result.loss):
            raise SynclineError(
                f"the loss is not finite at step {self.step}: try a smaller lr, or another preset of the loss"
            )
        self._report(result, metrics if logged else None)
        if any_of(self.accelerator, self.stop.signal is not None):
            self._save(finished=False)
            number = self.stop.signal or signal.SIGTERM
            raise TrainingStopped(number, self.step, "" if self.run is None else str(self.run))
        pause = time.monotonic() - self.saved
        if self.run is not None and self.step < self.total and pause >= self.config.checkpoint_seconds:
            self._save_checkpoint()
            self.callback(TrainingProgress("saved", self.step, self.total))
        if self.budget.seconds is not None and self.step % _REVISE == 0 and self.step < self.total:
            each = (time.monotonic() - self.began) / (self.step - self.first)
            self.total = agreed(self.accelerator, self.budget.steps(self.step, self.total, each))

    def _report(self, result: StepResult, metrics: Metrics | None) -> None:
        """Reports a step to the callback, and to file and trackers if a line is due."""
        rate = (self.step - self.first) / max(time.monotonic() - self.began, 1e-9)
        if metrics is not None:
            metrics.write(
                {
                    "step": self.step, "steps": self.total, "loss": result.loss, "terms": result.terms, "lr": result.lr,
                    "gradient": result.gradient, "seconds": round(self.passed, 3),
                }
            )  # fmt: skip
            self.accelerator.log({"loss": result.loss, **result.terms, "lr": result.lr}, step=self.step)
        self.callback(
            TrainingProgress(
                "training", self.step, self.total, loss=result.loss, terms=result.terms, lr=result.lr, rate=rate,
                seconds_left=(self.total - self.step) / rate, encoder=self.encoder,
            )
        )  # fmt: skip

    def _save_checkpoint(self) -> None:
        if self.run is not None and self.is_main_process:
            save_checkpoint(
                self.run, self.parts, step=self.step, steps=self.total, planned=self.config.steps,
                seconds=round(self.passed, 3), identity=self.identity,
            )  # fmt: skip
        self.saved = time.monotonic()

    def _save(self, *, finished: bool) -> None:
        """Checkpoint, encoder, and what the run was."""
        self._save_checkpoint()
        prices = self.parts.loss.learned_gaps()
        self.encoder.learned_gaps = None if prices is None else LearnedGaps(*prices, used=self.config.align_with_gaps)
        if self.run is None or not self.is_main_process:
            return
        mode = self.encoder.training
        save_encoder(self.encoder.eval(), self.run)
        self.encoder.train(mode)
        summary = {
            "finished": finished,
            "source": _source(self.videos),
            "step": self.step,
            "steps": self.total,
            "seconds": round(self.passed, 3),
            "videos": [video.name for video in self.material.videos],
            "content": self.material.content,
            "notes": list(self.notes),
            "passed_over": self.material.unread,
            "plan": None if self.plan is None else dataclasses.asdict(self.plan),
            "shares": {part: round(share, 4) for part, share in self.stepper.watch.shares().items()},
            "processes": self.accelerator.num_processes,
            "device": str(self.accelerator.device),
            "versions": {name: version(name) for name in ("syncline", "torch")},
        }
        write_json(self.run / SUMMARY, summary)


def _current_identity(saved: dict[str, Any]) -> dict[str, Any]:
    """The identity that a checkpoint of an earlier version has, as it would be written today."""
    beside = {key: saved[key] for key in ("backbone_weights", "videos") if key in saved}
    settings = current_settings({key: value for key, value in saved.items() if key not in beside})
    return {key: value for key, value in settings.items() if key not in _NOT_IDENTITY} | beside


def _source(videos: VideoSet) -> list[str] | None:
    """The files of the videos, from which the set can be opened again; None where it is made of parts of files."""
    if any(video.video_id != str(video.path) for video in videos):
        return None
    return [str(video.path.absolute()) for video in videos]
