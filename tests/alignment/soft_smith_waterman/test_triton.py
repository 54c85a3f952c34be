"""The Triton kernels under Triton's interpreter, in a process of its own, and compiled for GPUs that are not there.

Run as a program (``TRITON_INTERPRET=1 python test_triton.py``) it prints the largest difference from plain PyTorch of
every result and derivative, one line a case.
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

from syncline.alignment import expected_alignment, soft_smith_waterman

no_triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="no triton for this platform")
FIVE = ([5, 3], [4, 7])
CASES: list[tuple[str, tuple[int, int, int], tuple[int, ...], Any, float]] = [
    ("float64", (2, 5, 7), (), FIVE, 0.3),
    ("float64", (2, 5, 7), (2,), None, 1.0),
    ("float64", (2, 5, 7), (5, 7), FIVE, 0.3),
    ("float64", (2, 5, 7), (2, 1, 7), ([0, 5], [3, 1]), 0.8),
    ("float64", (2, 7, 5), (7, 1), None, 0.1),
    ("float32", (2, 5, 7), (2, 5, 7), FIVE, 0.3),
    ("float32", (1, 1, 1), (), None, 0.5),
    ("float32", (1, 9, 2), (), None, 5.0),
    ("float32", (0, 3, 4), (), None, 0.5),
    ("float32", (2, 0, 4), (), None, 0.5),
    ("float64", (3, 6, 7), (), ([6, 4, 6], [7, 7, 5]), 0.3),
]
FORBIDDEN = {len(CASES) - 1}
"""Cases in which a third of the matches is forbidden, and every match of the first pair."""


def results(route: str, case: int) -> list[Tensor]:
    """Score, D, expected alignment, and first and second derivatives of a function of all three."""
    os.environ["SYNCLINE_ALIGNMENT"] = route
    name, (b, n, m), shape, lengths, gamma = CASES[case]
    generator, dtype = torch.Generator().manual_seed(case), getattr(torch, name)
    s = torch.randn(b, m, n, generator=generator).to(dtype).mT  # not contiguous
    if case in FORBIDDEN:
        s[torch.rand(b, n, m, generator=generator) < 0.3] = -torch.inf
        s[0] = -torch.inf
    s.requires_grad_()
    gaps = [scale * (torch.rand(shape, generator=generator) + 0.2).to(dtype) for scale in (1.0, 0.5)]
    go, ge = (gap.requires_grad_() for gap in gaps)
    options: dict[str, Any] = {"gap_open": go, "gap_extend": ge, "gamma": gamma}
    if lengths is not None:
        options |= {"lengths_x": lengths[0], "lengths_y": lengths[1]}
    score, prefix = soft_smith_waterman(s, return_matrix=True, **options)
    posterior = expected_alignment(s, **options)
    weight = torch.linspace(0, 1, m, dtype=dtype)
    loss = score[score.isfinite()].sum() + (prefix.masked_fill(~prefix.isfinite(), 0.0) * weight).sum()
    unused: Any = {"allow_unused": True, "materialize_grads": True}  # a matrix of one cell has no gaps
    first = torch.autograd.grad(loss, (s, go, ge), create_graph=True, **unused)
    if not s.numel():
        return [tensor.detach() for tensor in (score, prefix, posterior, *first)]
    total = posterior.square().sum() + sum(gradient.square().sum() for gradient in first)
    second = torch.autograd.grad(total, (s, go, ge), **unused)
    return [tensor.detach() for tensor in (score, prefix, posterior, *first, *second)]


def main() -> None:
    for case in range(len(CASES)):
        worst = 0.0
        for got, want in zip(results("triton", case), results("torch", case), strict=True):
            assert got.shape == want.shape
            assert torch.equal(got.isfinite(), want.isfinite())
            difference = (got - want)[want.isfinite()].abs()
            worst = max(worst, difference.max().item() if difference.numel() else 0.0)
        print(json.dumps(worst))


@no_triton
@pytest.mark.slow
def test_equals_plain_pytorch_under_the_interpreter() -> None:
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", __file__], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    worst = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(worst) == len(CASES)
    for (dtype, *_), difference in zip(CASES, worst):
        assert difference < (1e-11 if dtype == "float64" else 5e-5)


@no_triton
@pytest.mark.slow
@pytest.mark.parametrize("real", ["fp32", "fp64"])
@pytest.mark.parametrize("kernel", ["forward", "backward"])
def test_compiles_for_a_gpu(kernel: str, real: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    import triton
    from triton.backends.compiler import GPUTarget

    from syncline.alignment.soft_smith_waterman import triton_kernel

    if "nvidia" not in triton.backends.backends:
        pytest.skip("this triton has no backend for NVIDIA")
    function = getattr(triton_kernel, kernel)
    fixed = {"WIDTH": 64} | ({"HAS_SCORES": True} if kernel == "backward" else {})
    numbers = {"n", "m", *(f"{tensor}_{axis}" for tensor in "soe" for axis in ("pair", "row", "column"))}
    kinds = {"lx": "*i64", "ly": "*i64"} | dict.fromkeys(numbers, "i32") | dict.fromkeys(fixed, "constexpr")
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
        soft_smith_waterman(torch.zeros(1, 2, 2))


if __name__ == "__main__":
    main()
