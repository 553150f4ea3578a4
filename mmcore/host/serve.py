"""The life of a host process: bind, write down where, serve, leave."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import secrets
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from types import FrameType

import filelock
import uvicorn

from mmcore import config
from mmcore.config import Settings
from mmcore.engine import address
from mmcore.errors import EngineUnavailable, SettingError
from mmcore.host import engines
from mmcore.host.app import create_app
from mmcore.host.metrics import Metrics
from mmcore.host.models import Models
from mmcore.host.service import Service

log = logging.getLogger(__name__)

HOUSEKEEPING_S = 5.0
LOG_BYTES = 1 << 20
# A request that runs when the host is asked to leave may end; a long chat is cut.
GRACE_S = 10


class AnotherRuns(EngineUnavailable):
    """Told apart because whoever starts a host may use the other one."""


def run(settings: Settings, bind: str = "127.0.0.1", port: int = 0) -> None:
    """Serve until asked to leave, told by a signal, or idle for `host.exit_idle_s`.

    Raises SettingError and EngineUnavailable when it cannot start: an address that is not loopback, a port in use, a
    host that runs already.
    """
    # Each request to an engine would be a line of its own.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    metrics = Metrics()
    service = Service(Models(engines.choose(settings), metrics), metrics)
    config.state_dir().mkdir(mode=0o700, parents=True, exist_ok=True)
    # Held for as long as the process lives, and freed by the system however it ends.
    lock = filelock.FileLock(config.state_dir() / "host.lock", blocking=False)
    try:
        with open_listener(bind, port) as listener, lock:
            asyncio.run(_serve(settings, service, listener))
    except filelock.Timeout:
        raise AnotherRuns("a model host runs already; `sidesight host --stop` ends it") from None


async def _serve(settings: Settings, service: Service, listener: socket.socket) -> None:
    server: _Server

    def leave() -> None:
        server.should_exit = True

    name, port = listener.getsockname()[:2]
    url = f"http://{f'[{name}]' if ':' in name else name}:{port}/v1"
    token = secrets.token_urlsafe(32)

    def publish() -> None:
        address.publish(url, version("sidesight"), token)

    app = create_app(service, token, leave)
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    # Signals are taken before anyone can know of this process, and until it has tidied up behind itself.
    with _signals_to(server.handle_exit):
        publish()
        log.info("sidesight %s listens at %s, process %d", version("sidesight"), url, os.getpid())
        housekeeping = asyncio.create_task(_keep_house(service, settings, publish, leave))
        try:
            await server.serve(sockets=[listener])
        finally:
            housekeeping.cancel()
            address.withdraw()
            await service.close()
            log.info("the host leaves")


@contextmanager
def _signals_to(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Left to `_signals_to`: uvicorn's own raises the signal again when the server has ended, before we have."""
        yield


async def _keep_house(
    service: Service, settings: Settings, publish: Callable[[], None], leave: Callable[[], None]
) -> None:
    host = settings.host
    while True:
        await asyncio.sleep(min(HOUSEKEEPING_S, host.model_idle_s / 4 + 0.05, host.exit_idle_s / 4 + 0.05))
        await service.held.unload_idle(host.model_idle_s)
        if not service.active and time.monotonic() - service.last_request >= host.exit_idle_s:
            log.info("nobody asked for %g s", host.exit_idle_s)
            leave()
        stated = address.find()
        if not config.state_dir().is_dir():
            log.info("the directory in which editors would look for this host is gone")
            leave()
        elif stated is None:
            # Someone emptied the directory; nobody would find us, and the lock would keep others from starting.
            publish()
        elif stated.pid != os.getpid():
            log.info("process %d has taken over", stated.pid)
            leave()
        _bound_log()


def open_listener(bind: str, port: int) -> socket.socket:
    try:
        ip = ipaddress.ip_address("127.0.0.1" if bind == "localhost" else bind)
    except ValueError:
        raise SettingError(f"{bind} is not an address; the host listens on 127.0.0.1 or ::1") from None
    if not ip.is_loopback:
        raise SettingError(f"{bind} can be reached from other machines; the host listens on loopback addresses only")
    family = socket.AF_INET6 if ip.version == 6 else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only where it is: on, each answer waits 40 ms
    # behind its headers.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            # So that a port can be taken again at once after its last host left.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((str(ip), port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise SettingError(
            f"port {port} cannot be used ({error.strerror}); choose another or 0 for any free one"
        ) from None
    except OverflowError:
        listener.close()
        raise SettingError(f"{port} is not a port; choose one from 1 to 65535 or 0 for any free one") from None
    return listener


def _bound_log() -> None:
    """Empty the log when it has grown, where standard error is one (opened for appending by whoever started us)."""
    try:
        status = os.fstat(sys.stderr.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_size > LOG_BYTES:
            os.ftruncate(sys.stderr.fileno(), 0)
    except (OSError, ValueError):
        # No standard error, or one that is not a file: nothing grows.
        return
