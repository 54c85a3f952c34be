"""`TrainConfig`: all settings of a run; saved with it, read from YAML, overridden by key."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from syncline.encoder import EncoderConfig
from syncline.encoder.encoder_config import named_as_today
from syncline.errors import SynclineError, check_choices
from syncline.losses import AUTO_PRESET
from syncline.pose import PoseOptions
from syncline.pose.keypoint_files import THRESHOLD
from syncline.training.methods import METHODS
from syncline.views import ViewConfig

Schedule = Literal["cosine", "fixed"]
Precision = Literal["float32", "bf16"]
Teacher = Literal["alignment", "frozen", "consensus"]


@dataclass(frozen=True)
class PoseSource:
    """The source of poses, if ``encoder.features`` has poses.

    Attributes:
        keypoints: folder with a keypoint file a video; None: the estimator. keypoints_rate: frames a second that the
            files count; None: the videos' own. threshold: joints of files below this confidence are missing.
        person: (x, y) as shares of the picture, whom to follow; None: the largest. model: body, or both hands.
        options: how bodies are made comparable.
    """

    keypoints: str | None = None
    keypoints_rate: float | None = None
    threshold: float = THRESHOLD
    person: tuple[float, float] | None = None
    model: Literal["body", "hands"] = "body"
    options: PoseOptions = field(default_factory=PoseOptions)


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a run. ``method_config()`` is the default run, ``TrainConfig()`` the plain one: nothing ``auto``.

    Attributes:
        method: a key of `METHODS`; ``lrprop`` is our reconstruction. preset: of its loss; None for the loss's own
            default, ``auto`` for the one that fits the folder, where the method has such (`training.folder_choices`).
        loss: options of the loss by name, over the preset's.
        label_seconds: standard deviation of soft labels in seconds, for losses that have them (`Method.label_width`);
            ``auto``: chosen by the folder's clips (`training.folder_choices`); None, or an option of the loss that
            names the variance itself: in sampled frames^2, as published.
        teacher: what carries positions across videos (`Method.takes_teacher`): an ``alignment`` of the encoder's own
            embeddings; one of the ``frozen`` features, about their mean in the batch; or the ``consensus`` of the
            whole folder, computed once from frozen features.
        encoder, views: what is trained, and what it is shown. pose: where its poses come from, if it takes any.
        epochs: rounds through the videos; ``steps`` then follow from their number, and the cosine goes down once a
            round, as the published codes do it. None: ``steps``.
        workers: processes that make batches of pictures ahead of time; 0: the training process makes them itself. What
            comes out does not depend on it. store: pictures are decoded once, into memory-mapped files of the cache.
        steps: of the optimiser. accumulate: batches a step. seed: with the step it decides every draw.
        lr, weight_decay, betas: of Adam. schedule: ``cosine`` to 0, or ``fixed``. clip: largest norm of the encoder's
            gradient; 0 for any. The loss's own parameters have its ``gap_lr``, or ``lr``.
        sample_rate_hz: frames a second that are looked at: a number, or ``auto``: chosen from the lengths of the clips,
            unless ``encoder.sampling`` names a rate or stride of its own. None: as ``encoder.sampling`` has it.
        copies: of the cached features: the first is plain, the others are augmented; more cost disk and time. ``auto``:
            where the scenes of the clips differ, several, mirrored ones among them (`training.folder_choices`).
        precision: ``bf16`` computes the encoder under autocast; losses are always computed in float32.
        align_with_gaps: ``align --run`` takes the gap prices that the loss learned, not the default ones.
        log_every: steps between lines of ``metrics.jsonl``. checkpoint_seconds: between checkpoints.
        trackers: of Accelerate, beside the JSONL: tensorboard, wandb, trackio ... as far as installed.

    Examples:
        >>> TrainConfig(method="scl", steps=100).views.num_frames
        32
    """

    method: str = "lac"
    preset: str | None = None
    loss: dict[str, Any] = field(default_factory=dict)
    label_seconds: float | Literal["auto"] | None = 0.19
    teacher: Teacher = "alignment"
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    views: ViewConfig = field(default_factory=ViewConfig)
    pose: PoseSource = field(default_factory=PoseSource)
    epochs: int | None = None
    workers: int = 0
    store: bool = False
    steps: int = 800
    accumulate: int = 1
    seed: int = 0
    lr: float = 3e-4
    weight_decay: float = 1e-5
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: Schedule = "cosine"
    clip: float = 10.0
    sample_rate_hz: float | Literal["auto"] | None = None
    copies: int | Literal["auto"] = 1
    precision: Precision = "float32"
    align_with_gaps: bool = False
    log_every: int = 10
    checkpoint_seconds: float = 60.0
    trackers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_choices(self, "training")
        if self.method not in METHODS:
            raise SynclineError(f"training.method must be one of {', '.join(METHODS)}; got {self.method!r}")
        for name in ("steps", "accumulate", "copies", "log_every"):
            if getattr(self, name) != "auto" and getattr(self, name) < 1:
                raise SynclineError(f"{name} must be at least 1, got {getattr(self, name)}")
        if isinstance(self.sample_rate_hz, float | int) and not 0 < self.sample_rate_hz < 1e4:
            raise SynclineError(f"sample_rate_hz must be above 0, or auto; got {self.sample_rate_hz}")
        if self.epochs is not None and self.epochs < 1:
            raise SynclineError(f"epochs must be at least 1 (or null: steps), got {self.epochs}")
        for name in ("weight_decay", "clip", "checkpoint_seconds", "workers"):
            if getattr(self, name) < 0:
                raise SynclineError(f"{name} must not be below 0, got {getattr(self, name)}")
        if not self.lr > 0:
            raise SynclineError(f"lr must be above 0, got {self.lr}")
        row = METHODS[self.method]
        if self.preset == AUTO_PRESET and row.auto_presets is None:
            fitting = ", ".join(name for name, other in METHODS.items() if other.auto_presets is not None)
            raise SynclineError(f"preset {AUTO_PRESET!r} goes with method {fitting}, not with {self.method}")
        if self.teacher != "alignment" and not (row.takes_teacher and self.encoder.trainable == "frozen"):
            fitting = ", ".join(name for name, other in METHODS.items() if other.takes_teacher)
            raise SynclineError(
                f"teacher {self.teacher!r} goes with method {fitting} on a backbone that is not trained"
            )
        if isinstance(self.label_seconds, float | int) and not self.label_seconds > 0:
            raise SynclineError(
                f"label_seconds must be above 0 (or auto, or null: as the loss has it), got {self.label_seconds}"
            )

    def as_dict(self) -> dict[str, Any]:
        """As JSON; ``config_from`` is the other way."""
        values = dataclasses.asdict(self)
        values["betas"] = list(self.betas)
        plain: dict[str, Any] = _plain(values)  # no tuples: as it is read again
        return plain


