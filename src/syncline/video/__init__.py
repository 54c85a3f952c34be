"""Video files <-> frames with their presentation times.

Every name is loaded when it is first used (PEP 562): who finds features in the cache needs no decoder.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncline.video.browser_copy import plays_in_step as plays_in_step
    from syncline.video.browser_copy import write_browser_copy as write_browser_copy
    from syncline.video.browser_copy import write_proxy as write_proxy
    from syncline.video.discovery import find_videos as find_videos
    from syncline.video.discovery import mark_result as mark_result
    from syncline.video.discovery import mark_result_folder as mark_result_folder
    from syncline.video.on_display import frames_on_display as frames_on_display
    from syncline.video.reader import Frames as Frames
    from syncline.video.reader import VideoReader as VideoReader
    from syncline.video.reader import open_video as open_video
    from syncline.video.scan_files import VideoInfo as VideoInfo
    from syncline.video.scan_files import scan_file as scan_file
    from syncline.video.scan_files import scan_folder as scan_folder
    from syncline.video.writer import VideoWriter as VideoWriter

_HOME = {
    "Frames": "reader",
    "VideoInfo": "scan_files",
    "VideoReader": "reader",
    "VideoWriter": "writer",
    "find_videos": "discovery",
    "frames_on_display": "on_display",
    "mark_result": "discovery",
    "mark_result_folder": "discovery",
    "open_video": "reader",
    "plays_in_step": "browser_copy",
    "scan_file": "scan_files",
    "scan_folder": "scan_files",
    "write_browser_copy": "browser_copy",
    "write_proxy": "browser_copy",
}
__all__ = [
    "Frames",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "find_videos",
    "frames_on_display",
    "mark_result",
    "mark_result_folder",
    "open_video",
    "plays_in_step",
    "scan_file",
    "scan_folder",
    "write_browser_copy",
    "write_proxy",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'syncline.video' has no attribute {name!r}")
    return getattr(importlib.import_module(f"syncline.video.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
