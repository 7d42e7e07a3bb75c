"""The command line beside the server: users, tokens, robots, upkeep; and what it says when something is wrong."""

import io
import os
import random
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest
from tests.processes import environ, run, started

from roundsman.api.tls import tls_files
from roundsman.cli.main import COMMANDS, imported, main
from roundsman.kit.problem import Problem
from roundsman.settings import Settings, described

Done = subprocess.CompletedProcess[str]


def here(*arguments: str | Path, **more: str) -> Done:
    """A command that only looks or writes, in this process: starting one takes longer than the work."""
    command, out, err = ["roundsman", *map(str, arguments)], io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environ(**more), clear=True),
        patch.object(sys, "argv", command),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        main()
    return Done(command, int(end.value.code or 0), out.getvalue(), err.getvalue())


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
    fine(here("user", "add", "ada", "--role", "operator", "--data", tmp_path, **password))
    assert re.search(r"ada\s+operator", fine(here("user", "list", "--data", tmp_path)))
    assert "ada" in refused(here("user", "add", "ada", "--data", tmp_path, **password))
    assert "admin" in refused(here("user", "add", "bob", "--role", "king", "--data", tmp_path, **password))
    fine(here("user", "disable", "ada", "--data", tmp_path))
    assert re.search(r"ada\s+operator.*disabled", fine(here("user", "list", "--data", tmp_path)))
    fine(here("user", "enable", "ada", "--data", tmp_path))
    assert re.search(r"ada\s+operator.*enabled", fine(here("user", "list", "--data", tmp_path)))
    assert fine(here("session", "list", "--user", "ada", "--data", tmp_path)).strip() == "none yet"
    assert "4711" in refused(here("session", "end", "4711", "--data", tmp_path))
    fine(here("user", "remove", "ada", "--data", tmp_path))
    assert "ada" not in fine(here("user", "list", "--data", tmp_path))
    assert "ada" in refused(here("user", "remove", "ada", "--data", tmp_path))


def test_tokens(tmp_path: Path) -> None:
    secret = fine(here("token", "add", "night shift", "--days", "3", "--data", tmp_path)).strip()
    assert re.fullmatch(r"rmn_[\w-]{30,}", secret)
    shown = fine(here("token", "list", "--data", tmp_path))
    assert "night shift" in shown
    assert secret not in shown
    uuid = re.search(r"[0-9a-f-]{36}", shown)
    assert uuid
    fine(here("token", "remove", uuid[0], "--data", tmp_path))
    assert re.search(rf"{uuid[0]} +night shift .* revoked", fine(here("token", "list", "--data", tmp_path)))
    assert uuid[0] in refused(here("token", "remove", uuid[0], "--data", tmp_path))
    assert "4711" in refused(here("token", "remove", "4711", "--data", tmp_path))


def test_robots(tmp_path: Path) -> None:
    add = ("robot", "add", "10.0.0.3:443", "--nickname", "Spot 1", "--data", tmp_path)
    fine(here(*add, ROUNDSMAN_ROBOT_PASSWORD="secret"))
    shown = fine(here("robot", "list", "--data", tmp_path))
    assert "Spot 1" in shown
    assert "secret" not in shown
    assert "10.0.0.3:443" in refused(here(*add, ROUNDSMAN_ROBOT_PASSWORD="secret"))
    change = ("robot", "set-password", "--data", tmp_path)
    fine(here(*change, "10.0.0.3:443", "--username", "ada", ROUNDSMAN_ROBOT_PASSWORD="another"))
    assert "ada" in fine(here("robot", "list", "--data", tmp_path))
    assert "nobody" in refused(here(*change, "nobody", ROUNDSMAN_ROBOT_PASSWORD="another"))
    fine(here("robot", "remove", "10.0.0.3:443", "--data", tmp_path))
    assert "Spot 1" not in fine(here("robot", "list", "--data", tmp_path))
    assert "10.0.0.3:443" in refused(here("robot", "remove", "10.0.0.3:443", "--data", tmp_path))


