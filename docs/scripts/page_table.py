"""A table of a page that is made from the tests: put between its two marks, or checked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def write_or_check(about: str, page: Path, begin: str, end: str, table: str) -> int:
    """Write the table into the page; with ``--check``, only say whether it is the one there (1: it is not)."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if the page is out of date")
    arguments = parser.parse_args()
    old = page.read_text(encoding="utf-8")
    before, rest = old.split(begin)
    new = f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}"
    if arguments.check:
        if new != old:
            print(f"{page.name} is not what the tests say", file=sys.stderr)
        return int(new != old)
    page.write_text(new, encoding="utf-8")
    return 0
