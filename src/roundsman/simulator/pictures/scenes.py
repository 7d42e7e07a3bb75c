"""The scenes that are drawn: what stands where, which lamps burn, from where it is looked at."""

import math
import random
from collections.abc import Iterator, Sequence

from roundsman.simulator.pictures import parts, signs
from roundsman.simulator.pictures.raytrace import Camera, Light, Scene
from roundsman.simulator.pictures.shapes import Box, Cylinder, Finish, Room, Shape, Sphere, Vector
from roundsman.simulator.pictures.textures import hall, poster, stripes, worn

CREAM, PALE, SLATE = (0.60, 0.59, 0.52), (0.55, 0.60, 0.62), (0.36, 0.41, 0.45)
FLOOR = (0.34, 0.34, 0.33)
PTZ = (1024, 576)
LAMPS = (
    Light((-1.6, -1.2, 4.4), 11.0, radius=0.6),
    Light((2.6, 1.6, 4.4), 7.0, radius=0.6),
    Light((0.0, -5.0, 2.0), 2.4, (0.9, 0.95, 1.0), casts=False),
)


def room(wall: Vector = CREAM, *, width: float = 13.0, back: float = 4.0, high: float = 4.8) -> Iterator[Shape]:
    """The hall itself."""
    paint = hall(wall, FLOOR)
    yield Room((-width / 2, -7.0, 0.0), (width / 2, back, high), Finish(wall, 0.06, paint=paint))


def pipework(back: float = 4.0) -> Iterator[Shape]:
    """Pipes, trays and columns along the back wall."""
    y = back - 0.35
    for z, radius, finish in ((3.35, 0.16, parts.SILVER), (2.9, 0.10, parts.GREEN), (2.62, 0.07, parts.YELLOW)):
        yield Cylinder((-7, y, z), (7, y, z), radius, finish)
    for x in (-5.2, -2.6, 0.2, 3.1, 5.6):
        yield Box((x, y + 0.15, 2.95), (0.08, 0.5, 1.15), parts.DARK)
    yield from parts.pipe([(-3.7, y, 2.9), (-3.7, y - 0.3, 2.9), (-3.7, y - 0.3, 0.0)], 0.10, parts.GREEN)
    yield from parts.pipe([(4.2, y, 3.35), (4.2, y - 0.4, 3.35), (4.2, y - 0.4, 0.0)], 0.16, parts.SILVER)
    yield from parts.flange((4.2, y - 0.4, 1.5), (0.0, 0.0, 1.0), 0.27, parts.STEEL)
    yield Box((0, y - 0.15, 3.95), (14, 0.5, 0.09), parts.GREY)
    for x in (-5.0, 1.4):
        yield Box((x, back - 0.15, 2.4), (0.32, 0.3, 4.8), parts.GREY)
        yield Box((x, back - 0.16, 0.6), (0.34, 0.32, 1.2), parts.HAZARD)


def pump_scene() -> Scene:
    """A pump set on the floor of a hall."""
    shapes = [*room(PALE), *pipework(), *parts.pump_set((0.15, 1.1, 0.0))]
    shapes += parts.pipe([(-1.2, 1.1, 0.95), (-2.6, 1.1, 0.95), (-2.6, 3.2, 0.95)], 0.2, parts.GREEN)
    shapes += parts.pipe([(-0.7, 1.1, 1.6), (-0.7, 1.1, 2.3), (-0.7, 3.4, 2.3)], 0.15, parts.GREEN)
    shapes += parts.lamps(4.6, [(-2.4, 2.0), (2.2, 2.0)])
    return Scene(Camera((0.9, -3.4, 1.55), (-0.1, 1.1, 0.72), 62, PTZ), tuple(shapes), LAMPS)


def vessel_scene() -> Scene:
    """The lower part of a vessel with a manway, a nozzle and a valve."""
    shell = parts.worn_finish((0.50, 0.53, 0.54))
    shapes = [*room(CREAM), *pipework(), *parts.vessel((0.4, 2.3, 0.0), 1.55, 3.4, shell)]
    shapes += parts.manway((0.25, 0.62, 1.25), (-0.1, -0.995, 0.0), 0.46, parts.worn_finish((0.26, 0.33, 0.36)))
    shapes += parts.pipe([(1.75, 1.5, 0.75), (2.7, 1.1, 0.75), (6.4, 1.1, 0.75)], 0.13, shell)
    shapes += parts.valve((3.5, 1.1, 0.75), 0.13, parts.GREEN)
    shapes += parts.pipe([(-1.0, 1.7, 2.2), (-2.4, 1.7, 2.2), (-2.4, 1.7, 0.0)], 0.09, shell)
    shapes += parts.flange((-1.5, 1.7, 2.2), (1.0, 0.0, 0.0), 0.16, shell)
    shapes += parts.lamps(4.6, [(-2.4, 1.0), (2.6, 1.0)])
    return Scene(Camera((-0.5, -2.7, 1.5), (0.45, 1.1, 1.15), 62, PTZ), tuple(shapes), LAMPS)


