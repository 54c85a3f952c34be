"""Encoders on disk and on a hub: ``model.safetensors``, ``config.json`` and a model card. Nothing is unpickled."""

from __future__ import annotations

import dataclasses
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from syncline.encoder.config import EncoderConfig
from syncline.encoder.frame_encoder import FrameEncoder
from syncline.errors import SynclineError
from syncline.files import replacing, sha256, write_json, write_text

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"


def save_encoder(encoder: FrameEncoder, folder: str | os.PathLike[str]) -> None:
    """Writes weights, then configuration (which names the weights by SHA-256), then the model card."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in encoder.state_dict().items()}
    with replacing(folder / WEIGHTS) as temporary:
        save_file(state, temporary, metadata={"format": "pt"})
    backbone = encoder.backbone
    write_json(
        folder / CONFIG,
        {
            "library": "syncline",
            "version": version("syncline"),
            "encoder": encoder.config.as_dict(),
            "preprocessing": {
                "size": list(backbone.size),
                "mean": [round(float(v), 9) for v in backbone.mean.flatten()],
                "std": [round(float(v), 9) for v in backbone.std.flatten()],
                "interpolation": backbone.interpolation,
            },
            "backbone": {"origin": backbone.origin, "licence": backbone.licence},
            "weights_sha256": sha256(folder / WEIGHTS),
        },
    )
    write_text(folder / CARD, model_card(encoder))


def load_encoder(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | None = None,
    local_files_only: bool = False,
) -> FrameEncoder:
    """Reads what ``save_encoder`` wrote, from a folder or a repository of the Hugging Face hub, in eval mode.

    Raises:
        SynclineError: nothing is there, or it is no whole encoder of syncline's.
    """
    folder = Path(source)
    if not folder.is_dir():
        folder = _download(str(source), revision, token, cache_dir, local_files_only)
    try:
        described = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        config = EncoderConfig.from_dict(described["encoder"])
        seen, origin = described["preprocessing"], described["backbone"]
        expected = described["weights_sha256"]
    except FileNotFoundError as error:
        raise SynclineError(f"{folder} holds no encoder ({CONFIG} is missing)") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SynclineError(f"{folder / CONFIG} is not the configuration of an encoder ({error!r})") from error
    if ":" in config.backbone:
        raise SynclineError(f"{folder / CONFIG} names the backbone {config.backbone!r}; expected a model of timm's own")
    if not (folder / WEIGHTS).is_file() or sha256(folder / WEIGHTS) != expected:
        raise SynclineError(
            f"{folder / WEIGHTS} is missing or not the one that {CONFIG} belongs to; save or copy it again"
        )
    # all weights are in the file: none are fetched, whatever the configuration names
    encoder = FrameEncoder(dataclasses.replace(config, weights="none"))
    try:
        encoder.load_state_dict(load_file(folder / WEIGHTS))
        _restore_preprocessing(encoder, seen)
    except (RuntimeError, SafetensorError, KeyError, ValueError, TypeError) as error:
        line = str(error).splitlines()[0]
        raise SynclineError(f"{folder / WEIGHTS} does not fit its configuration: {line}") from error
    encoder.config, encoder.backbone.weights = config, config.weights
    encoder.backbone.origin, encoder.backbone.licence = str(origin.get("origin")), str(origin.get("licence"))
    return encoder.eval()


def _restore_preprocessing(encoder: FrameEncoder, seen: dict[str, Any]) -> None:
    """The backbone as it was when saved: another version of a model library may have other settings."""
    backbone = encoder.backbone
    if tuple(seen["size"]) != backbone.size:
        raise ValueError(f"it sees pictures of {seen['size']}, the backbone here of {list(backbone.size)}")
    backbone.mean.copy_(torch.tensor(seen["mean"]).view(1, 3, 1, 1))
    backbone.std.copy_(torch.tensor(seen["std"]).view(1, 3, 1, 1))
    if seen["interpolation"] not in ("bilinear", "bicubic"):
        raise ValueError(f"unknown interpolation {seen['interpolation']!r}")
    backbone.interpolation = seen["interpolation"]


def _download(
    name: str, revision: str | None, token: str | bool | None, cache_dir: str | None, local_files_only: bool
) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(
            snapshot_download(
                name, revision=revision, token=token, cache_dir=cache_dir, local_files_only=local_files_only,
                allow_patterns=[WEIGHTS, CONFIG, CARD],
            )
        )  # fmt: skip
    except HFValidationError as error:
        raise SynclineError(f"no folder {name}, and not the name of a repository (owner/name) either") from error
    except Exception as error:  # the hub's, httpx's and the operating system's own
        raise SynclineError(
            f"no folder {name}, and no such encoder could be had from the hub ({type(error).__name__})"
        ) from error


def model_card(encoder: FrameEncoder) -> str:
    """The README of a saved encoder: what it is, how it is used, whose weights are inside."""
    config, backbone = encoder.config, encoder.backbone
    licence = backbone.licence if backbone.licence in ("apache-2.0", "mit") else "other"
    sampling = f"every {config.sampling.stride}. frame" if config.sampling.stride else f"{config.sampling.rate_hz:g} Hz"
    parameters = sum(p.numel() for p in encoder.parameters())
    return f"""---
library_name: syncline
license: {licence}
tags: [video-alignment, frame-embedding, self-supervised]
---
# A frame encoder made with syncline

Turns every sampled frame of a video into {config.embedding_dim} numbers, so that frames that show the same moment of an
activity lie close together.

```python
import syncline
encoder = syncline.FrameEncoder.from_pretrained("THIS FOLDER OR REPOSITORY", revision="A COMMIT")
a, b = encoder.embed(["a.mp4", "b.mp4"])
```

| | |
|---|---|
| backbone | {config.backbone}{f", stage {config.stage}" if config.stage else ""}, {config.trainable} |
| weights of the backbone | from {backbone.origin}, licence: {backbone.licence} |
| pictures | {backbone.size[0]} x {backbone.size[1]}, {backbone.interpolation}; normalised inside |
| sampling | {sampling} |
| head, temporal encoder | {config.head}, {config.temporal}; position code {config.pos_enc} |
| parameters | {parameters:,} |

The weights of the backbone are part of `model.safetensors` and keep their licence ({backbone.licence}); the rest was
trained on its owner's videos. Files are safetensors and JSON: loading runs no code from them.
"""
