"""Pouring and PennAction by name, in whichever form a folder has them.

| form | recognised by | read by |
|---|---|---|
| processed (CARL, LAC) | `train.pkl`, `val.pkl` (or .json, .npz) | `carl_lac_layout` |
| raw PennAction | `frames/` and `labels/*.mat` | `penn_action` |
| TCC's TFRecords | `NAME_train-0-of-2.tfrecord` ... | `tcc_records` |
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from syncline.data.labels.video_labels import fitted
from syncline.data.published import carl_lac_layout, penn_action, tcc_records
from syncline.data.published.published_actions import DATASETS, PENN_ACTION, POURING, action_named, count_rows
from syncline.data.video_set import Video, VideoSet
from syncline.errors import SynclineError
from syncline.parallel import results_in_order

_log = logging.getLogger(__name__)


def open_dataset(name: str, root: str | Path, *, action: str | None = None, split: str | None = None) -> VideoSet:
    """The videos of a published data set, with labels and splits.

    Args:
        name: `pouring` or `penn_action`.
        root: the folder; its form is recognised. The set's own name below it (`root/pouring`) will also do.
        action: of PennAction, one of its 13 in either spelling; None or "all" for all of them in one set, in which
            every batch is of one action, because each video names its own.
        split: keep only `train` or `val`.

    Returns:
        The set. How its counts compare with the published ones and how long its videos are is logged. A video whose
        file cannot be read is passed over with a warning. Per action: `by_action`.

    Raises:
        SynclineError: no such set, form, action or split; labels that do not fit their video.
    """
    listed = read_index(name, root)
    wanted = None if action is None or action == "all" else action_named(action, DATASETS[name]).name
    for row in count_rows(listed, name):
        if row["difference"] and wanted in (None, row["action"]):
            _log.info(
                "%s %s: %d videos, %d published (%+d)",
                row["action"], row["split"], row["found"], row["processed"], row["difference"],
            )  # fmt: skip
    chosen = [v for v in listed if (wanted is None or v.action == wanted) and split in (None, v.split)]
    videos = _opened(chosen)
    if not videos:
        what = " ".join(word for word in (wanted, split, "video") if word)
        raise SynclineError(f"{root}: {name} has no {what} that can be read ({len(chosen)} of {len(listed)} listed)")
    _log.info("%s: lengths %s", name, length_histogram([video.num_frames for video in videos]))
    events: tuple[str, ...] = ()
    if name == "pouring" or wanted is not None:
        events = action_named(wanted or name, DATASETS[name]).event_names
    return VideoSet(tuple(videos), wanted or name, events)


def read_index(name: str, root: str | Path) -> list[Video]:
    """Lists a data set in a folder, with unique names, without opening any video.

    Raises:
        SynclineError: no such set, or no form of it that is known.
    """
    if name not in DATASETS:
        raise SynclineError(f"no data set {name!r}; there are {' and '.join(DATASETS)}")
    actions = DATASETS[name]
    given = Path(root)
    if not given.is_dir():
        raise SynclineError(f"{given} is no folder; give the one that holds {name}")
    for folder in (given, given / name):
        if carl_lac_layout.processed_index(folder):
            return _unique(carl_lac_layout.read_processed(folder, actions))
        if tcc_records.find_shards(folder, actions):
            return _unique(tcc_records.read_tcc(folder, actions))
    if name == "penn_action" and penn_action.raw_root(given) is not None:
        return _unique(penn_action.read_raw(given))
    raw = ", or frames/ with labels/*.mat" if name == "penn_action" else ""
    raise SynclineError(
        f"{given} holds {name} in no form that is known; expected train.pkl and val.pkl with videos/, or "
        f"{actions[0].tcc_name}_train-0-of-1.tfrecord ...{raw}"
    )


def recognised(root: str | Path) -> str | None:
    """Which data set a folder holds by its form: `pouring`, `penn_action` or None."""
    folder = Path(root)
    said = carl_lac_layout.said_dataset(folder)
    if said is not None:
        return said
    if penn_action.raw_root(folder) is not None:
        return "penn_action"
    return next((name for name, actions in DATASETS.items() if tcc_records.find_shards(folder, actions)), None)


def by_action(videos: VideoSet) -> dict[str, VideoSet]:
    """A set for each action, with the names of its key events where they are known: for results per action.

    Examples:
        >>> joint = VideoSet((Video(Path("a.mp4"), "a", "a", 9, 25.0, action="bowl"),), "penn_action")
        >>> by_action(joint)["bowl"].event_names
        ('ball swung fully back', 'ball release')
    """
    groups: dict[str, list[Video]] = defaultdict(list)
    for video in videos:
        groups[video.action].append(video)
    known = {action.name: action.event_names for action in (POURING, *PENN_ACTION)}
    if len(groups) == 1:
        known = {name: videos.event_names or known.get(name, ()) for name in groups}
    return {name: VideoSet(tuple(part), name or videos.name, known.get(name, ())) for name, part in groups.items()}


def length_histogram(lengths: Sequence[int], *, bins: int = 8) -> str:
    """Numbers of frames in words: smallest, median, largest, and how many videos lie in each of equal ranges.

    Examples:
        >>> length_histogram([20, 30, 100], bins=2)
        '20 to 100 frames, median 30; 20-59: 2, 60-100: 1'
    """
    counts, edges = np.histogram(lengths, bins=bins)
    starts = np.ceil(edges[:-1]).astype(int)
    ends = [*(starts[1:] - 1), int(edges[-1])]
    ranges = [f"{start}-{end}: {count}" for start, end, count in zip(starts, ends, counts, strict=True) if count]
    return f"{min(lengths)} to {max(lengths)} frames, median {int(np.median(lengths))}; {', '.join(ranges)}"


def _opened(listed: Iterable[Video]) -> list[Video]:
    """The videos whose files can be read, with the lengths that their files have."""
    return [video for video in results_in_order(listed, _measured) if video is not None]


def _measured(video: Video) -> Video | None:
    from syncline.video import VideoReader

    try:
        reader = VideoReader(video.path)
    except SynclineError as error:
        _log.warning("passed over %s: %s", video.name, error)
        return None
    phases = None if video.phases is None else fitted(video.phases, reader.num_frames, video.name)
    return replace(video, num_frames=reader.num_frames, frame_rate=reader.frame_rate, phases=phases)


def _unique(videos: Iterable[Video]) -> list[Video]:
    """Names made unique: the second of a name becomes `name (2)`."""
    seen: dict[str, int] = defaultdict(int)
    result: list[Video] = []
    for video in videos:
        name = video.name
        while seen[name]:
            seen[video.name] += 1
            name = f"{video.name} ({seen[video.name]})"
        seen[name] = max(seen[name], 1)
        result.append(video if name == video.name else replace(video, name=name, source=name))
    return result
