"""Syncline learns an embedding for every frame of a folder of unlabelled videos and aligns the videos with it.

Importing the package is cheap: every name below is loaded when it is first used (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from syncline.api import align as align
    from syncline.api import deviate as deviate
    from syncline.api import embed as embed
    from syncline.api import features as features
    from syncline.api import make_template as make_template
    from syncline.api import search as search
    from syncline.api import sync as sync
    from syncline.api import transfer as transfer
    from syncline.data import Embedding as Embedding
    from syncline.encoder import FrameEncoder as FrameEncoder
    from syncline.errors import SynclineError as SynclineError
    from syncline.tasks import Alignment as Alignment
    from syncline.tasks import Template as Template
    from syncline.training import train as train

_HOME = {
    "Alignment": "syncline.tasks",
    "Embedding": "syncline.data",
    "FrameEncoder": "syncline.encoder",
    "SynclineError": "syncline.errors",
    "Template": "syncline.tasks",
    "align": "syncline.api",
    "deviate": "syncline.api",
    "embed": "syncline.api",
    "features": "syncline.api",
    "make_template": "syncline.api",
    "search": "syncline.api",
    "sync": "syncline.api",
    "train": "syncline.training",
    "transfer": "syncline.api",
}
_ROOMS = ("alignment", "data", "encoder", "evaluation", "losses", "tasks", "training", "video", "views")
__all__ = [
    "Alignment",
    "Embedding",
    "FrameEncoder",
    "SynclineError",
    "Template",
    "__version__",
    "align",
    "deviate",
    "embed",
    "features",
    "make_template",
    "search",
    "sync",
    "train",
    "transfer",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:  # syncline.tasks, without an import of its own
        return importlib.import_module(f"syncline.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'syncline' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
