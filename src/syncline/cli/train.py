"""``syncline train``: learns an embedding from videos without labels."""

from __future__ import annotations

import argparse
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.cli.argument_values import add_source_options, setting, source_of
from syncline.cli.device_options import add_compute_options, use
from syncline.cli.pose_options import add_body_options, pose_settings, suggest_poses
from syncline.cli.training_bars import TrainingBars
from syncline.parallel import is_main_process
from syncline.wording import counted

if TYPE_CHECKING:
    from syncline.data import VideoSet
    from syncline.training import TrainConfig

EXAMPLE = """\
Time and disk are estimated before it starts. Ctrl-C saves; --resume continues. Features of videos are kept in a cache
(SYNCLINE_CACHE, or the user's cache folder), so that a second run on the same videos starts at once.

examples:
  syncline train videos/ --out runs/pour
  syncline train videos/ --out runs/pour --minutes 10
  syncline train videos/ --out runs/pour --resume
  syncline train penn_action --root data/PennAction --action bowl --out runs/bowl
  syncline train swings/ --out runs/swing --features pictures+pose   # people: docs, Body pose
  syncline train videos/ --out runs/scl --method scl --set lr=1e-4 --set sample_rate_hz=15
  syncline train --method tcc --print_config > tcc.yaml;  syncline train videos/ --out runs/tcc --config tcc.yaml
  torchrun --nproc-per-node 4 -m syncline train videos/ --out runs/pour
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("source", nargs="?", help="a folder of videos, a manifest (.csv), or pouring, penn_action")
    parser.add_argument("--out", metavar="RUN", help="folder of the run; must not exist, except with --resume")
    add_source_options(parser)
    parser.add_argument("--method", help="lac (default), scl, tcn, tcc, lav, gta, lrprop (our reconstruction)")
    parser.add_argument(
        "--preset",
        help="of the method's loss: paper, released ... (default: the method's own; of lac, by the folder's scenes)",
    )
    parser.add_argument("--own", action="store_true", help="the method's own encoder and settings, not the common ones")
    parser.add_argument("--published", action="store_true", help="its published encoder and settings, from pixels")
    parser.add_argument("--weights", metavar="FILE", help="the backbone starts from this file (ResNet-50, BYOL ...)")
    parser.add_argument("--steps", type=int, help="steps of the optimiser (default: 800)")
    parser.add_argument("--minutes", type=float, help="budget for everything; never more than --steps")
    parser.add_argument("--seed", type=int, help="(default: 0)")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_argument("--config", metavar="YAML", help="settings, as --print_config shows them")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="one setting, over all others; can be repeated"
    )
    parser.add_argument("--print_config", action="store_true", help="print all settings as YAML and do nothing")
    add_compute_options(parser)
    parser.add_argument("--cache", type=Path, help="folder of the feature cache (default: the user's)")
    parser.add_argument("--profile", action="store_true", help="say where the time went; also RUN/profile.json")
    add_body_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Trains; 0 also where SIGTERM ended it, because everything is saved then."""
    from syncline.training import TrainingStopped
    from syncline.training.stop_signals import catching_stops

    with catching_stops():
        try:
            return _run(arguments)
        except TrainingStopped as stopped:
            if stopped.run:
                _say(f"ended at step {stopped.step}; everything is saved in {stopped.run}")
            else:
                _say("ended before the first step; features that were read stay in the cache")
            if is_main_process():
                _say(f"continue with: syncline train {_typed(arguments)} --out {shlex.quote(arguments.out)} --resume")
            return 0 if stopped.signal == signal.SIGTERM else 130


def _run(arguments: argparse.Namespace) -> int:
    from syncline.training import as_yaml, train

    asked = arguments.source is not None and arguments.features == "auto" and not arguments.print_config
    videos = _videos(arguments) if asked else None
    config = _config(arguments, videos)
    if arguments.print_config:
        print(as_yaml(config), end="")
        return 0
    if arguments.source is None or arguments.out is None:
        _say("usage: syncline train SOURCE --out RUN (see syncline train --help)")
        return 2
    use(arguments)
    videos = _videos(arguments) if videos is None else videos
    if config.encoder.features == "pictures" and is_main_process() and not (arguments.resume or arguments.published):
        suggest_poses(arguments, list(videos))
    with TrainingBars(transient=False) as bars:
        train(
            videos, arguments.out, config=config, resume=arguments.resume, minutes=arguments.minutes,
            cache=arguments.cache, callback=bars,
        )  # fmt: skip
    if is_main_process():
        _finish(arguments)
    return 0


