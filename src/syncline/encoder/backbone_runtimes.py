"""Chooses what computes a frozen backbone on a CPU: OpenVINO if it is faster, onnxruntime, or PyTorch.

Notable choices:
- Speeds are measured once per machine and model. If one runtime is clearly the fastest, that is remembered beside the
  exported graph, which loads in half a second. ``SYNCLINE_RUNTIME`` (the command line's ``--runtime``) forces one.
- A runtime is used only if it gives the features of PyTorch in the same precision, up to a cosine of ``SAME`` on every
  picture of a probe. Features of two runtimes may therefore share one cache.
- A model that cannot be exported is computed by PyTorch, with the reason logged once.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import logging
import os
import platform
import shutil
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from syncline.errors import SynclineError, check_choice
from syncline.files import cache_folder, write_json

Runtime = Literal["auto", "torch", "openvino", "onnxruntime"]
Compute = Callable[[Tensor], Tensor]
"""Prepared pictures (n, 3, h, w) float32 -> maps (n, C, h, w) float32."""

VARIABLE = "SYNCLINE_RUNTIME"
SAME = 0.99
"""Least cosine between a runtime's features and PyTorch's. bfloat16 itself is about .991 away from float32."""
CLEAR = 1.15
"""Factor by which a runtime must be the fastest to be remembered; where two are close, they are measured anew."""
_PROBE, _TURNS = 8, 4
_STREAMS = 4
"""Parts of a batch that OpenVINO computes side by side: they wait for each other once a batch, not once a layer."""

_log = logging.getLogger(__name__)


def wanted_runtime() -> Runtime:
    """The runtime that ``SYNCLINE_RUNTIME`` names; ``auto`` without it.

    Raises:
        SynclineError: it names none.
    """
    name = os.environ.get(VARIABLE) or "auto"
    check_choice(VARIABLE, name, Runtime, error=SynclineError)
    return name  # type: ignore[return-value]


def fastest(model: nn.Module, *, size: tuple[int, int], dtype: torch.dtype, identity: str) -> Compute:
    """The fastest way to compute ``model`` here, or the one that ``SYNCLINE_RUNTIME`` names.

    Args:
        model: in eval mode, on the CPU, float32; (n, 3, h, w) -> (n, C, h, w). size: (h, w).
        dtype: float32, or bfloat16 for a runtime that has it. identity: changes with the model's weights.

    Raises:
        SynclineError: the runtime that is asked for is not installed.
    """
    wanted = wanted_runtime()
    plain = in_torch(model, dtype)
    if wanted == "torch":
        return plain
    folder = _folder(identity, dtype)
    chosen = _remembered(folder) if wanted == "auto" else None
    if chosen == "torch":
        return plain
    names = [chosen or wanted] if chosen or wanted != "auto" else [n for n in ("openvino", "onnxruntime") if _there(n)]
    found: dict[str, Compute] = {"torch": plain}
    for name in names[:1]:
        if not _there(name):
            raise SynclineError(f"the runtime {name} is not installed: pip install 'syncline[{_EXTRA[name]}]'")
        made = _checked(name, model, size, dtype, folder, plain)
        if made is not None:
            found[name] = made
    if chosen or wanted != "auto":
        return found.get(chosen or wanted, plain)
    rates = measured_rates(found, size) if len(found) > 1 else {"torch": 0.0}
    best = max(rates, key=lambda name: rates[name])
    if all(rates[best] >= CLEAR * rate for name, rate in rates.items() if name != best):
        with contextlib.suppress(OSError):  # measured again next time
            write_json(folder / "chosen.json", {"runtime": best, "frames_per_second": rates})
    _log.info("the backbone is computed by %s (frames a second: %s)", best, rates)
    return found[best]


_EXTRA = {"openvino": "fast", "onnxruntime": "onnx"}


def _there(name: str) -> bool:
    from importlib.util import find_spec

    needed = {"openvino": ("openvino",), "onnxruntime": ("onnxruntime", "onnx", "onnxscript")}[name]
    return all(find_spec(package) is not None for package in needed)


def _folder(identity: str, dtype: torch.dtype) -> Path:
    """The folder of a model's graphs, and of the fastest runtime on this machine with this number of threads."""
    from importlib.metadata import version

    machine = [platform.node(), platform.machine(), torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()]
    key = json.dumps([1, identity, str(dtype), version("torch"), version("syncline"), *machine])
    return cache_folder() / "graphs" / hashlib.sha256(key.encode()).hexdigest()[:24]


