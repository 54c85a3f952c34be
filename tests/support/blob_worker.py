"""Stands in for the pose estimator: the same protocol, but its one "person" is the bright spot of a picture.

Run as ``python blob_worker.py``; ``count.txt`` beside ``BLOB_LOG`` gets a line a picture, so that tests see what was
estimated and what came from the cache. A picture whose first pixel is pure red makes it die.
"""

from __future__ import annotations

import json
import os
import sys

import numpy as np

JOINTS = 33


def main() -> None:
    print(json.dumps({"model": "blob", "version": "1", "licence": "none", "sha256": "0"}), flush=True)
    source = sys.stdin.buffer
    while line := source.readline():
        request = json.loads(line)
        height, width = request["height"], request["width"]
        for _ in range(request["count"]):
            picture = np.frombuffer(source.read(width * height * 3), np.uint8).reshape(height, width, 3).astype(int)
            with open(os.environ["BLOB_LOG"], "a") as log:
                log.write("1\n")
            if picture[0, 0, 0] > 200 and picture[0, 0, 1] < 60:
                sys.exit("a red picture")
            bright = np.argwhere(picture.min(axis=2) > 180)
            if not len(bright):
                print("null", flush=True)
                continue
            y, x = bright.mean(axis=0) + 0.5
            marks = [[x / width + 0.001 * joint, y / height + 0.002 * joint, 0.0, 0.9] for joint in range(JOINTS)]
            print(json.dumps(marks), flush=True)


main()
