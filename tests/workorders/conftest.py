"""Work orders over a database of either kind, a system that keeps them, and a clock that tests advance."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.captures.test_record import START_US, alert, image, metadata
from tests.workorders.receiver import SECRET, Receiver, receiving

from roundsman.anomalies.service import opener
from roundsman.anomalies.tables import anomalies
from roundsman.captures.record import Origin, Recording
from roundsman.kit.blobs import Blobs
from roundsman.kit.bus import Bus
from roundsman.kit.clock import SimulatedClock
from roundsman.kit.crypto import Vault
from roundsman.kit.database import Database, Statement
from roundsman.kit.listing import Window
from roundsman.kit.outbound import Outbound
from roundsman.runs.record import RobotIdentity
from roundsman.workorders import health, store
from roundsman.workorders.keeping import Keeper, maker
from roundsman.workorders.service import WorkOrders
from roundsman.workorders.settings import Settings
from roundsman.workorders.types import WorkOrder

_ANOMALIES = Statement(select(anomalies.c.uuid))
JPEG = b"\xff\xd8\xff\xe0 not really a picture"


def string(template: str = "", **more: Any) -> dict[str, Any]:
    return {"spec": {"stringSpec": {"templateValue": template, **more}}}


SPEC = {
    "specs": {
        "title": string("{anomaly.title} at {anomaly.actionName}") | {"uiInfo": {"displayOrder": "1"}},
        "body": string("{anomaly}", isMultiline=True) | {"uiInfo": {"displayName": "Text", "displayOrder": "2"}},
        "picture": string("{images[0].data}"),
        "by": string("{user}"),
        "priority": {"spec": {"intSpec": {"templateValue": "{anomaly.severity}"}}},
    }
}


def settings_for(receiver: Receiver, **changes: Any) -> Settings:
    given: dict[str, Any] = {
        "create_url": f"{receiver.url}/work_order",
        "auth_header_name": "Authorization",
        "spec_template": SPEC,
        "detail_url": f"{receiver.url}/show/{{id}}",
        "status_url": f"{receiver.url}/work_order/{{id}}/status",
        "status_field": "state",
        "closed_values": "closed, done",
        **changes,
    }
    return Settings(**given)


@dataclass
class Plant:
    """Everything together."""

    database: Database
    blobs: Blobs
    clock: SimulatedClock
    vault: Vault
    outbound: Outbound
    receiver: Receiver
    orders: WorkOrders
    keeper: Keeper
    captured: int = 0

    async def set_up(self, secret: str = SECRET, **changes: Any) -> None:
        await self.orders.save_settings("ada", settings_for(self.receiver, **changes), secret)

    async def alarm(self, action: int = 0, element: str | None = None, severity: int = 3) -> str:
        """A robot photographs something hot; the uuid of the anomaly."""
        blob = await self.blobs.put(JPEG)
        picture, warning = image(self.captured + 1, "spot-cam-ir", action), alert(self.captured + 2, severity, action)
        told = [metadata(self.captured + 3, {"element_id": element}, action=action)] if element else []
        self.captured += 3
        picture = type(picture)(**{name: getattr(picture, name) for name in picture.__struct_fields__} | {"blob": blob})
        origin = Origin(RobotIdentity("spot-1", "10.0.0.1", "Spot 1"), 1)
        await self.database.write(lambda tx: Recording(tx, origin, START_US).add_all([picture, *told, warning]))
        await opener(self.database, Bus(), self.clock).catch_up()
        rows = await self.database.all(_ANOMALIES)
        return max(row[0] for row in rows)

    async def make_automatic(self) -> None:
        """Lets the orders be made that anomalies make by themselves."""
        await maker(self.database, Bus(), self.clock).catch_up()

    async def turn(self, seconds: float = 0.0) -> None:
        """Lets some time pass, and every order that is due then have its turn."""
        await self.clock.advance(seconds)
        await self.keeper.look()
        await self.keeper.settled()

    async def listed(self, **filters: Any) -> list[WorkOrder]:
        rows = await store.list_orders(self.database, filters, Window(100))
        return [store.kept_of(row).order for row in rows]

    async def log(self) -> list[str]:
        return [line.text for line in health.lines_of(await health.list_lines(self.database, {}, Window(100)))]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
async def plant(
    database: Database, blobs: Blobs, clock: SimulatedClock, receiver: Receiver, tmp_path: Path
) -> AsyncIterator[Plant]:
    outbound, vault = Outbound(["127.0.0.0/8"]), Vault.open_file(tmp_path / "secret.key")
    orders = WorkOrders(database=database, blobs=blobs, vault=vault, clock=clock, outbound=outbound)
    yield Plant(database, blobs, clock, vault, outbound, receiver, orders, Keeper(orders, database, clock))
    await outbound.close()
