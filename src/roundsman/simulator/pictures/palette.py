"""The colours of warmth: from black over violet and orange to pale yellow, our own ramp."""

from functools import lru_cache

import numpy as np

from roundsman.simulator.pictures.canvas import Pixels

_STOPS = (0.0, 0.15, 0.35, 0.55, 0.75, 0.90, 1.0)
_COLOURS = ((4, 3, 18), (40, 10, 84), (122, 22, 110), (196, 48, 76), (242, 118, 30), (252, 200, 62), (255, 252, 220))


@lru_cache(maxsize=1)
def warmth() -> Pixels:
    """256 colours (256, 3), coldest first."""
    ramp = np.linspace(0, 1, 256)
    channels = [np.interp(ramp, _STOPS, [colour[i] for colour in _COLOURS]) for i in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)
