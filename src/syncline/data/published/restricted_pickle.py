"""Reads published pickles without executing anything in them.

A pickle is a program. This reader admits the instructions and the handful of names that lists, dictionaries, numpy
arrays and torch tensors are made of, and does the work of each name itself: the functions that the file names are
never called. So neither foreign code nor a library function with crafted arguments (an array of a terabyte, a tensor
that looks past its storage) is reached.

Notable choices:
- The instructions are listed before they are followed: those that build objects of classes are refused, and so are
  numbers that would make the interpreter reserve memory that the file does not fill.
- What the pickle gets for a name is an object without attributes, so a crafted file can change no function.
- The bytes of a tensor inside a plain pickle are a PyTorch file; that is parsed with `weights_only=True`.
"""

from __future__ import annotations

import io
import math
import pickletools
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from pickle import Unpickler
from typing import Any, Final

import numpy as np

from syncline.errors import SynclineError

MAX_BYTES = 1 << 30
_MAX_ELEMENTS = 1 << 28
_REFUSED = ("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER")
_COUNTED = ("PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET", "FRAME")
_KINDS = "biufcSU"
_MAX_ITEM = 1 << 16  # bytes of one element: names in arrays of text


def load_pickle(path: str | Path) -> Any:
    """The content of a pickle file: None, numbers, text, bytes, containers, numpy arrays and scalars, torch tensors.

    Ordered and default dictionaries come back as dictionaries, `torch.Size` as a tuple.

    Raises:
        SynclineError: the file asks for anything else, is damaged, or is larger than 1 GiB. Nothing in it has run.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SynclineError(f"{path}: {path.stat().st_size} bytes; pickles of up to {MAX_BYTES} are read")
        content = path.read_bytes()
    except OSError as error:
        raise SynclineError(f"{path} cannot be read: {error.strerror}") from error
    return parse_pickle(content, said=str(path))


def parse_pickle(content: bytes, *, said: str = "the pickle") -> Any:
    """The content of a pickle in memory; `said` names it in errors. See `load_pickle`."""
    try:
        _check_instructions(content)
        return _DataUnpickler(io.BytesIO(content), encoding="latin1").load()
    except SynclineError as error:
        raise SynclineError(f"{said}: {error}") from error
    except Exception as error:  # unpickling damaged bytes raises nearly every type there is
        reason = str(error).splitlines()[0][:120] if str(error) else ""
        raise SynclineError(f"{said} is no pickle that can be read ({type(error).__name__}: {reason})") from error


def _check_instructions(content: bytes) -> None:
    """Refuse instructions that build objects, and offsets or lengths beyond the file's own size."""
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in _REFUSED:
            raise SynclineError(f"refused: the pickle builds objects ({opcode.name}); only plain data is read")
        if opcode.name in _COUNTED and not 0 <= int(argument or 0) <= len(content):
            raise SynclineError(f"refused: {opcode.name} {argument} in a file of {len(content)} bytes")


class _Admitted:
    """A callable that a pickle may name; it has no attributes that the pickle could set."""

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setattr__(self, name: str, value: Any) -> None:
        raise SynclineError("refused: the pickle sets attributes of a function")


