"""The command line beside the server: users, tokens, robots, upkeep; and what it says when something is wrong."""

import re
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest
from tests.processes import run, started

from roundsman.settings import described

Done = subprocess.CompletedProcess[str]


def fine(done: Done) -> str:
    """What a command that went well said."""
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def refused(done: Done) -> str:
    """The one line of a command that did not."""
    assert done.returncode == 1, done
    assert re.fullmatch(r"roundsman: [^\n]+\n", done.stderr), done.stderr
    assert "Traceback" not in done.stdout
    return done.stderr


def test_users(tmp_path: Path) -> None:
    password = {"ROUNDSMAN_NEW_PASSWORD": "correct horse battery"}
    fine(run("user", "add", "ada", "--role", "operator", "--data", tmp_path, **password))
    assert re.search(r"ada\s+operator", fine(run("user", "list", "--data", tmp_path)))
    assert "ada" in refused(run("user", "add", "ada", "--data", tmp_path, **password))
    assert "admin" in refused(run("user", "add", "bob", "--role", "king", "--data", tmp_path, **password))
    fine(run("user", "remove", "ada", "--data", tmp_path))
    assert "ada" not in fine(run("user", "list", "--data", tmp_path))
    assert "ada" in refused(run("user", "remove", "ada", "--data", tmp_path))


def test_tokens(tmp_path: Path) -> None:
    secret = fine(run("token", "add", "night shift", "--days", "3", "--data", tmp_path)).strip()
    assert re.fullmatch(r"rmn_[\w-]{30,}", secret)
    shown = fine(run("token", "list", "--data", tmp_path))
    assert "night shift" in shown
    assert secret not in shown
    uuid = re.search(r"[0-9a-f-]{36}", shown)
    assert uuid
    fine(run("token", "remove", uuid[0], "--data", tmp_path))
    assert re.search(rf"{uuid[0]} +night shift .* revoked", fine(run("token", "list", "--data", tmp_path)))
    assert uuid[0] in refused(run("token", "remove", uuid[0], "--data", tmp_path))
    assert "4711" in refused(run("token", "remove", "4711", "--data", tmp_path))


def test_robots(tmp_path: Path) -> None:
    add = ("robot", "add", "10.0.0.3:443", "--nickname", "Spot 1", "--data", tmp_path)
    fine(run(*add, ROUNDSMAN_ROBOT_PASSWORD="secret"))
    shown = fine(run("robot", "list", "--data", tmp_path))
    assert "Spot 1" in shown
    assert "secret" not in shown
    assert "10.0.0.3:443" in refused(run(*add, ROUNDSMAN_ROBOT_PASSWORD="secret"))
    fine(run("robot", "remove", "10.0.0.3:443", "--data", tmp_path))
    assert "Spot 1" not in fine(run("robot", "list", "--data", tmp_path))
    assert "10.0.0.3:443" in refused(run("robot", "remove", "10.0.0.3:443", "--data", tmp_path))


def test_upkeep(tmp_path: Path) -> None:
    assert "up to date" in fine(run("migrate", "--data", tmp_path))
    said = fine(run("doctor", "--data", tmp_path, ROUNDSMAN_PORT="0"))
    assert len(re.findall(r"^ok ", said, re.MULTILINE)) == len(said.splitlines()) >= 5
    said = fine(run("settings", "--data", tmp_path, COLUMNS="300"))
    for name, *_ in described():
        assert name in said


def test_the_first_start_prints_a_link_and_makes_no_account(tmp_path: Path) -> None:
    with started("serve", "--data", tmp_path, "--host", "127.0.0.1", "--port", "0") as running:
        link = running.line(lambda line: "/setup?token=" in line)
        assert "https://127.0.0.1:" in link
        assert fine(run("user", "list", "--data", tmp_path)).strip() == "none yet"
        assert fine(run("token", "list", "--data", tmp_path)).strip() == "none yet"
        assert running.interrupt() in (0, 130)
    with started("serve", "--data", tmp_path, "--host", "127.0.0.1", "--port", "0") as running:
        again = running.line(lambda line: "/setup?token=" in line)
        assert again.rpartition("=")[2] == link.rpartition("=")[2] or again != link
    fine(run("user", "add", "ada", "--data", tmp_path, ROUNDSMAN_NEW_PASSWORD="correct horse battery"))
    with started("serve", "--data", tmp_path, "--host", "127.0.0.1", "--port", "0") as running:
        running.line(lambda line: "Certificate authority" in line)
        assert running.interrupt() in (0, 130)
        assert not any("/setup" in line for line in running.said)


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert port in refused(run("serve", "--data", tmp_path, "--host", "127.0.0.1", "--port", port))


def test_a_file_where_the_data_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        said = refused(run("serve", "--data", folder, "--host", "127.0.0.1", "--port", "0"))
        assert str(tmp_path / "file") in said
        assert str(tmp_path / "file") in refused(run("migrate", "--data", folder))


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    folder = Path("/proc/roundsman")  # nobody may, root neither
    assert str(folder) in refused(run("serve", "--data", folder, "--host", "127.0.0.1", "--port", "0"))
    assert run("doctor", "--data", folder).returncode == 1


def test_a_data_folder_of_a_newer_version(tmp_path: Path) -> None:
    fine(run("migrate", "--data", tmp_path))
    (file,) = tmp_path.glob("*.sqlite3")
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    for command in (("serve", "--host", "127.0.0.1", "--port", "0"), ("migrate",), ("user", "list")):
        assert "newer" in refused(run(*command, "--data", tmp_path))


@pytest.mark.parametrize("where", ["environment", "file"])
def test_an_unknown_setting_is_refused_with_the_nearest_known(tmp_path: Path, where: str) -> None:
    config = tmp_path / "roundsman.toml"
    config.write_text("pord = 1\n" if where == "file" else "")
    more = {"ROUNDSMAN_PORD": "1"} if where == "environment" else {}
    for command in ("serve", "doctor", "settings", "migrate"):
        said = refused(run(command, "--config", config, "--data", tmp_path, **more))
        assert "pord" in said.lower()
        assert re.search(r"\bport\b", said, re.IGNORECASE)
