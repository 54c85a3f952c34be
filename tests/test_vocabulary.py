"""One word for one thing: names and phrases that the glossary of CONTRIBUTING.md bans, and its links."""

from __future__ import annotations

import ast
import re
import tokenize
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "syncline").rglob("*.py"))
GLOSSARY = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
    for row in (ROOT / "CONTRIBUTING.md")
    .read_text(encoding="utf-8")
    .split("## Glossary")[1]
    .split("\n## ")[0]
    .splitlines()
    if row.startswith("| ") and not row.startswith("| word |")
]
"""Rows of the glossary: the word, what it means, what is never said for it."""
NEVER = {word: row[0] for row in GLOSSARY for word in re.findall(r'"([^"]+)"', row[2])}
BANNED_NAMES = {word: instead for word, instead in NEVER.items() if word.isidentifier()}
METHODS = {word for row in GLOSSARY for word in re.findall(r'"([^"]+)", but as a method', row[2])}
BANNED_PHRASES = {re.escape(phrase): instead for phrase, instead in NEVER.items() if not phrase.isidentifier()} | {
    r"time share of the embedding": "time-only share",
    r"(?i)clock(?!wise|s?\": )": "time-only, pts_seconds",
    r"[`\"|*] ?time only ?[`\"|*](?!: \"time-only)": "time-only",
    r"\bE = d \w+ / d\b|\blog\(E\b|``posterior`` E\b": "P",
    r"\b(gone|go|goes|going) on with\b": "continue",
    r"\b(say|print|warn)\(f?\"[^\n]*\{len\([a-z_]+\)\} [a-z ]*(videos|clips|runs|frames|files)\b": "counted",
}


def test_the_glossary_says_what_it_bans() -> None:
    """Words in its right column that the patterns above do not find would ban nothing."""
    assert {"clock", "place", "frame_ids", "vid", "projection"} <= set(BANNED_NAMES)
    assert list(METHODS) == ["project"]
    assert all(len(row) == 3 for row in GLOSSARY)
    assert all(not row[2] or '"' in row[2] or row[2] == "`E` for P" for row in GLOSSARY)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_name_is_banned(path: Path) -> None:
    with tokenize.open(path) as file:
        tokens = list(tokenize.generate_tokens(file.readline))
    names = [
        (token.start[0], token.string)
        for before, token in pairwise(tokens)
        if token.type == tokenize.NAME and not (token.string in METHODS and before.string in {".", "def"})
    ]
    found = [f"line {line}: {name} (say {BANNED_NAMES[name]})" for line, name in names if name in BANNED_NAMES]
    assert not found, found


@pytest.mark.parametrize("phrase", BANNED_PHRASES)
def test_no_phrase_is_banned(phrase: str) -> None:
    scripts = [*(ROOT / "src" / "syncline" / "viewer" / "page").glob("*.js"), *(ROOT / "benchmarks").rglob("*.py")]
    pages = [*SOURCES, *scripts, *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    # faults.md is about the machine's own clock
    pages = [page for page in pages if page.name != "faults.md"]
    found = [
        f"{page.relative_to(ROOT)}: {match.group(0)} (say {BANNED_PHRASES[phrase]})"
        for page in pages
        for match in re.finditer(phrase, page.read_text(encoding="utf-8"))
    ]
    assert not found, found


TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_test_takes_a_private_name(path: Path) -> None:
    """Private helpers are tested through what users call."""
    taken = [
        f"line {node.lineno}: {alias.name}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("syncline")
        for alias in node.names
        if alias.name.startswith("_")
    ]
    assert not taken, taken


PRIVATE = {
    name
    for path in SOURCES
    for name in re.findall(r"(?:def |self\.|^)(_[a-zA-Z]\w*)", path.read_text(encoding="utf-8"), re.M)
}
OF_OTHERS = {"_shutdown_workers", "_repr_html_"}
"""Names that torch and IPython ask for."""


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_test_touches_what_is_private(path: Path) -> None:
    """Neither reads it nor puts something in its place; what a class of the test itself has is its own."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    touched = [
        (node.lineno, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"})
    ]
    replaced = [
        (node.lineno, word.value.rsplit(".")[-1])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setattr"
        for word in node.args[:2]
        if isinstance(word, ast.Constant) and isinstance(word.value, str)
    ]
    found = [f"line {line}: {name}" for line, name in [*touched, *replaced] if name in PRIVATE - OF_OTHERS]
    assert not found, found


@pytest.mark.parametrize("heading", ["Find your way", "Where to add something"])
def test_the_links_of_contributing_lead_to_what_they_name(heading: str) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("|") and "](" in line]
    assert len(rows) >= 11
    for row in rows:
        parts = re.split(r"\]\(([^)]+)\)", row.split("|")[2])  # text, then of each link its file and the text after it
        assert len(parts) in (3, 5), row
        for link, after in zip(parts[1::2], parts[2::2], strict=True):
            written = (ROOT / link).read_text(encoding="utf-8")
            names = re.findall(r"`([A-Za-z0-9_.]+)`", after)
            assert names, row
            words = [word for name in names for word in name.split(".")]
            assert all(re.search(rf"\b{word}\b", written) for word in words), row
