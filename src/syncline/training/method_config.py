"""Builds a configuration from the name of a method, and the loss from a configuration."""

from __future__ import annotations

import inspect
from dataclasses import asdict, replace
from typing import Any

from syncline.encoder import EncoderConfig, published_config
from syncline.errors import SynclineError
from syncline.losses import AUTO_PRESET, PairLoss
from syncline.training.methods import METHODS, Method
from syncline.training.train_config import TrainConfig, config_from, merged
from syncline.views import ViewConfig

_RETIMED = 0.5  # share of the views that are re-cut at changing speed: ours; what it gave stands in docs/results.md


_PUBLISHED: dict[str, Any] = {
    "lr": 1e-4, "label_seconds": None, "store": True,
    "encoder": {"sampling": {"stride": 1}},  # every frame: labels are as wide in source frames
    "views": {"crop_base": "video", "region": 1.5, "retimed": 0.0, "flip": True, "pipeline": "ssl"},
}  # fmt: skip


def method_config(
    method: str = "lac", *, preset: str | None = None, own: bool = False, published: bool = False, **changes: Any
) -> TrainConfig:
    """The configuration of a method.

    Args:
        method: a key of `METHODS`; ``lrprop`` is our reconstruction. preset: of its loss, with all that it asks of
            encoder and views; None for the method's own, with ``published`` that of LAC's authors (``lac``).
            Where it has ``auto_presets`` that is ``auto`` (`training.folder_choices`), with ``own`` or ``published``
            the first of them.
        own: the method's own encoder and training settings on frozen features, not the common ones. published: its
            published encoder from pixels and published settings (`training.methods`).
        changes: fields of ``TrainConfig``; of ``encoder``, ``views`` and ``loss`` single fields, as dictionaries.

    Raises:
        SynclineError: no such method or preset, or a field that is not there.

    Examples:
        >>> method_config("tcc", encoder={"width": 128}).views.pairing
        'videos'
    """
    row = row_of(method)
    if published and (own or not row.published_encoder):
        raise SynclineError(f"{method}: published goes without own, and with a method that has a published encoder")
    if published:
        encoder = published_config(row.published_encoder)
    else:
        encoder = own_encoder(method) if own else EncoderConfig(l2_normalize=row.unit_rows)
    if row.auto_presets is not None and preset is None:
        preset = row.auto_presets[0] if own or published else AUTO_PRESET
    if published and preset is None:
        preset = "lac"
    base = replace(TrainConfig(), method=method, preset=preset, encoder=encoder).as_dict()
    base = merged(base, {"views": {**row.views, "retimed": 0.0 if own else _RETIMED}})
    if published:
        base = merged(merged(base, _PUBLISHED), row.published)
    elif own:
        base = merged(base, {"lr": 1e-4, "label_seconds": None, **row.own})
    else:
        base |= {"sample_rate_hz": "auto", "copies": "auto", "label_seconds": "auto"}
    if preset is not None:
        base = merged(base, row.presets.get(preset, {}))
    if published:  # presets of the loss are for any encoder; crops are the published ones
        base = merged(base, {"views": {"crop_base": "video"}})
    plain = {
        key: asdict(value) if isinstance(value, EncoderConfig | ViewConfig) else value for key, value in changes.items()
    }
    config = config_from(merged(base, plain))
    make_loss(config, rate_hz=1.0)  # a setting that the loss does not have is reported here
    return config


def own_encoder(method: str, **changes: Any) -> EncoderConfig:
    """The encoder of a method over cached grid features: its own temporal module, contexts, width and normalisation.

    The published encoders themselves, from pixels, are ``encoder.published_config``'s. ``changes``: of single fields.

    Examples:
        >>> own_encoder("tcc", contexts=3).contexts
        3
    """
    return EncoderConfig(**{**row_of(method).encoder, **changes})


def row_of(method: str) -> Method:
    """The row of a method in the table.

    Raises:
        SynclineError: no such method.
    """
    if method not in METHODS:
        raise SynclineError(f"no method {method!r}; expected one of {', '.join(METHODS)}")
    return METHODS[method]


def make_loss(config: TrainConfig, *, rate_hz: float) -> PairLoss:
    """The loss of a configuration, whose soft labels are ``label_seconds`` wide at ``rate_hz`` sampled frames a second.

    What is still ``auto`` is the loss's own (see `training.folder_choices`).

    Raises:
        SynclineError: a preset or setting that the loss does not have.
    """
    row, settings = row_of(config.method), dict(config.loss)
    known = [name for name in inspect.signature(row.loss).parameters if name != "preset"]
    for name in settings:
        if name not in known:
            raise SynclineError(f"the loss of {config.method} has no setting {name!r}; it has {', '.join(known)}")
    if row.label_width is not None and isinstance(config.label_seconds, float | int):
        settings.setdefault(row.label_width, (config.label_seconds * rate_hz) ** 2)
    if config.views.pairing == "triplets":
        settings.setdefault("mode", "triplet")
    if config.preset not in (None, AUTO_PRESET):  # what is left to the folder is this loss's own until it is measured
        settings["preset"] = config.preset
    try:
        return row.loss(**settings)
    except (ValueError, TypeError) as error:
        raise SynclineError(f"the loss of {config.method}: {error}") from error
