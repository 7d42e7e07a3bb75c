"""Site walks, elements and docks over v0, and recorded walks in and out (scout-api.md §2.4 – 2.6, §2.18)."""

import io
import json
import zipfile

import pytest
from tests.served import Served
from tests.site.recorded import folder, walks, zipped

from roundsman.kit import outbox
from roundsman.site.walk import json_of

pytestmark = pytest.mark.anyio
WALKS, ELEMENTS, DOCKS = (f"/api/v0/{name}" for name in ("site_walks", "site_elements", "site_docks"))
IMPORT, EXPORT, ARCHIVE = (f"{WALKS}/{name}" for name in ("import_from_walk", "export_as_walk", "archive"))
ROUND = "Boiler house round"
BYTES = {"Accept": "application/octet-stream"}


@pytest.mark.parametrize(("path", "more"), [(WALKS, {}), (ELEMENTS, {}), (DOCKS, {"dockId": 520})])
async def test_what_is_saved_is_listed_changed_and_deleted(served: Served, path: str, more: dict[str, int]) -> None:
    async with served.client() as client:
        body = {"name": "One", "colour": {"deep": [1, "é"]}, **more}
        made = (await client.post(path, json=body)).json()
        made = made if isinstance(made, dict) else made[0]
        assert (made["name"], made["colour"]) == ("One", {"deep": [1, "é"]})
        assert (await client.get(f"{path}/")).json() == [made]
        changed = (await client.post(path, json=[made | {"name": "Two", "createdAt": "never"}])).json()
        changed = changed if isinstance(changed, dict) else changed[0]
        assert (changed["uuid"], changed["name"], changed["createdAt"]) == (made["uuid"], "Two", made["createdAt"])
        by_path = (await client.post(f"{path}/{made['uuid']}", json={**more, "name": "Three"})).json()
        by_path = by_path if isinstance(by_path, dict) else by_path[0]
        assert (by_path["uuid"], "colour" in by_path) == (made["uuid"], False)
        assert (await client.get(f"{path}/{made['uuid']}")).json() == by_path
        assert len((await client.post(path, json=[{**more, "name": "A"}, {**more, "name": "B"}])).json()) == 2
        assert (await client.delete(f"{path}/{made['uuid']}")).json() == {"removed": made["uuid"]}
        assert (await client.delete(f"{path}/{made['uuid']}")).status_code == 404
        assert (await client.get(f"{path}/{made['uuid']}")).status_code == 404
        assert len((await client.get(path)).json()) == 2
    topics = [row[2].rpartition(".")[2] for row in await outbox.after(served.parts.database, 0)]
    assert topics == ["saved"] * 5 + ["deleted"]


@pytest.mark.parametrize(
    ("path", "body", "parameter"),
    [
        (WALKS, {"name": 7}, "name"),
        (WALKS, {"siteElementIds": "x"}, "siteElementIds"),
        (WALKS, [{"name": "x"}, {"globalParameters": []}], "[1].globalParameters"),
        (WALKS, {"preferRecordedRoutes": "yes"}, "preferRecordedRoutes"),
        (WALKS, {"uuid": 5}, "uuid"),
        (ELEMENTS, {"waypointMaxYaw": "wide"}, "waypointMaxYaw"),
        (ELEMENTS, {"action": 3}, "action"),
        (DOCKS, {"name": "the dock"}, "dockId"),
        (DOCKS, {"dockId": -1}, "dockId"),
    ],
)
async def test_what_cannot_be_used_is_named_and_nothing_is_stored(
    served: Served, path: str, body: object, parameter: str
) -> None:
    async with served.client() as client:
        refused = await client.post(path, json=body)
        assert (refused.status_code, refused.json()["parameter"]) == (400, parameter)
        assert (await client.get(path)).json() == []
        for odd in (b"7", b"[1]", b"{", b"", b"[" * 5000, json.dumps([{"a": "x"}] * 5001).encode()):
            assert (await client.post(path, content=odd)).status_code == 400


async def test_a_dock_may_bear_its_number_as_its_name(served: Served) -> None:
    async with served.client() as client:
        made = (await client.post(DOCKS, json=[{"name": "520"}])).json()
        assert [(one["dockId"], one["name"]) for one in made] == [(520, "520")]
        element = (await client.post(ELEMENTS, json={"name": "x"})).json()
        taken = await client.post(DOCKS, json={"uuid": element["uuid"], "dockId": 1})
        assert (taken.status_code, taken.json()["parameter"]) == (400, "uuid")