def config_from(values: Mapping[str, Any]) -> TrainConfig:
    """A configuration from nested dictionaries, as YAML and JSON give them; what is missing has its default.

    Raises:
        SynclineError: an unknown key or a value of another kind, in one line that names it.

    Examples:
        >>> config_from({"method": "scl", "encoder": {"width": 128}}).encoder.width
        128
    """
    plain = _plain(_renamed(values))
    try:
        written = json.dumps(plain)
    except TypeError:  # a value that no file could hold
        return _parsed(plain)
    return copy.deepcopy(_parsed_once(written))


@functools.lru_cache(maxsize=1024)
def _parsed_once(written: str) -> TrainConfig:
    """A bench asks for the same configurations after every run, and parsing one takes tens of milliseconds."""
    return _parsed(json.loads(written))


def _parsed(plain: Mapping[str, Any]) -> TrainConfig:
    parser = _parser()
    try:
        return TrainConfig(**vars(parser.instantiate(parser.parse_object(plain))))
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


def current_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as an earlier version wrote them, with the names of today, and defaults for what it did not know yet."""
    return config_from(values).as_dict()


def as_yaml(config: TrainConfig) -> str:
    """The configuration as YAML, every key with its value."""
    import yaml

    return str(yaml.safe_dump(_plain(config.as_dict()), sort_keys=False))


@functools.cache
def _parser() -> Any:
    import jsonargparse

    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(TrainConfig)
    return parser


def _renamed(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Values of version 0.1.0 under the names that they have now."""
    values = dict(values)
    if values.get("teacher") == "encoder":
        values["teacher"] = "alignment"
    if isinstance(values.get("encoder"), Mapping):
        values["encoder"] = named_as_today(values["encoder"])
    return values


def _plain(value: Any) -> Any:
    """Dictionaries, lists and scalars only."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
