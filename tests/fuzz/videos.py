"""Damaged copies of videos: each gives frames that fit what the reader says, or one line of ours.

    python -m tests.fuzz.videos --count 2000

Cases run in a child process with a limit on memory, so that a decoder that asks for more, crashes or hangs is caught
and named with its seed. A child does `BATCH` cases; if it dies, the case it was at is the finding.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import sys
import tempfile
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

import bars

from syncline.errors import SynclineError
from syncline.video import VideoReader, scan_file

MEMORY = 1 << 30  # bytes that a child may add to what it needs to start
SECONDS = 30.0  # that one case may take on a busy machine
BATCH = 50
SPECIMENS: dict[str, dict[str, object]] = {
    "plain.mp4": {"options": {"bf": "3", "g": "12"}},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mjpeg.mov": {"codec": "mjpeg"},
    "vp9.webm": {"codec": "libvpx-vp9", "height": 64},
    "h264.mkv": {"options": {"g": "250"}},
    "h264.ts": {},
    "bare.h264": {},
}


def write_specimens(folder: Path) -> list[Path]:
    """One whole video of each form."""
    return [bars.write_bar_codes(folder / name, 30, **options) for name, options in SPECIMENS.items()]  # type: ignore[arg-type]


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with one to four faults; half of them in the first or last two kilobytes, where the tables are."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        size = max(1, len(data))
        near = rng.randrange(min(size, 2048))
        place = rng.choice((rng.randrange(size), near, size - 1 - near)) % size
        kind = rng.randrange(6)
        if kind == 0:
            del data[place:]
        elif kind == 1:
            data[place : place + 1] = bytes([rng.randrange(256)])
        elif kind == 2:
            data[place : place + 4] = rng.choice((b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4), b"\x00\x01\x86\xa0"))
        elif kind == 3:
            del data[place : place + rng.randrange(1, 400)]
        elif kind == 4:
            data[place:place] = data[place // 2 : place // 2 + 300]
        else:
            data[place : place + 200] = rng.randbytes(200)
    return bytes(data)


def run_case(specimen: Path, seed: int, work: Path) -> str:
    """Mutate, scan, read: "frames" or "refused"; an exception that is not ours comes through."""
    path = work / f"case{specimen.suffix}"
    path.write_bytes(mutated(specimen.read_bytes(), random.Random(f"{specimen.name} {seed}")))
    info = scan_file(path)
    assert info.problem is None or "\n" not in info.problem
    try:
        reader = VideoReader(path, size=(24, 48))
        assert (reader.pts_seconds[1:] > reader.pts_seconds[:-1]).all()
        last = reader.num_frames - 1
        for wanted in ([last], [0, last // 2], range(min(last + 1, 64))):
            assert reader.frames(list(wanted)).pixels.shape == (len(wanted), 24, 48, 3)
    except SynclineError as error:
        if "\n" in str(error):
            raise AssertionError("an error of more than one line") from error
        return "refused"
    return "frames"


def _child(pipe: Connection, specimens: list[Path], cases: list[int]) -> None:
    used = (
        int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if sys.platform == "linux" else 0
    )
    if used:
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            specimen = specimens[case % len(specimens)]
            pipe.send(("at", case, specimen.name))
            try:
                pipe.send(("done", run_case(specimen, case, Path(folder)), specimen.name))
            except Exception as error:
                pipe.send(("fault", f"{type(error).__name__}: {error}", specimen.name))
    pipe.send(("end", "", ""))


def fuzz(count: int, *, first_seed: int = 0) -> Counter[str]:
    """`count` cases: how many gave frames and how many were refused.

    Raises:
        AssertionError: naming form and seed of a case that ended in another error, a crash, a hang or too much memory.
    """
    outcomes: Counter[str] = Counter()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        specimens = write_specimens(Path(folder))
        for start in range(first_seed, first_seed + count, BATCH):
            cases = list(range(start, min(start + BATCH, first_seed + count)))
            here, there = context.Pipe(duplex=False)
            child = context.Process(target=_child, args=(there, specimens, cases), daemon=True)
            child.start()
            there.close()
            try:
                outcomes += _watched(here)
            finally:
                child.kill()
                child.join()
    return outcomes


def _watched(pipe: Connection) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    at = "the start"
    while True:
        assert pipe.poll(SECONDS * (4 if at == "the start" else 1)), f"hangs at {at}"
        try:
            kind, what, name = pipe.recv()
        except EOFError as error:
            raise AssertionError(f"the process died at {at}") from error
        if kind == "end":
            return outcomes
        assert kind != "fault", f"{at}: {what}"
        if kind == "at":
            at = f"{name}, seed {what}"
        else:
            outcomes[what] += 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.videos", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="cases (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default: %(default)s)")
    arguments = parser.parse_args()
    outcomes = fuzz(arguments.count, first_seed=arguments.seed)
    print(f"{arguments.count} damaged videos: {outcomes['frames']} gave frames, {outcomes['refused']} were refused")


if __name__ == "__main__":
    main()
