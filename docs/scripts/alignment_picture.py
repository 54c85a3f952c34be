"""The picture of docs/alignment.md: similarity S, scores D, posterior P and path of two synthetic clips.

    python docs/scripts/alignment_picture.py [--out docs/images/alignment_operators.png]

The clips are noisy samples of one smooth curve at different tempi, so the true correspondence is known. The first has a
detour in it that the second lacks, the second begins later. Options are those of `syncline align`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from syncline.alignment import expected_alignment, smith_waterman, soft_smith_waterman
from syncline.alignment.alignment_settings import PAIR
from syncline.alignment.centring import centred_similarity
from syncline.report.style import EXTRA_COLOUR, SEQUENTIAL

Floats = NDArray[np.float64]


def clips() -> tuple[list[Floats], Floats]:
    """Vectors (70, 32) and (60, 32), and for each frame of the first the frame of the second; NaN where it has none."""
    generator = np.random.default_rng(4)
    frequencies, phases = generator.uniform(4, 16, 32), generator.uniform(0, 2 * np.pi, 32)
    before, detour, after = np.linspace(0, 0.5, 26) ** 1.2, np.linspace(2, 2.25, 14), np.linspace(0.45, 1, 30)
    first = np.concatenate([before, detour, after])
    second = np.linspace(0.12, 1, 60) ** 0.8
    vectors = [
        np.sin(np.outer(progress, frequencies) + phases) + 0.5 * generator.normal(size=(len(progress), 32))
        for progress in (first, second)
    ]
    return vectors, np.interp(first, second, np.arange(60.0), left=np.nan, right=np.nan)


def picture(vectors: list[Floats], truth: Floats) -> Figure:
    similarity = centred_similarity(*vectors)[None]
    score, scores = soft_smith_waterman(similarity, **PAIR.prices, gamma=PAIR.gamma, return_matrix=True)
    posterior = expected_alignment(similarity, **PAIR.prices, gamma=PAIR.gamma)
    path = smith_waterman(similarity, **PAIR.prices)[0]
    figure = Figure(figsize=(11, 3.5), layout="constrained")
    axes = figure.subplots(1, 4, sharex=True, sharey=True)
    shown = (
        ("similarity S", similarity[0], "RdBu_r", float(similarity.abs().max())),
        (f"scores D, soft maximum {score.item():.0f}", scores[0], SEQUENTIAL, None),
        ("posterior P", posterior[0], "magma", None),
        (f"hard path, score {path.score:.0f}", similarity[0], "Greys", None),
    )
    for axis, (title, matrix, colours, limit) in zip(axes, shown):
        image = axis.imshow(
            matrix.numpy(), cmap=colours, vmax=limit, vmin=None if limit is None else -limit, interpolation="nearest"
        )
        axis.set_title(title, fontsize=9, loc="left")
        axis.set_xlabel("frame of the second clip")
        figure.colorbar(image, ax=axis, orientation="horizontal", shrink=0.9)
    axes[0].set_ylabel("frame of the first clip")
    matched, skipped = path.matches, path.indices[~path.is_match]
    axes[3].plot(skipped[:, 1], skipped[:, 0], ".", color=EXTRA_COLOUR, markersize=2.5, label="skipped")
    axes[3].plot(matched[:, 1], matched[:, 0], ".", color="#2468b0", markersize=3, label="matched")
    for axis, colour in zip(axes, ("black", "white", "white", "black")):
        axis.plot(truth, np.arange(len(truth)), color=colour, linewidth=0.8, linestyle=":", label="truth")
    axes[3].legend(fontsize=7, loc="upper right")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/images/alignment_operators.png"))
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    picture(*clips()).savefig(arguments.out, dpi=110)


if __name__ == "__main__":
    main()
