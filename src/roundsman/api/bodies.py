"""Bodies of which members that we do not know are kept: read as plain JSON, documented by hand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from litestar import Request
from litestar.openapi.spec import Link, OpenAPIMediaType, Operation, Parameter, Reference, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from roundsman.kit.problem import BadRequest

DEEPEST = 100
_decode_list = msgspec.json.Decoder(list[dict[str, Any]]).decode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


async def json_objects(request: Request[Any, Any, Any]) -> tuple[list[dict[str, Any]], bool]:
    """The body, which must be a JSON object or a list of objects, and whether it was a list. Raises: BadRequest."""
    body = await request.body()
    if not body.lstrip().startswith(b"["):
        return [await json_object(request)], False
    try:
        decoded = _decode_list(body)
    except msgspec.ValidationError:
        raise BadRequest(None, "the body must be a list of JSON objects, with every number in JSON's range") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(None, f"the body is no JSON: {error}") from None
    except RecursionError:
        raise _too_deep() from None
    for one in decoded:
        _check_depth(one)
    return decoded, True


async def json_object(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The body, which must be a JSON object, whatever its content type says. Raises: BadRequest."""
    body = await request.body()
    try:
        decoded = _decode(body)
    except msgspec.ValidationError:
        raise BadRequest(None, "the body must be a JSON object, with every number in the range of JSON") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(None, f"the body is no JSON: {error}") from None
    except RecursionError:
        raise _too_deep() from None
    _check_depth(decoded)
    return decoded


def _check_depth(decoded: dict[str, Any]) -> None:
    """What is kept is encoded again, deeper in the stack and within other objects: far below where that ends."""
    level: list[Any] = [decoded]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _within(one) if isinstance(inner, dict | list)]
        if not level:
            return
    raise _too_deep()


def _within(one: Any) -> Iterable[Any]:
    return cast("dict[str, Any]", one).values() if isinstance(one, dict) else one


def _too_deep() -> BadRequest:
    return BadRequest(None, f"the body is nested too deeply: at most {DEEPEST} objects and lists within each other")


def bodied(
    body: Schema | None,
    answer: Schema | None = None,
    also: Parameter | None = None,
    media_type: str = "",
    links: Mapping[str, Link | Reference] | None = None,
) -> type[Operation]:
    """An operation whose handler reads its body, and the parameter `also`, by itself.

    `answer` is what it answers where the types do not say it, `media_type` another form in which it can, `links` what
    can be done with what it answers.
    """

    @dataclass
    class Bodied(Operation):
        def __post_init__(self) -> None:
            if body is not None:
                content = {"application/json": OpenAPIMediaType(schema=body)}
                self.request_body = RequestBody(content=content, required=True)
            if also is not None:
                self.parameters = [*(self.parameters or []), also]
            if answer is not None:
                told: Any = (self.responses or {})["200"]
                told.content = {"application/json": OpenAPIMediaType(schema=answer)}
                told.links = None if links is None else dict(links)
                if media_type:
                    told.content[media_type] = OpenAPIMediaType()

    return Bodied


def an_object(description: str, needed: tuple[str, ...] = (), **members: Schema) -> Schema:
    """An object with these members; others are kept and given back."""
    return Schema(
        type=OpenAPIType.OBJECT,
        description=description,
        properties=dict(members),
        required=list(needed) or None,
        additional_properties=True,
    )


def a_list(items: Schema, description: str = "") -> Schema:
    """A list."""
    return Schema(type=OpenAPIType.ARRAY, items=items, description=description)


def a_text(description: str) -> Schema:
    """A text."""
    return Schema(type=OpenAPIType.STRING, description=description)


def a_name(description: str) -> Schema:
    """A text that is not empty."""
    return Schema(type=OpenAPIType.STRING, min_length=1, description=description)


def a_word(description: str, words: Iterable[str]) -> Schema:
    """One of a few words."""
    return Schema(type=OpenAPIType.STRING, enum=list(words), description=description)


def a_time(description: str) -> Schema:
    """A time."""
    return Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE_TIME, description=description)


def a_flag(description: str) -> Schema:
    """True or false."""
    return Schema(type=OpenAPIType.BOOLEAN, description=description)


def a_number(description: str) -> Schema:
    """A whole number, as it is served."""
    return Schema(type=OpenAPIType.INTEGER, description=description)


_LONG = Schema(type=OpenAPIType.INTEGER, minimum=-(2**63), maximum=2**63 - 1)


def a_long(description: str) -> Schema:
    """A whole number in any form in which clients send it."""
    half = Schema(type=OpenAPIType.INTEGER, minimum=-(2**31), maximum=2**32 - 1)
    halves = an_object("A JavaScript Long.", ("low", "high"), low=half, high=half, unsigned=a_flag(""))
    forms = [_LONG, Schema(type=OpenAPIType.STRING, pattern="^[+-]?[0-9]{1,20}$"), halves]
    return Schema(one_of=forms, description=description)


def of_struct(struct: type[msgspec.Struct]) -> Schema:
    """The schema of a struct that has no struct within it."""
    return _Plain(plain=msgspec.json.schema(struct)["$defs"][struct.__name__])


@dataclass
class _Plain(Schema):
    plain: dict[str, Any] | None = None

    def to_schema(self) -> dict[str, Any]:
        """As it is."""
        return self.plain or {}


def or_null(schema: Schema) -> Schema:
    """The same, or null."""
    return Schema(any_of=[schema, Schema(type=OpenAPIType.NULL)], description=schema.description)
