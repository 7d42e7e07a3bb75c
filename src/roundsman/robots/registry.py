"""The robots that Roundsman knows: who they are, and with which user to log in."""

import functools
import re
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from roundsman.access.audit import Actor, acting, record
from roundsman.kit import outbox
from roundsman.kit.bus import Bus
from roundsman.kit.clock import Clock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database, Duplicate, Reader, Statement, Transaction
from roundsman.kit.problem import BadRequest, Conflict, NotFound
from roundsman.robots.preflight import split
from roundsman.robots.tables import robots

TOPIC = "robots"
"""Bus topic: the hostname of a robot that was added, changed or removed."""

_HOSTNAME = re.compile(r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_SLOTS = 1000
_NAMESPACE = UUID("3f1c5c1e-8a3b-4c0f-9b5e-2d9a4c6f7e10")


class Robot(msgspec.Struct, frozen=True):
    """A registered robot. `robot_index` is its slot, from 0."""

    hostname: str
    robot_index: int
    nickname: str
    username: str
    serial: str | None
    software_version: str | None
    software_changeset: str | None
    last_seen_us: int | None
    modified_us: int

    @property
    def uuid(self) -> str:
        """An opaque id, made from the hostname, which is what one robot is registered by."""
        return str(uuid5(_NAMESPACE, self.hostname))

    @property
    def paired(self) -> bool:
        """Whether it was ever reached with this user."""
        return self.serial is not None

    @property
    def bootable(self) -> bool:
        """Whether its power can be switched from here; not before robots are commanded."""
        return False


_COLUMNS = [robots.c[name] for name in Robot.__struct_fields__]
_all = Statement(select(*_COLUMNS).order_by(robots.c.robot_index))
_one = Statement(select(*_COLUMNS).where(robots.c.hostname == bindparam("hostname")))
_slots = Statement(select(robots.c.robot_index).order_by(robots.c.robot_index))
_insert = Statement(insert(robots))
_set_login = Statement(
    update(robots)
    .where(robots.c.hostname == bindparam("of_hostname"))
    .values({name: bindparam(name) for name in ("username", "password_sealed", "modified_us")})
)
_delete = Statement(delete(robots).where(robots.c.hostname == bindparam("hostname")))
_secret = Statement(select(robots.c.password_sealed).where(robots.c.hostname == bindparam("hostname")))
_names = Statement(select(robots.c.hostname, robots.c.nickname))
_identify = Statement(
    update(robots)
    .where(robots.c.hostname == bindparam("of_hostname"))
    .values({name: bindparam(name) for name in ("serial", "software_version", "software_changeset", "last_seen_us")})
)


class Registry:
    """Adds, lists and removes robots. News of it goes to the bus; other processes are seen by reading again."""

    def __init__(self, *, database: Database, vault: Vault, clock: Clock, bus: Bus) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._bus = bus

    async def list(self) -> list[Robot]:
        """All robots, by their index."""
        return [Robot(*row) for row in await self._database.all(_all)]

    async def get(self, hostname: str) -> Robot:
        """The robot at `hostname`. Raises: NotFound."""
        return await _known(self._database, hostname)

    async def add(self, hostname: str, nickname: str, username: str, password: str) -> Robot:
        """Adds a robot in the lowest free slot; whether it can be reached is seen later, by its link.

        Raises: BadRequest for a name that cannot be used, Conflict when it is there already.
        """
        hostname, nickname = hostname.strip(), nickname.strip()
        _check(hostname, nickname, username)
        sealed = self._vault.seal(password.encode(), hostname.encode())
        work = functools.partial(self._insert, acting(), hostname, nickname, username, sealed)
        try:
            await self._database.write(work)
        except Duplicate:
            raise Conflict(f"a robot {hostname} or called {nickname} was added at this moment") from None
        self._bus.publish(TOPIC, hostname)
        return await self.get(hostname)

    async def _insert(
        self, by: Actor, hostname: str, nickname: str, username: str, sealed: bytes, tx: Transaction
    ) -> None:
        for other_hostname, other_nickname in await tx.all(_names):
            if _address(other_hostname) == _address(hostname):
                raise Conflict(
                    f"{hostname} is added already, as {other_nickname}; remove it first", parameter="hostname"
                )
            if other_nickname.casefold() == nickname.casefold():
                raise Conflict(f"the robot at {other_hostname} is called {nickname} already", parameter="nickname")
        used = {row[0] for row in await tx.all(_slots)}
        now_us = self._clock.now_us()
        await tx.execute(
            _insert, hostname=hostname, robot_index=next(slot for slot in range(_SLOTS) if slot not in used),
            nickname=nickname, username=username, password_sealed=sealed, serial=None, software_version=None,
            software_changeset=None, created_us=now_us, modified_us=now_us, last_seen_us=None,
        )  # fmt: skip
        await _told(tx, "robot.added", Robot(hostname, 0, nickname, username, None, None, None, None, now_us))
        await record(tx, by, "create", "robot", hostname, after={"nickname": nickname, "username": username})

    async def set_login(self, hostname: str, password: str, username: str | None = None) -> None:
        """Gives a robot another password, and another user when one is named; its link logs in anew with them.

        Raises: BadRequest for a username that cannot be used, NotFound.
        """
        by = acting()
        sealed = self._vault.seal(password.encode(), hostname.encode())

        async def work(tx: Transaction) -> None:
            before = await _known(tx, hostname)
            name = before.username if username is None else username
            _check_username(name)
            # Links follow `modified_us`, so that it has to grow also within one tick of the clock.
            modified_us = max(self._clock.now_us(), before.modified_us + 1)
            await tx.execute(
                _set_login, of_hostname=hostname, username=name, password_sealed=sealed, modified_us=modified_us
            )
            if name != before.username:
                then, now = ({"username": user} for user in (before.username, name))
                await record(tx, by, "update", "robot", hostname, before=then, after=now)
            await record(tx, by, "set password", "robot", hostname)

        await self._database.write(work)
        self._bus.publish(TOPIC, hostname)

    async def remove(self, hostname: str) -> None:
        """Forgets a robot; what it has captured stays. Raises: NotFound."""
        by = acting()

        async def work(tx: Transaction) -> None:
            gone = await _known(tx, hostname)
            await tx.execute(_delete, hostname=hostname)
            await _told(tx, "robot.removed", gone)
            told = {"nickname": gone.nickname, "username": gone.username}
            await record(tx, by, "delete", "robot", hostname, before=told)

        await self._database.write(work)
        self._bus.publish(TOPIC, hostname)

    async def password(self, hostname: str) -> str:
        """The robot's password. Raises: NotFound; ValueError when the vault's key is another."""
        row = await self._database.one(_secret, hostname=hostname)
        if row is None:
            raise NotFound(f"there is no robot {hostname}")
        return self._vault.open(bytes(row[0]), hostname.encode()).decode()

    async def tell(self, topic: str, robot: Robot, reason: str = "") -> None:
        """Tells others of a robot: robot.online or robot.offline, and why."""
        await self._database.write(lambda tx: _told(tx, topic, robot, reason))

    async def identify(self, hostname: str, serial: str, version: str, changeset: str) -> None:
        """Notes what a robot said of itself, and that it was seen."""

        async def work(tx: Transaction) -> None:
            await tx.execute(
                _identify, of_hostname=hostname, serial=serial, software_version=version,
                software_changeset=changeset, last_seen_us=self._clock.now_us(),
            )  # fmt: skip

        await self._database.write(work)


async def _known(reader: Reader, hostname: str) -> Robot:
    row = await reader.one(_one, hostname=hostname)
    if row is None:
        raise NotFound(f"there is no robot {hostname}")
    return Robot(*row)


async def _told(tx: Transaction, topic: str, robot: Robot, reason: str = "") -> None:
    document = {"hostname": robot.hostname, "nickname": robot.nickname, "serial": robot.serial, "reason": reason}
    await outbox.append(tx, topic, robot.uuid, msgspec.json.encode(document).decode())


def _address(hostname: str) -> tuple[str, int]:
    """What tells two robots apart: one name may be written in several ways."""
    host, port = split(hostname)
    return host.casefold().rstrip("."), port


def _check(hostname: str, nickname: str, username: str) -> None:
    if not _HOSTNAME.fullmatch(hostname):
        raise BadRequest("hostname", f"{hostname!r} is not a name or address; write it without https:// and slashes")
    if not 0 < split(hostname)[1] < 65536:
        raise BadRequest("hostname", f"the port of {hostname} must be from 1 to 65535")
    if not nickname or any(sign in nickname for sign in "#?/\\%") or not nickname.isprintable():
        # Official clients put the nickname into the path as it is. Source: scout-api.md §1.5.
        raise BadRequest("nickname", "a nickname needs at least one character and none of # ? / \\ %")
    _check_username(username)


def _check_username(username: str) -> None:
    if not username or not username.isprintable():
        raise BadRequest("username", "a username on the robot is needed, usually admin, in characters that can be seen")
