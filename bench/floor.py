"""The bare floor: the same page by the stdlib driver in line under plain Starlette, msgspec bytes, no total.

Nothing is checked, nothing counted, nobody asked who they are: no server that does its work can be faster.
"""

import os
import sqlite3
from datetime import UTC, datetime

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

COLUMNS = (
    "uuid, run_event_uuid, channel_name, time_us, created_us, robot_serial, action_name, file_name, key_results, "
    "action_channel_run_flag_uuid"
)
LIST = f"""SELECT {COLUMNS} FROM run_captures WHERE created_us >= ? AND created_us < ?
           ORDER BY created_us DESC, uuid DESC LIMIT ? OFFSET ?"""
ONE = f"SELECT {COLUMNS} FROM run_captures WHERE uuid = ?"


class Capture(msgspec.Struct, rename="camel"):
    """A run capture as the API shows it."""

    uuid: str
    run_event_uuid: str
    channel_name: str
    time: str
    created_at: str
    data_url: str
    key_results: msgspec.Raw
    action_channel_run_flag_uuid: str


class Page(msgspec.Struct):
    """The envelope, without its total."""

    resources: list[Capture]
    limit: int
    offset: int


connection = sqlite3.connect(f"file:{os.environ['FLOOR_DATABASE']}?mode=ro", uri=True, check_same_thread=False)
encoder = msgspec.json.Encoder()


def iso(us: int) -> str:
    return datetime.fromtimestamp(us / 1e6, UTC).isoformat(timespec="microseconds")


def capture(row: tuple) -> Capture:
    uuid, event, channel, time_us, created_us, serial, action, file, results, flag = row
    url = f"/daq/download/{serial}/{time_us}/{action}/{uuid}/{file}"
    raw = msgspec.Raw((results or "null").encode())
    return Capture(uuid, event, channel, iso(time_us), iso(created_us), url, raw, flag)


async def captures(request: Request) -> Response:
    query = request.query_params
    limit, offset = int(query.get("limit", 20)), int(query.get("offset", 0))
    rows = connection.execute(LIST, (int(query["start"]), int(query["end"]), limit, offset)).fetchall()
    page = Page([capture(row) for row in rows], limit, offset)
    return Response(encoder.encode(page), media_type="application/json")


async def one(request: Request) -> Response:
    row = connection.execute(ONE, (request.path_params["uuid"],)).fetchone()
    return Response(encoder.encode(capture(row)), media_type="application/json")


app = Starlette(routes=[Route("/captures", captures), Route("/captures/{uuid}", one)])
