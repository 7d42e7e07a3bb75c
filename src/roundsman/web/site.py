"""The pages of the site: its walks and its map, one walk with its actions, and walks coming in."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, cast
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from roundsman.api.authentication import CSRF, requires
from roundsman.api.parts import Given, Parts
from roundsman.api.upload import uploaded
from roundsman.api.v0.site import UPLOAD_MAX_BYTES
from roundsman.kit.problem import Forbidden, Problem
from roundsman.site import imports, store
from roundsman.site.walk import NeedsSpot
from roundsman.site.walk_map import Plan, plan_of
from roundsman.web.forms import check_csrf
from roundsman.web.plan import Drawing, drawing_of
from roundsman.web.rendering import Moment, moment, page
from roundsman.web.visitors import visit

Asked = Request[Any, Any, Any]
PATH = "/site"
READ = requires("read", "site")
WRITE = {**requires("administer", "site"), CSRF: "form"}
KINDS = {
    "dataAcquisition": "capture", "sleep": "wait", "remoteGrpc": "call a payload",
    "executeChoreography": "choreography", "node": "mission node",
}  # fmt: skip


class WalkShown(msgspec.Struct, frozen=True):
    """A walk in the list."""

    uuid: str
    name: str
    actions: int
    docks: str
    mapped: bool
    modified: Moment


class ActionShown(msgspec.Struct, frozen=True):
    """An action of a walk. `missing`: the walk names it and nobody has it."""

    name: str
    kind: str
    sources: str
    place: str
    on_map: bool
    skipped: bool
    missing: bool


class MapShown(msgspec.Struct, frozen=True):
    """A map: its drawing, or why there is none."""

    name: str
    drawing: Drawing | None
    problem: str


@get(PATH, opt=READ)
async def site_page(parts: Given, request: Asked) -> Response[str]:
    """Every map with all that is on it, and the walks."""
    return await _site(parts, request)


async def _site(parts: Parts, request: Asked, *, message: str = "", status: int = 200) -> Response[str]:
    now_us, seen = parts.clock.now_us(), await visit(parts, request)
    walks = await store.list_decoded(parts.database, "site_walk")
    elements = await store.list_decoded(parts.database, "site_element")
    docks = await store.list_decoded(parts.database, "site_dock")
    return page(
        "site.html",
        status=status,
        identity=seen.identity,
        csrf=seen.csrf,
        message=message,
        imported=request.query_params.get("imported", "")[:300],
        walks=[await _walk_shown(parts, walk, docks, now_us) for walk in walks],
        maps=[
            await _map_shown(parts, uuid, name, elements, docks, numbered=False)
            for uuid, name in await imports.maps(parts.database)
        ],
        elements=len(elements),
        docks=docks,
    )


@get(f"{PATH}/walks/{{uuid:str}}", opt=READ)
async def walk_page(parts: Given, request: Asked, uuid: FromPath[str]) -> Response[str]:
    """One walk: its actions in the order of the visit, on its map."""
    now_us, seen = parts.clock.now_us(), await visit(parts, request)
    walk = await store.find(parts.database, "site_walk", uuid)
    uuids = store.named(walk, "siteElementIds")
    known = await store.found(parts.database, "site_element", uuids)
    elements = [known.get(one, {"name": one, "waypointId": ""}) for one in uuids]
    docks = list((await store.found(parts.database, "site_dock", store.named(walk, "siteDockIds"))).values())
    map_uuid = await imports.map_of(parts.database, uuid)
    drawn, plan = None, None
    if map_uuid:
        drawn = await _map_shown(parts, map_uuid, str(walk.get("mapName", "")), elements, docks, numbered=True)
        plan = await _plan(parts, map_uuid)
    return page(
        "site_walk.html",
        identity=seen.identity,
        csrf=seen.csrf,
        walk=await _walk_shown(parts, walk, docks, now_us),
        actions=[
            _action_shown(element, plan, missing=one not in known) for one, element in zip(uuids, elements, strict=True)
        ],
        map=drawn,
    )


@post(PATH, opt=WRITE)
async def bring_in(parts: Given, request: Asked) -> Response[Any]:
    """A recorded walk from the form."""
    try:
        async with uploaded(request, UPLOAD_MAX_BYTES) as upload:
            await check_csrf(parts, request, upload.fields.get("csrf", ""))
            walks = await imports.import_file(parts.database, parts.blobs, parts.clock, upload.path)
    except Forbidden:
        raise
    except Problem as problem:
        return await _site(parts, request, message=problem.detail or problem.title, status=problem.status)
    names = ", ".join(walk["name"] or walk["uuid"] for walk in walks)
    return Redirect(f"{PATH}?{urlencode({'imported': names})}", status_code=303)


async def _walk_shown(parts: Parts, walk: store.Document, docks: Iterable[store.Document], now_us: int) -> WalkShown:
    named = set(store.named(walk, "siteDockIds"))
    return WalkShown(
        uuid=walk["uuid"],
        name=walk["name"] or walk["uuid"],
        actions=len(store.named(walk, "siteElementIds")),
        docks=", ".join(str(dock["name"]) for dock in docks if dock["uuid"] in named),
        mapped=await imports.map_of(parts.database, walk["uuid"]) is not None,
        modified=moment(store.time_of(walk), now_us),
    )


async def _map_shown(
    parts: Parts,
    uuid: str,
    name: str,
    elements: Sequence[store.Document],
    docks: Iterable[store.Document],
    *,
    numbered: bool,
) -> MapShown:
    actions = [(str(one["waypointId"]), str(one["name"])) for one in elements]
    stands = [(str(one["dockedWaypointId"]), str(one["name"])) for one in docks]
    try:
        plan = await _plan(parts, uuid)
    except NeedsSpot as problem:
        return MapShown(name, None, problem.detail)
    drawing = drawing_of(plan, actions, stands, numbered=numbered)
    return MapShown(name, drawing, "" if drawing else "The map has no waypoint.")


async def _plan(parts: Parts, map_uuid: str) -> Plan:
    return await asyncio.to_thread(plan_of, await imports.graph_of(parts.database, parts.blobs, map_uuid))


def _action_shown(element: store.Document, plan: Plan | None, *, missing: bool) -> ActionShown:
    waypoint, action = str(element["waypointId"]), _object(element.get("action"))
    return ActionShown(
        name=str(element["name"]),
        kind=", ".join(KINDS.get(name, name) for name in action),
        sources=", ".join(_sources(action)),
        place=(plan.names.get(waypoint, "") if plan else "") or waypoint,
        on_map=plan is not None and waypoint in plan.poses,
        skipped=element.get("isSkipped") is True,
        missing=missing,
    )


def _sources(action: dict[str, Any]) -> list[str]:
    """What a capture acquires, as far as it can be told: names of captures, cameras and models."""
    request: Any = action
    for member in ("dataAcquisition", "acquireDataRequest", "acquisitionRequests"):
        request = _object(_object(request).get(member))
    named = [_object(one).get("name") for one in _list(request.get("dataCaptures"))]
    named += [
        _object(_object(one).get("imageRequest")).get("imageSourceName") for one in _list(request.get("imageCaptures"))
    ]
    named += [
        _object(_object(one).get("inputData")).get("modelName") for one in _list(request.get("networkComputeCaptures"))
    ]
    return [name for name in named if isinstance(name, str) and name]


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


routes = [site_page, walk_page, bring_in]
