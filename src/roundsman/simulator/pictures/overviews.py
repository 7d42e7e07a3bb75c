"""Wide views into the halls of the plant: what a robot sees when it looks around."""

from collections.abc import Callable, Iterator

from roundsman.simulator.pictures import parts, signs
from roundsman.simulator.pictures.raytrace import Camera, Light, Scene
from roundsman.simulator.pictures.scenes import CREAM, PALE, PTZ, SLATE, on_wall, room
from roundsman.simulator.pictures.shapes import Box, Cylinder, Finish, Shape, Sphere, Vector
from roundsman.simulator.pictures.textures import worn

DEPTH, HIGH = 15.0, 6.5
SUNNY = (
    Light((-2.5, 0.5, 6.0), 16.0, radius=0.7),
    Light((2.5, 8.0, 6.0), 20.0, radius=0.7),
    Light((0.0, -5.0, 2.5), 4.0, (0.9, 0.95, 1.0), casts=False),
)


def _hall(wall: Vector, *, width: float = 14.0) -> Iterator[Shape]:
    """An empty hall with a walkway, columns, pipes under the roof and lamps."""
    yield from room(wall, width=width, back=DEPTH, high=HIGH)
    half = width / 2
    for x in (-0.75, 0.75):
        yield Box((x, 4.0, 0.003), (0.1, 22.0, 0.006), parts.YELLOW)
    for y in (2.0, 7.0, 12.0):
        for side in (-1, 1):
            yield Box((side * (half - 0.2), y, HIGH / 2), (0.4, 0.4, HIGH), parts.GREY)
            yield Box((side * (half - 0.2), y, 0.6), (0.43, 0.43, 1.2), parts.HAZARD)
        yield Box((0, y, HIGH - 0.3), (width, 0.25, 0.4), parts.GREY)
        yield from parts.lamps(HIGH - 0.7, [(-1.8, y + 1.5), (1.8, y + 1.5)])
    for x, z, radius, finish in (
        (-half + 0.5, 4.2, 0.20, parts.SILVER),
        (-half + 0.9, 4.2, 0.11, parts.GREEN),
        (half - 0.5, 4.0, 0.16, parts.YELLOW),
        (half - 0.9, 4.0, 0.12, parts.RED),
    ):
        yield Cylinder((x, -6, z), (x, DEPTH, z), radius, finish)
    yield Cylinder((-half, DEPTH - 0.5, 4.9), (half, DEPTH - 0.5, 4.9), 0.22, parts.SILVER)
    yield on_wall(signs.exit_sign(), -0.5, 3.2, 1.0, DEPTH - 0.02, glow=0.5)
    yield Box((0, DEPTH, 1.15), (1.5, 0.1, 2.3), parts.BLUE)


def _seen(shapes: list[Shape]) -> Scene:
    return Scene(Camera((0.5, -4.6, 1.75), (-0.15, 6.0, 1.55), 72, PTZ), tuple(shapes), SUNNY)


def boilers() -> Scene:
    """Two shell boilers with their burners, steam pipes and flues."""
    shapes = list(_hall(CREAM))
    shell = parts.worn_finish((0.30, 0.42, 0.50))
    for x in (-3.6, 3.6):
        shapes += [Cylinder((x, 2.2, 1.75), (x, 9.0, 1.75), 1.4, shell)]
        shapes += [parts.disc((x, y, 1.75), (0.0, 1.0, 0.0), 1.43, 0.1, parts.SILVER) for y in (2.25, 4.5, 6.8, 8.9)]
        shapes += [
            Cylinder((x, 1.3, 1.35), (x, 2.2, 1.35), 0.42, parts.RED),
            Box((x, 1.2, 1.35), (0.8, 0.5, 0.75), parts.RED),
        ]
        shapes += [parts.disc((x, 2.16, 2.45), (0.0, 1.0, 0.0), 0.16, 0.1, parts.WHITE)]
        shapes += [Box((x, y, 0.25), (2.2, 0.5, 0.5), parts.CONCRETE) for y in (3.2, 7.8)]
        shapes += parts.pipe([(x, 4.0, 3.1), (x, 4.0, 4.6), (x, 14.0, 4.6)], 0.16, parts.SILVER)
        shapes += [Cylinder((x, 7.8, 3.0), (x, 7.8, HIGH), 0.45, parts.SILVER)]
        shapes += parts.flange((x, 4.0, 3.5), (0.0, 0.0, 1.0), 0.3, parts.STEEL)
        shapes += [Box((x * 0.56, 1.6, 0.9), (0.5, 0.4, 1.8), parts.GREY)]
    return _seen(shapes)


def pumps() -> Scene:
    """A row of pump sets on each side of the walkway."""
    shapes = list(_hall(PALE))
    for y, drive in ((1.6, parts.BLUE), (4.6, parts.BLUE), (7.6, parts.BLUE)):
        shapes += parts.pump_set((-3.3, y, 0.0), drive=drive)
        shapes += parts.pipe([(-4.15, y, 1.7), (-4.15, y, 3.3), (-4.15, 14.5, 3.3)], 0.14, parts.GREEN)
    for y in (3.0, 6.6):
        shapes += parts.pump_set((3.7, y, 0.0), body=parts.GREY)
        shapes += parts.pipe([(2.85, y, 1.7), (2.85, y, 2.9), (2.85, 14.5, 2.9)], 0.14, parts.SILVER)
    return _seen(shapes)


