"""Transformer over the frames of a sequence, as in LAC (norm after each sublayer) and CARL (norm before).

Notable choices:
- ``attn_axis="batch"`` exists to show what LAC's released code does: it hands (videos, frames, d) to a transformer that
  expects the sequence first, so attention runs over the videos of the batch.
- No dense attention mask: padding is masked on the keys, and without padding no mask is given at all.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from syncline.encoder.frame_positions import rotate

AttentionAxis = Literal["time", "batch"]
NormPlace = Literal["post", "pre"]


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward network, each with dropout, residual and LayerNorm.

    ``post`` is ``nn.TransformerEncoderLayer``'s default: dropout also on attention weights and inside the feed-forward
    network. ``pre`` (CARL): LayerNorm first, no dropout at those two, Xavier-uniform matrices.
    """

    def __init__(self, dim: int, *, heads: int, feed_forward: int, dropout: float, norm: NormPlace) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"dim {dim} is no multiple of heads {heads}")
        self.heads, self.norm = heads, norm
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.widen = nn.Linear(dim, feed_forward)
        self.narrow = nn.Linear(feed_forward, dim)
        self.norm_attention, self.norm_feed_forward = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        self.inner_dropout = dropout if norm == "post" else 0.0
        if norm == "pre":
            # queries, keys and values are three matrices to CARL, each with Xavier's bound; biases are nn.Linear's own
            for matrix in (*self.qkv.weight.chunk(3), self.out.weight, self.widen.weight, self.narrow.weight):
                nn.init.xavier_uniform_(matrix)
        else:
            nn.init.xavier_uniform_(self.qkv.weight)
            nn.init.zeros_(self.qkv.bias)
            nn.init.zeros_(self.out.bias)

    def forward(
        self, x: Float[Tensor, "b t d"], keys: Bool[Tensor, "b t"] | None, rotary: Float[Tensor, "b t"] | None
    ) -> Float[Tensor, "b t d"]:
        if self.norm == "pre":
            x = x + self.dropout(self._attend(self.norm_attention(x), keys, rotary))
            x = x + self.dropout(self._feed_forward(self.norm_feed_forward(x)))
        else:
            x = self.norm_attention(x + self.dropout(self._attend(x, keys, rotary)))
            x = self.norm_feed_forward(x + self.dropout(self._feed_forward(x)))
        return x

    def _attend(self, x: Tensor, keys: Tensor | None, rotary: Tensor | None) -> Tensor:
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        if rotary is not None:
            q, k = rotate(q, rotary), rotate(k, rotary)
        dropout = self.inner_dropout if self.training else 0.0
        mask = None if keys is None else keys[:, None, None, :]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
        return self.out(y.transpose(1, 2).reshape(b, t, d))  # type: ignore[no-any-return]

    def _feed_forward(self, x: Tensor) -> Tensor:
        hidden = F.dropout(F.relu(self.widen(x)), self.inner_dropout, self.training)
        return self.narrow(hidden)  # type: ignore[no-any-return]


class TemporalEncoder(nn.Module):
    """A stack of layers over the frames of each sequence.

    Args:
        dim: width d. layers, heads, feed_forward: of the transformer. dropout: of its sublayers.
        norm: ``post`` (LAC) or ``pre`` (CARL; no LayerNorm at the end).
        attn_axis: ``time``, or ``batch`` (LAC's released code; see above).

    Examples:
        >>> import torch
        >>> encoder = TemporalEncoder(16, layers=1, heads=2, feed_forward=32)
        >>> encoder(torch.zeros(2, 5, 16)).shape
        torch.Size([2, 5, 16])
    """

    def __init__(
        self,
        dim: int = 256,
        *,
        layers: int = 2,
        heads: int = 8,
        feed_forward: int = 1024,
        dropout: float = 0.1,
        norm: NormPlace = "post",
        attn_axis: AttentionAxis = "time",
    ) -> None:
        super().__init__()
        self.attn_axis = attn_axis
        self.layers = nn.ModuleList(
            EncoderLayer(dim, heads=heads, feed_forward=feed_forward, dropout=dropout, norm=norm) for _ in range(layers)
        )

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        *,
        mask: Bool[Tensor, "b t"] | None = None,
        rotary: Float[Tensor, "b t"] | None = None,
    ) -> Float[Tensor, "b t d"]:
        """Frames (b, t, d) that have seen each other.

        Args:
            x: frames, with their position code added where there is one.
            mask: true where a frame is real; others are not attended to, and their results mean nothing.
            rotary: positions by which queries and keys are rotated; ``None`` for no rotation.
        """
        keys = None
        if mask is not None and not bool(mask.all()):
            keys = mask
        over_batch = self.attn_axis == "batch"
        if over_batch:
            x = x.transpose(0, 1)
            keys = None if keys is None else keys.transpose(0, 1)
            rotary = None if rotary is None else rotary.transpose(0, 1)
        if keys is not None:
            # softmax over no keys is NaN: where there is no real frame, all slots count
            keys = keys | ~keys.any(dim=1, keepdim=True)
        for layer in self.layers:
            x = layer(x, keys, rotary)
        return x.transpose(0, 1) if over_batch else x