class _DataUnpickler(Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        function = _ADMITTED.get((module, name))
        if function is None:
            raise SynclineError(f"refused: the pickle asks for {module[:60]}.{name[:60]}; only plain data is read")
        return _Admitted(function)


# numpy --------------------------------------------------------------------------------------------------------------


class _DType:
    """A pickled dtype: its code, and the byte order that follows."""

    __slots__ = ("code", "order")
    code: str
    order: str

    def __init__(self, code: Any) -> None:
        if (
            not isinstance(code, str)
            or not code
            or code[0] not in _KINDS + "?"
            or not code[1:].isdigit() * len(code[1:])
        ):
            raise SynclineError(f"refused: arrays of {str(code)[:40]!r}; numbers and text are read")
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        if order not in ("<", ">", "=", "|"):
            raise SynclineError(f"refused: byte order {order!r}")
        self.order = order

    def real(self) -> np.dtype[Any]:
        """The dtype itself."""
        dtype = np.dtype(self.code).newbyteorder(self.order if self.order != "|" else "=")  # type: ignore[arg-type]
        if not 0 < dtype.itemsize <= _MAX_ITEM:
            raise SynclineError(f"refused: array elements of {dtype.itemsize} bytes")
        return dtype


def _dtype(code: Any, *_: Any) -> _DType:
    return _DType(code)


class _Array(np.ndarray[Any, Any]):
    """An array that takes its state from checked shape, type and bytes."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        shape, dtype, fortran, raw = state[-4:]
        data = _as_bytes(raw)
        if not isinstance(dtype, _DType) or not isinstance(shape, tuple) or len(shape) > 32:
            raise SynclineError("refused: an array of unknown type or shape")
        real = dtype.real()
        if math.prod(_sizes(shape)) * real.itemsize != len(data):
            raise SynclineError(f"an array {shape} of {real} with {len(data)} bytes")
        super().__setstate__((1, shape, real, bool(fortran), data))  # type: ignore[arg-type]


def _array_class() -> None:
    """Stands for `numpy.ndarray`, which is only ever an argument."""
    raise SynclineError("refused: the pickle makes an array of a size of its own choice")


def _reconstruct(kind: Any, shape: Any, code: Any) -> _Array:
    if tuple(shape) != (0,):
        raise SynclineError("refused: the pickle makes an array of a size of its own choice")
    return np.empty(0, dtype=np.int8).view(_Array)


def _from_buffer(buffer: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    array = _reconstruct(None, (0,), b"b")
    array.__setstate__((tuple(shape), dtype, order == "F", bytes(buffer)))
    return array


def _scalar(dtype: Any, raw: Any) -> Any:
    real = dtype.real()
    data = _as_bytes(raw)
    if len(data) != real.itemsize:
        raise SynclineError(f"a scalar of {real} with {len(data)} bytes")
    return np.frombuffer(data, dtype=real)[0]


# torch --------------------------------------------------------------------------------------------------------------


class _Storage:
    """The elements of tensors, as one vector."""

    __slots__ = ("vector",)
    vector: Any

    def __init__(self, vector: Any) -> None:
        object.__setattr__(self, "vector", vector)

    def __setattr__(self, name: str, value: Any) -> None:
        raise SynclineError("refused: the pickle sets attributes of a storage")


def _storage(raw: Any) -> _Storage:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # typed storages are deprecated, and what published files hold
        loaded = torch.load(io.BytesIO(_as_bytes(raw)), map_location="cpu", weights_only=True)
        if isinstance(loaded, torch.Tensor):
            return _Storage(loaded.reshape(-1))
        untyped = getattr(loaded, "_untyped_storage", loaded)
        if not isinstance(untyped, torch.UntypedStorage):
            raise SynclineError("the bytes of a tensor hold something else")
        dtype = getattr(loaded, "dtype", torch.uint8)
        return _Storage(torch.empty(0, dtype=dtype).set_(untyped))


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Any:
    """A tensor on its storage; one that would look outside it is refused (PyTorch would enlarge the storage).

    So is one of more elements than the storage holds (a stride of 0 repeats them): a few bytes would become gigabytes.
    """
    import torch

    sizes, strides = _sizes(size), _sizes(stride)
    if not isinstance(storage, _Storage) or len(sizes) != len(strides) or type(offset) is not int or offset < 0:
        raise SynclineError("refused: a tensor without a storage, or of no shape")
    count = math.prod(sizes)
    last = offset + sum((length - 1) * step for length, step in zip(sizes, strides, strict=True)) if count else 0
    held = storage.vector.numel()
    if count > min(held, _MAX_ELEMENTS) or (count and last >= held):
        raise SynclineError(f"refused: a tensor {sizes} that reaches outside its {held} elements, or repeats them")
    if not count:
        return torch.empty(sizes, dtype=storage.vector.dtype)
    return torch.as_strided(storage.vector, sizes, strides, offset).clone()


# containers ---------------------------------------------------------------------------------------------------------


def _dictionary(*args: Any) -> dict[Any, Any]:
    """An ordered dictionary takes its items, a default dictionary a factory, which is left out."""
    return dict(args[0]) if args and isinstance(args[0], list | dict) else {}


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise SynclineError(f"refused: bytes encoded as {encoding!r}")
    return text.encode("latin1")


def _bytes(*args: Any) -> bytes:
    if args and not isinstance(args[0], bytes | str):
        raise SynclineError("refused: bytes of a length of the pickle's own choice")
    return _as_bytes(args[0]) if args else b""


def _as_bytes(raw: Any) -> bytes:
    if isinstance(raw, str):  # a pickle of Python 2
        return raw.encode("latin1")
    if not isinstance(raw, bytes | bytearray):
        raise SynclineError(f"refused: {type(raw).__name__} where bytes belong")
    return bytes(raw)


def _sizes(values: Any) -> Sequence[int]:
    if not isinstance(values, tuple | list) or any(type(value) is not int or value < 0 for value in values):
        raise SynclineError("refused: a shape that is none")
    return tuple(values)


def _copied(kind: Callable[[Any], Any]) -> Callable[..., Any]:
    def copy(*args: Any) -> Any:
        if args and not isinstance(args[0], list | tuple | set | frozenset | dict):
            raise SynclineError(f"refused: a {getattr(kind, '__name__', 'container')} of {type(args[0]).__name__}")
        return kind(args[0] if args else ())

    return copy


_ADMITTED: Final[dict[tuple[str, str], Callable[..., Any]]] = {
    ("collections", "OrderedDict"): _dictionary,
    ("collections", "defaultdict"): _dictionary,
    ("_codecs", "encode"): _encode,
    ("numpy", "ndarray"): _array_class,
    ("numpy", "dtype"): _dtype,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("torch", "Size"): _copied(tuple),
}
for _module in ("numpy.core", "numpy._core"):  # before and since numpy 2
    _ADMITTED[_module + ".multiarray", "_reconstruct"] = _reconstruct
    _ADMITTED[_module + ".multiarray", "scalar"] = _scalar
    _ADMITTED[_module + ".numeric", "_frombuffer"] = _from_buffer
for _module in ("builtins", "__builtin__"):  # of Python 3 and 2
    for _kind in (list, tuple, set, frozenset):
        _ADMITTED[_module, _kind.__name__] = _copied(_kind)
    _ADMITTED[_module, "dict"] = _dictionary
    _ADMITTED[_module, "bytes"] = _bytes
