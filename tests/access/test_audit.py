"""The audit trail on both databases: in order with many writers, and broken by any change."""

import asyncio

import pytest
from sqlalchemy import text

from roundsman.access import audit
from roundsman.access.audit import Actor, acting_as
from roundsman.access.scopes import in_scope
from roundsman.access.service import Access
from roundsman.kit.clock import WallClock
from roundsman.kit.database import Database, Statement, Transaction
from roundsman.kit.problem import BadRequest, Conflict, Unauthorized
from roundsman.settings import Settings

pytestmark = pytest.mark.anyio

ADA = Actor("ada", "session", "::1")
PASSWORD = "correct horse battery"


async def record(database: Database, subject: str) -> audit.Entry:
    async def work(tx: Transaction) -> audit.Entry:
        return await audit.record(tx, ADA, "update", "thing", subject, before={"b": 1, "a": 2}, after={"a": "ä\0"})

    return await database.write(work)


async def change(database: Database, sql: str) -> None:
    await database.write(lambda tx: tx.execute(Statement(text(sql))))


async def test_many_writers_make_one_chain(database: Database) -> None:
    await asyncio.gather(*(record(database, str(index)) for index in range(40)))
    found = await audit.verify(database)
    assert (found.count, found.problem) == (40, "")
    entries = [entry async for entry in audit.entries(database)]
    assert [entry.sequence for entry in entries] == list(range(1, 41))
    assert {entry.subject for entry in entries} == {str(index) for index in range(40)}
    (one,) = [entry for entry in entries if entry.subject == "7"]
    assert await audit.newest(database, 2, subject="7", noun="thing") == [one]


async def test_members_are_sorted_and_a_failed_change_leaves_no_entry(database: Database) -> None:
    assert (await record(database, "a\0b")).before == '{"a":2,"b":1}'

    async def failing(tx: Transaction) -> None:
        await audit.record(tx, ADA, "create", "thing", "x")
        raise BadRequest(None, "no")

    with pytest.raises(BadRequest):
        await database.write(failing)
    await record(database, "y")
    assert (await audit.verify(database)).problem == ""
    assert (await audit.head(database)).sequence == 2


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE audit_entries SET who = 'eve' WHERE sequence = 2", "entry 2 was changed"),
        ("UPDATE audit_entries SET after = NULL WHERE sequence = 3", "entry 3 was changed"),
        ("DELETE FROM audit_entries WHERE sequence = 2", "entry 2 is missing"),
        ("DELETE FROM audit_entries WHERE sequence = 4", "the end is cut off"),
        ("UPDATE audit_entries SET sequence = 5 - sequence + 10 WHERE sequence IN (2, 3)", "entry 2 is missing"),
    ],
)
async def test_what_is_tampered_with_is_named(database: Database, sql: str, said: str) -> None:
    for index in range(4):
        await record(database, str(index))
    await change(database, sql)
    assert said in (await audit.verify(database)).problem


async def test_a_trail_cut_off_with_its_head_is_found_by_a_noted_hash(database: Database) -> None:
    entries = [await record(database, str(index)) for index in range(4)]
    assert (await audit.verify(database, entries[1].hash)).problem == ""
    await change(database, "DELETE FROM audit_entries WHERE sequence > 2")
    await change(database, f"UPDATE audit_heads SET sequence = 2, hash = '{entries[1].hash}'")
    assert (await audit.verify(database)).problem == ""
    assert "expected hash" in (await audit.verify(database, entries[3].hash)).problem


async def test_changes_of_access_leave_entries_without_secrets(database: Database) -> None:
    access = Access(database, WallClock(), Settings())
    with acting_as(ADA):
        await access.users.create("ada", PASSWORD)
        await access.users.create("bob", PASSWORD, "viewer")
        await access.users.change("bob", role="operator")
        await access.users.change("bob", password=PASSWORD + "2")
        secret, token = await access.tokens.create("script", created_by="ada", scopes=["runs:read"])
        await access.tokens.revoke(token.uuid)
        await access.users.remove("bob")
    entries = [entry async for entry in audit.entries(database)]
    assert [f"{entry.action} {entry.noun}" for entry in entries] == [
        "create user", "create user", "update user", "set password user", "create token", "revoke token",
        "delete user",
    ]  # fmt: skip
    assert {(entry.who, entry.kind, entry.address) for entry in entries} == {ADA}
    everything = "".join(f"{entry.before}{entry.after}" for entry in entries)
    assert PASSWORD not in everything
    assert secret not in everything


async def test_the_last_administrator_stays(database: Database) -> None:
    access = Access(database, WallClock(), Settings())
    await access.users.create("ada", PASSWORD)
    with pytest.raises(Conflict):
        await access.users.remove("ada")
    with pytest.raises(Conflict):
        await access.users.change("ada", role="viewer")
    await access.users.create("bob", PASSWORD)
    ends = await asyncio.gather(access.users.remove("ada"), access.users.remove("bob"), return_exceptions=True)
    assert [type(end) for end in ends if end] == [Conflict]
    assert len(await access.users.list()) == 1


async def test_scopes(database: Database) -> None:
    access = Access(database, WallClock(), Settings())
    with pytest.raises(BadRequest):
        await access.tokens.create("script", created_by="ada", scopes=["runs:destroy"])
    secret, token = await access.tokens.create("script", created_by="ada", scopes=["runs:read", "site:write"])
    assert token.scopes == "runs:read site:write"
    identity = await access.by_token(secret)
    assert identity is not None
    assert in_scope(identity.scopes, "runs", "read")
    assert not in_scope(identity.scopes, "runs", "write")
    assert in_scope(identity.scopes, "site", "read")
    assert not in_scope(identity.scopes, "users", "read")
    assert in_scope("", "users", "write")


async def test_wrong_passwords_are_told_and_do_not_fill_the_trail(database: Database) -> None:
    access = Access(database, WallClock(), Settings(login_delay_s=0))
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await access.login("ada" * 50, "a wrong password", "10.0.0.1")
    (entry,) = await audit.newest(database, 9)
    assert (entry.action, entry.address, entry.subject[:6], len(entry.subject)) == (
        "fail to log in", "10.0.0.1", "adaada", 64,
    )  # fmt: skip
    assert entry.after == '{"attempts":1}'
