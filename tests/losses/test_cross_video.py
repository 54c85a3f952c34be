"""LAC's term across videos: positions arrive where they belong, what is outside the alignment is left alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from loss_inputs import batch
from torch import Tensor

from syncline.losses import LACLoss
from syncline.losses.cross_video import Positions, align_frames, by_alignment, by_rows
from syncline.losses.view_pair import Pair, checked_pair

GRID = torch.eye(12)


def course(frames: list[int], *, noise: float = 0.0) -> Tensor:
    """Embeddings of the canonical moments ``frames`` as (1, t, 12)."""
    return GRID[frames][None] + noise


def two_videos(first: list[int], second: list[int]) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """One pair of different videos that show these moments."""
    n, m = len(first), len(second)
    views = {
        "steps_x": torch.arange(n)[None],
        "steps_y": torch.arange(m)[None],
        "frames_x": torch.tensor([n]),
        "frames_y": torch.tensor([m]),
        "video_x": torch.tensor([0]),
        "video_y": torch.tensor([1]),
    }
    return course(first), course(second), views


def test_rows_outside_the_alignment_are_left_alone() -> None:
    """The last three frames of x are of nothing that y shows: no gradient reaches them from the local teacher."""
    x, y, views = two_videos([0, 1, 2, 3, 4, 9, 10, 11], [0, 1, 2, 3, 4])
    gradients = {}
    for teacher in ("local", "soft_dtw"):
        leaf = x.clone().requires_grad_()
        loss = LACLoss("cross_video", teacher=teacher, var=0.05)
        pair = checked_pair(leaf, y, unit=True, **views)
        mass = align_frames(pair, pair.x, pair.y, aligner=teacher).sum(dim=-1)[0]
        assert (mass[:5] > 0.95).all()
        assert (mass[5:] < 0.01).all() if teacher == "local" else (mass[5:] > 0.99).all()
        (gradients[teacher],) = torch.autograd.grad(loss.terms(leaf, y, **views)["cross"], leaf)
    assert gradients["local"][0, 5:].abs().max() < 1e-3
    assert gradients["soft_dtw"][0, 5:].abs().max() > 0.1


def test_positions_are_carried_along_the_alignment() -> None:
    """y shows the same moments two steps later: the label of frame i peaks at i + 2, and the loss wants it there."""
    x, y, views = two_videos([0, 1, 2, 3, 4, 5], [10, 11, 0, 1, 2, 3, 4, 5])
    loss = LACLoss("cross_video", var=0.05)
    right = loss.terms(x, y, **views)["cross"]
    features = {"teacher_x": x, "teacher_y": y}
    wrong = loss.terms(x, course([0, 1, 2, 3, 4, 5, 10, 11]), **views, **features)["cross"]
    assert right.item() < 0.2
    assert wrong.item() > 10 * right.item()


def test_teacher_gets_no_gradient_and_may_have_features_of_its_own() -> None:
    x, y, views = batch(b=4)
    generator = torch.Generator().manual_seed(3)
    teacher_x, teacher_y = (torch.randn(4, 7, 9, generator=generator).double().requires_grad_() for _ in range(2))
    loss = LACLoss("cross_video")
    own = loss(x.requires_grad_(), y, **views)
    other = loss(x, y, teacher_x=teacher_x, teacher_y=teacher_y, **views)
    other.backward()
    assert own.item() != other.item()
    assert teacher_x.grad is None
    torch.testing.assert_close(loss(x, y, teacher_x=x, teacher_y=y, **views), own)
    with pytest.raises(ValueError, match=r"teacher_y must be \(4, 7, 'f'\), got \(4, 6, 9\)"):
        loss(x, y, teacher_x=teacher_x, teacher_y=teacher_y[:, :6], **views)


@pytest.mark.parametrize("form", ["carried", "cycle"])
def test_a_video_is_never_its_own_other(form: str) -> None:
    x, y, views = batch(b=3)
    loss = LACLoss("cross_video", cross_form=form)
    same = {"video_x": torch.tensor([4, 4, 4]), "video_y": torch.tensor([4, 4, 4])}
    assert loss.terms(x, y, **views)["cross"] > 0
    assert loss.terms(x, y, **views, **same)["cross"] == 0
    single = {name: part[:1] for name, part in views.items()}
    assert loss.terms(x[:1], y[:1], **single)["cross"] == 0


def test_pairs_of_different_videos_feed_the_term_across_alone() -> None:
    x, y, views = batch(b=3)
    loss = LACLoss("cross_video", alpha=0.1)
    ids = torch.arange(3)
    rolled = {name: part.roll(-1, dims=0) if name.endswith("_y") else part for name, part in views.items()}
    across = loss.terms(x, y.roll(-1, dims=0), **rolled, video_x=ids, video_y=ids.roll(-1))
    torch.testing.assert_close(across["cross"], loss.terms(x, y, **views)["cross"])
    assert across["contrastive"] == 0
    assert across["local"] == 0
    assert across["sw"] == 0


def test_a_margin_takes_less_for_matched() -> None:
    """Two sequences of noise: there is always a chain of pairs above the mean, hardly one far above it."""
    x, y, views = batch(b=3, t=24, d=16, smooth=False)
    pair = checked_pair(x, y, unit=True, **views).of_different_videos()
    masses = [align_frames(pair, pair.x, pair.y, margin=margin).sum().item() for margin in (0.0, 1.0, 2.0)]
    assert masses[0] > 1.2 * masses[1] > 1.5 * masses[2]


def test_the_term_waits_for_its_start() -> None:
    x, y, views = batch(b=3)
    loss = LACLoss("cross_video", cross_start=0.25)
    assert "cross" in loss.terms(x, y, **views)
    loss.at(0.1)
    assert "cross" not in loss.terms(x, y, **views)
    loss.at(0.25)
    assert "cross" in loss.terms(x, y, **views)


def test_cycle_learns_gaps_and_prefers_a_way_back() -> None:
    moments = [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5, 6, 7]]
    x = torch.cat([course(part) for part in moments])
    views = {
        "steps_x": torch.tensor(moments),
        "steps_y": torch.tensor(moments),
        "frames_x": torch.tensor([8, 8]),
        "frames_y": torch.tensor([8, 8]),
    }
    loss = LACLoss("cross_video", cross_form="cycle", var=0.2, gap_init=(5.0, 1.0))
    good = loss.terms(x, x, **views)["cross"]
    shuffled = loss.terms(x, x[:, torch.tensor([3, 1, 5, 0, 2, 4])], **views)["cross"]
    assert good.item() < 0.5 * shuffled.item()
    grads = torch.autograd.grad(good + shuffled, list(loss.gaps.parameters()))
    assert all(part != 0 for part in grads)


def test_an_alignment_may_be_handed_in_as_the_teacher() -> None:
    """The alignment that the loss would have made itself changes nothing; another one does."""
    x, y, views = batch(b=3)
    views |= {"video_x": torch.tensor([0, 1, 2]), "video_y": torch.tensor([3, 4, 5])}
    loss = LACLoss("cross_video")
    pair = checked_pair(x, y, unit=True, **views)
    a = align_frames(pair, pair.x, pair.y)
    torch.testing.assert_close(loss(x, y, teacher=a, **views), loss(x, y, **views))
    assert loss(x, y, teacher=a.roll(2, dims=2), **views) > 1.01 * loss(x, y, **views)
    with pytest.raises(ValueError, match=r"teacher must be \(3, 7, 7\), got \(3, 7, 6\)"):
        loss(x, y, teacher=a[:, :, :6], **views)
    with pytest.raises(ValueError, match="different videos"):
        loss(x, y, teacher=a, **{**views, "video_y": views["video_x"]})


def test_a_teacher_is_asked_about_the_pairs_that_the_loss_makes() -> None:
    x, y, views = batch(b=3)
    asked = []

    def teacher(pair: Pair) -> tuple[Positions, Positions]:
        asked.append(list(zip(pair.video_x.tolist(), pair.video_y.tolist())))
        return by_alignment(pair, align_frames(pair, pair.x, pair.y))

    loss = LACLoss("cross_video")
    torch.testing.assert_close(loss(x, y, teacher=teacher, **views), loss(x, y, **views))
    assert asked == [[(0, 1), (1, 2), (2, 0)]], "pairs of one video are paired anew"


def test_positions_by_rows_are_their_loops() -> None:
    generator = torch.Generator().manual_seed(4)
    rows = torch.rand(2, 5, 30, generator=generator, dtype=torch.float64).pow(6)
    rows = rows / rows.sum(dim=-1, keepdim=True) * torch.rand(2, 5, 1, generator=generator)
    steps = torch.tensor([[4.0, 7, 9, 15], [2.0, 12, 20, 29]], dtype=torch.float64)
    lengths = torch.tensor([4, 3])
    found = by_rows(rows, steps, lengths, half_width=2)
    for i in range(2):
        first, last = float(steps[i, 0]), float(steps[i, int(lengths[i]) - 1])
        slack = 1.5 * (last - first) / (int(lengths[i]) - 1)
        for a in range(5):
            row = [0.0, *rows[i, a].tolist(), 0.0]
            means = [(row[b] + row[b + 1] + row[b + 2]) / 3 for b in range(30)]
            mode = means.index(max(means))
            near = {b: row[b + 1] for b in range(max(0, mode - 2), min(30, mode + 3))}
            mass = sum(near.values())
            position = sum(b * p for b, p in near.items()) / mass
            weight = min(1.0, mass / 0.5) if first - slack <= position <= last + slack else 0.0
            assert found.steps[i, a].item() == pytest.approx(position)
            assert found.weights[i, a].item() == pytest.approx(weight)
    assert 0 < (found.weights == 0).sum() < 10
