"""A frame encoder as ONNX, for programs without PyTorch.

The graph takes the pictures of one video, sampled and resized by the caller, and gives their embeddings:

    pictures (t, 3, h, w) float32 in [0, 1], h and w as the encoder's configuration says  ->  embeddings (t, d) float32

Normalisation is inside. t is free from 2 to 4,096 frames (longer videos need the windows that ``FrameEncoder`` makes).
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from syncline.encoder.frame_encoder import FrameEncoder
from syncline.encoder.frame_network import WINDOW
from syncline.errors import SynclineError
from syncline.files import replacing


class _Graph(nn.Module):
    """The exported module: the encoder without data-dependent branches, in float32."""

    pooling: Tensor

    def __init__(self, encoder: FrameEncoder) -> None:
        super().__init__()
        self.encoder, self.model = encoder, encoder.backbone.model
        side = encoder.backbone.grid
        h, w = encoder.backbone.map_size
        # adaptive pooling as a matrix: ONNX has no pooling whose windows differ in size
        cells = torch.eye(h * w).view(h * w, 1, h, w)
        pooled = cells if side is None else F.adaptive_avg_pool2d(cells, side)
        self.register_buffer("pooling", pooled.flatten(1))

    def forward(self, pictures: Float[Tensor, "t 3 h w"]) -> Float[Tensor, "t d"]:
        encoder, config = self.encoder, self.encoder.config
        maps: Tensor = self.model((pictures - encoder.backbone.mean) / encoder.backbone.std)
        maps = (maps.flatten(2) @ self.pooling).flatten(1)
        if config.contexts > 1:
            reach = (config.contexts - 1) * config.context_stride
            extended = torch.cat([maps[:1].expand(reach, -1), maps])
            t = maps.shape[0]
            starts = range(0, reach + 1, config.context_stride)
            maps = torch.stack([extended[start : start + t] for start in starts], dim=1)
        vectors = encoder.describe_frames(maps[None])
        return encoder.finish(encoder.relate(vectors))[0]


def export_onnx(encoder: FrameEncoder, path: str | Path, *, frames: int = 8) -> None:
    """Writes ``path``. frames: of the example that the exporter traces; the graph takes any number.

    Raises:
        SynclineError: the packages of the extra [onnx] are missing, or an encoder that takes poses.
    """
    if encoder.config.features != "pictures":
        raise SynclineError("an encoder that takes poses cannot become ONNX, which would see pictures only")
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise SynclineError(f"ONNX needs the package {missing[0]}: pip install 'syncline[onnx]'")
    mode = encoder.training
    encoder.eval()
    pictures = torch.rand(frames, 3, *encoder.backbone.size, generator=torch.Generator().manual_seed(0))
    graph = _Graph(encoder).eval()
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter's own deprecations
            program = torch.onnx.export(
                graph, (pictures,), dynamo=True, verbose=False, input_names=["pictures"], output_names=["embeddings"],
                dynamic_shapes={"pictures": {0: torch.export.Dim("t", min=2, max=WINDOW)}},
            )  # fmt: skip
        assert program is not None
        with replacing(Path(path)) as temporary:
            program.save(str(temporary), external_data=False)
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
        encoder.train(mode)
