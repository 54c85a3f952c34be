"""Video files <-> frames with their presentation times."""

from syncline.video.on_display import frames_on_display
from syncline.video.reader import Frames, VideoReader, open_video
from syncline.video.scan import VideoInfo, find_videos, scan_file, scan_folder
from syncline.video.writer import VideoWriter, write_proxy

__all__ = [
    "Frames",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "find_videos",
    "frames_on_display",
    "open_video",
    "scan_file",
    "scan_folder",
    "write_proxy",
]
