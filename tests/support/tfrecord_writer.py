"""A writer of TFRecords for tests, from the specification and with its own bit-wise checksum."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

Feature = bytes


def write_records(path: Path, payloads: Sequence[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for payload in payloads:
            head = struct.pack("<Q", len(payload))
            file.write(head + struct.pack("<I", masked(head)) + payload + struct.pack("<I", masked(payload)))


def sequence_example(context: Mapping[str, Feature], lists: Mapping[str, Sequence[Feature]]) -> bytes:
    features = b"".join(field(1, field(1, key.encode()) + field(2, value)) for key, value in context.items())
    feature_lists = b"".join(
        field(1, field(1, key.encode()) + field(2, b"".join(field(1, step) for step in steps)))
        for key, steps in lists.items()
    )
    return field(1, features) + field(2, feature_lists)


def of_bytes(*values: bytes) -> Feature:
    return field(1, b"".join(field(1, value) for value in values))


def of_floats(*values: float) -> Feature:
    return field(2, field(1, struct.pack(f"<{len(values)}f", *values)))


def of_integers(*values: int, packed: bool = True) -> Feature:
    if packed:
        return field(3, field(1, b"".join(varint(value) for value in values)))
    return field(3, b"".join(varint(1 << 3) + varint(value) for value in values))


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def masked(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
