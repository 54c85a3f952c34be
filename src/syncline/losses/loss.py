"""The `Loss` protocol and `PairLoss`: how every loss is called, and what training asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from jaxtyping import Bool, Float, Int, Num
from torch import Tensor, nn

from syncline.losses.view_pair import Pair, checked_pair


class GapPrices(NamedTuple):
    """Gap prices of an alignment that a loss learned, in units of ``unit`` of cosine."""

    gap_open: float
    gap_extend: float
    unit: float


class Loss(Protocol):
    """What the training loop needs from a loss, beside calling it.

    Attributes:
        gap_lr: learning rate of the loss's own parameters; None: the encoder's.
        use_masks: whether padded slots are left out. Where they are not, the encoder must not mask them either.
    """

    gap_lr: float | None
    use_masks: bool

    def at(self, progress: float) -> None:
        """Called before every step with the progress of training, in [0, 1)."""

    def learned_gaps(self) -> GapPrices | None:
        """Gap prices that are worth keeping with the encoder; None where none were learned."""

    def __call__(
        self,
        x: Float[Tensor, "b n d"],
        y: Float[Tensor, "b m d"],
        *,
        steps_x: Num[Tensor, "b n"],
        steps_y: Num[Tensor, "b m"],
        frames_x: Num[Tensor, " b"],
        frames_y: Num[Tensor, " b"],
        mask_x: Bool[Tensor, "b n"] | None = None,
        mask_y: Bool[Tensor, "b m"] | None = None,
        video_x: Int[Tensor, " b"] | None = None,
        video_y: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, ""]: ...

    def terms(
        self,
        x: Float[Tensor, "b n d"],
        y: Float[Tensor, "b m d"],
        *,
        steps_x: Num[Tensor, "b n"],
        steps_y: Num[Tensor, "b m"],
        frames_x: Num[Tensor, " b"],
        frames_y: Num[Tensor, " b"],
        mask_x: Bool[Tensor, "b n"] | None = None,
        mask_y: Bool[Tensor, "b m"] | None = None,
        video_x: Int[Tensor, " b"] | None = None,
        video_y: Int[Tensor, " b"] | None = None,
    ) -> dict[str, Float[Tensor, ""]]:
        """Called as the loss itself is (`PairLoss.terms`): its unweighted terms by name."""

    def parameters(self) -> Iterator[nn.Parameter]: ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any: ...


class PairLoss(nn.Module, ABC):
    """A loss of b pairs of embedded views. A method writes ``parts``, and ``total`` where it has several terms.

    Attributes:
        unit: rows are brought to length 1 first. gap_lr, use_masks: see `Loss`.
    """

    unit: bool = True
    use_masks: bool = True
    gap_lr: float | None = None

    def at(self, progress: float) -> None:
        """Called before every step with the progress of training in [0, 1). Most losses ignore it."""

    def learned_gaps(self) -> GapPrices | None:
        """Gap prices that are worth keeping with the encoder. Most losses learn none."""
        return None

    def forward(
        self,
        x: Float[Tensor, "b n d"],
        y: Float[Tensor, "b m d"],
        *,
        steps_x: Num[Tensor, "b n"],
        steps_y: Num[Tensor, "b m"],
        frames_x: Num[Tensor, " b"],
        frames_y: Num[Tensor, " b"],
        mask_x: Bool[Tensor, "b n"] | None = None,
        mask_y: Bool[Tensor, "b m"] | None = None,
        video_x: Int[Tensor, " b"] | None = None,
        video_y: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, ""]:
        """The loss, a scalar: the weighted sum of its ``terms``, which takes the same arguments."""
        return self.total(
            self.terms(
                x, y, steps_x=steps_x, steps_y=steps_y, frames_x=frames_x, frames_y=frames_y, mask_x=mask_x,
                mask_y=mask_y, video_x=video_x, video_y=video_y,
            )
        )  # fmt: skip

    def terms(
        self,
        x: Float[Tensor, "b n d"],
        y: Float[Tensor, "b m d"],
        *,
        steps_x: Num[Tensor, "b n"],
        steps_y: Num[Tensor, "b m"],
        frames_x: Num[Tensor, " b"],
        frames_y: Num[Tensor, " b"],
        mask_x: Bool[Tensor, "b n"] | None = None,
        mask_y: Bool[Tensor, "b m"] | None = None,
        video_x: Int[Tensor, " b"] | None = None,
        video_y: Int[Tensor, " b"] | None = None,
    ) -> dict[str, Float[Tensor, ""]]:
        """The unweighted terms by name.

        Args:
            x, y: (b, n, d), (b, m, d) embeddings of two views. steps_x, steps_y: where each frame is in the sampled
                sequence of its video. frames_x, frames_y: (b,) lengths of those sequences.
            mask_x, mask_y: true where a slot holds a real frame, ones first; None: everywhere.
            video_x, video_y: (b,) which video each view is of; None: x[i] and y[i] are views of one video.

        Raises:
            ValueError: shapes that do not fit, or a mask that is no prefix of ones.
        """
        return self.parts(
            checked_pair(
                x, y, steps_x=steps_x, steps_y=steps_y, frames_x=frames_x, frames_y=frames_y, mask_x=mask_x,
                mask_y=mask_y, video_x=video_x, video_y=video_y, unit=self.unit,
            )
        )  # fmt: skip

    @abstractmethod
    def parts(self, pair: Pair) -> dict[str, Tensor]:
        """The unweighted terms of checked pairs."""

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The weighted sum of the terms; every weight is 1 unless a method says otherwise."""
        first, *others = terms.values()
        return sum(others, first)
