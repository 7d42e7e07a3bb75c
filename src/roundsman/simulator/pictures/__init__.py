"""Drawn pictures and raw data of the simulated plant: pure functions, the same bytes for the same arguments.

Each scene is traced once and kept in a small cache; a picture is then some tens of milliseconds.
"""

from roundsman.simulator.pictures.acoustic import acoustic_jpeg
from roundsman.simulator.pictures.gauge import gauge_jpeg
from roundsman.simulator.pictures.inspection import inspection_jpeg, prepare
from roundsman.simulator.pictures.surroundings import fisheye_jpeg, panorama_jpeg
from roundsman.simulator.pictures.thermal import thermal_jpeg, thermal_raw

__all__ = [
    "acoustic_jpeg",
    "fisheye_jpeg",
    "gauge_jpeg",
    "inspection_jpeg",
    "panorama_jpeg",
    "prepare",
    "thermal_jpeg",
    "thermal_raw",
]
