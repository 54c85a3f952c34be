"""The command ``syncline``: finds the verb, runs it, and turns what went wrong into one line and an exit code.

A verb is a module of this package named in ``VERBS`` with two functions: ``configure(parser)`` adds its arguments, and
``run(arguments)`` does the work and returns nothing or an exit code. Neither module nor ``configure`` imports anything
heavy: torch, av and the rest are imported inside ``run``, which keeps ``syncline --help`` fast.
Exit codes: 0 done, 1 failed (one line says why), 2 the command line itself was wrong.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import syncline
from syncline.errors import SynclineError

# verb -> one line of help; the module of the same name holds the rest
VERBS: dict[str, str] = {
    "demo": "render synthetic videos, train on them, evaluate, align, and write a report page",
    "scan": "what each video of a folder is, what is broken, and what will not align well",
    "train": "learn an embedding from a folder of videos, a manifest or a data set",
    "embed": "write the embeddings of every sampled frame of a folder",
    "evaluate": "measure an embedding: the five tasks with their controls, or signs that need no labels",
    "align": "align two videos: path, segments, gaps, pictures and a side-by-side film",
    "sync": "all videos of a folder on one common timeline",
    "search": "the moments of a folder that are most like a given one",
    "transfer": "carry labels from a few videos to all others",
    "deviate": "what is missing, extra, slower or faster, against one video or the group",
    "bench": "tables of methods x metrics x seeds, with controls and intervals",
    "view": "the browser viewer: two videos in step",
    "export": "a run as safetensors with a model card, or as ONNX",
    "cache": "where the feature cache is, how large it is, and how to clear it",
}


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong; the usage of some verbs would fill a screen above it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parse(words: Sequence[str]) -> argparse.Namespace:
    """The command line, by a parser that lists every verb; of the verb that is meant alone the module is imported."""
    verb = next((word for word in words if not word.startswith("-")), None)
    parser = _Parser(
        prog="syncline",
        description="Aligns, searches and compares videos of the same activity, by an embedding of every frame.",
    )
    parser.add_argument("--version", action="version", version=f"syncline {syncline.__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    speaks = parser
    for name, line in VERBS.items():
        sub = verbs.add_parser(
            name, help=line, description=line, formatter_class=argparse.RawDescriptionHelpFormatter, add_help=True
        )
        if name == verb:
            importlib.import_module(f"syncline.cli.{name}").configure(sub)
            speaks = sub
    parsed, unknown = parser.parse_known_args(words)
    if unknown:
        speaks.error(f"unrecognized arguments: {' '.join(unknown)}")  # with the help of the verb
    return parsed


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns the exit code (argparse itself exits with 2 on a wrong command line)."""
    # threads that wait for each other by spinning make a busy machine ten times slower; read when torch is loaded
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _open_output()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["--"]:  # torchrun hands it on: without it, it takes our --run for its own --run-path
        del words[0]
    parsed = _parse(words)
    try:
        code = importlib.import_module(f"syncline.cli.{parsed.verb}").run(parsed)
        sys.stdout.flush()  # what cannot be written is found here, not when Python ends
    except SynclineError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", code=130)
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UnicodeEncodeError as error:  # only names of files hold such letters
        part = error.object[max(0, error.start - 40) : error.end + 20].splitlines()
        return _fail(f"a name that is no UTF-8 cannot be written, near {' '.join(part)!a}; rename the file")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _fail(
                f"no space left on the disk while writing {error.filename or 'a file'}; free some and run again"
            )
        if error.errno == errno.EFBIG:
            return _fail(f"{error.filename or 'a file'} would be larger than files may be here; choose another folder")
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            return _fail(f"no permission to write or read {error.filename}; choose another folder")
        if error.filename is not None:  # a folder where a file should be, one that cannot be made, a path too long
            return _fail(f"{error.filename} cannot be read or written: {error.strerror}; choose another folder")
        raise
    return int(code or 0)


def _open_output() -> None:
    """Takes care that everything can be printed: closed output leads nowhere, letters it does not have become ``?``."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _fail(message: str, code: int = 1) -> int:
    print(f"syncline: {message}", file=sys.stderr)
    return code
