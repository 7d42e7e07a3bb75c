"""Drawn pictures and raw data of the simulated plant: pure functions, the same bytes for the same arguments."""

from roundsman.simulator.pictures.crude import (
    acoustic_jpeg,
    fisheye_jpeg,
    gauge_jpeg,
    inspection_jpeg,
    thermal_jpeg,
    thermal_raw,
)

__all__ = ["acoustic_jpeg", "fisheye_jpeg", "gauge_jpeg", "inspection_jpeg", "thermal_jpeg", "thermal_raw"]
