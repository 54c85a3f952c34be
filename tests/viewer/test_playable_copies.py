"""Copies of what browsers do not play."""

from __future__ import annotations

from pathlib import Path

import pytest
from bars import write_bar_codes
from viewing import make_library, until

from syncline.video import find_videos
from syncline.viewer.library import Library
from syncline.viewer.playable_copies import Proxies


def test_copy_of_an_odd_file_tells_how_far_it_is(folder: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    odd.mkdir()
    write_bar_codes(odd / "old.avi", 40, rate=15, codec="mjpeg")
    library = make_library(odd, odd / "work")
    proxies = Proxies(library)
    assert not library.plays(0)
    assert proxies.path(0) is None
    until(lambda: proxies.states()[0]["state"] == "ready")
    made = proxies.path(0)
    assert made is not None
    assert made.parent == odd / "work" / "proxies"
    assert find_videos(odd) == [odd / "old.avi"], "a copy is no video of the folder that holds the work"
    assert Proxies(library).path(0) == made  # found again by another session


def test_a_copy_that_fails_says_so_and_the_next_is_made(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = make_library(folder, tmp_path / "work")

    def picky(path: Path, out: Path, **_: object) -> None:
        if path.name == "one.mp4":
            raise ValueError("Invalid argument")
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(b"")

    monkeypatch.setattr("syncline.viewer.playable_copies.write_browser_copy", picky)
    monkeypatch.setattr(Library, "plays", lambda *_: False)
    proxies = Proxies(library)
    first, second = library.numbers["one.mp4"], library.numbers["three.mp4"]
    proxies.make(first)
    proxies.make(second)
    until(lambda: proxies.states()[second]["state"] == "ready")
    failed = {"state": "failed", "why": "Invalid argument"}
    assert proxies.states()[first] == failed
    assert proxies.path(first) is None
    assert proxies.told(first) == failed
    monkeypatch.setattr(
        "syncline.viewer.playable_copies.write_browser_copy", lambda path, out, **_: out.write_bytes(b"")
    )
    assert proxies.path(first) is None, "opened again, it is tried again"
    until(lambda: proxies.told(first) == {"state": "ready"})
