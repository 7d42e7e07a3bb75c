"""The plant as plain data: halls and corridors on a metric map, and the items in them that walks inspect.

Lengths in metres in the seed frame. Two long corridors with three connecting ones make the loops; each hall is a ring
of waypoints with a door to the corridor and, north of it, one to the gallery.
"""

from dataclasses import dataclass
from typing import Literal

ItemKind = Literal["gauge", "thermal", "acoustic", "inspection", "picture"]


@dataclass(frozen=True, slots=True)
class Hall:
    """A rectangular room; its waypoints run around it, `inset_m` from the walls."""

    name: str
    x_m: float
    y_m: float
    width_m: float
    depth_m: float
    waypoints: tuple[tuple[float, float], ...]
    """Ring of waypoints, as fractions of width and depth."""
    doors: tuple[tuple[int, str], ...]
    """(index in the ring, name of the corridor waypoint it leads to)."""


_RING8 = ((0.15, 0.1), (0.5, 0.1), (0.85, 0.1), (0.85, 0.5), (0.85, 0.9), (0.5, 0.9), (0.15, 0.9), (0.15, 0.5))
_RING10 = (
    (0.1, 0.9),
    (0.37, 0.9),
    (0.63, 0.9),
    (0.9, 0.9),
    (0.9, 0.5),
    (0.9, 0.1),
    (0.63, 0.1),
    (0.37, 0.1),
    (0.1, 0.1),
    (0.1, 0.5),
)

CORRIDOR_XS_M = tuple(7.0 * i for i in range(13))
GALLERY_XS_M = tuple(14.0 * i for i in range(7))
CORRIDOR_Y_M, GALLERY_Y_M = 24.0, 48.0
CONNECTOR_XS_M = (0.0, 42.0, 84.0)

HALLS = (
    Hall("Boiler house", 3, 28, 17, 16, _RING8, ((1, "Corridor 3"), (5, "Gallery 2"))),
    Hall("Pump room", 23, 28, 16, 16, _RING8, ((1, "Corridor 5"), (5, "Gallery 3"))),
    Hall("Compressor hall", 45, 28, 16, 16, _RING8, ((1, "Corridor 9"), (5, "Gallery 5"))),
    Hall("Switchgear", 64, 28, 17, 16, _RING8, ((1, "Corridor 11"), (5, "Gallery 6"))),
    Hall("Cooling water", 25, 2, 18, 18, _RING8, ((5, "Corridor 5"), (4, "Corridor 7"))),
    Hall("Tank farm", 46, -4, 36, 18, _RING10, ((1, "Corridor 9"), (3, "Corridor 12"))),
)

DOCK_BAYS = (("Dock bay west", 2.0, 20.0), ("Dock bay east", 66.0, 20.0))
"""(name, x of the first dock, y); docks stand 2 m apart and face the corridor. Even docks west, odd ones east."""
DOCK_SPACING_M = 2.0
DOCKS_PER_BAY = 9
FIRST_DOCK_ID = 520


