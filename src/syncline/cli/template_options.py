"""Options about templates: saving one, and embedding new clips with one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.cli.terminal import progress, say, warn
from syncline.errors import SynclineError
from syncline.wording import counted

if TYPE_CHECKING:
    from syncline.cli.embedding_options import Embedder
    from syncline.data import VideoSet
    from syncline.tasks import FolderConsensus, Template
    from syncline.tasks.template import Events, MadeWith


def add_template_option(parser: argparse._ActionsContainer) -> None:
    """Adds --template."""
    parser.add_argument(
        "--template", type=Path, metavar="FILE",
        help="in place of the folder, what another one agreed on, as syncline sync FOLDER --save-template wrote it; "
             "what is given are new clips",
    )  # fmt: skip


def clips_of(arguments: argparse.Namespace) -> VideoSet:
    """The new clips that a verb with --template is given: a folder, a manifest, or files."""
    from syncline.data import open_videos

    given = [arguments.source, *arguments.more]
    return open_videos(given[0] if len(given) == 1 else [Path(one) for one in given])


def check_one_source(arguments: argparse.Namespace) -> None:
    """Raises SynclineError where several sources are given without --template, or what a template has of its own."""
    if arguments.more and arguments.template is None:
        raise SynclineError(
            f"one folder or manifest is looked at, {arguments.more[0]} is one too many; several clips go with "
            "--template"
        )
    if arguments.template is not None:
        for option in ("pins", "no_consensus", "refit"):
            if getattr(arguments, option):
                raise SynclineError(f"--{option.replace('_', '-')} is about a folder; leave it or --template out")


def open_template(arguments: argparse.Namespace) -> tuple[Template, Embedder]:
    """The template, and what embeds new clips as its frames were.

    Raises:
        SynclineError: a file that is none, or other features, another backbone or run than the template's.
    """
    from syncline.cli.embedding_options import Embedder
    from syncline.tasks import Template
    from syncline.tasks.template_features import check_made_with, fit_of

    template = Template.load(arguments.template)
    embedder = Embedder.of(arguments)
    made = template.made_with
    check_made_with(made, *_kind_and_hash(embedder))
    if embedder.rate is not None and embedder.rate != made.rate_hz:
        rate = "that of its run" if made.rate_hz is None else f"{made.rate_hz:g}"
        raise SynclineError(f"--rate {embedder.rate:g}: the template's frames a second are {rate}; leave --rate out")
    embedder.rate = made.rate_hz
    if made.features == "pictures":
        embedder.held = fit_of(made)
    return template, embedder


def join(template: Template, embedder: Embedder, videos: VideoSet) -> FolderConsensus:
    """New clips embedded and set behind the template's videos; who matches none of those is said."""
    embeddings = embedder.embed(videos)
    with progress("comparing with the template", 1) as step:
        folder = template.with_clips(embeddings)
        step()
    first = len(template.embeddings)
    for number in folder.votes.strangers:
        warn(f"{videos[number - first].name} matches none of the template's videos well: another activity?")
    return folder


def save_template(
    path: Path,
    embedder: Embedder,
    videos: VideoSet,
    folder: FolderConsensus,
    event_names: Sequence[str],
    events: Mapping[int, Events],
) -> None:
    """Writes the template of a folder and says what it holds."""
    from syncline.tasks import Template

    template = Template.of(
        folder, names=[video.name for video in videos], made_with=made_with(embedder), event_names=event_names,
        events=events,
    )  # fmt: skip
    template.save(path)
    labelled = f", {len(template.events or {})} of them labelled" if template.events else ""
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    say(f"template of {counted(len(template.embeddings), 'video')}{labelled} in {path} ({size})")


def made_with(embedder: Embedder) -> MadeWith:
    """How the embedder's frames are made.

    Raises:
        SynclineError: features that a template does not keep.
    """
    from syncline.tasks import MadeWith
    from syncline.tasks.template_features import pictures_made_with

    kind, made_by = _kind_and_hash(embedder)
    if kind == "run":
        return MadeWith(kind, made_by, embedder.rate)
    assert embedder.cache is not None
    assert embedder.fit is not None
    return pictures_made_with(embedder.cache, embedder.fit)


def _kind_and_hash(embedder: Embedder) -> tuple[str, str]:
    from syncline.encoder.saving_and_hub import encoder_hash
    from syncline.tasks.template_features import backbone_hash

    if embedder.run is not None:
        return "run", encoder_hash(embedder.run)
    if embedder.bodies is not None and embedder.bodies.kind != "pictures":
        raise SynclineError(f"templates keep features of pictures or of a run; --features {embedder.bodies.kind} is "
                            "standardised over a folder that is there")  # fmt: skip
    assert embedder.cache is not None
    return "pictures", backbone_hash(embedder.cache)


def reference_events(template: Template) -> Sequence[float | None]:
    """Seconds of the events of the template's reference; [] where it has none."""
    return list((template.events or {}).get(template.reference, ()))