def valve_scene() -> Scene:
    """A lagged pipe with flanges and a gate valve at chest height."""
    shapes = [*room(PALE), *pipework()]
    shapes += [Cylinder((-7, 1.2, 1.25), (-1.35, 1.2, 1.25), 0.27, parts.SILVER)]
    shapes += [Cylinder((1.5, 1.2, 1.25), (7, 1.2, 1.25), 0.27, parts.SILVER)]
    shapes += [Cylinder((-7, 1.2, 1.25), (7, 1.2, 1.25), 0.17, parts.GREY)]
    shapes += [*parts.flange((-1.05, 1.2, 1.25), (1.0, 0.0, 0.0), 0.33, parts.STEEL)]
    shapes += [*parts.valve((0.2, 1.2, 1.25), 0.19, parts.BLUE)]
    for x in (-2.3, 2.5):
        shapes += [Box((x, 1.2, 0.5), (0.12, 0.3, 1.0), parts.DARK), Box((x, 1.2, 1.0), (0.4, 0.4, 0.08), parts.DARK)]
    shapes += parts.pipe([(3.0, 1.2, 1.25), (3.0, 1.2, 3.0), (3.0, 3.6, 3.0)], 0.08, parts.SILVER)
    shapes += parts.lamps(4.6, [(-2.4, 2.0), (2.2, 2.0)])
    return Scene(Camera((0.75, -1.75, 1.9), (0.05, 1.2, 1.48), 62, PTZ), tuple(shapes), LAMPS)


def on_wall(picture: signs.Picture, left: float, top: float, width: float, y: float, *, glow: float = 0.0) -> Shape:
    """A picture on a wall that faces the viewer, its top left corner at `left`, `top`."""
    height = width * picture.shape[0] / picture.shape[1]
    paint = poster(picture, left, top, width, (0.2, 0.2, 0.2))
    finish = Finish((0.8, 0.8, 0.8), 0.05, glow, paint)
    return Box((left + width / 2, y - 0.015, top - height / 2), (width, 0.03, height), finish)


def _door_leaf(hinge: Vector, width: float, height: float, angle_rad: float, finish: Finish) -> Iterator[Shape]:
    """A door that swings towards the viewer, hinged at its left edge, with a handle and a kick plate."""
    along = (math.cos(angle_rad), -math.sin(angle_rad))

    def spot(right: float, out: float, up: float) -> Vector:
        return hinge[0] + along[0] * right + along[1] * out, hinge[1] + along[1] * right - along[0] * out, up

    yield Box(spot(width / 2, 0.0, height / 2 + 0.02), (width, 0.06, height), finish, -angle_rad)
    yield Box(spot(width / 2, 0.035, 0.16), (width * 0.94, 0.02, 0.24), parts.STEEL, -angle_rad)
    yield Box(spot(width * 0.9, 0.04, 1.05), (0.07, 0.03, 0.26), parts.STEEL, -angle_rad)
    yield Cylinder(spot(width * 0.9, 0.09, 1.08), spot(width * 0.78, 0.09, 1.08), 0.018, parts.SILVER)


def _frame(x: float, y: float, width: float, height: float, finish: Finish) -> Iterator[Shape]:
    yield Box((x, y + 0.03, height / 2), (width, 0.04, height), parts.BLACK)
    for side in (-1, 1):
        yield Box((x + side * (width / 2 + 0.05), y, height / 2), (0.10, 0.16, height), finish)
    yield Box((x, y, height + 0.05), (width + 0.2, 0.16, 0.10), finish)


def door_scene(step: int) -> Scene:
    """A battery room's door, shut at step 0 and wide open at the last."""
    y = 2.6
    shapes = [*room(CREAM, back=y + 0.06), *_frame(0.0, y, 1.1, 2.15, parts.GREY)]
    shapes += _door_leaf((-0.55, y - 0.06, 0.0), 1.1, 2.13, math.radians(78) * step / (STEPS - 1), parts.BLUE)
    shapes += [on_wall(signs.warning_sign("BATTERY ROOM"), 0.95, 1.95, 0.46, y)]
    shapes += [on_wall(signs.plate("KEEP CLOSED", (220, 60)), -0.36, 2.46, 0.72, y)]
    shapes += [
        Box((-1.6, y - 0.05, 1.3), (0.09, 0.06, 0.14), parts.WHITE),
        Cylinder((-2.6, y - 0.1, 0), (-2.6, y - 0.1, 4.8), 0.06, parts.GREY),
    ]
    shapes += [
        Box((2.4, y - 0.12, 1.4), (0.7, 0.24, 1.0), parts.GREY),
        Box((2.4, y - 0.25, 1.4), (0.62, 0.02, 0.92), parts.GREY),
    ]
    shapes += [Cylinder((2.4, y - 0.1, 1.9), (2.4, y - 0.1, 4.8), 0.035, parts.GREY), *parts.lamps(4.6, [(0.0, 1.0)])]
    shapes += [Cylinder((-7, y - 0.2, 3.0), (7, y - 0.2, 3.0), 0.11, parts.SILVER)]
    return Scene(Camera((0.75, -2.1, 1.5), (0.15, y, 1.18), 62, PTZ), tuple(shapes), LAMPS)


