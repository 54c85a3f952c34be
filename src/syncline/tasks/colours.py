"""One colour for one meaning, in films, figures and the page."""

A_COLOUR = "#0b6a86"
B_COLOUR = "#9a3d86"
GAP_COLOUR = "#b45309"
"""Of what only one of two videos shows."""
