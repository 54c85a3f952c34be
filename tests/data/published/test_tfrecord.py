"""TFRecords: checksums, framing and messages, against a writer made from the specification."""

from __future__ import annotations

from pathlib import Path

import pytest
import tfrecord_writer as tfw

from syncline.data.published.tfrecord import (
    crc32c,
    masked_crc,
    parse_sequence_example,
    read_records,
    read_sequence_examples,
)
from syncline.errors import SynclineError


def test_checksum_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720 and every implementation's check value
    assert crc32c(b"\x00" * 32) == 0x8A9136AA  # RFC 3720 B.4
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    long = bytes(range(256)) * 400  # takes the compiled loop
    assert masked_crc(long) == tfw.masked(long)


def test_records_come_back(tmp_path: Path) -> None:
    payloads = [b"", b"one", bytes(range(256)) * 300]
    tfw.write_records(tmp_path / "x.tfrecord", payloads)
    assert list(read_records(tmp_path / "x.tfrecord")) == payloads


@pytest.mark.parametrize("packed", [True, False])
def test_sequence_example_comes_back(packed: bool) -> None:
    payload = tfw.sequence_example(
        {
            "name": tfw.of_bytes("gießen".encode()),
            "len": tfw.of_integers(3, packed=packed),
            "label": tfw.of_integers(-1, packed=packed),
            "score": tfw.of_floats(0.5, -2.0),
            "empty": b"",
        },
        {
            "video": [tfw.of_bytes(b"\xff\xd8" + bytes([n])) for n in range(3)],
            "frame_labels": [tfw.of_integers(n << 33, packed=packed) for n in range(3)],
        },
    )
    example = parse_sequence_example(payload)
    assert example.context == {
        "name": ["gießen".encode()], "len": [3], "label": [-1], "score": [0.5, -2.0], "empty": [],
    }  # fmt: skip
    assert example.lists["video"] == [[b"\xff\xd8\x00"], [b"\xff\xd8\x01"], [b"\xff\xd8\x02"]]
    assert example.lists["frame_labels"] == [[0], [1 << 33], [2 << 33]]


def test_every_flipped_byte_and_every_cut_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.tfrecord"
    tfw.write_records(path, [tfw.sequence_example({"name": tfw.of_bytes(b"a")}, {"video": [tfw.of_bytes(b"xyz")]})] * 2)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(SynclineError, match=r"x\.tfrecord, record [01]"):
            list(read_sequence_examples(path))
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        if length != len(whole) // 2:  # a cut between two records leaves a whole file
            with pytest.raises(SynclineError, match="record"):
                list(read_sequence_examples(path))


def test_a_length_beyond_the_file_reserves_nothing(tmp_path: Path) -> None:
    head = (1 << 60).to_bytes(8, "little")
    (tmp_path / "x.tfrecord").write_bytes(head + tfw.masked(head).to_bytes(4, "little") + b"abc")
    with pytest.raises(SynclineError, match="cut off"):
        list(read_records(tmp_path / "x.tfrecord"))
