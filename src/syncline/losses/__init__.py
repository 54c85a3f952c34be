"""Embedded views -> one number. One method, one file.

Every loss is called as ``loss(x, y, steps_x=, steps_y=, frames_x=, frames_y=, mask_x=, mask_y=, video_x=, video_y=)``
(see `PairLoss`); ``loss.terms`` takes the same and gives the unweighted terms by name.
"""

from syncline.losses.gta import GTALoss
from syncline.losses.lac import LAC
from syncline.losses.lac_presets import AUTO_PRESET, DEFAULT_PRESET, ONE_SCENE_PRESET, LACLoss
from syncline.losses.lav import LAVLoss
from syncline.losses.loss import Loss, PairLoss
from syncline.losses.lrprop import LRPropLoss
from syncline.losses.scl import SCLLoss
from syncline.losses.tcc import TCCLoss
from syncline.losses.tcn import TCNLoss

__all__ = [
    "AUTO_PRESET",
    "DEFAULT_PRESET",
    "ONE_SCENE_PRESET",
    "GTALoss",
    "LAC",
    "LACLoss",
    "LAVLoss",
    "LRPropLoss",
    "Loss",
    "PairLoss",
    "SCLLoss",
    "TCCLoss",
    "TCNLoss",
]
