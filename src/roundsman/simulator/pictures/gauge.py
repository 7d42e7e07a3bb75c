"""A round gauge whose needle stands exactly at the value, in front of a blurred plant."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from roundsman.simulator.pictures import canvas, parts
from roundsman.simulator.pictures.kept import kept
from roundsman.simulator.pictures.raytrace import Camera, Scene, developed, draw
from roundsman.simulator.pictures.scenes import LAMPS, PALE, pipework, room
from roundsman.simulator.pictures.shapes import Cylinder, Finish, Shape

SIZE = (960, 720)
CENTRE = (480, 336)
RADIUS_PX = 258
"""Radius of the dial's face."""
START_DEG, SWEEP_DEG = 225.0, 270.0
"""The lowest value stands lower left and the scale runs clockwise. Degrees counter-clockwise from the right."""
NEEDLE = (206, 24, 20)
INK = (28, 30, 34)
_OVER = 2
"""Dial and needle are drawn this many times larger and scaled down, for smooth edges."""


def needle_deg(value: float, low: float, high: float) -> float:
    """Where the needle points, degrees counter-clockwise from the right; pins stop it a little beyond the scale."""
    return START_DEG - SWEEP_DEG * min(1.03, max(-0.03, (value - low) / (high - low)))


def gauge_jpeg(
    *,
    value: float,
    low: float,
    high: float,
    units: str,
    label: str,
    warn_above: float | None = None,
    warn_below: float | None = None,
    seed: int = 0,
) -> bytes:
    """A gauge, 960 × 720. Above `warn_above` and below `warn_below` its scale is red, elsewhere green."""
    zones = (low if warn_below is None else warn_below, high if warn_above is None else warn_above)
    image = _face(low, high, units, zones).copy()
    _paste_needle(image, math.radians(needle_deg(value, low, high)))
    shine, mask = _glass()
    image.paste(shine, (0, 0), mask)
    image = Image.fromarray(canvas.sensed(np.asarray(image), seed))
    canvas.caption(image, label, "PTZ")
    return canvas.jpeg(image)


@kept(1)
def _stage() -> Image.Image:
    """The plant behind, out of focus, and in focus the gauge's case on its pipe."""
    back = Camera((0.8, -2.2, 1.7), (0.3, 2.0, 1.6), 46, SIZE)
    shapes = [*room(PALE), *pipework(), *parts.pump_set((1.9, 2.4, 0.0))]
    shapes += parts.valve((-1.3, 2.6, 1.2), 0.17, parts.BLUE)
    shapes += parts.pipe([(-7, 2.6, 1.2), (7, 2.6, 1.2)], 0.14, parts.GREY)
    far = Image.fromarray(developed(draw(Scene(back, tuple(shapes), LAMPS)).linear, exposure=1.4))
    far = far.filter(ImageFilter.GaussianBlur(9))
    near = Camera((0.0, -2.0, 1.05), (0.0, 0.0, 1.05 - 24 / 720), 38, SIZE)
    case = draw(Scene(near, tuple(_case()), LAMPS))
    sharp = Image.fromarray(developed(case.linear, exposure=1.7))
    solid = Image.fromarray(((case.shape > 0) * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.8))
    far.paste(sharp, (0, 0), solid)
    return far


def _case() -> list[Shape]:
    """Case, bezel, stem and the pipe that it sits on; the first shape is the empty back."""
    steel = Finish((0.55, 0.57, 0.60), 0.9)
    shapes: list[Shape] = [*room(PALE)]
    shapes += [Cylinder((0, -0.03, 1.05), (0, 0.16, 1.05), 0.425, steel)]
    shapes += [Cylinder((0, -0.045, 1.05), (0, 0.1, 1.05), 0.405, parts.DARK)]
    shapes += [Cylinder((0, 0.08, 0.7), (0, 0.08, 0.2), 0.075, parts.SILVER)]
    shapes += [parts.disc((0, 0.08, 0.585), (0.0, 0.0, 1.0), 0.115, 0.06, steel)]
    return shapes


@kept(24)
def _face(low: float, high: float, units: str, zones: tuple[float, float]) -> Image.Image:
    """The stage with a dial, without its needle."""
    image = _stage().copy()
    dial, mask = _dial(low, high, units, zones)
    corner = (CENTRE[0] - RADIUS_PX, CENTRE[1] - RADIUS_PX)
    image.paste(dial, corner, mask)
    return image


def _dial(low: float, high: float, units: str, zones: tuple[float, float]) -> tuple[Image.Image, Image.Image]:
    side = 2 * RADIUS_PX * _OVER
    dial, mask = Image.new("RGB", (side, side), (238, 238, 232)), Image.new("L", (side, side))
    ImageDraw.Draw(mask).ellipse((0, 0, side - 1, side - 1), fill=255)
    pen = ImageDraw.Draw(dial)
    _zones(pen, low, high, zones)
    _scale(pen, low, high)
    middle = side / 2
    canvas.centred(pen, (middle, middle * 1.36), units, 44 * _OVER, INK)
    pen.text((middle, middle * 1.74), "CL 1.0", fill=(110, 112, 116), font=canvas.font(14 * _OVER), anchor="mm")
    small = (2 * RADIUS_PX, 2 * RADIUS_PX)
    return dial.resize(small, Image.Resampling.BOX), mask.resize(small, Image.Resampling.BOX)