def exit_scene(step: int) -> Scene:
    """An emergency exit; ever more goods stand before it, until its sign is dark as well."""
    y = 3.0
    leaf = Finish((0.1, 0.35, 0.2), 0.3, paint=worn((0.10, 0.36, 0.21)))
    shapes = [*room(PALE, back=y + 0.06), *_frame(0.0, y, 1.9, 2.15, parts.GREY)]
    for hinge in (-0.95, 0.005):
        shapes += [Box((hinge + 0.4725, y - 0.02, 1.08), (0.935, 0.06, 2.13), leaf)]
        shapes += [Box((hinge + 0.4725, y - 0.1, 1.02), (0.8, 0.05, 0.07), parts.SILVER)]
        shapes += [Box((hinge + 0.4725, y - 0.055, 1.62), (0.3, 0.02, 0.55), parts.BLACK)]
    shapes += [on_wall(signs.exit_sign(), -0.46, 2.86, 0.92, y - 0.05, glow=0.62 if step < STEPS - 2 else 0.0)]
    shapes += [Box((0, y, 2.63), (1.0, 0.1, 0.56), parts.DARK)]
    shapes += [Box((side * 1.15, y - 1.3, 0.003), (0.1, 2.8, 0.006), parts.YELLOW) for side in (-1, 1)]
    shapes += goods(step, y - 0.95)
    shapes += [Cylinder((-7, y - 0.2, 3.3), (7, y - 0.2, 3.3), 0.11, parts.GREEN), *parts.lamps(4.6, [(0.0, 0.0)])]
    return Scene(Camera((0.7, -2.6, 1.55), (0.1, y, 1.2), 60, PTZ), tuple(shapes), LAMPS)


def goods(step: int, y: float) -> Iterator[Shape]:
    """What people leave where it should be clear: cartons, a pallet, a drum; more with every step."""
    pile: list[Sequence[Shape]] = [
        [Box((-0.72, y, 0.2), (0.5, 0.42, 0.4), parts.CARTON, 0.2)],
        [Box((-0.66, y, 0.57), (0.42, 0.36, 0.34), parts.CARTON, -0.25)],
        [Cylinder((0.75, y, 0.0), (0.75, y, 0.9), 0.29, parts.BLUE)]
        + [parts.disc((0.75, y, z), (0.0, 0.0, 1.0), 0.305, 0.03, parts.BLUE) for z in (0.02, 0.3, 0.6, 0.9)],
        [*parts.pallet((0.02, y - 0.3, 0.0))],
        [Box((-0.2, y - 0.3, 0.46), (0.52, 0.5, 0.62), parts.CARTON, 0.06)],
        [Box((0.34, y - 0.32, 0.4), (0.46, 0.5, 0.5), parts.CARTON, -0.1)],
        [Box((-0.05, y - 0.3, 0.99), (0.55, 0.46, 0.44), parts.CARTON, 0.3)],
    ]
    for shapes in pile[:step]:
        yield from shapes


def extinguisher_scene(step: int) -> Scene:
    """A fire extinguisher at the wall; first it is hidden by goods, at the last steps it is gone."""
    y = 2.4
    shapes = [*room(CREAM, back=y), on_wall(signs.extinguisher_sign(), -0.2, 2.12, 0.40, y)]
    shapes += [on_wall(signs.plate("POINT 4", (150, 44)), -0.15, 1.68, 0.30, y)]
    shapes += [
        Box((0, y - 0.02, 1.0), (0.16, 0.04, 0.7), parts.GREY),
        Box((0, y - 0.06, 0.72), (0.2, 0.12, 0.03), parts.GREY),
    ]
    if step < STEPS - 2:
        shapes += extinguisher((0.0, y - 0.17, 0.74))
    shapes += [shape for shape in goods(max(0, step - 1), y - 0.75) if shape.finish is parts.CARTON][:4]
    shapes += [
        Box(
            (0, y - 0.5, 0.003),
            (1.3, 1.0, 0.006),
            Finish((0.5, 0.06, 0.04), 0.1, paint=stripes((0.5, 0.05, 0.04), (0.7, 0.7, 0.68), width_m=0.2)),
        )
    ]
    shapes += [
        Cylinder((1.6, y - 0.1, 0), (1.6, y - 0.1, 4.8), 0.07, parts.RED),
        *parts.flange((1.6, y - 0.1, 1.1), (0.0, 0.0, 1.0), 0.13, parts.RED),
    ]
    shapes += [Box((-1.7, y - 0.12, 2.4), (0.3, 0.24, 4.8), parts.GREY), *parts.lamps(4.6, [(0.0, 0.0)])]
    return Scene(Camera((0.5, -1.35, 1.45), (0.02, y, 1.0), 60, PTZ), tuple(shapes), LAMPS)


