"""Makers of contents: what a capture shows, bound to the picture that is drawn when somebody reads it.

The picture library is loaded on the first drawing, so that a world that only walks needs none.
"""

import json
from collections.abc import Callable
from functools import partial

from roundsman.simulator.model import Pose
from roundsman.simulator.world.conditions import Reading

AMBIENT_C = 24.0
Maker = Callable[[], bytes]


def document(value: object) -> Maker:
    """A JSON document."""
    return partial(_json, value)


def gauge(reading: Reading, seed: int) -> Maker:
    """A gauge with its needle at the reading."""
    return partial(_gauge, reading, seed)


def thermal_raw(scene: str, hot_c: float, seed: int) -> Maker:
    """Raw temperatures: 640 × 512 uint16 big-endian decikelvin."""
    return partial(_thermal_raw, scene, hot_c, seed)


def thermal_image(raw: Maker) -> Maker:
    """Raw temperatures in false colours."""
    return partial(_thermal_image, raw)


def acoustic(spl_db: float, snr_db: float, seed: int, name: str) -> Maker:
    """Where it hisses, and how loud."""
    return partial(_acoustic, spl_db, snr_db, seed, name)


def picture(scene: str, wear: float, seed: int, name: str) -> Maker:
    """A thing in the plant as the pan-tilt-zoom camera sees it, from good (0) to broken (1)."""
    return partial(_picture, scene, wear, seed, name)


def fisheye(camera: str, pose: Pose, seed: int) -> Maker:
    """The picture of a body camera from a pose."""
    return partial(_fisheye, camera, pose, seed)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _gauge(reading: Reading, seed: int) -> bytes:
    from roundsman.simulator import pictures

    item = reading.item
    return pictures.gauge_jpeg(
        value=reading.value,
        low=item.low,
        high=item.high,
        units=item.units,
        label=item.name,
        warn_above=None if item.drift.falling else item.drift.limits[1],
        warn_below=item.drift.limits[1] if item.drift.falling else None,
        seed=seed,
    )


def _thermal_raw(scene: str, hot_c: float, seed: int) -> bytes:
    from roundsman.simulator import pictures

    return pictures.thermal_raw(scene=scene, hot_c=hot_c, ambient_c=AMBIENT_C, seed=seed)


def _thermal_image(raw: Maker) -> bytes:
    from roundsman.simulator import pictures

    return pictures.thermal_jpeg(raw())


def _acoustic(spl_db: float, snr_db: float, seed: int, name: str) -> bytes:
    from roundsman.simulator import pictures

    return pictures.acoustic_jpeg(spl_db=spl_db, snr_db=snr_db, seed=seed, label=name)


def _picture(scene: str, wear: float, seed: int, name: str) -> bytes:
    from roundsman.simulator import pictures

    return pictures.inspection_jpeg(kind=scene, condition=wear, seed=seed, label=name)


def _fisheye(camera: str, pose: Pose, seed: int) -> bytes:
    from roundsman.simulator import pictures

    return pictures.fisheye_jpeg(camera=camera, x_m=pose.x_m, y_m=pose.y_m, heading_rad=pose.heading_rad, seed=seed)