@dataclass(frozen=True, slots=True)
class Drift:
    """How a measured value goes wrong, slowly, and is repaired again.

    The value creeps from `normal` to `failed` within `cycle_days`, breathes by `daily` over the day and scatters by
    `noise`. `limits` are the values from which an alert is INFO, WARN, ERROR and CRITICAL; falling ones alert downward.
    """

    normal: float
    failed: float
    limits: tuple[float, float, float, float]
    cycle_days: float
    daily: float = 0.0
    noise: float = 0.0

    @property
    def falling(self) -> bool:
        """Whether low values are the bad ones."""
        return self.limits[0] > self.limits[-1]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing on site that is inspected: where, how, and how it ages. `scene` says what is drawn."""

    name: str
    kind: ItemKind
    place: str
    """Name of the waypoint it is inspected from."""
    scene: str
    units: str
    low: float
    high: float
    drift: Drift


def _gauge(
    name: str,
    place: str,
    units: str,
    scale: tuple[float, float],
    values: tuple[float, float],
    limits: tuple[float, float, float, float],
    days: float,
) -> Item:
    normal, failed = values
    span = abs(failed - normal)
    drift = Drift(normal, failed, limits, days, daily=0.05 * span, noise=0.02 * span)
    return Item(name, "gauge", place, "gauge", units, scale[0], scale[1], drift)


def _thermal(name: str, place: str, scene: str, normal_c: float, failed_c: float, days: float) -> Item:
    rise = failed_c - normal_c
    limits = (normal_c + 0.35 * rise, normal_c + 0.55 * rise, normal_c + 0.75 * rise, normal_c + 0.9 * rise)
    drift = Drift(normal_c, failed_c, limits, days, daily=0.04 * rise, noise=0.015 * rise)
    return Item(name, "thermal", place, scene, "°C", 0.0, 200.0, drift)


def _acoustic(name: str, place: str, days: float) -> Item:
    # Without a leak the camera still hears the hall; from 45 dB at the source on it is a leak.
    return Item(
        name, "acoustic", place, "leak", "dB", 0.0, 100.0, Drift(31.0, 84.0, (45.0, 55.0, 65.0, 76.0), days, 1.5, 1.2)
    )


def _look(name: str, place: str, scene: str, days: float) -> Item:
    # A condition from 0 (as new) to 1 (broken), as a detector would score it.
    return Item(
        name, "inspection", place, scene, "", 0.0, 1.0, Drift(0.05, 1.0, (0.35, 0.55, 0.75, 0.9), days, 0.0, 0.02)
    )


def _picture(name: str, place: str, scene: str = "overview") -> Item:
    return Item(name, "picture", place, scene, "", 0.0, 1.0, Drift(0.0, 0.2, (2.0, 2.0, 2.0, 2.0), 20.0))


ITEMS = (
    _gauge("Boiler 1 steam pressure", "Boiler house 1", "bar", (0, 16), (9.6, 15.2), (11.5, 12.7, 13.8, 14.6), 6),
    _gauge("Boiler 2 steam pressure", "Boiler house 3", "bar", (0, 16), (9.2, 15.4), (11.5, 12.7, 13.8, 14.6), 9),
    _gauge("Feedwater temperature", "Boiler house 8", "°C", (0, 160), (104, 140), (113, 121, 128, 134), 7),
    _thermal("Boiler 1 burner flange", "Boiler house 7", "flange", 62, 148, 8),
    _thermal("Boiler 2 burner flange", "Boiler house 5", "flange", 58, 142, 11),
    _acoustic("Steam header valve V-101", "Boiler house 6", 5),
    _look("Boiler house floor", "Boiler house 4", "puddle", 6),
    _picture("Boiler house overview", "Boiler house 2"),
    _gauge("Feed pump discharge pressure", "Pump room 1", "bar", (0, 25), (18.4, 11.5), (16.8, 15.6, 14.2, 12.6), 5),
    _gauge("Pump 2 suction pressure", "Pump room 3", "bar", (0, 6), (3.4, 0.8), (2.7, 2.2, 1.6, 1.1), 8),
    _thermal("Pump 1 drive-end bearing", "Pump room 4", "bearing", 48, 112, 4),
    _thermal("Pump 2 drive-end bearing", "Pump room 5", "bearing", 46, 108, 10),
    _thermal("Pump 1 motor", "Pump room 7", "motor", 55, 105, 12),
    _acoustic("Pump 1 mechanical seal", "Pump room 8", 7),
    _look("Pump room floor", "Pump room 6", "puddle", 4),
    _picture("Pump room overview", "Pump room 2"),
    _gauge("Compressor 1 oil pressure", "Compressor hall 1", "bar", (0, 10), (5.2, 2.2), (4.4, 3.9, 3.2, 2.6), 6),
    _gauge("Air receiver pressure", "Compressor hall 3", "bar", (0, 16), (8.1, 4.9), (7.3, 6.7, 6.0, 5.4), 9),
    _gauge("Compressor 2 outlet temperature", "Compressor hall 5", "°C", (0, 160), (82, 124), (94, 103, 111, 118), 8),
    _thermal("Compressor 1 motor", "Compressor hall 8", "motor", 61, 118, 10),
    _acoustic("Air header flange F-7", "Compressor hall 4", 4),
    _acoustic("Dryer drain valve", "Compressor hall 6", 6),
    _acoustic("Hose reel coupling", "Compressor hall 7", 3),
    _picture("Compressor hall overview", "Compressor hall 2"),
    _thermal("Feeder 1 busbar joint", "Switchgear 1", "busbar", 34, 96, 9),
    _thermal("Feeder 2 busbar joint", "Switchgear 3", "busbar", 33, 98, 5),
    _thermal("Feeder 3 cable lug", "Switchgear 4", "busbar", 31, 88, 13),
    _thermal("Transformer T1 bushing", "Switchgear 5", "transformer", 52, 109, 7),
    _thermal("Transformer T2 bushing", "Switchgear 7", "transformer", 50, 104, 16),
    _gauge("Transformer T1 oil temperature", "Switchgear 6", "°C", (0, 120), (58, 99), (69, 78, 86, 93), 7),
    _look("Battery room door", "Switchgear 8", "door", 5),
    _picture("Switchgear overview", "Switchgear 2"),
    _gauge("Cooling water supply temperature", "Cooling water 1", "°C", (0, 60), (22, 39), (27, 30, 34, 37), 5),
    _gauge("Cooling water flow", "Cooling water 3", "m³/h", (0, 400), (285, 150), (255, 230, 200, 172), 8),
    _look("Strainer housing", "Cooling water 5", "corrosion", 9),
    _thermal("Circulation pump bearing", "Cooling water 7", "bearing", 44, 101, 6),
    _gauge("Tank T-301 level", "Tank farm 2", "%", (0, 100), (71, 97), (82, 87, 92, 95), 4),
    _gauge("Tank T-302 level", "Tank farm 3", "%", (0, 100), (64, 18), (48, 39, 30, 23), 6),
    _gauge("Nitrogen blanket pressure", "Tank farm 5", "mbar", (0, 60), (28, 6), (22, 18, 13, 9), 7),
    _look("Tank T-301 manway", "Tank farm 6", "corrosion", 12),
    _look("Bund wall east", "Tank farm 4", "puddle", 8),
    _look("Fire extinguisher point 4", "Tank farm 10", "extinguisher", 5),
    _acoustic("Vapour return valve", "Tank farm 8", 8),
    _thermal("Transfer pump bearing", "Tank farm 9", "bearing", 41, 97, 9),
    _picture("Tank farm overview", "Tank farm 1"),
    _look("Emergency exit west", "Corridor 2", "exit", 6),
    _picture("Main corridor", "Corridor 7"),
    _picture("North gallery", "Gallery 4"),
)
