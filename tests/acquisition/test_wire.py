"""The reader of messages that arrive in pieces, against the generated classes."""

import itertools

import pytest
from bosdyn.api import data_acquisition_store_pb2 as store_pb2
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from roundsman.acquisition import spot_store, wire

pytestmark = pytest.mark.anyio

BODIES = st.binary(max_size=3000)
NAMES = st.text(max_size=20)


@st.composite
def results(draw):
    result = store_pb2.QueryStoredCaptureResult()
    result.data_id.id = draw(st.integers(0, 2**64 - 1))
    result.data_id.channel = draw(NAMES)
    result.data_id.action_id.action_name = draw(NAMES)
    result.data_id.action_id.timestamp.FromMicroseconds(draw(st.integers(0, 2**50)))
    kind = draw(st.sampled_from(["image", "data", "large", "metadata", "alert"]))
    if kind == "image":
        image = result.image.image
        image.data, image.rows, image.cols, image.format = draw(BODIES), 480, 640, draw(st.integers(0, 3))
        result.image.acquisition_time.FromMicroseconds(draw(st.integers(1, 2**50)))
        result.image.transforms_snapshot.child_to_parent_edge_map["body"].parent_tform_child.position.x = 1.5
    elif kind == "data":
        result.data.data, result.data.file_extension = draw(BODIES), draw(NAMES)
    elif kind == "large":
        result.large_data.chunk.data, result.large_data.offset = draw(BODIES), draw(st.integers(0, 2**40))
    elif kind == "metadata":
        result.metadata.metadata.data["a"] = draw(st.floats(allow_nan=False, allow_infinity=False))
    else:
        result.alert_data.alert_data.title = draw(NAMES)
    return result


def content_of(result):
    """The bytes that the reader has to hand out, and the result without them."""
    bare = store_pb2.QueryStoredCaptureResult()
    bare.CopyFrom(result)
    kind = result.WhichOneof("result")
    holder = {"image": bare.image.image, "data": bare.data, "large_data": bare.large_data.chunk}.get(kind)
    if holder is None:
        return b"", result
    body = holder.data
    holder.ClearField("data")
    if kind == "data":
        bare.data.SetInParent()
    return body, bare


async def pieces_of(body, cuts):
    edges = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    for start, end in itertools.pairwise(edges):
        yield body[start:end]


async def read_all(body, cuts, leave_unread=False):
    contents, bare = [], []

    async def keep(size_bytes, pieces):
        if leave_unread:
            return
        parts = [bytes(piece) async for piece in pieces]
        assert sum(map(len, parts)) == size_bytes
        contents.append(b"".join(parts))

    stream = wire.ByteStream(pieces_of(body, cuts))
    async for number, value in wire.fields(stream, {3: spot_store.RESULT}, keep):
        if number == 3 and isinstance(value, bytes):
            bare.append(store_pb2.QueryStoredCaptureResult.FromString(value))
    return contents, bare


@given(st.lists(results(), max_size=6), st.lists(st.integers(0, 20000), max_size=40))
@settings(deadline=None, max_examples=150)
async def test_any_answer_in_any_pieces_gives_contents_and_the_rest(many, cuts):
    answer = store_pb2.QueryStoredCapturesResponse(results=many, max_capture_id=7)
    answer.header.error.code = 1
    expected = [content_of(result) for result in many]
    contents, bare = await read_all(answer.SerializeToString(), cuts)
    assert [body for body in contents if body] == [body for body, _ in expected if body]
    assert [json_format.MessageToDict(message) for message in bare] == [
        json_format.MessageToDict(message) for _, message in expected
    ]
    _, again = await read_all(answer.SerializeToString(), cuts, leave_unread=True)
    assert again == bare


@given(results(), st.data())
@settings(deadline=None, max_examples=100)
async def test_an_answer_that_ends_early_is_never_taken_for_whole(result, data):
    body = store_pb2.QueryStoredCapturesResponse(results=[result]).SerializeToString()
    short = body[: data.draw(st.integers(1, len(body) - 1))]
    with pytest.raises(wire.WireError):
        await read_all(short, [])


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=300)
async def test_noise_is_refused_or_read_but_never_crashes(noise):
    try:
        await read_all(noise, [])
    except (wire.WireError, spot_store.DecodeError):
        return


@given(st.integers(0, 2**64 - 1))
def test_integers_are_written_as_they_are_read(value):
    assert spot_store._varint(wire.encode_varint(value), 0) == (value, len(wire.encode_varint(value)))


@given(st.integers(0, 2**63), st.binary(max_size=300))
def test_a_chunk_is_read_in_place(total_bytes, data):
    from bosdyn.api import data_chunk_pb2

    message = data_chunk_pb2.DataChunk(total_size=total_bytes, data=data).SerializeToString()
    assert spot_store.chunk(message) == (total_bytes, data)
    if data:
        with pytest.raises(wire.WireError):
            spot_store.chunk(message[:-1])


async def test_a_long_field_is_never_held_whole():
    size_bytes, piece = 400 * 1024 * 1024, bytes(1024 * 1024)
    image = b"\x22" + wire.encode_varint(size_bytes)  # image(3).data(4)
    capture = b"\x1a" + wire.encode_varint(len(image) + size_bytes) + image
    result = b"\x1a" + wire.encode_varint(len(capture) + size_bytes) + capture
    answer = b"\x1a" + wire.encode_varint(len(result) + size_bytes) + result
    held: list[int] = []

    async def arriving():
        yield answer
        for _ in range(size_bytes // len(piece)):
            yield piece

    async def keep(size, pieces):
        assert size == size_bytes
        held.extend([len(part) async for part in pieces])

    stream = wire.ByteStream(arriving())
    found = [value async for _, value in wire.fields(stream, {3: spot_store.RESULT}, keep)]
    assert (len(found), sum(held), max(held)) == (1, size_bytes, len(piece))