def extinguisher(foot: Vector) -> Iterator[Shape]:
    """A fire extinguisher with its valve, handle, hose and label."""
    x, y, z = foot
    label = poster(
        signs.plate("FOAM 6 L", (180, 120), back=(240, 238, 228)), x - 0.075, z + 0.40, 0.15, (0.52, 0.03, 0.02)
    )
    yield Cylinder((x, y, z), (x, y, z + 0.52), 0.115, Finish((0.5, 0.03, 0.02), 0.8, paint=label))
    yield Sphere((x, y, z + 0.52), 0.115, parts.RED, 0.6)
    yield Cylinder((x, y, z + 0.55), (x, y, z + 0.66), 0.035, parts.STEEL)
    yield Box((x + 0.05, y, z + 0.68), (0.19, 0.035, 0.022), parts.BLACK)
    yield Box((x + 0.05, y, z + 0.635), (0.16, 0.035, 0.02), parts.BLACK)
    yield parts.disc((x, y - 0.04, z + 0.61), (0.0, 1.0, 0.0), 0.028, 0.02, parts.WHITE)
    hose: list[Vector] = [
        (x - 0.02, y, z + 0.62),
        (x - 0.13, y - 0.02, z + 0.58),
        (x - 0.17, y - 0.03, z + 0.42),
        (x - 0.16, y - 0.04, z + 0.14),
    ]
    yield from parts.pipe(hose, 0.016, parts.BLACK)
    yield Cylinder(hose[-1], (x - 0.155, y - 0.04, z + 0.02), 0.026, parts.BLACK)


def conveyor_scene(step: int) -> Scene:
    """A belt conveyor with gravel on it; its belt creeps off the rollers and more and more gravel lies beside it."""
    off = 0.22 * step / (STEPS - 1)
    shapes = [*room(PALE), *pipework(), Box((0, 1.2 - off, 1.0), (9.0, 0.95, 0.05), parts.BLACK)]
    shapes += [Box((0, 1.2 + side * 0.62, 0.86), (9.0, 0.08, 0.2), parts.YELLOW) for side in (-1, 1)]
    for i in range(-4, 5):
        shapes += [Cylinder((i * 0.9, 0.6, 0.9), (i * 0.9, 1.8, 0.9), 0.07, parts.STEEL)]
        if i % 2 == 0:
            shapes += [Box((i * 0.9, 1.2 + side * 0.6, 0.4), (0.1, 0.1, 0.8), parts.YELLOW) for side in (-1, 1)]
    stone = Finish((0.3, 0.27, 0.23), 0.05, paint=worn((0.34, 0.30, 0.25), amount=0.6, size_m=0.4))
    dice = random.Random(5)
    shapes += [
        Sphere((dice.uniform(-4, 4), 1.2 - off + dice.gauss(0, 0.16), 1.05), dice.uniform(0.08, 0.16), stone, 0.7)
        for _ in range(46)
    ]
    spilt = [
        (dice.gauss(0.1, 0.75), 0.25 - abs(dice.gauss(0, 0.28)), dice.uniform(0.05, 0.15)) for _ in range(STEPS * 9)
    ]
    shapes += [Sphere((x, y, r * 0.4), r, stone, 0.7) for x, y, r in spilt[: step * 9]]
    shapes += parts.lamps(4.6, [(-2.4, 2.0), (2.2, 2.0)])
    return Scene(Camera((1.7, -2.7, 1.9), (0.0, 1.0, 0.75), 62, PTZ), tuple(shapes), LAMPS)


STEPS = 8
"""In how many steps a stepped scene goes from good to bad."""
SMOOTH = {"pump": pump_scene, "vessel": vessel_scene, "valve": valve_scene}
STEPPED = {"door": door_scene, "exit": exit_scene, "extinguisher": extinguisher_scene, "conveyor": conveyor_scene}
