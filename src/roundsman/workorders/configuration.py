"""The settings of work orders as they are stored; the secret is sealed, and shown to nobody again."""

from typing import NamedTuple

import msgspec
from sqlalchemy import select

from roundsman.kit.crypto import Vault
from roundsman.kit.database import Reader, Statement, Transaction, upsert
from roundsman.kit.problem import BadRequest
from roundsman.workorders import store
from roundsman.workorders.settings import Settings, check_secret, checked, origin
from roundsman.workorders.tables import work_order_settings

_PURPOSE = b"work orders: the header that says who we are"
_columns = work_order_settings.c
_read = Statement(
    select(
        _columns.document, _columns.auth_value, _columns.automatic_since_us, _columns.modified_us, _columns.modified_by
    ).where(_columns.settings_id == 0)
)
_save = upsert(
    work_order_settings,
    ["settings_id"],
    lambda new: {
        name: new.excluded[name]
        for name in ("document", "auth_value", "automatic_since_us", "modified_us", "modified_by")
    },
)


class Configured(NamedTuple):
    """The settings, and what is stored beside them."""

    settings: Settings
    sealed: bytes | None = None
    automatic_since_us: int = 0  # anomalies opened earlier make no order by themselves
    modified_us: int | None = None
    modified_by: str = ""

    def headers(self, vault: Vault) -> dict[str, str]:
        """The header that says who we are. Raises: ValueError when the secret was sealed with another key."""
        if self.sealed is None or not self.settings.auth_header_name:
            return {}
        return {self.settings.auth_header_name: vault.open(self.sealed, _PURPOSE).decode("ascii")}


async def load(reader: Reader) -> Configured:
    """What is stored; the defaults where nothing is."""
    row = await reader.one(_read)
    if row is None:
        return Configured(Settings())
    document, sealed, *rest = row
    return Configured(msgspec.json.decode(document, type=Settings), sealed, *rest)


async def save(
    tx: Transaction, vault: Vault, by: str, now_us: int, settings: Settings, secret: str | None
) -> Configured:
    """Stores settings and, unless it is None, the secret; every order that waits for its turn has it now.

    Raises: BadRequest that names the member.
    """
    before = await load(tx)
    after = changed(before, vault, settings, secret)
    begun = settings.auto_create and not before.settings.auto_create
    after = after._replace(
        automatic_since_us=now_us if begun else before.automatic_since_us, modified_us=now_us, modified_by=by
    )
    await tx.execute(
        _save, settings_id=0, document=msgspec.json.encode(settings).decode(), auth_value=after.sealed,
        automatic_since_us=after.automatic_since_us, modified_us=now_us, modified_by=by,
    )  # fmt: skip
    await store.make_all_due(tx, now_us)
    return after


def changed(before: Configured, vault: Vault, settings: Settings, secret: str | None) -> Configured:
    """What was stored, with other settings and, unless it is None, another secret. Raises: BadRequest."""
    checked(settings)
    if not settings.auth_header_name:
        return before._replace(settings=settings, sealed=None)
    if secret is not None:
        check_secret(secret)
        return before._replace(
            settings=settings, sealed=vault.seal(secret.encode("ascii"), _PURPOSE) if secret else None
        )
    if before.sealed is not None and not _receivers(settings) <= _receivers(before.settings):
        raise BadRequest(
            "authHeaderValue",
            "authHeaderValue must be given again, as it would be sent to another host: nobody learns it by a new URL",
        )
    return before._replace(settings=settings)


def _receivers(settings: Settings) -> set[tuple[str, str, int | None]]:
    return {origin(url) for url in (settings.create_url, settings.status_url) if url}
