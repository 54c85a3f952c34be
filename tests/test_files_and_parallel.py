"""Crash-safe lines, work in order, and how far long work is."""

from __future__ import annotations

import lzma
import threading
from pathlib import Path

import numpy as np
import pytest

from syncline.cli.terminal import Bars
from syncline.cli.training_bars import TrainingBars
from syncline.errors import SynclineError
from syncline.files import append_jsonl, last_of_jsonl, mapped, read_jsonl
from syncline.parallel import AHEAD, is_main_process, results_in_order
from syncline.progress import Progress, Steps, notice
from syncline.training.training_progress import TrainingProgress


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lines.jsonl"
    append_jsonl(path, [{"a": 1}, {"a": "ü\u2028"}])
    append_jsonl(path, [{"a": 3}])
    assert read_jsonl(path, strict=True) == [{"a": 1}, {"a": "ü\u2028"}, {"a": 3}]
    assert last_of_jsonl(path) == {"a": 3}


def test_no_file_is_no_lines(tmp_path: Path) -> None:
    assert read_jsonl(tmp_path / "none.jsonl") == []
    assert last_of_jsonl(tmp_path / "none.jsonl") is None


@pytest.mark.parametrize("left", [b'{"a": 2', b'{"a": 2' + b"x" * 200_000, b"\xff\xfe"])
def test_half_a_line_is_passed_over_and_cut_off_by_the_next_writer(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"a": 1}\n' + left)
    assert read_jsonl(path, strict=True) == [{"a": 1}]
    append_jsonl(path, [{"a": 3}])
    assert path.read_bytes() == b'{"a": 1}\n{"a": 3}\n'


def test_a_whole_last_line_without_its_break_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": 2}')
    assert read_jsonl(path) == [{"a": 1}, {"a": 2}]
    append_jsonl(path, [{"a": 3}])
    assert read_jsonl(path, strict=True) == [{"a": 1}, {"a": 2}, {"a": 3}]


def test_older_lines_may_be_compressed(tmp_path: Path) -> None:
    """Compressed lines come first; new ones are appended as plain text beside them."""
    path = tmp_path / "lines.jsonl"
    (tmp_path / "lines.jsonl.xz").write_bytes(lzma.compress('{"a": 1}\n{"a": "ü\u2028"}\n'.encode()))
    assert read_jsonl(path, strict=True) == [{"a": 1}, {"a": "ü\u2028"}]
    append_jsonl(path, [{"a": 3}])
    assert read_jsonl(path, strict=True) == [{"a": 1}, {"a": "ü\u2028"}, {"a": 3}]
    (tmp_path / "lines.jsonl.xz").write_bytes(b"no archive")
    with pytest.raises(SynclineError, match=r"lines\.jsonl\.xz: expected JSON lines compressed by xz"):
        read_jsonl(path)


def test_a_damaged_line_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"a": 1}\nnothing\n[2]\n\n{"a": 3}\n')
    assert read_jsonl(path) == [{"a": 1}, {"a": 3}]
    with pytest.raises(SynclineError, match="line 2: expected a JSON object"):
        read_jsonl(path, strict=True)


def test_results_come_in_order_and_little_is_begun_ahead() -> None:
    begun: list[int] = []
    gate = threading.Event()

    def work(item: int) -> int:
        begun.append(item)
        if item == 0:
            assert gate.wait(10)
        return -item

    found = results_in_order(iter(range(100)), work, workers=2)
    threading.Timer(0.2, gate.set).start()
    assert next(found) == 0
    assert len(begun) <= AHEAD * 2 + 1
    assert list(found) == [-item for item in range(1, 100)]


def test_an_error_of_the_work_is_raised_at_its_item() -> None:
    def work(item: int) -> float:
        return 1 / item

    found = results_in_order([1, 0, 2], work, workers=2)
    assert next(found) == 1
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_rank_0_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert is_main_process()
    monkeypatch.setenv("RANK", "1")
    assert not is_main_process()


def test_steps_tell_rate_and_time_left() -> None:
    told: list[Progress] = []
    step = Steps("embedding", 2, told.append)
    step("a.mp4")
    assert told[0] == Progress("embedding", 0, 2)
    assert (told[1].done, told[1].message) == (1, "a.mp4")
    assert told[1].rate is not None
    assert told[1].rate > 0
    assert told[1].seconds_left == pytest.approx(1 / told[1].rate)


def test_a_notice_is_printed_and_a_file_gets_no_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncline.cli.terminal.PATIENCE", 0.0)
    with Bars() as bars:
        bars(Progress("embedding", 1, 2))
        bars(notice("poses are kept"))
    assert capsys.readouterr().err == "syncline: poses are kept\n"


def test_training_shows_its_plan_and_loss_and_hides_its_checkpoints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[str, int, str]] = []
    monkeypatch.setattr(Bars, "draw", lambda self, progress, name, note: drawn.append((name, progress.done, note)))
    with TrainingBars() as bars:
        bars(TrainingProgress("plan", message="about 1 min"))
        bars(TrainingProgress("features", 1, 2, "a.mp4"))
        bars(TrainingProgress("training", 3, 4, rate=2.0, loss=0.5))
        bars(TrainingProgress("saved", 3, 4))
    assert drawn == [("reading videos", 1, "a.mp4"), ("training", 3, "2.00 steps/s, loss 0.5000")]
    assert capsys.readouterr().err == "about 1 min\n"


def test_a_mapped_array_keeps_no_file_open(tmp_path: Path, few_files: None) -> None:
    pytest.importorskip("torch")
    want = np.arange(24, dtype=np.float16).reshape(2, 3, 4)
    path = tmp_path / "rows"
    path.write_bytes(b"seven  " + want.tobytes())
    found = [mapped(path, np.float16, (2, 3, 4), offset=7) for _ in range(400)]
    assert all((array == want).all() for array in found)
    with pytest.raises(ValueError, match="read-only"):
        found[0][0] = 0
    assert mapped(path, np.int64, (3, 0)).shape == (3, 0)
    for missing in (tmp_path / "none", path):
        with pytest.raises(OSError, match=missing.name):
            mapped(missing, np.uint8, (1000,))
