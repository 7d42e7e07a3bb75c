"""Reads a protobuf message while it arrives, so that its long byte fields are never held whole.

A robot answers a query for captures with one message of any length, cut into chunks. The generated classes could
parse it only after all of it is in memory; this reader hands the long fields out as streams and gives back the rest
of the message, small, for the generated class to parse. It knows the wire format and nothing of the messages.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FIXED_SIZES = {FIXED64: 8, FIXED32: 4}
VARINT_BYTES_MAX = 10
SMALL_FIELD_BYTES_MAX = 64 * 1024 * 1024

Content = AsyncIterator[memoryview]
OnContent = Callable[[int, Content], Awaitable[None]]


class WireError(ValueError):
    """What arrived is not the message that was promised."""


class ByteStream:
    """Bytes that arrive in pieces of any size, read by count. The pieces are kept, never copied."""

    def __init__(self, pieces: AsyncIterator[bytes | memoryview]) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")
        self._at = 0
        self.consumed_bytes = 0

    async def _more(self) -> bool:
        """Whether there is a byte to read now; fetches the next piece when the present one is used up."""
        while self._at == len(self._piece):
            piece = await anext(self._pieces, None)
            if piece is None:
                return False
            self._piece, self._at = memoryview(piece), 0
        return True

    async def at_end(self) -> bool:
        """Whether nothing is left."""
        return not await self._more()

    async def some(self, most_bytes: int) -> memoryview:
        """The next bytes that are at hand, at least one and at most `most_bytes`.

        Raises: WireError at the end.
        """
        if not await self._more():
            raise WireError("The robot's answer ended early.")
        part = self._piece[self._at : self._at + most_bytes]
        self._at += len(part)
        self.consumed_bytes += len(part)
        return part

    async def take(self, size_bytes: int) -> bytes:
        """Exactly the next `size_bytes`, whole."""
        if size_bytes > SMALL_FIELD_BYTES_MAX:
            raise WireError(f"A field of {size_bytes} bytes stands where a small one was expected.")
        if len(self._piece) - self._at >= size_bytes:
            return bytes(await self.some(size_bytes)) if size_bytes else b""
        parts: list[memoryview] = []
        async for part in self.pieces(size_bytes):
            parts.append(part)  # noqa: PERF401 - a comprehension would be slower for the usual single part
        return b"".join(parts)

    async def pieces(self, size_bytes: int) -> Content:
        """The next `size_bytes` as they come."""
        while size_bytes > 0:
            part = await self.some(size_bytes)
            size_bytes -= len(part)
            yield part

    async def varint(self) -> int:
        """The next variable-length integer.

        Raises: WireError when it is longer than ten bytes.
        """
        value = 0
        for position in range(VARINT_BYTES_MAX):
            if self._at < len(self._piece):
                byte = self._piece[self._at]
                self._at += 1
                self.consumed_bytes += 1
            else:
                byte = (await self.some(1))[0]
            value |= (byte & 0x7F) << (7 * position)
            if byte < 0x80:
                return value
        raise WireError("An integer of more than ten bytes.")


@dataclass(frozen=True, slots=True)
class Plan:
    """Which fields of a message matter: those to look into, by number, and those to hand out as streams."""

    inside: Mapping[int, "Plan"] = field(default_factory=dict[int, "Plan"])
    content: frozenset[int] = frozenset()


async def read_message(stream: ByteStream, size_bytes: int, plan: Plan, on_content: OnContent) -> bytes:
    """The next `size_bytes` of `stream`, one message, with its content fields left out.

    `on_content(size_bytes, pieces)` is awaited for each content field in the order of arrival; what it leaves unread
    is skipped. The message that is given back is valid and parses to the original with those fields empty.

    Raises: WireError
    """
    rest = bytearray()
    end = stream.consumed_bytes + size_bytes
    while stream.consumed_bytes < end:
        key = await stream.varint()
        if key & 7 == BYTES:
            await _read_field(stream, key, end, plan, on_content, rest)
        else:
            await _copy_number(stream, key, rest)
    if stream.consumed_bytes != end:
        raise WireError("A field reaches beyond its message.")
    return bytes(rest)


async def _read_field(
    stream: ByteStream, key: int, end: int, plan: Plan, on_content: OnContent, rest: bytearray
) -> None:
    """One length-delimited field: content to its reader, everything else to `rest`."""
    size_bytes = await stream.varint()
    if stream.consumed_bytes + size_bytes > end:
        raise WireError("A field reaches beyond its message.")
    number = key >> 3
    if number in plan.content:
        await _hand_out(stream, size_bytes, on_content)
        return
    inner = plan.inside.get(number)
    body = await (stream.take(size_bytes) if inner is None else read_message(stream, size_bytes, inner, on_content))
    rest += encode_varint(key) + encode_varint(len(body)) + body


async def _hand_out(stream: ByteStream, size_bytes: int, on_content: OnContent) -> None:
    """Gives a content field to its reader and skips what that leaves."""
    end = stream.consumed_bytes + size_bytes
    await on_content(size_bytes, stream.pieces(size_bytes))
    while stream.consumed_bytes < end:
        await stream.some(end - stream.consumed_bytes)


async def _copy_number(stream: ByteStream, key: int, rest: bytearray) -> None:
    """One field of a fixed or variable-length number."""
    kind = key & 7
    if kind == VARINT:
        rest += encode_varint(key) + encode_varint(await stream.varint())
    elif kind in FIXED_SIZES:
        rest += encode_varint(key) + await stream.take(FIXED_SIZES[kind])
    else:
        raise WireError(f"Wire type {kind} is not used by the robot's messages.")


def encode_varint(value: int) -> bytes:
    """`value` as a variable-length integer."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


async def fields(
    stream: ByteStream, plans: Mapping[int, Plan], on_content: OnContent
) -> AsyncIterator[tuple[int, bytes | int]]:
    """Number and value of each field of the message that `stream` is, in the order of arrival.

    Integers come as int, everything else as bytes; a field that has a plan comes without its contents, which went to
    `on_content` before.

    Raises: WireError
    """
    while not await stream.at_end():
        key = await stream.varint()
        kind = key & 7
        if kind == VARINT:
            yield key >> 3, await stream.varint()
        elif kind == BYTES:
            size_bytes = await stream.varint()
            plan = plans.get(key >> 3)
            read = stream.take(size_bytes) if plan is None else read_message(stream, size_bytes, plan, on_content)
            yield key >> 3, await read
        else:
            await _copy_number(stream, key, bytearray())
