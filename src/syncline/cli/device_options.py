"""--device and --runtime, the same on every verb that embeds."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

RUNTIMES = ("auto", "torch", "openvino", "onnxruntime")
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def add_compute_options(parser: argparse._ActionsContainer) -> None:
    """--device and --runtime."""
    parser.add_argument(
        "--device", type=_device, default="auto", metavar="auto|cpu|cuda[:N]|mps",
        help="where networks compute (default: auto, a GPU if there is one)",
    )  # fmt: skip
    parser.add_argument(
        "--runtime", choices=RUNTIMES,
        help="what computes a frozen backbone on a CPU (default: auto, the fastest that is installed)",
    )  # fmt: skip


def _device(text: str) -> str:
    if not _DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is none of auto, cpu, cuda, cuda:N, mps")
    return text


def use(arguments: argparse.Namespace) -> torch.device:
    """The device that was asked for, or the best one; it and the runtime are kept for this process and those it starts.

    Raises:
        SynclineError: the device is not there.
    """
    from syncline.encoder import backbone_runtimes, choose_device

    if arguments.runtime is not None:
        os.environ[backbone_runtimes.VARIABLE] = arguments.runtime
    if arguments.device == "auto":
        return choose_device.chosen_device()
    device = choose_device.device_named(arguments.device)
    os.environ[choose_device.VARIABLE] = arguments.device
    os.environ["ACCELERATE_TORCH_DEVICE"] = str(device)  # which trains
    os.environ["ACCELERATE_USE_CPU"] = str(device.type == "cpu").lower()
    return device
