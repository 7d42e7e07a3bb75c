"""Pages: what is asked for is understood or refused by name, and a cursor gives back the key it was made of."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman.kit.page import Page, cursor_of, decode_cursor, encode_cursor, next_link, parse_page
from roundsman.kit.problem import BadRequest

keys = st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(), st.none()), max_size=4).map(tuple)


@given(keys)
def test_a_cursor_gives_its_key_back_and_needs_no_quoting(key: tuple[Any, ...]) -> None:
    text = encode_cursor(*key)
    assert decode_cursor(text) == key
    assert text.replace("-", "").replace("_", "").isalnum() or not text


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_a_cursor(text: str) -> None:
    try:
        assert isinstance(decode_cursor(text), tuple)
    except BadRequest:
        return  # anything else is our mistake


def test_what_is_not_asked_for_has_defaults() -> None:
    assert parse_page({}) == Page(20, 0, None)
    assert parse_page({"limit": "", "offset": "  ", "cursor": ""}, default=7) == Page(7, 0, None)
    assert parse_page({"limit": "5", "offset": "10"}) == Page(5, 10, None)
    assert parse_page({"limit": "5000"}, maximum=1000).limit == 1000


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "1.5"}, "limit"),
        ({"limit": "١"}, "limit"),
        ({"limit": "--1"}, "limit"),
        ({"limit": "9" * 30}, "limit"),
        ({"offset": "-1"}, "offset"),
        ({"offset": "9" * 16}, "offset"),
        ({"cursor": "!!"}, "cursor"),
        ({"cursor": encode_cursor(1), "offset": "1"}, "offset"),
    ],
)
def test_what_cannot_be_used_is_named(query: dict[str, str], parameter: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_page(query)
    assert refused.value.parameter == parameter
    assert refused.value.status == 400


def test_a_cursor_of_another_list_is_refused() -> None:
    page = parse_page({"cursor": encode_cursor(17, "uuid")})
    assert cursor_of(page, int, str) == (17, "uuid")
    assert cursor_of(parse_page({}), int, str) is None
    for kinds in ((int,), (str, str), (int, str, str)):
        with pytest.raises(BadRequest):
            cursor_of(page, *kinds)


def test_the_link_keeps_the_other_parameters() -> None:
    link = next_link(
        "/api/v0/runs", {"limit": "5", "offset": "10", "missions": "Boiler & pumps", "cursor": "old"}, "new"
    )
    assert link == '</api/v0/runs?limit=5&missions=Boiler+%26+pumps&cursor=new>; rel="next"'
