"""The fields of a work order: the spec template, read as JSON, and what values come of it.

`{"specs": {"<key>": {"spec": {"stringSpec": {…}}, "uiInfo": {"displayName": …, "displayOrder": "1"}}}}`, as an Orbit
has it. A string's `templateValue` is a template (templates.py), its `defaultValue` is taken as it is. Names in
snake_case are understood too. The body that is sent is flat, so lists and objects within it are refused.

Source: scout-api.md §4.2.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Literal, cast

import msgspec

from roundsman.kit.longs import whole_number
from roundsman.kit.problem import BadRequest
from roundsman.workorders.templates import Template, TemplateError, literal, parse, render

MOST_FIELDS = 100
LONGEST_KEY = 200
MOST_OPTIONS = 500
MOST_BYTES = 200_000

Kind = Literal["string", "integer", "number", "boolean"]
Value = str | float | bool  # an int is a float here: documents would know it as both
_KINDS: dict[str, Kind] = {
    "stringSpec": "string",
    "intSpec": "integer",
    "int64Spec": "integer",
    "doubleSpec": "number",
    "boolSpec": "boolean",
}
_NESTED = ("listSpec", "dictSpec", "oneOfSpec", "roiSpec")
_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_HIGHEST = 2**63 - 1


class Field(msgspec.Struct, frozen=True):
    """One member of the body. `template` renders to its value; where it renders to nothing, only a string is sent."""

    key: str
    kind: Kind
    template: str
    display_name: str = ""
    display_order: int = 0
    options: tuple[str, ...] = ()
    editable: bool = True  # whether it may be other than one of the options
    multiline: bool = False

    @property
    def parsed(self) -> Template:
        """Its template, ready to be rendered."""
        return parse(self.template)


def fields_of(spec: Mapping[str, Any], name: str = "specTemplate") -> list[Field]:
    """The fields of a spec, in the order in which they are shown. Raises: BadRequest that says where it is wrong."""
    specs = spec.get("specs")
    if not isinstance(specs, dict):
        raise BadRequest(name, f'{name} must be an object such as {{"specs": {{"title": {{"spec": …}}}}}}')
    members = cast("dict[str, Any]", specs)
    if len(members) > MOST_FIELDS:
        raise BadRequest(name, f"{name} may have at most {MOST_FIELDS} fields, not {len(members)}")
    fields = [_field(key, child, f"{name}.specs.{key[:LONGEST_KEY]}") for key, child in members.items()]
    return sorted(fields, key=lambda field: field.display_order)


def value_of(field: Field, text: str) -> Value | None:
    """The value that a rendered text is; None: the field is left out. Raises: BadRequest naming the field."""
    if field.kind == "string":
        if text not in field.options and field.options and not field.editable:
            raise BadRequest(
                field.key, f"{field.key} must be one of {', '.join(field.options)}, not {text[:100]!r}", field.options
            )
        return text
    stripped = text.strip()
    if not stripped:
        return None
    try:
        return _converted(field.kind, stripped)
    except ValueError:
        raise BadRequest(field.key, f"{field.key} must be {_MEANT[field.kind]}, not {stripped[:100]!r}") from None


def values_of(fields: list[Field], variables: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Value]:
    """The body: each field's value as `given`, or as its template renders; null leaves a field out.

    Raises: BadRequest naming the field.
    """
    check_given(fields, given)
    body: dict[str, Value] = {}
    for field in fields:
        text = text_of(given[field.key]) if field.key in given else rendered(field, variables)
        value = None if text is None else value_of(field, text)
        if value is not None:
            body[field.key] = value
    return body


def check_given(fields: list[Field], given: Mapping[str, Any]) -> None:
    """Raises: BadRequest for a value of a field that there is not, and for one that is no single value."""
    keys = tuple(field.key for field in fields)
    for key, value in given.items():
        if key not in keys:
            raise BadRequest("values", f"there is no field {key[:100]!r} in the spec template", keys)
        if not isinstance(value, str | int | float | bool | None):
            raise BadRequest(key, f"{key} must be a single value: the body of a work order is flat")


def rendered(field: Field, variables: Mapping[str, Any]) -> str:
    """What a field's template renders to."""
    return render(field.parsed, variables)


