"""Promise: a function has at most 60 lines and a file at most 500, so that each can be read in one sitting."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    file
    for folder in ("src", "tests", "bench")
    for file in (ROOT / folder).rglob("*.py")
    if "versions" not in file.parts and "node_modules" not in file.parts
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_small(file: Path) -> None:
    text = file.read_text()
    assert text.count("\n") <= 500
    long = [
        f"{node.name} at line {node.lineno} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno + 1 > 60
    ]
    assert long == []
