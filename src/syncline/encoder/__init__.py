"""Frames -> embeddings: backbone, feature cache, heads, temporal encoders, FrameEncoder, extraction, store on disk."""

from __future__ import annotations

from syncline.encoder.backbone import Backbone as Backbone

__all__ = ["Backbone"]
