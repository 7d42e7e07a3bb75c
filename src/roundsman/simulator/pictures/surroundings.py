"""What the body cameras see: the halls of the plant's map, by ray casting over a floor plan.

All things stand upright on the floor, so one cast per direction of the compass serves every pixel above it.
Source: robot-link.md §3.1 (five fisheye cameras, 640 × 480 greyscale; the two front ones and the right one are
mounted turned).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from roundsman.simulator.pictures import canvas
from roundsman.simulator.pictures.floorplan import FloorPlan, plant_plan
from roundsman.simulator.pictures.shapes import Floats
from roundsman.simulator.pictures.textures import clouds

SIZE, SAMPLED = (640, 480), (400, 300)
CAMERA_HEIGHT_M, CEILING_M = 0.55, 6.0
BEARINGS = 1440
"""How many directions of the compass are cast."""


@dataclass(frozen=True, slots=True)
class _Mount:
    """How a camera looks out of the body: direction, downward pitch, roll as mounted."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


MOUNTS = {
    "frontleft": _Mount(24.0, 22.0, 78.0),
    "frontright": _Mount(-24.0, 22.0, 102.0),
    "left": _Mount(90.0, 14.0, 0.0),
    "right": _Mount(-90.0, 14.0, 180.0),
    "back": _Mount(180.0, 14.0, 0.0),
}


@dataclass(frozen=True, slots=True)
class _Cast:
    """Nearest upright things by direction (n,) in one class: distance, height, grey and place along the surface."""

    distance: Floats
    height: Floats
    grey: Floats
    along: Floats


@dataclass(frozen=True, slots=True)
class _Lens:
    """For each pixel the bearing relative to the body (radians) and the slope of the line of sight."""

    bearing: Floats
    slope: Floats


