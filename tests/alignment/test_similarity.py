"""Similarities and distances against their definitions; rows of length 1 of tensors and arrays alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from syncline.alignment import expanded_squared_distances, squared_distances, unit_rows


@pytest.mark.parametrize("size", [(2, 5, 4, 3), (16, 70, 60, 128)])
def test_squared_distances_small_and_large(size: tuple[int, int, int, int]) -> None:
    b, n, m, d = size
    x, y = (torch.nn.functional.normalize(torch.randn(b, k, d, generator=torch.Generator().manual_seed(k)), dim=-1)
            for k in (n, m))  # fmt: skip
    want = (x.double()[:, :, None] - y.double()[:, None]).square().sum(-1)
    torch.testing.assert_close(squared_distances(x, y).double(), want, rtol=0, atol=2e-6)
    torch.testing.assert_close(expanded_squared_distances(x, y).double(), want, rtol=0, atol=2e-6)


def test_unit_rows_of_arrays_and_tensors_are_the_same() -> None:
    rows = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    rows[2] = 0
    of_array, of_tensor = unit_rows(rows), unit_rows(torch.from_numpy(rows))
    assert of_array.dtype == np.float32
    np.testing.assert_allclose(of_array, of_tensor.numpy(), rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(of_array, axis=1), [1, 1, 0, 1, 1], rtol=1e-6)
