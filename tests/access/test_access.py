"""Users, tokens, sessions and the set-up link, on both databases."""

from typing import Any

import pytest
from sqlalchemy import select

from roundsman.access.secrets import SessionIds
from roundsman.access.service import Access
from roundsman.access.tables import api_tokens, sessions, users
from roundsman.kit.clock import WallClock
from roundsman.kit.database import Database, Statement
from roundsman.kit.problem import BadRequest, Conflict, NotFound, Unauthorized
from roundsman.settings import Settings

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"


class Clock(WallClock):
    """The wall clock, which can be put forward."""

    ahead_us = 0

    def now_us(self) -> int:
        return super().now_us() + self.ahead_us

    async def sleep(self, seconds: float) -> None:
        self.ahead_us += int(seconds * 1e6)


@pytest.fixture
def moving_clock() -> Clock:
    return Clock()


@pytest.fixture
def access(database: Database, moving_clock: Clock) -> Access:
    return Access(database, moving_clock, Settings(session_lifetime_s=1000, session_idle_s=500, access_cache_s=5))


async def stored(database: Database, *columns: Any) -> list[tuple[Any, ...]]:
    return await database.all(Statement(select(*columns)))


async def test_a_user_logs_in_with_the_right_password_only(access: Access) -> None:
    await access.users.create("ada", PASSWORD, "viewer")
    assert (await access.login("ada", PASSWORD, "::1")).role == "viewer"
    wrong = {}
    for name in ("ada", "nobody"):
        with pytest.raises(Unauthorized) as refused:
            await access.login(name, "a wrong password", "::1")
        wrong[name] = str(refused.value)
    assert wrong["ada"] == wrong["nobody"]


async def test_passwords_and_tokens_are_stored_as_hashes(access: Access, database: Database) -> None:
    await access.users.create("ada", PASSWORD)
    token, _ = await access.tokens.create("script", created_by="ada")
    [(password_hash,)] = await stored(database, users.c.password_hash)
    [(digest, hint)] = await stored(database, api_tokens.c.digest, api_tokens.c.hint)
    assert password_hash.startswith("$argon2id$")
    assert token not in digest
    assert token.startswith(hint)
    assert len(hint) == 8


