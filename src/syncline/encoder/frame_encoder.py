"""The encoder as users have it: the network of `frame_network`, which embeds videos, is saved and is shared."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from huggingface_hub import PyTorchModelHubMixin

from syncline.encoder.frame_network import FrameNetwork
from syncline.progress import Callback, Steps, silent

if TYPE_CHECKING:
    from syncline.data import Embedding, Sampling, Video
    from syncline.encoder.feature_cache import FeatureCache


class FrameEncoder(FrameNetwork, PyTorchModelHubMixin):
    """An embedding for every frame of a video.

    Args:
        config: its settings. backbone: an existing one that fits ``config``; None builds one; a deferred one is enough
            for cached features.

    Examples:
        >>> from syncline.encoder import EncoderConfig
        >>> config = EncoderConfig(backbone="test_resnet", weights="none")
        >>> encoder = FrameEncoder(config).eval()
        >>> encoder(torch.zeros(2, 5, encoder.backbone.dim)).shape
        torch.Size([2, 5, 128])
    """

    def embed(
        self,
        videos: str | os.PathLike[str] | Iterable[str | os.PathLike[str] | Video],
        *,
        sampling: Sampling | None = None,
        cache: FeatureCache | None = None,
        chunk_size: int = 32,
        callback: Callback = silent,
    ) -> list[Embedding]:
        """An ``Embedding`` of each video: vectors (t, d) float32, their times in seconds, and where they are from.

        Args:
            videos: files, or ``Video``s (of a re-cut its own frames are taken); one path is one file.
            sampling: which frames; ``None`` for those that the encoder was trained with.
            cache: a ``FeatureCache`` of the same frozen backbone to read from and add to; ``None`` keeps nothing. Of an
                encoder with poses: what ``syncline.encoder.pose_inputs.encoder_inputs`` gives; ``None`` asks the
                estimator.
            chunk_size: frames that are in memory at a time. The result does not depend on it.
            callback: called with a ``Progress`` after each video.

        Raises:
            SynclineError: a file cannot be decoded.
        """
        from syncline.data import Video
        from syncline.encoder.extraction import embed_video, video_of

        if isinstance(videos, str | os.PathLike):  # one path, not the letters of one
            videos = [videos]
        opened = [video if isinstance(video, Video) else video_of(video) for video in videos]
        step, found = Steps("embedding", len(opened), callback), []
        for video in opened:
            found.append(embed_video(self, video, sampling=sampling, cache=cache, chunk_size=chunk_size))
            step(video.name)
        return found

    def _save_pretrained(self, save_directory: Path) -> None:
        """Called by ``save_pretrained`` and ``push_to_hub`` of the hub's mixin."""
        from syncline.encoder.saving_and_hub import save_encoder

        save_encoder(self, save_directory)

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        source: str | os.PathLike[str],
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | None = None,
        local_files_only: bool = False,
        deferred_backbone: bool = False,
        device: torch.device | None = None,
    ) -> FrameEncoder:
        """A saved encoder, in eval mode: from a folder, or ``hf:owner/name`` on the Hugging Face hub, at ``revision``.

        Args:
            deferred_backbone: a frozen backbone is built when a picture comes; until then the encoder serves for
                features that are in the cache, and its state dict lacks the backbone's part.
            device: where it is to compute.

        Raises:
            SynclineError: nothing is there, or it is no whole encoder of syncline's.
        """
        from syncline.encoder.saving_and_hub import encoder_folder, read_encoder

        folder = encoder_folder(
            source, revision=revision, token=token, cache_dir=cache_dir, local_files_only=local_files_only
        )
        return read_encoder(cls, folder, deferred_backbone=deferred_backbone, device=device)
