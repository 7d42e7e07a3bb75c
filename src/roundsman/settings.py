"""Every setting, once: its name with the unit, its default, and the reason for it.

Read from a TOML file, then from variables `ROUNDSMAN_<NAME>`, then from the command line; the later wins. A name that
does not exist is refused with the nearest one that does, so that a typing error is never silently a default.
"""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta

from roundsman.kit.outbound import networks_of

PREFIX = "ROUNDSMAN_"
_OF_COMMANDS = {"config", "new_password", "robot_password"}  # variables that commands read themselves


class SettingsError(ValueError):
    """A setting that is unknown or whose value cannot be used; its text says what to write instead."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one Roundsman is set up. Every field has a default; paths are relative to the working folder."""

    data_dir: Annotated[Path, Meta(description="Folder of the database, blobs, certificates and keys. Back it up.")] = (
        Path("roundsman-data")
    )
    database_url: Annotated[
        str,
        Meta(
            pattern="^$|^(sqlite:///|postgres(ql)?://)",
            description="postgresql://… for many processes; empty: SQLite in the data folder.",
        ),
    ] = ""
    blobs_url: Annotated[
        str,
        Meta(
            pattern="^$|^(file|s3|gs|az)://",
            description="s3://bucket/prefix, gs://… or az://…; empty: the folder blobs/ in the data folder.",
        ),
    ] = ""

    host: Annotated[str, Meta(description="Address to listen on. The default is reachable from the network.")] = (
        "0.0.0.0"  # noqa: S104 - a server for robots and people on a plant's network; `demo` listens on loopback
    )
    port: Annotated[
        int, Meta(ge=0, le=65535, description="HTTPS port. 8443 needs no rights; 443 is what users type.")
    ] = 8443
    hostnames: Annotated[
        tuple[str, ...],
        Meta(description="Names and addresses that the certificate is made for, besides this machine's own."),
    ] = ()
    tls_certificate_file: Annotated[
        Path | None, Meta(description="Your own certificate chain (PEM); without it a local CA makes one.")
    ] = None
    tls_key_file: Annotated[Path | None, Meta(description="The key (PEM) of tls_certificate_file.")] = None
    plain_http: Annotated[
        bool, Meta(description="Serve without TLS. For measuring, and behind a proxy on the same machine only.")
    ] = False

    session_lifetime_s: Annotated[
        int, Meta(gt=0, description="How long a login lasts. Two weeks, as Scout 3.3 documents it.")
    ] = 14 * 86400
    session_idle_s: Annotated[int, Meta(gt=0, description="A login that nobody used for so long ends early.")] = (
        14 * 86400
    )
    access_cache_s: Annotated[
        float, Meta(ge=0, description="How long another process's change to users and tokens may go unseen.")
    ] = 5.0
    login_delay_s: Annotated[
        float, Meta(ge=0, description="Wait after the first wrong password; doubles with each further one.")
    ] = 0.25
    login_attempts_max: Annotated[
        int, Meta(gt=0, description="Wrong passwords in a row, of one user from one address, before 429 is answered.")
    ] = 8
    login_lockout_s: Annotated[float, Meta(gt=0, description="How long 429 is answered then.")] = 60.0

    page_limit_default: Annotated[int, Meta(gt=0, description="Items on a page when the client does not say.")] = 20
    page_limit_max: Annotated[
        int, Meta(gt=0, description="Most items on a page; beyond it a list costs more than a second call.")
    ] = 1000

    robots_enabled: Annotated[
        bool, Meta(description="Connect to the robots. Off for a process that only serves the API.")
    ] = True
    robot_ca_files: Annotated[
        tuple[Path, ...],
        Meta(description="Further CAs to trust for robots, e.g. a simulated fleet's. Never needed for a real robot."),
    ] = ()
    robot_poll_s: Annotated[float, Meta(gt=0, description="Pause between two looks at a robot's state.")] = 1.0
    robot_timeout_s: Annotated[float, Meta(gt=0, description="Longest wait for an answer to such a look.")] = 5.0
    robot_stale_s: Annotated[
        float, Meta(gt=0, description="A state older than this is shown as stale, not as the present.")
    ] = 10.0
    robot_reconnect_max_s: Annotated[float, Meta(gt=0, description="Longest pause between two attempts.")] = 30.0
    robot_wrong_password_wait_s: Annotated[
        float, Meta(gt=60, description="Pause after a wrong password; a robot locks out for a minute after six.")
    ] = 70.0

    acquire_from: Annotated[
        str,
        Meta(
            pattern="^(everything|now)$",
            description="What to fetch from a robot seen for the first time: all it holds, or only what comes.",
        ),
    ] = "everything"
    acquire_poll_s: Annotated[
        float, Meta(gt=0, description="Pause between two looks for new captures while a robot works.")
    ] = 1.0
    acquire_idle_poll_s: Annotated[float, Meta(gt=0, description="The same while it does not.")] = 5.0
    acquire_parallel: Annotated[
        int, Meta(gt=0, le=64, description="Captures of one robot stored together, and how many such groups at a time.")
    ] = 16
    acquire_in_flight_bytes: Annotated[
        int, Meta(gt=0, description="Most bytes of captures in memory, over all robots.")
    ] = 64 * 1024 * 1024
    reconcile_s: Annotated[
        float, Meta(gt=0, description="How often the robot's list of captures is compared with ours.")
    ] = 600.0
    disk_reserve_bytes: Annotated[
        int, Meta(ge=0, description="Acquisition pauses when less than this is free, so that the server lives on.")
    ] = 256 * 1024 * 1024

    outbound_allow: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks, e.g. 127.0.0.0/8, that webhooks and work orders may go to though they are this "
            "machine itself or link-local. Others, also private ones, need not be named."
        ),
    ] = ()

    changes_keep_s: Annotated[
        float,
        Meta(ge=3600, description="How long the change feed goes back: who is away for longer reads the lists anew."),
    ] = 30 * 86400

    exports_keep_s: Annotated[
        float, Meta(ge=60, description="How long the file of an export is kept. A week: who asked may be away.")
    ] = 7 * 86400

    backups_keep: Annotated[
        int, Meta(ge=1, description="Backups made over the API that are kept; older ones make room for new ones.")
    ] = 7
    backup_passphrase_file: Annotated[
        Path | None,
        Meta(
            description="Its first line seals the key of secrets in backups; without it robots' passwords are entered "
            "anew after a restore."
        ),
    ] = None

    log_level: Annotated[str, Meta(pattern="^(debug|info|warning|error)$", description="Least level logged.")] = "info"
    log_json: Annotated[bool, Meta(description="One JSON object a line instead of text for people.")] = False

    @property
    def database(self) -> str:
        """The database's URL, with the embedded default filled in."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'roundsman.sqlite3').absolute()}"

    @property
    def exports(self) -> str:
        """The URL of exports' files, apart from the blobs of captures."""
        return (
            f"{self.blobs_url.rstrip('/')}/exports"
            if self.blobs_url
            else f"file://{(self.data_dir / 'exports').absolute()}"
        )

    def backup_passphrase(self) -> str:
        """What backups' keys are sealed with, "" for nothing. Raises: SettingsError for a file that holds none."""
        if self.backup_passphrase_file is None:
            return ""
        lines = self.backup_passphrase_file.read_text().splitlines()
        if not lines or not lines[0].strip():
            raise SettingsError(f"{self.backup_passphrase_file} holds no passphrase in its first line")
        return lines[0].strip()

    @property
    def blobs(self) -> str:
        """The blobs' URL, with the embedded default filled in."""
        return self.blobs_url or f"file://{(self.data_dir / 'blobs').absolute()}"


