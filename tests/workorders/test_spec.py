"""Spec templates and settings: what they mean, and what is refused with the name of the member."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman.kit.problem import BadRequest
from roundsman.workorders.settings import Settings, about, checked, closed_among, id_of, title_of
from roundsman.workorders.spec import fields_of, values_of

VARIABLES = {"anomaly": {"title": "Hot", "severity": 4, "name": "yes"}, "images": [], "user": "ada"}
SPEC = {"specs": {"title": {"spec": {"stringSpec": {"templateValue": "{anomaly.title}"}}}}}


def values(specs: dict[str, Any], **given: Any) -> dict[str, Any]:
    return values_of(fields_of({"specs": specs}), VARIABLES, given)


def spec(kind: str, **members: Any) -> dict[str, Any]:
    return {"spec": {kind: members}}


def test_each_kind_of_value() -> None:
    specs = {
        "a": spec("stringSpec", templateValue="{anomaly.title}!"),
        "b": spec("stringSpec", defaultValue="{anomaly.title}"),
        "c": spec("stringSpec"),
        "d": spec("intSpec", templateValue="{anomaly.severity}"),
        "e": spec("intSpec", defaultValue="17"),
        "f": spec("intSpec"),
        "g": spec("doubleSpec", defaultValue=0.5),
        "h": spec("boolSpec", templateValue="{anomaly.name}"),
        "i": spec("boolSpec", defaultValue=False),
        "j": spec("stringSpec", options=["low", "high"]),
        "k": spec("stringSpec", options=["low", "high"], editable=True),
    }
    assert values(specs) == {
        "a": "Hot!", "b": "{anomaly.title}", "c": "", "d": 4, "e": 17, "g": 0.5, "h": True, "i": False, "j": "low",
        "k": "",
    }  # fmt: skip
    assert values(specs, f=3, g="2", i=True, j="high", k="other", a=None)["f"] == 3


def test_snake_case_and_the_order_of_fields() -> None:
    specs = {
        "z": {
            "spec": {"string_spec": {"template_value": "{user}", "is_multiline": True}},
            "ui_info": {"display_order": 2},
        },
        "y": {"spec": {"stringSpec": {}}, "uiInfo": {"displayName": "First", "displayOrder": {"low": 1, "high": 0}}},
    }
    first, second = fields_of({"specs": specs})
    assert (first.key, first.display_name, first.multiline) == ("y", "First", False)
    assert (second.key, second.template, second.multiline) == ("z", "{user}", True)


@pytest.mark.parametrize(
    ("specs", "where"),
    [
        ([], "specTemplate must be an object"),
        ({"a": 1}, "specTemplate.specs.a must be an object"),
        ({"a": {}}, "specTemplate.specs.a.spec must be an object"),
        ({"a": {"spec": {}}}, "exactly one of"),
        ({"a": {"spec": {"stringSpec": {}, "intSpec": {}}}}, "exactly one of"),
        ({"a": spec("listSpec")}, "flat"),
        ({"a": spec("stringSpec", templateValue="x {anomaly.names}")}, r"stringSpec\.templateValue: at character 12: "),
        ({"a": spec("stringSpec", templateValue=4)}, "templateValue must be a text"),
        ({"a": spec("stringSpec", options="x")}, "options must be a list"),
        ({"a": spec("stringSpec", defaultValue="x", options=["y"])}, "must be one of y"),
        ({"a": spec("intSpec", defaultValue="x")}, "must be a whole number"),
        ({"a": spec("intSpec", defaultValue=2**63)}, "must be a whole number"),
        ({"a": spec("doubleSpec", defaultValue="1e999")}, "must be a number"),
        ({"a": spec("boolSpec", defaultValue="perhaps")}, "true or false"),
        ({"a": {**spec("stringSpec"), "uiInfo": {"displayOrder": "first"}}}, "displayOrder"),
        ({"": spec("stringSpec")}, "1 to 200 characters"),
        ({str(number): spec("stringSpec") for number in range(101)}, "at most 100"),
    ],
)
def test_what_is_wrong_is_named(specs: Any, where: str) -> None:
    with pytest.raises(BadRequest, match=where):
        fields_of({"specs": specs})


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: (
    st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["specs", "spec", "stringSpec", "intSpec", "uiInfo", "options", "a"]), inner)
)))  # fmt: skip
def test_any_json_is_a_spec_or_refused(specs: Any) -> None:
    with suppress(BadRequest):
        values_of(fields_of({"specs": specs}), VARIABLES, {})


@pytest.mark.parametrize(
    ("changes", "member"),
    [
        ({"create_url": "ftp://x/"}, "createUrl"),
        ({"create_url": "http://u:p@x/"}, "createUrl"),
        ({"status_url": "https://x/status"}, "statusUrl"),
        ({"status_url": "https://{id}.x/status"}, "statusUrl"),
        ({"detail_url": "javascript:alert({id})"}, "detailUrl"),
        ({"auth_header_name": "X Y"}, "authHeaderName"),
        ({"auth_header_name": "Host"}, "authHeaderName"),
        ({"id_field": ""}, "idField"),
        ({"status_field": "a..b"}, "statusField"),
        ({"status_type": "boolean", "closed_values": "closed"}, "closedValues"),
        ({"status_type": "integer", "closed_values": "1, x"}, "closedValues"),
        ({"spec_template": {}}, "specTemplate"),
        ({"auto_create": True, "create_url": ""}, "createUrl"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_by_member(changes: dict[str, Any], member: str) -> None:
    good: dict[str, Any] = {"create_url": "https://x/orders", "spec_template": SPEC}
    assert checked(Settings(**good))
    with pytest.raises(BadRequest) as refused:
        checked(Settings(**good | changes))
    assert refused.value.parameter == member


@pytest.mark.parametrize(
    ("kind", "closed", "status", "expected"),
    [
        ("string", "closed, Done", "DONE", True),
        ("string", "closed", " closed ", True),
        ("string", "closed", "open", False),
        ("string", "", "", False),
        ("boolean", "true", True, True),
        ("boolean", "true", "False", False),
        ("boolean", "false", False, True),
        ("integer", "3,-4", 3, True),
        ("integer", "3,-4", "-4", True),
        ("integer", "3", 4, False),
        ("string", "closed", 3, None),
        ("boolean", "true", 1, None),
        ("integer", "1", True, None),
        ("integer", "1", 1.5, None),
    ],
)
def test_what_counts_as_closed(kind: Any, closed: str, status: Any, expected: bool | None) -> None:
    settings = Settings(status_type=kind, closed_values=closed)
    if expected is None:
        with pytest.raises(ValueError, match="the status is"):
            closed_among(settings, status)
    else:
        assert closed_among(settings, status) is expected


def test_ids_and_titles_are_found_by_name_or_by_the_way_to_them() -> None:
    settings = Settings(id_field="data.id", title_field="summary")
    assert id_of(settings, {"data": {"id": 7}}) == "7"
    assert id_of(settings, {"data.id": "x", "data": {"id": 7}}) == "x"
    assert [id_of(settings, {"data": {"id": odd}}) for odd in (None, "", True, [1], "a\nb", 10**30)] == [None] * 6
    assert title_of(settings, {"summary": "there"}, {"summary": "here"}) == "there"
    assert title_of(settings, ["odd"], {"summary": "here"}) == "here"


@pytest.mark.parametrize("external", ["../../admin", "a/b?c#d", "..", "%2e", "é"])
def test_an_id_cannot_lead_elsewhere(external: str) -> None:
    url = about("https://x/orders/{id}/status", external)
    assert url.startswith("https://x/orders/")
    assert url.endswith("/status")
    assert url.count("/") == 5
    assert not {"?", "#", " "} & set(url)
    assert "/../" not in url
