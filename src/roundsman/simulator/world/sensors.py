"""What each sensor of a robot puts into the store when an action asks for it.

A sensor turns one look (where, when, at which item) into drafts of entries. Contents are drawn when they are read.
Sources: robot-link.md §4 (channels, thermal format, acoustic key results); metadata keys of gauge reader, inspection
and acoustic camera are ours, see docs of the simulator.
"""

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from roundsman.simulator.model import CaptureKind, Pose, Severity
from roundsman.simulator.world import drawing
from roundsman.simulator.world.conditions import Conditions, Reading
from roundsman.simulator.world.drawing import document
from roundsman.simulator.world.site import Site

FISHEYES = tuple(f"{side}_fisheye_image" for side in ("frontleft", "frontright", "left", "right", "back"))
SNR_THRESHOLD_DB = 8.0
THERMAL_RAW_BYTES = 640 * 512 * 2


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the plant. Time by the world's clock, pose in the seed frame."""

    action_name: str
    pose: Pose
    time_us: int
    seed: int

    @property
    def drawing_seed(self) -> int:
        """A seed for the picture: the same look is drawn the same."""
        return zlib.crc32(f"{self.seed}/{self.action_name}/{self.time_us}".encode())


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it has an id. `about` is the index of the draft it speaks of, `delay_s` how late it comes."""

    kind: CaptureKind
    channel: str
    data_name: str
    make: Callable[[], bytes]
    file_extension: str = ""
    size_bytes: int = 600
    about: int | None = None
    delay_s: float = 0.0


class Sensors:
    """The sensors of one robot, by the names under which an acquisition asks for them."""

    def __init__(self, site: Site, conditions: Conditions) -> None:
        self._site, self._conditions = site, conditions
        self._by_name: dict[str, Callable[[Look], Iterator[Draft]]] = {
            "spot-cam-ptz": self.ptz,
            "spot-cam-pano": self.ptz,
            "spot-cam-ir": self.thermal,
            "gauge-reader": self.gauge,
            "visual-inspection": self.inspection,
            "leak-source": self.acoustic,
        }

    @property
    def plugins(self) -> tuple[str, ...]:
        """The names of what can be asked for besides the body cameras."""
        return tuple(self._by_name)

    def look(self, name: str, look: Look) -> list[Draft]:
        """What the sensor of that name (or `image-<source>`) stores of one look; unknown names store a document."""
        if name.startswith("image-"):
            return [self._fisheye(name, look)]
        return list(self._by_name.get(name, partial(self._unknown, name))(look))

    def ptz(self, look: Look) -> Iterator[Draft]:
        """A picture by the pan-tilt-zoom camera, of what the action is about."""
        gauge = self._read(look, "gauge")
        if gauge is not None and gauge.item.name == look.action_name:  # not whichever is near
            yield _image("spot-cam-ptz", "ptz", drawing.gauge(gauge, look.drawing_seed), 60_000)
            return
        reading = self._read(look, "inspection", "picture")
        yield _image("spot-cam-ptz", "ptz", _picture(reading, look), 90_000)

    def thermal(self, look: Look) -> Iterator[Draft]:
        """A false-colour picture and the raw temperatures behind it."""
        reading = self._read(look, "thermal")
        scene, hot_c = (reading.item.scene, reading.value) if reading else ("overview", drawing.AMBIENT_C + 6.0)
        raw = drawing.thermal_raw(scene, hot_c, look.drawing_seed)
        yield _image("spot-cam-ir", "ir", drawing.thermal_image(raw), 50_000)
        yield Draft("data", "spot-cam-ir", "ir-raw", raw, ".raw", THERMAL_RAW_BYTES)
        yield from _alert(reading, "spot-cam-ir", "Thermal inspection", look.drawing_seed)

    def gauge(self, look: Look) -> Iterator[Draft]:
        """A gauge with its reading."""
        reading = self._read(look, "gauge")
        if reading is None:
            yield from self._unknown("gauge-reader", look)
            return
        yield _image("gauge-reader", "gauge-reader", drawing.gauge(reading, look.drawing_seed), 60_000)
        yield _about_first("gauge-reader", _gauge_metadata(reading))
        yield from _alert(reading, "gauge-reader", "Gauge reader", look.drawing_seed)

    def inspection(self, look: Look) -> Iterator[Draft]:
        """A picture that a detector has judged."""
        reading = self._read(look, "inspection", "picture")
        yield _image("visual-inspection", "visual-inspection", _picture(reading, look), 90_000)
        if reading is not None:
            yield _about_first("visual-inspection", _inspection_metadata(reading))
            yield from _alert(reading, "visual-inspection", "Visual inspection", look.drawing_seed)

    def acoustic(self, look: Look) -> Iterator[Draft]:
        """A picture of where it hisses, and how loud."""
        reading = self._read(look, "acoustic")
        spl_db = reading.value if reading else 28.0
        snr_db = round(max(0.0, (spl_db - 30.0) * 0.55), 1)
        name = reading.item.name if reading else look.action_name
        yield _image("leak-source", "leak-source", drawing.acoustic(spl_db, snr_db, look.drawing_seed, name), 70_000)
        yield _about_first("leak-source", _acoustic_metadata(spl_db, snr_db))
        yield from _alert(reading, "leak-source", "Acoustic leak check", look.drawing_seed)

    def _read(self, look: Look, *kinds: str) -> Reading | None:
        item = self._site.find_item(look.action_name, look.pose, *kinds)
        return None if item is None else self._conditions.read(item, look.time_us)

    def _fisheye(self, name: str, look: Look) -> Draft:
        camera = name.removeprefix("image-")
        return _image(name, camera, drawing.fisheye(camera, look.pose, look.drawing_seed), 30_000)

    def _unknown(self, name: str, look: Look) -> Iterator[Draft]:
        known = {"sensor": name, "simulated": True, "action": look.action_name}
        yield Draft("data", name, name, document(known), ".json", 200)


def se3_pose(pose: Pose, height_m: float = 0.52) -> dict[str, object]:
    """A planar pose as SE3Pose in JSON, at body height."""
    half = pose.heading_rad / 2
    return {
        "position": {"x": round(pose.x_m, 4), "y": round(pose.y_m, 4), "z": height_m},
        "rotation": {"x": 0.0, "y": 0.0, "z": round(math.sin(half), 6), "w": round(math.cos(half), 6)},
    }


def _image(channel: str, data_name: str, make: Callable[[], bytes], size_bytes: int) -> Draft:
    return Draft("image", channel, data_name, make, ".jpg", size_bytes)


def _about_first(channel: str, value: object) -> Draft:
    return Draft("metadata", channel, channel, document(value), about=0, delay_s=0.2)


def _picture(reading: Reading | None, look: Look) -> Callable[[], bytes]:
    if reading is None:
        return drawing.picture("overview", 0.0, look.drawing_seed, look.action_name)
    return drawing.picture(reading.item.scene, reading.wear, look.drawing_seed, reading.item.name)


def _gauge_metadata(reading: Reading) -> dict[str, object]:
    item = reading.item
    named: dict[str, object] = {"name": item.name, "value": reading.value, "units": item.units}
    return named | {"low": item.low, "high": item.high, "confidence": 0.97, "detector": "gauge-reader 2.1"}


def _inspection_metadata(reading: Reading) -> dict[str, object]:
    finding = "none" if reading.severity is None else reading.item.scene
    named: dict[str, object] = {"name": reading.item.name, "condition": reading.value, "finding": finding}
    return named | {"confidence": 0.91, "detector": "visual-inspection 1.4"}


def _acoustic_metadata(spl_db: float, snr_db: float) -> dict[str, object]:
    measured = {"SPL At Source": round(spl_db, 1), "SNR Value": snr_db, "SNR Threshold": SNR_THRESHOLD_DB}
    results: dict[str, object] = {name: {"value": value, "units": "dB"} for name, value in measured.items()}
    return results | {"Leak Detected": snr_db >= SNR_THRESHOLD_DB}


def _alert(reading: Reading | None, channel: str, source: str, seed: int) -> Iterator[Draft]:
    if reading is None or reading.severity is None:
        return
    alert = {
        "severity": int(reading.severity),
        "title": _title(reading, reading.severity),
        "source": source,
        "additional_data": {
            "item": reading.item.name,
            "value": reading.value,
            "units": reading.item.units,
            "limit": reading.limit,
        },
    }
    # The judgement comes after the picture, as it does where a computer beside the robot makes it.
    yield Draft("alert", channel, source, document(alert), about=0, delay_s=0.5 + seed % 16 / 10)


def _title(reading: Reading, severity: Severity) -> str:
    item, word = reading.item, severity.name.lower()
    if item.kind == "inspection":
        return f"{item.name}: {item.scene} found ({word})"
    side = "at or below" if item.drift.falling else "at or above"
    return f"{item.name}: {reading.value:g} {item.units} {side} {reading.limit:g} {item.units} ({word})"
