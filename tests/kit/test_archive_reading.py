"""Archives read out of a store of blobs: the same bytes for any range, little memory, quickly."""

import random
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from roundsman.kit.blobs import Blobs
from roundsman.kit.stored_zip import Entry, StoredZip, read_range

pytestmark = pytest.mark.anyio

SIZES = (200_000, 0, 3, 1 << 20, (1 << 20) + 1, 5_000_000, 70_000, 70_000, 70_000)


@pytest.fixture
async def archive(blobs: Blobs) -> tuple[StoredZip, list[bytes]]:
    chance = random.Random(1)
    contents = [chance.randbytes(size) for size in SIZES]
    entries = []
    for number, content in enumerate(contents):
        info = await blobs.put(content)
        entries.append(Entry(f"r/{number}.jpg", info.size_bytes, info.crc32, 1_795_000_000_000_000, info.sha256))
    inline = b'{"actions":[]}'
    entries.append(Entry("r/metadata.json", len(inline), zlib.crc32(inline), 1_795_000_000_000_000, inline))
    return StoredZip(entries), [*contents, inline]


async def collect(chunks: AsyncIterator[bytes]) -> list[bytes]:
    return [chunk async for chunk in chunks]


class Elsewhere:
    """The same blobs, without telling where they lie: as an object store does."""

    def __init__(self, blobs: Blobs) -> None:
        self.read = blobs.read

    def path(self, sha256: str) -> None:
        return None


@pytest.mark.parametrize("local", [True, False])
async def test_any_range(archive: tuple[StoredZip, list[bytes]], blobs: Blobs, local: bool) -> None:
    layout, contents = archive
    store = blobs if local else Elsewhere(blobs)
    chunks = await collect(read_range(layout, store))  # type: ignore[arg-type]
    whole = b"".join(chunks)
    assert len(whole) == layout.size_bytes
    assert all(content in whole for content in contents)
    assert max(map(len, chunks)) <= (1 << 20) + 200
    chance = random.Random(2)
    for _ in range(30):
        start, end = sorted(chance.randrange(layout.size_bytes + 1) for _ in range(2))
        assert b"".join(await collect(read_range(layout, store, start, end))) == whole[start:end]  # type: ignore[arg-type]


async def test_a_file_that_is_gone_is_an_error_and_not_a_gap(
    archive: tuple[StoredZip, list[bytes]], blobs: Blobs
) -> None:
    layout, _ = archive
    slices = [piece for piece in layout.pieces() if not isinstance(piece, bytes)]
    path = blobs.path(slices[-1].source)
    assert isinstance(path, Path)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(EOFError):
        await collect(read_range(layout, blobs))
    path.unlink()
    with pytest.raises(FileNotFoundError):
        await collect(read_range(layout, blobs))


async def test_a_reader_that_goes_away_leaves_nothing_behind(
    archive: tuple[StoredZip, list[bytes]], blobs: Blobs
) -> None:
    chunks = read_range(archive[0], blobs)
    async for _ in chunks:
        break
    await chunks.aclose()  # type: ignore[attr-defined]
