"""The acoustic camera's picture: what it sees in grey, and over it in colours where it hisses."""

import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from roundsman.simulator.pictures import canvas, scenes
from roundsman.simulator.pictures.canvas import Pixels
from roundsman.simulator.pictures.kept import kept
from roundsman.simulator.pictures.raytrace import developed, draw
from roundsman.simulator.pictures.shapes import Floats, Vector

SNR_THRESHOLD_DB = 8.0
PLACES: dict[str, Vector] = {
    "flange": (-1.05, 1.0, 1.42),
    "spindle": (0.2, 1.1, 1.83),
    "joint": (0.64, 0.95, 1.12),
}
"""Where it can leak, in the scene of the valve."""
_STOPS = (0.0, 0.3, 0.55, 0.8, 1.0)
_COLOURS = ((40, 60, 220), (30, 190, 210), (90, 215, 70), (250, 205, 40), (235, 50, 30))


@dataclass(frozen=True, slots=True)
class _View:
    grey: Floats
    places: dict[str, tuple[float, float]]


def acoustic_jpeg(
    *,
    spl_db: float,
    snr_db: float,
    seed: int = 0,
    leak: bool | None = None,
    position: str | None = None,
    label: str = "",
) -> bytes:
    """A picture of where it leaks and how loud, 1012 × 564.

    Args:
        spl_db: Sound pressure level at the source; the louder, the larger and redder the spot.
        snr_db: How far the source stands out of the noise.
        seed: Changes grain, the exact stand and the flicker of the spot.
        leak: Whether a spot is drawn; by default from a signal-to-noise ratio of 8 dB on.
        position: Where it leaks, a key of `PLACES`; by default one that is always the same for a label.
        label: Name of the item, written below.
    """
    view = _view()
    heard = snr_db >= SNR_THRESHOLD_DB if leak is None else leak
    names = list(PLACES)
    place = view.places[position or names[zlib.crc32(label.encode()) % len(names)]]
    pixels = _coloured(view.grey, place, spl_db, seed) if heard else _grey(view.grey)
    pixels = canvas.sensed(pixels, seed)
    image = Image.fromarray(pixels)
    if heard:
        _mark(image, place, spl_db)
    _scale(image)
    found = f"{spl_db:.1f} dB at source   SNR {snr_db:.1f} dB" if heard else f"no source found   SNR {snr_db:.1f} dB"
    canvas.caption(image, label, found)
    return canvas.jpeg(image)


@kept(1)
def _view() -> _View:
    scene = scenes.valve_scene()
    seen = developed(draw(scene).linear, exposure=1.25).astype(np.float32)
    grey = seen @ np.array((0.30, 0.59, 0.11), np.float32)
    spots = scene.camera.project(list(PLACES.values()))
    return _View(grey, {name: (float(x), float(y)) for name, (x, y, _) in zip(PLACES, spots, strict=True)})


def _grey(grey: Floats) -> Pixels:
    tint = np.array((0.94, 1.0, 1.05), np.float32)
    return np.clip(grey[..., None] * tint * np.float32(0.82), 0, 255).astype(np.uint8)


@kept(1)
def _ramp() -> Floats:
    level = np.linspace(0, 1, 256)
    return np.stack([np.interp(level, _STOPS, [c[i] for c in _COLOURS]) for i in range(3)], axis=-1).astype(np.float32)


def _coloured(grey: Floats, place: tuple[float, float], spl_db: float, seed: int) -> Pixels:
    """The grey picture with a spot of sound: a main lobe, two faint side lobes."""
    rng = np.random.default_rng(seed)
    loud = float(np.clip((spl_db - 30) / 55, 0.12, 1.0))
    pixels = _grey(grey)
    lobes = [(0.0, 0.0, 1.0, 1.0)]
    lobes += [(float(rng.uniform(55, 95)) * side, float(rng.uniform(-45, 45)), 0.45, 0.55) for side in (-1, 1)]
    reach = round(150 + 130 * loud)
    x0, y0 = max(0, round(place[0]) - reach), max(0, round(place[1]) - reach)
    y, x = np.mgrid[y0 : min(grey.shape[0], y0 + 2 * reach), x0 : min(grey.shape[1], x0 + 2 * reach)].astype(np.float32)
    level = np.zeros_like(x)
    for dx, dy, high, wide in lobes:
        size = (26 + 62 * loud) * wide
        away = ((x - place[0] - dx) ** 2 * np.float32(0.8) + (y - place[1] - dy) ** 2) / np.float32(size**2)
        level = np.maximum(level, np.float32(high * (0.45 + 0.55 * loud)) * np.exp(-away))
    share = np.clip((level - 0.10) * 3.2, 0, 0.72)[..., None]
    part = pixels[y0 : y0 + x.shape[0], x0 : x0 + x.shape[1]]
    part[:] = part * (1 - share) + _ramp()[(level * 255).astype(np.uint8)] * share
    return pixels


def _mark(image: Image.Image, place: tuple[float, float], spl_db: float) -> None:
    pen = ImageDraw.Draw(image)
    x, y = place
    for width, colour in ((4, (0, 0, 0)), (2, (255, 255, 255))):
        pen.ellipse((x - 9, y - 9, x + 9, y + 9), outline=colour, width=width)
    text = f"{spl_db:.1f} dB"
    pen.text((x + 18, y - 22), text, fill=(255, 255, 255), font=canvas.font(22), stroke_width=2, stroke_fill=0)


def _scale(image: Image.Image) -> None:
    bar = Image.fromarray(np.repeat(_ramp()[::-1, None, :].astype(np.uint8), 12, axis=1)).resize((12, 220))
    left, top = image.width - 34, 96
    image.paste(bar, (left, top))
    pen = ImageDraw.Draw(image)
    pen.rectangle((left - 1, top - 1, left + 12, top + 220), outline=(225, 228, 230))
    for text, y in (("85 dB", top - 14), ("30 dB", top + 234)):
        pen.text((image.width - 20, y), text, fill=(235, 238, 240), font=canvas.font(14), anchor="rm")
