"""``python -m benchmarks.alignment.instructions``: what the vector kernel's inner loops consist of on this processor.

The machine code of both passes, without D and with gaps that do not vary, is looked through for innermost loops of
vector instructions: those with fused multiply-adds are a step of the recursion (16 cells), those without move a block
of 16 x 16 cells between rows and diagonals. Counted, not timed.
"""

from __future__ import annotations

import os
import re
import tempfile
from typing import Any

os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp()  # code from a cache has no listing

import torch
from benchmarks.record import append, surroundings

from syncline.alignment import soft_smith_waterman
from syncline.alignment.soft_smith_waterman.vector import backward, forward

FEWEST = 40


def main() -> None:
    leaf = torch.randn(2, 64, 64, requires_grad=True)
    soft_smith_waterman(leaf, gap_open=1.0, gap_extend=0.3, gamma=0.5).sum().backward()
    for name, kernel in (("forward", forward.forward), ("backward", backward.backward)):
        plain = max(kernel.overloads, key=lambda signature: str(signature).count("none"))
        loops = inner_loops(kernel.inspect_asm(plain))
        row: dict[str, Any] = {"what": name, "loops": [loop for loop in loops if loop["vector"] >= FEWEST]}
        append("alignment_instructions", row | surroundings("numba", "llvmlite"))


def inner_loops(listing: str) -> list[dict[str, int]]:
    """Instructions of every innermost loop; `stack`: vectors that go to or come from memory of the function's own."""
    instructions: list[str] = []
    labels: dict[str, int] = {}
    for line in map(str.strip, listing.splitlines()):
        if label := re.match(r"^([.\w$]+):", line):
            labels[label.group(1)] = len(instructions)
        elif line and line[0] not in ".#;":
            instructions.append(line)
    ranges = []
    for place, line in enumerate(instructions):
        jump = re.match(r"^j\w+\s+(\S+)", line)
        if jump and labels.get(jump.group(1), len(instructions)) <= place:
            ranges.append((labels[jump.group(1)], place + 1))
    inner = [a for a in ranges if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in ranges)]
    found = []
    for first, end in inner:
        body = instructions[first:end]
        wide = [line for line in body if "ymm" in line or "zmm" in line]
        found.append(
            {
                "instructions": len(body),
                "vector": len(wide),
                "fused": sum("fmadd" in line or "fnmadd" in line or "fmsub" in line for line in wide),
                "divisions": sum("vdivps" in line for line in wide),
                "stack": sum("(%rsp)" in line or "(%rbp)" in line for line in wide),
            }
        )
    return sorted(found, key=lambda loop: -loop["fused"])


if __name__ == "__main__":
    main()
