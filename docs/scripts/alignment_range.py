"""The table of docs/alignment.md: how large numbers and how long sequences may be, as the tests hold it.

    python docs/scripts/alignment_range.py [--check]

Its rows are `RANGE` of tests/alignment/test_range.py, so the page promises nothing that no test holds.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from page_table import write_or_check

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "alignment.md"
HELD = ROOT / "tests" / "alignment" / "test_range.py"
BEGIN, END = "<!-- range: made by docs/scripts/alignment_range.py -->", "<!-- end of range -->"


def table() -> str:
    """The rows as Markdown."""
    tree = ast.parse(HELD.read_text(encoding="utf-8"))
    made = [
        node for node in tree.body if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "RANGE"
    ]
    head = "operators | dtype | largest entry | frames | score or value (relative) | probabilities (absolute)"
    lines = [f"| {head} |", "|---|---|---|---|---|---|"]
    for operators, dtype, largest, frames, value, probability in ast.literal_eval(made[0].value):
        names = ", ".join(f"`{name}`" for name in operators.split(", "))
        lines.append(f"| {names} | {dtype} | {largest:.0e} γ | {frames} | {value:.0e} | {probability:.0e} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(write_or_check(__doc__, PAGE, BEGIN, END, table()))
