"""Key events carried with a run, in the `folder` that it was trained on and to `new` clips, beside frozen features.

    SYNCLINE_TEST_DATA=DIR python -m benchmarks.training_cases [--sets human_golf ...] [--cases folder new]
        [--training frozen default old scl] [--seeds 0 1 2 3 4] [--protocols whole cut] [--counts 1 3 10] [--runs DIR]

Labelled clips are training clips, targets validation clips, so that both cases are measured on the same events:
`folder` trains on all of them, without labels, as a user does who trains on the folder that is to be labelled; `new`
trains on the training clips alone. `default` is `syncline train` without options, `old` the default of version 0.1.0,
`scl` the method of that name with the same rate and copies. With a run, frozen features are aligned and single frames
are compared by the run, as `syncline transfer --run` does. Two lines a protocol and number of labelled videos, as
`benchmarks.transfer_consensus` describes them (`direct`, `consensus`), added to `results/training_cases.jsonl`; what is
there already is not run again. `--runs` keeps the runs, and trains none anew that is there.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.record import append, rows, surroundings
from benchmarks.transfer_consensus import Target, compare
from benchmarks.transfer_real import TOLERANCES, clips_of, targets_of

from syncline.data import open_videos, read_recuts
from syncline.encoder import FeatureCache, FrameEncoder
from syncline.evaluation.controls import Embed, embed_with, frozen
from syncline.evaluation.protocols import Clip
from syncline.training import TrainConfig, fit, method_config

TRAINING: dict[str, Callable[[int], TrainConfig]] = {
    "default": lambda seed: method_config(seed=seed),
    "old": lambda seed: method_config(
        preset="cross_video", copies=1, sample_rate_hz=7.5, label_seconds=TrainConfig.label_seconds, seed=seed
    ),
    "scl": lambda seed: method_config("scl", seed=seed),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=list(TOLERANCES))
    parser.add_argument("--cases", nargs="+", default=["folder", "new"], choices=["folder", "new"])
    parser.add_argument("--training", nargs="+", default=["frozen", "default"], choices=["frozen", *TRAINING])
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)))
    parser.add_argument("--protocols", nargs="+", default=["whole", "cut"], help="of benchmarks.transfer_real")
    parser.add_argument("--counts", nargs="+", type=int, default=[1, 3, 10], help="numbers of labelled videos")
    parser.add_argument("--draws", type=int, default=50, help="draws of 3 and more labelled videos; of 1 all are taken")
    parser.add_argument("--runs", type=Path, help="folder of runs, which are kept")
    arguments = parser.parse_args()
    data = os.environ.get("SYNCLINE_TEST_DATA")
    if not data:
        print("benchmarks.training_cases: needs the real sets (SYNCLINE_TEST_DATA); nothing was measured")
        return
    for name in arguments.sets:
        measure(name, Path(data) / name, arguments)


def measure(name: str, folder: Path, arguments: argparse.Namespace) -> None:
    """All runs of a set that are not there."""
    videos, cache = open_videos(folder), FeatureCache()
    recuts = read_recuts(folder / "retimed.csv", videos) if "retimed" in arguments.protocols else None
    train, clips = clips_of(videos, recuts, cache)
    tick = float(np.median(np.concatenate([np.diff(clip.times) for clip in train])))
    for seed in arguments.seeds:
        for case in arguments.cases:
            for training in arguments.training:
                of_run = seed if training != "frozen" else None
                about: dict[str, Any] = {"set": name, "case": case, "training": training, "seed": of_run}
                if there(about):
                    continue
                around, began = surroundings("numba"), time.perf_counter()
                frozen_features = frozen(train if case == "new" else [*train, *clips["whole"]])
                by_run: Embed | None = None
                if training != "frozen":
                    part = videos if case == "folder" else videos.split("train")
                    run = arguments.runs and arguments.runs / f"{name}_{case}_{training}_{seed}"
                    if run and run.is_dir():
                        encoder = FrameEncoder.from_pretrained(run)
                    else:
                        encoder = fit(part, config=TRAINING[training](seed), cache=cache, out=run)
                        about["train_s"] = round(time.perf_counter() - began, 1)
                    by_run = embed_with(encoder)
                known, *given = [
                    with_run(targets_of(shown, frozen_features, videos.num_phases, tick), shown, by_run)
                    for shown in (train, *(clips[protocol] for protocol in arguments.protocols))
                ]
                targets = dict(zip(arguments.protocols, given, strict=True))
                tolerance = TOLERANCES.get(name, 0.5)
                for row in list(
                    compare(known, targets, counts=arguments.counts, draws=arguments.draws, tolerance=tolerance)
                ):  # written when the run is complete
                    append("training_cases", about | row | around)


def with_run(targets: list[Target], clips: Sequence[Clip], by_run: Embed | None) -> list[Target]:
    """As `transfer --run` has them: frozen features are aligned, single frames are compared by the run."""
    if by_run is None:
        return targets
    return [
        replace(target, embedding=replace(target.embedding, frame_vectors=vectors))
        for target, vectors in zip(targets, by_run(clips), strict=True)
    ]


def there(about: dict[str, Any]) -> bool:
    """Whether the results hold this run."""
    return any(all(row.get(key) == value for key, value in about.items()) for row in rows("training_cases"))


if __name__ == "__main__":
    main()
