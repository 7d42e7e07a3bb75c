"""Identifiers that grow with time, so that new rows land at the end of every index."""

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def new_uuid() -> str:
    """A UUID of version 7, greater than every one that this process made before.

    48 bits of milliseconds, then 12 bits that count within the millisecond. Source: RFC 9562 §5.7, §6.2 method 1.
    """
    global _last  # the one counter that makes them monotonic
    with _lock:
        _last = max(_last + 1, time.time_ns() // 1_000_000 << 12)
        ticks = _last
    random = int.from_bytes(os.urandom(8)) & (1 << 62) - 1
    value = (ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0b10 << 62 | random
    return str(UUID(int=value))