def load(file: Path | None = None, environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """The settings from a TOML file, then the environment, then `overrides` (None means: not given).

    Raises: SettingsError with one sentence that names the setting and where it stands.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values |= _named(_toml(file), str(file))
    values |= _named(_variables(environ or {}), "the environment")
    values |= {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=_path)
        networks_of(settings.outbound_allow)
    except msgspec.ValidationError as error:
        raise SettingsError(_readable(error)) from None
    except ValueError as error:
        raise SettingsError(f"setting outbound_allow: {error}") from None
    return settings


def described() -> list[tuple[str, str, str]]:
    """Name, default and reason of every setting, in the order in which they stand here."""
    hints = get_type_hints(Settings, include_extras=True)
    return [
        (field.name, _shown(field.default), hints[field.name].__metadata__[0].description)
        for field in msgspec.structs.fields(Settings)
    ]


def _path(kind: type, value: Any) -> Any:
    return Path(value).expanduser() if kind is Path and isinstance(value, str) else value


def _shown(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else "" if default in (None, ()) else str(default)


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise SettingsError(f"cannot read the settings file {file}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from None


def _variables(environ: Mapping[str, str]) -> dict[str, Any]:
    found = {name[len(PREFIX) :].lower(): value for name, value in environ.items() if name.startswith(PREFIX)}
    lists = {"hostnames", "robot_ca_files", "outbound_allow"}
    return {
        name: [part.strip() for part in value.split(",") if part.strip()] if name in lists else value
        for name, value in found.items()
        if name not in _OF_COMMANDS and not name.startswith("test_")  # the tests' own
    }


def _named(values: dict[str, Any], where: str) -> dict[str, Any]:
    known = [field.name for field in msgspec.structs.fields(Settings)]
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "`roundsman settings` lists them all"
            raise SettingsError(f"unknown setting {name} in {where}: {hint}")
    return values


def _readable(error: msgspec.ValidationError) -> str:
    text, _, path = str(error).partition(" - at `$.")
    name = path.rstrip("`")
    return f"setting {name}: {text[0].lower()}{text[1:]}" if name else text
