"""The statements of the API's lists: filters, an order, a page by offset or behind a cursor. One per shape.

A list's filters are `values`: names to values, whose names make the shape.
- the name of a column: equal to it;
- the name of a column and `_from` (>=), `_until` (<) or `_above` (>);
- a name of `flags`: a condition without a value.

Of several equalities only those of one index are left to the planner (`Listed.prefixes`, the best first); the others
are checked row by row. So which index serves a list is written here and not guessed from statistics.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Select, Table, bindparam, func, literal_column, select, tuple_

from roundsman.kit.database import Reader, Statement
from roundsman.kit.schema import BigInt

_COMPARED = {"_from": "__ge__", "_until": "__lt__", "_above": "__gt__"}


class Order(NamedTuple):
    """An order of a list; ties are broken by uuid or what else tells its rows apart, in the same direction."""

    columns: tuple[str, ...]
    descending: bool = False
    tie: str = "uuid"


@dataclass(frozen=True, eq=False)
class Listed:
    """A table as a list: what is read of it and which indexes there are."""

    table: Table
    columns: tuple[str, ...]
    prefixes: tuple[tuple[str, ...], ...]
    flags: Mapping[str, ColumnElement[bool]] = field(default_factory=dict[str, ColumnElement[bool]])


class Window(NamedTuple):
    """The part of a list that a page shows; `after` is the key of the row before it."""

    limit: int
    offset: int = 0
    after: tuple[Any, ...] | None = None


@cache
def page_statement(listed: Listed, names: frozenset[str], order: Order, after: bool, gather: bool) -> Statement:
    """A page of a list. With `gather` what matches is gathered first and then sorted, for ranges across the order."""
    table = listed.table
    # What a filter fixes is left out of the order: a planner given it all the same may sort.
    key = {f"after_{place}": table.c[name] for place, name in enumerate(_key(order)) if name not in names}
    columns = list(key.values())
    core = select(*(table.c[name] for name in listed.columns))
    if gather:
        matching = select(table.c.uuid).where(*_conditions(listed, names)).cte("matching").prefix_with("MATERIALIZED")
        core = core.join(matching, matching.c.uuid == table.c.uuid)
    else:
        core = core.where(*_conditions(listed, names, order.columns))
    if after:
        bound = tuple_(*(bindparam(name, type_=column.type) for name, column in key.items()))
        core = core.where(tuple_(*columns) < bound if order.descending else tuple_(*columns) > bound)
    core = core.order_by(*(column.desc() if order.descending else column for column in columns))
    return Statement(core.limit(_whole("limit_")).offset(_whole("offset_")))


@cache
def count_statement(listed: Listed, names: frozenset[str], axis: str = "") -> Statement:
    """How many rows match. For what is bounded by nature, and for the edges of a range of `axis`."""
    conditions = _conditions(listed, names, (axis,) if axis else ())
    return Statement(select(func.count()).select_from(listed.table).where(*conditions))


def counted_within(listed: Listed, names: frozenset[str], axis: str, name: str) -> Select[int]:
    """How many rows match whose `axis` lies in [`name`_from, `name`_until); part of a statement."""
    column, count = listed.table.c[axis], select(func.count()).select_from(listed.table)
    bounds = (bindparam(f"{name}_{end}", type_=column.type) for end in ("from", "until"))
    return count.where(*_conditions(listed, names, (axis,)), column >= next(bounds), column < next(bounds))


@cache
def one_statement(listed: Listed) -> Statement:
    """The row with a `uuid`."""
    table = listed.table
    return Statement(select(*(table.c[name] for name in listed.columns)).where(table.c.uuid == bindparam("uuid")))


@cache
def key_of(listed: Listed, order: Order) -> "itemgetter[tuple[Any, ...]]":
    """Takes a row's key in `order` out of it."""
    return itemgetter(*(listed.columns.index(name) for name in _key(order)))


