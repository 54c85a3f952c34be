"""What syncline raises when it was given something it cannot use."""

from __future__ import annotations


class SynclineError(Exception):
    """Bad input or a fault outside the program.

    The message is one line: what was given, what was expected, what to do. The command line prints it and exits with 1.
    Functions on arrays and tensors raise ``ValueError`` and ``TypeError`` instead, as PyTorch's do.
    """

    def __init__(self, message: str = "") -> None:
        # names of files and what libraries say may hold line breaks
        super().__init__(" ".join(message.splitlines()))
