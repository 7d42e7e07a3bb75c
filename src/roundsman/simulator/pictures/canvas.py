"""What every picture shares: the camera's noise, the line of text in its corner, the encoding."""

import io
import random
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from roundsman.simulator.pictures.shapes import Floats

Pixels = npt.NDArray[np.uint8]
Ink = tuple[int, int, int]
QUALITY = 80


@lru_cache(maxsize=16)
def font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The one typeface of all pictures."""
    return ImageFont.load_default(size=size_px)


def centred(pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size_px: int, fill: Ink) -> None:
    """Writes around a point. The typeface has no ³: it is written as a small 3, raised."""
    before, cubed, after = text.partition("³")
    parts = ((before, size_px, 0.0), ("3" if cubed else "", round(0.6 * size_px), 0.3 * size_px), (after, size_px, 0.0))
    x = at[0] - sum(font(size).getlength(part) for part, size, _ in parts) / 2
    for part, size, raised in parts:
        pen.text((x, at[1] - raised), part, fill=fill, font=font(size), anchor="lm")
        x += font(size).getlength(part)


@lru_cache(maxsize=6)
def _vignette(width: int, height: int) -> Floats:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return (1 - 0.16 * (x**2 + y**2) ** 1.3).astype(np.float32)[..., None]


@lru_cache(maxsize=2)
def _grain() -> npt.NDArray[np.int16]:
    return np.random.default_rng(3).normal(0, 2.4, (1024, 2048, 1)).round().astype(np.int16)


def sensed(pixels: Pixels, seed: int) -> Pixels:
    """Pixels (h, w, 3) as a camera's sensor gives them: darker corners, exposure a little off, grain."""
    height, width = pixels.shape[:2]
    dice = random.Random(seed)
    exposure = np.float32(1 + dice.uniform(-0.035, 0.035))
    grain = _grain()
    top, left = dice.randint(0, grain.shape[0] - height), dice.randint(0, grain.shape[1] - width)
    light = (pixels * (_vignette(width, height) * exposure)).astype(np.int16)
    light += grain[top : top + height, left : left + width]
    return np.clip(light, 0, 255).astype(np.uint8)


def nudged(pixels: Pixels, seed: int, *, reach_px: int = 6) -> Pixels:
    """The same view from not quite the same stand: shifted by a few pixels and cropped evenly."""
    dice = random.Random(seed + 1)
    dy, dx = dice.randint(0, 2 * reach_px), dice.randint(0, 2 * reach_px)
    height, width = pixels.shape[:2]
    return pixels[dy : dy + height - 2 * reach_px, dx : dx + width - 2 * reach_px]


def caption(image: Image.Image, left: str, right: str = "") -> None:
    """A quiet line of text along the lower edge, shadowed so that it can be read on anything."""
    pen = ImageDraw.Draw(image)
    size = max(13, image.height // 36)
    y = image.height - size * 0.9
    for text, x, anchor in ((left, size, "lm"), (right, image.width - size, "rm")):
        if text:
            pen.text((x + 1, y + 1), text, fill=(10, 12, 14), font=font(size), anchor=anchor)
            pen.text((x, y), text, fill=(232, 236, 238), font=font(size), anchor=anchor)


def jpeg(image: Image.Image, *, quality: int = QUALITY) -> bytes:
    """Encoded as JPEG."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def decoded(encoded: bytes) -> Pixels:
    """The pixels (h, w, 3) of an encoded picture."""
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))