async def read_page(
    reader: Reader,
    listed: Listed,
    points: Sequence[Mapping[str, Any]],
    order: Order,
    window: Window,
    gather: bool = False,
) -> list[tuple[Any, ...]]:
    """The rows of a page.

    `points` are sets of values of one shape that exclude each other: a list is the merge of theirs. There is one,
    unless a filter names several values; each is one range of one index.
    """
    if len(points) == 1:
        return await _read(reader, listed, points[0], order, window, gather)
    first = Window(window.offset + window.limit, 0, window.after)
    rows: list[tuple[Any, ...]] = []
    for alike in _in_order(points, order):
        if len(rows) >= first.limit:
            break
        found = [row for point in alike for row in await _read(reader, listed, point, order, first, gather)]
        rows += sorted(found, key=key_of(listed, order), reverse=order.descending)
    return rows[window.offset : window.offset + window.limit]


def _in_order(points: Sequence[Mapping[str, Any]], order: Order) -> Iterable[Sequence[Mapping[str, Any]]]:
    """The points one behind the other where they fix what is ordered by first, else all together."""
    first = itemgetter(order.columns[0])
    if not all(order.columns[0] in point for point in points):
        return [points]
    return (list(alike) for _, alike in groupby(sorted(points, key=first, reverse=order.descending), key=first))


async def count_rows(reader: Reader, listed: Listed, points: Iterable[Mapping[str, Any]], axis: str = "") -> int:
    """How many rows match one of `points`; by the index of `axis` where several ranges are given."""
    total = 0
    for values in points:
        row = await reader.one(count_statement(listed, frozenset(values), axis), **values)
        total += row[0] if row else 0
    return total


async def _read(
    reader: Reader, listed: Listed, values: Mapping[str, Any], order: Order, window: Window, gather: bool
) -> list[tuple[Any, ...]]:
    after = window.after
    if after is not None:
        if _passed(values, order, after):
            return []
        values, after = _tightest(values, order, after)
    statement = page_statement(listed, frozenset(values), order, after is not None, gather)
    bounds = {f"after_{place}": value for place, value in enumerate(after or ())}
    return await reader.all(statement, **values, **bounds, limit_=window.limit, offset_=window.offset)


def _tightest(
    values: Mapping[str, Any], order: Order, after: tuple[Any, ...]
) -> tuple[Mapping[str, Any], tuple[Any, ...] | None]:
    """Of a range's end and a cursor only the one that binds: a planner given both may take the other."""
    first = order.columns[0]
    if first in values:
        return values, after if values[first] == after[0] else None
    name = first + ("_until" if order.descending else "_from")
    if name not in values:
        return values, after
    if after[0] >= values[name] if order.descending else after[0] < values[name]:
        return values, None
    return {other: value for other, value in values.items() if other != name}, after


def _passed(values: Mapping[str, Any], order: Order, after: tuple[Any, ...]) -> bool:
    """Whether all of a point lies before the cursor, as its filter fixes what is ordered by first."""
    fixed = values.get(order.columns[0], after[0])
    return fixed > after[0] if order.descending else fixed < after[0]


def _whole(name: str) -> BindParameter[int]:
    return bindparam(name, type_=BigInt)


def _key(order: Order) -> tuple[str, ...]:
    return (*order.columns, order.tie)


def _conditions(listed: Listed, names: frozenset[str], ordered: tuple[str, ...] = ()) -> list[ColumnElement[bool]]:
    """What `names` say. Ranges are left to the planner on the columns `ordered` by, or on all if there is no order."""
    prefix = next((prefix for prefix in listed.prefixes if names.issuperset(prefix)), ())
    return [_condition(listed, name, prefix, ordered) for name in sorted(names)]


def _condition(listed: Listed, name: str, prefix: tuple[str, ...], ordered: tuple[str, ...]) -> ColumnElement[bool]:
    if name in listed.flags:
        return listed.flags[name]
    table = listed.table
    if name in table.c:
        column = table.c[name]
        return (column if name in prefix else column.concat("")) == bindparam(name, type_=column.type)
    suffix = next(suffix for suffix in _COMPARED if name.endswith(suffix))
    column = table.c[name.removesuffix(suffix)]
    compared = column if not ordered or column.name in ordered else column + literal_column("0")
    return getattr(compared, _COMPARED[suffix])(bindparam(name, type_=column.type))
