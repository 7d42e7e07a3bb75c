"""The robot's data-acquisition store: what it overwrites, and what its queries find."""

import random
from functools import partial

from roundsman.simulator.model import CaptureAction
from roundsman.simulator.world.store import CaptureStore

START_US = 1_795_000_000_000_000


def filled(entries: int, capacity_bytes: int = 1_000) -> CaptureStore:
    store = CaptureStore(lambda: START_US, capacity_bytes)
    for i in range(entries):
        action = CaptureAction("group", f"action {i}", START_US + i)
        store.add("image", action, f"channel {i % 3}", "", partial(bytes, 10), size_bytes=100)
    return store


def test_the_store_overwrites_its_oldest_entries() -> None:
    store = filled(25)
    assert (store.min_id(), store.max_id(), len(store), store.size_bytes) == (16, 25, 10, 1_000)
    assert store.get(15) is None
    assert [c.id for c in store.query(from_id=1)] == list(range(16, 26))


def test_queries_by_id_time_and_name() -> None:
    store = filled(9)
    assert [c.id for c in store.query(from_id=8)] == [8, 9]
    assert [c.id for c in store.query(from_id=10)] == []
    assert [c.id for c in store.query(start_us=START_US + 2, end_us=START_US + 3)] == [3, 4]
    assert [c.id for c in store.query(channel="channel 1")] == [2, 5, 8]
    assert [c.id for c in store.query(action_name="action 4")] == [5]
    assert [c.id for c in store.query(kinds={"alert"})] == []


def test_a_query_is_not_disturbed_by_later_entries() -> None:
    store = filled(5)
    found = store.query()
    first = next(found)
    for i in range(20):
        store.add("data", CaptureAction("g", "a", i), "c", "", bytes, size_bytes=100)
    assert [first.id, *(c.id for c in found)] == [1, 2, 3, 4, 5]


def test_any_tail_of_a_store_is_found_by_id() -> None:
    dice = random.Random(1)
    for _ in range(50):
        store = filled(dice.randrange(1, 40), dice.randrange(100, 3_000))
        from_id = dice.randrange(0, 45)
        whole = [c.id for c in store.query()]
        assert [c.id for c in store.query(from_id=from_id)] == [id_ for id_ in whole if id_ >= from_id]
