"""The site's walks as plain data: which items are inspected in which order, by which sensors."""

from dataclasses import dataclass

from roundsman.simulator.world.plant import ITEMS, Item, ItemKind

SENSORS: dict[ItemKind, tuple[str, ...]] = {
    "gauge": ("spot-cam-ptz", "gauge-reader"),
    "thermal": ("spot-cam-ir",),
    "acoustic": ("leak-source",),
    "inspection": ("spot-cam-ptz", "visual-inspection"),
    "picture": ("spot-cam-ptz",),
}
"""What an action on such an item acquires."""


@dataclass(frozen=True, slots=True)
class WalkPlan:
    """One round: its name and the items in order."""

    name: str
    items: tuple[Item, ...]


def _plan(name: str, *item_names: str) -> WalkPlan:
    known = {item.name: item for item in ITEMS}
    return WalkPlan(name, tuple(known[item] for item in item_names))


WALKS = (
    _plan(
        "Boiler house round",
        "Emergency exit west",
        "Boiler 1 steam pressure",
        "Boiler house overview",
        "Boiler 2 steam pressure",
        "Boiler house floor",
        "Boiler 2 burner flange",
        "Steam header valve V-101",
        "Boiler 1 burner flange",
        "Feedwater temperature",
    ),
    _plan(
        "Pump room round",
        "Feed pump discharge pressure",
        "Pump room overview",
        "Pump 2 suction pressure",
        "Pump 1 drive-end bearing",
        "Pump 2 drive-end bearing",
        "Pump room floor",
        "Pump 1 motor",
        "Pump 1 mechanical seal",
        "Cooling water supply temperature",
        "Strainer housing",
    ),
    _plan(
        "Compressor and leak survey",
        "Main corridor",
        "Compressor 1 oil pressure",
        "Compressor hall overview",
        "Air receiver pressure",
        "Air header flange F-7",
        "Compressor 2 outlet temperature",
        "Dryer drain valve",
        "Hose reel coupling",
        "Compressor 1 motor",
    ),
    _plan(
        "Switchgear thermography",
        "Switchgear overview",
        "Feeder 1 busbar joint",
        "Feeder 2 busbar joint",
        "Feeder 3 cable lug",
        "Transformer T1 bushing",
        "Transformer T1 oil temperature",
        "Transformer T2 bushing",
        "Battery room door",
    ),
    _plan(
        "Tank farm perimeter",
        "Tank farm overview",
        "Tank T-301 level",
        "Tank T-302 level",
        "Bund wall east",
        "Nitrogen blanket pressure",
        "Tank T-301 manway",
        "Vapour return valve",
        "Transfer pump bearing",
        "Fire extinguisher point 4",
    ),
    _plan(
        "Cooling water round",
        "Main corridor",
        "Cooling water flow",
        "Strainer housing",
        "Circulation pump bearing",
        "Cooling water supply temperature",
        "Pump 1 mechanical seal",
        "Pump 2 suction pressure",
        "North gallery",
    ),
)
