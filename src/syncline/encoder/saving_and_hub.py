"""Saves and loads encoders, on disk and on a hub: safetensors, JSON and a model card; no pickles."""

from __future__ import annotations

import dataclasses
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from syncline.encoder.backbone import Backbone
from syncline.encoder.backbone_weights import state_hash
from syncline.encoder.deferred_backbone import DeferredBackbone, deferred
from syncline.encoder.encoder_config import EncoderConfig, LearnedGaps, PoseInput, tensor_name_as_today
from syncline.errors import SynclineError
from syncline.files import replacing, sha256, write_json, write_text

if TYPE_CHECKING:
    from syncline.encoder.frame_network import FrameNetwork

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
Network = TypeVar("Network", bound="FrameNetwork")
HUB = "hf:"
"""What a name on the Hugging Face hub begins with."""


def save_encoder(encoder: FrameNetwork, folder: str | os.PathLike[str]) -> None:
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
            "learned_gaps": None if encoder.learned_gaps is None else dataclasses.asdict(encoder.learned_gaps),
            "weights_sha256": sha256(folder / WEIGHTS),
        },
    )
    write_text(folder / CARD, model_card(encoder))


def read_encoder(
    kind: type[Network], folder: Path, *, deferred_backbone: bool = False, device: torch.device | None = None
) -> Network:
    """Loads an encoder from a folder on this machine, for ``FrameEncoder.from_pretrained``.

    Raises:
        SynclineError: it is no whole encoder of syncline's.
    """
    config, described = _read_description(folder)
    if not (folder / WEIGHTS).is_file() or sha256(folder / WEIGHTS) != described["weights_sha256"]:
        raise SynclineError(
            f"{folder / WEIGHTS} is missing or not the one that {CONFIG} belongs to; save or copy it again"
        )
    backbone: Backbone | DeferredBackbone | None = None
    if deferred_backbone and config.trainable == "frozen" and config.features != "pose":
        identity = ["encoder", described["weights_sha256"], described["preprocessing"], config.as_dict()]
        backbone = deferred(identity, lambda: read_encoder(kind, folder).backbone, device)
    # all weights are in the file: none are fetched, whatever the configuration names
    encoder = kind(dataclasses.replace(config, weights="none"), backbone=backbone)
    try:
        state = {tensor_name_as_today(name): tensor for name, tensor in load_file(folder / WEIGHTS).items()}
        if isinstance(backbone, DeferredBackbone):
            state = {name: tensor for name, tensor in state.items() if not name.startswith("backbone.")}
        encoder.load_state_dict(state)
        if not isinstance(backbone, DeferredBackbone):
            _restore_backbone(encoder.backbone, config, described)
        if described.get("learned_gaps") is not None:
            encoder.learned_gaps = LearnedGaps(**described["learned_gaps"])
    except (RuntimeError, SafetensorError, KeyError, ValueError, TypeError, AttributeError) as error:
        line = str(error).splitlines()[0]
        raise SynclineError(f"{folder / WEIGHTS} does not fit its configuration: {line}") from error
    encoder.config = config
    return encoder.to(device).eval()


def encoder_folder(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | None = None,
    local_files_only: bool = False,
) -> Path:
    """The folder of a saved encoder: the one that is named, or of ``hf:owner/name`` the one that is fetched.

    A name without ``hf:`` is a folder on this machine, and never asked for elsewhere.

    Raises:
        SynclineError: nothing is there.
    """
    name = os.fspath(source)
    if name.startswith(HUB):
        return _download(name.removeprefix(HUB), revision, token, cache_dir, local_files_only)
    folder = Path(name)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise SynclineError(
            f"no trained run at {name}: {folder.absolute()} {what}; give the folder that syncline train --out named, "
            f"or {HUB}owner/name for an encoder on the Hugging Face hub"
        )
    return folder


def encoder_hash(folder: Path) -> str:
    """``state_hash`` of a saved encoder, without building it."""
    return state_hash(load_file(folder / WEIGHTS))


