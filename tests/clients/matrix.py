"""Which release of the official clients can do what, and docs/compatibility.md, which says so.

`python -m tests.clients.matrix` writes the page anew. Releases whose code is the same to the byte are tested as one.
"""

import hashlib
from collections import defaultdict
from pathlib import Path

from tests.clients.calls import AT_THE_DOOR, HELPERS, METHODS, NOT_YET
from tests.clients.install import FOLDER, ROOT, needed_by, releases
from tests.clients.official import NAMES, names_of

PAGE = ROOT / "docs" / "compatibility.md"
WORKS, ABSENT, MISSING = "●", "", "○"

HEAD = f"""# Compatibility

Every release of the official Python clients from Scout 3.3 on is driven against Roundsman by the tests, unmodified, as
the package index has it: each method, with what it sends and what programs read of the answer. This page is written by
`python -m tests.clients.matrix` out of the clients' own method lists; a test fails when it is not up to date, when a
method is not called, or when a call does not do its work.

{WORKS} works in that release, {MISSING} not yet; an empty cell: the release has no such method. Releases in one column
have the same code, to the byte.
"""


def codes() -> dict[str, list[str]]:
    """The releases that differ in code: each one's newest release -> all that are the same, oldest first."""
    known = releases()
    same: defaultdict[str, list[str]] = defaultdict(list)
    for name in known:
        files = sorted(file for file in (FOLDER / name / "bosdyn").rglob("*.py"))
        parts = f"{len(needed_by(name, known))}{name.split('-')[1]}".encode(), *(file.read_bytes() for file in files)
        same[hashlib.sha256(b"\0".join(parts)).hexdigest()].append(name)
    return {(set(names) & set(NAMES) or {names[-1]}).pop(): names for names in same.values()}


def page() -> str:
    """docs/compatibility.md, as it should be."""
    parts = [HEAD]
    for package in ("scout", "orbit"):
        columns = {one: names for one, names in codes().items() if one.startswith(f"bosdyn-{package}-")}
        parts.append(f"\n## bosdyn-{package}\n\n{_table(columns)}")
    return "".join(parts)


def _table(columns: dict[str, list[str]]) -> str:
    can = {one: set(names_of(one)) for one in columns}
    heads = ["<br>".join(name.split("-")[2] for name in names) for names in columns.values()]
    rows = [f"| | {' | '.join(heads)} |", f"|---|{':-:|' * len(heads)}"]
    for title, calls in (
        ("Methods", METHODS | dict.fromkeys(NOT_YET)),
        ("Helpers", HELPERS | dict.fromkeys(AT_THE_DOOR)),
    ):
        known = sorted(call for call in calls if any(call in names for names in can.values()))
        rows.append(f"| **{title}** |{' |' * len(heads)}")
        rows += [f"| `{call}` | {' | '.join(_cell(call, can[one]) for one in columns)} |" for call in known]
    return "\n".join(rows) + "\n"


def _cell(call: str, names: set[str]) -> str:
    if call not in names:
        return ABSENT
    return MISSING if call in NOT_YET else WORKS


if __name__ == "__main__":
    Path(PAGE).write_text(page())
