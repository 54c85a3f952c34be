"""`Pair`: what every loss is given, b pairs of embedded views with steps, lengths and masks; checks it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Num
from torch import Tensor

from syncline.alignment import unit_rows


@dataclass(frozen=True)
class Pair:
    """b pairs of sequences, checked.

    Attributes:
        x, y: (b, n, d), (b, m, d). steps_x, steps_y: (b, n), (b, m) positions in each video's sampled sequence, float.
        frames_x, frames_y: (b,) lengths of the videos, float. mask_x, mask_y: (b, n), (b, m) bool, prefixes.
        video_x, video_y: (b,) int64 which video each is of.
    """

    x: Float[Tensor, "b n d"]
    y: Float[Tensor, "b m d"]
    steps_x: Float[Tensor, "b n"]
    steps_y: Float[Tensor, "b m"]
    frames_x: Float[Tensor, " b"]
    frames_y: Float[Tensor, " b"]
    mask_x: Bool[Tensor, "b n"]
    mask_y: Bool[Tensor, "b m"]
    video_x: Tensor
    video_y: Tensor

    @property
    def lengths_x(self) -> Tensor:
        """(b,) valid frames of x."""
        return self.mask_x.sum(dim=1)

    @property
    def lengths_y(self) -> Tensor:
        """(b,) valid frames of y."""
        return self.mask_y.sum(dim=1)

    @property
    def valid(self) -> Bool[Tensor, "b n m"]:
        """Cells whose two frames are both real."""
        return self.mask_x[:, :, None] & self.mask_y[:, None, :]

    def swapped(self) -> Pair:
        """The pairs with x and y exchanged."""
        return Pair(
            self.y, self.x, self.steps_y, self.steps_x, self.frames_y, self.frames_x, self.mask_y, self.mask_x,
            self.video_y, self.video_x,
        )  # fmt: skip

    def only(self, keep: Bool[Tensor, " b"]) -> Pair:
        """The same pairs, of which those that are not kept have no valid frame."""
        return replace(self, mask_x=self.mask_x & keep[:, None], mask_y=self.mask_y & keep[:, None])

    def order_across(self) -> Tensor:
        """(b,) which y to pair with each x so that they are of different videos: the next one's where a y is of its
        x's own video. A batch of a single video has no other, and keeps its own.
        """
        order = torch.arange(len(self.x), device=self.x.device)
        return order.roll(-1) if bool((self.video_x == self.video_y).any()) else order

    def of_different_videos(self) -> Pair:
        """The same views paired across videos, see `order_across`. A video that is
        still paired with itself, because the batch shows it twice, is left out.
        """
        across = self.with_y(self.order_across())
        different = across.video_x != across.video_y
        return across.only(different) if bool(different.any()) else across

    def with_y(self, order: Tensor) -> Pair:
        """Every x with the y that ``order`` (b,) names."""
        return replace(
            self, y=self.y[order], steps_y=self.steps_y[order], frames_y=self.frames_y[order],
            mask_y=self.mask_y[order], video_y=self.video_y[order],
        )  # fmt: skip

    def then(self, other: Pair) -> Pair:
        """The x of this with the y of the other."""
        return replace(
            self, y=other.y, steps_y=other.steps_y, frames_y=other.frames_y, mask_y=other.mask_y, video_y=other.video_y
        )

    def pooled(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """All 2b sequences: embeddings (2b, t, d), steps (2b, t), frames (2b,), masks (2b, t).

        Raises:
            ValueError: x and y have different numbers of slots.
        """
        if self.x.shape[1] != self.y.shape[1]:
            raise ValueError(
                f"this loss pools both views: they need equally many slots, got {self.x.shape[1]} and {self.y.shape[1]}"
            )
        return (
            torch.cat([self.x, self.y]), torch.cat([self.steps_x, self.steps_y]),
            torch.cat([self.frames_x, self.frames_y]), torch.cat([self.mask_x, self.mask_y]),
        )  # fmt: skip


def checked_pair(
    x: Tensor,
    y: Tensor,
    *,
    steps_x: Num[Tensor, "b n"],
    steps_y: Num[Tensor, "b m"],
    frames_x: Num[Tensor, " b"],
    frames_y: Num[Tensor, " b"],
    mask_x: Tensor | None = None,
    mask_y: Tensor | None = None,
    video_x: Tensor | None = None,
    video_y: Tensor | None = None,
    unit: bool = False,
) -> Pair:
    """A `Pair` of what a loss was called with.

    Half precision becomes float32. Rows that are masked become 0, so that nothing in them reaches a loss or a gradient.

    Args:
        x, y: (b, n, d), (b, m, d), floating. steps_x, steps_y: (b, n), (b, m) positions in each video's sampled
            sequence.
        frames_x, frames_y: (b,) lengths of those sequences. mask_x, mask_y: true where a slot holds a real frame,
            prefixes of ones; None: all. video_x, video_y: (b,) ids, both or neither; None: x[i] and y[i] are views
            of one video.
        unit: rows brought to length 1.

    Raises:
        ValueError: shapes that do not fit, or a mask that is no prefix of ones.
    """
    if x.ndim != 3 or y.ndim != 3 or len(x) != len(y) or x.shape[-1] != y.shape[-1]:
        raise ValueError(f"x and y must be (b, n, d) and (b, m, d), got {tuple(x.shape)} and {tuple(y.shape)}")
    if not len(x) or not x.shape[1] or not y.shape[1]:
        raise ValueError(f"a loss needs at least one pair of one frame, got {tuple(x.shape)} and {tuple(y.shape)}")
    parts = []
    for name, z, steps, frames, mask in (
        ("x", x, steps_x, frames_x, mask_x),
        ("y", y, steps_y, frames_y, mask_y),
    ):
        if tuple(steps.shape) != tuple(z.shape[:2]) or tuple(frames.shape) != (len(z),):
            raise ValueError(
                f"steps_{name} and frames_{name} must be {tuple(z.shape[:2])} and {(len(z),)}, "
                f"got {tuple(steps.shape)} and {tuple(frames.shape)}"
            )
        if mask is None:
            mask = torch.ones(z.shape[:2], dtype=torch.bool, device=z.device)
        mask = mask.to(torch.bool)
        if tuple(mask.shape) != tuple(z.shape[:2]):
            raise ValueError(f"mask_{name} must be {tuple(z.shape[:2])}, got {tuple(mask.shape)}")
        if bool((mask[:, 1:] & ~mask[:, :-1]).any()):
            raise ValueError(f"mask_{name} must be a prefix of ones in every row: ones, then zeros")
        z = z.float() if z.dtype in (torch.float16, torch.bfloat16) else z
        z = z.masked_fill(~mask[:, :, None], 0.0)
        parts.append((unit_rows(z) if unit else z, steps.to(z.dtype), frames.to(z.dtype).clamp(min=1), mask))
    ids = torch.arange(len(x), device=x.device)
    video_x, video_y = (ids, ids) if video_x is None and video_y is None else (video_x, video_y)
    if video_x is None or video_y is None or not video_x.shape == video_y.shape == ids.shape:
        shapes = ", ".join("None" if video is None else str(tuple(video.shape)) for video in (video_x, video_y))
        raise ValueError(f"video_x and video_y must both be {tuple(ids.shape)}, or neither be given; got {shapes}")
    (x, sx, fx, mx), (y, sy, fy, my) = parts
    return Pair(x, y, sx, sy, fx, fy, mx, my, video_x, video_y)