@pytest.mark.parametrize("form", ["bytes", "json", "wrapped", "form", "form with json"])
async def test_a_recorded_walk_comes_in_and_goes_out_to_the_byte(served: Served, form: str) -> None:
    content = walks()[ROUND]
    text = json.dumps(json_of(content)).encode()
    async with served.client() as client:
        for _ in range(2):  # the second time changes nothing
            if form == "bytes":
                answer = await client.post(IMPORT, content=content)
            elif form == "json":
                answer = await client.post(IMPORT, content=text)
            elif form == "wrapped":
                answer = await client.post(IMPORT, json={"walk": json_of(content)})
            else:
                file = content if form == "form" else text
                answer = await client.post(IMPORT, files={"walk": ("boiler.walk", file)}, data={"note": "x"})
            assert answer.status_code == 200, answer.text
        made = answer.json()
        assert (made["name"], len((await client.get(WALKS)).json())) == (ROUND, 1)
        assert len((await client.get(ELEMENTS)).json()) == len(made["siteElementIds"]) >= 8
        (dock,) = (await client.get(DOCKS)).json()
        assert [dock["uuid"]] == made["siteDockIds"]
        for answer in (
            await client.post(EXPORT, json={"siteWalkUuid": made["uuid"]}, headers=BYTES),
            await client.post(f"{EXPORT}/{made['uuid']}", headers=BYTES),
        ):
            assert answer.content == content
        assert (await client.post(EXPORT, json={"siteWalkUuid": made["uuid"]})).json() == json_of(content)
        assert (await client.post(EXPORT, json={"siteWalkUuid": "x"})).status_code == 404
        assert (await client.post(EXPORT, json={})).json()["parameter"] == "siteWalkUuid"


async def test_a_whole_folder_comes_in_and_goes_out(served: Served) -> None:
    async with served.client() as client:
        made = (await client.post(IMPORT, content=zipped(folder()))).json()
        assert {one["name"] for one in made} == set(walks())
        one = next(walk for walk in made if walk["name"] == ROUND)
        got = await client.get(ARCHIVE, params={"uuids": one["uuid"]})
        assert (got.headers["content-type"], int(got.headers["content-length"])) == (
            "application/zip",
            len(got.content),
        )
        with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
            assert archive.testzip() is None
            files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
            assert {name.partition("/")[0] for name in archive.namelist()} == {f"{ROUND}.walk"}
        assert files == dict(folder(ROUND))
        part = await client.get(ARCHIVE, params={"uuids": one["uuid"]}, headers={"Range": "bytes=100-299"})
        assert (part.status_code, part.content) == (206, got.content[100:300])
        both = await client.get(ARCHIVE, params={"uuids": ",".join(walk["uuid"] for walk in made)})
        with zipfile.ZipFile(io.BytesIO(both.content)) as archive:
            assert len([name for name in archive.namelist() if name.endswith("/graph")]) == len(walks())
        assert (await client.get(ARCHIVE)).json()["parameter"] == "uuids"
        assert (await client.get(ARCHIVE, params={"uuids": "x"})).status_code == 404


async def test_an_edit_is_in_what_goes_out(served: Served) -> None:
    async with served.client() as client:
        walk = (await client.post(IMPORT, content=walks()[ROUND])).json()
        first = walk["siteElementIds"][0]
        element = (await client.get(f"{ELEMENTS}/{first}")).json()
        assert (await client.post(ELEMENTS, json=[element | {"name": "Another name"}])).status_code == 200
        assert (
            await client.post(WALKS, json=[walk | {"siteElementIds": walk["siteElementIds"][:3]}])
        ).status_code == 200
        out = (await client.post(EXPORT, json={"siteWalkUuid": walk["uuid"]})).json()
        assert out["elements"][0]["name"] == "Another name"
        assert out["elements"][1:] == json_of(walks()[ROUND])["elements"][1:3]
        assert (await client.delete(f"{ELEMENTS}/{first}")).status_code == 200
        missing = await client.post(EXPORT, json={"siteWalkUuid": walk["uuid"]})
        assert (missing.status_code, first in missing.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"PK\x03\x04",
        b'{"missionName": 7}',
        b'{"walk": 7}',
        walks()[ROUND][:-9],
        zipped(dict(folder()) | {"graph": b"\xff"}),
        zipped({"graph": folder()["graph"]}),
        zipped(dict(folder()) | {"../x": b""}, ""),
    ],
)
async def test_a_refused_upload_leaves_nothing(served: Served, content: bytes) -> None:
    async with served.client() as client:
        refused = await client.post(IMPORT, content=content)
        assert (refused.status_code, bool(refused.json()["error"])) == (400, True)
        assert [(await client.get(path)).json() for path in (WALKS, ELEMENTS, DOCKS)] == [[], [], []]
        two = await client.post(IMPORT, files=[("a", ("a.walk", content)), ("b", ("b.walk", content))])
        assert two.status_code == 400
        broken = {"content-type": "multipart/form-data; boundary=x"}
        assert (await client.post(IMPORT, content=content + b"--y", headers=broken)).status_code == 400
    blobs = served.parts.settings.data_dir / "blobs"
    assert not [file for file in blobs.rglob("*") if file.is_file()]


