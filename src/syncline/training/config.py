"""What a training run is made of: one dataclass, saved with the run, read from YAML, overridden key by key."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from syncline.encoder import EncoderConfig
from syncline.errors import SynclineError, check_choices
from syncline.views import ViewConfig

Method = Literal["lac", "scl", "tcn", "tcc", "lav", "gta", "lrprop"]
Schedule = Literal["cosine", "fixed"]
Precision = Literal["float32", "bf16"]
Teacher = Literal["encoder", "frozen"]


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what comes out of a training run, beside the videos.

    Attributes:
        method: lac, scl, tcn, tcc, lav, gta or lrprop (our reconstruction). preset: of its loss; None for the loss's
            own default.
        loss: options of the loss by name, over the preset's.
        label_seconds: standard deviation of soft labels in seconds, for the losses that have them (lac, scl, lrprop);
            None, or an option of the loss that names the variance itself: in sampled frames^2, as published.
        teacher: whose frames are aligned where an alignment carries positions across videos (lac's ``cross_video``):
            the ``encoder``'s own embeddings, or the ``frozen`` features, about their mean in the batch.
        encoder, views: what is trained, and what it is shown.
        steps: of the optimiser. accumulate: batches a step. seed: with the step it decides every draw.
        lr, weight_decay, betas: of Adam. schedule: ``cosine`` to 0, or ``fixed``. clip: largest norm of the encoder's
            gradient; 0 for any. The loss's own parameters have its ``gap_lr``, or ``lr``.
        copies: of the cached features: the first is plain, the others are augmented; more cost disk and time.
        precision: ``bf16`` computes the encoder under autocast; losses are always computed in float32.
        log_every: steps between lines of ``metrics.jsonl``. checkpoint_seconds: between checkpoints.
        trackers: of Accelerate, beside the JSONL: tensorboard, wandb, trackio ... as far as installed.

    Examples:
        >>> TrainConfig(method="scl", steps=100).views.num_frames
        32
    """

    method: Method = "lac"
    preset: str | None = None
    loss: dict[str, Any] = field(default_factory=dict)
    label_seconds: float | None = 0.19
    teacher: Teacher = "encoder"
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    views: ViewConfig = field(default_factory=ViewConfig)
    steps: int = 800
    accumulate: int = 1
    seed: int = 0
    lr: float = 3e-4
    weight_decay: float = 1e-5
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: Schedule = "cosine"
    clip: float = 10.0
    copies: int = 1
    precision: Precision = "float32"
    log_every: int = 10
    checkpoint_seconds: float = 60.0
    trackers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_choices(self, "training")
        for name in ("steps", "accumulate", "copies", "log_every"):
            if getattr(self, name) < 1:
                raise SynclineError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("weight_decay", "clip", "checkpoint_seconds"):
            if getattr(self, name) < 0:
                raise SynclineError(f"{name} must not be below 0, got {getattr(self, name)}")
        if not self.lr > 0:
            raise SynclineError(f"lr must be above 0, got {self.lr}")
        if self.teacher == "frozen" and (self.method != "lac" or self.encoder.trainable != "frozen"):
            raise SynclineError("teacher 'frozen' goes with method lac on a backbone that is not trained")
        if self.label_seconds is not None and not self.label_seconds > 0:
            raise SynclineError(
                f"label_seconds must be above 0 (or null: as the loss has it), got {self.label_seconds}"
            )

    def as_dict(self) -> dict[str, Any]:
        """As JSON; ``config_from`` is the other way."""
        values = dataclasses.asdict(self)
        values["betas"] = list(self.betas)
        return values


def config_from(values: Mapping[str, Any]) -> TrainConfig:
    """A configuration from nested dictionaries, as YAML and JSON give them; what is missing has its default.

    Raises:
        SynclineError: an unknown key or a value of another kind, in one line that names it.

    Examples:
        >>> config_from({"method": "scl", "encoder": {"width": 128}}).encoder.width
        128
    """
    parser = _parser()
    try:
        parsed = parser.parse_object(_plain(values))
        return TrainConfig(**vars(parser.instantiate(parsed)))
    except SynclineError:
        raise
    except Exception as error:  # jsonargparse's ArgumentError, and what types raise while they are read
        line = " ".join(str(error).replace("<class ", "").replace(">", "").split())
        raise SynclineError(f"the configuration of training: {line}; see syncline train --print_config") from error


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the values of ``changes``, dictionary within dictionary.

    Examples:
        >>> merged({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 4}})
        {'a': 1, 'b': {'c': 4, 'd': 3}}
    """
    result = dict(base)
    for key, value in changes.items():
        inner = result.get(key)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping)
        result[key] = merged(inner, value) if both else value  # type: ignore[arg-type]
    return result


def as_yaml(config: TrainConfig) -> str:
    """The configuration as YAML, every key with its value."""
    import yaml

    return str(yaml.safe_dump(_plain(config.as_dict()), sort_keys=False))


def _parser() -> Any:
    import jsonargparse

    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(TrainConfig)
    return parser


def _plain(value: Any) -> Any:
    """Dictionaries, lists and scalars only."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
