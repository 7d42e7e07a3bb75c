"""An official client in a process and an environment of its own, driven from a test."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tests.clients.install import FOLDER
from tests.contract import Contract, Exchange
from tests.processes import COMPILED

NAMES = ("bosdyn-scout-3.3.2", "bosdyn-scout-5.2.0", "bosdyn-orbit-4.0.3", "bosdyn-orbit-5.2.0")


@dataclass(frozen=True)
class Answer:
    """What one call of the client gave."""

    kind: Literal["response", "value", "object", "error"]
    status: int = 0
    headers: dict[str, str] | None = None
    text: str = ""
    size_bytes: int = 0
    url: str = ""
    method: str = ""
    value: Any = None
    type: str = ""

    @property
    def json(self) -> Any:
        """The body of a response."""
        return json.loads(self.text)


class OfficialClient:
    """One client: `client.get_runs(params={...})`, `client.utils("get_latest_run_resource", "$client")`.

    Whatever its requests are answered is held against `contract`.
    """

    def __init__(self, name: str, process: subprocess.Popen[str], contract: Contract) -> None:
        self.name = name
        self.package, self.version = name.removeprefix("bosdyn-").split("-", 1)
        self.release = tuple(map(int, self.version.split(".")))
        self._process = process
        self._contract = contract
        self.operations: set[str] = set()  # of the contract, that it has used

    def create(self, hostname: str, verify: str | bool) -> Answer:
        """Makes the client, as its constructor does."""
        return self.call("driver", "create", hostname, verify)

    def names(self) -> dict[str, list[str]]:
        """What there is to call, by where: client, utils, module."""
        return self.call("driver", "names").value

    def call(self, on: str, name: str, *args: Any, **kwargs: Any) -> Answer:
        """Calls `name` on the client, its utils or its module; an exception there is an Answer of kind error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"on": on, "name": name, "args": args, "kwargs": kwargs}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"{self.name} ended: it was asked for {name}"
        answer = json.loads(line)
        for seen in answer.pop("seen"):
            self._check(seen)
        return Answer(**answer)

    def _check(self, seen: dict[str, Any]) -> None:
        body = None if seen["body"] is None else seen["body"].encode()
        self._contract.check(Exchange(seen["method"], seen["path"], seen["status"], seen["content_type"], body))
        operation = self._contract.operation_of(seen["method"], seen["path"])
        if operation and seen["status"] < 300:
            self.operations.add(operation)

    def utils(self, name: str, *args: Any, **kwargs: Any) -> Answer:
        """Calls a helper of the client's `utils`."""
        return self.call("utils", name, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: self.call("client", name, *args, **kwargs)


@contextmanager
def official_client(
    name: str, contract: Contract, environ: Mapping[str, str] | None = None
) -> Iterator[OfficialClient]:
    """Starts the client `name`, e.g. `bosdyn-scout-3.3.2`, from its folder."""
    with subprocess.Popen(
        command_of(name, "driver.py", name.split("-")[1]),
        env=environ_of(name, environ or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield OfficialClient(name, process, contract)
        finally:
            process.communicate(timeout=30)


def command_of(name: str, script: str, *arguments: str) -> list[str]:
    """Runs a script of this folder beside the client `name`; `-S` keeps our own packages out of it."""
    assert (FOLDER / name).is_dir(), f"{name} is not installed: run `make clients`"
    return [sys.executable, "-S", str(Path(__file__).with_name(script)), *arguments]


def environ_of(name: str, more: Mapping[str, str]) -> dict[str, str]:
    """The client's own packages, and nothing of our environment."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": f"{FOLDER / name}:{FOLDER / 'shared'}", **COMPILED, **more}


@cache
def names_of(name: str) -> list[str]:
    """The methods, helpers and functions of a client, as its own modules tell them."""
    with official_client(name, Contract({"paths": {}})) as client:
        return sorted({one for names in client.names().values() for one in names})
