"""A `.walk` folder from anywhere: what cannot be trusted is refused with the reason."""

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from tests.site.recorded import folder, zipped

from roundsman.kit.problem import BadRequest
from roundsman.site.folder import Folder


def opened(tmp_path: Path, content: bytes) -> Folder:
    path = tmp_path / "upload"
    path.write_bytes(content)
    return Folder(path)


def edited(edit) -> bytes:
    """A good folder with one more entry, made by `edit(archive)`."""
    out = io.BytesIO(zipped(folder()))
    with zipfile.ZipFile(out, "a") as archive:
        edit(archive)
    return out.getvalue()


def special(mode: int):
    def edit(archive: zipfile.ZipFile) -> None:
        entry = zipfile.ZipInfo("Boiler round.walk/missions/x.walk")
        entry.external_attr = (mode | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")

    return edit


def twice(archive: zipfile.ZipFile) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("Boiler round.walk/graph", b"")


def encrypted(content: bytes) -> bytes:
    """The same with every entry said to be encrypted."""
    at = 0
    made = bytearray(content)
    while (at := content.find(b"PK\x01\x02", at)) >= 0:
        made[at + 8] |= 1
        at += 4
    return bytes(made)


def lying(content: bytes) -> bytes:
    """The first entry of the directory says that it unpacks to 3 GB."""
    made = bytearray(content)
    struct.pack_into("<L", made, content.find(b"PK\x01\x02") + 24, 3 << 30)
    return bytes(made)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PK\x03\x04 no zip", "no zip archive"),
        (zipped(folder())[:-100], "no zip archive"),
        (zipped({"readme.txt": b"x"}), "holds no walk"),
        (zipped({"a/graph": b"", "b/graph": b""}), "several walk folders"),
        (edited(lambda archive: archive.writestr("../evil", b"x")), "leads out"),
        (edited(lambda archive: archive.writestr("/etc/evil", b"x")), "leads out"),
        (edited(lambda archive: archive.writestr("C:/evil", b"x")), "leads out"),
        (edited(lambda archive: archive.writestr("a\\..\\evil", b"x")), "leads out"),
        (edited(special(stat.S_IFLNK)), "link or a device"),
        (edited(special(stat.S_IFBLK)), "link or a device"),
        (edited(twice), "twice"),
        (encrypted(zipped(folder())), "encrypted"),
        (lying(zipped(folder())), "larger than"),
        (edited(lambda archive: archive.writestr("bomb", b"\0" * (8 << 20), zipfile.ZIP_DEFLATED)), "unpacks to"),
    ],
)
def test_it_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        opened(tmp_path, content)


@pytest.mark.parametrize("root", ["", "Boiler round.walk/", "deep/er/Boiler round.walk/"])
def test_the_folder_may_lie_anywhere_and_hold_more(tmp_path: Path, root: str) -> None:
    more = {"preview.png": b"x", "missions/notes.txt": b"x", ".DS_Store": b"x", "graph.bak/graph": b"x"}
    found = opened(tmp_path, zipped(folder() | more, root))
    assert {part.path for part in found.parts} == set(folder())
    assert all(found.read(part) == folder()[part.path] for part in found.parts)
    found.close()


def test_damage_within_is_found_when_it_is_read(tmp_path: Path) -> None:
    content = bytearray(zipped(folder()))
    content[200] ^= 0xFF
    found = opened(tmp_path, bytes(content))
    first = min(found.parts, key=lambda part: part.entry.header_offset)
    with pytest.raises(BadRequest, match="damaged"):
        found.read(first)
    found.close()