def _zones(pen: ImageDraw.ImageDraw, low: float, high: float, zones: tuple[float, float]) -> None:
    ring = 0.93 * RADIUS_PX * _OVER
    middle = RADIUS_PX * _OVER
    box = (middle - ring, middle - ring, middle + ring, middle + ring)
    bounds = (low, min(max(zones[0], low), high), min(max(zones[1], low), high), high)
    colours = ((208, 74, 56), (64, 152, 84), (208, 74, 56))
    for start, end, colour in zip(bounds, bounds[1:], colours, strict=False):
        if end > start:
            # Pillow counts degrees clockwise from the right.
            pen.arc(box, -needle_deg(start, low, high), -needle_deg(end, low, high), fill=colour, width=13 * _OVER)


def _scale(pen: ImageDraw.ImageDraw, low: float, high: float) -> None:
    step = _major_step(high - low)
    for i in range(round((high - low) / step * 5) + 1):
        value = low + i * step / 5
        if value > high + 1e-9:
            return
        major = i % 5 == 0
        turn = math.radians(needle_deg(value, low, high))
        pen.line(
            (*_spot(turn, 0.78 if major else 0.83), *_spot(turn, 0.88)), fill=INK, width=(5 if major else 2) * _OVER
        )
        if major:
            pen.text(_spot(turn, 0.645), f"{value:g}", fill=INK, font=canvas.font(33 * _OVER), anchor="mm")


def _spot(turn_rad: float, share: float) -> tuple[float, float]:
    """The point of the large dial at an angle and a share of its radius."""
    middle = RADIUS_PX * _OVER
    return middle * (1 + share * math.cos(turn_rad)), middle * (1 - share * math.sin(turn_rad))


def _major_step(span: float) -> float:
    """A round step that gives 4 to 9 numbers."""
    size = 10 ** math.floor(math.log10(span / 5))
    return next(size * part for part in (1, 2, 2.5, 5, 10) if span / (size * part) <= 8.5)


def _paste_needle(image: Image.Image, turn_rad: float) -> None:
    side = 2 * RADIUS_PX
    shadow, needle = Image.new("L", (side, side)), Image.new("L", (side, side))
    x, y, up = math.cos(turn_rad), -math.sin(turn_rad), 0.82 * RADIUS_PX
    outline = [(up * x, up * y), (7 * -y, 7 * x), (-62 * x - 10 * y, -62 * y + 10 * x)]
    outline += [(-62 * x + 10 * y, -62 * y - 10 * x), (7 * y, 7 * -x)]
    for layer, down in ((shadow, 5), (needle, 0)):
        large = Image.new("L", (side * _OVER, side * _OVER))
        points = [((RADIUS_PX + px) * _OVER, (RADIUS_PX + py + down) * _OVER) for px, py in outline]
        ImageDraw.Draw(large).polygon(points, fill=255 if layer is needle else 80)
        layer.paste(large.resize((side, side), Image.Resampling.BOX))
    corner = (CENTRE[0] - RADIUS_PX, CENTRE[1] - RADIUS_PX)
    image.paste((40, 40, 40), corner, shadow)
    image.paste(NEEDLE, corner, needle)
    pen = ImageDraw.Draw(image)
    for radius, colour in ((19, (24, 25, 28)), (16, (62, 65, 70)), (6, (150, 153, 158))):
        pen.ellipse((CENTRE[0] - radius, CENTRE[1] - radius, CENTRE[0] + radius, CENTRE[1] + radius), fill=colour)


@kept(1)
def _glass() -> tuple[Image.Image, Image.Image]:
    """A pale reflection over the upper left of the dial, and how strongly it covers."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float32)
    dx, dy = (x - CENTRE[0]) / RADIUS_PX, (y - CENTRE[1]) / RADIUS_PX
    away = np.hypot(dx, dy)
    band = np.clip(-(dx + 1.25 * dy) - 0.55, 0, 1) * np.clip((0.97 - away) * 60, 0, 1)
    rim = np.clip((away - 0.93) / 0.07, 0, 1) * (away < 1) * np.clip(-dy + 0.3, 0, 1) * 0.5
    mask = Image.fromarray((np.clip(band * 0.30, 0, 0.2) * 255).astype(np.uint8))
    dark = Image.fromarray((rim * 120).astype(np.uint8))
    shine = Image.new("RGB", SIZE, (255, 255, 255))
    shine.paste((30, 32, 36), (0, 0), dark.point([255 if level > 3 else 0 for level in range(256)]))
    return shine, Image.fromarray(np.maximum(np.asarray(mask), np.asarray(dark)))
