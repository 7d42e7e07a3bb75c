"""The documentation is whole and comes from this server alone."""

import re

import msgspec
import pytest
from tests.served import Served

pytestmark = pytest.mark.anyio


async def test_the_document_is_openapi_3_1_and_names_the_ways_to_log_in(served: Served) -> None:
    async with served.client("") as client:
        answer = await client.get("/api/v0/docs/spec")
    document = answer.json()
    assert answer.headers["content-type"].startswith("application/json")
    assert document["openapi"].startswith("3.1")
    assert set(document["components"]["securitySchemes"]) == {"token", "session"}
    assert document["security"] == [{"token": []}, {"session": []}]
    open_to_all = {
        path for path, item in document["paths"].items() for op in item.values() if op.get("security") == [{}]
    }
    assert open_to_all == {
        "/api/v0/login",
        "/api/v0/version",
        "/api/v0/status",
        "/api/v0/api_token/authenticate",
    }


async def test_every_operation_says_what_it_does_and_no_page_is_among_them(served: Served) -> None:
    async with served.client("") as client:
        document = (await client.get("/api/v0/docs/spec")).json()
    for path, item in document["paths"].items():
        assert path.startswith(("/api/v0/", "/daq/")), path
        for method, operation in item.items():
            assert operation["summary"], (method, path)
            assert operation["tags"], (method, path)
            assert not {"201", "204"} & set(operation["responses"]), "v0 answers 200"


async def test_the_login_takes_a_form_and_json(served: Served) -> None:
    async with served.client("") as client:
        document = (await client.get("/api/v0/docs/spec")).json()
    content = document["paths"]["/api/v0/login"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "application/x-www-form-urlencoded"}


async def test_swagger_comes_without_asking_anybody_else(served: Served) -> None:
    async with served.client("") as client:
        page = await client.get("/api/v0/docs/")
        links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert links
        for link in links:
            assert link.startswith("/api/v0/docs/assets/")
            file = await client.get(link)
            assert file.status_code == 200
            assert file.content
        assert (await client.get("/api/v0/docs/assets/passwd")).status_code == 404
    assert "https://" not in page.text


async def test_every_failure_is_documented_with_one_shape_and_names_are_allowed(served: Served) -> None:
    async with served.client("") as client:
        text = (await client.get("/api/v0/docs/spec")).text
    document = msgspec.json.decode(text)
    for item in document["paths"].values():
        for operation in item.values():
            assert operation["responses"]["default"] == {"$ref": "#/components/responses/Failure"}
            assert "400" not in operation["responses"]
    for name in document["components"]["schemas"]:
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
    for name in re.findall(r'"#/components/schemas/([^"]+)"', text):
        assert name in document["components"]["schemas"]


async def test_components_have_short_names(served: Served) -> None:
    """They become the names of types in programs that are made from a document."""
    async with served.client("") as client:
        for path in ("/api/v0/docs", "/api/v1/docs/fleet", "/api/v1/docs/facilities", "/api/roundsman/v1/docs"):
            text = (await client.get(f"{path}/spec")).text
            schemas = msgspec.json.decode(text)["components"]["schemas"]
            for name in schemas:
                assert re.fullmatch(r"[A-Z][A-Za-z0-9]{1,40}", name)
