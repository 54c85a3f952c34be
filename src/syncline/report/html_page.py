"""Results -> one self-contained HTML file: light and dark, no script, no request to anywhere."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from syncline.files import replacing, write_text
from syncline.report.style import STYLE

MAX_SVG_BYTES = 400_000
"""Figures whose drawing is larger go in as pixels."""

_VOID = re.compile(r"\s+")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="generator" content="syncline"><title>{title}</title>
<style>
:root {{ --ink:#22262b; --quiet:#5f6872; --rule:#dfe3e7; --back:#fff; --card:#fff; --link:#2468b0 }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink:#e8eaed; --quiet:#9aa3ad; --rule:#343a41; --back:#16181b; --card:#fff; --link:#7db4ee }} }}
* {{ box-sizing:border-box }}
body {{ margin:0; background:var(--back); color:var(--ink); 
  font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif }}
main {{ max-width:60rem; margin:0 auto; padding:2.5rem 1.25rem 5rem }}
h1 {{ font-size:1.75rem; line-height:1.2; margin:0 0 .5rem }}
h2 {{ font-size:1.2rem; margin:2.5rem 0 .75rem; padding-top:.9rem; border-top:1px solid var(--rule) }}
a {{ color:var(--link) }} code {{ font:.9em ui-monospace,Menlo,Consolas,monospace }}
pre {{ overflow-x:auto; padding:.8rem 1rem; border:1px solid var(--rule); border-radius:.5rem }}
nav ol {{ columns:2; padding-left:1.2rem; color:var(--quiet); font-size:.92rem }}
figure {{ margin:1rem 0; padding:.75rem; background:var(--card); border:1px solid var(--rule); border-radius:.6rem;
  text-align:center }}
figure img, video {{ max-width:100%; height:auto }}
.table {{ overflow-x:auto; margin:1rem 0 }}
table {{ border-collapse:collapse; font-size:.92rem; font-variant-numeric:tabular-nums; min-width:40% }}
th, td {{ padding:.35rem .8rem .35rem 0; border-bottom:1px solid var(--rule); text-align:left; vertical-align:top }}
th {{ color:var(--quiet); font-weight:600 }} td.n, th.n {{ text-align:right }}
@media print {{ h2 {{ break-after:avoid }} figure, tr {{ break-inside:avoid }} }}
</style></head><body><main>
<h1>{title}</h1>
{contents}
{sections}
</main></body></html>
"""

Content = str | Figure | Sequence[Mapping[str, Any]]


def write_page(path: str | Path, title: str, sections: Sequence[tuple[str, Any]]) -> None:
    """Write a page.

    Args:
        path: the .html file, written whole or not at all.
        title: of the page; escaped.
        sections: (heading, content) in order. Headings are escaped ("" for none). Content is a string of HTML (the
            caller's own, put in as it is), a Figure, the rows of a table (a list of dicts; columns in order of first
            appearance; numbers right-aligned), or a list of any of these.

    Raises:
        TypeError: content of another kind.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "page.html"
        >>> write_page(path, "Runs", [("Scores", [{"method": "lac", "tau": 0.97}]), ("Notes", "<p>one seed</p>")])
        >>> "<td class=\\"n\\">0.97</td>" in path.read_text()
        True
    """
    headings = [heading for heading, _ in sections if heading]
    contents = ""
    if len(headings) > 4:
        items = "".join(f'<li><a href="#{_anchor(h, k)}">{html.escape(h)}</a></li>' for k, h in enumerate(headings))
        contents = f"<nav><ol>{items}</ol></nav>"
    parts, number = [], 0
    for heading, content in sections:
        if heading:
            parts.append(f'<h2 id="{_anchor(heading, number)}">{html.escape(heading)}</h2>')
            number += 1
        parts.append(_content(content, heading or title))
    page = _PAGE.format(title=html.escape(title), contents=contents, sections="\n".join(parts))
    write_text(path, page)


def write_figure(path: str | Path, figure: Figure) -> None:
    """Write a figure, whole or not at all; the form (png, pdf, svg) follows the suffix, pixels are 200 an inch."""
    with mpl.rc_context(STYLE), replacing(path) as temporary:
        figure.savefig(temporary, dpi=200)


def data_uri(figure: Figure) -> str:
    """A figure as a data URI: SVG, or PNG at 170 dots an inch where the drawing would be large."""
    with mpl.rc_context(STYLE):
        drawing = io.BytesIO()
        figure.savefig(drawing, format="svg", metadata={"Date": None})
        if drawing.tell() <= MAX_SVG_BYTES:
            return f"data:image/svg+xml;base64,{base64.b64encode(drawing.getvalue()).decode()}"
        pixels = io.BytesIO()
        figure.savefig(pixels, format="png", dpi=170)
        return f"data:image/png;base64,{base64.b64encode(pixels.getvalue()).decode()}"


def _content(content: Any, heading: str) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, Figure):
        width = round(content.get_figwidth() * 110)
        return f'<figure><img src="{data_uri(content)}" alt="{html.escape(heading)}" width="{width}"></figure>'
    if isinstance(content, Sequence):
        if all(isinstance(row, Mapping) for row in content):
            return _table(content)
        return "\n".join(_content(part, heading) for part in content)
    raise TypeError(f"a section holds HTML, a Figure, rows of a table or a list of these, got {type(content).__name__}")


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(str(name) for row in rows for name in row))
    numeric = {name for name in columns if all(_is_number(row.get(name)) for row in rows)}

    decimals = {name: _decimals([row.get(name) for row in rows]) for name in numeric}

    def cell(tag: str, name: str, text: str) -> str:
        mark = ' class="n"' if name in numeric else ""
        return f"<{tag}{mark}>{html.escape(text)}</{tag}>"

    head = "".join(cell("th", name, name) for name in columns)
    body = "".join(
        "<tr>" + "".join(cell("td", name, _text(row.get(name), decimals.get(name))) for name in columns) + "</tr>\n"
        for row in rows
    )
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>'


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _decimals(column: Sequence[Any]) -> int:
    """Decimals that show every number of a column to four digits at most, and line the column up."""
    shown = [f"{value:.4g}" for value in column if isinstance(value, float)]
    return max((len(text.partition(".")[2]) for text in shown if "e" not in text), default=0)


def _text(value: Any, decimals: int | None) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    return f"{value:.{decimals or 0}f}" if isinstance(value, float) and decimals is not None else str(value)


def _anchor(heading: str, number: int) -> str:
    return f"s{number + 1}-{_VOID.sub('-', re.sub(r'[^a-z0-9 ]', '', heading.lower()).strip())}"
