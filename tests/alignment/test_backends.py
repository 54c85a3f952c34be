"""Every backend forced and compared with the loops; compiled callers, worker processes, threads; laws of the score."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from syncline.alignment import backend, expected_alignment, soft_smith_waterman
from syncline.alignment.dtw.vector import vector_backend as dtw_vector
from syncline.alignment.soft_smith_waterman import reference
from syncline.alignment.soft_smith_waterman.vector import vector_backend as vector

OPTIONS: dict[str, Any] = {"gap_open": 1.2, "gap_extend": 0.4, "gamma": 0.6}


def similarity(seed: int = 0, b: int = 2, n: int = 7, m: int = 9) -> Tensor:
    return 2 * torch.randn(b, n, m, generator=torch.Generator().manual_seed(seed)) - 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("route", ["vector", "scalar", "torch"])
def test_every_route_equals_the_loops(route: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    if route == "vector" and vector.why_not():
        pytest.skip(vector.why_not())
    monkeypatch.setenv("SYNCLINE_ALIGNMENT", route)
    s = similarity().to(dtype)
    score, prefix = soft_smith_waterman(s, return_matrix=True, **OPTIONS)
    posterior = expected_alignment(s, **OPTIONS)
    close = 1e-5 if dtype == torch.float32 else 1e-9
    for pair in range(2):
        full = [np.full((7, 9), OPTIONS[name]) for name in ("gap_open", "gap_extend")]
        arguments: tuple[Any, ...] = (s[pair].double().numpy(), *full, 0.6)
        want, matrix = reference.soft_smith_waterman(*arguments)
        assert score[pair].item() == pytest.approx(want, rel=close)
        np.testing.assert_allclose(prefix[pair].numpy(), matrix, rtol=close, atol=close)
        np.testing.assert_allclose(posterior[pair].numpy(), reference.expected_alignment(*arguments), atol=close + 1e-8)


def test_an_unknown_route_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCLINE_ALIGNMENT", "gpu")
    with pytest.raises(ValueError, match="'gpu'; expected one of vector, scalar, torch, triton"):
        soft_smith_waterman(similarity())


def test_a_machine_without_the_instructions(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    s = similarity()
    want = soft_smith_waterman(s, **OPTIONS)
    monkeypatch.setattr(vector, "why_not", lambda: "this processor has no fma")
    backend.say_once.cache_clear()
    with caplog.at_level("INFO"):
        for _ in range(3):
            torch.testing.assert_close(soft_smith_waterman(s, **OPTIONS), want)
    assert [record.message for record in caplog.records] == [
        "alignment runs on the scalar kernel: this processor has no fma"
    ]
    monkeypatch.setenv("SYNCLINE_ALIGNMENT", "vector")
    with pytest.raises(RuntimeError, match="asked for, but this processor has no fma"):
        soft_smith_waterman(s, **OPTIONS)


@pytest.mark.parametrize("family", ["vector", "dtw_vector"])
def test_a_kernel_that_does_not_compile_warns(
    family: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    room = {"vector": vector, "dtw_vector": dtw_vector}[family]

    def failing() -> str:
        raise TypeError("no such type")

    monkeypatch.setattr(room, "missing_instructions", failing)
    room.why_not.cache_clear()
    try:
        assert room.why_not() == "it does not compile here (TypeError: no such type)"
        assert room.why_not()
        soft_smith_waterman(similarity(), **OPTIONS)
    finally:
        room.why_not.cache_clear()
    assert [record.levelname for record in caplog.records] == ["WARNING"], "once"


@pytest.mark.slow
def test_without_numba_plain_pytorch_serves_and_says_so() -> None:
    program = """
import logging, sys
sys.modules["numba"] = None
import syncline.evaluation, syncline.tasks
logging.basicConfig(level=logging.INFO)
import torch
from syncline.alignment import dtw, soft_dtw, soft_smith_waterman, smith_waterman, smith_waterman_streamed
s = torch.tensor([[[2.0, 0.5, 0.1], [0.4, 1.5, 0.3]]])
print(round(soft_smith_waterman(s, gamma=0.8).item(), 4), smith_waterman(s)[0].score)
x = torch.randn(300, 4, generator=torch.Generator().manual_seed(0)).cumsum(0)  # longer than a block of kept rows
path = smith_waterman_streamed(x, torch.cat([x[:100], x[120:]]), scale=0.05)[0]
print(len(path), path.is_match.sum(), round(dtw(s)[0].score, 4), round(soft_dtw(s, gamma=0.01).item(), 4))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3.7751", "3.5", "300", "280", "2.8", "2.8"]
    assert done.stderr.count("numba cannot be imported") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "dtype"), [("aot_eager", torch.float32), ("aot_eager", torch.float64), ("inductor", torch.float32)]
)
def test_inside_a_compiled_caller(backend: str, dtype: torch.dtype) -> None:
    if backend == "inductor" and shutil.which("c++") is None:
        pytest.skip("inductor needs a C++ compiler")

    def loss(s: Tensor, gap: Tensor) -> Tensor:
        posterior = expected_alignment(s, gap_open=gap, gamma=0.7)
        return soft_smith_waterman(2 * s, gap_open=gap, gamma=0.7).sum() + (posterior * s).sum()

    s = similarity().to(dtype).requires_grad_()
    gap = torch.tensor(1.0, dtype=dtype, requires_grad=True)
    want = loss(s, gap)
    got = torch.compile(loss, backend=backend, fullgraph=True)(s, gap)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(torch.autograd.grad(got, (s, gap)), torch.autograd.grad(want, (s, gap)))


