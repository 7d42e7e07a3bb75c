"""First sketches of all pictures, to be replaced one by one."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont


def _titled(text: str, size: tuple[int, int]) -> bytes:
    image = Image.new("RGB", size, (70, 76, 84))
    ImageDraw.Draw(image).text((40, 40), text, fill=(230, 230, 230), font=ImageFont.load_default(size=36))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def gauge_jpeg(
    *, value: float, low: float, high: float, units: str, label: str, warn_above: float | None = None, seed: int = 0
) -> bytes:
    """A gauge."""
    return _titled(f"{label}\n{value:g} {units} ({low:g} to {high:g}, {warn_above}, {seed})", (960, 720))


def thermal_raw(*, scene: str, hot_c: float, ambient_c: float, seed: int = 0) -> bytes:
    """640 × 512 big-endian decikelvin."""
    y, x = np.mgrid[0:512, 0:640]
    spot = np.exp(-(((x - 300) / 60) ** 2) - (((y - 260) / 60) ** 2))
    return np.round((ambient_c + (hot_c - ambient_c) * spot + 273.15) * 10).astype(">u2").tobytes()


def thermal_jpeg(raw: bytes) -> bytes:
    """False colours."""
    return _titled(f"thermal {len(raw)}", (640, 512))


def acoustic_jpeg(*, spl_db: float, snr_db: float, seed: int = 0) -> bytes:
    """A leak."""
    return _titled(f"acoustic {spl_db:.1f} dB, SNR {snr_db:.1f}", (960, 540))


def inspection_jpeg(*, kind: str, condition: float, seed: int = 0) -> bytes:
    """A thing in the plant."""
    return _titled(f"{kind} {condition:.2f} {seed}", (1280, 720))


def fisheye_jpeg(*, camera: str, x_m: float, y_m: float, heading_rad: float, seed: int = 0) -> bytes:
    """A body camera."""
    return _titled(f"{camera} {x_m:.2f} {y_m:.2f} {heading_rad:.2f}", (640, 480))
