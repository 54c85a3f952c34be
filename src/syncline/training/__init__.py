"""A configuration, videos and a loss -> a run: loop, checkpoints, metrics. Does not know evaluation."""

import warnings
from typing import Any

from syncline.training.folder_choices import settled
from syncline.training.loop import fit
from syncline.training.method_config import make_loss, method_config, own_encoder
from syncline.training.methods import METHODS, Method
from syncline.training.run_folder import Case, case_of, read_config, trained_on
from syncline.training.stop_signals import TrainingStopped
from syncline.training.train_config import TrainConfig, as_yaml, config_from, merged
from syncline.training.train_source import plan_of, train, training_videos
from syncline.training.training_progress import TrainingProgress

__all__ = [
    "METHODS",
    "Case",
    "Method",
    "TrainConfig",
    "TrainingProgress",
    "TrainingStopped",
    "as_yaml",
    "case_of",
    "config_from",
    "fit",
    "make_loss",
    "merged",
    "method_config",
    "own_encoder",
    "plan_of",
    "read_config",
    "train",
    "settled",
    "trained_on",
    "training_videos",
]


def __getattr__(name: str) -> Any:
    if name == "Progress":  # as version 0.1.0 had it
        warnings.warn("syncline.training.Progress is TrainingProgress now", DeprecationWarning, stacklevel=2)
        return TrainingProgress
    raise AttributeError(f"module 'syncline.training' has no attribute {name!r}")
