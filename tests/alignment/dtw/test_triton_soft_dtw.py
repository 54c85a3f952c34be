"""The Triton kernels of soft-DTW under Triton's interpreter, in a process of its own, and compiled for an absent GPU.

Run as a program (``TRITON_INTERPRET=1 python test_triton_soft_dtw.py``) it prints the largest difference from plain
PyTorch of every result and derivative, one line a case.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from syncline.alignment import expected_path, soft_dtw

no_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="no triton for this platform")
RAGGED = {"lengths_x": [5, 3], "lengths_y": [4, 7]}
CASES: list[tuple[str, tuple[int, int, int], dict[str, Any], float]] = [
    ("float64", (2, 5, 7), RAGGED, 0.3),
    ("float64", (2, 5, 7), RAGGED | {"subsequence": True}, 0.3),
    ("float64", (2, 7, 5), {"step_weights": (2.0, 1.0, 0.7)}, 1.0),
    ("float64", (1, 8, 9), {"band": 1}, 0.1),
    ("float64", (3, 6, 7), {"lengths_x": [6, 0, 6], "lengths_y": [7, 7, 5]}, 0.3),
    ("float32", (2, 5, 7), RAGGED, 0.3),
    ("float32", (1, 1, 1), {}, 0.5),
    ("float32", (0, 3, 4), {}, 0.5),
    ("float32", (2, 0, 4), {}, 0.5),
]


def results(route: str, case: int) -> list[Tensor]:
    """Value, expected path, and first and second derivatives of a function of both."""
    os.environ["SYNCLINE_ALIGNMENT"] = route
    name, (b, n, m), options, gamma = CASES[case]
    generator = torch.Generator().manual_seed(case)
    cost = torch.rand(b, m, n, generator=generator).to(getattr(torch, name)).mT  # not contiguous
    if n > 5:
        cost[torch.rand(b, n, m, generator=generator) < 0.15] = torch.inf
    cost.requires_grad_()
    value, path = soft_dtw(cost, gamma=gamma, **options), expected_path(cost, gamma=gamma, **options)
    weight = torch.linspace(0, 1, m, dtype=cost.dtype)
    loss = value[value.isfinite()].square().sum()
    (first,) = torch.autograd.grad(loss, cost, create_graph=True)
    if not cost.numel():
        return [tensor.detach() for tensor in (value, path, first)]
    (second,) = torch.autograd.grad((first * weight).sum() + (path.square() * weight).sum(), cost)
    return [tensor.detach() for tensor in (value, path, first, second)]


def in_tiles() -> float:
    """The largest difference to plain PyTorch where anti-diagonals are longer than a program has lanes: here 4."""
    from syncline.alignment.dtw import triton_kernel

    triton_kernel.width = lambda n, m: 4  # read at each call
    both = zip(results("triton", 0), results("torch", 0), strict=True)
    return max(float((got - want)[want.isfinite()].abs().max()) for got, want in both)


def main() -> None:
    for case in range(len(CASES)):
        worst = 0.0
        for got, want in zip(results("triton", case), results("torch", case), strict=True):
            assert got.shape == want.shape
            assert torch.equal(got.isfinite(), want.isfinite())
            difference = (got - want)[want.isfinite()].abs()
            worst = max(worst, difference.max().item() if difference.numel() else 0.0)
        print(json.dumps(worst))
    print(json.dumps(in_tiles()))


@no_triton
@pytest.mark.slow
def test_equals_plain_pytorch_under_the_interpreter() -> None:
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", __file__], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    *worst, tiled = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(worst) == len(CASES)
    for (dtype, *_), difference in zip(CASES, worst):
        assert difference < (1e-11 if dtype == "float64" else 5e-5)
    assert tiled < 1e-11


@no_triton
@pytest.mark.slow
@pytest.mark.parametrize("real", ["fp32", "fp64"])
@pytest.mark.parametrize("kernel", ["forward", "backward"])
def test_compiles_for_a_gpu(kernel: str, real: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    import triton
    from triton.backends.compiler import GPUTarget

    from syncline.alignment.dtw import triton_kernel

    if "nvidia" not in triton.backends.backends:
        pytest.skip("this triton has no backend for NVIDIA")
    function = getattr(triton_kernel, kernel)
    fixed = {"WIDTH": 64, "OPEN": True}
    kinds = {"lx": "*i64", "ly": "*i64", "n": "i32", "m": "i32"} | dict.fromkeys(fixed, "constexpr")
    source = triton.compiler.ASTSource(
        fn=function,
        signature={name: kinds.get(name, f"*{real}") for name in function.arg_names},
        constexprs={(function.arg_names.index(name),): value for name, value in fixed.items()},
    )
    ptx = triton.compile(source, target=GPUTarget("cuda", 80, 32)).asm["ptx"]
    assert "bar.sync" in ptx  # the anti-diagonals wait for one another


def test_on_a_cpu_without_the_interpreter_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCLINE_ALIGNMENT", "triton")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(RuntimeError, match="asked for, but the tensor is on cpu and TRITON_INTERPRET is not 1"):
        soft_dtw(torch.zeros(1, 2, 2))


if __name__ == "__main__":
    main()
