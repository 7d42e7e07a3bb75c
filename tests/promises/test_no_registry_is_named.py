"""Promise: no package registry's address stands in the project, so that it builds behind any mirror."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOSTS = re.compile(r"p[y]pi\.(org|python)|pythonhost[e]d|registry\.n[p]mjs|deb\.deb[i]an")


def test_no_registry_host_names() -> None:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    guilty = [
        name
        for name in filter(None, names)
        if (ROOT / name).is_file() and HOSTS.search((ROOT / name).read_text(errors="replace"))
    ]
    assert guilty == []
