"""Promise: the robot maker's packages, protocol files and documents come from the package index, never from here."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def tracked() -> list[str]:
    return subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")


def test_no_vendored_files() -> None:
    forbidden = [
        name
        for name in tracked()
        if name.endswith((".proto", "_pb2.py", "_pb2_grpc.py", "robot.pem", ".whl")) or "/bosdyn/" in name
    ]
    assert forbidden == []


def test_no_copied_text() -> None:
    marks = ("Boston Dynamics, Inc.  All rights reserved", "20191101-BDSDK-SL).")
    guilty = []
    for name in filter(None, tracked()):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".ts", ".svelte", ".html"} and path != Path(__file__) and path.exists():
            text = path.read_text(errors="replace")
            guilty += [name for mark in marks if mark in text]
    assert guilty == []
