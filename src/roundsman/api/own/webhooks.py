"""Webhooks tried out, the log of their deliveries, and deliveries sent again."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath
from msgspec import Meta

from roundsman.api.answers import Json
from roundsman.api.authentication import requires
from roundsman.api.bodies import a_time, a_word, an_object, bodied, json_object
from roundsman.api.own.collection import Collection, collection, listing
from roundsman.api.parts import Given
from roundsman.api.v0.query import Listing, Query, choice, text
from roundsman.kit.members import Members
from roundsman.kit.times import given_time
from roundsman.webhooks import store
from roundsman.webhooks.types import STATES, Delivery

ADMINISTER = requires("administer", "webhooks")
Asked = Request[Any, Any, Any]
COLUMNS = {"webhookUuid": "webhook_uuid", "state": "state"}
PARAMETERS = (text("webhookUuid", "the webhook"), choice("state", "what became of it", STATES))
_REPLAY_IN = an_object("Which deliveries.", state=a_word("failed by default", STATES), since=a_time("made since then"))


class Tried(msgspec.Struct, rename="camel"):
    """A message that was sent to try a webhook out."""

    delivery_uuid: str


class Replayed(msgspec.Struct):
    """What is sent again."""

    deliveries: Annotated[int, Meta(description="How many.")]


@post(
    "/webhooks/{uuid:str}/test", status_code=200, opt=ADMINISTER, tags=["webhooks"], summary="Try a webhook out"
)  # fmt: skip
async def test_webhook(parts: Given, uuid: FromPath[str]) -> Tried:
    """Sends a message of type TEST within seconds, also to one that is disabled. The log tells what came of it."""
    return Tried(await parts.webhooks.test(uuid))


@get(
    "/webhook_deliveries",
    opt=ADMINISTER,
    tags=["webhooks"],
    summary="The log of deliveries",
    operation_class=listing(*PARAMETERS),
)
async def list_deliveries(parts: Given, request: Asked) -> Json[Collection[Delivery]]:
    """The newest first, with what was sent and answered last. Settled ones are kept for 30 days."""
    query = Query(request)
    asked = Listing(parts, query, store.LOG, {"newest": store.NEWEST}, "newest")
    found = await store.find_log(parts.database, query.texts(COLUMNS), asked.window)
    return collection(asked, found, [store.logged(row) for row in asked.rows(found)])


@post(
    "/webhook_deliveries/{uuid:str}/replay",
    status_code=200,
    opt=ADMINISTER,
    tags=["webhooks"],
    summary="Send a delivery again",
)
async def replay(parts: Given, uuid: FromPath[str]) -> Replayed:
    """With the same body and uuid, whatever became of it, as if it were new."""
    await parts.webhooks.replay(uuid)
    return Replayed(1)


@post(
    "/webhooks/{uuid:str}/replay",
    status_code=200,
    opt=ADMINISTER,
    tags=["webhooks"],
    summary="Send many deliveries of a webhook again",
    operation_class=bodied(_REPLAY_IN),
)
async def replay_all(parts: Given, request: Asked, uuid: FromPath[str]) -> Replayed:
    """Those that failed, unless another state is named."""
    members = Members(await json_object(request))
    since_us = given_time("since", members.text("since")) or 0
    return Replayed(await parts.webhooks.replay_all(uuid, members.text("state") or "failed", since_us))


routes = [test_webhook, list_deliveries, replay, replay_all]
