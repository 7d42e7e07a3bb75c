"""Site walks and site elements over version 1.

Source: scout-api.md §0.1; of the members only `id` and `name` are known of the closed server, the others are ours.
"""

from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.params import FromPath
from msgspec import Meta

from roundsman.api.authentication import requires
from roundsman.api.parts import Given, Parts
from roundsman.api.v1.paging import Items, Page, listing, page_of, query_of
from roundsman.site import store
from roundsman.site.imports import map_of

READ = requires("read", "site")
Asked = Request[Any, Any, Any]


class SiteWalk(msgspec.Struct, rename="camel"):
    """A round: actions at places, in the order of the visit."""

    id: Annotated[str, Meta(description="Opaque; the `uuid` of version 0.")]
    name: Annotated[str, Meta(description="The mission's name; several walks may share it.")]
    site_element_ids: Annotated[list[str], Meta(description="In the order of the visit.")]
    site_dock_ids: Annotated[list[str], Meta(description="The docks to choose from.")]
    site_map_id: Annotated[str | None, Meta(description="Opaque; null for a walk that came without a map.")]
    created_at: str
    modified_at: str


class SiteElement(msgspec.Struct, rename="camel"):
    """An action at a place."""

    id: Annotated[str, Meta(description="Opaque; the `uuid` of version 0.")]
    name: Annotated[str, Meta(description="The action's name.")]
    waypoint_id: Annotated[str, Meta(description="Where it is done; empty where the element does not say.")]
    asset_id: Annotated[str | None, Meta(description="What is inspected, where the element's writer said so.")]
    created_at: str
    modified_at: str


@get(
    "/api/facilities/v1/site-walks",
    opt=READ,
    tags=["site walks"],
    summary="Site walks",
    operation_class=listing(name="the walk's name"),
)
async def list_walks(parts: Given, request: Asked) -> Items[SiteWalk]:
    """The oldest first."""
    found, page = await _page(parts, request, "site_walk", ("name",))
    return Items([await _walk(parts, one) for one in found], page)


@get("/api/facilities/v1/site-walks/{id:str}", opt=READ, tags=["site walks"], summary="One site walk")
async def one_walk(parts: Given, id: FromPath[str]) -> SiteWalk:  # noqa: A002 - its name on the wire
    """By its id; SITE_WALK_NOT_FOUND when there is none."""
    return await _walk(parts, await store.find(parts.database, "site_walk", id))


@get(
    "/api/facilities/v1/site-elements",
    opt=READ,
    tags=["site elements"],
    summary="Site elements",
    operation_class=listing(name="the element's name", assetId="the element's member assetId"),
)
async def list_elements(parts: Given, request: Asked) -> Items[SiteElement]:
    """The oldest first."""
    found, page = await _page(parts, request, "site_element", ("name", "assetId"))
    return Items([_element(one) for one in found], page)


@get("/api/facilities/v1/site-elements/{id:str}", opt=READ, tags=["site elements"], summary="One site element")
async def one_element(parts: Given, id: FromPath[str]) -> SiteElement:  # noqa: A002 - its name on the wire
    """By its id; SITE_ELEMENT_NOT_FOUND when there is none."""
    return _element(await store.find(parts.database, "site_element", id))


async def _page(
    parts: Parts, request: Asked, kind: store.Kind, filters: tuple[str, ...]
) -> tuple[list[store.Document], Page]:
    query = query_of(request)
    asked = page_of(query, parts)
    wanted = {name: query[name] for name in filters if name in query}
    found, total = await store.page(parts.database, kind, wanted, asked.limit, asked.offset)
    return found, Page(total, asked.limit, asked.offset)


async def _walk(parts: Parts, document: store.Document) -> SiteWalk:
    return SiteWalk(
        id=document["uuid"],
        name=document["name"],
        site_element_ids=store.named(document, "siteElementIds"),
        site_dock_ids=store.named(document, "siteDockIds"),
        site_map_id=await map_of(parts.database, document["uuid"]),
        created_at=document["createdAt"],
        modified_at=document["modifiedAt"],
    )


def _element(document: store.Document) -> SiteElement:
    asset = document.get("assetId")
    return SiteElement(
        id=document["uuid"],
        name=document["name"],
        waypoint_id=document["waypointId"],
        asset_id=None if asset is None else str(asset),
        created_at=document["createdAt"],
        modified_at=document["modifiedAt"],
    )


routes = [list_walks, one_walk, list_elements, one_element]
