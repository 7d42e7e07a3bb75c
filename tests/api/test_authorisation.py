"""Who may ask what: every operation and page, beside the table that says so (authorisation.txt).

A route without a line fails, and so does one whose line is not what it asks of people. Then each is asked: by nobody,
by each role, and by tokens that are limited to its resource and to another one. Judged is whether that one is refused.
"""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from tests.served import Served

from roundsman.access.roles import PERMISSIONS, ROLES, allows
from roundsman.access.scopes import RESOURCES
from roundsman.api.authentication import CSRF, NEEDS, RESOURCE
from roundsman.kit.identifiers import new_uuid
from roundsman.web.app import create_app

pytestmark = pytest.mark.anyio

TABLE = Path(__file__).with_name("authorisation.txt")
PUBLIC = "public"
REFUSED = (401, 403)
# Open to everybody; they refuse what they are sent to check.
CHECKS = ("/api/v0/login", "/api/v0/api_token/authenticate", "/setup")
# Who asks: a role without limits, or an administrator's token with a scope.
NOBODY, RIGHT_READ, RIGHT_WRITE, OTHER = "nobody", "<resource>:read", "<resource>:write", "another scope"
VISITORS = (NOBODY, *ROLES, RIGHT_READ, RIGHT_WRITE, OTHER)


class Rule(NamedTuple):
    """What an operation asks of people; `form` is a page's, whose own token nobody here has."""

    method: str
    path: str
    permission: str
    resource: str
    form: bool = False

    @property
    def line(self) -> str:
        """As the table has it."""
        return f"{self.method:7}{self.path:68} {self.permission:11}{self.resource}".rstrip()

    def lets(self, visitor: str) -> bool:
        """Whether this visitor may."""
        if self.permission == PUBLIC:
            return True
        reads = self.method == "GET"
        limited = {NOBODY: False, RIGHT_READ: reads, RIGHT_WRITE: True, OTHER: False}
        return limited[visitor] if visitor in limited else allows(visitor, self.permission)


def rules_of(app: Litestar) -> list[Rule]:
    """What the routes say of themselves."""
    found: list[Rule] = []
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)
        for handler in route.route_handlers:
            needed, resource = handler.opt.get(NEEDS, "?"), handler.opt.get(RESOURCE, "?")
            asked = (PUBLIC, "") if needed is None else (needed, resource)
            form = handler.opt.get(CSRF) == "form"
            found += [Rule(method, path, *asked, form) for method in handler.http_methods if method != "OPTIONS"]
    return sorted(found, key=lambda rule: (rule.path, rule.method))


@pytest.fixture
def rules(served: Served) -> list[Rule]:
    return rules_of(create_app(served.parts))


async def test_every_route_is_in_the_table_as_it_is(rules: list[Rule]) -> None:
    """After a change that is meant: copy the lines that the failure shows, and look at each."""
    assert [rule.line for rule in rules] == TABLE.read_text().splitlines()


async def test_every_route_names_its_permission_and_its_resource(rules: list[Rule]) -> None:
    for rule in rules:
        assert rule.permission == PUBLIC or (rule.permission in PERMISSIONS and rule.resource in RESOURCES), rule


async def secrets_for(served: Served, resource: str) -> dict[str, str]:
    """Tokens of all visitors to a resource."""
    access, another = served.parts.access, next(name for name in RESOURCES if name != resource)
    limits = {RIGHT_READ: [f"{resource}:read"], RIGHT_WRITE: [f"{resource}:write"], OTHER: [f"{another}:write"]}
    secrets = {role: (await access.tokens.create(role, role, created_by="tests"))[0] for role in ROLES}
    for name, scopes in limits.items():
        secrets[name] = (await access.tokens.create(name, created_by="tests", scopes=scopes))[0]
    return {NOBODY: "", **secrets}


@pytest.fixture
async def bare(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    """Without a token of its own."""
    async with served.client("", follow_redirects=False) as client:
        yield client


async def test_each_is_refused_to_those_who_may_not(served: Served, rules: list[Rule], bare: httpx.AsyncClient) -> None:
    wrong: list[str] = []
    for resource in sorted({rule.resource for rule in rules}):
        secrets = await secrets_for(served, resource or "system")  # what is public is nobody's in particular
        for rule in (rule for rule in rules if rule.resource == resource):
            for visitor in VISITORS:
                if rule.path in CHECKS or (rule.form and rule.lets(visitor)):
                    continue  # without the form's own token even those who may are refused: tests/web has them
                status = await asked(bare, rule, secrets[visitor])
                if (status not in REFUSED) != rule.lets(visitor) or status >= 500:
                    wrong.append(f"{rule.line}: {visitor} got {status}")
    assert wrong == []


async def asked(client: httpx.AsyncClient, rule: Rule, secret: str) -> int:
    """The status of the answer, whose body is not waited for; a page that sends people to the login refuses them."""
    path = re.sub(r"\{\w+\}", lambda _: new_uuid(), rule.path)
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    body: dict[str, Any] = {} if rule.method == "GET" else {"json": {}}
    async with client.stream(rule.method, path, headers=headers, **body) as answer:
        if answer.is_redirect and answer.headers["location"].startswith("/login"):
            return 403
        return answer.status_code