def test_upkeep(tmp_path: Path) -> None:
    assert "up to date" in fine(here("migrate", "--data", tmp_path))
    said = fine(here("doctor", "--data", tmp_path, ROUNDSMAN_PORT="0"))
    assert len(re.findall(r"^ok ", said, re.MULTILINE)) == len(said.splitlines()) >= 5
    said = fine(here("settings", "--data", tmp_path, COLUMNS="300"))
    for name, *_ in described():
        assert name in said


def test_the_first_start_prints_a_link_and_makes_no_account(tmp_path: Path) -> None:
    with started("serve", "--data", tmp_path, "--host", "127.0.0.1", "--port", "0") as running:
        link = running.line(lambda line: "/setup?token=" in line)
        assert "https://127.0.0.1:" in link
        assert fine(here("user", "list", "--data", tmp_path)).strip() == "none yet"
        assert fine(here("token", "list", "--data", tmp_path)).strip() == "none yet"
        assert running.interrupt() in (0, 130)
    with started("serve", "--data", tmp_path, "--host", "127.0.0.1", "--port", "0") as running:
        running.line(lambda line: "/setup?token=" in line)
        running.interrupt()
    fine(here("user", "add", "ada", "--data", tmp_path, ROUNDSMAN_NEW_PASSWORD="correct horse battery"))
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
    said = refused(run("serve", "--data", tmp_path / "file", "--host", "127.0.0.1", "--port", "0"))
    assert str(tmp_path / "file") in said
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        assert str(tmp_path / "file") in refused(here("migrate", "--data", folder))


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    folder = Path("/proc/roundsman")  # nobody may, root neither
    assert str(folder) in refused(run("serve", "--data", folder, "--host", "127.0.0.1", "--port", "0"))
    assert here("doctor", "--data", folder).returncode == 1


def test_a_data_folder_of_a_newer_version(tmp_path: Path) -> None:
    fine(here("migrate", "--data", tmp_path))
    (file,) = tmp_path.glob("*.sqlite3")
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    assert "newer" in refused(run("serve", "--host", "127.0.0.1", "--port", "0", "--data", tmp_path))
    for command in (("migrate",), ("user", "list")):
        assert "newer" in refused(here(*command, "--data", tmp_path))


def _random_bytes(folder: Path) -> None:
    (folder / "roundsman.sqlite3").write_bytes(random.Random(1).randbytes(50_000))


def _a_folder(folder: Path) -> None:
    (folder / "roundsman.sqlite3").mkdir()


def _of_another_program(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "roundsman.sqlite3")) as other:
        other.execute("CREATE TABLE users (id)")


def _half(folder: Path) -> None:
    """The file ends early, as after a copy that was cut off."""
    fine(here("migrate", "--data", folder))
    file = folder / "roundsman.sqlite3"
    os.truncate(file, file.stat().st_size // 2 // 4096 * 4096)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_random_bytes, "is not a database of Roundsman"),
        (_a_folder, "cannot open the database"),
        (_of_another_program, "belongs to another program"),
        (_half, "is damaged"),
    ],
)
def test_a_database_that_cannot_be_used(tmp_path: Path, spoil: Callable[[Path], None], said: str) -> None:
    spoil(tmp_path)
    for command in ("migrate", "serve"):
        more = ("--host", "127.0.0.1", "--port", "0") if command == "serve" else ()
        assert said in refused((run if command == "serve" else here)(command, "--data", tmp_path, *more))
    looked = here("doctor", "--data", tmp_path, ROUNDSMAN_PORT="0")
    assert looked.returncode == 1
    assert re.search(r"^NOT OK +database", looked.stdout, re.MULTILINE)
    assert "Traceback" not in looked.stdout + looked.stderr


