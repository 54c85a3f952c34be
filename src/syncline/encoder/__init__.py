"""Frames -> embeddings: backbone, feature cache, heads, temporal encoders, FrameEncoder, extraction, store on disk."""
