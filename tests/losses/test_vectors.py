"""Every loss on four frames of sines, against values of the formulas and, where it ran, of the authors' code."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from loss_inputs import N1, N2, VIEWS, Z1, Z2, Z3
from torch import Tensor

from syncline.alignment import expected_alignment, similarity_matrix
from syncline.losses import GTALoss, LACLoss, LAVLoss, LRPropLoss, SCLLoss, TCCLoss, TCNLoss
from syncline.losses.row_arithmetic import soft_labels


def assert_close(value: Tensor, expected: float, tolerance: float = 2e-9) -> None:
    assert value.item() == pytest.approx(expected, abs=tolerance, rel=tolerance)


def test_soft_labels() -> None:
    steps_x, steps_y = VIEWS["steps_x"].double(), VIEWS["steps_y"].double()
    labels = soft_labels(steps_x, steps_y, torch.ones(1, 4, dtype=torch.bool), 10.0)[0]
    expected = torch.tensor([[0.420888, 0.362262, 0.198814, 0.018036], [0.081003, 0.140398, 0.312462, 0.466138]])
    torch.testing.assert_close(labels[[0, 3]], expected.double(), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("preset", "x", "y", "contrastive", "total"),
    [
        ("paper", N1, N2, 1.250479998, 1.356000431),
        ("released", N1, N2, 0.004798804, 17.753188965),
        ("released", Z1, Z2, 0.011954117, 11.498915508),
        ("corrected", N1, N2, 3.152344106, 2.864878841),
    ],
)
def test_lac(preset: str, x: Tensor, y: Tensor, contrastive: float, total: float) -> None:
    loss = LACLoss(preset)
    assert_close(loss.terms(x, y, **VIEWS)["contrastive"], contrastive)
    assert_close(loss(x, y, **VIEWS), total)


def test_lac_paper_contrastive_of_raw_rows() -> None:
    assert_close(LACLoss("paper", l2_normalize=False).terms(Z1, Z2, **VIEWS)["contrastive"], 1.279101970)


@pytest.mark.parametrize(
    ("logits", "untempered", "tempered"),
    [
        ("matmul", 1.360098410, 1.353150190),
        ("elementwise", 1.349902928, 1.345942947),
        ("log_elementwise", 1.599214592, 1.818899103),
        ("cycle", 1.371865441, 1.370072906),
    ],
)
def test_lac_local_term(logits: str, untempered: float, tempered: float) -> None:
    assert_close(LACLoss("paper", local_logits=logits, D_temp="none").terms(N1, N2, **VIEWS)["local"], untempered)
    assert_close(LACLoss("paper", local_logits=logits).terms(N1, N2, **VIEWS)["local"], tempered)


def test_lac_alignment_scores() -> None:
    assert_close(LACLoss("paper").terms(N1, N2, **VIEWS)["sw"], 2 * 4.599446555)
    assert_close(LACLoss("released").terms(N1, N2, **VIEWS)["sw"], 2 * 886.745578593)
    assert_close(LACLoss("released").terms(Z1, Z2, **VIEWS)["sw"], 2 * 573.674157372)


def test_lac_corrected_terms() -> None:
    terms = LACLoss("corrected").terms(N1, N2, **VIEWS)
    assert_close(terms["local"], 2.804257998)
    assert_close(terms["sw"], -22.715642577 / 4)
    s = similarity_matrix(N1, N2, centre="mean", scale=0.1)
    posterior = expected_alignment(s, gap_open=1.0, gap_extend=0.5, gamma=0.8)[0]
    torch.testing.assert_close(
        posterior.diagonal(),
        torch.tensor([0.998759, 0.999888, 0.999924, 0.999280], dtype=torch.float64),
        atol=1e-6,
        rtol=0,
    )


def test_posterior_of_the_printed_similarity() -> None:
    s = similarity_matrix(N1, N2, kind="inv1p")
    posterior = expected_alignment(s, gap_open=1.0, gap_extend=1.0, gamma=0.8)[0]
    assert_close(posterior.sum(), 2.8176, 1e-4)
    torch.testing.assert_close(
        posterior[0], torch.tensor([0.4798, 0.0825, 0.0184, 0.0049], dtype=torch.float64), atol=1e-4, rtol=0
    )


def test_tcn() -> None:
    assert_close(TCNLoss()(Z1, Z2, **VIEWS), 0.814137945)
    assert_close(TCNLoss("lac")(Z1, Z2, negatives=Z3, **VIEWS), 0.070647026)


@pytest.mark.parametrize(
    ("similarity", "loss", "expected"),
    [
        ("l2", "classification", 0.599981446),
        ("l2", "regression_mse", 0.000314050),
        ("l2", "regression_mse_var", 0.050088747),
        ("l2", "regression_huber", 0.000157025),
        ("cosine", "classification", 0.869746843),
        ("cosine", "regression_mse", 0.014762094),
        ("cosine", "regression_mse_var", 0.698321636),
        ("cosine", "regression_huber", 0.006005342),
    ],
)
def test_tcc(similarity: str, loss: str, expected: float) -> None:
    # the guard in the logarithm moves mse_var in the seventh place
    assert_close(TCCLoss(similarity=similarity, loss=loss)(Z1, Z2, **VIEWS), expected, 2e-6)


def test_lav() -> None:
    lav = LAVLoss(sigma=2.0, pairs="given")
    assert_close(lav(N1, N2, **VIEWS), 1.623940045)
    assert_close(lav.terms(N1, N2, **VIEWS)["soft_dtw"], 0.102220410 / 4)
    assert_close(lav.terms(N1, N2, **VIEWS)["idm"], (6.481296063 + 6.305783482) / 4)
    assert_close(LAVLoss(sigma=2.0, pairs="given", idm_index="raw")(N1, N2, **VIEWS), 12.830470600)
    assert_close(LAVLoss("lac", pairs="given").terms(N1, N2, **VIEWS)["soft_dtw"], 0.105337653 / 4)


@pytest.mark.parametrize(
    ("options", "r12", "r21", "cycle", "total"),
    [
        ({}, 0.492705519, 0.422160374, 0.931774736, 1.023261326),
        ({"preset": "lac"}, 0.492705519, 0.422160374, 0.931826398, 1.0233130),
        ({"minimum": "soft"}, 0.492705422, 0.422160363, None, None),
    ],
)
def test_gta(options: dict[str, Any], r12: float, r21: float, cycle: float | None, total: float | None) -> None:
    loss = GTALoss(**options)
    terms = loss.terms(N1, N2, **VIEWS)
    assert_close(terms["r12"], r12)
    assert_close(terms["r21"], r21)
    if cycle is not None and total is not None:
        assert_close(terms["cycle"], cycle)
        assert_close(loss(N1, N2, **VIEWS), total, 1e-7)


def test_gta_alignment_only() -> None:
    assert_close(GTALoss(alignment_only=True)(N1, N2, **VIEWS), 0.492705519)


def test_scl() -> None:
    assert_close(SCLLoss()(N1, N2, **VIEWS), 1.850897620)
    assert_close(SCLLoss(temperature=0.8)(N1, N2, **VIEWS), 0.019408441)


def test_lrprop_by_hand() -> None:
    """Two frames on the diagonal path: positions carried are the other video's own."""
    x = torch.eye(2, dtype=torch.float64)[None]
    views = {
        "steps_x": torch.tensor([[0, 4]]),
        "steps_y": torch.tensor([[1, 3]]),
        "frames_x": torch.tensor([5]),
        "frames_y": torch.tensor([5]),
        "video_x": torch.tensor([0]),
        "video_y": torch.tensor([7]),
    }
    terms = LRPropLoss(path="hard", variance=2.0).terms(x, x, **views)
    near = 1 / (1 + torch.tensor(-1.0, dtype=torch.float64).exp())  # steps 1, 3: squared distance 4, over 2 * 2
    near_4 = 1 / (1 + torch.tensor(-4.0, dtype=torch.float64).exp())  # steps 0, 4
    p = 1 / (1 + torch.tensor(-10.0, dtype=torch.float64).exp())
    expected = torch.zeros((), dtype=torch.float64)
    for y in (near, near_4):
        expected += y * (y.log() - (p + 1e-6).log()) + (1 - y) * ((1 - y).log() - (1 - p + 1e-6).log())
    assert_close(terms["propagation"], expected.item() / 2)
    assert_close(terms["regularizer"], 0.0, 1e-12)
