"""The pages of webhooks: the list, one with the log of its deliveries, and the form that makes and changes one."""

import secrets
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from roundsman.api.authentication import CSRF, requires
from roundsman.api.parts import Given, Parts
from roundsman.api.v0.query import Listing, Query
from roundsman.kit.problem import BadRequest, Problem
from roundsman.kit.times import parse_time
from roundsman.web.forms import fields_of
from roundsman.web.rendering import Moment, moment, page
from roundsman.web.visitors import visit
from roundsman.webhooks import store
from roundsman.webhooks.types import EVENTS, STATES, Delivery, Webhook

Asked = Request[Any, Any, Any]
PATH = "/webhooks"
NEW = "new"
READ = requires("administer", "webhooks")
WRITE = {**READ, CSRF: "form"}
_FLAGS = ("enabled", "validateTlsCert")
# What people read instead of the names.
WORDS = {
    "ACTION_COMPLETED": "An action was done",
    "ACTION_COMPLETED_WITH_ALERT": "An action raised an alert",
    "RUN_STARTED": "A run begins",
    "RUN_ENDED": "A run ends",
    "ANOMALY_OPENED": "An anomaly is opened",
    "ANOMALY_CLOSED": "An anomaly is closed",
    "ROBOT_ONLINE": "A robot can be reached",
    "ROBOT_OFFLINE": "A robot cannot be reached any more",
    "SCHEDULE_MISSED": "A scheduled start did not happen",
}


class DeliveryShown(msgspec.Struct, frozen=True):
    """A line of the log, and what it opens to."""

    uuid: str
    type: str
    state: str
    created: Moment
    outcome: str
    fault: bool
    attempts: int
    attempted: str
    due: str
    headers: str
    body: str
    status: int | None
    answer: str


@get(PATH, opt=READ)
async def list_page(parts: Given, request: Asked) -> Response[str]:
    """All webhooks that are not archived."""
    seen, found = await visit(parts, request), await parts.webhooks.list()
    return page("webhooks.html", identity=seen.identity, csrf=seen.csrf, webhooks=found)


@get(f"{PATH}/{{uuid:str}}", opt=READ)
async def one_page(parts: Given, request: Asked, uuid: FromPath[str]) -> Response[str]:
    """One with the log of its deliveries, or the form of a new one."""
    if uuid == NEW:
        return await _form(parts, request, {"enabled": "on", "validateTlsCert": "on", "secret": _new_secret()})
    seen, webhook, now_us = await visit(parts, request), await parts.webhooks.get(uuid), parts.clock.now_us()
    query = Query(request)
    asked, state = Listing(parts, query, store.LOG, {"newest": store.NEWEST}, "newest"), _state(query)
    wanted = {"webhook_uuid": [uuid]} | ({"state": [state]} if state else {})
    found = await store.find_log(parts.database, wanted, asked.window)
    return page(
        "webhook.html",
        identity=seen.identity,
        csrf=seen.csrf,
        webhook=webhook,
        deliveries=[_shown(store.logged(row), now_us) for row in asked.rows(found)],
        total=found.total,
        state=state,
        states=STATES,
        older=asked.next(found)[0],
        newest=query.last("cursor") is None,
        words=WORDS,
    )


@get(f"{PATH}/{{uuid:str}}/settings", opt=READ)
async def settings_page(parts: Given, request: Asked, uuid: FromPath[str]) -> Response[str]:
    """The form that changes one; with `?secret=new` another secret is in it, to be copied and saved."""
    webhook = await parts.webhooks.get(uuid)
    another = {"secret": _new_secret()} if request.query_params.get("secret") == NEW else {}
    return await _form(parts, request, _fields_of(webhook) | another, webhook)


