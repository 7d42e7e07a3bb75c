"""The benchmarks run to their end; what they say of speed on such little data is not looked at."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("pages", "growth", "zip", "acquisition")  # of each kind of server and process one


@pytest.mark.slow
def test_every_measurement_gives_a_ratio(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--quick", "--folder", str(tmp_path), "--only", *NAMES]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads((tmp_path / "latest.json").read_text())
    measured = {result["name"].partition(":")[0].partition(",")[0] for result in found["results"]}
    expected = {"run_captures", "run_events", "runs", "all lists", "archive", "acquisition of 200 kB captures"}
    assert expected <= measured
    assert any("the least program" in result["name"] for result in found["results"])
    for result in (*found["results"], *found["details"]["growth"]):
        assert result["ours"] > 0 or result["unit"] == "MB"
        assert result["floor"] > 0
        assert result["reached"] == (
            result["ratio"] <= result["target"] if result["at_most"] else result["ratio"] >= result["target"]
        )
    assert len(found["details"]["growth"]) > 100
