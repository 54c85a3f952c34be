"""``syncline bench``: tables of methods x sets x seeds from a configuration."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncline.cli.argument_values import setting
from syncline.cli.device_options import add_compute_options, use
from syncline.cli.terminal import warn
from syncline.wording import counted

if TYPE_CHECKING:
    from syncline.experiments import BenchConfig
    from syncline.training import TrainConfig

EXAMPLE = """\
A bench that was stopped continues where it was. Results: OUT/NAME/runs.jsonl (a line a run), tables.md, .csv, .tex,
differences.json (against the baseline, with 95 % intervals).

examples:
  syncline bench g1_seeds --root data/ --out results/
  syncline bench my_bench.yaml --root data/ --seeds 0 1
  syncline bench table1 --root data/ --steps 200 --set encoder.principal_dim=512
  syncline bench real --out results/ --only-tables
  syncline bench table1 --root data/ --dry-run
  syncline bench table1 --root data/ --weights resnet50.pth --weights SCL=byol.pth --set workers=8
  syncline bench --list
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("config", nargs="?", help="name of a bench of the package, or a YAML file")
    parser.add_argument("--list", action="store_true", help="list the benches of the package, and what each compares")
    parser.add_argument("--root", type=Path, default=Path("."), help="folder that holds the sets (default: here)")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of the results (default: results)")
    parser.add_argument("--seeds", type=int, nargs="+", help="instead of the configuration's")
    parser.add_argument("--sets", nargs="+", help="instead of the configuration's")
    parser.add_argument("--methods", nargs="+", help="only these rows")
    parser.add_argument("--steps", type=int, help="steps of the optimiser, instead of the configuration's")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="a setting of all rows, as encoder.width=64"
    )
    parser.add_argument(
        "--weights", metavar="[ROW=]FILE", action="append", default=[],
        help="the backbones of all rows that it fits, but those without pretrained weights, start from this file; with "
        "a row's name before it, that row's alone; can be repeated",
    )  # fmt: skip
    parser.add_argument("--cache", type=Path, help="folder of the feature cache (default: the user's)")
    parser.add_argument("--dry-run", action="store_true", help="list the runs, with the paper's rows, and do nothing")
    parser.add_argument("--only-tables", action="store_true", help="write the tables of the runs that are there")
    add_compute_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs what is missing and writes the tables."""
    from dataclasses import replace
    from textwrap import fill

    from syncline.encoder import FeatureCache
    from syncline.errors import SynclineError
    from syncline.experiments import config_names, read_bench, rows_with_weights, run_bench, write_tables
    from syncline.training import merged

    if arguments.list:
        for name in config_names():
            print(fill(f"{name:20}{read_bench(name).about}", 110, subsequent_indent=20 * " "))
        return 0
    if arguments.config is None:
        raise SynclineError(f"which bench? A YAML file, or one of {', '.join(config_names())}")
    config = read_bench(arguments.config)
    methods = config.methods
    if arguments.methods:
        unknown = [name for name in arguments.methods if name not in methods]
        if unknown:
            raise SynclineError(f"no method {unknown[0]!r} in {config.name}; there are {', '.join(methods)}")
        methods = {name: methods[name] for name in arguments.methods}
    over: dict[str, Any] = {} if arguments.steps is None else {"steps": arguments.steps}
    for text in arguments.set:
        over = merged(over, setting(text))
    if "steps" in over:
        over.setdefault("epochs", None)  # published settings count in epochs
    methods = {name: merged(values, over) for name, values in methods.items()}
    config = replace(
        config,
        methods=methods,
        seeds=arguments.seeds or config.seeds,
        sets=arguments.sets or config.sets,
        baseline=config.baseline if config.baseline in methods else None,
    )
    config = replace(config, methods=rows_with_weights(config, arguments.weights))
    if arguments.dry_run:
        _list_runs(config)
        return 0
    use(arguments)
    folder = arguments.out / config.name
    if arguments.only_tables:
        if not any(folder.glob("runs.jsonl*")):
            raise SynclineError(f"{folder} holds no runs.jsonl; run syncline bench {arguments.config} first")
        write_tables(config, folder)
    else:
        try:
            run_bench(
                config, arguments.root, arguments.out,
                cache=FeatureCache(arguments.cache), callback=lambda told: warn(told.message),
            )  # fmt: skip
        except KeyboardInterrupt:
            warn("stopped; the same command continues")
            raise
    if not (folder / "tables.md").is_file():
        raise SynclineError("no run of this bench has succeeded; the warnings above say why")
    print((folder / "tables.md").read_text(encoding="utf-8"))
    print(f"results in {folder}")
    return 0


def _list_runs(config: BenchConfig) -> None:
    """Every training that the bench would do: set, row, seed, its size, and the row of the paper that it is."""
    from syncline.experiments.published_runs import planned_runs

    sizes = {row: _size(config.training(row, config.seeds[0])) for row in config.methods}
    runs = planned_runs(config.sets, list(config.methods), config.seeds, config.paper)
    for run in runs:
        paper = f"; the paper's {run.paper}" if run.paper else ""
        print(f"{run.set}, {run.row}, seed {run.seed}: {sizes[run.row]}{paper}")
    print(counted(len(runs), "run"))


def _size(training: TrainConfig) -> str:
    """How long a training is, and how many pictures each of its steps takes."""
    length = counted(training.steps, "step") if training.epochs is None else counted(training.epochs, "epoch")
    pictures = training.views.batch_size * training.views.num_frames * training.encoder.contexts
    pictures *= 3 if training.views.pairing == "triplets" else 2
    return f"{length} of {pictures} pictures"
