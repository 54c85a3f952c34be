"""Tables in docs/ are those of benchmarks/results; links lead somewhere; commands are understood."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from syncline.cli.main import VERBS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(
    r"^ *(?:syncline|(?:torchrun|accelerate launch) .*(?:-m|--module) syncline(?: --)?) ([a-z]+ .+)$", re.M
)


def understood(line: str) -> bool:
    """Whether the command line takes a command; argparse would end the process, and says why."""
    verb, *words = shlex.split(re.split("[;>]", line)[0], comments=True)
    parser = argparse.ArgumentParser(verb)
    importlib.import_module(f"syncline.cli.{verb}").configure(parser)
    try:
        parser.parse_args(words)
    except SystemExit:
        return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert link.startswith("http") or target.exists(), link
        if anchor and target.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
            names = [re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings]
            assert anchor in names, link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_the_pages_are_understood(page: Path) -> None:
    blocks = re.findall(r"^```(?:bash|console)?\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    for line in COMMAND.findall("\n".join(blocks)):
        assert understood(line), line


@pytest.mark.parametrize("verb", VERBS)
def test_examples_of_help_are_understood(verb: str) -> None:
    parser = argparse.ArgumentParser(verb)
    importlib.import_module(f"syncline.cli.{verb}").configure(parser)
    lines = COMMAND.findall(parser.epilog or "")
    assert lines
    for line in lines:
        assert understood(line), line


def test_examples_of_the_alignment_page_run() -> None:
    page = (ROOT / "docs" / "alignment.md").read_text(encoding="utf-8")
    snippets = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    assert snippets
    for snippet in snippets:
        known = {"torch": torch}
        exec(compile(snippet, "docs/alignment.md", "exec"), known)
        made = [value for name, value in known.items() if isinstance(value, torch.Tensor) and name != "torch"]
        assert made, snippet
        assert not any(value.isnan().any() for value in made), snippet


@pytest.mark.parametrize("script", ["label_forms.py", "alignment_range.py"])
def test_pages_promise_what_tests_hold(script: str) -> None:
    command = [sys.executable, str(ROOT / "docs" / "scripts" / script), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr}run python docs/scripts/{script}"


@pytest.mark.slow
@pytest.mark.parametrize("script", ["measured.py", "results.py", "results_appendix.py"])
def test_pages_hold_what_was_measured(script: str) -> None:
    command = [sys.executable, str(ROOT / "docs" / "scripts" / script), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or f"run python docs/scripts/{script}"
