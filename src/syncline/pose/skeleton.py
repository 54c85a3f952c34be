"""Skeletons: which joints there are, how they are connected, and which say where a body is and how large.

Names are `left_shoulder`, `right_hip`, ... wherever the joints are those of people, so that the rules below and the
angles hold for every form. A skeleton that is not known (an animal, a tool) has the names that its file gives.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

LIMBS = (
    ("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"),
)  # fmt: skip
BODY = ("nose", *(f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
                  for side in ("left", "right")))  # fmt: skip
"""The 13 joints of people that describe a posture; those of face, feet and fingers follow them or are noise."""

_COCO = [
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
]
_BLAZEPOSE = [
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
]
_BODY_25 = [
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "mid_hip",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
    "left_big_toe",
    "left_small_toe",
    "left_heel",
    "right_big_toe",
    "right_small_toe",
    "right_heel",
]
_OPENPOSE_18 = [
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
]
_HALPE_26 = [
    *_COCO, "head", "neck", "hip", "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe", "left_heel",
    "right_heel",
]  # fmt: skip
_WHOLE_BODY = [
    *_COCO, "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
    *(f"face_{i}" for i in range(68)), *(f"left_hand_{i}" for i in range(21)), *(f"right_hand_{i}" for i in range(21)),
]  # fmt: skip
_HALPE_136 = [
    *_HALPE_26, *(f"face_{i}" for i in range(68)), *(f"left_hand_{i}" for i in range(21)),
    *(f"right_hand_{i}" for i in range(21)),
]  # fmt: skip
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_HAND = ["wrist", *(f"{finger}_{k}" for finger in _FINGERS for k in range(1, 5))]


@dataclass(frozen=True)
class Skeleton:
    """Joints by name, and what is measured by them.

    Attributes:
        joints: their names, in the order of the arrays.
        bones: pairs of indices in `joints` that are drawn as lines.
        used: names of the joints that features are made of.
        centre: names of the joints whose mean is where the body is.
        scale: two groups of joints; the distance of their means is how large it is. None: the mean distance of the
            joints from the centre serves.
    """

    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...] = ()
    used: tuple[str, ...] = ()
    centre: tuple[str, ...] = ()
    scale: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    def index_of(self, name: str) -> int:
        """The index of a joint in the arrays."""
        return self.joints.index(name)

    def indices_of(self, names: Sequence[str]) -> list[int]:
        """The indices of joints in the arrays."""
        return [self.joints.index(name) for name in names]

    def mirrored(self) -> list[int]:
        """For each joint the index of the one on the other side; its own where there is none."""
        index = {name: i for i, name in enumerate(self.joints)}
        return [index.get(other_side(name), i) for i, name in enumerate(self.joints)]


def other_side(name: str) -> str:
    """The name with left and right changed over; itself where it has no side.

    Examples:
        >>> other_side("left_hip"), other_side("KneeR"), other_side("tail")
        ('right_hip', 'KneeL', 'tail')
    """
    swapped = re.sub(
        "left|right|Left|Right|LEFT|RIGHT",
        lambda found: {"left": "right", "right": "left", "Left": "Right", "Right": "Left", "LEFT": "RIGHT",
                       "RIGHT": "LEFT"}[found[0]],
        name,
    )  # fmt: skip
    if swapped != name:
        return swapped
    letter = re.search(
        r"(?:^(?P<first>[LRlr])(?=[_ .-]|[A-Z][a-z]))|(?:(?<=[_ .a-z0-9-])(?P<last>[LR])$)|(?:(?<=[_ .-])[lr]$)", name
    )
    if letter is None:
        return name
    at = letter.start()
    return name[:at] + {"L": "R", "R": "L", "l": "r", "r": "l"}[name[at]] + name[at + 1 :]


def canonical(name: str) -> str:
    """The name as this module spells it: `LShoulder`, `shoulder left`, `Left Shoulder` -> `left_shoulder`.

    Examples:
        >>> canonical("RElbow"), canonical("Left Hip"), canonical("ankle_l"), canonical("paw")
        ('right_elbow', 'left_hip', 'left_ankle', 'paw')
    """
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+", name)
    if len(words) == 1 and re.fullmatch("[LR][A-Z][a-z]+", name):
        words = [name[0], name[1:]]
    low = [word.lower() for word in words]
    side = next((word for word in low if word in ("left", "right", "l", "r")), None)
    if side is None:
        return name
    rest = [word for word in low if word != side]
    full = "_".join([{"l": "left", "r": "right"}.get(side, side), *rest])
    return full if full in _PEOPLE else name


_PEOPLE = {*_BLAZEPOSE, *_BODY_25, *_HALPE_26}


def people(joints: Sequence[str]) -> Skeleton:
    """The skeleton of a person with these joints: as many of the rules for people as the joints allow."""
    names = tuple(joints)
    sides = ("left", "right")
    bones = [(f"{side}_{a}", f"{side}_{b}") for side in sides for a, b in LIMBS]
    bones += [("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")]
    bones += [(f"{side}_ankle", f"{side}_{toe}") for side in sides for toe in ("foot_index", "big_toe")]
    shoulders, hips = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")
    trunk = {*shoulders, *hips} <= set(names)
    return Skeleton(
        joints=names,
        bones=tuple((names.index(a), names.index(b)) for a, b in bones if a in names and b in names),
        used=tuple(name for name in BODY if name in names),
        centre=hips if trunk else (),
        scale=(hips, shoulders) if trunk else None,
    )


def hand_skeleton(sides: Sequence[str] = ("left", "right")) -> Skeleton:
    """One or both hands of MediaPipe's 21 landmarks each, about the first hand's wrist."""
    names = tuple(f"{side}_{joint}" for side in sides for joint in _HAND)
    chains = [[0, *range(1 + 4 * finger, 5 + 4 * finger)] for finger in range(5)]
    bones = [
        (a + 21 * hand, b + 21 * hand)
        for hand in range(len(sides))
        for chain in chains
        for a, b in itertools.pairwise(chain)
    ]
    return Skeleton(names, tuple(bones), names)


def unknown(joints: Sequence[str], bones: Sequence[tuple[int, int]] = ()) -> Skeleton:
    """Any joints: all of them are used, about their mean, by their mean distance from it."""
    return Skeleton(tuple(joints), tuple(bones), tuple(joints))


def skeleton_of(joints: Sequence[str], bones: Sequence[tuple[int, int]] = ()) -> Skeleton:
    """The skeleton of a list of names: of a person if shoulders and hips are among them, else an unknown one."""
    spelled = [canonical(name) for name in joints]
    if len(set(spelled)) == len(spelled) and {"left_shoulder", "right_shoulder", "left_hip", "right_hip"} <= {*spelled}:
        return people(spelled)
    return unknown(joints, bones)


BLAZEPOSE = people(_BLAZEPOSE)
HANDS = hand_skeleton()
BY_COUNT: dict[int, Skeleton] = {
    17: people(_COCO),
    18: people(_OPENPOSE_18),
    21: hand_skeleton(("left",)),
    25: people(_BODY_25),
    26: people(_HALPE_26),
    33: BLAZEPOSE,
    42: HANDS,
    133: people(_WHOLE_BODY),
    136: people(_HALPE_136),
}
"""What so many joints without names are: COCO, OpenPose's two, Halpe's two, BlazePose, hands, whole body."""
UNSURE_IN_3D = (17,)
"""So many joints in 3-D are COCO's or, more often, those of Human3.6M, in another order: they get no names."""


def by_count(count: int, axes: int = 2) -> Skeleton:
    """The skeleton that a number of joints without names means, of positions in 2-D or 3-D.

    Examples:
        >>> by_count(17).joints[5], by_count(4).joints
        ('left_shoulder', ('joint_0', 'joint_1', 'joint_2', 'joint_3'))
    """
    if count in BY_COUNT and not (axes == 3 and count in UNSURE_IN_3D):
        return BY_COUNT[count]
    return unknown([f"joint_{i}" for i in range(count)])
