"""The names of `--features`: what represents a frame without training. Imports nothing heavy, for the command line."""

from __future__ import annotations

from typing import Literal, get_args

Kind = Literal["pictures", "pose", "pictures+pose", "keypoints", "auto"]
KINDS: tuple[Kind, ...] = get_args(Kind)
