"""Shows training on a terminal: its plan, and bars with rate and loss."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from syncline.cli.terminal import Bars

if TYPE_CHECKING:
    from syncline.progress import Progress

_NAMES = {"features": "reading videos", "pictures": "decoding videos", "consensus": "aligning videos"}
"""Of phases that people would not understand."""


class TrainingBars(Bars):
    """`Bars` that print the plan and show how fast training is and what the loss is."""

    def __call__(self, progress: Progress) -> None:
        """Shows how far training is."""
        if progress.phase == "plan":
            print(progress.message, file=sys.stderr)
        elif progress.phase == "training":
            from syncline.training import TrainingProgress

            loss, rate = progress.loss if isinstance(progress, TrainingProgress) else None, progress.rate
            words = ["" if rate is None else f"{rate:.2f} steps/s", "" if loss is None else f"loss {loss:.4f}"]
            self.draw(progress, "training", ", ".join(word for word in words if word))
        elif progress.phase in _NAMES:
            self.draw(progress, _NAMES[progress.phase], progress.message)
        elif progress.phase not in ("saved", "done"):
            super().__call__(progress)
