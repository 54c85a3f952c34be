"""A configuration, videos and a loss -> a run: loop, checkpoints, metrics. Does not know evaluation."""

from syncline.training.config import TrainConfig, as_yaml, config_from, merged
from syncline.training.loop import fit
from syncline.training.methods import METHODS, make_loss, method_config
from syncline.training.progress import Progress
from syncline.training.run_folder import read_config
from syncline.training.stopping import TrainingStopped
from syncline.training.train_source import train, training_videos

__all__ = [
    "METHODS",
    "Progress",
    "TrainConfig",
    "TrainingStopped",
    "as_yaml",
    "config_from",
    "fit",
    "make_loss",
    "merged",
    "method_config",
    "read_config",
    "train",
    "training_videos",
]
