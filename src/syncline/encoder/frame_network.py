"""Frames -> embeddings: backbone, head, temporal encoder, in one module that carries its own preprocessing.

`FrameEncoder` is this network with what reads videos and folders.

    pixels (b, t, 3, h, w) -> backbone -> maps (b, t, C, g, g) -> head -> (b, t, 512) -> Linear -> (b, t, 256)
           -> + position code, dropout -> transformer over t -> Linear -> (b, t, 128) -> rows of length 1

Notable choices:
- Poses (b, t, p) are a second input: behind the maps of each frame stand its p numbers, which have a head of their own;
  the two heads' vectors are joined. An encoder of poses alone has no backbone.
- With a frozen backbone, training starts from cached maps, flattened: (b, t, C g g).
- Sequences longer than 4,096 frames go through the transformer in overlapping windows that are defined by the frame's
  position in the sequence, never by how the sequence was read; their results are blended. Positions are those of the
  whole sequence.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Num, Shaped
from torch import Tensor, nn

from syncline.encoder.backbone import Backbone
from syncline.encoder.batch_norm import BatchNorm
from syncline.encoder.deferred_backbone import DeferredBackbone
from syncline.encoder.encoder_config import EncoderConfig, LearnedGaps
from syncline.encoder.frame_positions import relative_positions, sinusoidal_code
from syncline.encoder.heads import Conv3dHead, GridHead, MaxPoolHead, SpatialSoftmaxHead
from syncline.encoder.no_backbone import NoBackbone
from syncline.encoder.principal_space import PrincipalSpace
from syncline.encoder.temporal_encoder import TemporalEncoder
from syncline.errors import SynclineError
from syncline.pose.mirror import FRAMES
from syncline.pose.normalise import PoseSpace

WINDOW, OVERLAP = 4096, 1024


class FrameNetwork(nn.Module):
    """An embedding for every frame of a clip: the network of `FrameEncoder`.

    Args:
        config: its settings. backbone: an existing one that fits ``config``; None builds one; a deferred one is enough
            for cached features.
    """

    input_mean: Tensor
    input_directions: Tensor
    reference_length: Tensor

    def __init__(
        self, config: EncoderConfig | None = None, *, backbone: Backbone | DeferredBackbone | None = None
    ) -> None:
        super().__init__()
        self.config = config = EncoderConfig() if config is None else config
        if config.features != "pictures" and config.pose is None:
            raise SynclineError(f"encoder.features {config.features}: encoder.pose is missing, which training measures")
        self.pose_width = config.pose.width if config.pose is not None and config.features != "pictures" else 0
        self.backbone: Backbone = cast(Backbone, backbone) or _make_backbone(config)
        self.head = None if config.features == "pose" else self._make_head()
        width = 0 if self.head is None else self.head.width
        if self.pose_width:
            self.pose_head = GridHead(
                self.pose_width * config.contexts, hidden=config.hidden, dropout=config.dropout, norm=config.head_norm
            )
            width += self.pose_head.width
        out = config.embedding_dim
        self.temporal: TemporalEncoder | None = None
        if config.temporal == "none":
            self.output = nn.Linear(width, out)
        else:
            self.reduce = nn.Linear(width, config.width)
            self.input_dropout = nn.Dropout(config.dropout)
            self.temporal = TemporalEncoder(
                config.width, layers=config.layers, heads=config.heads, feed_forward=config.feed_forward,
                dropout=config.dropout, norm="pre" if config.temporal == "carl" else "post", attn_axis=config.attn_axis,
            )  # fmt: skip
            self.output = nn.Linear(config.width, out)
        self.learned_gaps: LearnedGaps | None = None  # of the loss that it was trained with
        self.projection_head: nn.Module = nn.Identity()
        if config.projection_head:
            self.projection_head = nn.Sequential(nn.Linear(out, out), BatchNorm(out), nn.ReLU(), nn.Linear(out, out))
        # median length of the training videos, in sampled frames: the unit of the absolute position code
        self.register_buffer("reference_length", torch.tensor(float(config.train_len)))
        if config.principal_dim is not None:
            self.register_buffer("input_mean", torch.zeros(self.backbone.dim))
            self.register_buffer("input_directions", torch.eye(self.backbone.dim, config.principal_dim))
        if config.pose is not None and self.pose_width:
            self.register_buffer("pose_mean", torch.zeros(self.pose_width, dtype=torch.float64))
            self.register_buffer("pose_factor", torch.ones(self.pose_width, dtype=torch.float64))
            joints = len(config.pose.settings["joints"]) * config.pose.settings["axes"]
            sides = torch.zeros(config.pose.sides, FRAMES if config.pose.sides else 0, joints, dtype=torch.float64)
            self.register_buffer("pose_sides", sides)

    def _make_head(self) -> GridHead | Conv3dHead | MaxPoolHead | SpatialSoftmaxHead:
        config, channels = self.config, self.backbone.channels
        if config.head == "grid":
            if config.principal_dim is not None and config.principal_dim >= self.backbone.dim:
                raise SynclineError(
                    f"encoder.principal_dim must be below the {self.backbone.dim} numbers of a map, got "
                    f"{config.principal_dim}"
                )
            inputs = config.principal_dim or self.backbone.dim
            return GridHead(
                inputs * config.contexts, hidden=config.hidden, dropout=config.dropout, norm=config.head_norm
            )
        if config.head == "maxpool":
            return MaxPoolHead(channels, hidden=config.hidden, dropout=config.dropout)
        smallest = {"spatial_softmax": 9, "conv3d": 5 if config.head_padding == "valid" else 1}[config.head]
        if min(self.map_size) < smallest:
            raise SynclineError(
                f"head {config.head!r} needs maps of at least {smallest}x{smallest}, the backbone gives "
                f"{self.map_size[0]}x{self.map_size[1]} (grid 0 leaves them whole)"
            )
        if config.head == "spatial_softmax":
            return SpatialSoftmaxHead(channels)
        hidden, padding = config.hidden, config.head_padding
        return Conv3dHead(channels, hidden=hidden, width=hidden, dropout=config.dropout, padding=padding)

    @property
    def input_dim(self) -> int:
        """Numbers of a frame's cached maps and pose together."""
        return self.backbone.dim + self.pose_width

    @property
    def pose_space(self) -> PoseSpace:
        """The space of the poses that it was trained on."""
        assert self.config.pose is not None
        arrays = (getattr(self, f"pose_{name}").cpu().numpy() for name in ("mean", "factor", "sides"))
        return PoseSpace.of(self.config.pose.settings, *arrays)

    @pose_space.setter
    def pose_space(self, space: PoseSpace) -> None:
        for name in ("mean", "factor", "sides"):
            buffer: Tensor = getattr(self, f"pose_{name}")
            buffer.copy_(torch.from_numpy(getattr(space, name)).view_as(buffer))

    @property
    def map_size(self) -> tuple[int, int]:
        """(h, w) of the maps that the head sees."""
        return (self.config.grid, self.config.grid) if self.config.grid else self.backbone.map_size

    # ---------------------------------------------------------------------------------------------------- training

    def calibrate(self, features: Iterable[np.ndarray[Any, Any]], *, seed: int = 0) -> None:
        """Learns, before training, what is measured and not trained: input statistics and the reference length.

        Args:
            features: (t, f) plain features of each training video, poses behind them.
            seed: of the choice of frames that the directions are fitted to.
        """
        sequences = list(features)
        self.reference_length.fill_(float(np.median([len(sequence) for sequence in sequences])))
        if self.config.principal_dim is not None:
            maps = [np.asarray(rows)[:, : self.backbone.dim] if self.pose_width else rows for rows in sequences]
            space = PrincipalSpace.fit(maps, self.config.principal_dim, seed=seed)
            self.input_mean.copy_(space.mean)
            self.input_directions.copy_(space.directions)

    def forward(
        self,
        inputs: Shaped[Tensor, "b t ..."],
        *,
        mask: Bool[Tensor, "b t"] | None = None,
        steps: Num[Tensor, "b t"] | None = None,
    ) -> Float[Tensor, "b t d"]:
        """Embeddings (b, t, d) of clips.

        Args:
            inputs: cached maps, flattened, (b, t, f) or with k contexts (b, t, k, f); or pixels (b, t, 3, h, w) or
                (b, t, k, 3, h, w), uint8 or in [0, 1]. f is the backbone's ``dim`` (or ``config.principal_dim``: what
                ``head_inputs`` gives), and with poses those p numbers more; pixels alone are not enough then.
            mask: true where a frame is real; a prefix. The others get zeros.
            steps: positions of the frames in their video's sampled sequence; 0 ... t - 1 by default.

        Raises:
            ValueError: a shape that is none of these.
        """
        vectors = self.describe_frames(inputs)
        return self.finish(self.relate(vectors, mask=mask, steps=steps), mask=mask)

    def head_inputs(self, inputs: Num[Tensor, "... f"]) -> Float[Tensor, "... p"]:
        """Flattened maps, with poses behind them, as the heads see them: float32, maps projected where
        ``config.principal_dim`` says so."""
        inputs = inputs.float()
        if self.config.principal_dim is None or inputs.shape[-1] == self.config.principal_dim + self.pose_width:
            return inputs
        maps, poses = self._parts(inputs)
        return torch.cat([(maps - self.input_mean) @ self.input_directions, poses], dim=-1)

    def _parts(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Maps, and the poses behind them."""
        end = rows.shape[-1] - self.pose_width
        return rows[..., :end], rows[..., end:]

    def describe_frames(self, inputs: Shaped[Tensor, "b t ..."]) -> Float[Tensor, "b t w"]:
        """The part of the network that sees one frame (and its contexts) alone: backbone, head, linear layer."""
        k, b, t = self.config.contexts, *inputs.shape[:2]
        if inputs.ndim in (5, 6) and not self.pose_width:
            rows = self.backbone(inputs.reshape(-1, *inputs.shape[-3:])).flatten(1)
        elif inputs.ndim in (3, 4):
            rows = inputs.reshape(-1, inputs.shape[-1])
        else:
            also = " and poses" if self.pose_width else " or pixels (b, t, [k,] 3, h, w)"
            raise ValueError(f"expected maps (b, t, [k,] f){also}, got {tuple(inputs.shape)}")
        if rows.shape[0] != b * t * k:
            raise ValueError(f"expected {k} maps a frame (contexts), got inputs {tuple(inputs.shape)}")
        rows = self.head_inputs(rows)
        if self.config.principal_dim is None and rows.shape[-1] != self.input_dim:
            raise ValueError(f"expected maps of {self.input_dim} numbers, got {rows.shape[-1]}")
        maps, poses = self._parts(rows)
        found = []
        if self.head is not None:
            shape = (-1,) if self.config.principal_dim is not None else (self.backbone.channels, *self.map_size)
            found.append(self.head(maps.reshape(b * t, k, *shape)))
        if self.pose_width:
            found.append(self.pose_head(poses.reshape(b * t, k, -1)))
        vectors = torch.cat(found, dim=-1) if len(found) > 1 else found[0]
        if self.temporal is not None:
            vectors = self.reduce(vectors)
        described: Tensor = vectors.view(b, t, -1)
        return described

    def relate(
        self,
        vectors: Float[Tensor, "b t w"],
        *,
        mask: Bool[Tensor, "b t"] | None = None,
        steps: Num[Tensor, "b t"] | None = None,
    ) -> Float[Tensor, "b t d"]:
        """Position code, temporal encoder and last linear layer; not yet normalised."""
        if self.temporal is None:
            result: Tensor = self.output(vectors)
            return result
        real = torch.ones(vectors.shape[:2], dtype=torch.bool, device=vectors.device) if mask is None else mask
        if steps is None:
            steps = torch.arange(real.shape[1], device=real.device).expand(real.shape)
        rotary = steps.float() if self.config.pos_enc == "rope" else None
        if self.config.pos_enc == "relative":
            vectors = vectors + sinusoidal_code(relative_positions(real, self.config.train_len), vectors.shape[-1])
        elif self.config.pos_enc == "absolute":
            positions = steps.float() * (self.config.train_len / self.reference_length)
            vectors = vectors + sinusoidal_code(positions, vectors.shape[-1])
        vectors = self.input_dropout(vectors)
        if vectors.shape[1] <= WINDOW or self.config.attn_axis == "batch":
            related: Tensor = self.output(self.temporal(vectors, mask=mask, rotary=rotary))
            return related
        return self._in_windows(vectors, mask, rotary)

    def _in_windows(self, vectors: Tensor, mask: Tensor | None, rotary: Tensor | None) -> Tensor:
        """Windows of 4,096 frames that share 1,024 with the next; in the shared part one fades into the other."""
        assert self.temporal is not None
        b, t, _ = vectors.shape
        total = vectors.new_zeros(b, t, self.config.embedding_dim)
        fade = (torch.arange(OVERLAP, device=vectors.device) + 1) / (OVERLAP + 1)
        for start in range(0, t - OVERLAP, WINDOW - OVERLAP):
            part = slice(start, min(start + WINDOW, t))
            length = part.stop - part.start
            weight = vectors.new_ones(length)
            if start > 0:
                weight[:OVERLAP] = fade
            if part.stop < t:
                weight[-OVERLAP:] = 1 - fade
            result = self.temporal(
                vectors[:, part],
                mask=None if mask is None else mask[:, part],
                rotary=None if rotary is None else rotary[:, part],
            )
            total[:, part] = total[:, part] + weight[:, None] * self.output(result)
        return total

    def finish(
        self, vectors: Float[Tensor, "b t d"], *, mask: Bool[Tensor, "b t"] | None = None
    ) -> Float[Tensor, "b t d"]:
        """The projection head in training, rows of length 1, zeros in masked slots."""
        if self.training and self.config.projection_head:
            vectors = self.projection_head(vectors.flatten(0, 1)).view_as(vectors)
        if self.config.l2_normalize:
            vectors = F.normalize(vectors, dim=-1)
        return vectors if mask is None else vectors * mask[..., None]


def _make_backbone(config: EncoderConfig) -> Backbone:
    if config.features == "pose":
        return cast(Backbone, NoBackbone())
    return Backbone(
        config.backbone, grid=config.grid or None, weights=config.weights, stage=config.stage,
        trainable=config.trainable, precision=config.precision,
    )  # fmt: skip
