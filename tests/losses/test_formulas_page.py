"""The snippets of docs/formulas.md print what the page says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "formulas.md"


@pytest.mark.slow
def test_every_snippet_of_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    snippets = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    test = doctest.DocTestParser().get_doctest("".join(snippets), {}, PAGE.name, PAGE.name, 0)
    assert len(test.examples) >= 40
    results = doctest.DocTestRunner().run(test)
    assert results.failed == 0
    assert results.attempted == len(test.examples)
