"""``syncline view``: the browser viewer."""

from __future__ import annotations

import argparse
from pathlib import Path

from syncline.cli.argument_values import add_label_rate, add_time_origin
from syncline.cli.device_options import add_compute_options, use
from syncline.cli.pose_options import add_body_options, bodies_of

EXAMPLE = """\
A bare folder is shown at once with frozen features; the page offers to train on it.

examples:
  syncline view videos/
  syncline view mine/ theirs/        # several folders on one page
  syncline view videos/ --run runs/pour --port 8010 --no-browser
  syncline view embeddings/          # a folder written by syncline embed
"""
LOCAL = ("127.0.0.1", "localhost", "::1")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument(
        "source", metavar="FOLDER", nargs="+", help="folders of videos, a manifest (.csv), a run, or embeddings"
    )
    parser.add_argument("--run", help="a trained run; without it, frozen features are used")
    parser.add_argument("--port", type=int, default=0, help="where to listen (default: a free one from 8000 on)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--minutes", type=float, default=15.0, help="budget of 'Train on this folder' (default: 15)")
    parser.add_argument("--work", help="folder for marks, copies and runs (default: FOLDER/.syncline)")
    parser.add_argument(
        "--follow-links", action="store_true", help="show videos that links in FOLDER lead to outside it"
    )
    parser.add_argument("--cache", type=Path, help="folder of the feature cache (default: the user's)")
    add_label_rate(parser)
    add_time_origin(parser, "seconds of label files that the page opens and exports count from", "")
    add_compute_options(parser)
    add_body_options(parser)


def run(arguments: argparse.Namespace) -> None:
    """Serves until it is interrupted."""
    from rich.console import Console
    from rich.markup import escape

    from syncline.viewer.serving import LEADS_OUT, address_of, listen, open_viewer, serve

    if arguments.device != "auto" or arguments.runtime is not None:
        use(arguments)
    console = Console(stderr=True)
    bodies = bodies_of(arguments)
    cache = None if arguments.cache is None else str(arguments.cache)
    with listen(arguments.host, arguments.port) as listening:  # before anything is looked at or said
        with console.status("looking at the videos"):
            viewer = open_viewer(
                [Path(source) for source in arguments.source], run=arguments.run, work=arguments.work,
                cache=cache, minutes=arguments.minutes, follow_links=arguments.follow_links,
                host=arguments.host, bodies=bodies, time_origin=arguments.time_origin,
                label_rate=arguments.label_rate,
            )  # fmt: skip
        for name in [name for name, why in viewer.broken if why == LEADS_OUT]:  # all others were told when opened
            console.print(f"[yellow]passed over[/] {escape(f'{name}: {LEADS_OUT}')}", highlight=False)
        if arguments.host not in LOCAL:
            console.print(
                f"[bold yellow]warning:[/] listening on {arguments.host}: everybody who can reach this machine can "
                "watch these videos and change their marks", highlight=False,
            )  # fmt: skip
        if bodies is not None and arguments.features == "auto":
            console.print(f"features: {bodies.kind} ({bodies.presence or 'as there are keypoints, or no estimator'})")
            if bodies.kind == "pictures" and arguments.mirror == "auto":
                console.print("[yellow]--mirror auto[/] turns poses here; pictures stay as they are", highlight=False)
        videos = "1 video" if viewer.videos == 1 else f"{viewer.videos} videos"
        console.print(f"{videos} at [bold]{address_of(listening)}[/]  (Ctrl+C ends it)", highlight=False)
        serve(viewer, listening, browser=not arguments.no_browser)
