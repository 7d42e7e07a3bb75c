"""Keeps what is expensive to draw, and draws nothing twice at the same time."""

import threading
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Drawn = TypeVar("Drawn")


def kept(count: int) -> Callable[[Callable[Arguments, Drawn]], Callable[Arguments, Drawn]]:
    """Keeps the last `count` answers of a pure function of hashable arguments.

    Unlike a bare cache, threads that ask for the same drawing wait for the one that draws it.
    """

    def keep(function: Callable[Arguments, Drawn]) -> Callable[Arguments, Drawn]:
        known, lock = lru_cache(maxsize=count)(function), threading.Lock()

        @wraps(function)
        def answer(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Drawn:
            with lock:
                return known(*args, **kwargs)

        return answer

    return keep
