"""``python -m benchmarks.embedding``: frames a second of embedding against the bare backbone; memory on long videos.

The bar: at least .9 of the bare backbone's frames a second on tensors in memory, and for an hour of 720p no more than
1.5 GB and 1.5 KB a frame. Every long video is embedded in a process of its own, so that its peak is its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from benchmarks.record import append, peak_bytes, surroundings

RATE = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 4, 10, 60])
    parser.add_argument("--clips", type=Path, help="folder of short videos for the speed against the bare backbone")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        embed_one(arguments.inside)
        return
    data = os.environ.get("SYNCLINE_TEST_DATA")
    clips = arguments.clips or (Path(data) / "g1_bottle" / "videos" if data else None)
    if clips:
        against_the_backbone(clips)
    with tempfile.TemporaryDirectory() as folder:
        for minutes in arguments.minutes:
            path = Path(folder) / f"{minutes:g}.mp4"
            write_long(path, minutes)
            subprocess.run([sys.executable, "-m", "benchmarks.embedding", "--inside", str(path)], check=True)
            path.unlink()


def write_long(path: Path, minutes: float) -> None:
    """720p H.264 of moving stripes: a minute at most is encoded, and its packets follow each other again and again."""
    import av

    with tempfile.TemporaryDirectory() as folder:
        short = Path(folder) / "short.mp4"
        length = round(min(minutes, 1) * 60 * RATE)
        write_stripes(short, length)
        with av.open(str(path), "w") as out:
            target = None
            for turn in range(max(round(minutes), 1)):
                with av.open(str(short)) as container:
                    source = container.streams.video[0]
                    target = target or out.add_stream_from_template(source)
                    for packet in container.demux(source):
                        if packet.pts is None or packet.dts is None:
                            continue
                        shift = round(turn * length / RATE / packet.time_base)
                        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, target
                        out.mux(packet)


def write_stripes(path: Path, frames: int) -> None:
    import av

    columns = np.arange(1280, dtype=np.uint16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "g": "250", "crf": "30"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for number in range(frames):
            row = ((columns + 3 * number % 256) % 256).astype(np.uint8)
            picture = np.broadcast_to(row[None, :, None], (720, 1280, 3))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode())


def embed_one(path: Path) -> None:
    from syncline.encoder import EncoderConfig, FrameEncoder

    encoder = FrameEncoder(EncoderConfig()).eval()
    before, start = peak_bytes(), time.perf_counter()
    (embedding,) = encoder.embed([path])
    seconds = time.perf_counter() - start
    append(
        "embedding",
        surroundings("timm")
        | {
            "what": "long video, 720p",
            "minutes": float(path.stem),
            "sampled_frames": len(embedding),
            "seconds": round(seconds, 2),
            "sampled_frames_per_second": round(len(embedding) / seconds, 2),
            "peak_bytes": peak_bytes(),
            "peak_bytes_before": before,
        },
    )


def against_the_backbone(clips: Path, turns: int = 3) -> None:
    """Embedding clips from their files, and the bare backbone on as many tensors in memory, in turns."""
    import torch

    from syncline.encoder import EncoderConfig, FrameEncoder

    encoder = FrameEncoder(EncoderConfig()).eval()
    files = sorted(clips.iterdir())[:4]
    frames = sum(len(embedding) for embedding in encoder.embed(files))
    pictures = torch.randint(0, 256, (64, 3, *encoder.backbone.size), dtype=torch.uint8)
    best = {"embed": 1e9, "backbone": 1e9}
    for _ in range(turns):
        start = time.perf_counter()
        encoder.embed(files)
        best["embed"] = min(best["embed"], (time.perf_counter() - start) / frames)
        start = time.perf_counter()
        with torch.no_grad():
            for _ in range(4):
                encoder.backbone(pictures)
        best["backbone"] = min(best["backbone"], (time.perf_counter() - start) / (4 * len(pictures)))
    append(
        "embedding",
        surroundings("timm")
        | {
            "what": "short clips against the bare backbone",
            "frames": frames,
            "threads": torch.get_num_threads(),
            "embed_frames_per_second": round(1 / best["embed"], 2),
            "backbone_frames_per_second": round(1 / best["backbone"], 2),
            "ratio": round(best["backbone"] / best["embed"], 3),
        },
    )


if __name__ == "__main__":
    main()
