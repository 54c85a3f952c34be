"""The picture of a synthetic video: a two-jointed arm that pours from a bottle into a cup and drops a ball into a box.

The state of the scene depends on canonical progress alone; how it looks depends on the `Look` of the video. Lengths are
in heights of the picture: x grows to the right from 0 to about 4/3, y downwards from 0 to 1.
"""

from __future__ import annotations

import colorsys
import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

EVENT_NAMES = (
    "bottle grasped",
    "bottle above cup",
    "pouring begins",
    "pouring ends",
    "bottle put back",
    "ball grasped",
    "ball in box",
)
NUM_PHASES = len(EVENT_NAMES) + 1
TABLE = 0.80
_GRIP = 0.13  # the gripper holds the bottle so far above its foot
_OVERSAMPLING = 2
_BODY = [
    (-0.055, _GRIP), (0.055, _GRIP), (0.055, -0.05), (0.025, -0.11), (0.025, -0.17), (-0.025, -0.17), (-0.025, -0.11),
    (-0.055, -0.05),
]  # fmt: skip
_HUES = (
    ("arm", 0.60, 0.45), ("hand", 0.07, 0.75), ("bottle", 0.35, 0.50), ("liquid", 0.98, 0.65),
    ("cup", 0.50, 0.80), ("ball", 0.14, 0.85), ("box", 0.80, 0.55),
)  # fmt: skip
Colour = tuple[int, int, int]
Point = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """The look of one video: positions, colours, camera, light, noise."""

    bottle: float
    cup: float
    ball: float
    box: float
    shoulder: Point
    rest: Point
    arm: float
    colours: dict[str, Colour]
    background: NDArray[np.float32]
    scale: float
    shift: Point
    sway: Point
    light: float
    flicker: float
    noise: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, height: int, width: int) -> Look:
        """A random look for pictures of a size."""

        def near(value: float, spread: float) -> float:
            return float(value + rng.uniform(-spread, spread))

        wall, table = _colour(rng.uniform(), 0.15, near(0.75, 0.15)), _colour(near(0.08, 0.05), 0.5, near(0.5, 0.15))
        colours = {name: _colour(near(hue, 0.06), near(0.75, 0.2), near(value, 0.2)) for name, hue, value in _HUES}
        colours |= {"wall": wall, "table": table}
        return cls(
            bottle=near(0.26, 0.06), cup=near(0.60, 0.05), ball=near(0.90, 0.05), box=near(1.14, 0.05),
            shoulder=(near(0.72, 0.15), near(-0.12, 0.05)), rest=(near(0.75, 0.12), near(0.24, 0.08)),
            arm=near(0.07, 0.015), colours=colours, background=_clutter(rng, height, width, colours),
            scale=near(1.05, 0.10), shift=(near(0.0, 0.05), near(0.0, 0.04)), sway=(near(0, 0.012), near(0, 0.012)),
            light=near(1.0, 0.2), flicker=near(0.05, 0.05), noise=near(4.0, 2.0),
        )  # fmt: skip


@dataclass(frozen=True)
class State:
    """The positions of everything in the scene."""

    hand: Point
    grip: float  # 0 open, 1 closed
    bottle: Point
    tilt: float  # radians clockwise
    level: float  # of the cup
    stream: bool
    ball: Point


