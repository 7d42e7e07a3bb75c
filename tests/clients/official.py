"""An official client in a process and an environment of its own, driven from a test."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).parents[2]


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
    """One client: `client.get_runs(params={...})`, `client.utils("get_latest_run_resource", "$client")`."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name = name
        self.package, self.version = name.removeprefix("bosdyn-").split("-", 1)
        self._process = process

    def call(self, on: str, name: str, *args: Any, **kwargs: Any) -> Answer:
        """Calls `name` on the client, its utils or its module; an exception there is an Answer of kind error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"on": on, "name": name, "args": args, "kwargs": kwargs}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"{self.name} ended: it was asked for {name}"
        return Answer(**json.loads(line))

    def utils(self, name: str, *args: Any, **kwargs: Any) -> Answer:
        """Calls a helper of the client's `utils`."""
        return self.call("utils", name, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: self.call("client", name, *args, **kwargs)


@contextmanager
def official_client(name: str) -> Iterator[OfficialClient]:
    """Starts the client `name`, e.g. `bosdyn-scout-3.3.2`, from its folder; `-S` keeps our own packages out of it."""
    folder = ROOT / ".clients" / name
    assert folder.is_dir(), f"{folder} is missing: run `make clients`"
    command = [sys.executable, "-S", str(Path(__file__).with_name("driver.py")), name.split("-")[1]]
    environ = {"PYTHONPATH": str(folder), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        command, env=environ, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield OfficialClient(name, process)
    finally:
        process.communicate(timeout=30)
