"""Frames -> embeddings: backbone, feature cache, heads, temporal encoders, FrameEncoder, extraction, store on disk.

Every name is loaded when it is first used (PEP 562): with features that are in the cache, no network is imported.
"""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncline.encoder.backbone import Backbone as Backbone
    from syncline.encoder.deferred_backbone import DeferredBackbone as DeferredBackbone
    from syncline.encoder.embedding_store import EmbeddingStore as EmbeddingStore
    from syncline.encoder.encoder_config import EncoderConfig as EncoderConfig
    from syncline.encoder.extraction import embed_features as embed_features
    from syncline.encoder.extraction import embed_video as embed_video
    from syncline.encoder.extraction import video_of as video_of
    from syncline.encoder.feature_cache import CachedFeatures as CachedFeatures
    from syncline.encoder.feature_cache import CacheEntry as CacheEntry
    from syncline.encoder.feature_cache import FeatureCache as FeatureCache
    from syncline.encoder.feature_cache import cache_info as cache_info
    from syncline.encoder.feature_cache import clear_cache as clear_cache
    from syncline.encoder.folder_fit import FolderFit as FolderFit
    from syncline.encoder.folder_fit import folder_embeddings as folder_embeddings
    from syncline.encoder.folder_fit import kept_fit as kept_fit
    from syncline.encoder.frame_encoder import FrameEncoder as FrameEncoder
    from syncline.encoder.frozen_features import frozen_embeddings as frozen_embeddings
    from syncline.encoder.published_encoders import published_config as published_config

_HOME = {
    "Backbone": "backbone",
    "CacheEntry": "feature_cache",
    "CachedFeatures": "feature_cache",
    "DeferredBackbone": "deferred_backbone",
    "EmbeddingStore": "embedding_store",
    "EncoderConfig": "encoder_config",
    "FeatureCache": "feature_cache",
    "FolderFit": "folder_fit",
    "FrameEncoder": "frame_encoder",
    "cache_info": "feature_cache",
    "clear_cache": "feature_cache",
    "embed_features": "extraction",
    "embed_video": "extraction",
    "folder_embeddings": "folder_fit",
    "frozen_embeddings": "frozen_features",
    "kept_fit": "folder_fit",
    "published_config": "published_encoders",
    "video_of": "extraction",
}
__all__ = [
    "Backbone",
    "CacheEntry",
    "CachedFeatures",
    "DeferredBackbone",
    "EmbeddingStore",
    "EncoderConfig",
    "FeatureCache",
    "FolderFit",
    "FrameEncoder",
    "cache_info",
    "clear_cache",
    "embed_features",
    "embed_video",
    "folder_embeddings",
    "frozen_embeddings",
    "kept_fit",
    "published_config",
    "video_of",
]


def __getattr__(name: str) -> Any:
    if name == "encoder_preset":  # as version 0.1.0 had it
        message = "syncline.encoder.encoder_preset is syncline.training.own_encoder now"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return importlib.import_module("syncline.training").own_encoder
    if name not in _HOME:
        raise AttributeError(f"module 'syncline.encoder' has no attribute {name!r}")
    return getattr(importlib.import_module(f"syncline.encoder.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