@pytest.mark.parametrize(
    ("username", "password", "role", "parameter"),
    [("a b", PASSWORD, "admin", "username"), ("ada", "short", "admin", "password"), ("ada", PASSWORD, "king", "role")],
)
async def test_what_cannot_be_used_is_named(
    access: Access, username: str, password: str, role: Any, parameter: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        await access.users.create(username, password, role)
    assert refused.value.parameter == parameter


async def test_a_name_is_taken_once(access: Access) -> None:
    await access.users.create("ada", PASSWORD)
    with pytest.raises(Conflict):
        await access.users.create("ada", PASSWORD)


async def test_removing_a_user_ends_sessions_and_tokens_at_once(access: Access) -> None:
    await access.users.create("another", PASSWORD)
    user = await access.users.create("ada", PASSWORD)
    session_id = (await access.sessions.ids()).mint()
    await access.sessions.open(user, session_id)
    token, _ = await access.tokens.create("script", created_by="ada")
    assert await access.by_session(session_id)
    assert await access.by_token(token)
    await access.users.remove("ada")
    assert await access.by_session(session_id) is None
    assert await access.by_token(token) is None
    with pytest.raises(NotFound):
        await access.users.remove("ada")


async def test_a_new_password_ends_the_sessions(access: Access) -> None:
    user = await access.users.create("ada", PASSWORD)
    session_id = (await access.sessions.ids()).mint()
    await access.sessions.open(user, session_id)
    await access.users.change("ada", password="another password")
    assert await access.by_session(session_id) is None
    await access.login("ada", "another password", "::1")


async def test_a_token_can_be_revoked_once_and_expires(access: Access, moving_clock: Clock) -> None:
    token, record = await access.tokens.create("script", "reviewer", created_by="ada")
    identity = await access.by_token(token)
    assert identity is not None
    assert (identity.name, identity.role, identity.kind) == ("script", "reviewer", "token")
    await access.tokens.revoke(record.uuid)
    assert await access.by_token(token) is None
    with pytest.raises(NotFound):
        await access.tokens.revoke(record.uuid)
    short, _ = await access.tokens.create("short", created_by="ada", expires_us=moving_clock.now_us() + 60_000_000)
    assert await access.by_token(short) is not None
    moving_clock.ahead_us += 60_000_000
    assert await access.by_token(short) is None


async def test_another_process_is_believed_within_seconds(
    access: Access, database: Database, moving_clock: Clock
) -> None:
    token, record = await access.tokens.create("script", created_by="ada")
    assert await access.by_token(token)
    await Access(database, moving_clock, Settings()).tokens.revoke(record.uuid)
    moving_clock.ahead_us += 5_000_000
    assert await access.by_token(token) is None


async def test_sessions_end_by_age_and_by_disuse(access: Access, moving_clock: Clock) -> None:
    user = await access.users.create("ada", PASSWORD)
    session_id = (await access.sessions.ids()).mint()
    await access.sessions.open(user, session_id)
    for _ in range(4):
        moving_clock.ahead_us += 240_000_000
        assert await access.by_session(session_id) is not None
        await access.usage.flush()
    moving_clock.ahead_us += 240_000_000
    assert await access.by_session(session_id) is None, "older than its lifetime"

    session_id = (await access.sessions.ids()).mint()
    await access.sessions.open(user, session_id)
    moving_clock.ahead_us += 501_000_000
    assert await access.by_session(session_id) is None, "unused for too long"


async def test_only_ids_minted_here_become_sessions(access: Access, database: Database) -> None:
    ids = await access.sessions.ids()
    other = SessionIds(b"another key").mint()
    assert ids.genuine(ids.mint())
    assert not ids.genuine(other)
    assert not ids.genuine("x")
    assert not ids.genuine("ä.ö")
    user = await access.users.create("ada", PASSWORD)
    await access.sessions.open(user, other)
    assert await access.by_session(other) is None


async def test_all_processes_mint_with_one_key(access: Access, database: Database, moving_clock: Clock) -> None:
    other = Access(database, moving_clock, Settings())
    assert (await other.sessions.ids()).genuine((await access.sessions.ids()).mint())
    assert await other.instance_id() == await access.instance_id()


async def test_use_is_noted_without_a_write_for_each_request(access: Access, database: Database) -> None:
    token, _ = await access.tokens.create("script", created_by="ada")
    for _ in range(3):
        await access.by_token(token)
    [listed] = await access.tokens.list()
    assert listed.last_used_us is None
    await access.usage.flush()
    [listed] = await access.tokens.list()
    assert listed.last_used_us is not None


async def test_sessions_that_are_over_are_removed(access: Access, database: Database, moving_clock: Clock) -> None:
    user = await access.users.create("ada", PASSWORD)
    await access.sessions.open(user, (await access.sessions.ids()).mint())
    moving_clock.ahead_us += 1001_000_000
    await access.usage.flush()
    assert await stored(database, sessions.c.digest) == []


async def test_the_setup_link_works_once_and_only_while_there_is_nobody(access: Access) -> None:
    first = await access.setup_token()
    second = await access.setup_token()
    assert first
    assert second
    assert not await access.setup_open(first), "replaced by the second"
    assert await access.setup_open(second)
    with pytest.raises(Unauthorized):
        await access.set_up(first, "ada", PASSWORD)
    user = await access.set_up(second, "ada", PASSWORD)
    assert user.role == "admin"
    with pytest.raises(Unauthorized):
        await access.set_up(second, "eve", PASSWORD)
    assert await access.setup_token() is None
    assert not await access.setup_open(second)
