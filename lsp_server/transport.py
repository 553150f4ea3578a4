"""Carry messages between a client and its server: standard streams, TCP, WebSocket.

pygls's own loops share one protocol among all connections, know no token, end on an odd header and leave the process
waiting for its input on Ctrl-C; these do not.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, Protocol

from lsp_server.server import SidesightServer
from mmcore.errors import InputError

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

logger = logging.getLogger(__name__)

# A question may carry a few pictures of `perception.max_bytes`, as data URIs.
MAX_MESSAGE = 256_000_000
# Seconds and bytes that a stranger on a socket may take before `initialize` has shown the token.
_STRANGER_SECONDS = 30.0
_STRANGER_BYTES = 1_000_000

MakeServer = Callable[[], SidesightServer]


class Channel(Protocol):
    """One connection. `framed`: each message is preceded by LSP's headers."""

    framed: bool

    async def receive(self, limit: int) -> bytes | None:
        """The body of the next message; None at the end. Raises InputError where it is larger than `limit`."""
        ...

    def write(self, data: bytes) -> None: ...

    async def close(self) -> None: ...


class StreamChannel:
    """Messages in a stream of bytes; `output` is a file, or an asyncio writer."""

    framed = True

    def __init__(self, reader: asyncio.StreamReader, output: BinaryIO | asyncio.StreamWriter) -> None:
        self._reader = reader
        self._output = output

    async def receive(self, limit: int) -> bytes | None:
        # Lines that are no header are passed over: after one bad message the next good one is found.
        length: int | None = None
        header = b""
        try:
            while length is None or header.strip():
                if not (header := await self._reader.readline()):
                    return None
                name, _, value = header.partition(b":")
                if name.strip().lower() == b"content-length" and value.strip().isdigit():
                    length = _within(int(value), limit)
            return await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        except ValueError:
            raise InputError("a header line without end") from None

    def write(self, data: bytes) -> None:
        try:
            self._output.write(data)
            if not isinstance(self._output, asyncio.StreamWriter):
                self._output.flush()
        except (OSError, ValueError):
            logger.info("the client has gone")  # the end of its input follows, and with it that of the session

    async def close(self) -> None:
        self._output.close()


class SocketChannel:
    """A message a WebSocket frame."""

    framed = False

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._sending = asyncio.create_task(self._send())

    async def receive(self, limit: int) -> bytes | None:
        from websockets.exceptions import ConnectionClosed

        try:
            data = await self._socket.recv(decode=False)
        except ConnectionClosed:
            return None
        _within(len(data), limit)
        return data

    def write(self, data: bytes) -> None:
        self._outgoing.put_nowait(data)

    async def _send(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while (data := await self._outgoing.get()) is not None:
                await self._socket.send(data, text=True)
        except ConnectionClosed:
            logger.info("the client has gone")

    async def close(self) -> None:
        self._outgoing.put_nowait(None)
        await self._sending
        await self._socket.close()


async def converse(server: SidesightServer, channel: Channel) -> int:
    """Serve one client until it says `exit`, hangs up or sends what cannot be followed. Returns the exit status."""
    protocol = server.protocol
    # pygls wants something to close as well; only its own loops call that.
    protocol.set_writer(channel, include_headers=channel.framed)  # type: ignore[arg-type]
    stranger = protocol.token is not None
    try:
        async with asyncio.timeout(_STRANGER_SECONDS if stranger else None) as deadline:
            while protocol.exit_code is None:
                body = await channel.receive(_STRANGER_BYTES if stranger else MAX_MESSAGE)
                if body is None:
                    break
                protocol.receive(body)
                # A handler begins before the next message is looked at: it must see the document as it was then.
                await asyncio.sleep(0)
                if stranger and protocol.initialized:
                    stranger = False
                    deadline.reschedule(None)
    except InputError as error:
        logger.error("the connection is closed: %s", error)
    except TimeoutError:
        logger.error("the connection is closed: no initialize within %.0f s", _STRANGER_SECONDS)
    finally:
        await server.close()
        await channel.close()
    return 1 if protocol.exit_code is None else protocol.exit_code


async def serve_stdio(make_server: MakeServer) -> int:
    """Serve the parent process. Returns the exit status that LSP asks for."""
    # Whatever else prints in this process must not end up between two messages.
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    reader = asyncio.StreamReader()
    # A daemon, and unbuffered: a thread that waits for input can be left behind when the process ends.
    threading.Thread(target=_feed, args=(reader, asyncio.get_running_loop()), daemon=True).start()
    return await converse(make_server(), StreamChannel(reader, output))


def _feed(reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
    source = sys.stdin.fileno()
    try:
        while data := os.read(source, 1 << 16):
            loop.call_soon_threadsafe(reader.feed_data, data)
        loop.call_soon_threadsafe(reader.feed_eof)
    except RuntimeError:
        return  # the loop has ended


async def serve_tcp(make_server: MakeServer, host: str, port: int, on_ready: Callable[[int], None]) -> None:
    """Serve every client that connects, until cancelled. `on_ready` gets the port, chosen by the system for 0.

    Raises InputError: not an address of this machine alone, a port in use.
    """

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await converse(make_server(), StreamChannel(reader, writer))

    try:
        listener = await asyncio.start_server(connected, loopback(host), port)
    except OSError as error:
        raise _cannot_listen(host, port, error) from None
    async with listener:
        on_ready(listener.sockets[0].getsockname()[1])
        await listener.serve_forever()


async def serve_ws(make_server: MakeServer, host: str, port: int, on_ready: Callable[[int], None]) -> None:
    """As `serve_tcp`, over WebSocket."""
    from websockets.asyncio.server import serve

    async def connected(socket: ServerConnection) -> None:
        await converse(make_server(), SocketChannel(socket))

    # Else it logs a stack trace whenever something that is no WebSocket client knocks.
    logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
    try:
        listener = await serve(connected, loopback(host), port, max_size=MAX_MESSAGE, compression=None)
    except OSError as error:
        raise _cannot_listen(host, port, error) from None
    async with listener:
        on_ready(next(iter(listener.sockets)).getsockname()[1])
        await listener.serve_forever()


def loopback(host: str) -> str:
    """`host` as an address that only this machine reaches. Raises InputError for any other."""
    if host.lower() == "localhost":
        return "127.0.0.1"
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise InputError(f"{host} is refused: Sidesight listens on 127.0.0.1 only; come from elsewhere by an SSH tunnel")


def _within(length: int, limit: int) -> int:
    if length > limit:
        raise InputError(f"a message of {length:,} bytes, where the most is {limit:,}")
    return length


def _cannot_listen(host: str, port: int, error: OSError) -> InputError:
    if error.errno == errno.EADDRINUSE:
        return InputError(f"port {port} on {host} is in use; choose another, or 0 for any that is free")
    return InputError(f"cannot listen on {host}:{port}: {error.strerror or error}")
