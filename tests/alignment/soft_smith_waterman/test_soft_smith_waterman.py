"""The public soft Smith-Waterman: the specification's vectors, every gap shape, lengths, derivatives, errors."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from syncline.alignment import expected_alignment, soft_smith_waterman

SW1 = torch.tensor([[[2.0, 0.5, 0.1], [0.4, 1.5, 0.3]]], dtype=torch.float64)


def frames(offset: float, speed: float, channel: float) -> Tensor:
    t = torch.arange(4, dtype=torch.float64)[:, None]
    c = torch.arange(3, dtype=torch.float64)[None, :]
    return torch.nn.functional.normalize(torch.sin(offset + speed * t + channel * c), dim=-1)


Z1, Z2 = frames(0.5, 0.9, 1.3), frames(0.75, 0.8, 1.3)


def test_vector_sw1() -> None:
    similarity = SW1.clone().requires_grad_()
    gap_open = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    gap_extend = torch.full((2, 3), 0.5, dtype=torch.float64, requires_grad=True)
    score, matrix = soft_smith_waterman(
        similarity, gap_open=gap_open, gap_extend=gap_extend, gamma=0.8, return_matrix=True
    )
    assert score.item() == pytest.approx(3.775120180, abs=1e-9)
    expected = torch.tensor([[2, 0.5, 0.1], [0.4, 3.563112, 1.779845]], dtype=torch.float64)
    torch.testing.assert_close(matrix[0], expected, atol=1e-6, rtol=0)
    ds, dgo, dge = torch.autograd.grad(score.sum(), (similarity, gap_open, gap_extend))
    truth = torch.tensor([[0.863053, 0.040935, 0.010113], [0.014715, 0.767198, 0.082571]], dtype=torch.float64)
    torch.testing.assert_close(ds[0], truth, atol=1e-6, rtol=0)
    assert dgo[0, 1].item() == pytest.approx(-0.045325, abs=1e-6)
    assert dgo.abs().sum().item() == pytest.approx(0.045325, abs=1e-6)
    assert dge.abs().max().item() == pytest.approx(0, abs=1e-12)
    assert soft_smith_waterman(SW1, gamma=1e-3).item() == pytest.approx(3.5, abs=1e-6)


@pytest.mark.parametrize(("size", "value"), [(8, 3.091), (64, 25.236)])
def test_entropy_of_an_all_zero_matrix(size: int, value: float) -> None:
    zeros = torch.zeros(1, size, size, dtype=torch.float64)
    _, matrix = soft_smith_waterman(zeros, gap_open=1.0, gap_extend=1.0, gamma=0.8, return_matrix=True)
    assert matrix[0, -1, -1].item() == pytest.approx(value, abs=6e-4)


def test_vectors_of_the_specification() -> None:
    distance = torch.cdist(Z1, Z2)
    inverse = (1 / (1 + distance))[None]
    options = {"gap_open": 1.0, "gap_extend": 1.0, "gamma": 0.8}
    assert soft_smith_waterman(inverse, **options).item() == pytest.approx(4.599446555, abs=1e-8)
    assert soft_smith_waterman(1 / distance[None] ** 2, **options).item() == pytest.approx(886.745578593, rel=1e-9)
    posterior = expected_alignment(inverse, **options)[0]
    assert posterior.sum().item() == pytest.approx(2.8176, abs=6e-5)
    truth = torch.tensor([0.4798, 0.0825, 0.0184, 0.0049], dtype=torch.float64)
    torch.testing.assert_close(posterior[0], truth, atol=6e-5, rtol=0)


def test_vectors_of_the_corrected_preset() -> None:
    cosine = Z1 @ Z2.T
    similarity = ((cosine - cosine.mean()) / 0.1)[None]
    assert soft_smith_waterman(similarity, gamma=0.8).item() == pytest.approx(22.715642577, abs=1e-7)
    truth = torch.tensor([0.998759, 0.999888, 0.999924, 0.999280], dtype=torch.float64)
    torch.testing.assert_close(expected_alignment(similarity, gamma=0.8)[0].diagonal(), truth, atol=1e-6, rtol=0)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


SHAPES: list[tuple[int, ...]] = [
    (),
    (2,),
    (3, 4),
    (3, 1),
    (1, 4),
    (2, 3, 4),
    (2, 1, 1),
    (2, 3, 1),
    (2, 1, 4),
    (1, 3, 4),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_gap_shape_means_its_full_matrix(shape: tuple[int, ...]) -> None:
    similarity = random(2, 3, 4)
    gap = random(*shape, seed=1).abs() if shape else torch.tensor(0.7, dtype=torch.float64)
    full = gap.reshape(-1, 1, 1) if len(shape) == 1 else gap
    full = full.expand(2, 3, 4)
    got = soft_smith_waterman(similarity, gap_open=gap, gap_extend=gap / 2)
    want = soft_smith_waterman(similarity, gap_open=full, gap_extend=full / 2)
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(), (2,), (3, 1), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("lengths", [None, ([3, 2], [2, 4])], ids=["full", "ragged"])
def test_gradcheck(shape: tuple[int, ...], lengths: tuple[list[int], list[int]] | None) -> None:
    similarity = random(2, 3, 4).requires_grad_()
    gap_open = (torch.ones(shape, dtype=torch.float64) + 0.3 * random(*shape, seed=1).abs()).requires_grad_()
    gap_extend = (0.5 + 0.2 * random(*shape, seed=2).abs()).requires_grad_()
    lengths_x, lengths_y = lengths or (None, None)

    def score_and_matrix(s: Tensor, go: Tensor, ge: Tensor) -> tuple[Tensor, Tensor]:
        score, matrix = soft_smith_waterman(
            s, gap_open=go, gap_extend=ge, gamma=0.7, lengths_x=lengths_x, lengths_y=lengths_y, return_matrix=True
        )
        return score, matrix[matrix.isfinite()]

    def posterior(s: Tensor, go: Tensor, ge: Tensor) -> Tensor:
        return expected_alignment(s, gap_open=go, gap_extend=ge, gamma=0.7, lengths_x=lengths_x, lengths_y=lengths_y)

    assert torch.autograd.gradcheck(score_and_matrix, (similarity, gap_open, gap_extend))
    assert torch.autograd.gradcheck(posterior, (similarity, gap_open, gap_extend))


def test_lengths_cut_exactly() -> None:
    similarity = random(3, 6, 5)
    similarity[:, 4:] = torch.nan
    similarity = similarity.requires_grad_()
    score, matrix = soft_smith_waterman(similarity, lengths_x=[4, 2, 0], lengths_y=[5, 3, 4], return_matrix=True)
    for pair, (n, m) in enumerate([(4, 5), (2, 3)]):
        alone, inner = soft_smith_waterman(similarity[pair : pair + 1, :n, :m], return_matrix=True)
        torch.testing.assert_close(score[pair], alone[0], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(matrix[pair, :n, :m], inner[0], rtol=1e-12, atol=1e-12)
        assert (matrix[pair, n:] == -math.inf).all()
        assert (matrix[pair, :, m:] == -math.inf).all()
    assert score[2] == -math.inf
    (gradient,) = torch.autograd.grad(score[:2].sum() + matrix[0, 0, 0], similarity)
    assert gradient.isfinite().all()
    assert (gradient[2] == 0).all()
    assert (gradient[:, 4:] == 0).all()
    posterior = expected_alignment(similarity.detach(), lengths_x=[4, 2, 0], lengths_y=[5, 3, 4])
    assert posterior.isfinite().all()
    assert (posterior[2] == 0).all()


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4), (2, 3, 0), (1, 1, 1)], ids=str)
def test_empty_and_tiny(shape: tuple[int, int, int]) -> None:
    similarity = torch.randn(shape, requires_grad=True)
    gap = torch.tensor(1.0, requires_grad=True)
    score, matrix = soft_smith_waterman(similarity, gap_open=gap, return_matrix=True)
    assert score.shape == shape[:1]
    assert matrix.shape == shape
    assert expected_alignment(similarity, gap_open=gap).shape == shape
    if 0 in shape:
        assert (score == -math.inf).all()
    else:
        torch.testing.assert_close(score, similarity.flatten())
    score.sum().backward()
    assert similarity.grad is not None
    assert similarity.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    similarity = torch.randn(2, 5, 6).to(dtype).requires_grad_()
    score = soft_smith_waterman(similarity)
    assert score.dtype == torch.float32
    torch.testing.assert_close(score, soft_smith_waterman(similarity.float()))
    score.sum().backward()
    assert similarity.grad is not None
    assert similarity.grad.dtype == dtype


def test_posterior_without_grad_is_the_same() -> None:
    similarity = random(2, 5, 6)
    with torch.no_grad():
        plain = expected_alignment(similarity)
    assert not plain.requires_grad
    tracked = expected_alignment(similarity.clone().requires_grad_())
    assert tracked.requires_grad
    torch.testing.assert_close(plain, tracked.detach())


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"similarity": torch.zeros(3, 4)}, ValueError, r"\(3, 4\)"),
        ({"similarity": torch.zeros(1, 3, 4, dtype=torch.int64)}, TypeError, "int64"),
        ({"similarity": [[1.0]]}, TypeError, "list"),
        ({"gamma": 0.0}, ValueError, "gamma.*0.0"),
        ({"gamma": math.nan}, ValueError, "nan"),
        ({"gap_open": torch.zeros(4)}, ValueError, r"gap_open has shape \(4,\)"),
        ({"gap_extend": torch.zeros(4, 3)}, ValueError, r"gap_extend has shape \(4, 3\)"),
        ({"gap_extend": math.inf}, ValueError, "inf"),
        ({"gap_open": torch.zeros(2, dtype=torch.int64)}, TypeError, "int64"),
        ({"gap_open": "1"}, TypeError, "str"),
        ({"gap_open": torch.zeros(2, device="meta")}, ValueError, "meta"),
        ({"lengths_x": [3, 4]}, ValueError, r"lengths_x must lie in \[0, 3\], got 4"),
        ({"lengths_y": [-1, 4]}, ValueError, "-1"),
        ({"lengths_y": [1]}, ValueError, r"\(1,\)"),
        ({"lengths_y": [1.0, 2.0]}, TypeError, "float32"),
    ],
)
def test_errors_name_what_is_wrong(change: dict[str, object], error: type[Exception], words: str) -> None:
    arguments: dict[str, object] = {"similarity": torch.zeros(2, 3, 4), **change}
    similarity = arguments.pop("similarity")
    for function in (soft_smith_waterman, expected_alignment):
        with pytest.raises(error, match=words):
            function(similarity, **arguments)  # type: ignore[arg-type]
