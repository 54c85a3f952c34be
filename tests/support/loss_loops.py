"""The losses as their papers write them, frame by frame in float64: slow, and independent of the library.

Every function takes two lists of `View`s, x and y of each pair, and gives a scalar that autograd can differentiate.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Rows = Sequence[Tensor]
Grid = list[list[Tensor]]
Loss = Callable[["list[View]", "list[View]"], Tensor]


@dataclass(frozen=True)
class View:
    """The real frames of a view: embeddings, their steps, how many frames the video has, and which video it is."""

    z: Rows
    steps: list[float]
    frames: float
    video: int


def lse(values: Sequence[Tensor]) -> Tensor:
    return torch.logsumexp(torch.stack(list(values)), dim=0)


def softmax(values: Sequence[Tensor]) -> list[Tensor]:
    whole = lse(values)
    return [(value - whole).exp() for value in values]


def square(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).square().sum()


def total(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).sum()


def mean(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean()


def gaussian(position: float, steps: Sequence[float], variance: float) -> list[float]:
    weights = [math.exp(-((position - step) ** 2) / (2 * variance)) for step in steps]
    return [weight / sum(weights) for weight in weights]


def cross_entropy(labels: Sequence[float], logits: Sequence[Tensor]) -> Tensor:
    whole = lse(logits)
    return total([label * (whole - logit) for label, logit in zip(labels, logits, strict=True)])


def divergence(labels: Sequence[float], p: Sequence[Tensor]) -> Tensor:
    pairs = [(label, q) for label, q in zip(labels, p, strict=True) if label > 0]
    return total([label * (math.log(label) - (q + 1e-6).log()) for label, q in pairs])


def smoothed(index: int, count: int) -> list[float]:
    return [0.9 * (k == index) + 0.1 / count for k in range(count)]


def next_ones(x: list[View], y: list[View]) -> list[tuple[View, View]]:
    """Pairs of different videos: where an x and its y are of one video, every x with the next one's y."""
    same = any(a.video == b.video for a, b in zip(x, y, strict=True))
    return list(zip(x, y[1:] + y[:1] if same else y, strict=True))


def scl(negatives: str, tau: float = 0.1, variance: float = 10.0) -> Loss:
    def loss(x: list[View], y: list[View]) -> Tensor:
        every = [(side, i, view) for side, views in enumerate((x, y)) for i, view in enumerate(views)]
        rows = []
        for side, i, own in every:
            other = (y, x)[side][i]
            shown = {
                "single_noself": [other], "single": [own, other], "all": [view for _, _, view in every],
                "noself": [view for s, j, view in every if (s, j) != (side, i)],
            }[negatives]  # fmt: skip
            for z, step in zip(own.z, own.steps, strict=True):
                labels = gaussian(step / own.frames * other.frames, other.steps, variance)
                whole = lse([z @ k / tau for view in shown for k in view.z])
                rows.append(divergence(labels, [(z @ k / tau - whole).exp() for k in other.z]))
        return mean(rows)

    return loss


def tcn_npairs(x: list[View], y: list[View]) -> Tensor:
    rows = [
        cross_entropy([float(k == i) for k in range(len(b.z))], [anchor @ positive for positive in b.z])
        for a, b in zip(x, y, strict=True)
        for i, anchor in enumerate(a.z)
    ]
    squares = [mean([z @ z for view in views for z in view.z]) for views in (x, y)]
    return mean(rows) + 0.25 * 0.002 * (squares[0] + squares[1])


def tcc(kind: str, similarity: str, t: float = 0.1) -> Loss:
    def alike(a: Tensor, b: Tensor) -> Tensor:
        return (-square(a, b) if similarity == "l2" else a @ b) / (len(a) * t)

    def row(logits: list[Tensor], index: int, times: list[float]) -> Tensor:
        if kind == "classification":
            return cross_entropy(smoothed(index, len(logits)), logits)
        beta = softmax(logits)
        middle = total([b * time for b, time in zip(beta, times, strict=True)])
        error = times[index] - middle
        if kind == "regression_mse":
            return error**2
        if kind == "regression_huber":
            return 0.5 * error**2 if error.abs() <= 0.1 else 0.1 * (error.abs() - 0.05)
        variance = total([b * (time - middle) ** 2 for b, time in zip(beta, times, strict=True)]) + 1e-8
        return error**2 / variance + 0.001 * variance.log()

    def loss(x: list[View], y: list[View]) -> Tensor:
        rows = []
        for u, v in itertools.permutations([*x, *y], 2):
            times = [step / u.frames for step in u.steps]
            for i, z in enumerate(u.z):
                there = softmax([alike(z, w) for w in v.z])
                soft = torch.stack([a * w for a, w in zip(there, v.z, strict=True)]).sum(dim=0)
                rows.append(row([alike(soft, w) for w in u.z], i, times))
        return mean(rows)

    return loss


