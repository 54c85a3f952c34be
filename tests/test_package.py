"""The house: cheap imports, names that resolve, files written whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import syncline
from syncline import files
from syncline.cli.main import VERBS
from syncline.encoder import EmbeddingStore
from syncline.errors import SynclineError


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_import_is_lazy() -> None:
    heavy = run(
        "import sys, syncline, syncline.cli.main; print([m for m in ('torch', 'av', 'numpy') if m in sys.modules])"
    )
    assert heavy == "[]"


@pytest.mark.parametrize("room", ["alignment", "losses"])
@pytest.mark.slow
def test_operators_need_no_video_library(room: str) -> None:
    heavy = run(f"import sys, syncline.{room}; print([m for m in ('av', 'timm', 'torchvision') if m in sys.modules])")
    assert heavy == "[]"


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = syncline.nothing


def fail_half_way(path: Path) -> None:
    path.write_text("half")
    raise OSError("disk")


def test_replacing_keeps_the_old_file_when_the_writer_fails(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.json"
    files.write_json(target, {"a": 1})
    with pytest.raises(OSError, match="disk"), files.replacing(target) as temporary:
        fail_half_way(temporary)
    assert target.read_text() == '{\n  "a": 1\n}\n'
    assert [p.name for p in target.parent.iterdir()] == ["a.json"]


def test_what_a_kill_left_is_nothing(tmp_path: Path) -> None:
    """A process that dies while it writes leaves its temporary file; the folder then still counts as empty."""
    code = "import os, sys; from syncline.files import replacing\nwith replacing(sys.argv[1]): os._exit(9)"
    assert not files.holds_files(tmp_path / "missing")
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "store.json")], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    assert not files.holds_files(tmp_path)
    EmbeddingStore(tmp_path)
    assert files.holds_files(tmp_path)
    with pytest.raises(SynclineError, match="holds other things"):
        EmbeddingStore(Path(__file__).parent)


def test_content_hash_sees_a_changed_tail_and_middle(tmp_path: Path) -> None:
    path = tmp_path / "v"
    path.write_bytes(bytes(5_000_000))
    before = files.content_hash(path)
    for position in (0, 2_500_000, 4_999_999):
        changed = bytearray(5_000_000)
        changed[position] = 1
        path.write_bytes(changed)
        assert files.content_hash(path) != before


def test_a_file_name_alone_says_its_job() -> None:
    """Two files share a name only as a verb does with its task, or as parts of two operators in `alignment/` do."""
    homes: dict[str, list[str]] = {}
    root = Path(syncline.__file__).parent
    for path in root.rglob("*.py"):
        if path.stem != "__init__":
            homes.setdefault(path.stem, []).append(path.relative_to(root).parts[0])
    shared = {stem: sorted(rooms) for stem, rooms in homes.items() if len(rooms) > 1}
    unsaid = {
        stem: rooms
        for stem, rooms in shared.items()
        if set(rooms) != {"alignment"} and not (stem in VERBS and rooms == ["cli", "tasks"])
    }
    assert not unsaid, unsaid
