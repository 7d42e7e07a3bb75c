"""The ways in: passwords, tokens, cookies by hand, certificates, and what the command-line helpers make of them."""

import json
import subprocess

import pytest
from tests.clients.calls import ok
from tests.clients.official import NAMES, OfficialClient, command_of, environ_of, official_client
from tests.clients.site import DRIVEN, IDLE, Site

WITH_PASSWORDS = NAMES[:2]
WITH_TOKENS = NAMES[1:]


@pytest.mark.parametrize("name", WITH_PASSWORDS)
def test_a_password_lets_the_scout_clients_in(site: Site, name: str) -> None:
    with official_client(name, site.served.contract) as client:
        client.create(site.served.host, str(site.served.ca_file))
        refused = client.authenticate_with_password(site.served.username, "wrong")
        assert (refused.status, client.get_robots().kind) == (401, "error"), "it does not ask without a login"
        assert ok(client.authenticate_with_password(site.served.username, site.served.password))["username"] == "admin"
        assert finds_the_robots(client)


@pytest.mark.parametrize("name", WITH_TOKENS)
def test_a_token_lets_the_later_clients_in(site: Site, name: str) -> None:
    with official_client(name, site.served.contract) as client:
        client.create(site.served.host, str(site.served.ca_file))
        assert client.authenticate_with_api_token("rmn_wrong").status == 401
        assert client.get_robots().kind == "error", "it does not ask without a login"
        assert client.authenticate_with_api_token(site.served.token).status == 200
        assert finds_the_robots(client)


@pytest.mark.parametrize("name", WITH_PASSWORDS)
def test_credentials_come_from_the_environment(site: Site, name: str) -> None:
    environ = {
        "BOSDYN_SCOUT_CLIENT_USERNAME": site.served.username,
        "BOSDYN_SCOUT_CLIENT_PASSWORD": site.served.password,
    }
    with official_client(name, site.served.contract, environ) as client:
        client.create(site.served.host, str(site.served.ca_file))
        assert client.utils("get_credentials").value == [site.served.username, site.served.password]
        assert client.authenticate_with_password().status == 200
        assert finds_the_robots(client)


@pytest.mark.parametrize("name", WITH_TOKENS)
def test_the_token_comes_from_the_environment(site: Site, name: str) -> None:
    with official_client(name, site.served.contract, with_token(site)) as client:
        client.create(site.served.host, str(site.served.ca_file))
        assert client.utils("get_api_token").value == site.served.token
        assert client.authenticate_with_api_token().status == 200
        assert finds_the_robots(client)


@pytest.mark.parametrize("name", NAMES)
def test_without_verification_every_client_gets_in_too(site: Site, name: str) -> None:
    with official_client(name, site.served.contract, {"PYTHONWARNINGS": "ignore"}) as client:
        assert client.create(site.served.host, False).kind == "value"
        enter(client, site)
        assert finds_the_robots(client)


@pytest.mark.parametrize("name", NAMES)
def test_a_certificate_that_is_not_trusted_is_refused_by_the_client(site: Site, name: str) -> None:
    with official_client(name, site.served.contract) as client:
        assert client.create(site.served.host, True).type == "SSLError"


@pytest.mark.parametrize("verify", ["ca", "false"])
def test_the_arguments_of_a_program_make_an_orbit_client(site: Site, verify: str) -> None:
    with official_client("bosdyn-orbit-5.2.0", site.served.contract, with_token(site)) as client:
        client.utils("add_base_arguments", "$parser")
        path = str(site.served.ca_file) if verify == "ca" else verify
        client.call("parser", "parse_args", ["--hostname", site.served.host, "--verify", path])
        assert client.call("module", "create_client", "$last").type == "Client"
        assert finds_the_robots(client)


@pytest.mark.parametrize(
    ("name", "maker"),
    [("bosdyn-orbit-4.0.3", "create_client"), ("bosdyn-scout-5.2.0", "create_scout_client")],
)
def test_options_make_a_client(site: Site, name: str, maker: str) -> None:
    with official_client(name, site.served.contract, with_token(site)) as client:
        client.call("parser", "set_defaults", hostname=site.served.host, cert=None, use_api_token=True)
        client.call("parser", "set_defaults", verify=str(site.served.ca_file))
        client.call("parser", "parse_args", [])
        assert client.call("module", maker, "$last").type.endswith("Client")
        assert finds_the_robots(client)


@pytest.mark.parametrize("name", NAMES)
def test_the_documented_program_with_one_set_of_cookies(site: Site, name: str) -> None:
    served = site.served
    arguments = (served.url, served.username, served.password, str(served.ca_file))
    command = command_of(name, "cookie_program.py", *arguments)
    done = subprocess.run(command, env=environ_of(name, {}), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["first"], said["user"], len(said["runs"])) == (200, "admin", 3)


def with_token(site: Site) -> dict[str, str]:
    return {"BOSDYN_ORBIT_CLIENT_API_TOKEN": site.served.token}


def enter(client: OfficialClient, site: Site) -> None:
    if client.package == "scout":
        assert client.authenticate_with_password(site.served.username, site.served.password).status == 200
    else:
        assert client.authenticate_with_api_token(site.served.token).status == 200


def finds_the_robots(client: OfficialClient) -> bool:
    return [robot["hostname"] for robot in ok(client.get_robots())] == [DRIVEN, IDLE]