def _remembered(folder: Path) -> str | None:
    try:
        name = json.loads((folder / "chosen.json").read_text(encoding="utf-8"))["runtime"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if name == "torch" or (name in _EXTRA and _there(name)) else None


def _checked(
    name: str, model: nn.Module, size: tuple[int, int], dtype: torch.dtype, folder: Path, plain: Compute
) -> Compute | None:
    """The runtime's version of ``model``; None, with the reason logged, where there is none or it differs."""
    make = {"openvino": _openvino, "onnxruntime": _onnxruntime}[name]
    try:
        with _quiet():
            made = make(model, size, dtype, folder)
            probe = _probe(size)
            worst = float(F.cosine_similarity(made(probe).flatten(1), plain(probe).flatten(1)).min())
    except Exception as error:  # exporters raise whatever they like
        reason = " ".join(str(error).split())[:200]
        _log.warning("%s cannot compute this backbone, PyTorch does (%s: %s)", name, type(error).__name__, reason)
        return None
    if not worst >= SAME:  # as nan is not
        _log.warning("%s gives other features than PyTorch (cosine %.3f), so PyTorch computes", name, worst)
        return None
    return made


def _probe(size: tuple[int, int]) -> Tensor:
    """Smooth pictures, about as a backbone's normalisation leaves them."""
    noise = torch.randn(_PROBE, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, size, mode="bilinear", align_corners=False)


def measured_rates(found: dict[str, Compute], size: tuple[int, int]) -> dict[str, float]:
    """Frames a second of each runtime, warm: the best of a few batches in turns, since the machine has other work."""
    pictures = _probe(size).repeat(4, 1, 1, 1).contiguous(memory_format=torch.channels_last)
    best = dict.fromkeys(found, 0.0)
    for turn in range(_TURNS + 1):
        for name, compute in found.items():
            began = time.perf_counter()
            compute(pictures)
            if turn:  # the first one warms up
                best[name] = max(best[name], round(len(pictures) / (time.perf_counter() - began), 1))
    return best


def in_torch(model: nn.Module, dtype: torch.dtype) -> Compute:
    """PyTorch itself, on any device, with a copy of ``model`` in another type where that is asked for."""
    own = copy.deepcopy(model) if dtype != torch.float32 else model
    own = own.to(dtype).to(memory_format=torch.channels_last)

    def compute(pictures: Tensor) -> Tensor:
        with torch.no_grad():
            maps: Tensor = own(pictures.to(dtype)).float()
            return maps

    return compute


def _openvino(model: nn.Module, size: tuple[int, int], dtype: torch.dtype, folder: Path) -> Compute:
    import openvino

    core = openvino.Core()
    file = folder / "openvino" / "graph.xml"
    if file.is_file():
        graph = core.read_model(file)
    else:
        example = _probe(size)[:2]
        graph = openvino.convert_model(model.float(), example_input=example)
        graph.reshape([-1, 3, *size])
        with _keeping(file.parent) as part:
            openvino.save_model(graph, part / file.name, compress_to_fp16=False)
    streams = min(torch.get_num_threads(), _STREAMS)
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if dtype == torch.bfloat16 else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": streams,
    }
    compiled = core.compile_model(graph, "CPU", settings)
    requests = [compiled.create_infer_request() for _ in range(streams)]
    alone = threading.Lock()

    def compute(pictures: Tensor) -> Tensor:
        parts = np.array_split(pictures.float().contiguous().numpy(), min(streams, max(1, len(pictures))))
        with alone:  # results lie in the requests until the next batch
            for request, part in zip(requests, parts):
                request.start_async([part])
            for request in requests[: len(parts)]:
                request.wait()
            found = [request.get_output_tensor(0).data for request in requests[: len(parts)]]
            return torch.from_numpy(np.concatenate(found))

    return compute


def _onnxruntime(model: nn.Module, size: tuple[int, int], dtype: torch.dtype, folder: Path) -> Compute:
    """Called as `_openvino` is; ``dtype`` changes nothing, ONNX Runtime computes in float32 on the CPU."""
    import onnxruntime

    file = folder / "onnxruntime" / "graph.onnx"
    if file.is_file():
        graph = file.read_bytes()
    else:
        program = torch.onnx.export(
            model.float(), (_probe(size)[:2].contiguous(),), dynamo=True, verbose=False,
            dynamic_shapes=({0: torch.export.Dim("n", min=1, max=4096)},),
        )  # fmt: skip
        assert program is not None
        graph = program.model_proto.SerializeToString()
        with _keeping(file.parent) as part:
            (part / file.name).write_bytes(graph)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def compute(pictures: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: pictures.float().contiguous().numpy()})[0])

    return compute


@contextlib.contextmanager
def _keeping(folder: Path) -> Iterator[Path]:
    """A new folder that becomes ``folder``, whole, when the block ends well; not kept where nothing can be written."""
    with tempfile.TemporaryDirectory() as part:
        yield Path(part)
        with contextlib.suppress(OSError):
            folder.parent.mkdir(parents=True, exist_ok=True)
            near = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
            shutil.copytree(part, near, dirs_exist_ok=True)
            try:
                near.rename(folder)
            except OSError:  # another process was first
                shutil.rmtree(near, ignore_errors=True)


@contextlib.contextmanager
def _quiet() -> Iterator[Any]:
    """Exporters warn of their own future, and one that fails leaves the root logger with a level of its own."""
    level, everyone = logging.getLogger("torch.onnx").level, logging.getLogger().level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
        logging.getLogger().setLevel(everyone)
