"""What can stand for a frame without training. Imports nothing heavy: the command line reads the names from here."""

from __future__ import annotations

from typing import Literal, get_args

Kind = Literal["pictures", "pose", "pictures+pose", "keypoints", "auto"]
KINDS: tuple[Kind, ...] = get_args(Kind)
