"""`SynclineError`, and checks of choices."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints


class SynclineError(Exception):
    """Bad input or a fault outside the program.

    The message is one line: what was given, what was expected, what to do. The command line prints it and exits with
    ``exit_code``. Functions on arrays and tensors raise ``ValueError`` and ``TypeError`` instead, as PyTorch's do.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "") -> None:
        # names of files and what libraries say may hold line breaks
        super().__init__(" ".join(message.splitlines()))


class UnusableRunError(SynclineError):
    """A run that no ``--resume`` can continue: it is damaged, or of another model or other videos."""

    exit_code = 3


def check_choice(name: str, value: object, choices: Any, *, error: type[Exception] = ValueError) -> None:
    """Raise an ``error`` that names the setting unless ``value`` is one of the ``Literal`` type ``choices``."""
    known = get_args(choices)
    if value not in known:
        raise error(f"{name} must be one of {', '.join(map(str, known))}; got {value!r}")


def check_choices(config: object, name: str) -> None:
    """Every field of a dataclass that is annotated with a ``Literal`` holds one of its values.

    Raises:
        SynclineError: one does not; ``name`` is what users call the configuration.
    """
    for field, hint in get_type_hints(type(config)).items():
        if get_origin(hint) is Literal:
            check_choice(f"{name}.{field}", getattr(config, field, None), hint, error=SynclineError)
