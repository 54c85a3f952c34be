"""``syncline export``: a run as safetensors with a model card, or as ONNX."""

from __future__ import annotations

import argparse

from syncline.wording import sized

EXAMPLE = """\
Writes model.safetensors, config.json and a model card (README.md): what FrameEncoder.from_pretrained reads, and what a
repository of the Hugging Face hub wants. With --onnx also model.onnx: pictures of one video in, embeddings out.

examples:
  syncline export runs/pour --out pour-encoder
  syncline export runs/pour --out pour-encoder --onnx
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("run", metavar="RUN", help="a run, a folder written by export, or hf:owner/name on the hub")
    parser.add_argument("--out", metavar="DIR", required=True, help="a new folder")
    parser.add_argument("--onnx", action="store_true", help="also as ONNX (extra [onnx])")


def run(arguments: argparse.Namespace) -> None:
    """Exports a run."""
    from pathlib import Path

    from syncline.encoder import FrameEncoder
    from syncline.encoder.saving_and_hub import save_encoder
    from syncline.errors import SynclineError

    out = Path(arguments.out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SynclineError(f"{out} exists; give a new folder")
    encoder = FrameEncoder.from_pretrained(arguments.run)
    if arguments.onnx:
        from syncline.encoder.onnx_export import export_onnx

        export_onnx(encoder, out / "model.onnx")
    save_encoder(encoder, out)
    for path in sorted(out.iterdir()):
        print(f"{path}  {sized(path.stat().st_size)}")
