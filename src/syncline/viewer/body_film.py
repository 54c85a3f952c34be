"""Writes a film of a body alone, on black: to share a movement without pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from syncline.pose import Keypoints
from syncline.pose.normalise import LONGEST_GAP
from syncline.video import VideoWriter

COLOUR, BACK = "#ffb020", "#101010"


def write_body_film(clip: Keypoints, pts_seconds: NDArray[np.float64], path: Path, *, height: int = 360) -> None:
    """Writes an mp4 with one frame at each of the given times: bones and joints as they lie in the picture.

    Args:
        clip: the body. pts_seconds: (t,) when the video's own frames are shown.
        height: pixels; the width follows the video's picture.
    """
    wide, high = clip.picture_size or (4, 3)
    width = max(2, round(height * wide / high / 2) * 2)
    there = clip.at(pts_seconds, LONGEST_GAP)
    points = there.positions[:, :, :2] * [width / wide, height / high]
    shown = {*clip.skeleton.indices_of(clip.skeleton.used), *(end for bone in clip.skeleton.bones for end in bone)}
    span = float(pts_seconds[-1] - pts_seconds[0])
    rate = (len(pts_seconds) - 1) / span if span > 0 else 30.0
    thick = max(2, height // 120)
    with VideoWriter(path, height=height, width=width, rate=rate) as writer:
        for joints, seconds in zip(points, pts_seconds, strict=True):
            picture = Image.new("RGB", (width, height), BACK)
            pen = ImageDraw.Draw(picture)
            known = np.isfinite(joints[:, 0])
            for a, b in clip.skeleton.bones:
                if known[a] and known[b]:
                    pen.line([*map(float, joints[a]), *map(float, joints[b])], fill=COLOUR, width=thick)
            for joint in shown:
                if known[joint]:
                    x, y = map(float, joints[joint])
                    pen.ellipse([x - thick, y - thick, x + thick, y + thick], fill=COLOUR)
            writer.write(np.asarray(picture), float(seconds))
