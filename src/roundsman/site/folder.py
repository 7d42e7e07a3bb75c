"""A whole `.walk` folder as a zip: read with suspicion, for it may come from anywhere.

Nothing is unpacked by name: entries are looked up, never written to a path. Refused are paths that leave the folder,
links, encrypted and repeated entries, and archives that unpack to more than anybody recorded.
Source: scout-api.md §2.4 (the tree), robot-link.md §5.
"""

import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from roundsman.kit.problem import BadRequest

ENTRIES_MAX = 200_000
ENTRY_MAX_BYTES = 256 << 20  # held whole while it is checked; recorded snapshots have some megabytes
TOTAL_MAX_BYTES = 8 << 30
RATIO_MAX = 200  # deflate can do 1,000; recorded maps compress to a half
RATIO_FROM_BYTES = 1 << 20
_SNAPSHOTS = {"waypoint_snapshots": "waypoint_snapshot", "edge_snapshots": "edge_snapshot"}


class Part(NamedTuple):
    """One file of a walk's folder: `kind` is graph, waypoint_snapshot, edge_snapshot or walk; `path` within it."""

    kind: str
    path: str
    entry: zipfile.ZipInfo


class Folder:
    """A `.walk` folder in a zip on disk."""

    def __init__(self, path: Path) -> None:
        """Raises: BadRequest for what is no zip or not to be trusted."""
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise BadRequest(None, f"the file is no zip archive that can be read: {error}") from None
        try:
            self.parts = list(self._parts())
        except BaseException:
            self._zip.close()
            raise

    def close(self) -> None:
        """Lets go of the file."""
        self._zip.close()

    def read(self, part: Part) -> bytes:
        """A file's content, checked against its CRC-32. Raises: BadRequest."""
        try:
            return self._zip.read(part.entry)
        except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError, RuntimeError) as error:
            raise BadRequest(None, f"{part.entry.filename} in the archive is damaged: {error}") from None
        except Exception as error:  # zlib.error has no common base with the others
            raise BadRequest(None, f"{part.entry.filename} in the archive is damaged: {error}") from None

    def _parts(self) -> Iterator[Part]:
        files = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        _check_all(files)
        paths = {entry.filename: PurePosixPath(entry.filename) for entry in files}
        root = _root(list(paths.values()))
        for entry in files:
            path = paths[entry.filename]
            if not path.is_relative_to(root):
                continue
            found = _kind(path.relative_to(root))
            if found is not None:
                yield Part(found, str(path.relative_to(root)), entry)


def pack(folder: Path, target: Path) -> None:
    """Writes the files of a walk's folder on this machine as a zip. Raises: BadRequest for a link, and for no walk."""
    found = [
        folder / "graph",
        *(file for name in ("missions", *_SNAPSHOTS) for file in sorted((folder / name).glob("*"))),
    ]
    files = [file for file in found if file.is_symlink() or file.is_file()]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            path = file.relative_to(folder)
            if file.is_symlink() or file.parent.is_symlink():
                raise BadRequest(None, f"{path} is a link, not a file")
            if _kind(PurePosixPath(path)) is not None:
                archive.write(file, str(path))


def _check_all(files: list[zipfile.ZipInfo]) -> None:
    if len(files) > ENTRIES_MAX:
        raise BadRequest(None, f"the archive holds {len(files)} files; {ENTRIES_MAX} are the most")
    seen: set[str] = set()
    for entry in files:
        _check(entry)
        path = str(PurePosixPath(entry.filename))  # "./graph" and "graph" are one
        if path in seen:
            raise BadRequest(None, f"the archive holds {path!r} twice")
        seen.add(path)
    if sum(entry.file_size for entry in files) > TOTAL_MAX_BYTES:
        raise BadRequest(None, f"the archive unpacks to more than {TOTAL_MAX_BYTES >> 30} GiB")


def _check(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    path = PurePosixPath(name)
    if not path.parts:
        raise BadRequest(None, f"the archive holds a file without a name: {name!r}")
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0] or "\0" in name:
        raise BadRequest(None, f"the archive holds {name!r}, which leads out of its folder")
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        raise BadRequest(None, f"the archive holds {name!r}, which is a link or a device, not a file")
    if entry.flag_bits & 1:
        raise BadRequest(None, f"{name!r} in the archive is encrypted")
    if entry.file_size > ENTRY_MAX_BYTES:
        raise BadRequest(None, f"{name!r} in the archive is larger than {ENTRY_MAX_BYTES >> 20} MiB")
    if entry.file_size > RATIO_FROM_BYTES and entry.file_size > RATIO_MAX * max(entry.compress_size, 1):
        raise BadRequest(None, f"{name!r} in the archive unpacks to {entry.file_size} bytes from {entry.compress_size}")


def _root(paths: list[PurePosixPath]) -> PurePosixPath:
    """The folder that holds `graph` or `missions`: the outermost one.

    Raises: BadRequest where there is none, or several side by side.
    """
    homes = {path.parent for path in paths if path.name == "graph"}
    homes |= {path.parent.parent for path in paths if path.parent.name == "missions" and path.suffix == ".walk"}
    homes = {home for home in homes if "__MACOSX" not in home.parts}
    if not homes:
        raise BadRequest(None, "the archive holds no walk: neither a file `graph` nor `missions/<name>.walk`")
    root = min(homes, key=lambda home: len(home.parts))
    if len([home for home in homes if len(home.parts) == len(root.parts)]) > 1:
        raise BadRequest(None, "the archive holds several walk folders; send one at a time")
    return root


def _kind(path: PurePosixPath) -> str | None:
    """What a file of the folder is; None for what does not belong to a walk, such as a preview picture."""
    if path.name.startswith("."):
        return None
    if path.parts == ("graph",):
        return "graph"
    if len(path.parts) == 2 and path.parts[0] in _SNAPSHOTS:
        return _SNAPSHOTS[path.parts[0]]
    if len(path.parts) == 2 and path.parts[0] == "missions" and path.suffix == ".walk":
        return "walk"
    return None
