"""Recorded walks in and out on the command line."""

import zipfile
from pathlib import Path

import pytest
from tests.cli.test_commands import fine, here, refused
from tests.site.recorded import folder, walks, zipped

ROUND = "Boiler house round"


def on_disk(where: Path) -> Path:
    """A `.walk` folder as a tablet leaves it, with files that are none of its own."""
    for name, content in {**folder(), "preview.png": b"x", "missions/notes.txt": b"x"}.items():
        path = where / "Plant.walk" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return where / "Plant.walk"


def test_a_folder_comes_in_and_each_walk_goes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = ("--data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    assert fine(here("walk", "list", *data)) == "none yet\n"
    for _ in range(2):  # the second time changes nothing
        said = fine(here("walk", "import", on_disk(tmp_path), *data)).splitlines()
        assert len(said) == len(walks())
        assert all("actions, 1 dock, with its map" in line for line in said)
    assert ROUND in fine(here("walk", "list", *data))
    assert fine(here("walk", "export", ROUND, *data)) == f"{ROUND}.walk.zip is written\n"
    with zipfile.ZipFile(f"{ROUND}.walk.zip") as archive:
        out = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert out == dict(folder(ROUND))
    assert "is there already" in refused(here("walk", "export", ROUND, *data))
    fine(here("walk", "export", ROUND, "--to", "alone.walk", *data))
    assert Path("alone.walk").read_bytes() == walks()[ROUND]
    assert "with its map" in fine(here("walk", "import", "alone.walk", f"{ROUND}.walk.zip", *data)).splitlines()[0]
    assert "there is no site walk 4711" in refused(here("walk", "export", "4711", *data))


def test_what_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    data = ("--data", tmp_path / "data")
    file, walk = tmp_path / "file.walk", on_disk(tmp_path)
    for content, reason in ((b"", "no walk"), (b"hello", "no walk"), (b'{"missionName": 7}', "no Walk in JSON")):
        file.write_bytes(content)
        assert reason in refused(here("walk", "import", file, *data))
    file.write_bytes(zipped(dict(folder()) | {"graph": b"\xff"}))
    assert "graph is no graph" in refused(here("walk", "import", file, *data))
    assert f"{tmp_path / 'none'} does not exist" in refused(here("walk", "import", walk, tmp_path / "none", *data))
    (tmp_path / "empty").mkdir()
    assert "holds no walk" in refused(here("walk", "import", tmp_path / "empty", *data))
    (walk / "waypoint_snapshots" / "x").symlink_to("/etc/passwd")
    assert "is a link" in refused(here("walk", "import", walk, *data))
    assert fine(here("walk", "list", *data)) == "none yet\n"
