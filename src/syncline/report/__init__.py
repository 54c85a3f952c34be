"""Results -> figures that are good enough for a paper, and self-contained pages."""

from syncline.report.html_page import write_page

__all__ = ["write_page"]
