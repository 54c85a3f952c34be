"""The table of docs/data-labels.md: what is read how, as the tests say it.

    python docs/scripts/label_forms.py [--check]

A test module that knows how something is read says so in `READ_AS`: name of the test -> (form, what it holds, how it is
read). This script collects them all, so the page says nothing that no test holds.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from page_table import write_or_check

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "data-labels.md"
BEGIN, END = "<!-- read as: made by docs/scripts/label_forms.py -->", "<!-- end of read as -->"


def rows() -> list[tuple[str, str, str]]:
    """Form, what it holds and how it is read, of all tests that say so, by form.

    Raises:
        ValueError: an entry whose test is not in the module.
    """
    found = []
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        for node in tree.body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "READ_AS":
                for test, row in ast.literal_eval(node.value).items():
                    if test not in tests:
                        raise ValueError(f"{file.relative_to(ROOT)}: READ_AS names {test}, which is no test there")
                    found.append(row)
    return sorted(found, key=lambda row: row[0].casefold())


def table() -> str:
    """The rows as Markdown."""
    lines = [f"| {form} | {what} | {how} |" for form, what, how in rows()]
    return "\n".join(["| form | holds | read as |", "|---|---|---|", *lines])


if __name__ == "__main__":
    sys.exit(write_or_check(__doc__, PAGE, BEGIN, END, table()))
