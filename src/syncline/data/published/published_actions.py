"""Published facts about Pouring and PennAction: actions, key events, numbers of videos.

Sources: table 2 of the paper of TCC (Dwibedi et al., 2019), and the counts that CARL and LAC print for their processed
form. Both counts are held; where a loader finds others, `count_rows` says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from syncline.data.video_set import Video
from syncline.errors import SynclineError


@dataclass(frozen=True)
class Action:
    """One activity: its names, key events in order, and published counts of (train, val) videos."""

    name: str
    tcc_name: str
    event_names: tuple[str, ...]
    processed: tuple[int, int]
    paper: tuple[int, int]

    @property
    def num_phases(self) -> int:
        """Phases: one more than key events."""
        return len(self.event_names) + 1


POURING = Action(
    "pouring",
    "pouring",
    ("hand touches bottle", "liquid starts exiting", "pouring complete", "bottle back on table"),
    (70, 14),
    (70, 14),
)

# In the order in which the processed index counts them.
PENN_ACTION = (
    Action(
        "baseball_pitch", "baseball_pitch", ("knee fully up", "arm fully stretched out", "ball release"),
        (103, 63), (103, 63),
    ),
    Action("baseball_swing", "baseball_swing", ("bat swung back fully", "bat hits ball"), (113, 57), (113, 57)),
    Action("bench_press", "bench_press", ("bar fully down",), (69, 71), (69, 71)),
    Action("bowl", "bowling", ("ball swung fully back", "ball release"), (134, 85), (134, 85)),
    Action(
        "clean_and_jerk", "clean_and_jerk",
        ("bar at hip", "fully squatting", "standing", "begin thrusting", "beginning balance"), (40, 42), (40, 42),
    ),
    Action("golf_swing", "golf_swing", ("stick swung fully back", "stick hits ball"), (87, 77), (87, 77)),
    Action(
        "jumping_jacks", "jumping_jacks",
        ("hands at shoulder (going up)", "hands above head", "hands at shoulders (going down)"), (56, 56), (56, 56),
    ),
    Action("pushup", "pushups", ("head at floor",), (102, 106), (102, 105)),
    Action("pullup", "pullups", ("chin above bar",), (98, 101), (98, 101)),
    Action("situp", "situp", ("abs fully crunched",), (50, 50), (50, 50)),
    Action(
        "squat", "squats", ("hips at knees (going down)", "hips at floor", "hips at knee (going up)"),
        (111, 115), (114, 116),
    ),
    Action(
        "tennis_forehand", "tennis_forehand", ("racket swung fully back", "racket touches ball"), (79, 74), (79, 74)
    ),
    Action(
        "tennis_serve", "tennis_serve",
        ("ball released from hand", "racket swung fully back", "ball touches racket"), (98, 69), (115, 69),
    ),
)  # fmt: skip
NOT_USED = ("jump_rope", "strum_guitar")
DATASETS = {"pouring": (POURING,), "penn_action": PENN_ACTION}


def action_named(name: str, actions: Iterable[Action] = PENN_ACTION) -> Action:
    """The action of a name, in either spelling.

    Raises:
        SynclineError: there is none.

    Examples:
        >>> action_named("squats").name, action_named("bowl").num_phases
        ('squat', 3)
    """
    known = list(actions)
    for action in known:
        if name.strip().lower() in (action.name, action.tcc_name):
            return action
    raise SynclineError(f"no action {name[:80]!r}; there are {', '.join(action.name for action in known)}")


def count_rows(videos: Iterable[Video], dataset: str) -> list[dict[str, Any]]:
    """How many videos there are by action and split, beside the published numbers: one row each, and their sums.

    Returns:
        Rows with `action`, `split`, `found`, `processed` and `paper` (published counts), `difference` (found less
        processed).

    Examples:
        >>> row = count_rows([], "pouring")[0]
        >>> row["split"], row["found"], row["processed"], row["difference"]
        ('train', 0, 70, -70)
    """
    found = Counter((video.action, video.split) for video in videos)
    rows: list[dict[str, Any]] = []
    for index, split in enumerate(("train", "val")):
        part: list[dict[str, Any]] = []
        for action in DATASETS[dataset]:
            row = {"action": action.name, "split": split, "found": found[action.name, split]}
            row |= {"processed": action.processed[index], "paper": action.paper[index]}
            part.append(row)
        if len(part) > 1:
            total: dict[str, Any] = {"action": "all", "split": split}
            part.append(total | {key: sum(row[key] for row in part) for key in ("found", "processed", "paper")})
        rows.extend(row | {"difference": row["found"] - row["processed"]} for row in part)
    return rows
