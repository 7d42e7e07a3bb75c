"""The template language: what renders, what is refused and where; any text can be written in it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman.workorders.templates import (
    ANOMALY_FIELDS,
    TemplateError,
    Variable,
    follow,
    literal,
    parse,
    path_of,
    render,
    shown,
)

ANOMALY = {
    "uuid": "a-1", "name": "Pump 3", "severity": 4, "elementId": None, "title": 'Hot "é"',
    "customMetadataTags": ["west", "hot"], "dataCaptures": [{"keyResults": [{"name": "Max", "value": 91.5}]}],
}  # fmt: skip
VALUES = {"anomaly": ANOMALY, "images": [{"data": "AAAA", "channelName": "IR"}, {"data": "BBBB"}], "user": "ada"}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{anomaly.name}: {anomaly.title} ({anomaly.severity})", 'Pump 3: Hot "é" (4)'),
        ("{anomaly.elementId}|{anomaly.assetId}", "|"),
        ("{anomaly.customMetadataTags}", '["west","hot"]'),
        ("{anomaly.customMetadataTags[1]}{anomaly.customMetadataTags[9]}", "hot"),
        ("{anomaly.dataCaptures[0].keyResults[0].value}", "91.5"),
        ("{anomaly.name.first}", ""),
        ("{images[0].data}{images[1].data}{images[2].data}", "AAAABBBB"),
        ("{images[0].channelName}", "IR"),
        ("by {user}", "by ada"),
        ('{"text": 1, "by": "{user}"}', '{"text": 1, "by": "ada"}'),
        ("{{user}}", "{ada}"),
        (r"\{user} \\{user} \n {} { }", r"{user} \{user} \n {} { }"),
        ("{", "{"),
        ("\\", "\\"),
    ],
)
def test_what_renders(template: str, text: str) -> None:
    assert render(parse(template), VALUES) == text


def test_the_whole_anomaly_and_all_images_are_json() -> None:
    assert json.loads(render(parse("{anomaly}"), VALUES)) == ANOMALY
    assert json.loads(render(parse("{images}"), VALUES)) == VALUES["images"]


@pytest.mark.parametrize(
    ("template", "position", "text"),
    [
        ("a {anomalies}", 3, "anomaly is meant"),
        ("{anomaly.names}", 9, "name is meant"),
        ("{anomaly[0]}", 8, "no list"),
        ("{anomaly", 0, "missing"),
        ("{anomaly.name", 0, "missing"),
        ("{anomaly.}", 8, "a name must follow"),
        ("{anomaly.name x}", 13, "cannot have ' '"),
        ("{anomaly.customMetadataTags[x]}", 27, "whole number in brackets"),
        ("{images.data}", 7, "which one"),
        ("{images[0].dat}", 11, "data is meant"),
        ("{images[0].data.x}", 15, "nothing further"),
        ("{user.name}", 5, "write {user}"),
        ("{colour}", 1, "anomaly, images, user"),
        ("x" * 20_001, 20_000, "at most 20000"),
        ("{user}" * 201, 0, "at most 200 variables"),
    ],
)
def test_what_is_refused_says_where_and_why(template: str, position: int, text: str) -> None:
    with pytest.raises(TemplateError, match=f"at character {position + 1}: ") as refused:
        parse(template)
    assert refused.value.position == position
    assert text in str(refused.value)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.text(alphabet="{}\\ab[].").map(str))
def test_any_text_can_be_written(text: str) -> None:
    assert render(parse(literal(text)), VALUES) == text


@given(st.text(alphabet="{}\\[].anomlyiges0us x") | st.text())
def test_a_template_is_parsed_or_refused_at_one_of_its_characters(text: str) -> None:
    try:
        template, position = parse(text), 0
    except TemplateError as refused:
        template, position = parse(""), refused.position
    assert 0 <= position < max(1, len(text))
    render(template, VALUES)


@given(st.sampled_from(ANOMALY_FIELDS), JSON, st.text(alphabet="ab {}\\"), st.text(alphabet="ab }\\"))
def test_a_member_of_an_anomaly_stands_where_its_variable_stood(
    field: str, value: Any, before: str, after: str
) -> None:
    template = f"{literal(before)} {{anomaly.{field}}} {literal(after)}"
    assert render(parse(template), {"anomaly": {field: value}}) == f"{before} {shown(value)} {after}"
    if not isinstance(value, str | None):
        assert json.loads(shown(value)) == value


@given(st.lists(NAMES | st.integers(0, 99), max_size=5), JSON)
def test_ways_lead_to_what_lies_there(steps: list[str | int], value: Any) -> None:
    whole = value
    for step in reversed(steps):
        whole = {step: whole} if isinstance(step, str) else [None] * step + [whole]
    assert follow(whole, tuple(steps)) == value
    text = "".join(f".{step}" if isinstance(step, str) else f"[{step}]" for step in steps)
    assert parse(f"{{anomaly.title{text}}}").variables == [Variable("anomaly", ("title", *steps))]
    assert path_of(f"data{text}") == ("data", *steps)


@pytest.mark.parametrize("text", ["", ".", "[0]", "a.", "a..b", "a[x]", "a[0", "a b", "a-b", "a[0]b"])
def test_what_is_no_way(text: str) -> None:
    assert path_of(text) is None
