"""Writers of Pouring and PennAction in every form, from the specification, with known content: bar codes and phases."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bars
import numpy as np
import tfrecord_writer as tfw
import torch
from PIL import Image
from scipy.io import savemat

HEIGHT, WIDTH = 24, 48


@dataclass(frozen=True)
class Item:
    """One video of a form: its frames spell first, first + 1, ..."""

    name: str
    labels: list[int]
    action: int = 0
    first: int = 0
    extra: int = 0  # frames more than labels


def phases(length: int, count: int) -> list[int]:
    return [k * count // length for k in range(length)]


def entry(number: int, item: Item, *, tensor: bool, action: bool) -> dict[str, Any]:
    label: Any = torch.tensor(item.labels, dtype=torch.int64) if tensor else item.labels
    made = {"id": number, "name": item.name, "video_file": f"videos/{item.name}.mp4", "seq_len": len(item.labels)}
    made |= {"frame_label": label}
    return made | {"action_label": item.action} if action else made


def write_pickle(path: Path, items: Sequence[Item], *, penn: bool = False) -> None:
    entries = [entry(n, item, tensor=True, action=penn) for n, item in enumerate(items)]
    content: Any = entries
    if penn:
        content = entries, [[n for n, item in enumerate(items) if item.action == a] for a in range(13)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))


def write_json_index(path: Path, items: Sequence[Item], *, penn: bool = False) -> None:
    path.write_text(json.dumps({"videos": [entry(n, i, tensor=False, action=penn) for n, i in enumerate(items)]}))


def write_npz_index(path: Path, items: Sequence[Item], *, penn: bool = False) -> None:
    arrays: dict[str, Any] = {
        "id": np.arange(len(items)),
        "name": np.array([item.name for item in items]),
        "video_file": np.array([f"videos/{item.name}.mp4" for item in items]),
        "seq_len": np.array([len(item.labels) for item in items]),
        "frame_label": np.concatenate([item.labels for item in items]),
    }
    if penn:
        arrays["action_label"] = np.array([item.action for item in items])
    np.savez(path, **arrays)


def write_video(root: Path, item: Item) -> None:
    import av

    path = root / "videos" / f"{item.name}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for number in range(len(item.labels) + item.extra):
            picture = bars.bar_code(item.first + number, HEIGHT, WIDTH)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def write_frames(folder: Path, item: Item) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(len(item.labels) + item.extra):
        (folder / f"{number + 1:06d}.jpg").write_bytes(jpeg(item.first + number))


def jpeg(number: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray(bars.bar_code(number, HEIGHT, WIDTH)).save(content, "JPEG", quality=95)
    return content.getvalue()


def write_shard(path: Path, items: Sequence[Item], *, labels: bool = True) -> None:
    payloads = []
    for item in items:
        lists = {"video": [tfw.of_bytes(jpeg(item.first + n)) for n in range(len(item.labels))]}
        if labels:
            lists["frame_labels"] = [tfw.of_integers(label) for label in item.labels]
        context = {"name": tfw.of_bytes(item.name.encode()), "len": tfw.of_integers(len(item.labels))}
        payloads.append(tfw.sequence_example(context | {"label": tfw.of_integers(item.action)}, lists))
    tfw.write_records(path, payloads)


def write_mat(path: Path, action: str, train: int, frames: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    poses = np.zeros((frames, 13))
    content = {"action": action, "pose": "front", "x": poses, "y": poses, "visibility": poses, "train": train}
    content |= {"bbox": np.zeros((frames, 4)), "dimensions": [HEIGHT, WIDTH, frames], "nframes": frames}
    savemat(path, content, do_compression=True)


def write_npy(path: Path, labels: Sequence[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.array(labels, dtype=np.int64))
