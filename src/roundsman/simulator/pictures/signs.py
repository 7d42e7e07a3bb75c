"""Signs and labels that hang in the plant, drawn flat; scenes print them on surfaces."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
_OVER = 3
"""Signs are drawn this many times larger and scaled down, for smooth edges."""


def _sign(size: tuple[int, int], back: Colour, draw: Callable[[ImageDraw.ImageDraw, int], None]) -> Picture:
    image = Image.new("RGB", (size[0] * _OVER, size[1] * _OVER), back)
    draw(ImageDraw.Draw(image), _OVER)
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def exit_sign() -> Picture:
    """White on green: a figure running through a door, an arrow."""

    def draw(pen: ImageDraw.ImageDraw, k: int) -> None:
        white = (244, 250, 246)
        pen.rectangle((8 * k, 14 * k, 78 * k, 136 * k), fill=white)
        pen.rectangle((20 * k, 26 * k, 78 * k, 136 * k), fill=(10, 122, 62))
        pen.ellipse((92 * k, 22 * k, 116 * k, 46 * k), fill=white)
        limbs = (((98, 52), (84, 92)), ((96, 56), (124, 74)), ((96, 56), (68, 62)), ((68, 62), (56, 80)))
        legs = (((84, 92), (110, 110)), ((110, 110), (100, 138)), ((84, 92), (66, 112)), ((66, 112), (38, 116)))
        for (x0, y0), (x1, y1) in limbs + legs:
            pen.line((x0 * k, y0 * k, x1 * k, y1 * k), fill=white, width=12 * k)
            pen.ellipse(((x1 - 6) * k, (y1 - 6) * k, (x1 + 6) * k, (y1 + 6) * k), fill=white)
        pen.line((160 * k, 75 * k, 250 * k, 75 * k), fill=white, width=16 * k)
        pen.polygon([(p * k, q * k) for p, q in ((236, 42), (286, 75), (236, 108))], fill=white)

    return _sign((300, 150), (10, 122, 62), draw)


def extinguisher_sign() -> Picture:
    """White on red: an extinguisher and a flame."""

    def draw(pen: ImageDraw.ImageDraw, k: int) -> None:
        white = (250, 246, 244)
        pen.rectangle((5 * k, 5 * k, 145 * k, 145 * k), outline=white, width=4 * k)
        pen.rounded_rectangle((34 * k, 48 * k, 72 * k, 130 * k), radius=12 * k, fill=white)
        pen.rectangle((48 * k, 34 * k, 58 * k, 50 * k), fill=white)
        pen.line((30 * k, 32 * k, 66 * k, 32 * k), fill=white, width=7 * k)
        pen.arc((14 * k, 34 * k, 54 * k, 100 * k), 170, 280, fill=white, width=6 * k)
        flame = ((106, 130), (84, 112), (88, 88), (98, 72), (100, 50), (120, 78), (128, 96), (126, 116))
        pen.polygon([(x * k, y * k) for x, y in flame], fill=white)
        pen.polygon([(x * k, y * k) for x, y in ((106, 128), (98, 112), (106, 92), (116, 112))], fill=(190, 26, 22))

    return _sign((150, 150), (190, 26, 22), draw)


def warning_sign(text: str) -> Picture:
    """A yellow triangle with a bolt above a line of text."""

    def draw(pen: ImageDraw.ImageDraw, k: int) -> None:
        black = (20, 20, 20)
        pen.polygon([(x * k, y * k) for x, y in ((100, 8), (190, 150), (10, 150))], fill=black)
        pen.polygon([(x * k, y * k) for x, y in ((100, 26), (174, 142), (26, 142))], fill=(247, 198, 20))
        bolt = ((108, 50), (80, 98), (98, 98), (88, 134), (122, 84), (103, 84), (116, 50))
        pen.polygon([(x * k, y * k) for x, y in bolt], fill=black)
        font = ImageFont.load_default(size=24 * k)
        pen.text((100 * k, 178 * k), text, fill=black, font=font, anchor="mm")

    return _sign((200, 205), (247, 198, 20), draw)


def plate(text: str, size: tuple[int, int], *, ink: Colour = (30, 34, 38), back: Colour = (226, 228, 226)) -> Picture:
    """A name plate."""

    def draw(pen: ImageDraw.ImageDraw, k: int) -> None:
        edge = (2 * k, 2 * k, (size[0] - 2) * k, (size[1] - 2) * k)
        pen.rectangle(edge, outline=ink, width=2 * k)
        font = ImageFont.load_default(size=int(min(size[1] * 0.55, size[0] * 1.45 / len(text)) * k))
        pen.text((size[0] * k / 2, size[1] * k / 2), text, fill=ink, font=font, anchor="mm")

    return _sign(size, back, draw)
