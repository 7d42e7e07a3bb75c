"""What a capture measured, as a short list of named values: `[{"name", "units"?, "value"}]`.

No message of the robot is called a key result; they are read out of a capture's metadata, or of its content, by the
rules below, one per channel. `docs/key-results.md` tells users which.

Source: scout-api.md 3.2 (the shape), robot-link.md 4 (where the values are).
"""

import array
import fnmatch
import sys
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec

THERMAL_COLUMNS, THERMAL_ROWS = 640, 512
THERMAL_BYTES = THERMAL_COLUMNS * THERMAL_ROWS * 2
PGM_HEADER_BYTES_MAX = 64
KELVIN = 273.15

Values = list[dict[str, Any]]


class Rule(msgspec.Struct, frozen=True):
    """On channels that match `channel` (a shell pattern), `read` finds the key results in a metadata document."""

    channel: str
    read: Callable[[dict[str, Any]], Values]


def of_document(channel_name: str, document: str | bytes) -> Values:
    """The key results that one metadata document of a channel gives; empty when it gives none."""
    decoded = _members(msgspec.json.decode(document))
    for rule in RULES:
        if fnmatch.fnmatchcase(channel_name, rule.channel) and (found := rule.read(decoded)):
            return found
    return []


def of_content(file_extension: str, content: bytes | memoryview) -> Values:
    """The key results that a capture's bytes themselves give: the hottest point of a raw thermal picture."""
    if not is_thermal(file_extension, len(content)):
        return []
    hottest_c = hottest_decikelvin(content[-THERMAL_BYTES:]) / 10 - KELVIN
    return [value("Max temperature", round(hottest_c, 2), "°C")]


def is_thermal(file_extension: str, size_bytes: int) -> bool:
    """Whether a capture is a raw thermal picture: 640 × 512 numbers, as `.pgm` with a short header before them."""
    header_bytes = size_bytes - THERMAL_BYTES
    extension = file_extension.lower().lstrip(".")
    return (extension == "raw" and header_bytes == 0) or (
        extension == "pgm" and 0 < header_bytes <= PGM_HEADER_BYTES_MAX
    )


def hottest_decikelvin(pixels: bytes | memoryview) -> int:
    """The greatest of the big-endian 16-bit numbers, tenths of a kelvin. Source: robot-link.md 4."""
    numbers = array.array("H", bytes(pixels))
    if sys.byteorder == "little":
        numbers.byteswap()
    return max(numbers)


def value(name: str, number: object, units: object = None) -> dict[str, Any]:
    """One key result; `units` is left out where there are none."""
    return {"name": name, "units": units, "value": number} if units else {"name": name, "value": number}


def gauge(document: dict[str, Any]) -> Values:
    """A gauge reader's answer: `{"name", "value", "units"}`, also one level down."""
    for reading in (document, *map(_members, document.values())):
        number = _first(reading, "value", "reading", "gauge_value")
        if _is_number(number):
            return [value(str(_first(reading, "name", "label") or "Reading"), number, _first(reading, "units", "unit"))]
    return []


def leak(document: dict[str, Any]) -> Values:
    """An acoustic leak check: the loudness at its source and how far it stands out of the noise.

    Source: scout-api.md 3.2; the three names are the documented ones.
    """
    units = {"SPL At Source": "dB"}
    return [
        value(name, number, found_units or units.get(name))
        for name in ("SPL At Source", "SNR Value", "SNR Threshold")
        for number, found_units in [_measured(document.get(name))]
        if _is_number(number)
    ]


def signals(document: dict[str, Any]) -> Values:
    """Everything in a document that has the shape of a Signal, in any depth.

    Source: robot-link.md 4, `signal_spec.info.name`, `signal_spec.sensor.units.name`, `signal_data.data`.
    """
    return [found for signal in _signals(document) for found in _signal(signal)]


UNITS = {
    "TEMPERATURE_KELVIN": "K",
    "TEMPERATURE_CELSIUS": "°C",
    "TEMPERATURE_FAHRENHEIT": "°F",
    "PRESSURE_PSI": "psi",
    "PRESSURE_KPA": "kPa",
    "PRESSURE_BAR": "bar",
}
RULES = (
    Rule("leak-source*", leak),
    Rule("gauge-reader*", gauge),
    Rule("*", signals),
)


def _signals(node: object) -> Iterator[dict[str, Any]]:
    """Every mapping that holds both halves of a Signal."""
    members = _members(node)
    if _first(members, "signal_spec", "signalSpec") and _first(members, "signal_data", "signalData"):
        yield members
        return
    for inner in (*members.values(), *_items(node)):
        yield from _signals(inner)


def _signal(signal: dict[str, Any]) -> Values:
    """The value of one Signal; empty when it has none that a trend can show."""
    spec, data = _first(signal, "signal_spec", "signalSpec"), _first(signal, "signal_data", "signalData")
    name = _at(spec, "info", "name")
    number = next(iter(_values_of(_at(data, "data"))), None)
    if not name or number is None:
        return []
    return [value(str(name), number, _units(_at(spec, "sensor", "units")))]


def _units(units: object) -> str | None:
    """The units' name; bosdyn's Units has a free name or one of two enumerations."""
    named = units if isinstance(units, str) else _first(_members(units), "name", "temp", "press")
    return UNITS.get(str(named), str(named)) if named else None


def _values_of(data: object) -> Iterator[Any]:
    """The value of a SignalData.Data, which is a mapping with one of several members."""
    members = _members(data)
    yield from (members[name] for name in ("double", "int", "bool", "string", "value") if name in members)
    if data is not None and not members:
        yield data


def _measured(measurement: object) -> tuple[object, object]:
    """Number and units of `{"value": …, "units": …}` or of a bare number."""
    members = _members(measurement)
    return (members.get("value"), members.get("units")) if members else (measurement, None)


def _at(node: object, *names: str) -> Any:
    """What lies at a path of members; None where the path ends early."""
    for name in names:
        node = _members(node).get(name)
    return node


def _members(node: object) -> dict[str, Any]:
    """A mapping's members; none of anything else."""
    return cast("dict[str, Any]", node) if isinstance(node, dict) else {}


def _items(node: object) -> list[Any]:
    """A list's items; none of anything else."""
    return cast("list[Any]", node) if isinstance(node, list) else []


def _first(node: dict[str, Any], *names: str) -> Any:
    """The first of the named members that is there."""
    return next((node[name] for name in names if name in node), None)


def _is_number(number: object) -> bool:
    """Whether it is a number; a truth value is none."""
    return isinstance(number, int | float) and not isinstance(number, bool)