def test_a_database_with_one_damaged_page(tmp_path: Path) -> None:
    """It may be opened; whoever meets the page is told."""
    fine(here("user", "add", "ada", "--data", tmp_path, ROUNDSMAN_NEW_PASSWORD="correct horse battery"))
    file = tmp_path / "roundsman.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'users'").fetchone()
    with file.open("r+b") as stream:
        stream.seek((page - 1) * 4096)
        stream.write(b"\xff" * 4096)
    assert "is damaged" in refused(here("user", "list", "--data", tmp_path))
    looked = here("doctor", "--data", tmp_path, ROUNDSMAN_PORT="0")
    assert looked.returncode == 1
    assert re.search(r"^NOT OK +database's pages: .*restore a backup", looked.stdout, re.MULTILINE)


def test_a_key_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_bytes(b"spoilt")
    assert "secret.key holds no key" in refused(here("robot", "list", "--data", tmp_path))


def test_certificates_that_are_none(tmp_path: Path) -> None:
    """What is ours to make anew is made anew; an authority that people trust, and your own files, are not."""
    first = tls_files(Settings(data_dir=tmp_path))
    certificate, ca = first.certificate.read_bytes(), (tmp_path / "tls" / "ca.pem").read_bytes()
    assert tls_files(Settings(data_dir=tmp_path)) == first
    assert first.certificate.read_bytes() == certificate
    for file in (first.certificate, first.key):
        file.write_bytes(b"spoilt")
        tls_files(Settings(data_dir=tmp_path))
        assert file.read_bytes() != b"spoilt"
    assert (tmp_path / "tls" / "ca.pem").read_bytes() == ca
    own = Settings(data_dir=tmp_path, tls_certificate_file=first.certificate, tls_key_file=first.key)
    assert tls_files(own).ca is None
    (tmp_path / "other.pem").write_bytes(b"spoilt")
    with pytest.raises(Problem, match=r"other\.pem are no PEM certificate and key"):
        tls_files(msgspec.structs.replace(own, tls_key_file=tmp_path / "other.pem"))
    first.certificate.unlink()
    (tmp_path / "tls" / "ca.pem").write_bytes(b"spoilt")
    with pytest.raises(Problem, match="is unusable"):
        tls_files(Settings(data_dir=tmp_path))


def test_files_that_others_may_open(tmp_path: Path) -> None:
    fine(here("token", "add", "a", "--data", tmp_path))
    fine(here("doctor", "--data", tmp_path, ROUNDSMAN_PORT="0"))
    for name in ("roundsman.sqlite3", "secret.key", "blobs"):
        before = (tmp_path / name).stat().st_mode
        (tmp_path / name).chmod(before | 0o040)
        looked = here("doctor", "--data", tmp_path, ROUNDSMAN_PORT="0")
        assert looked.returncode == 1
        assert re.search(rf"^NOT OK +file modes: .*{name}: chmod go-rwx", looked.stdout, re.MULTILINE)
        (tmp_path / name).chmod(before)


@pytest.mark.parametrize("where", ["environment", "file"])
def test_an_unknown_setting_is_refused_with_the_nearest_known(tmp_path: Path, where: str) -> None:
    config = tmp_path / "roundsman.toml"
    config.write_text("pord = 1\n" if where == "file" else "")
    more = {"ROUNDSMAN_PORD": "1"} if where == "environment" else {}
    for command in ("serve", "doctor", "settings", "migrate"):
        said = refused((run if command == "serve" else here)(command, "--config", config, "--data", tmp_path, **more))
        assert "pord" in said.lower()
        assert re.search(r"\bport\b", said, re.IGNORECASE)


def test_the_list_of_commands_is_there_without_the_server() -> None:
    shown = fine(here("--help"))
    for name, listed in COMMANDS.items():
        assert re.search(rf"^  {name} +{listed.help.split()[0]}", shown, re.MULTILINE)
        assert imported(name).get_short_help_str(limit=100) == listed.help, name
    heavy = "import sys, roundsman.cli.main; print(sorted({'litestar', 'sqlalchemy', 'grpc'} & sys.modules.keys()))"
    assert subprocess.check_output([sys.executable, "-c", heavy], text=True) == "[]\n"