def costs(x: Rows, y: Rows) -> Grid:
    return [[square(a, b) for b in y] for a in x]


def soft_dtw(cost: Grid, gamma: float = 0.1) -> Tensor:
    table: dict[tuple[int, int], Tensor] = {}
    for i, row in enumerate(cost):
        for j, c in enumerate(row):
            before = [table[p] for p in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if p in table]
            table[i, j] = c - gamma * lse([-r / gamma for r in before]) if before else c
    return table[len(cost) - 1, len(cost[0]) - 1]


def soft_dtw_divergence(x: Rows, y: Rows) -> Tensor:
    return soft_dtw(costs(x, y)) - (soft_dtw(costs(x, x)) + soft_dtw(costs(y, y))) / 2


def inverse_difference_moments(view: View, *, raw: bool, sigma: float = 10.0, margin: float = 2.0) -> Tensor:
    cells = []
    for (a, s), (b, t) in itertools.product(zip(view.z, view.steps, strict=True), repeat=2):
        weight = 1 + ((s - t) / (1 if raw else view.frames)) ** 2
        near = abs(s - t) <= sigma
        cells.append(square(a, b) if near else weight * (margin - square(a, b)).clamp(min=0))
    return total(cells)


def lav_pair(a: View, b: View, *, diverges: bool = False, raw: bool = False) -> Tensor:
    aligned = soft_dtw_divergence(a.z, b.z) if diverges else soft_dtw(costs(a.z, b.z))
    moments = inverse_difference_moments(a, raw=raw) + inverse_difference_moments(b, raw=raw)
    return (aligned + 0.5 * moments) / ((len(a.z) + len(b.z)) / 2)


def lav(*, diverges: bool = False, raw: bool = False) -> Loss:
    return lambda x, y: mean([lav_pair(a, b, diverges=diverges, raw=raw) for a, b in next_ones(x, y)])


def gta(minimum: str = "prob", *, transpose: bool = True, gamma: float = 0.1, temperature: float = 0.1) -> Loss:
    def smallest(values: list[Tensor]) -> Tensor:
        if minimum == "soft":
            return -gamma * lse([-value / gamma for value in values])
        return total([w * value for w, value in zip(softmax([-v / gamma for v in values]), values, strict=True)])

    def table(x: Rows, y: Rows) -> Grid:
        whole = [lse([a @ b / temperature for a in x]) for b in y]
        found: dict[tuple[int, int], Tensor] = {}
        for i, j in itertools.product(range(len(x)), range(len(y))):
            before = [found[p] for p in ((i, j - 1), (i - 1, j - 1), (i - 1, j)) if p in found]
            cost = whole[j] - x[i] @ y[j] / temperature
            found[i, j] = cost + smallest(before) if before else cost
        return [[found[i, j] for j in range(len(y))] for i in range(len(x))]

    def columns(r: Grid) -> Grid:
        return [list(row) for row in zip(*(softmax([-v for v in column]) for column in zip(*r)))]

    def loss(x: list[View], y: list[View]) -> Tensor:
        first, *others = [*x, *y]
        rows, ends = [], []
        for other in others:
            there, back = table(first.z, other.z), table(other.z, first.z)
            ends.append(there[-1][-1] + back[-1][-1])
            p, q = columns(there), columns(back)
            cycle = [[total([a * b for a, b in zip(row, column)]) for column in zip(*q)] for row in p]
            logits = [list(column) for column in zip(*cycle)] if transpose else cycle
            rows += [cross_entropy(smoothed(i, len(row)), row) for i, row in enumerate(logits)]
        return mean(rows) + 0.1 * mean(ends)

    return loss


def lrprop(*, labels: str = "mean", regularizer: str = "divergence") -> Loss:
    def path(x: Rows, y: Rows) -> list[list[float]]:
        cost = [[c.detach().requires_grad_() for c in row] for row in costs(x, y)]
        cells = torch.autograd.grad(soft_dtw(cost), [c for row in cost for c in row])
        return [[float(cells[i * len(y) + j]) for j in range(len(y))] for i in range(len(x))]

    def rows(a: View, b: View, alignment: list[list[float]]) -> list[Tensor]:
        found = []
        for z, shares in zip(a.z, alignment, strict=True):
            weights = [share / sum(shares) for share in shares]
            if labels == "mean":
                wanted = gaussian(sum(w * s for w, s in zip(weights, b.steps, strict=True)), b.steps, 10.0)
            else:
                parts = [gaussian(step, b.steps, 10.0) for step in b.steps]
                wanted = [sum(w * part[j] for w, part in zip(weights, parts, strict=True)) for j in range(len(b.z))]
            found.append(divergence(wanted, softmax([z @ k / 0.1 for k in b.z])))
        return found

    def loss(x: list[View], y: list[View]) -> Tensor:
        there, back, spread = [], [], []
        for a, b in next_ones(x, y):
            alignment = path(a.z, b.z)
            there += rows(a, b, alignment)
            back += rows(b, a, [list(column) for column in zip(*alignment)])
            aligned = soft_dtw_divergence(a.z, b.z) / min(len(a.z), len(b.z))
            spread.append(aligned if regularizer == "divergence" else lav_pair(a, b))
        return (mean(there) + mean(back)) / 2 + 0.1 * mean(spread)

    return loss


