"""The chain that every call runs through, from the network and from the next service alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from aviary.rpc.call import Call, current_call
from aviary.rpc.method import Method, methods_of

# Looks at one call before the handler; what it returns wraps the handler, sees its exception, and runs after it.
Interceptor = Callable[[Call, Message], AbstractAsyncContextManager[None] | None]
UnaryHandler = Callable[[Message, Call], Awaitable[Message]]
StreamHandler = Callable[[Message, Call], AsyncIterator[Message]]


class Dispatcher:
    """The handlers of this process by gRPC path, behind the interceptors, outermost first.

    Those `at_entry` come after the others, and only for calls from the network
    and for calls that may bear a key: a page is half a dozen calls between services.
    """

    def __init__(self, interceptors: Sequence[Interceptor], *, at_entry: Sequence[Interceptor] = ()) -> None:
        self._interceptors = interceptors
        self._at_entry = [*interceptors, *at_entry]
        self._methods: dict[str, Method] = {}
        self._handlers: dict[str, UnaryHandler | StreamHandler] = {}

    def add(self, service: ServiceDescriptor, servicer: object) -> None:
        """Serve `service` by the methods of `servicer` that bear its RPCs' names; every one must be there."""
        for method in methods_of(service):
            self._methods[method.path] = method
            self._handlers[method.path] = getattr(servicer, method.name)

    @property
    def methods(self) -> Sequence[Method]:
        return list(self._methods.values())

    def method(self, path: str) -> Method:
        return self._methods[path]

    async def unary(self, request: Message, call: Call) -> Message:
        """Run a call with one answer. Raises an AviaryError, never anything else."""
        handler: UnaryHandler = self._handlers[call.method.path]  # type: ignore[assignment]
        token = current_call.set(call)
        try:
            return await _within(iter(self._around(call)), handler, request, call)
        finally:
            current_call.reset(token)

    async def stream(self, request: Message, call: Call) -> AsyncIterator[Message]:
        """Run a call with many answers."""
        handler: StreamHandler = self._handlers[call.method.path]  # type: ignore[assignment]
        async with AsyncExitStack() as stack:
            for interceptor in self._around(call):
                if (around := interceptor(call, request)) is not None:
                    await stack.enter_async_context(around)
            async for answer in handler(request, call):
                yield answer

    def _around(self, call: Call) -> Sequence[Interceptor]:
        return self._at_entry if call.from_network or call.method.has_key else self._interceptors


async def _within(rest: Iterator[Interceptor], handler: UnaryHandler, request: Message, call: Call) -> Message:
    # A stack of exits would cost a call more than what it wraps: each is a frame of its own instead.
    for interceptor in rest:
        if (around := interceptor(call, request)) is not None:
            async with around:
                return await _within(rest, handler, request, call)
            raise AssertionError("an interceptor swallowed an exception")
    return await handler(request, call)
