"""Answer every message the client can send, well-formed or not; pygls leaves some without a reply.

What is different from pygls 2.1, each with its test in tests/lsp/test_protocol.py:
- a request whose parameters do not fit gets InvalidParams (pygls sends nothing, and the editor waits for ever);
- a message is looked at once, as a whole (pygls takes any object inside it that has a `jsonrpc` key for a message);
- an id that is not text or a whole number gets InvalidRequest (an unhashable one stops pygls's bookkeeping);
- requests before `initialize`, after `shutdown`, and a second `initialize` get the errors that LSP names;
- a response to a request that was never sent is dropped (pygls would end the *client's* request of the same id);
- cancelling `workspace/executeCommand` cancels the command (pygls leaves it running);
- an error that is meant for the user goes out as its one line, any other without its stack trace;
- `exit` ends the connection, not the process: other connections live on.
"""

from __future__ import annotations

import contextvars
import hmac
import json
import logging
import re
from asyncio import CancelledError, Task
from concurrent.futures import Future
from typing import Any, TypeGuard

from cattrs import transform_error
from lsprotocol import types as lsp
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcMethodNotFound,
    JsonRpcParseError,
    JsonRpcRequestCancelled,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import JsonRPCResponseMessage, LanguageServerProtocol, lsp_method

from mmcore.errors import InputError, SidesightError

logger = logging.getLogger(__name__)

# Notebooks reach us cell by cell, as documents; these are pygls's own, followed in features/sync.py or not at all.
_NOT_FROM_PYGLS = (
    lsp.TEXT_DOCUMENT_DID_OPEN,
    lsp.TEXT_DOCUMENT_DID_CHANGE,
    lsp.TEXT_DOCUMENT_DID_CLOSE,
    lsp.NOTEBOOK_DOCUMENT_DID_OPEN,
    lsp.NOTEBOOK_DOCUMENT_DID_CHANGE,
    lsp.NOTEBOOK_DOCUMENT_DID_CLOSE,
)


class RequestFailed(JsonRpcException):
    """The request was right and could not be carried out; LSP's own code for that."""

    CODE = lsp.LSPErrorCodes.RequestFailed.value
    MESSAGE = "Request Failed"


