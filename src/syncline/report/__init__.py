"""Figures (functions that return a matplotlib Figure) and self-contained pages."""
