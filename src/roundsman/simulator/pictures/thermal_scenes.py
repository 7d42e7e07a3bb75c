"""The scenes of the thermal camera: shapes, how warm each runs, and where the hot spot is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from roundsman.simulator.pictures import overviews, parts
from roundsman.simulator.pictures.raytrace import Camera, Scene
from roundsman.simulator.pictures.scenes import LAMPS, PALE, pipework, room
from roundsman.simulator.pictures.shapes import Box, Cylinder, Shape, Vector

SIZE = (640, 512)


@dataclass(frozen=True, slots=True)
class WarmScene:
    """A scene with its temperatures. `warm_k`: kelvin above the hall by index of the shape; `conducting`: shapes that
    lead the heat of the spot well, so that it reaches `reach_m` in them."""

    scene: Scene
    warm_k: dict[int, float]
    spot: Vector
    conducting: frozenset[int]
    reach_m: float


class _Stack:
    """Shapes as they are added, with how warm they run and whether the hot spot heats them."""

    def __init__(self) -> None:
        self.shapes: list[Shape] = []
        self.warm_k: dict[int, float] = {}
        self.conducting: set[int] = set()

    def add(self, shapes: Sequence[Shape], warm_k: float = 0.0, *, conducting: bool = False) -> None:
        """Adds shapes of one temperature."""
        first = len(self.shapes)
        self.shapes += shapes
        indices = range(first, len(self.shapes))
        self.warm_k |= dict.fromkeys(indices, warm_k)
        if conducting:
            self.conducting |= set(indices)

    def scene(self, camera: Camera, spot: Vector, reach_m: float) -> WarmScene:
        """The finished scene."""
        drawn = Scene(camera, tuple(self.shapes), LAMPS)
        return WarmScene(drawn, self.warm_k, spot, frozenset(self.conducting), reach_m)


def _hall() -> _Stack:
    stack = _Stack()
    stack.add([*room(PALE)])
    stack.add([*pipework()], 2.0)
    return stack


def _pump_with(spot: Vector, reach_m: float, target: Vector, fov_deg: float) -> WarmScene:
    stack = _hall()
    y, z = 1.1, 0.95
    stack.add(
        [Box((0.15, y, 0.15), (3.5, 1.25, 0.3), parts.CONCRETE), Box((0.15, y, 0.36), (3.2, 0.95, 0.12), parts.GREY)],
        1.0,
    )
    stack.add([*parts.pump((-0.7, y, z), 0.44, parts.GREEN)], 6.0, conducting=True)
    stack.add(parts_pipes(y, z), 4.0)
    stack.add([Box((0.23, y, z - 0.12), (0.46, 0.42, 0.66), parts.YELLOW)], 3.0)
    stack.add([*parts.motor((0.57, y, z), 1.1, 0.38, parts.BLUE)], 13.0, conducting=True)
    return stack.scene(Camera((0.6, -2.5, 1.6), target, fov_deg, SIZE), spot, reach_m)


def parts_pipes(y: float, z: float) -> list[Shape]:
    """Suction and discharge pipe of the pump."""
    suction = parts.pipe([(-1.2, y, z), (-2.6, y, z), (-2.6, 3.2, z)], 0.2, parts.GREEN)
    return [*suction, *parts.pipe([(-0.7, y, 1.6), (-0.7, y, 2.3), (-0.7, 3.4, 2.3)], 0.15, parts.GREEN)]


def bearing() -> WarmScene:
    """A pump whose drive-end bearing runs hot."""
    return _pump_with((-0.02, 0.88, 0.98), 0.24, (0.0, 1.1, 0.9), 50)


def motor() -> WarmScene:
    """A motor whose winding runs hot."""
    return _pump_with((1.1, 0.72, 1.0), 0.42, (0.5, 1.1, 0.9), 52)


def flange() -> WarmScene:
    """A hot pipe that leaks heat at a flange beside a valve."""
    stack = _hall()
    stack.add([Cylinder((-7, 1.2, 1.25), (-1.35, 1.2, 1.25), 0.27, parts.SILVER)], 7.0)
    stack.add([Cylinder((1.5, 1.2, 1.25), (7, 1.2, 1.25), 0.27, parts.SILVER)], 7.0)
    stack.add([Cylinder((-1.4, 1.2, 1.25), (1.6, 1.2, 1.25), 0.17, parts.GREY)], 22.0, conducting=True)
    stack.add([*parts.flange((-0.85, 1.2, 1.25), (1.0, 0.0, 0.0), 0.33, parts.STEEL)], 20.0, conducting=True)
    stack.add([*parts.valve((0.3, 1.2, 1.25), 0.19, parts.BLUE)], 17.0, conducting=True)
    return stack.scene(Camera((0.6, -1.6, 1.8), (-0.1, 1.2, 1.4), 52, SIZE), (-0.82, 0.93, 1.38), 0.36)


def busbar() -> WarmScene:
    """Three phases on insulators in an open cubicle, one joint hotter than the others."""
    stack = _hall()
    stack.add([Box((0, 1.75, 1.4), (2.6, 0.08, 2.8), parts.GREY)], 1.2)
    for side in (-1, 1):
        stack.add([Box((side * 1.3, 1.3, 1.4), (0.08, 0.95, 2.8), parts.GREY)], 1.0)
    stack.add(
        [Box((0, 1.4, 2.45), (2.4, 0.1, 0.12), parts.SILVER), Box((0, 1.4, 0.4), (2.4, 0.3, 0.6), parts.DARK)], 2.5
    )
    for x in (-0.72, 0.0, 0.72):
        hot = x == 0.0
        stack.add([Box((x, 1.3, 1.55), (0.17, 0.05, 1.7), parts.STEEL)], 5.0 if hot else 4.0, conducting=hot)
        stack.add([Box((x, 1.24, 1.45), (0.24, 0.07, 0.3), parts.STEEL)], 6.5, conducting=hot)
        bolts = [
            parts.disc((x + dx, 1.19, 1.45 + dz), (0.0, 1.0, 0.0), 0.032, 0.06, parts.DARK)
            for dx in (-0.07, 0.07)
            for dz in (-0.08, 0.08)
        ]
        stack.add(bolts, 6.0, conducting=hot)
        for z in (0.95, 2.05):
            stack.add(
                [
                    parts.disc((x, y, z), (0.0, 1.0, 0.0), r, 0.05, parts.RED)
                    for y, r in ((1.42, 0.11), (1.5, 0.085), (1.58, 0.11), (1.66, 0.085))
                ],
                1.6,
            )
        stack.add([*parts.pipe([(x, 1.3, 0.8), (x, 1.28, 0.2)], 0.075, parts.BLACK)], 3.4, conducting=hot)
    return stack.scene(Camera((0.35, -1.6, 1.65), (0.0, 1.3, 1.45), 50, SIZE), (0.02, 1.2, 1.47), 0.30)


def transformer() -> WarmScene:
    """A transformer with radiators and three bushings, one of them hot at its clamp."""
    stack = _hall()
    stack.add([Box((0, 1.7, 1.0), (2.3, 1.2, 1.6), parts.GREY)], 12.0)
    stack.add([Box((-1.05 + 0.21 * i, 0.95, 1.0), (0.05, 0.35, 1.3), parts.GREY) for i in range(11)], 8.5)
    stack.add([Cylinder((-0.9, 2.1, 2.25), (0.9, 2.1, 2.25), 0.22, parts.GREY)], 9.0)
    for x in (-0.7, 0.0, 0.7):
        hot = x > 0.5
        skirts = [
            parts.disc((x, 1.4, 1.86 + 0.09 * i), (0.0, 0.0, 1.0), 0.13 if i % 2 else 0.085, 0.07, parts.RED)
            for i in range(7)
        ]
        stack.add(skirts, 5.0, conducting=hot)
        stack.add(
            [
                Cylinder((x, 1.4, 2.45), (x, 1.4, 2.66), 0.05, parts.STEEL),
                Box((x, 1.4, 2.6), (0.16, 0.1, 0.08), parts.STEEL),
            ],
            7.0,
            conducting=hot,
        )
        stack.add([*parts.pipe([(x, 1.4, 2.62), (x, 1.8, 3.1), (x, 3.6, 3.4)], 0.03, parts.BLACK)], 4.0, conducting=hot)
    return stack.scene(Camera((0.3, -2.4, 1.9), (0.05, 1.5, 1.85), 52, SIZE), (0.7, 1.34, 2.6), 0.24)


def steam_trap() -> WarmScene:
    """A steam trap below a header: hot before it and, when it blows through, after it as well."""
    stack = _hall()
    stack.add([*parts.pipe([(-7, 1.4, 2.1), (7, 1.4, 2.1)], 0.2, parts.SILVER)], 14.0)
    stack.add(
        [
            *parts.pipe(
                [(-0.9, 1.4, 2.1), (-0.9, 1.4, 1.1), (0.9, 1.4, 1.1), (0.9, 1.4, 0.3), (6.0, 1.4, 0.3)],
                0.075,
                parts.STEEL,
            )
        ],
        16.0,
        conducting=True,
    )
    stack.add(
        [
            Cylinder((-0.28, 1.4, 1.1), (0.28, 1.4, 1.1), 0.17, parts.STEEL),
            *parts.flange((-0.34, 1.4, 1.1), (1.0, 0.0, 0.0), 0.2, parts.STEEL),
            *parts.flange((0.34, 1.4, 1.1), (1.0, 0.0, 0.0), 0.2, parts.STEEL),
        ],
        18.0,
        conducting=True,
    )
    return stack.scene(Camera((0.4, -1.2, 1.5), (0.0, 1.4, 1.3), 54, SIZE), (0.0, 1.22, 1.12), 0.5)


def hall() -> WarmScene:
    """A hall with pumps, one motor the warmest."""
    scene = overviews.pumps()
    warm_k = dict.fromkeys(range(1, len(scene.shapes)), 3.0)
    warm_k |= {i: 9.0 for i, shape in enumerate(scene.shapes) if shape.finish is parts.BLUE}
    camera = Camera(scene.camera.eye, scene.camera.target, 60, SIZE)
    blue = frozenset(i for i, shape in enumerate(scene.shapes) if shape.finish is parts.BLUE)
    return WarmScene(Scene(camera, scene.shapes, scene.lights), warm_k, (-2.4, 1.3, 1.1), blue, 0.5)


BUILDERS: dict[str, Callable[[], WarmScene]] = {
    "bearing": bearing,
    "motor": motor,
    "flange": flange,
    "steam_trap": steam_trap,
    "busbar": busbar,
    "switchgear": busbar,
    "transformer": transformer,
    "hall": hall,
}


def scene_named(name: str) -> str:
    """The scene of that name; the hall when there is none."""
    return name if name in BUILDERS else "hall"