def text_of(value: Any) -> str | None:
    """A value that a person gave, as a text; None: the field is to be left out."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _converted(kind: Kind, text: str) -> Value:
    if kind == "boolean":
        if text.lower() not in _TRUTHS:
            raise ValueError
        return _TRUTHS[text.lower()]
    if kind == "integer":
        if not re.fullmatch(r"[+-]?[0-9]{1,19}", text) or abs(int(text)) > _HIGHEST:
            raise ValueError
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


_MEANT: dict[Kind, str] = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


def _field(key: str, child: Any, path: str) -> Field:
    if not key or len(key) > LONGEST_KEY or not key.isprintable():
        raise BadRequest(path, f"{path}: a key must have 1 to {LONGEST_KEY} characters that can be printed")
    members = _object(child, path)
    which, spec = _spec(_object(_get(members, "spec"), f"{path}.spec"), f"{path}.spec")
    shown = _object(_get(members, "uiInfo") or {}, f"{path}.uiInfo")
    where, kind = f"{path}.spec.{which}", _KINDS[which]
    options = _options(spec, where)
    field = Field(
        key=key,
        kind=kind,
        template=_template(spec, where),
        display_name=_text(shown, "displayName", f"{path}.uiInfo"),
        display_order=_order(shown, f"{path}.uiInfo"),
        options=options,
        editable=not options or _flag(spec, "editable", where),
        multiline=_flag(spec, "isMultiline", where),
    )
    return _checked(field, where)


def _checked(field: Field, where: str) -> Field:
    """The field, once what can be known of its template before there is an anomaly was found to be right."""
    if field.options and not field.template and not field.editable:
        field = msgspec.structs.replace(field, template=literal(field.options[0]))
    template = field.parsed
    if not template.variables:
        try:
            value_of(field, render(template, {}))
        except BadRequest as wrong:
            raise BadRequest(where, f"{where}: {wrong}") from None
    return field


def _spec(spec: dict[str, Any], path: str) -> tuple[str, dict[str, Any]]:
    found = [name for name in (*_KINDS, *_NESTED) if _get(spec, name) is not None]
    if len(found) != 1:
        raise BadRequest(path, f"{path} must have exactly one of {', '.join(_KINDS)}", tuple(_KINDS))
    if found[0] in _NESTED:
        raise BadRequest(
            path, f"{path}: {found[0]} cannot be sent, as the body is flat; use one of {', '.join(_KINDS)}"
        )
    return found[0], _object(_get(spec, found[0]), f"{path}.{found[0]}")


def _template(spec: dict[str, Any], path: str) -> str:
    template = _text(spec, "templateValue", path)
    if template:
        try:
            parse(template)
        except TemplateError as wrong:
            raise BadRequest(f"{path}.templateValue", f"{path}.templateValue: {wrong}") from None
        return template
    default = _get(spec, "defaultValue")
    if not isinstance(default, str | int | float | bool | None):
        raise BadRequest(f"{path}.defaultValue", f"{path}.defaultValue must be a single value")
    return literal(text_of(default) or "")


def _options(spec: dict[str, Any], path: str) -> tuple[str, ...]:
    options = _get(spec, "options")
    if options is None:
        return ()
    listed = cast("list[Any]", options) if isinstance(options, list) else [None]
    if len(listed) > MOST_OPTIONS or not all(isinstance(option, str) and "\0" not in option for option in listed):
        raise BadRequest(f"{path}.options", f"{path}.options must be a list of at most {MOST_OPTIONS} texts")
    return tuple(str(option) for option in listed)


def _order(shown: dict[str, Any], path: str) -> int:
    order = _get(shown, "displayOrder")
    try:
        return 0 if order is None else whole_number(order)
    except ValueError as wrong:
        raise BadRequest(f"{path}.displayOrder", f"{path}.displayOrder {wrong}") from None


def _text(members: dict[str, Any], name: str, path: str) -> str:
    value = _get(members, name)
    if value is None:
        return ""
    if not isinstance(value, str) or "\0" in value:
        raise BadRequest(f"{path}.{name}", f"{path}.{name} must be a text")
    return value


def _flag(members: dict[str, Any], name: str, path: str) -> bool:
    value = _get(members, name)
    if not isinstance(value, bool | None):
        raise BadRequest(f"{path}.{name}", f"{path}.{name} must be true or false")
    return bool(value)


def _object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequest(path, f"{path} must be an object")
    return cast("dict[str, Any]", value)


def _get(members: Mapping[str, Any], name: str) -> Any:
    """A member under its name, or under the same in snake_case."""
    if name in members:
        return members[name]
    return members.get(re.sub(r"([A-Z]|(?<=t)64)", lambda found: "_" + found[0].lower(), name).replace("_64", "64"))
