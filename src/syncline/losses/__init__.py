"""Embedded views -> one number. One method, one file; `lac_switches` lists the switches of LAC.

Every loss is called as ``loss(x, y, steps_x=, steps_y=, frames_x=, frames_y=, mask_x=, mask_y=, video_x=, video_y=)``
(see `pair.checked_pair`); ``loss.terms`` takes the same and gives the unweighted parts
(but for TCN's regularization, see there).
"""

from syncline.losses.gta import GTALoss
from syncline.losses.lac import LACLoss
from syncline.losses.lav import LAVLoss
from syncline.losses.lrprop import LRPropLoss
from syncline.losses.scl import SCLLoss
from syncline.losses.tcc import TCCLoss
from syncline.losses.tcn import TCNLoss

__all__ = ["GTALoss", "LACLoss", "LAVLoss", "LRPropLoss", "SCLLoss", "TCCLoss", "TCNLoss"]