def _videos(arguments: argparse.Namespace) -> VideoSet:
    from syncline.training import training_videos

    return training_videos(source_of(arguments, arguments.source))


def _config(arguments: argparse.Namespace, videos: VideoSet | None = None) -> TrainConfig:
    """Defaults of the method (or the resumed run's settings), under those of the file, under those of the line."""

    from syncline.training import config_from, make_loss, merged, method_config, read_config

    given = _file_settings(arguments.config) if arguments.config is not None else {}
    line: dict[str, Any] = pose_settings(arguments, None if videos is None else list(videos))
    for name in ("method", "preset", "steps", "seed"):
        if getattr(arguments, name) is not None:
            line[name] = getattr(arguments, name)
    if arguments.weights is not None:
        line = merged(line, {"encoder": {"weights": arguments.weights}})
    for text in arguments.set:
        line = merged(line, setting(text))
    given = merged(given, line)
    if "steps" in given:
        given.setdefault("epochs", None)  # published settings count in epochs
    if arguments.resume and arguments.out is not None:
        base = read_config(Path(arguments.out))
    else:
        base = method_config(
            given.get("method", "lac"), preset=given.get("preset"), own=arguments.own, published=arguments.published
        )
    config = config_from(merged(base.as_dict(), given))
    make_loss(config, rate_hz=1.0)  # options that the loss does not have are reported now, not after an hour
    return config


def _file_settings(path: str) -> dict[str, Any]:
    import yaml

    from syncline.errors import SynclineError

    try:
        with open(path, encoding="utf-8") as file:
            values = yaml.safe_load(file)
    except OSError as error:
        raise SynclineError(f"{path} cannot be read ({error.strerror}); give a YAML file of settings") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SynclineError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SynclineError(f"{path} holds no settings; expected lines of 'key: value'")
    return values


def _finish(arguments: argparse.Namespace) -> None:
    import json

    from syncline.files import write_json

    folder = Path(arguments.out)
    summary = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    seconds, step = summary["seconds"], summary["step"]
    print(f"{folder}: {counted(step, 'step')} in {seconds:.0f} s ({step / max(seconds, 1e-9):.2f} a second)")
    if arguments.profile:
        plan = summary["plan"] or {}
        profile = {
            "seconds_a_frame": {"decode": plan.get("decode", 0.0), "backbone": plan.get("backbone", 0.0)},
            "frames_read": plan.get("missing", 0),
            "seconds_a_step": seconds / max(step, 1),
            "shares_of_a_step": summary["shares"],
        }
        write_json(folder / "profile.json", profile)
        pixels = bool(plan.get("pixels"))
        had = " (all pictures were there)" if pixels else " (all features were in the cache)"
        for part, share in profile["seconds_a_frame"].items():
            if part == "decode" or not pixels:  # a backbone that is trained is part of every step
                print(f"  {part:<10} {1e3 * share:7.1f} ms a frame" + ("" if share else had))
        for part, share in summary["shares"].items():
            print(f"  {part:<10} {100 * share:7.1f} % of a step")
    run, source = shlex.quote(str(folder)), shlex.quote(arguments.source)
    look = f", or syncline view {source} --run {run}" if Path(arguments.source).exists() else ""
    published = " --published" if arguments.published else ""
    print(f"next: syncline evaluate {run} {_typed(arguments)}{published}{look}")


def _typed(arguments: argparse.Namespace) -> str:
    """The source and the options that say which part of it is meant, as they are typed in a shell."""
    words = [arguments.source]
    for name in ("root", "action", "camera"):
        if getattr(arguments, name) is not None:
            words += [f"--{name}", getattr(arguments, name)]
    return shlex.join(words)


def _say(words: str) -> None:
    import sys

    print(f"syncline: {words}", file=sys.stderr)
