"""The frame of every service: gRPC handlers made from a service's descriptor, headers, tokens, chunks.

A service is a class with one method per RPC, named as in the protocol. Most take `(request, response)` and fill the
response, whose header is there already; where messages travel in several parts the handler puts them together, so
that the method looks the same. RPCs without a method answer UNIMPLEMENTED, as an older robot does.
Source: robot-link.md §2.3 (headers, by the robot's clock), §1.3 (missing methods).
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false, reportCallIssue=false

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, ClassVar

import grpc
from bosdyn.api import data_chunk_pb2, header_pb2, lease_pb2
from google.protobuf import message_factory

from roundsman.simulator.services.tokens import Tokens
from roundsman.simulator.world.leases import Lease, LeaseBook, LeaseUse
from roundsman.simulator.world.robot import SimulatedSpot

CHUNK_BYTES = 1024 * 1024
CALLER: ContextVar[str] = ContextVar("CALLER", default="")
"""The user whose token came with the call."""


class InvalidRequestError(Exception):
    """A request that makes no sense; the client gets CODE_INVALID_REQUEST with the message."""


class Service:
    """One gRPC service of one robot. `name` is how the robot's directory calls it."""

    name: ClassVar[str]
    authority: ClassVar[str] = "api.spot.robot"
    descriptor: ClassVar[Any]
    token_required: ClassVar[bool] = True
    assembled: ClassVar[Mapping[str, tuple[Any, Any]]] = {}
    """Request and response of those RPCs that carry them as chunks; None for what does not come in chunks."""

    def __init__(self, robot: SimulatedSpot, tokens: Tokens) -> None:
        self.robot = robot
        self.tokens = tokens

    def tick(self) -> None:
        """What the service does by itself, several times a second."""

    def handlers(self) -> grpc.GenericRpcHandler:
        """What a gRPC server needs of it."""
        methods = {
            method.name: self._handler(method) for method in self.descriptor.methods if hasattr(self, method.name)
        }
        return grpc.method_handlers_generic_handler(self.descriptor.full_name, methods)

    def lease(self, message: Any, result: Any) -> Lease | None:
        """The lease of a command that may go on, None otherwise; fills the LeaseUseResult."""
        lease = Lease(message.resource, message.epoch, tuple(message.sequence), tuple(message.client_names))
        book = self.robot.leases
        use = book.check(lease)
        result.status = int(use)
        result.attempted_lease.CopyFrom(message)
        fill_lease(result.latest_known_lease, Lease(book.granted_resource, book.epoch, book.latest))
        fill_owner(result.owner, book)
        return lease if use is LeaseUse.OK else None

    def leases(self, messages: Any, results: Any) -> Lease | None:
        """The same for a command that carries several leases: the first, when all are good."""
        used = [self.lease(message, results.add()) for message in messages]
        if not used:
            result = results.add()
            self.lease(lease_pb2.Lease(), result)
            result.status = lease_pb2.LeaseUseResult.STATUS_INVALID_LEASE
        return used[0] if used and all(used) else None

    def answer_header(self, request: Any, header: Any, received_us: int | None = None) -> None:
        """Fills a response header; errors are written over it."""
        now_us = self.robot.now_us()
        if request is not None:
            header.request_header.CopyFrom(request.header)
        fill_time(header.request_received_timestamp, now_us if received_us is None else received_us)
        fill_time(header.response_timestamp, now_us)
        header.error.code = header_pb2.CommonError.CODE_OK

    async def _admit(self, context: Any) -> int:
        """Lets a call in; gives the time it came at, by the robot's clock."""
        await self._delay()
        token = _bearer(context)
        if self.tokens.valid(token):
            CALLER.set(self.tokens.user(token))
        elif self.token_required:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "The token is missing, wrong or too old.")
        return self.robot.now_us()

    async def _delay(self) -> None:
        if self.robot.faults.link_delay_s > 0:
            await asyncio.sleep(self.robot.faults.link_delay_s / 2)

    async def _run(self, method: Callable[..., Any], request: Any, response: Any, received_us: int) -> Any:
        self.answer_header(request if hasattr(request, "header") else None, response.header, received_us)
        try:
            outcome = method(request, response)
            if inspect.isawaitable(outcome):
                await outcome
        except InvalidRequestError as error:
            response.header.error.code = header_pb2.CommonError.CODE_INVALID_REQUEST
            response.header.error.message = str(error)
        fill_time(response.header.response_timestamp, self.robot.now_us())
        await self._delay()
        return response

    def _handler(self, method: Any) -> Any:
        whole_request, whole_response = self.assembled.get(method.name, (None, None))
        request_type = whole_request or message_factory.GetMessageClass(method.input_type)
        response_type = whole_response or message_factory.GetMessageClass(method.output_type)
        call = getattr(self, method.name)
        if method.server_streaming and not whole_response:
            return grpc.unary_stream_rpc_method_handler(
                self._streamed(call), request_deserializer=request_type.FromString, response_serializer=_serialized
            )
        answer = self._answered(call, response_type)
        if method.client_streaming and whole_request:
            answer = _assembling(answer, request_type)
        request_bytes = None if whole_request and method.client_streaming else request_type.FromString
        if method.server_streaming:
            kind = (
                grpc.stream_stream_rpc_method_handler
                if method.client_streaming
                else grpc.unary_stream_rpc_method_handler
            )
            return kind(_chunking(answer), request_deserializer=request_bytes, response_serializer=_serialized)
        kind = grpc.stream_unary_rpc_method_handler if method.client_streaming else grpc.unary_unary_rpc_method_handler
        return kind(answer, request_deserializer=request_bytes, response_serializer=_serialized)

    def _answered(self, method: Callable[..., Any], response_type: Any) -> Callable[..., Awaitable[Any]]:
        async def answered(request: Any, context: Any) -> Any:
            return await self._run(method, request, response_type(), await self._admit(context))

        return answered

    def _streamed(self, method: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
        async def streamed(request: Any, context: Any) -> AsyncIterator[Any]:
            await self._admit(context)
            async for part in method(request):
                yield part
            await self._delay()

        return streamed


def _assembling(answer: Callable[..., Awaitable[Any]], request_type: Any) -> Callable[..., Awaitable[Any]]:
    async def assembling(requests: AsyncIterator[bytes], context: Any) -> Any:
        chunks = [data_chunk_pb2.DataChunk.FromString(chunk).data async for chunk in requests]
        return await answer(request_type.FromString(b"".join(chunks)), context)

    return assembling


def _chunking(answer: Callable[..., Awaitable[Any]]) -> Callable[..., AsyncIterator[bytes]]:
    async def chunking(request: Any, context: Any) -> AsyncIterator[bytes]:
        for chunk in chunks_of((await answer(request, context)).SerializeToString()):
            yield chunk

    return chunking


def _serialized(message: Any) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()


def _bearer(context: Any) -> str:
    for key, value in context.invocation_metadata():
        if key == "authorization":
            return str(value).removeprefix("Bearer ")
    return ""


def pieces(content: bytes, size_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """`content` in pieces; one empty piece when there is nothing."""
    if len(content) <= size_bytes:
        yield content
        return
    for at in range(0, len(content), size_bytes):
        yield content[at : at + size_bytes]


def chunks_of(content: bytes) -> Iterator[bytes]:
    """`content` as serialized DataChunks."""
    for piece in pieces(content):
        yield data_chunk_pb2.DataChunk(total_size=len(content), data=piece).SerializeToString()


def fill_time(timestamp: Any, time_us: int) -> None:
    """Writes a Timestamp."""
    timestamp.seconds, rest_us = divmod(time_us, 1_000_000)
    timestamp.nanos = rest_us * 1000


def time_us_of(timestamp: Any) -> int:
    """Reads a Timestamp."""
    return timestamp.seconds * 1_000_000 + timestamp.nanos // 1000


def fill_owner(message: Any, book: LeaseBook) -> None:
    """Writes a LeaseOwner."""
    message.client_name, message.user_name = book.owner or "", book.user_name if book.owner else ""


def fill_duration(duration: Any, seconds: float) -> None:
    """Writes a Duration."""
    duration.FromNanoseconds(round(seconds * 1e9))


def fill_lease(message: Any, lease: Lease) -> None:
    """Writes a Lease."""
    message.resource, message.epoch = lease.resource, lease.epoch
    message.sequence[:] = lease.sequence
    message.client_names[:] = lease.client_names
