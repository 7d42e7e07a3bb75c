"""Archives laid out beforehand are archives that others can read, and any range of them is a slice of the whole."""

import io
import shutil
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman.kit.stored_zip import Entry, Slice, StoredZip

AT_US = 1_795_000_000_000_000
contents = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=12),
    st.binary(max_size=300),
    max_size=8,
)


def entries(files: dict[str, bytes], inline: bool = False) -> list[Entry]:
    return [
        Entry(f"root/{name}", len(content), zlib.crc32(content), AT_US, content if inline else name)
        for name, content in files.items()
    ]


def read(archive: StoredZip, files: dict[str, bytes], start: int = 0, end: int | None = None) -> bytes:
    return b"".join(
        files[piece.source][piece.start : piece.end] if isinstance(piece, Slice) else piece
        for piece in archive.pieces(start, end)
    )


@given(contents, st.booleans())
def test_python_reads_what_was_laid_out(files: dict[str, bytes], inline: bool) -> None:
    archive = StoredZip(entries(files, inline))
    whole = read(archive, files)
    assert len(whole) == archive.size_bytes
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        assert opened.testzip() is None
        assert {info.filename: opened.read(info) for info in opened.infolist()} == {
            f"root/{name}": content for name, content in files.items()
        }


@given(contents, st.integers(0, 3000), st.integers(0, 3000), st.booleans())
def test_any_range_is_a_slice_of_the_whole(files: dict[str, bytes], start: int, end: int, inline: bool) -> None:
    archive = StoredZip(entries(files, inline))
    assert read(archive, files, start, end) == read(archive, files)[start:end]


@pytest.mark.parametrize("command", [["unzip", "-t"], ["zip", "-T"]])
def test_debians_tools_find_no_fault(tmp_path: Path, command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    files = {"Kessel Süd #2.jpg": b"x" * 1000, "leer.raw": b"", "a b/c.json": b"{}"}
    file = tmp_path / "run.zip"
    file.write_bytes(read(StoredZip(entries(files)), files))
    result = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_more_files_than_a_plain_archive_can_name() -> None:
    files = {str(number): b"" for number in range(70_000)}
    with zipfile.ZipFile(io.BytesIO(read(StoredZip(entries(files)), files))) as opened:
        assert len(opened.namelist()) == 70_000


def test_a_file_beyond_4_gib_and_one_behind_it(tmp_path: Path) -> None:
    """The large file is a hole: only its headers are written, so the test is quick and takes no space."""
    large = 5 << 30
    archive = StoredZip([Entry("large.raw", large, 0, AT_US, "large"), Entry("b", 1, zlib.crc32(b"b"), AT_US, b"b")])
    file = tmp_path / "large.zip"
    with file.open("wb") as out:
        for piece in archive.pieces():
            if isinstance(piece, Slice):
                out.seek(piece.end - piece.start, io.SEEK_CUR)
            else:
                out.write(piece)
    assert file.stat().st_size == archive.size_bytes
    with zipfile.ZipFile(file) as opened:
        assert opened.getinfo("large.raw").file_size == large
        assert opened.getinfo("b").header_offset > 1 << 32
        assert opened.read("b") == b"b"


def test_the_time_of_change_is_kept() -> None:
    archive = read(StoredZip([Entry("a", 0, 0, AT_US, b"")]), {})
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.getinfo("a").date_time == (2026, 11, 18, 11, 6, 40)
