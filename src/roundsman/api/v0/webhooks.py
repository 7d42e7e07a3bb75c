"""Webhooks: who is told of what. Source: scout-api.md §2.15. Tests, the log and replays are our own tier's."""

from typing import Any

from litestar import Request, Response, delete, get, post
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath

from roundsman.api.authentication import requires
from roundsman.api.bodies import a_flag, a_list, a_text, an_object, bodied, json_object
from roundsman.api.parts import Given
from roundsman.webhooks.types import TYPES, Webhook

ADMINISTER = requires("administer", "webhooks")
Asked = Request[Any, Any, Any]
_MEMBERS = {
    "url": Schema(type=OpenAPIType.STRING, pattern="^https?://[!-~]+$", description="where to send to"),
    "enabled": a_flag("whether it is told"),
    "archived": a_flag("hidden and told nothing, but kept"),
    "events": a_list(Schema(type=OpenAPIType.STRING, enum=list(TYPES))),
    "validateTlsCert": a_flag("whether its certificate must be trusted"),
    "secret": a_text("64 hexadecimal digits; left out: one is made"),
}
WEBHOOK_IN = an_object("A webhook.", ("url",), **_MEMBERS)
CHANGES_IN = an_object("What to change; what is left out stays as it is.", (), **_MEMBERS)


@get("/webhooks", opt=ADMINISTER, tags=["webhooks"], summary="All webhooks")
async def list_webhooks(parts: Given) -> list[Webhook]:
    """A bare list, the oldest first, without archived ones."""
    return await parts.webhooks.list()


@get("/webhooks/{uuid:str}", opt=ADMINISTER, tags=["webhooks"], summary="One webhook")
async def one_webhook(parts: Given, uuid: FromPath[str]) -> Webhook:
    """By its uuid, also if it is archived; 404 when there is none."""
    return await parts.webhooks.get(uuid)


@post(
    "/webhooks",
    status_code=200,
    opt=ADMINISTER,
    tags=["webhooks"],
    summary="Make a webhook",
    operation_class=bodied(WEBHOOK_IN),
)
async def post_webhook(parts: Given, request: Asked) -> Webhook:
    """Answers it with its uuid and secret."""
    return await parts.webhooks.add(await json_object(request))


@post(
    "/webhooks/{uuid:str}",
    status_code=200,
    opt=ADMINISTER,
    tags=["webhooks"],
    summary="Change a webhook",
    operation_class=bodied(CHANGES_IN),
)
async def change_webhook(parts: Given, request: Asked, uuid: FromPath[str]) -> Webhook:
    """Answers it as it is then. Enabling one that Roundsman disabled makes it start afresh."""
    return await parts.webhooks.change(uuid, await json_object(request))


@delete("/webhooks/{uuid:str}", status_code=200, opt=ADMINISTER, tags=["webhooks"], summary="Remove a webhook")
async def delete_webhook(parts: Given, uuid: FromPath[str]) -> Response[dict[str, str]]:
    """With the log of its deliveries; `archived` keeps both."""
    await parts.webhooks.remove(uuid)
    return Response({"uuid": uuid})


routes = [list_webhooks, one_webhook, post_webhook, change_webhook, delete_webhook]
