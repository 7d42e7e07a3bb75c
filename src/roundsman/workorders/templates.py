r"""The template language of work orders: text with variables in braces.

`{anomaly}` is the whole anomaly as JSON text, `{anomaly.name}` one of its members, `{images}` its pictures as JSON
text, `{images[0].data}` the first of them in base64, `{user}` who makes the order. A brace that no letter follows is
only a brace, so that JSON may stand in a template; `\{` is a brace in any case. What is not there renders as nothing.

Source: scout-api.md §4.2 for the variables; it does not say how a brace is escaped.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

import msgspec

from roundsman.anomalies.types import Anomaly

LONGEST = 20_000  # characters of one template
MOST_VARIABLES = 200
ANOMALY_FIELDS = tuple(field.encode_name for field in msgspec.structs.fields(Anomaly))
IMAGE_FIELDS = ("data", "uuid", "channelName", "time", "mediaType")
ROOTS = ("anomaly", "images", "user")

Step = str | int
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INDEX = re.compile(r"\[\s*([0-9]{1,4})\s*\]")
_encode = msgspec.json.Encoder().encode


class TemplateError(ValueError):
    """A template that cannot be used. `position` is the character, from 0, at which it goes wrong."""

    def __init__(self, position: int, text: str) -> None:
        super().__init__(f"at character {position + 1}: {text}")
        self.position = position


class Variable(NamedTuple):
    """A variable: its root, and the way from there to the value."""

    root: str
    steps: tuple[Step, ...]


class Template(NamedTuple):
    """A template, ready to be rendered. Made by `parse`."""

    parts: tuple[str | Variable, ...]

    @property
    def variables(self) -> list[Variable]:
        """Its variables, in their order."""
        return [part for part in self.parts if isinstance(part, Variable)]

    @property
    def shows_images(self) -> bool:
        """Whether pictures must be read to render it."""
        return any(variable.root == "images" for variable in self.variables)


def parse(text: str) -> Template:
    """The template that `text` is. Raises: TemplateError."""
    if len(text) > LONGEST:
        raise TemplateError(LONGEST, f"a template may have at most {LONGEST} characters, not {len(text)}")
    template = Template(tuple(_joined(_parts(text))))
    if len(template.variables) > MOST_VARIABLES:
        raise TemplateError(0, f"a template may have at most {MOST_VARIABLES} variables")
    return template


def render(template: Template, values: Mapping[str, Any]) -> str:
    """The text with each variable's value in its place; `values` has those of `ROOTS`."""
    return "".join(part if isinstance(part, str) else shown(lookup(values, part)) for part in template.parts)


def lookup(values: Mapping[str, Any], variable: Variable) -> Any:
    """A variable's value; None where the way to it ends early."""
    return follow(values.get(variable.root), variable.steps)


def follow(value: Any, steps: tuple[Step, ...]) -> Any:
    """What lies at the end of a way through objects and lists; None where it ends early."""
    for step in steps:
        if isinstance(step, int):
            items = cast("list[Any]", value) if isinstance(value, list) else []
            value = items[step] if step < len(items) else None
        else:
            value = cast("dict[str, Any]", value).get(step) if isinstance(value, dict) else None
    return value


def shown(value: Any) -> str:
    """A value as text: a text as it is, nothing for null, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else _encode(value).decode()


def literal(text: str) -> str:
    """The template that renders as `text`."""
    return text.replace("{", "\\{")


def path_of(text: str) -> tuple[Step, ...] | None:
    """The way that `data.id` or `issues[0].number` names; None when it names none."""
    steps, place = list[Step](), 0
    while place < len(text):
        name = _NAME.match(text, place + 1 if steps and text[place] == "." else place)
        index = _INDEX.match(text, place) if steps else None
        if index:
            steps.append(int(index[1]))
        elif name and (not steps or text[place] == "."):
            steps.append(name[0])
        else:
            return None
        place = (index or cast("re.Match[str]", name)).end()
    return tuple(steps) or None


def _parts(text: str) -> Iterator[str | Variable]:
    place = 0
    while place < len(text):
        if text.startswith("\\{", place):
            yield "{"
            place += 2
        elif text[place] == "{" and _NAME.match(text, place + 1):
            variable, place = _variable(text, place)
            yield variable
        else:
            end = min((found for sign in "\\{" if (found := text.find(sign, place + 1)) >= 0), default=len(text))
            yield text[place:end]
            place = end


def _joined(parts: Iterator[str | Variable]) -> Iterator[str | Variable]:
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if texts:
            yield "".join(texts)
            texts.clear()
        yield part
    if texts:
        yield "".join(texts)


def _variable(text: str, start: int) -> tuple[Variable, int]:
    """The variable that begins with the brace at `start`, and where what follows it begins."""
    root = cast("re.Match[str]", _NAME.match(text, start + 1))
    if root[0] not in ROOTS:
        raise TemplateError(
            start + 1, f"there is no variable {root[0]}: {_hint(root[0], ROOTS)}. A brace is written \\{{"
        )
    place, steps = root.end(), list[Step]()
    while place < len(text) and text[place] in ".[":
        step, end = _step(text, place)
        _CHECKS[root[0]](steps, step, place)
        steps.append(step)
        place = end
    if place >= len(text):
        raise TemplateError(start, f"the variable {root[0]} is not closed: a }} is missing")
    if text[place] != "}":
        raise TemplateError(place, f"a variable cannot have {text[place]!r} in it; expected are . [ or }}")
    return Variable(root[0], tuple(steps)), place + 1


def _step(text: str, place: int) -> tuple[Step, int]:
    if text[place] == ".":
        name = _NAME.match(text, place + 1)
        if name is None:
            raise TemplateError(place, "a name must follow the dot")
        return name[0], name.end()
    index = _INDEX.match(text, place)
    if index is None:
        raise TemplateError(place, "a whole number in brackets is expected, such as [0]")
    return int(index[1]), index.end()


def _check_anomaly(steps: list[Step], step: Step, place: int) -> None:
    if steps:
        return
    if isinstance(step, int):
        raise TemplateError(place, "an anomaly is no list: name one of its members, such as {anomaly.name}")
    if step not in ANOMALY_FIELDS:
        raise TemplateError(place + 1, f"an anomaly has no {step}: {_hint(step, ANOMALY_FIELDS)}")


def _check_images(steps: list[Step], step: Step, place: int) -> None:
    if not steps and isinstance(step, str):
        raise TemplateError(place, "images is a list: say which one, such as {images[0].data}")
    if len(steps) == 1 and step not in IMAGE_FIELDS:
        raise TemplateError(place + 1, f"an image has no {step}: {_hint(str(step), IMAGE_FIELDS)}")
    if len(steps) > 1:
        raise TemplateError(place, f"{steps[1]} of an image has nothing further in it")


def _check_user(steps: list[Step], step: Step, place: int) -> None:
    raise TemplateError(place, "user is a name and has nothing in it: write {user}")


def _hint(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{near[0]} is meant, perhaps" if near else f"there are {', '.join(known)}"


_CHECKS: dict[str, Callable[[list[Step], Step, int], None]] = {
    "anomaly": _check_anomaly,
    "images": _check_images,
    "user": _check_user,
}
