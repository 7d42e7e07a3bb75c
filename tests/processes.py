"""The `roundsman` command as people start it: a process of its own, its output, its end."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

import psutil

T = TypeVar("T")
COMMAND = (sys.executable, "-m", "roundsman")
START_WITHIN_S = 60.0
STOP_WITHIN_S = 40.0


# Compiled once for all starts, also where the environment forbids to compile beside the sources.
COMPILED = {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / f"roundsman-tests-{os.getuid()}")}


def environ(**more: str) -> dict[str, str]:
    """Ours without settings of Roundsman, plus `more`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ROUNDSMAN_")}
    ours.pop("PYTHONDONTWRITEBYTECODE", None)
    return ours | COMPILED | more


def run(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; `more` are variables of its environment."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, env=environ(**more), capture_output=True, text=True, timeout=120, check=False)


class Running:
    """A command that stays in the foreground."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []  # on standard output
        self.complained: list[str] = []  # on standard error
        for stream, lines in ((process.stdout, self.said), (process.stderr, self.complained)):
            threading.Thread(target=_gather, args=(stream, lines), daemon=True).start()

    def line(self, wanted: Callable[[str], bool] = lambda _: True) -> str:
        """The first line on standard output that is `wanted`, waited for."""
        return until(lambda: next(filter(wanted, list(self.said)), None), START_WITHIN_S, self._alive)

    def descendants(self) -> list[psutil.Process]:
        """The processes that it has started, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_WITHIN_S)

    def _alive(self) -> None:
        code = self.process.poll()
        assert code is None, f"it ended with {code}: {''.join(self.complained)}"


@contextmanager
def started(*arguments: str | Path, **more: str) -> Iterator[Running]:
    """Starts a command; whatever is left of it at the end is killed."""
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=environ(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        running = Running(process)
        try:
            yield running
        finally:
            left = running.descendants() if process.poll() is None else []
            for one in (*left, process):
                one.kill()


def until(look: Callable[[], T | None], seconds: float, every_time: Callable[[], None] = lambda: None) -> T:
    """What `look` finds, asked again and again. Raises: TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        every_time()
        time.sleep(0.05)
    raise TimeoutError(f"nothing within {seconds:g} s")


def _gather(stream: IO[str] | None, lines: list[str]) -> None:
    assert stream is not None
    lines.extend(iter(stream.readline, ""))
