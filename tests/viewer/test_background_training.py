"""Training in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from bars import write_bar_codes
from viewing import until

from syncline.cli.main import main
from syncline.data import open_videos
from syncline.errors import SynclineError, UnusableRunError
from syncline.training import fit, method_config
from syncline.viewer.background_training import Trainer

SCRIPT = """
import sys, time, pathlib
run = pathlib.Path(sys.argv[1]); run.mkdir(parents=True, exist_ok=True)
for step in range(3):
    with (run / "metrics.jsonl").open("a") as file: file.write('{"step": %d}\\n' % step)
while not run.with_name("seen").exists(): time.sleep(0.02)
if sys.argv[2] == "fail":
    print("syncline: no space left"); sys.exit(1)
(run / "run.json").write_text('{"finished": %s}' % ("false" if sys.argv[2] == "stop" else "true"))
print("syncline: continue with --resume")
"""


@pytest.mark.parametrize("how", ["work", "fail", "stop"])
def test_training_tells_steps_and_how_it_ended(tmp_path: Path, how: str) -> None:
    run, finished = tmp_path / "work" / "run", []
    trainer = Trainer(lambda: [sys.executable, "-c", SCRIPT, str(run), how], run, minutes=1, finished=finished.append)
    trainer.start()
    with pytest.raises(SynclineError, match="already"):
        trainer.start()
    until(lambda: trainer.progress.message == "training: step 2")
    (tmp_path / "work" / "seen").touch()
    until(lambda: trainer.progress.state != "working")
    if how == "work":
        until(lambda: finished == [run])
    else:
        assert trainer.progress.state == "failed"
        assert {"fail": "no space left", "stop": "continue with"}[how] in trainer.progress.message
        assert finished == []


def test_how_long_it_takes_is_measured_once_a_set_of_videos(tmp_path: Path) -> None:
    words = f"open({str(tmp_path / 'runs')!r}, 'a').write('x'); print('{{\"seconds\": 90}}')"
    trainer = Trainer(list, tmp_path / "run", minutes=1, estimator=lambda: [sys.executable, "-c", words])
    assert trainer.estimate(("a", "b")) == {"seconds": 90}
    assert trainer.estimate(("a", "b")) == {"seconds": 90}
    assert (tmp_path / "runs").read_text() == "x"
    trainer.estimate(("a", "b", "c"))
    assert (tmp_path / "runs").read_text() == "xx"
    assert Trainer(list, tmp_path / "run", minutes=1).estimate() is None
    fails = Trainer(list, tmp_path / "run", minutes=1, estimator=lambda: [sys.executable, "-c", "exit('one video')"])
    with pytest.raises(SynclineError, match="not known: one video"):
        fails.estimate()


@pytest.mark.slow
def test_the_estimate_is_the_plan_of_training(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in "ab":
        write_bar_codes(tmp_path / "videos" / f"{name}.mp4", 60)
    trainer = Trainer.of_source(lambda: tmp_path / "videos", tmp_path / "run", cache=tmp_path / "cache")
    plan = trainer.estimate()
    assert plan is not None
    assert plan["videos"] == 2
    assert plan["seconds"] == pytest.approx(plan["feature_seconds"] + plan["steps"] * plan["step_seconds"])
    assert plan["missing"] > 0
    assert not (tmp_path / "run").exists()


BREAKS_ONCE = """
import sys, pathlib
run = pathlib.Path(sys.argv[1]); run.mkdir(parents=True, exist_ok=True)
(run / "train.json").write_text("{}")
(run / "run.json").write_text('{"finished": true}')
sys.exit(0 if "--resume" in sys.argv else 1)
"""


def test_a_second_click_goes_on_with_the_run_of_the_first(tmp_path: Path) -> None:
    run = tmp_path / "run"
    trainer = Trainer(lambda: [sys.executable, "-c", BREAKS_ONCE, str(run)], run, minutes=1, resume=["--resume"])
    for state in ("failed", "ready"):
        trainer.start()
        until(lambda: trainer.progress.state != "working")
        assert trainer.progress.state == state


UNFIT = """
import sys, pathlib
run = pathlib.Path(sys.argv[1])
if "--resume" in sys.argv:
    sys.exit(3)
run.mkdir()
(run / "run.json").write_text('{"finished": true}')
"""


def test_a_run_that_does_not_fit_any_more_is_moved_aside(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (tmp_path / "run-old-1").mkdir()
    run.mkdir()
    (run / "train.json").write_text("{}")
    trainer = Trainer(lambda: [sys.executable, "-c", UNFIT, str(run)], run, minutes=1, resume=["--resume"])
    trainer.start()
    until(lambda: trainer.progress.state != "working")
    assert trainer.progress.state == "ready"
    assert (tmp_path / "run-old-2" / "train.json").exists()
    assert not (run / "train.json").exists()


def test_training_ends_with_an_exit_code_of_its_own_where_a_run_does_not_fit(folder: Path, tmp_path: Path) -> None:
    encoder = {"backbone": "test_resnet", "weights": "none", "grid": 1, "hidden": 16, "width": 16, "heads": 2,
               "feed_forward": 32, "embedding_dim": 8}  # fmt: skip
    config = method_config("scl", encoder=encoder, views={"num_frames": 8, "batch_size": 2}, steps=1)
    where: dict[str, Any] = {"cache": tmp_path / "cache", "out": tmp_path / "run"}
    fit(open_videos([folder / "one.mp4", folder / "two.mp4"]), config, **where)
    again = ["train", str(folder), "--out", str(where["out"]), "--cache", str(where["cache"]), "--resume"]
    assert main(again) == UnusableRunError.exit_code, "a video came since"


def test_training_that_cannot_begin_may_be_begun_again(tmp_path: Path) -> None:
    trainer = Trainer(lambda: [str(tmp_path / "no such program")], tmp_path / "run", minutes=1)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            trainer.start()
        assert trainer.progress.state == "failed"


def test_a_long_reason_names_the_log(tmp_path: Path) -> None:
    trainer = Trainer(lambda: [sys.executable, "-c", "import sys; sys.exit('x' * 500)"], tmp_path / "run", minutes=1)
    trainer.start()
    until(lambda: trainer.progress.state != "working")
    assert trainer.progress.message.endswith("… (the whole of it is in run.log)")