class Protocol(LanguageServerProtocol):
    """`token`: what `initializationOptions.token` must be on a socket. `exit_code`: set once the client said `exit`
    or was turned away; the transport then ends the connection.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.token: str | None = None
        self.exit_code: int | None = None
        for method in _NOT_FROM_PYGLS:
            self.fm.builtin_features.pop(method)

    @property
    def initialized(self) -> bool:
        return self._workspace is not None

    def cancel_requests(self) -> list[Task[Any]]:
        """Cancel every request in flight, from either side. Returns the tasks that are about to end."""
        futures: list[Any] = list(self._request_futures.values())
        for future in futures:
            future.cancel()
        return [future for future in futures if isinstance(future, Task)]

    def receive(self, body: bytes) -> None:
        """Handle one message. Raises nothing, whatever `body` is."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            self._refuse(None, JsonRpcParseError("the message is not JSON"))
            return
        if not isinstance(message, dict) or message.get("jsonrpc") != self.VERSION:
            self._refuse(message, JsonRpcInvalidRequest("the message is not a JSON-RPC 2.0 object"))
        elif isinstance(message.get("method"), str):
            # A context of its own: the handler's task finds its request's id there.
            receive = self._receive_request if "id" in message else self._receive_notification
            contextvars.copy_context().run(receive, message)
        elif "method" not in message and ("result" in message or "error" in message):
            self._receive_response(message)
        else:
            self._refuse(message, JsonRpcInvalidRequest("the message has no method and no result"))

    def _refuse(self, message: Any, error: JsonRpcException) -> None:
        """Reply to what is no request; to a notification there is no reply."""
        if isinstance(message, dict) and "id" not in message:
            logger.warning("ignored: %s", error)
            return
        id_ = message["id"] if isinstance(message, dict) and _is_id(message["id"]) else None
        # A dict: the converter would leave out an id that is null.
        reply = {"code": error.code, "message": error.message}
        self._send_data({"jsonrpc": self.VERSION, "id": id_, "error": reply})

    def _receive_request(self, message: dict[str, Any]) -> None:
        id_, method = message["id"], message["method"]
        try:
            if not _is_id(id_):
                raise JsonRpcInvalidRequest("the id of a request is a text or a whole number")
            self._check_state(method, message)
            params = self._params(message)
        except JsonRpcException as error:
            self._refuse(message, error)
        else:
            self._handle_request(id_, method, params)

    def _check_state(self, method: str, message: dict[str, Any]) -> None:
        if self._shutdown:
            raise JsonRpcInvalidRequest("the server has been shut down")
        if not self.initialized and method != lsp.INITIALIZE:
            raise JsonRpcServerNotInitialized("the first request must be initialize")
        if self.initialized and method == lsp.INITIALIZE:
            raise JsonRpcInvalidRequest("initialize has been sent already")
        if method == lsp.INITIALIZE and self.token is not None:
            self._check_token(message, self.token)

    def _check_token(self, message: dict[str, Any], token: str) -> None:
        params = message.get("params")
        options = params.get("initializationOptions") if isinstance(params, dict) else None
        given = options.get("token") if isinstance(options, dict) else None
        if not isinstance(given, str) or not hmac.compare_digest(given.encode("utf-8", "replace"), token.encode()):
            self.exit_code = 1
            raise JsonRpcInvalidRequest("initializationOptions.token is missing or wrong; `sidesight serve` names it")

    def _params(self, message: dict[str, Any]) -> Any:
        method = message["method"]
        self._get_handler(method)  # before the parameters: an unknown method is the better complaint
        kind = self.get_message_type(method)
        if kind is None:
            return message.get("params")
        try:
            return self._converter.structure(message, kind).params
        except Exception as error:  # whatever a converter throws at data from outside is the data's fault
            raise JsonRpcInvalidParams(f"{method}: {_first_problem(error)}") from error

    def _receive_notification(self, message: dict[str, Any]) -> None:
        method = message["method"]
        if method != lsp.EXIT and (self._shutdown or not self.initialized):
            return
        if method == lsp.CANCEL_REQUEST:
            self._cancel(message.get("params"))
            return
        try:
            params = self._params(message)
        except JsonRpcMethodNotFound:
            logger.debug("ignored: %s", method)
        except JsonRpcException as error:
            logger.warning("ignored: %s", error)
        else:
            self._handle_notification(method, params)

    def _cancel(self, params: Any) -> None:
        id_ = params.get("id") if isinstance(params, dict) else None
        # Requests of ours wait among the client's, under ids of their own.
        if _is_id(id_) and id_ not in self._result_types and (future := self._request_futures.get(id_)):
            future.cancel()

    def _receive_response(self, message: dict[str, Any]) -> None:
        id_ = message.get("id")
        if not isinstance(id_, str) or id_ not in self._result_types:
            logger.warning("ignored: a response to no request")
            return
        kind = self._result_types.pop(id_) or JsonRPCResponseMessage
        future = self._request_futures.pop(id_, None)
        if future is None or not future.set_running_or_notify_cancel():
            return
        try:
            if "error" in message:
                raise JsonRpcException(f"the client refused: {message['error']}")
            future.set_result(self._converter.structure(message, kind).result)
        except JsonRpcException as error:
            future.set_exception(error)
        except Exception as error:
            future.set_exception(JsonRpcInvalidRequest(f"the client's response: {_first_problem(error)}"))

    def _send_handler_result(self, future: Future[Any], *, msg_id: str | int) -> None:
        self._request_futures.pop(msg_id, None)
        try:
            self._send_response(msg_id, result=future.result())
        except BaseException as error:
            self._send_response(msg_id, error=_presented(error).to_response_error())

    @lsp_method(lsp.EXIT)
    def lsp_exit(self, *_: Any) -> None:  # type: ignore[override]  # pygls's is a generator that ends the process
        self.exit_code = 0 if self._shutdown else 1

    @lsp_method(lsp.SHUTDOWN)
    def lsp_shutdown(self, *_: Any) -> None:  # type: ignore[override]
        self.cancel_requests()
        self._shutdown = True

    @lsp_method(lsp.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(self, params: lsp.ExecuteCommandParams) -> Any:  # type: ignore[override]
        command = self.fm.commands.get(params.command)
        if command is None:
            raise JsonRpcInvalidParams(f"there is no command {params.command!r}")
        return await command(*(params.arguments or ()))


def _is_id(value: Any) -> TypeGuard[str | int]:
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))


def _first_problem(error: Exception) -> str:
    """What does not fit and where: `required field missing @ $.params.textDocument`, names as they are on the wire."""
    problem, at, path = str(transform_error(error)[0]).partition(" @ ")
    return f"{problem}{at}{re.sub('_([a-z])', lambda match: match[1].upper(), path)}".replace("\n", " ")[:300]


def _presented(error: BaseException) -> JsonRpcException:
    """What the client is told. A stack trace is for the log."""
    if isinstance(error, JsonRpcException):
        return error
    if isinstance(error, CancelledError):
        return JsonRpcRequestCancelled("cancelled")
    if isinstance(error, InputError):
        return JsonRpcInvalidParams(str(error))
    if isinstance(error, SidesightError):
        return RequestFailed(str(error))
    logger.error("a request failed", exc_info=error)
    return JsonRpcInternalError(f"Sidesight failed ({type(error).__name__}); its log says more")
