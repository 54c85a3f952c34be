"""Video files <-> frames with their presentation times."""

from syncline.video.browser_copy import plays_in_step, write_browser_copy, write_proxy
from syncline.video.discovery import find_videos, mark_result, mark_result_folder
from syncline.video.on_display import frames_on_display
from syncline.video.reader import Frames, VideoReader, open_video
from syncline.video.scan import VideoInfo, scan_file, scan_folder
from syncline.video.writer import VideoWriter

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