def compressors() -> Scene:
    """Packaged compressors with louvres, and air receivers."""
    shapes = list(_hall(SLATE))
    case = parts.worn_finish((0.55, 0.50, 0.36))
    for y in (1.8, 5.4, 9.0):
        shapes += [Box((-3.6, y, 1.1), (2.4, 2.6, 2.0), case), Box((-3.6, y, 0.06), (2.5, 2.7, 0.12), parts.DARK)]
        shapes += [Box((-2.38, y - 0.4, 1.35 + 0.09 * i), (0.05, 1.1, 0.035), parts.DARK) for i in range(6)]
        shapes += [
            Box((-2.38, y + 0.8, 1.5), (0.05, 0.45, 0.5), parts.BLACK),
            Box((-3.6, y - 1.31, 1.2), (1.5, 0.03, 1.2), parts.DARK),
        ]
        shapes += parts.pipe([(-3.6, y, 2.1), (-3.6, y, 3.4), (-4.6, y, 3.4)], 0.12, parts.SILVER)
    for y in (2.8, 6.0, 9.2):
        shapes += parts.vessel((3.7, y, 0.0), 0.85, 2.9, parts.BLUE)
        shapes += parts.pipe([(2.6, y, 0.8), (2.0, y, 0.8), (2.0, y, 4.2)], 0.08, parts.SILVER)
    return _seen(shapes)


def switchgear() -> Scene:
    """Two rows of switchboard panels with meters, handles and signal lamps."""
    shapes = list(_hall(CREAM))
    case = Finish((0.50, 0.53, 0.55), 0.2, paint=worn((0.55, 0.58, 0.60), amount=0.06))
    green, red = Finish((0.1, 0.9, 0.3), 0.0, 0.9), Finish((1.0, 0.12, 0.08), 0.0, 0.9)
    for side in (-1, 1):
        for i in range(8):
            x, y = side * 3.2, 0.9 + 1.2 * i
            face = x - side * 0.61
            shapes += [Box((x, y, 1.25), (1.2, 1.17, 2.4), case), Box((x, y, 0.06), (1.22, 1.2, 0.12), parts.BLACK)]
            shapes += [
                Box((face, y, 1.9), (0.03, 0.6, 0.34), parts.BLACK),
                Box((face, y + 0.42, 1.2), (0.06, 0.05, 0.3), parts.BLACK),
            ]
            shapes += [Box((face, y, 0.55), (0.02, 0.8, 0.5), parts.GREY)]
            shapes += [Sphere((face, y - 0.2 + 0.13 * j, 1.55), 0.04, green if j != i % 7 else red) for j in range(3)]
        shapes += [Box((side * 3.2, 5.1, 3.1), (0.7, 10.5, 0.1), parts.DARK)]
    return _seen(shapes)


def tanks() -> Scene:
    """Rows of storage tanks with ladders and a bund wall."""
    shapes = list(_hall(PALE, width=17.0))
    shell = parts.worn_finish((0.62, 0.63, 0.61))
    for x in (-4.6, 4.6):
        for y in (2.6, 7.4, 12.0):
            shapes += parts.vessel((x, y, 0.0), 1.9, 4.0, shell)
            inner = x * 0.58
            shapes += [Cylinder((inner, y + d, 0.2), (inner, y + d, 4.5), 0.03, parts.YELLOW) for d in (-0.2, 0.2)]
            shapes += [
                Cylinder((inner, y - 0.2, 0.4 + 0.3 * i), (inner, y + 0.2, 0.4 + 0.3 * i), 0.02, parts.YELLOW)
                for i in range(14)
            ]
        shapes += [Box((x * 0.45, 5.5, 0.25), (0.18, 15.0, 0.5), parts.CONCRETE)]
        shapes += [Cylinder((x * 0.5, -3, 0.75), (x * 0.5, 14, 0.75), 0.1, parts.GREEN)]
    return _seen(shapes)


def corridor() -> Scene:
    """A long corridor with doors, pipes and handrails."""
    shapes = list(_hall(CREAM, width=5.2))
    for y in (1.0, 5.0, 9.5):
        for side in (-1, 1):
            shapes += [Box((side * 2.58, y, 1.05), (0.1, 1.0, 2.1), parts.BLUE if side < 0 else parts.GREY)]
            shapes += [Box((side * 2.52, y + 0.38, 1.05), (0.06, 0.05, 0.2), parts.SILVER)]
    for side in (-1, 1):
        shapes += [Cylinder((side * 2.45, -6, 0.95), (side * 2.45, 15, 0.95), 0.03, parts.YELLOW)]
    shapes += [Cylinder((2.42, 3.2, 0.74), (2.42, 3.2, 1.3), 0.1, parts.RED)]
    return _seen(shapes)


BUILDERS: dict[str, Callable[[], Scene]] = {
    "boiler": boilers,
    "pump": pumps,
    "compressor": compressors,
    "switch": switchgear,
    "tank": tanks,
    "corridor": corridor,
}


def overview_named(label: str) -> str:
    """Which hall a label speaks of; the pump hall when it names none."""
    words = label.lower().replace("gallery", "corridor")
    return next((word for word in BUILDERS if word in words), "pump")