@post(f"{PATH}/{{uuid:str}}", opt=WRITE)
async def save(parts: Given, request: Asked, uuid: FromPath[str]) -> Response[Any]:
    """Makes one, or changes one."""
    fields = await fields_of(parts, request)
    webhook = None if uuid == NEW else await parts.webhooks.get(uuid)
    body = _body_of(fields, webhook)
    try:
        saved = await (parts.webhooks.change(uuid, body) if webhook else parts.webhooks.add(body))
    except Problem as failure:
        return await _form(parts, request, fields, webhook, failure)
    return Redirect(f"{PATH}/{saved.uuid}", status_code=303)


@post(f"{PATH}/{{uuid:str}}/{{act:str}}", opt=WRITE)
async def act_on(parts: Given, request: Asked, uuid: FromPath[str], act: FromPath[str]) -> Response[Any]:
    """Tries one out, sends one or all failed deliveries again, or removes it."""
    fields = await fields_of(parts, request)
    if act == "test":
        await parts.webhooks.test(uuid)
    elif act == "replay":
        await parts.webhooks.replay(fields.get("delivery", ""))
    elif act == "replay-failed":
        await parts.webhooks.replay_all(uuid, "failed", 0)
    elif act == "remove":
        await parts.webhooks.remove(uuid)
        return Redirect(PATH, status_code=303)
    else:
        raise BadRequest("act", f"a webhook cannot be told to {act[:40]}")
    return Redirect(f"{PATH}/{uuid}", status_code=303)


async def _form(
    parts: Parts,
    request: Asked,
    form: dict[str, str],
    webhook: Webhook | None = None,
    failure: Problem | None = None,
) -> Response[str]:
    seen = await visit(parts, request)
    return page(
        "webhook_settings.html",
        status=failure.status if failure else 200,
        identity=seen.identity,
        csrf=seen.csrf,
        webhook=webhook,
        form={name: form.get(name, "") for name in ("url", "secret", *_FLAGS)},
        events=[(name, WORDS[name], f"event.{name}" in form) for name in EVENTS.values()],
        message=str(failure) if failure else "",
    )


def _state(query: Query) -> str:
    """The state that the log is narrowed to; none for all."""
    return query.choice("state", STATES, "") if query.last("state") else ""


def _new_secret() -> str:
    return secrets.token_hex(32)


def _fields_of(webhook: Webhook) -> dict[str, str]:
    """A webhook as the fields of the form; its secret is not among them."""
    flags = {"enabled": webhook.enabled, "validateTlsCert": webhook.validate_tls_cert}
    return {
        "url": webhook.url,
        **{name: "on" for name, value in flags.items() if value},
        **{f"event.{name}": "on" for name in webhook.events},
    }


def _body_of(fields: dict[str, str], webhook: Webhook | None) -> dict[str, Any]:
    """The form's fields as the body that the API takes; what the form does not offer stays as it was."""
    kept = [name for name in (webhook.events if webhook else []) if name not in EVENTS.values()]
    return {
        "url": fields.get("url", "").strip(),
        "secret": fields.get("secret", "").strip(),
        "events": [*(name for name in EVENTS.values() if f"event.{name}" in fields), *kept],
        **{name: name in fields for name in _FLAGS},
    }


def _shown(delivery: Delivery, now_us: int) -> DeliveryShown:
    due, attempted = delivery.next_attempt_at, delivery.attempted_at
    answered = f"it answered {delivery.status}" if delivery.status else "not sent yet"
    return DeliveryShown(
        uuid=delivery.uuid,
        type=delivery.type,
        state=delivery.state,
        created=moment(parse_time(delivery.created_at), now_us),
        outcome=delivery.problem or answered,
        fault=bool(delivery.problem),
        attempts=delivery.attempts,
        attempted=moment(parse_time(attempted), now_us).full if attempted else "",
        due=moment(parse_time(due), now_us).full if due else "",
        headers="\n".join(f"{name}: {value}" for name, value in delivery.request_headers.items()),
        body=msgspec.json.format(delivery.body, indent=2) if delivery.body else "",
        status=delivery.status,
        answer=delivery.answer,
    )


routes = [list_page, one_page, settings_page, save, act_on]
