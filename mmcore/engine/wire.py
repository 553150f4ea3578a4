"""The OpenAI wire format as a client speaks it: requests out, events in."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mmcore.engine.base import ChatRequest, CompletionRequest, Sampling
from mmcore.errors import EngineProtocolError
from mmcore.types import Message, Usage

FinishReason = Literal["stop", "length"]
USAGE_WITH_EACH_EVENT = "continuous_usage_stats"


@dataclass(frozen=True, slots=True)
class Event:
    """What one server-sent event says; the usage comes with the last choice or after it."""

    text: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    logprobs: tuple[float, ...] = ()


def completion_body(request: CompletionRequest) -> dict[str, Any]:
    body = {"model": request.model, "prompt": request.prompt, **_sampling(request.sampling)}
    if request.logprobs:
        # 1, not 0: llama.cpp takes 0 for "none".
        body["logprobs"] = 1
    return body


def own_fields(request: CompletionRequest | ChatRequest) -> dict[str, Any]:
    """What only our own host understands, or all but a few refuse."""
    fields: dict[str, Any] = {"prompt_cache_key": request.workspace} if request.workspace else {}
    if isinstance(request, CompletionRequest) and request.heal:
        fields["heal"] = True
    return fields


def with_usage_with_each_event(body: dict[str, Any]) -> dict[str, Any]:
    """For streams that are closed before their last event, which else is the only one with the usage."""
    return body | {"stream_options": {**body["stream_options"], USAGE_WITH_EACH_EVENT: True}}


def chat_body(request: ChatRequest) -> dict[str, Any]:
    messages = [_message(message) for message in request.messages]
    return {"model": request.model, "messages": messages, **_sampling(request.sampling)}


def read_event(data: Any) -> Event:
    """The event in one `data:` line of either endpoint. Raises EngineProtocolError."""
    try:
        usage = _usage(data.get("usage"))
        choices = data["choices"]
        if not choices:
            return Event(usage=usage)
        choice = choices[0]
        delta = choice.get("delta")
        text = (choice.get("text") if delta is None else delta.get("content")) or ""
        if not isinstance(text, str):
            raise TypeError("the text of a choice is not a string")
        return Event(text, _finish_reason(choice.get("finish_reason")), usage, _logprobs(choice.get("logprobs")))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise EngineProtocolError(f"the engine sent an event that is not the API's ({_short(error)})") from None


def error_message(data: Any) -> str | None:
    """What an error body says, in any of the shapes that servers use; None when it says nothing."""
    if isinstance(data, Mapping):
        error = data.get("error", data.get("detail", data.get("message")))
        if isinstance(error, Mapping):
            error = error.get("message")
        if isinstance(error, str) and error.strip():
            return " ".join(error.split())[:500]
    return None


def _sampling(sampling: Sampling) -> dict[str, Any]:
    body: dict[str, Any] = {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    return body


def _message(message: Message) -> dict[str, Any]:
    if not message.images:
        # A plain string: several servers take no content parts for text-only models.
        return {"role": message.role, "content": message.content}
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": f"data:{image.mime};base64,{base64.b64encode(image.data).decode()}"}}
        for image in message.images
    ]
    return {"role": message.role, "content": [*parts, {"type": "text", "text": message.content}]}


def _finish_reason(value: str | None) -> FinishReason | None:
    if value is None:
        return None
    return "length" if value == "length" else "stop"


def _usage(value: Mapping[str, Any] | None) -> Usage | None:
    if not value:
        return None
    details = value.get("prompt_tokens_details") or {}
    return Usage(
        prompt_tokens=int(value.get("prompt_tokens") or 0),
        cached_tokens=int(details.get("cached_tokens") or 0),
        completion_tokens=int(value.get("completion_tokens") or 0),
    )


def _logprobs(value: Mapping[str, Any] | None) -> tuple[float, ...]:
    """Of either form: `token_logprobs` of the completion API, `content` of the chat API and of llama.cpp."""
    if not value:
        return ()
    plain = value.get("token_logprobs")
    if plain is None:
        plain = [item["logprob"] for item in value.get("content") or ()]
    return tuple(float(number) for number in plain if number is not None)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:120]
