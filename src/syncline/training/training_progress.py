"""`TrainingProgress`: a `syncline.progress.Progress` with what only training has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from syncline.encoder import FrameEncoder
from syncline.progress import Callback, Progress
from syncline.training.time_and_disk import Plan


@dataclass(frozen=True)
class TrainingProgress(Progress):
    """How far training is.

    Attributes:
        phase: ``plan`` (once, before anything long begins), ``features`` (a video was read), ``pictures`` (one was
            decoded into the store), ``finding poses`` or ``reading keypoints`` (its body is known), ``consensus`` (one
            was aligned with the others), ``training`` (a step was done), ``saved`` (a checkpoint was), ``done``; and
            `syncline.progress.NOTICE`.
        done, total: videos or steps.
        message: what a person should know; often "".
        plan: with ``plan``, ``done`` only. loss, terms, lr: of the step; terms only where it was logged.
        rate: steps (videos) a second. seconds_left: of this phase; None where that is not known.
        encoder: as it is now; a callback may evaluate it, in eval mode or not. None before there is one.
    """

    plan: Plan | None = None
    loss: float | None = None
    terms: Mapping[str, float] = field(default_factory=dict)
    lr: float | None = None
    encoder: FrameEncoder | None = None


TrainingCallback = Callable[[TrainingProgress], None]


def passed_on(callback: TrainingCallback) -> Callback:
    """The callback for what training lets others do: all that it is told is passed on to ``callback``."""
    return lambda told: callback(TrainingProgress(**vars(told)))
