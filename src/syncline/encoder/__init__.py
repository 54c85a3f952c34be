"""Frames -> embeddings: backbone, feature cache, heads, temporal encoders, FrameEncoder, extraction, store on disk."""

from __future__ import annotations

from syncline.encoder.backbone import Backbone as Backbone
from syncline.encoder.cache import CachedFeatures as CachedFeatures
from syncline.encoder.cache import CacheEntry as CacheEntry
from syncline.encoder.cache import FeatureCache as FeatureCache
from syncline.encoder.cache import cache_info as cache_info
from syncline.encoder.cache import clear_cache as clear_cache
from syncline.encoder.config import EncoderConfig as EncoderConfig
from syncline.encoder.config import encoder_preset as encoder_preset
from syncline.encoder.extraction import embed_features as embed_features
from syncline.encoder.extraction import embed_video as embed_video
from syncline.encoder.extraction import video_of as video_of
from syncline.encoder.frame_encoder import FrameEncoder as FrameEncoder
from syncline.encoder.frozen import frozen_embeddings as frozen_embeddings
from syncline.encoder.published_encoders import published_config as published_config
from syncline.encoder.store import EmbeddingStore as EmbeddingStore

__all__ = [
    "Backbone",
    "CacheEntry",
    "CachedFeatures",
    "EmbeddingStore",
    "EncoderConfig",
    "FeatureCache",
    "FrameEncoder",
    "cache_info",
    "clear_cache",
    "embed_features",
    "embed_video",
    "encoder_preset",
    "frozen_embeddings",
    "published_config",
    "video_of",
]
