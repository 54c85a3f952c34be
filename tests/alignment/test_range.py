"""How large numbers and how long sequences may be: the table of docs/alignment.md is `RANGE`, and this holds it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from syncline.alignment import expected_alignment, expected_path, soft_dtw, soft_smith_waterman

RANGE = (
    # operators, dtype, largest |number| / gamma, frames, error of the value (relative), of probabilities
    ("soft_smith_waterman, expected_alignment", "float32", 1e2, 60, 5e-7, 2e-6),
    ("soft_smith_waterman, expected_alignment", "float32", 1e2, 300, 5e-7, 5e-6),
    ("soft_smith_waterman, expected_alignment", "float32", 1e5, 300, 5e-7, 1e-5),
    ("soft_smith_waterman, expected_alignment", "float32", 1e9, 60, 5e-7, 1e-5),
    ("soft_smith_waterman, expected_alignment", "float64", 1e2, 300, 1e-13, 5e-11),
    ("soft_smith_waterman, expected_alignment", "float64", 1e9, 60, 1e-13, 1e-5),
    ("soft_dtw, expected_path", "float32", 1e2, 300, 5e-7, 5e-7),
    ("soft_dtw, expected_path", "float32", 1e9, 60, 5e-7, 5e-7),
    ("soft_dtw, expected_path", "float64", 1e2, 300, 1e-13, 1e-11),
    ("soft_dtw, expected_path", "float64", 1e9, 60, 1e-13, 1e-11),
)


def similarity(frames: int, largest: float, gamma: float, seed: int) -> Tensor:
    """(2, frames, frames + 7) noise in [-1, 1] times ``largest`` gamma: about a common course; in steps, with ties."""
    noise = 2 * torch.rand(2, frames, frames + 7, generator=torch.Generator().manual_seed(seed)) - 1
    course = torch.linspace(0, frames + 6, frames).round().long()
    noise[0, torch.arange(frames), course] = 0.9 + 0.1 * noise[0, torch.arange(frames), course]
    noise[1] = (4 * noise[1]).round() / 4
    return noise.double() * largest * gamma


def both(operators: str, s: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """The value (b,) and the probabilities (b, n, m) of the row's two operators, in float64."""
    if operators.startswith("soft_dtw"):
        return soft_dtw(-s, gamma=gamma).double(), expected_path(-s, gamma=gamma).double()
    prices = {"gap_open": 5 * gamma, "gap_extend": gamma, "gamma": gamma}
    return soft_smith_waterman(s, **prices).double(), expected_alignment(s, **prices).double()


@pytest.mark.parametrize(("operators", "dtype", "largest", "frames", "value", "probability"), RANGE)
def test_errors_stay_below_those_of_the_page(
    operators: str, dtype: str, largest: float, frames: int, value: float, probability: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for gamma in (0.1, 2.0):
        s = similarity(frames, largest, gamma, seed=int(gamma)).to(getattr(torch, dtype))
        score, match = both(operators, s, gamma)
        with monkeypatch.context() as patch:
            patch.setenv("SYNCLINE_ALIGNMENT", "torch")
            want_score, want_match = both(operators, s.double(), gamma)
        assert ((score - want_score).abs() <= value * want_score.abs().clamp(min=gamma)).all()
        assert float((match - want_match).abs().max()) <= probability