def _read_description(folder: Path) -> tuple[EncoderConfig, dict[str, Any]]:
    try:
        described: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        config = EncoderConfig.from_dict(described["encoder"])
        for name in ("preprocessing", "backbone", "weights_sha256"):
            described[name]
    except FileNotFoundError as error:
        raise SynclineError(f"{folder} holds no encoder ({CONFIG} is missing)") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SynclineError(f"{folder / CONFIG} is not the configuration of an encoder ({error!r})") from error
    if ":" in config.backbone:
        raise SynclineError(f"{folder / CONFIG} names the backbone {config.backbone!r}; expected a model of timm's own")
    return config, described


def _restore_backbone(backbone: Backbone, config: EncoderConfig, described: dict[str, Any]) -> None:
    """The backbone as it was when saved: another version of a model library may have other settings."""
    seen, origin = described["preprocessing"], described["backbone"]
    if tuple(seen["size"]) != backbone.size:
        raise ValueError(f"it sees pictures of {seen['size']}, the backbone here of {list(backbone.size)}")
    backbone.mean.copy_(torch.tensor(seen["mean"]).view(1, 3, 1, 1))
    backbone.std.copy_(torch.tensor(seen["std"]).view(1, 3, 1, 1))
    if seen["interpolation"] not in ("bilinear", "bicubic"):
        raise ValueError(f"unknown interpolation {seen['interpolation']!r}")
    backbone.interpolation = seen["interpolation"]
    backbone.weights, backbone.origin, backbone.licence = config.weights, str(origin["origin"]), str(origin["licence"])


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
        raise SynclineError(f"{HUB}{name} is not the name of a repository; expected {HUB}owner/name") from error
    except Exception as error:  # the hub's, httpx's and the operating system's own
        raise SynclineError(
            f"no encoder could be had from the hub under {HUB}{name} ({type(error).__name__}); check the name and the "
            "connection"
        ) from error


def model_card(encoder: FrameNetwork) -> str:
    """The README of a saved encoder: what it is, how it is used, whose weights are inside."""
    config, backbone = encoder.config, encoder.backbone
    licence = backbone.licence if backbone.licence in ("apache-2.0", "mit") else "other"
    sampling = f"every {config.sampling.stride}. frame" if config.sampling.stride else f"{config.sampling.rate_hz:g} Hz"
    parameters = sum(p.numel() for p in encoder.parameters())
    size = f"{backbone.size[0]} x {backbone.size[1]}, {backbone.interpolation}; normalised inside"
    rows = [
        ("backbone", f"{config.backbone}{f', stage {config.stage}' if config.stage else ''}, {config.trainable}"),
        ("weights of the backbone", f"from {backbone.origin}, licence: {backbone.licence}"),
        ("pictures", size),
    ]
    if config.features == "pose":
        rows = []
    if config.pose is not None:
        rows.append(("body pose", _described_poses(config.pose)))
    rows += [
        ("sampling", sampling),
        ("head, temporal encoder", f"{config.head}, {config.temporal}; position code {config.pos_enc}"),
        ("parameters", f"{parameters:,}"),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    ours = "All of it was"
    if config.features != "pose":
        ours = (
            "The weights of the backbone are part of `model.safetensors` and keep their licence "
            f"({backbone.licence}); the rest was"
        )
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
encoder = syncline.FrameEncoder.from_pretrained("THIS FOLDER, OR hf:owner/name", revision="A COMMIT")
a, b = encoder.embed(["a.mp4", "b.mp4"])
```

| | |
|---|---|
{table}

{ours}
trained on its owner's videos. Files are safetensors and JSON: loading runs no code from them.
"""


def _described_poses(pose: PoseInput) -> str:
    """The poses that an encoder takes: name, version, licence and hash of the estimator."""
    joints = f"{len(pose.settings['joints'])} joints"
    if not pose.estimator:
        return f"{joints} of keypoint files"
    by = pose.estimator
    return f"{joints} by {by['model']} ({by['version']}), licence: {by['licence']}, not inside; sha256 {by['sha256']}"