@pytest.mark.slow
def test_lengths_in_a_compiled_caller_stay_inside_the_matrix() -> None:
    def scores(s: Tensor, lengths: Tensor) -> Tensor:
        return soft_smith_waterman(s, lengths_x=lengths, gamma=0.7)

    s = similarity()
    got = torch.compile(scores, backend="aot_eager", fullgraph=True)(s, torch.full((len(s),), s.shape[1] + 5))
    torch.testing.assert_close(got, soft_smith_waterman(s, gamma=0.7))


def test_several_python_threads_get_their_own_answers() -> None:
    inputs = [similarity(seed, 3, 40, 30) for seed in range(8)]
    want = [expected_alignment(s, **OPTIONS) for s in inputs]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda s: expected_alignment(s, **OPTIONS), inputs * 4))
    for result, expected in zip(got, want * 4):
        assert torch.equal(result, expected)


class Scores(Dataset[Tensor]):
    """The score of a random pair, computed in the worker."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Tensor:
        score: Tensor = soft_smith_waterman(similarity(index, 16, 80, 80), **OPTIONS)
        return score


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("start", sorted({"fork", "spawn"} & set(multiprocessing.get_all_start_methods())))
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # forking with threads is what is tested
def test_in_workers(start: str) -> None:
    want = torch.stack([Scores()[index] for index in range(4)])  # the parent's thread pool exists before the fork
    workers: DataLoader[Tensor] = DataLoader(Scores(), batch_size=1, num_workers=2, multiprocessing_context=start)
    torch.testing.assert_close(torch.cat(list(workers)), want)


small = st.integers(1, 12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n=small, m=small, gamma=st.floats(0.1, 5), gap=st.floats(0, 5))
def test_laws(seed: int, n: int, m: int, gamma: float, gap: float) -> None:
    s = similarity(seed, 2, n, m).double()
    options: dict[str, Any] = {"gap_open": gap, "gap_extend": gap / 2, "gamma": gamma}
    score, prefix = soft_smith_waterman(s, return_matrix=True, **options)
    assert (score >= prefix.amax((1, 2)) - 1e-9).all()
    raised = s.clone()
    raised[:, seed % n, seed % m] += 0.5
    assert (soft_smith_waterman(raised, **options) >= score - 1e-9).all()
    options["gap_open"] = gap + 1.0
    assert (soft_smith_waterman(s, **options) <= score + 1e-9).all()
    posterior = expected_alignment(s, **options)
    assert posterior.min() >= 0
    assert posterior.sum(1).max() <= 1 + 1e-9
    assert posterior.sum(2).max() <= 1 + 1e-9
    padded = torch.nn.functional.pad(s, (0, 3, 0, 2), value=9.0)
    cut = soft_smith_waterman(padded, lengths_x=[n, n], lengths_y=[m, m], **options)
    torch.testing.assert_close(cut, soft_smith_waterman(s, **options))


def test_strided_similarities() -> None:
    s = similarity(3, 4, 20, 18)
    every_other = s.transpose(1, 2)[:, ::2]
    got = soft_smith_waterman(every_other, **OPTIONS)
    torch.testing.assert_close(got, soft_smith_waterman(every_other.contiguous(), **OPTIONS), rtol=0, atol=0)


@pytest.mark.parametrize("gamma", [0.02, 0.5, 10.0])
@pytest.mark.parametrize("gap", [0.0, 5.0, 50.0])
def test_gaps_of_any_size_are_served(gamma: float, gap: float) -> None:
    s = 1000 * similarity(5, 2, 30, 20).abs()
    s[1] = -s[1]
    options: dict[str, Any] = {"gap_open": gap, "gap_extend": gap, "gamma": gamma}
    got = soft_smith_waterman(s, **options)
    torch.testing.assert_close(got.double(), soft_smith_waterman(s.double(), **options), rtol=1e-6, atol=1e-4)
    assert expected_alignment(s, **options).isfinite().all()
