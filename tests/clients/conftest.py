"""One filled site for all clients, and each client logged in, once per database."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from anyio.from_thread import start_blocking_portal
from tests.clients.official import NAMES, OfficialClient, official_client
from tests.clients.site import Site, site_over


@pytest.fixture(scope="session")
def site(lasting_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Served in a thread of its own: the clients block."""
    folder = tmp_path_factory.mktemp("site")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(site_over(lasting_database_url, folder)) as site,
    ):
        yield site


Started = Callable[[str], OfficialClient]


@pytest.fixture(scope="session")
def clients(site: Site) -> Iterator[Started]:
    """A client by its name, logged in the way its generation does; started when first asked for."""
    started: dict[str, OfficialClient] = {}
    with ExitStack() as stack:

        def client(name: str) -> OfficialClient:
            if name not in started:
                started[name] = stack.enter_context(official_client(name, site.served.contract))
                log_in(started[name], site)
            return started[name]

        yield client


@pytest.fixture(params=NAMES)
def client(request: pytest.FixtureRequest, clients: Started) -> OfficialClient:
    """Each client, logged in."""
    return clients(request.param)


def log_in(client: OfficialClient, site: Site) -> None:
    """By password for the scout clients, by token for the orbit clients."""
    assert client.create(site.served.host, str(site.served.ca_file)).kind == "value"
    if client.package == "scout":
        answer = client.authenticate_with_password(site.served.username, site.served.password)
    else:
        answer = client.authenticate_with_api_token(site.served.token)
    assert answer.status == 200, answer
