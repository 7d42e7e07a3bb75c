"""Raw thermal captures as pictures: numbers that no browser shows, in false colours from the coldest to the hottest.

Source: robot-link.md 4 (640 × 512 numbers of 16 bits, big-endian, tenths of a kelvin; as `.raw`, or with a PGM header);
https://www.w3.org/TR/png-3/ for the container.
"""

import array
import struct
import sys
import zlib

from roundsman.captures.key_results import THERMAL_BYTES

WIDTH, HEIGHT = 640, 512
EVERY = 2  # of rows and columns: a preview, four times as fast to make and to send
SPAN_LEAST = 50  # tenths of a kelvin: below it a wall's noise would look like a fire
_COLOURS = (
    (0, 0, 4),
    (40, 11, 84),
    (101, 21, 110),
    (159, 42, 99),
    (212, 72, 66),
    (245, 125, 21),
    (250, 193, 39),
    (252, 255, 164),
)


def preview_png(content: bytes) -> bytes:
    """A raw thermal capture (key_results.is_thermal) as a PNG of half its width and height. Takes some 10 ms.

    The coldest point is dark and the hottest bright, at least 5 K apart.
    """
    numbers = array.array("H", content[-THERMAL_BYTES:])
    if sys.byteorder == "little":
        numbers.byteswap()
    rows = [numbers[start : start + WIDTH : EVERY] for start in range(0, WIDTH * HEIGHT, WIDTH * EVERY)]
    least, most = min(map(min, rows)), max(map(max, rows))
    span = max(most - least, SPAN_LEAST)
    shades = {number: (number - least) * 255 // span for number in {number for row in rows for number in row}}
    lines = b"".join(b"\0" + bytes(map(shades.__getitem__, row)) for row in rows)
    header = struct.pack(">IIBBBBB", WIDTH // EVERY, HEIGHT // EVERY, 8, 3, 0, 0, 0)  # 8 bits a pixel, of a palette
    chunks = (b"IHDR", header), (b"PLTE", _palette()), (b"IDAT", zlib.compress(lines, 6)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _palette() -> bytes:
    """256 colours between those of `_COLOURS`."""
    steps = len(_COLOURS) - 1
    colours = bytearray()
    for shade in range(256):
        step, part = divmod(shade * steps, 255)
        below, above = _COLOURS[step], _COLOURS[min(step + 1, steps)]
        colours += bytes(low + (high - low) * part // 255 for low, high in zip(below, above, strict=True))
    return bytes(colours)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
