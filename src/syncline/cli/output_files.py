"""Checks where results go before any work begins, and saves figures in the chosen format."""

from __future__ import annotations

import argparse
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.errors import SynclineError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS = Path("syncline-results")
"""The folder that holds what the verbs write, unless --out says otherwise: one to keep, to move or to delete."""
FORMS = ("png", "svg", "pdf", "none")


def add_output_options(parser: argparse.ArgumentParser, default: str) -> None:
    """--out, by default a folder of that name in `RESULTS`, and --figures."""
    folder = RESULTS / default
    parser.add_argument(
        "--out", type=Path, default=folder, metavar="DIR", help=f"folder of the results (default: {folder})"
    )
    parser.add_argument("--figures", choices=FORMS, default="png", help="form of the pictures (default: png)")


def prepare_folder(folder: Path, *, mark: bool = True) -> None:
    """Makes a folder for results, so that work whose results could not be kept does not begin; an empty one is marked.

    Args:
        folder: is made with those above it.
        mark: False leaves it unmarked, for what is not read as videos anyway and refuses a folder that holds files.

    Raises:
        SynclineError: there is a file of that name. OSError: it cannot be made or written into.
    """
    if folder.exists() and not folder.is_dir():
        raise SynclineError(f"--out {folder} is a file; give a folder")
    folder.mkdir(parents=True, exist_ok=True)
    if mark and not any(folder.iterdir()):
        from syncline.video.discovery import mark_result_folder

        mark_result_folder(folder)
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def draw(arguments: argparse.Namespace, name: str, make: Callable[[], Figure | None]) -> None:
    """Writes what ``make`` draws as ``name`` in the form of --figures; an older one of another form goes."""
    for form in FORMS[:-1]:
        (arguments.out / f"{name}.{form}").unlink(missing_ok=True)
    if arguments.figures == "none":
        return
    from syncline.report.html_page import write_figure

    figure = make()
    if figure is not None:
        write_figure(arguments.out / f"{name}.{arguments.figures}", figure)