async def test_missions_are_site_walks_as_3_2_has_them(served: Served) -> None:
    async with served.client() as client:
        walk = (await client.post(IMPORT, content=walks()[ROUND])).json()
        (mission,) = (await client.get("/api/v0/missions")).json()
        assert mission == {
            "uuid": walk["uuid"], "mission_id": walk["uuid"], "name": ROUND, "saved_at": walk["modifiedAt"],
        }  # fmt: skip
        assert (await client.get(f"/api/v0/missions/{walk['uuid']}")).json() == mission
        assert (await client.delete(f"/api/v0/missions/{walk['uuid']}")).status_code == 200
        assert (await client.get(WALKS)).json() == []


ODD = {
    "nothing": (b"", {}),
    "an empty form": (b"--x--\r\n", {"content-type": "multipart/form-data; boundary=x"}),
    "a form without a boundary": (b"--x--", {"content-type": "multipart/form-data"}),
    "an empty boundary": (b"--x--", {"content-type": 'multipart/form-data; boundary=""'}),
    "an endless boundary": (b"--x--", {"content-type": f"multipart/form-data; boundary={'x' * 5000}"}),
    "a boundary of bytes": (b"--x--", {"content-type": b"multipart/form-data; boundary=\xff\xfe"}),
    "a part without a name": (
        b'--x\r\ncontent-disposition: form-data; filename="a"\r\n\r\nhello\r\n--x--\r\n',
        {"content-type": "multipart/form-data; boundary=x"},
    ),
    "a charset that is none": (
        b'--x\r\ncontent-disposition: form-data; name="a"\r\ncontent-type: text/plain; charset=klingon\r\n\r\n\xff\r\n'
        b'--x\r\ncontent-disposition: form-data; name="w"; filename="w"\r\n\r\nhello\r\n--x--\r\n',
        {"content-type": "multipart/form-data; boundary=x"},
    ),
    "long headers of a part": (
        b"--x\r\n" + b"a: " + b"b" * 100_000 + b"\r\n\r\nhello\r\n--x--\r\n",
        {"content-type": "multipart/form-data; boundary=x"},
    ),
    "a lone surrogate": (b'{"missionName": "\\ud800"}', {}),
    "no UTF-8": (b'{"missionName": "\xff"}', {}),
    "a number too large": (b'{"docks": [{"dockId": 9223372036854775808}]}', {}),
    "too deep": (b'{"walk":' * 3000 + b"1" + b"}" * 3000, {}),
    "too deep in a message": (
        b'{"elements": [{"action": {"node": ' + b'{"implementation": ' * 500 + b"1" + b"}" * 500 + b"}}]}",
        {},
    ),
    "NUL": (b"\0", {}),
    "a list": (b"[]", {}),
    "gzip": (b"\x1f\x8b\x08", {"content-encoding": "gzip"}),
    "a zip of nothing": (b"PK\x05\x06" + b"\0" * 18, {}),
}


async def test_odd_bodies_are_refused_with_the_reason(served: Served) -> None:
    async with served.client() as client:
        for odd, (content, headers) in ODD.items():
            for path in (IMPORT, EXPORT):
                answer = await client.post(path, content=content, headers=headers)
                assert (answer.status_code, bool(answer.json()["error"])) == (400, True), (odd, path, answer.text)
        assert [(await client.get(path)).json() for path in (WALKS, ELEMENTS, DOCKS)] == [[], [], []]


async def test_odd_names_and_numbers(served: Served) -> None:
    async with served.client() as client:
        for body in (
            {"name": "a\0b"}, {"uuid": "a\0b"}, {"uuid": ""}, {"name": None}, {"siteElementIds": [None]},
            {"siteElementIds": "x"}, {"siteDockIds": {"a": {"b": 1}}}, {"createdAt": 7}, {"name": "\udcff"},
            {"x": 2**70},
        ):  # fmt: skip
            answer = await client.post(WALKS, content=json.dumps(body))
            assert answer.status_code in (200, 400), (body, answer.text)
        for walk in (await client.get(WALKS)).json():
            for accept in ({}, BYTES):
                answer = await client.post(EXPORT, json={"siteWalkUuid": walk["uuid"]}, headers=accept)
                assert answer.status_code in (200, 400), (walk, answer.text)
            answer = await client.get(ARCHIVE, params={"uuids": walk["uuid"]})
            assert answer.status_code in (200, 400), (walk, answer.text)
        for value in (-1, 2**32, 2**63, 1e300, "7", {"low": 7, "high": 0}, True, [], "x" * 10_000):
            answer = await client.post(DOCKS, json={"dockId": value})
            assert answer.status_code in (200, 400), (value, answer.text)
        for uuids in ("\0", "x" * 5000, ",,,", "\udcff".encode(errors="surrogateescape")):
            assert (await client.get(ARCHIVE, params={"uuids": uuids})).status_code in (400, 404)


async def test_who_may_not_is_told_whatever_is_sent(served: Served) -> None:
    token, _ = await served.parts.access.tokens.create("eyes", "viewer", created_by="tests")
    async with served.client(token) as viewer:
        for _ in range(10):  # a refusal that does not read the body resets the connection now and then
            assert (await viewer.post(IMPORT, content=b"x" * 300_000)).status_code == 403
