"""**Share as one file**: a comparison as one HTML file that plays offline."""

from __future__ import annotations

import base64
import html
import json
import re
import tempfile
from importlib.resources import files
from pathlib import Path

from syncline.errors import SynclineError
from syncline.video import write_proxy
from syncline.viewer.library import Library
from syncline.viewer.page_analysis import Analysis
from syncline.viewer.pose_source import BodySource

LARGEST_AS_IT_IS = 12 << 20
"""Bytes of a video that goes into the page unchanged; larger ones are copied smaller first."""
LARGEST = 150 << 20
MODULES = ("dom.js", "follow.js", "transport.js", "plots.js", "screens.js", "stage.js", "shared.js")
PAGE = files("syncline.viewer") / "page"
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "media-src data: blob:; base-uri 'none'; form-action 'none'"
)


def share_page(
    library: Library, analysis: Analysis, a: int, b: int, mode: str, bodies: BodySource | None = None
) -> str:
    """Makes the whole page.

    Args:
        library, analysis: where videos and numbers come from.
        a, b: the two videos.
        mode: of the alignment.
        bodies: draws the two bodies instead of the pictures, which are left out, and so is the sound.

    Raises:
        SynclineError: videos that are too large for one page even in a small copy.
    """
    found = analysis.compare(a, b, mode)
    cells, extent = analysis.matrix(a, b)
    names = [library.videos[number].name for number in (a, b)]
    data = {
        "compare": found,
        "names": names,
        "pts": [library.pts_seconds(number).round(6).tolist() for number in (a, b)],
        "sounds": [bodies is None] * 2,
        "matrix": {
            "shape": list(cells.shape),
            "extent": list(extent),
            "cells": base64.b64encode(cells.tobytes()).decode(),
        },
        "videos": [base64.b64encode(_film(library, number, bodies)).decode() for number in (a, b)],
    }
    script = "\n".join(_plain((PAGE / name).read_text(encoding="utf-8")) for name in MODULES)
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    title = html.escape(f"{names[0]} and {names[1]} in step")
    payload = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f'<link rel="icon" href="data:,"><style>{style}</style></head><body class="shared">'
        f'<header><span class="brand">syncline</span><h1 class="title">{title}</h1></header>'
        f'<main id="main" tabindex="-1"></main><div id="problem" role="alert" hidden></div>'
        f'<script type="application/json" id="data">{payload}</script>'
        f'<script type="module">\n{script}\n</script></body></html>\n'
    )


def _plain(module: str) -> str:
    """A module as part of one script: without its imports and the word export."""
    module = re.sub(r"^import [^;]*;\n", "", module, flags=re.MULTILINE)
    return re.sub(r"^export ", "", module, flags=re.MULTILINE)


def _film(library: Library, number: int, bodies: BodySource | None) -> bytes:
    if bodies is None:
        return _small(library, number).read_bytes()
    from syncline.viewer.body_film import write_body_film

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "body.mp4"
        write_body_film(bodies.body(library.videos[number]), library.pts_seconds(number), path)
        return path.read_bytes()


def _small(library: Library, number: int) -> Path:
    """A file that plays in every browser and fits into a page."""
    path = library.file(number)
    if library.plays(number) and path.stat().st_size <= LARGEST_AS_IT_IS:
        return path
    copy = library.work / "shared" / f"{number}.mp4"
    write_proxy(path, copy, height=360, span=library.videos[number].span)
    if copy.stat().st_size > LARGEST:
        raise SynclineError(
            f"{library.videos[number].name} is too long for one page ({copy.stat().st_size >> 20} MB even when small); "
            "share a shorter cut of it"
        )
    return copy
