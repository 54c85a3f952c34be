"""What a bench compares: a configuration in YAML, shipped with the package or your own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from syncline.errors import SynclineError
from syncline.evaluation.controls import CONTROLS, NAMES_OF_0_1
from syncline.evaluation.protocols import PROTOCOLS
from syncline.experiments.published_runs import PROTOCOL as PUBLISHED
from syncline.training import TrainConfig, merged, method_config

_FIXED: dict[str, Any] = {"sample_rate_hz": None, "copies": 1, "align_with_gaps": False}
_LABEL_SECONDS = 0.19
"""What training would choose for each folder; all methods of a table have the same unless it says otherwise."""


@dataclass(frozen=True)
class BenchConfig:
    """The configuration of a bench.

    Attributes:
        name: of its results. about: one paragraph above the tables.
        sets: folders below the root; `FOLDER:COLUMN=VALUE` trains on the videos whose column of the manifest has that
            value and measures on the others; `pouring`, `penn_action` (one set for each action); or `synthetic` or
            `synthetic:missing,extra`: rendered videos, each with these kinds of trouble (see `SyntheticConfig`).
        methods: by the name of its row, what `method_config` takes: `method`, `preset`, `own`, fields of TrainConfig.
        common: the same for all methods; a method's own come over them.
        seeds, protocols, controls (all, or some by name): see `evaluate`. draws: of training subsets.
        baseline: the row that differences are taken against; None for the first.
        controls_of: the row whose encoder the control `untrained` is, and whose backbone `frozen`; the first row where
            there is none of that name.
        paper: the table of the LAC paper whose numbers stand beside (`published_runs`); None: none.
    """

    name: str
    sets: list[str]
    methods: dict[str, dict[str, Any]]
    about: str = ""
    common: dict[str, Any] = field(default_factory=dict)
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2, 3, 4])
    protocols: list[str] = field(default_factory=lambda: list(PROTOCOLS))
    controls: list[str] = field(default_factory=lambda: list(CONTROLS))
    draws: int = 10
    baseline: str | None = None
    controls_of: str | None = None
    paper: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "controls", [NAMES_OF_0_1.get(name, name) for name in self.controls])
        for name, allowed in (("protocols", (*PROTOCOLS, PUBLISHED)), ("controls", CONTROLS)):
            unknown = [word for word in getattr(self, name) if word not in allowed]
            if unknown:
                raise SynclineError(f"bench {self.name}: {name} has {unknown[0]!r}; there are {', '.join(allowed)}")
        if PUBLISHED in self.protocols and len(self.protocols) > 1:
            raise SynclineError(f"bench {self.name}: protocol {PUBLISHED} stands alone")
        if not self.sets or not self.seeds or not self.methods:
            raise SynclineError(f"bench {self.name}: sets, seeds and methods must not be empty")
        if self.baseline is not None and self.baseline not in self.methods:
            raise SynclineError(f"bench {self.name}: baseline {self.baseline!r} is none of its methods")
        for label in self.methods:
            self.training(label, 0)

    @property
    def row_of_controls(self) -> str:
        """See `controls_of`."""
        return self.controls_of if self.controls_of in self.methods else next(iter(self.methods))

    def training(self, label: str, seed: int, extra: Mapping[str, Any] | None = None) -> TrainConfig:
        """The training configuration of a row."""
        own = dict(self.methods[label])
        how = {key: own.pop(key) for key in ("method", "preset", "own", "published") if key in own}
        try:
            fixed = _FIXED if PUBLISHED not in self.protocols else {}
            settings = merged(merged(merged({**fixed, **self.common}, extra or {}), own), {"seed": seed})
            config = method_config(**how, **settings)
            return replace(config, label_seconds=_LABEL_SECONDS) if config.label_seconds == "auto" else config
        except (SynclineError, TypeError) as error:
            raise SynclineError(f"bench {self.name}, method {label!r}: {error}") from error


def config_names() -> list[str]:
    """The configurations that come with the package."""
    return sorted(entry.name[:-5] for entry in _shipped().iterdir() if entry.name.endswith(".yaml"))


def read_bench(name: str | Path) -> BenchConfig:
    """A configuration by its name in the package, or from a YAML file.

    Raises:
        SynclineError: no such file, an unknown key, or a method that cannot be.

    Examples:
        >>> read_bench("g1_seeds").sets
        ['g1_bottle']
    """
    import yaml

    shipped = str(name) in config_names()
    try:
        path = _shipped() / f"{name}.yaml" if shipped else Path(name)
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or str(error).splitlines()[0]
        raise SynclineError(
            f"{name} is no bench that can be read ({said}); a YAML file, or one of {', '.join(config_names())}"
        ) from error
    try:
        return BenchConfig(**({"name": Path(name).stem} | values))
    except TypeError as error:
        raise SynclineError(f"{name}: {str(error).replace('BenchConfig.__init__() ', '')}") from error


def _shipped() -> Any:
    return files("syncline.experiments") / "configs"
