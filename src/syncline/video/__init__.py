"""Video files <-> frames with their presentation times."""

from syncline.video.reader import Frames, VideoReader
from syncline.video.scan import VideoInfo, find_videos, scan_file, scan_folder
from syncline.video.writer import VideoWriter, write_proxy

__all__ = [
    "Frames",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "find_videos",
    "scan_file",
    "scan_folder",
    "write_proxy",
]
