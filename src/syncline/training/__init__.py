"""A configuration, videos and a loss -> a run: loop, checkpoints, metrics. Does not know evaluation."""

from syncline.training.config import TrainConfig, as_yaml, config_from, merged
from syncline.training.loop import fit
from syncline.training.methods import METHODS, Method
from syncline.training.progress import Progress
from syncline.training.recipes import make_loss, method_config, own_encoder
from syncline.training.run_folder import Case, case_of, read_config, trained_on
from syncline.training.settle import settled
from syncline.training.stopping import TrainingStopped
from syncline.training.train_source import plan_of, train, training_videos

__all__ = [
    "METHODS",
    "Case",
    "Method",
    "Progress",
    "TrainConfig",
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