def state_at(progress: float, look: Look, offset: Point = (0.0, 0.0)) -> State:
    """The scene at a canonical progress in [0, 1]; `offset` moves the hand and what it holds off the course."""
    u = progress * NUM_PHASES
    grip_y, lip_y = TABLE - _GRIP, TABLE - 0.34
    above_bottle, above_ball = (look.bottle, 0.48), (look.ball, 0.52)
    by_cup = (look.cup - 0.15, lip_y)
    course: list[tuple[float, Point]] = [
        (0.0, look.rest), (0.6, above_bottle), (0.85, (look.bottle, grip_y)), (1.0, (look.bottle, grip_y)),
        (1.35, (look.bottle, lip_y)), (2.0, by_cup), (4.3, by_cup), (4.7, (look.bottle, lip_y)),
        (4.95, (look.bottle, grip_y)), (5.05, (look.bottle, grip_y)), (5.3, above_bottle), (5.6, above_ball),
        (5.85, (look.ball, TABLE - 0.04)), (6.05, (look.ball, TABLE - 0.04)), (6.4, above_ball),
        (6.8, (look.box, 0.50)), (7.15, (look.box, 0.50)), (7.5, (look.box, 0.42)), (8.0, look.rest),
    ]  # fmt: skip
    x, y = _along(course, u)
    hand = (x + offset[0], y + offset[1])
    grip = _ramp(u, 0.82, 1.0) - _ramp(u, 4.95, 5.1) + _ramp(u, 5.85, 6.0) - _ramp(u, 6.9, 7.0)
    tilt = 1.75 * (_ramp(u, 2.1, 3.0) - _ramp(u, 4.0, 4.3))
    ball = (look.ball, TABLE - 0.04)
    if 6.0 <= u < 7.0:
        ball = hand
    elif u >= 7.0:
        ball = (look.box, min(TABLE - 0.05, 0.50 + 0.30 * (max(0.0, u - 7.0) / 0.25) ** 2))
    held = 1.0 <= u < 5.0
    bottle = (hand[0], hand[1]) if held else (look.bottle, grip_y)
    return State(hand, grip, bottle, tilt if held else 0.0, _clip(u - 3.0), 3.0 <= u < 4.0, ball)


