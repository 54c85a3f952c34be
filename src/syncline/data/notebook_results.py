"""Displays results in a notebook: in words and with a picture, without a network."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable
from typing import Any, TypeVar

from syncline.errors import SynclineError

MOST_SHOWN = 12
"""Results of a list that are shown with a picture."""
Result = TypeVar("Result")


class NotebookResult:
    """A result with a ``plot``: a notebook shows its ``repr`` and the picture."""

    def plot(self) -> Any:
        """A matplotlib ``Figure``."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        buffer = io.BytesIO()
        self.plot().savefig(buffer, format="png", dpi=100)
        return (
            f'{in_words(self)}<img alt="" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
        )


class Results(list[Result]):
    """A list of results of one kind, in their order, that becomes one table.

    Examples:
        >>> Results([1, 2])
        [1, 2]
    """

    def __init__(self, results: Iterable[Result] = ()) -> None:
        super().__init__(results)

    def to_dataframe(self) -> Any:
        """A pandas ``DataFrame``: the rows of all, whose they are in the column ``source``."""
        try:
            import pandas
        except ImportError as error:
            raise SynclineError("a DataFrame needs the package pandas: pip install pandas") from error
        tables = []
        for result in self:
            table = result.to_dataframe()  # type: ignore[attr-defined]
            if "source" not in table:
                table.insert(0, "source", result.source)  # type: ignore[attr-defined]
            tables.append(table)
        filled = [table for table in tables if len(table)]
        return pandas.concat(filled, ignore_index=True) if filled else pandas.concat(tables or [pandas.DataFrame()])

    def _repr_html_(self) -> str:
        shown = [
            f'<div style="display: inline-block; vertical-align: top; margin: 0 1em 1em 0">{one._repr_html_()}</div>'  # type: ignore[attr-defined]
            for one in self[:MOST_SHOWN]
        ]
        left = f"<p>and {len(self) - MOST_SHOWN} more</p>" if len(self) > MOST_SHOWN else ""
        return "".join(shown) + left if self else "<p>nothing</p>"


def in_words(result: object) -> str:
    """The ``repr`` as a paragraph."""
    return f"<p>{html.escape(repr(result))}</p>"
