"""Options of the verbs that use the folder: the consensus, pins, and who votes, in words."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.cli.argument_values import pick
from syncline.cli.terminal import Bars, say
from syncline.errors import SynclineError
from syncline.wording import counted

if TYPE_CHECKING:
    from syncline.alignment.pair_posteriors import Mapper
    from syncline.data import Embedding, VideoSet
    from syncline.tasks import FolderConsensus


MANY = 100
"""Videos of a folder from which on the number of pairs is said before they are aligned."""


def pairs_of(count: int, chosen: int) -> int:
    """Pairs of `count` videos of which one at least is among the `chosen`.

    Examples:
        >>> pairs_of(4, 4), pairs_of(1000, 200)
        (6, 179900)
    """
    return chosen * (chosen - 1) // 2 + chosen * (count - chosen)


def add_consensus_options(parser: argparse.ArgumentParser, *, without: str) -> None:
    """--no-consensus and --pins.

    Args:
        without: what --no-consensus does, in words.
    """
    parser.add_argument("--no-consensus", action="store_true", help=without)
    parser.add_argument("--pins", type=Path, metavar="FILE",
                        help="moments that are the same: a CSV video_a,seconds_a,video_b,seconds_b")  # fmt: skip


def check_consensus_options(arguments: argparse.Namespace) -> None:
    """Raises SynclineError where the options contradict each other, before any work."""
    if arguments.pins and arguments.no_consensus:
        raise SynclineError("--pins hold in the consensus; leave --no-consensus out")
    if arguments.pins and not arguments.pins.is_file():
        raise SynclineError(f"--pins {arguments.pins}: no such file")


def consensus_of(
    videos: VideoSet,
    embeddings: Sequence[Embedding],
    *,
    order: Sequence[int] | None = None,
    pins: Path | None = None,
    mapper: Mapper = map,
) -> FolderConsensus:
    """The consensus of a folder; who has no vote is said.

    Args:
        videos, embeddings: of the folder.
        order: of the videos in it, as their numbers; as they are by default.
        pins: file of the moments that are the same.
        mapper: does the alignments of pairs, as `Consensus` takes it.
    """
    from syncline.tasks import gather_folder, pinned_frames, read_pins

    order = range(len(videos)) if order is None else order
    given = [embeddings[i] for i in order]
    at = {i: number for number, i in enumerate(order)}
    held = None if pins is None else pinned_frames(read_pins(pins), given, lambda name: at[pick(videos, name)])
    if len(given) > MANY:
        from syncline.tasks.folder_consensus import MOST_VOTERS, SCOUTS

        voters, scouts = min(len(given), MOST_VOTERS), min(len(given), SCOUTS)
        say(f"{counted(len(given), 'video')} are aligned with {voters} voters each, and looked at by {scouts}: "
            f"about {pairs_of(len(given), voters) + pairs_of(len(given), scouts):,} pairs")  # fmt: skip
    with Bars() as bars:
        folder = gather_folder(given, pins=held, callback=bars, mapper=mapper)
    say_votes(folder, [videos[i].name for i in order])
    return folder


def say_votes(folder: FolderConsensus, names: Sequence[str]) -> None:
    """Prints which videos have no vote or share one, and whether the folder has several groups."""
    from syncline.tasks.folder_consensus import LEAST_MATCH

    votes = folder.votes
    for same in votes.duplicates:
        say(f"one take, several files, one vote: {', '.join(names[i] for i in same)}")
    if votes.strangers:
        say(f"no vote, as they match none of the others well: {', '.join(names[i] for i in votes.strangers)}")
    if len(votes.clusters) > 1:
        parts = "; ".join(f"{names[cluster[0]]} and {len(cluster) - 1} more" for cluster in votes.clusters)
        say(f"{len(votes.clusters)} groups that do not match each other, so nothing is carried between them: {parts}")
    if votes.usual_match < LEAST_MATCH:  # NaN, of fewer than four videos, says nothing
        say("hardly any two of these videos show the same course; what is carried between them is a guess")