def draw(state: State, look: Look, seconds: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 picture of a state; `rng` gives the noise, `seconds` the sway and the light."""
    height, width = look.background.shape[0] // _OVERSAMPLING, look.background.shape[1] // _OVERSAMPLING
    picture = Image.fromarray(look.background.astype(np.uint8))
    pen = _Pen(ImageDraw.Draw(picture), look, height * _OVERSAMPLING, width / height, seconds)
    _draw_things(pen, state, look)
    _draw_arm(pen, state, look)
    small = np.asarray(picture.resize((width, height), Image.Resampling.BOX), dtype=np.float32)
    light = look.light * (1.0 + look.flicker * math.sin(1.3 * seconds + 9 * look.shift[0]))
    noise = rng.standard_normal(small.shape[:2], dtype=np.float32)[..., None] * look.noise
    return np.asarray(np.clip(small * light + noise, 0, 255), dtype=np.uint8)


def _draw_things(pen: _Pen, state: State, look: Look) -> None:
    c = look.colours
    pen.box((-1.0, TABLE), (3.0, 2.0), c["table"])
    cup, r = look.cup, 0.075
    pen.bowl(cup, r, 0.16, c["cup"])
    if state.level > 0:
        pen.box((cup - 0.7 * r, TABLE - 0.015 - 0.125 * state.level), (cup + 0.7 * r, TABLE - 0.015), c["liquid"])
    if state.stream:
        pen.line([(state.bottle[0] + 0.16, state.bottle[1] + 0.03), (cup, TABLE - 0.13)], c["liquid"], 0.026)
    pen.disc(state.ball, 0.05, c["ball"])
    pen.bowl(look.box, 0.11, 0.10, c["box"])
    for shape, name in ((_BODY, "bottle"), (_inside(state.level), "liquid")):
        pen.polygon([_turned(state.bottle, x, y, state.tilt) for x, y in shape], c[name])


def _inside(level: float) -> list[Point]:
    """The level left in the bottle when the cup is filled to a level."""
    top = -0.04 + 0.13 * level
    return [(-0.035, _GRIP - 0.015), (0.035, _GRIP - 0.015), (0.035, top), (-0.035, top)]


def _draw_arm(pen: _Pen, state: State, look: Look) -> None:
    wrist = (state.hand[0], state.hand[1] - 0.10)
    elbow = _elbow(look.shoulder, wrist, 0.55, 0.52)
    pen.line([look.shoulder, elbow], look.colours["arm"], 1.5 * look.arm)
    pen.line([elbow, wrist], look.colours["arm"], 1.1 * look.arm)
    pen.disc(elbow, 0.8 * look.arm, look.colours["arm"])
    pen.disc(wrist, 0.8 * look.arm, look.colours["hand"])
    spread = 0.075 - 0.03 * state.grip
    for side in (-1, 1):
        finger = [wrist, (wrist[0] + side * spread, wrist[1] + 0.05), (wrist[0] + side * spread, wrist[1] + 0.12)]
        pen.line(finger, look.colours["hand"], 0.45 * look.arm)


class _Pen:
    """Draws in scene coordinates through the camera of a look."""

    def __init__(self, draw: ImageDraw.ImageDraw, look: Look, height: int, aspect: float, seconds: float) -> None:
        self._draw, self._factor = draw, look.scale * height
        self._x = (aspect / 2 + look.shift[0] + look.sway[0] * math.sin(seconds)) * height - self._factor * 2 / 3
        self._y = (0.5 + look.shift[1] + look.sway[1] * math.cos(1.7 * seconds)) * height - self._factor / 2

    def _at(self, point: Point) -> Point:
        return self._x + self._factor * point[0], self._y + self._factor * point[1]

    def polygon(self, points: list[Point], colour: Colour) -> None:
        self._draw.polygon([self._at(point) for point in points], fill=colour)

    def box(self, corner: Point, opposite: Point, colour: Colour) -> None:
        self.polygon([corner, (opposite[0], corner[1]), opposite, (corner[0], opposite[1])], colour)

    def bowl(self, centre: float, radius: float, height: float, colour: Colour) -> None:
        """A vessel on the table, narrower at the foot."""
        left, right = centre - radius, centre + radius
        foot, rim = TABLE, TABLE - height
        inset = 0.2 * radius
        self.polygon([(left, rim), (right, rim), (right - inset, foot), (left + inset, foot)], colour)

    def line(self, points: list[Point], colour: Colour, width: float) -> None:
        self._draw.line(
            [self._at(p) for p in points], fill=colour, width=max(1, round(width * self._factor)), joint="curve"
        )

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        (x, y), r = self._at(centre), radius * self._factor
        self._draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)


def _clutter(rng: np.random.Generator, height: int, width: int, colours: dict[str, Colour]) -> NDArray[np.float32]:
    """A wall with a gradient and things on it that do not move."""
    height, width = height * _OVERSAMPLING, width * _OVERSAMPLING
    slope = np.linspace(0.75, 1.1, width) if rng.uniform() < 0.5 else np.linspace(1.1, 0.75, width)
    wall = np.array(colours["wall"]) * slope[:, None]
    picture = Image.fromarray(np.broadcast_to(wall.clip(0, 255).astype(np.uint8), (height, width, 3)).copy())
    pen = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(1, 5))):
        x, y = rng.uniform(0, width), rng.uniform(0, 0.6 * height)
        w, h = rng.uniform(0.05, 0.25, 2) * height
        shape = pen.ellipse if rng.uniform() < 0.4 else pen.rectangle
        shape((x - w, y - h, x + w, y + h), fill=_colour(rng.uniform(), 0.2, rng.uniform(0.5, 0.9)))
    return np.asarray(picture, dtype=np.float32)


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, _clip(saturation), _clip(value))
    return round(255 * red), round(255 * green), round(255 * blue)


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))


def _ramp(value: float, start: float, end: float) -> float:
    part = _clip((value - start) / (end - start))
    return part * part * (3 - 2 * part)


def _along(course: list[tuple[float, Point]], u: float) -> Point:
    for (start, a), (end, b) in itertools.pairwise(course):
        if u <= end:
            part = _ramp(u, start, end)
            return a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])
    return course[-1][1]


def _turned(centre: Point, x: float, y: float, angle: float) -> Point:
    c, s = math.cos(angle), math.sin(angle)
    return centre[0] + c * x - s * y, centre[1] + s * x + c * y


def _elbow(shoulder: Point, wrist: Point, upper: float, lower: float) -> Point:
    """The elbow of a two-link arm; the arm is straight if the wrist is out of reach."""
    dx, dy = wrist[0] - shoulder[0], wrist[1] - shoulder[1]
    reach = max(1e-6, math.hypot(dx, dy))
    along = (upper**2 - lower**2 + reach**2) / (2 * reach) if reach < upper + lower else reach * upper / (upper + lower)
    across = math.sqrt(max(0.0, upper**2 - along**2)) if reach < upper + lower else 0.0
    return (
        shoulder[0] + (along * dx + across * dy) / reach,
        shoulder[1] + (along * dy - across * dx) / reach,
    )