def fisheye_jpeg(
    *, camera: str, x_m: float, y_m: float, heading_rad: float, seed: int = 0, upright: bool = False
) -> bytes:
    """The view of a body camera, 640 × 480 greyscale.

    Args:
        camera: Name of the image source, with or without `_fisheye_image`; unknown ones look forward.
        x_m, y_m, heading_rad: Where the body is, in the seed frame.
        seed: Changes the grain.
        upright: Turned for people to look at; otherwise as mounted in the robot.
    """
    mount = MOUNTS.get(camera.split("_")[0], _Mount(0.0, 16.0, 0.0))
    lens = _fisheye(mount.yaw_deg, mount.pitch_deg, 0.0 if upright else mount.roll_deg)
    grey = _seen(lens, x_m, y_m, heading_rad)
    image = Image.fromarray(np.clip(grey * 255, 0, 255).astype(np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)
    return canvas.jpeg(Image.fromarray(canvas.sensed(np.asarray(image)[..., None], seed)[..., 0]))


def panorama_jpeg(*, x_m: float, y_m: float, heading_rad: float, seed: int = 0) -> bytes:
    """The view all around, 1280 × 480, from 60° below to 52° above the horizon; ahead is the middle."""
    grey = _seen(_around(), x_m, y_m, heading_rad)
    image = Image.fromarray(np.clip(grey * 255, 0, 255).astype(np.uint8)).resize((1280, 480), Image.Resampling.BICUBIC)
    return canvas.jpeg(Image.fromarray(canvas.sensed(np.asarray(image)[..., None], seed)[..., 0]))


@lru_cache(maxsize=12)
def _fisheye(yaw_deg: float, pitch_deg: float, roll_deg: float) -> _Lens:
    """Equidistant projection, 60° at the middle of the left and right edge."""
    width, height = SAMPLED
    py, px = np.mgrid[0:height, 0:width].astype(np.float32)
    u, v = (px - width / 2 + 0.5) / (width / 2), (py - height / 2 + 0.5) / (width / 2)
    roll = math.radians(roll_deg)
    # From the columns and rows of the picture as mounted to right and down as a person stands.
    right, down = u * math.cos(roll) - v * math.sin(roll), u * math.sin(roll) + v * math.cos(roll)
    away = np.hypot(right, down)
    theta = away * math.radians(62)
    lateral = np.where(away > 1e-6, np.sin(theta) / np.maximum(away, 1e-6), 0)
    x, y, z = np.cos(theta), -right * lateral, -down * lateral
    pitch = math.radians(pitch_deg)
    forward, up = x * math.cos(pitch) + z * math.sin(pitch), z * math.cos(pitch) - x * math.sin(pitch)
    return _lens(np.arctan2(y, forward) + math.radians(yaw_deg), up / np.maximum(np.hypot(forward, y), 1e-3))


@lru_cache(maxsize=1)
def _around() -> _Lens:
    rows, columns = np.mgrid[0:240, 0:640].astype(np.float32)
    return _lens(math.pi - math.tau * (columns + 0.5) / 640, np.tan(np.radians(52 - 112 * (rows + 0.5) / 240)))


def _lens(bearing: npt.NDArray[np.floating], slope: npt.NDArray[np.floating]) -> _Lens:
    return _Lens(bearing.astype(np.float32), slope.astype(np.float32))


def _seen(lens: _Lens, x_m: float, y_m: float, heading_rad: float) -> Floats:
    """Greys 0…1 in the lens's shape."""
    bearing = lens.bearing + np.float32(heading_rad)
    index = np.floor(bearing * np.float32(BEARINGS / math.tau)).astype(np.int32) % BEARINGS
    grey, depth = _floor_and_ceiling(lens.slope, bearing, x_m, y_m)
    for cast in _casts(plant_plan(), x_m, y_m):
        distance = cast.distance[index]
        z = CAMERA_HEIGHT_M + distance * lens.slope
        shown = np.flatnonzero(((z >= 0) & (z <= cast.height[index]) & (distance < depth)).ravel())
        at = index.ravel()[shown].astype(np.intp)
        grey.ravel()[shown] = _surface(cast, at, z.ravel()[shown])
        depth.ravel()[shown] = distance.ravel()[shown]
    # Lamps on the robot and dust in the hall: the far is darker and flatter.
    near = np.exp(-depth / np.float32(22))
    return (0.30 + (grey - 0.30) * (0.35 + 0.65 * near)) * (0.80 + 0.55 * near)


def _floor_and_ceiling(slope: Floats, bearing: Floats, x_m: float, y_m: float) -> tuple[Floats, Floats]:
    below = slope < 0
    reach = np.where(below, CAMERA_HEIGHT_M, CEILING_M - CAMERA_HEIGHT_M) / np.maximum(np.abs(slope), 1e-3)
    depth = np.minimum(reach, np.float32(60)).astype(np.float32)
    x = np.float32(x_m) + depth * np.cos(bearing)
    y = np.float32(y_m) + depth * np.sin(bearing)
    worn = clouds(x, y, size_m=7.0, roughness=0.9)
    joint = np.minimum(np.minimum(x % 2.5, y % 2.5), 2.0)
    floor = 0.47 + 0.09 * worn - 0.18 * np.clip(1 - joint / (0.02 + 0.004 * depth), 0, 1)
    lamp = np.maximum(np.abs(x % 5 - 2.5) - 0.9, np.abs(y % 4 - 2.0) - 0.16) < 0
    roof = np.where(lamp, 1.0, 0.20 + 0.05 * (y % 1.0 < 0.5))
    return np.where(below, floor, roof).astype(np.float32), depth


def _surface(cast: _Cast, at: npt.NDArray[np.intp], z: Floats) -> Floats:
    along = cast.along[at]
    grey = cast.grey[at] * (0.88 + 0.16 * clouds(along, z, size_m=5.0, roughness=0.7))
    tall = cast.height[at] > 5.5
    grey = np.where(tall & (z < 1.3), grey * np.float32(0.68), grey)
    hazard = tall & (cast.grey[at] < 0.4) & (z < 1.2)
    grey = np.where(hazard, np.where((along + z) % 0.3 < 0.15, 0.65, 0.12), grey)
    band = ~tall & (np.abs((z % 1.1) - 0.55) < 0.03)
    return np.where(band, grey * np.float32(0.7), grey).astype(np.float32)


def _casts(plan: FloorPlan, x_m: float, y_m: float) -> list[_Cast]:
    """Three classes, so that a low thing does not hide the wall above it: walls and columns, tall things, low ones."""
    turn = (np.arange(BEARINGS, dtype=np.float32) + np.float32(0.5)) * np.float32(math.tau / BEARINGS)
    ray = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    here = np.array((x_m, y_m), np.float32)
    walls = _hit_segments(plan.segments, ray, here)
    rounds = [_hit_circles(plan.circles[kind], ray, here) for kind in ("column", "tall", "low")]
    return [walls, *rounds]


def _hit_segments(segments: Floats, ray: Floats, here: Floats) -> _Cast:
    """Walls: rows of x0, y0, x1, y1."""
    start, along = segments[:, :2] - here, segments[:, 2:] - segments[:, :2]
    cross = ray[:, None, 0] * along[None, :, 1] - ray[:, None, 1] * along[None, :, 0]
    cross = np.where(np.abs(cross) < 1e-6, np.float32(1e-6), cross)
    t = (start[:, 0] * along[:, 1] - start[:, 1] * along[:, 0])[None, :] / cross
    share = (start[None, :, 0] * ray[:, None, 1] - start[None, :, 1] * ray[:, None, 0]) / cross
    distance = np.where((t > 0.05) & (share >= 0) & (share <= 1), t, np.float32(80))
    nearest = distance.argmin(axis=1)
    rows = np.arange(len(ray))
    length = np.hypot(along[:, 0], along[:, 1])
    away = distance[rows, nearest]
    facing = np.abs(cross[rows, nearest]) / length[nearest]
    grey = np.where(np.abs(along[nearest, 0]) > np.abs(along[nearest, 1]), 0.62, 0.54) * (0.75 + 0.25 * facing)
    place = share[rows, nearest] * length[nearest]
    return _Cast(away, np.full(len(ray), CEILING_M, np.float32), grey.astype(np.float32), place.astype(np.float32))


def _hit_circles(circles: Floats, ray: Floats, here: Floats) -> _Cast:
    """Columns, tanks and machines: rows of x, y, radius, height, grey."""
    to_middle = circles[:, :2] - here
    ahead = ray @ to_middle.T
    beside = ray[:, :1] * to_middle[None, :, 1] - ray[:, 1:] * to_middle[None, :, 0]
    root = circles[None, :, 2] ** 2 - beside**2
    t = ahead - np.sqrt(np.maximum(root, 0))
    distance = np.where((root > 0) & (t > 0.05), t, np.float32(80))
    nearest = distance.argmin(axis=1)
    rows = np.arange(len(ray))
    lean = beside[rows, nearest] / circles[nearest, 2]
    # Lit from the left of the viewer, as a round thing is: brightest beside its middle.
    shade = 0.45 + 0.55 * np.sqrt(np.clip(1 - (lean - 0.25) ** 2 / 1.6, 0, 1))
    along = np.arcsin(np.clip(lean, -1, 1)) * circles[nearest, 2]
    return _Cast(distance[rows, nearest], circles[nearest, 3], (circles[nearest, 4] * shade).astype(np.float32), along)
