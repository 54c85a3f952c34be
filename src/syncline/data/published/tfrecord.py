"""TensorFlow's record files without TensorFlow: framing with its checksums, and the messages inside them.

A record is an 8-byte little-endian length, the masked CRC32C of those 8 bytes, the payload, and the payload's masked
CRC32C. The payload is a protobuf SequenceExample:

    SequenceExample{1: Features context, 2: FeatureLists}
    Features{1: map<string, Feature>}   FeatureLists{1: map<string, FeatureList>}   FeatureList{1: repeated Feature}
    Feature{1: BytesList | 2: FloatList | 3: Int64List}, each list {1: values}; a map entry is {1: key, 2: value}
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError

MAX_RECORD = 1 << 31
_COMPILE_ABOVE = 1 << 16  # bytes; below, the loop in Python is done before a compiler has started
_MASK_DELTA = 0xA282EAD8
_POLYNOMIAL = 0x82F63B78  # Castagnoli's, reflected

Values = list[bytes] | list[int] | list[float]


@dataclass(frozen=True)
class SequenceExample:
    """One record: values of the whole (`context`), and for every named list the values of each of its steps."""

    context: dict[str, Values]
    lists: dict[str, list[Values]]


def read_sequence_examples(path: str | Path) -> Iterator[SequenceExample]:
    """The examples of a file, one at a time.

    Raises:
        SynclineError: naming the file and the record: it ends too early, a checksum is wrong, or it is no such message.
    """
    for number, payload in enumerate(read_records(path)):
        try:
            yield parse_sequence_example(payload)
        except SynclineError as error:
            raise SynclineError(f"{path}, record {number}: {error}") from error


def read_records(path: str | Path) -> Iterator[bytes]:
    """The payloads of a file, each checked; no length is believed that goes past the file's end."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            number = 0
            while file.tell() < size:
                try:
                    yield _record(file.read, size - file.tell())
                except SynclineError as error:
                    raise SynclineError(f"{path}, record {number}: {error}") from error
                number += 1
    except OSError as error:
        raise SynclineError(f"{path} cannot be read: {error.strerror}") from error


def _record(read: Callable[[int], bytes], left: int) -> bytes:
    head = read(12)
    if len(head) < 12:
        raise SynclineError("the file ends within the record's head")
    length, check = struct.unpack("<QI", head)
    if masked_crc(head[:8]) != check:
        raise SynclineError("the checksum of its length is wrong; the file is damaged or no TFRecord file")
    if length > min(left - 16, MAX_RECORD):
        raise SynclineError(f"it says {length} bytes, {max(left - 16, 0)} are left; the file is cut off")
    payload = read(length)
    (check,) = struct.unpack("<I", read(4))
    if masked_crc(payload) != check:
        raise SynclineError("its checksum is wrong; the file is damaged")
    return payload


# CRC32C -------------------------------------------------------------------------------------------------------------


def crc32c(data: bytes) -> int:
    """Castagnoli's cyclic redundancy check (RFC 3720, appendix B.4).

    Examples:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    if len(data) < _COMPILE_ABOVE:
        table: list[int] = _table().tolist()
        crc = 0xFFFFFFFF
        for byte in data:
            crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
        return crc ^ 0xFFFFFFFF
    return int(_compiled()(_table(), np.frombuffer(data, dtype=np.uint8)))


def masked_crc(data: bytes) -> int:
    """The checksum as the records store it: rotated by 15 bits and shifted, because it is itself checked."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


@functools.cache
def _table() -> NDArray[np.uint32]:
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, (crc >> 1) ^ np.uint32(_POLYNOMIAL), crc >> 1).astype(np.uint32)
    return crc


def _crc_loop(table: Any, data: Any) -> Any:
    crc = np.uint32(0xFFFFFFFF)
    for byte in data:
        crc = table[(crc ^ np.uint32(byte)) & np.uint32(0xFF)] ^ (crc >> np.uint32(8))
    return crc ^ np.uint32(0xFFFFFFFF)


@functools.cache
def _compiled() -> Callable[[Any, Any], Any]:
    """The loop, compiled where numba works; as it is elsewhere, correct and slow."""
    try:
        import numba

        compiled: Callable[[Any, Any], Any] = numba.njit(_crc_loop, nogil=True)
        compiled(_table(), np.zeros(1, dtype=np.uint8))
        return compiled
    except Exception:  # numba fails in as many ways as there are platforms; none may be fatal
        return _crc_loop


# protobuf -----------------------------------------------------------------------------------------------------------


def parse_sequence_example(payload: bytes) -> SequenceExample:
    """The message of one record.

    Raises:
        SynclineError: the bytes are no such message.
    """
    context: dict[str, Values] = {}
    lists: dict[str, list[Values]] = {}
    try:
        for number, part in _messages(memoryview(payload)):
            if number == 1:
                context.update((key, _feature(value)) for key, value in _entries(part))
            elif number == 2:
                lists.update((key, _feature_list(value)) for key, value in _entries(part))
    except (ValueError, IndexError, struct.error, OverflowError) as error:
        raise SynclineError(f"no SequenceExample ({error})") from error
    return SequenceExample(context, lists)


def _entries(features: memoryview) -> Iterator[tuple[str, memoryview]]:
    for number, entry in _messages(features):
        if number != 1:
            continue
        key, value = "", memoryview(b"")
        for field, part in _messages(entry):
            if field == 1:
                key = bytes(part).decode()
            elif field == 2:
                value = part
        yield key, value


def _feature_list(message: memoryview) -> list[Values]:
    return [_feature(part) for number, part in _messages(message) if number == 1]


def _feature(message: memoryview) -> Values:
    for number, part in _messages(message):
        if number == 1:
            return [bytes(value) for field, value in _messages(part) if field == 1]
        if number == 2:
            return _floats(part)
        if number == 3:
            return _integers(part)
    return []


def _floats(message: memoryview) -> list[float]:
    values: list[float] = []
    for field, wire, value in _fields(message):
        if field == 1 and wire == 2:
            values.extend(np.frombuffer(value, dtype="<f4").tolist())
        elif field == 1 and wire == 5:
            values.extend(struct.unpack("<f", value))
    return values


def _integers(message: memoryview) -> list[int]:
    values: list[int] = []
    for field, wire, value in _fields(message):
        if field == 1 and wire == 0:
            values.append(_signed(value))
        elif field == 1 and wire == 2:
            at = 0
            while at < len(value):
                number, at = _varint(value, at)
                values.append(_signed(number))
    return values


def _messages(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of the length-delimited fields; others are passed over."""
    for number, wire, value in _fields(message):
        if wire == 2:
            yield number, value


def _fields(message: memoryview) -> Iterator[tuple[int, int, Any]]:
    """Field number, wire type and value (an int for varints, else its bytes) of every field."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield tag >> 3, wire, value
            continue
        if wire == 2:
            length, at = _varint(message, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if length > len(message) - at:
            raise ValueError(f"a field of {length} bytes where {len(message) - at} are left")
        yield tag >> 3, wire, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError("a number of more than ten bytes")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