def smith_waterman(s: Grid, gap_open: float, gap_extend: float, gamma: float) -> tuple[Tensor, Grid]:
    """Score and prefix scores D, by METHODS' three lines; what lies outside is -infinity."""
    d: dict[tuple[int, int], Tensor] = {}
    ix: dict[tuple[int, int], Tensor] = {}
    iy: dict[tuple[int, int], Tensor] = {}
    low, zero = torch.tensor(-1e30, dtype=torch.float64), torch.zeros((), dtype=torch.float64)

    def largest(*values: Tensor) -> Tensor:
        return gamma * lse([value / gamma for value in values])

    for i, j in itertools.product(range(len(s)), range(len(s[0]))):
        before, left, above = (i - 1, j - 1), (i, j - 1), (i - 1, j)
        d[i, j] = s[i][j] + largest(zero, *(table.get(before, low) for table in (d, ix, iy)))
        ix[i, j] = largest(d.get(left, low) - gap_open, ix.get(left, low) - gap_extend)
        iy[i, j] = largest(d.get(above, low) - gap_open, ix.get(above, low) - gap_open, iy.get(above, low) - gap_extend)
    return largest(*d.values()), [[d[i, j] for j in range(len(s[0]))] for i in range(len(s))]


def lac_as_meant(x: list[View], y: list[View]) -> Tensor:
    contrastive: list[list[Tensor]] = [[], []]
    local: list[list[Tensor]] = [[], []]
    weights: list[list[float]] = [[], []]
    scores = []
    for a, b in zip(x, y, strict=True):
        cosines = [[p @ q for q in b.z] for p in a.z]
        middle = mean([c for row in cosines for c in row]).detach()
        s = [[(c - middle) / 0.1 for c in row] for row in cosines]
        score, _ = smith_waterman(s, 1.0, 0.5, 0.8)
        cells = torch.autograd.grad(score, [c for row in s for c in row], create_graph=True)
        posterior = [[cells[i * len(b.z) + j] for j in range(len(b.z))] for i in range(len(a.z))]
        scores.append(-score / min(len(a.z), len(b.z)))
        turned = ([list(column) for column in zip(*grid)] for grid in (cosines, posterior))
        for way, (own, other, similar, p) in enumerate(((a, b, cosines, posterior), (b, a, *turned))):
            for i, step in enumerate(own.steps):
                labels = gaussian(step * other.frames / own.frames, other.steps, 10.0)
                contrastive[way].append(cross_entropy(labels, [c / 0.1 for c in similar[i]]))
                weights[way].append(min(1.0, total(p[i]).item()))
                local[way].append(weights[way][-1] * cross_entropy(labels, [(cell + 1e-2).log() for cell in p[i]]))
    aligned = sum(total(local[way]) / sum(weights[way]) for way in (0, 1)) / 2
    return (mean(contrastive[0]) + mean(contrastive[1])) / 2 + 0.1 * (aligned + mean(scores))


def lac_as_printed(x: list[View], y: list[View], *, released: bool = False) -> Tensor:
    """``paper``, or ``released``: 1 / d^2, the divergence over T^2, prefix scores that are not divided by tau."""
    contrastive, local, scores = [], [], []
    for a, b in zip(x, y, strict=True):
        s = [[1 / (square(p, q) + 1e-8) if released else 1 / (1 + square(p, q).sqrt()) for q in b.z] for p in a.z]
        there, d12 = smith_waterman(s, 1.0, 1.0, 0.8)
        back, d21 = smith_waterman([list(column) for column in zip(*s)], 1.0, 1.0, 0.8)
        scores.append(there + back)
        t = 1.0 if released else 0.8
        p12, p21 = ([softmax([cell / t for cell in row]) for row in d] for d in (d12, d21))
        rows = []
        for i, step in enumerate(a.steps):
            labels = gaussian(step * b.frames / a.frames, b.steps, 10.0)
            logits = [a.z[i] @ q / 0.8 for q in b.z]
            rows.append(divergence(labels, softmax(logits)) if released else cross_entropy(labels, logits))
            matched = [total([p * q for p, q in zip(p12[i], row)]) for row in p21]  # as far as both have slots
            local.append(cross_entropy(labels, matched))
        contrastive += [total(rows) / len(rows) ** 2] if released else rows
    return mean(contrastive) + 0.01 * (mean(local) + mean(scores))
