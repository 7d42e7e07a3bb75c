"""The members of a JSON object that came from outside, each checked, each named when it cannot be used."""

from collections.abc import Mapping
from typing import Any, cast

from roundsman.kit.longs import whole_number
from roundsman.kit.problem import BadRequest

LONGEST = 1000  # characters of a text that people read


class Members:
    """An object's members; `path` is where it stands, so that a failure names e.g. `schedule.repeatMs`.

    Every method raises BadRequest for a value that cannot be used. Null is as if the member were not there.
    """

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self.values = values
        self.path = path

    def name_of(self, name: str) -> str:
        """The whole name of a member."""
        return f"{self.path}.{name}" if self.path else name

    def wrong(self, name: str, text: str) -> BadRequest:
        """A failure that names a member."""
        return BadRequest(self.name_of(name), f"{self.name_of(name)} {text}")

    def object(self, name: str, *, needed: bool = False) -> "Members":
        """An object; an empty one where there is none, unless it is `needed`."""
        value = self.values.get(name)
        if value is None and not needed:
            return Members({}, self.name_of(name))
        if not isinstance(value, dict):
            raise self.wrong(name, "must be an object")
        return Members(cast("dict[str, Any]", value), self.name_of(name))

    def text(self, name: str, *, longest: int = LONGEST) -> str:
        """A text; empty where there is none."""
        value = self.values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or "\0" in value:
            raise self.wrong(name, "must be a text, without the character NUL")
        if len(value) > longest:
            raise self.wrong(name, f"must have at most {longest} characters, not {len(value)}")
        return value

    def needed_text(self, name: str, what: str, *, longest: int = 200) -> str:
        """A text that must be there; `what` says what it is."""
        value = self.text(name, longest=longest)
        if not value.strip():
            raise self.wrong(name, f"is needed: {what}")
        return value

    def texts(self, name: str, *, most: int) -> list[str]:
        """A list of texts, which must be there."""
        value = self.values.get(name)
        if not isinstance(value, list):
            raise self.wrong(name, "must be a list of texts")
        found = cast("list[Any]", value)
        if len(found) > most:
            raise self.wrong(name, f"has {len(found)} members; {most} are the most at once")
        if not all(isinstance(one, str) and "\0" not in one for one in found):
            raise self.wrong(name, "must be a list of texts, without the character NUL")
        return found

    def flag(self, name: str) -> bool:
        """True or false; false where there is none."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "must be true or false")
        return bool(value)

    def whole(self, name: str, least: int, most: int, default: int | None = None) -> int:
        """An integer in any of its forms, within [least, most]; it must be there unless there is a default."""
        value = self.values.get(name)
        if value is None:
            if default is None:
                raise self.wrong(name, "is needed")
            return default
        try:
            number = whole_number(value)
        except ValueError as error:
            raise self.wrong(name, str(error)) from None
        if not least <= number <= most:
            raise self.wrong(name, f"must lie between {least} and {most}, not {number}")
        return number
