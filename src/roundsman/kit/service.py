"""Services: what runs as long as the process does, started, watched and stopped by one supervisor."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from roundsman.kit.clock import Clock, WallClock
from roundsman.kit.log import get_logger
from roundsman.kit.metrics import SERVICE_RESTARTS

_log = get_logger("services")

State = Literal["waiting", "running", "restarting", "finished", "stopped"]


class Service(Protocol):
    """Something that runs until it is cancelled."""

    @property
    def name(self) -> str:
        """What the log and the metrics call it."""
        ...

    async def run(self) -> None:
        """Works until cancelled. Returning means that there is nothing left to do; raising, that it starts anew."""
        ...


class Supervisor:
    """Starts services in their order, starts anew those that fail, and stops them in the reverse order.

    A failure costs a pause of `pause_s`, doubled with every further one up to `pause_max_s`, and a little at random so
    that many do not come back together. Who ran for longer than `pause_max_s` begins at `pause_s` again.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        clock: Clock | None = None,
        pause_s: float = 0.5,
        pause_max_s: float = 60.0,
        stop_timeout_s: float = 10.0,
    ) -> None:
        self._services = list(services)
        self._clock = clock or WallClock()
        self._pause_s = pause_s
        self._pause_max_s = pause_max_s
        self._stop_timeout_s = stop_timeout_s
        self._tasks: list[tuple[Service, asyncio.Task[None]]] = []
        self._states: dict[str, State] = {service.name: "waiting" for service in services}

    @property
    def states(self) -> Mapping[str, State]:
        """What each service does now, by its name."""
        return self._states

    @property
    def ready(self) -> bool:
        """Whether every service runs, or has nothing left to do."""
        return all(state in {"running", "finished"} for state in self._states.values())

    async def start(self) -> None:
        """Starts all, each once the one before it has come to its first wait."""
        for service in self._services:
            self._tasks.append((service, asyncio.create_task(self._keep(service), name=service.name)))
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Stops all, the last one first; who does not stop within `stop_timeout_s` is left behind and logged."""
        while self._tasks:
            service, task = self._tasks.pop()
            task.cancel()
            _, late = await asyncio.wait([task], timeout=self._stop_timeout_s)
            if late:
                _log.error("service does not stop", service=service.name)
            self._states[service.name] = "stopped"

    async def _keep(self, service: Service) -> None:
        pause_s = self._pause_s
        while True:
            began_us = self._clock.now_us()
            self._states[service.name] = "running"
            try:
                await service.run()
            except Exception:
                _log.exception("service failed", service=service.name, pause_s=pause_s)
            else:
                self._states[service.name] = "finished"
                return
            SERVICE_RESTARTS.labels(service.name).inc()
            self._states[service.name] = "restarting"
            if self._clock.now_us() - began_us > self._pause_max_s * 1_000_000:
                pause_s = self._pause_s
            await self._clock.sleep(pause_s * random.uniform(1, 1.25))  # noqa: S311 - apart, not secret
            pause_s = min(2 * pause_s, self._pause_max_s)

    async def __aenter__(self) -> "Supervisor":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
