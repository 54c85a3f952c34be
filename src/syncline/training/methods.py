"""The seven methods: which loss, which views, which encoder.

Two settings:
- common (the default): every method on one encoder, batch, optimiser and number of steps; what stays its own is what it
  is: the loss, the pairing and choice of frames, contexts and normalisation of rows where the loss needs them so.
- ``own=True``: with its own head, temporal module and training settings as its authors' code has them.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from torch import nn

from syncline.encoder import EncoderConfig, encoder_preset
from syncline.errors import SynclineError
from syncline.training.config import Method, TrainConfig, config_from, merged
from syncline.views import ViewConfig

METHODS: tuple[Method, ...] = ("lac", "scl", "tcn", "tcc", "lav", "gta", "lrprop")

RECOMMENDED = "cross_video"
"""Preset of LAC that training takes unless told otherwise: of all that was tried the best (docs/results.md)."""

# tcn: dot products without temperature; tcc: distances over d t. Both stand still when rows have length 1
_UNNORMALISED = ("tcn", "tcc")

# lac and scl compare crops, which the video's own time relates; the others compare or align whole videos
_VIEWS: dict[str, dict[str, Any]] = {
    "lac": {},
    "scl": {},
    "tcn": {"pairing": "npairs", "sampler": "offset_uniform"},
    "tcc": {"pairing": "videos", "sampler": "offset_uniform"},
    "lav": {"pairing": "videos", "sampler": "segment_uniform"},
    "gta": {"pairing": "videos", "sampler": "offset_uniform"},
    "lrprop": {"sampler": "offset_uniform"},
}

_RETIMED = 0.5  # share of the views that are re-cut at changing speed: ours; what it gave stands in docs/results.md
_PUBLISHED_VIEWS = {"crop_base": "video", "region": 1.5, "retimed": 0.0}
_OWN: dict[str, dict[str, Any]] = {
    "lac": {"views": {"num_frames": 64, "batch_size": 2, **_PUBLISHED_VIEWS}},
    "scl": {"views": {"num_frames": 32, "batch_size": 16, **_PUBLISHED_VIEWS}},
    "tcn": {"schedule": "fixed", "views": {"num_frames": 20, "batch_size": 4, "pipeline": "plain"}},
    "tcc": {"schedule": "fixed", "views": {"num_frames": 20, "batch_size": 2, "pipeline": "plain"}},
    "lav": {"schedule": "fixed", "views": {"num_frames": 20, "batch_size": 1, "pipeline": "plain"}},
    "gta": {"schedule": "fixed", "views": {"num_frames": 20, "batch_size": 2, "pipeline": "plain"}},
    "lrprop": {"views": {"batch_size": 4}},
}

# what the presets of LAC's loss ask of the rest
_LAC_PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"label_seconds": None, "views": _PUBLISHED_VIEWS},
    "released": {
        "label_seconds": None,
        "views": _PUBLISHED_VIEWS,
        "encoder": {"attn_axis": "batch", "l2_normalize": False},
    },
    "corrected": {"views": {"crop_base": "clip"}},
}
_LAC_PRESETS["released_vec"] = _LAC_PRESETS["released"]


def method_config(method: str = "lac", *, preset: str | None = None, own: bool = False, **changes: Any) -> TrainConfig:
    """The configuration of a method.

    Args:
        method: lac, scl, tcn, tcc, lav, gta, lrprop (our reconstruction). preset: of its loss, with all that it asks
            of encoder and views; None for the method's own, and for lac in the common setting `RECOMMENDED`.
        own: the method's own encoder and training settings in place of the common ones, see above.
        changes: fields of ``TrainConfig``; of ``encoder``, ``views`` and ``loss`` single fields, as dictionaries.

    Raises:
        SynclineError: no such method or preset, or a field that is not there.

    Examples:
        >>> method_config("tcc", encoder={"width": 128}).views.pairing
        'videos'
    """
    if method not in METHODS:
        raise SynclineError(f"no method {method!r}; expected one of {', '.join(METHODS)}")
    encoder = encoder_preset(method) if own else EncoderConfig(l2_normalize=method not in _UNNORMALISED)
    if method == "lac" and preset is None and not own:
        preset = RECOMMENDED
    base = replace(TrainConfig(), method=method, preset=preset, encoder=encoder).as_dict()
    base = merged(base, {"views": _VIEWS[method] | {"retimed": 0.0 if own else _RETIMED}})
    if own:
        base = merged(base, {"lr": 1e-4, "label_seconds": None, **_OWN[method]})
    if method == "lac" and preset is not None:
        base = merged(base, _LAC_PRESETS.get(preset, {}))
    if method == "tcn" and preset == "lac":
        base = merged(base, {"views": {"pairing": "triplets"}})
    plain = {
        key: asdict(value) if isinstance(value, EncoderConfig | ViewConfig) else value for key, value in changes.items()
    }
    config = config_from(merged(base, plain))
    make_loss(config, rate_hz=1.0)  # an option that the loss does not have is told here
    return config


def make_loss(config: TrainConfig, *, rate_hz: float) -> nn.Module:
    """The loss of a configuration, whose soft labels are ``label_seconds`` wide at ``rate_hz`` sampled frames a second.

    Raises:
        SynclineError: a preset or option that the loss does not have.
    """
    from syncline import losses

    kind, width = {
        "lac": (losses.LACLoss, "var"),
        "scl": (losses.SCLLoss, "variance"),
        "tcn": (losses.TCNLoss, None),
        "tcc": (losses.TCCLoss, None),
        "lav": (losses.LAVLoss, None),
        "gta": (losses.GTALoss, None),
        "lrprop": (losses.LRPropLoss, "variance"),
    }[config.method]
    options = dict(config.loss)
    if width is not None and config.label_seconds is not None:
        options.setdefault(width, (config.label_seconds * rate_hz) ** 2)
    if config.method == "tcn" and config.views.pairing == "triplets":
        options.setdefault("mode", "triplet")
    try:
        made: nn.Module = kind(**({} if config.preset is None else {"preset": config.preset}), **options)
    except (ValueError, TypeError) as error:
        raise SynclineError(f"the loss of {config.method}: {error}") from error
    return made
