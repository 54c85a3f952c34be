"""Weights given for the backbones of a bench: which row starts from which file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syncline.encoder.backbone_networks import network_of
from syncline.encoder.backbone_weights import read_state
from syncline.errors import SynclineError
from syncline.experiments.bench_config import BenchConfig
from syncline.training import merged


def rows_with_weights(config: BenchConfig, given: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The rows of a bench, each with the last file that is meant for it.

    Args:
        given: ``FILE`` for all rows whose backbone it fits and that start from pretrained weights; ``ROW=FILE`` for
            one row.

    Raises:
        SynclineError: a file that is missing, holds no weights, or fits no row that it is meant for.
    """
    rows = dict(config.methods)
    for text in given:
        name, _, path = text.partition("=")
        if name in rows:
            encoder = config.training(name, 0).encoder
            network_of(encoder.backbone, path, encoder.stage)  # raises where it does not fit
            rows[name] = merged(rows[name], {"encoder": {"weights": path}})
            continue
        read_state(text)  # raises where there are none
        fitting = [row for row in rows if _fits(config, row, text)]
        if not fitting:
            raise SynclineError(f"{text} fits no backbone of {config.name} that starts from pretrained weights")
        rows |= {row: merged(rows[row], {"encoder": {"weights": text}}) for row in fitting}
    return rows


def _fits(config: BenchConfig, row: str, file: str) -> bool:
    """Whether the backbone of a row starts from pretrained weights, and can from this file."""
    encoder = config.training(row, 0).encoder
    if encoder.weights == "none":
        return False
    try:
        network_of(encoder.backbone, file, encoder.stage)
    except SynclineError:
        return False
    return True
