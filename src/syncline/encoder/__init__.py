"""Frames -> embeddings: backbone, feature cache, heads, temporal encoders, FrameEncoder, extraction, store on disk."""

from __future__ import annotations

from syncline.encoder.backbone import Backbone as Backbone
from syncline.encoder.cache import CachedFeatures as CachedFeatures
from syncline.encoder.cache import FeatureCache as FeatureCache
from syncline.encoder.config import EncoderConfig as EncoderConfig
from syncline.encoder.config import encoder_preset as encoder_preset
from syncline.encoder.frame_encoder import FrameEncoder as FrameEncoder

__all__ = ["Backbone", "CachedFeatures", "EncoderConfig", "FeatureCache", "FrameEncoder", "encoder_preset"]
