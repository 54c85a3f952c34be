"""The restricted unpickler: what data sets hold comes back; what would run does not run."""

from __future__ import annotations

import io
import os
import pickle
import struct
import time
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from syncline.data.published.restricted_pickle import load_pickle, parse_pickle
from syncline.errors import SynclineError


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_comes_back(protocol: int, tmp_path: Path) -> None:
    value: dict[str, Any] = {
        "list": [1, -5, 2.5, None, True, "Straße", b"\x00\xff", 10**30],
        "tuple": (1, (2, [3])),
        "set": {1, 2},
        "frozen": frozenset({"a"}),
        "ordered": OrderedDict([("b", 1), ("a", 2)]),
        "default": defaultdict(list, {"k": [1]}),
    }
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    assert load_pickle(path) == value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", ["<i8", ">i4", "f4", "f8", "?", "u1", "U7", "S3", "c8"])
def test_arrays_come_back(protocol: int, dtype: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)
    for given in (array, array.T, np.asfortranarray(array), array[:0], array.reshape(-1)[0], array[0, 0:1]):
        back = parse_pickle(pickle.dumps(given, protocol=protocol))
        np.testing.assert_array_equal(back, given)
        assert np.asarray(back).dtype.newbyteorder("=") == given.dtype.newbyteorder("=")


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", [torch.int64, torch.float32, torch.uint8, torch.bool, torch.bfloat16, torch.int32])
def test_tensors_come_back(protocol: int, dtype: torch.dtype) -> None:
    base = torch.arange(24).reshape(4, 6).to(dtype)
    for given in (base, base.T, base[1:, ::2], base[:0], torch.tensor(3).to(dtype)):
        back = parse_pickle(pickle.dumps({"frame_label": given}, protocol=protocol))["frame_label"]
        assert back.dtype == given.dtype
        assert torch.equal(back, given)


class _Runs:
    """Writes a file when it is unpickled by an ordinary unpickler."""

    def __init__(self, call: Any, *args: Any) -> None:
        self.call, self.args = call, args

    def __reduce__(self) -> Any:
        return self.call, self.args


def test_a_pickle_that_runs_code_is_refused_and_did_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    command = f"touch '{mark}'"
    for call in (os.system, eval, exec, open):
        argument = command if call is os.system else f"open({str(mark)!r}, 'w')" if call is not open else str(mark)
        arguments = (argument, "w") if call is open else (argument,)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            content = pickle.dumps([{"id": 0, "name": _Runs(call, *arguments)}], protocol=protocol)
            with pytest.raises(SynclineError, match="refused"):
                parse_pickle(content)
            assert not mark.exists()
    pickle.loads(pickle.dumps(_Runs(os.system, command)))
    assert mark.exists(), "the test's own pickle must be one that would have run"


def test_code_hidden_in_the_bytes_of_a_tensor_does_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    inner = io.BytesIO()
    torch.save({"x": _Runs(os.system, f"touch '{mark}'")}, inner, _use_new_zipfile_serialization=False)
    hostile = _Runs(torch.storage._load_from_bytes, inner.getvalue())
    with pytest.raises(SynclineError):
        parse_pickle(pickle.dumps(hostile))
    assert not mark.exists()


def _global(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


@pytest.mark.parametrize(
    "content",
    [
        _global("numpy", "ndarray") + b"(J\xff\xff\xff\x7ftR.",  # an array of two gigabytes
        _global("numpy.core.multiarray", "_reconstruct")
        + _global("numpy", "ndarray")
        + b"\x8a\x05\x00\x00\x00\x00\x01\x85C\x01b\x87R.",
        b"Nr\xff\xff\xff\x7f0g0\n.",  # a memo place far away
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.",  # a frame longer than the file
        b"\x8e\xff\xff\xff\xff\xff\x00\x00\x00N.",  # bytes longer than the file
        _global("builtins", "bytes") + b"(J\xff\xff\xff\x7ftR.",
        _global("numpy", "dtype") + b"(X\x01\x00\x00\x00OtR.",
        _global("collections", "OrderedDict") + b"}X\x0c\x00\x00\x00__defaults__Nsb.",  # attributes of a function
        _global("collections", "OrderedDict") + b"N}X\x0b\x00\x00\x00_functionNs\x86b.",
        _global("builtins", "getattr") + b".",
        _global("torch._utils", "_rebuild_tensor_v2") + b"(NK\x00))\x89NtR.",
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"",
        b".",
        b"\x80\x04" + b"(" * 1000 + b".",
    ],
)  # fmt: skip
def test_crafted_pickles_end_in_our_error_at_once(content: bytes) -> None:
    start = time.monotonic()
    with pytest.raises(SynclineError) as caught:
        parse_pickle(content)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - start < 5


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_a_tensor_that_looks_outside_its_storage_is_refused() -> None:
    content = pickle.dumps(torch.arange(5), protocol=2)
    assert content.count(b"K\x05\x85") == 1  # its shape, (5,)
    with pytest.raises(SynclineError, match="outside"):
        parse_pickle(content.replace(b"K\x05\x85", b"M" + struct.pack("<H", 600) + b"\x85"))


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_a_tensor_that_repeats_one_element_is_refused() -> None:
    content = pickle.dumps(torch.zeros(1).expand(1000, 1000), protocol=2)
    assert len(content) < 1000
    with pytest.raises(SynclineError, match="1 elements, or repeats them"):
        parse_pickle(content)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SynclineError, match=r"none\.pkl"):
        load_pickle(tmp_path / "none.pkl")
