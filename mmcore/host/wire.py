"""The OpenAI wire format as a server speaks it: requests in, events and answers out.

Fields that the API has and we do not use are ignored; of those we use, a wrong type or value is refused by its name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
import uuid
from collections.abc import Mapping
from typing import Any, get_args

from mmcore.engine.base import ChatRequest, CompletionRequest, Sampling
from mmcore.errors import EngineRejected
from mmcore.types import Chunk, Image, Message, Role, Usage

# What the API takes when `max_tokens` is absent: little for a completion, to the end of the context for a chat.
COMPLETION_TOKENS = 16
CHAT_TOKENS = 4096
MOST_STOPS = 64
MOST_KEY = 64


def read_completion(body: Mapping[str, Any]) -> CompletionRequest:
    """Raises EngineRejected."""
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise EngineRejected("`prompt` must be one string")
    logprobs = body.get("logprobs")
    if logprobs is not None and (isinstance(logprobs, bool) or not isinstance(logprobs, int) or logprobs < 0):
        raise EngineRejected("`logprobs` must be a number that is not negative")
    heal = body.get("heal") or False
    if not isinstance(heal, bool):
        raise EngineRejected("`heal` must be true or false")
    sampling = _sampling(body, COMPLETION_TOKENS)
    return CompletionRequest(_model(body), prompt, sampling, logprobs is not None, heal, _workspace(body))


def read_chat(body: Mapping[str, Any]) -> ChatRequest:
    """Raises EngineRejected."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise EngineRejected("`messages` must be a list with at least one message")
    return ChatRequest(_model(body), tuple(map(_message, messages)), _sampling(body, CHAT_TOKENS), _workspace(body))


class Writer:
    """The events of one answer, all with the same id, and the whole answer for those who do not stream."""

    def __init__(self, model: str, chat: bool) -> None:
        self.model = model
        self.chat = chat
        self.id = f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}"
        self.created = int(time.time())

    def event(self, chunk: Chunk) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "finish_reason": chunk.finish_reason}
        if self.chat:
            choice["delta"] = {"role": "assistant", "content": chunk.text}
        else:
            choice |= {"text": chunk.text, "logprobs": self._logprobs(chunk)}
        return self._frame("chunk", [choice])

    def usage_event(self, usage: Usage) -> dict[str, Any]:
        return self._frame("chunk", []) | usage_field(usage)

    def whole(self, chunks: list[Chunk]) -> dict[str, Any]:
        last = chunks[-1]
        text = "".join(chunk.text for chunk in chunks)
        choice: dict[str, Any] = {"index": 0, "finish_reason": last.finish_reason}
        if self.chat:
            choice["message"] = {"role": "assistant", "content": text}
        else:
            logprobs = tuple(number for chunk in chunks for number in chunk.logprobs)
            choice |= {"text": text, "logprobs": self._logprobs(Chunk(text, logprobs=logprobs))}
        return self._frame("whole", [choice]) | usage_field(last.usage or Usage())

    def _frame(self, part: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        kind = "text_completion"
        if self.chat:
            kind = "chat.completion.chunk" if part == "chunk" else "chat.completion"
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, "choices": choices}

    @staticmethod
    def _logprobs(chunk: Chunk) -> dict[str, Any] | None:
        """Engines count tokens but do not say where one ends in the text, so only the probabilities are given."""
        return {"token_logprobs": list(chunk.logprobs)} if chunk.logprobs else None


def _model(body: Mapping[str, Any]) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise EngineRejected("`model` must be the name of a model; GET /v1/models lists them")
    return model


def _workspace(body: Mapping[str, Any]) -> str:
    """The API's word for requests that begin alike; of ours, all of a workspace have the same."""
    key = body.get("prompt_cache_key") or ""
    if not isinstance(key, str) or len(key) > MOST_KEY:
        raise EngineRejected(f"`prompt_cache_key` must be a string of at most {MOST_KEY} characters")
    return key


def _sampling(body: Mapping[str, Any], default_tokens: int) -> Sampling:
    for name in ("n", "best_of"):
        if body.get(name) not in (None, 1):
            raise EngineRejected(f"`{name}` must be 1")
    stop = body.get("stop") or []
    stop = [stop] if isinstance(stop, str) else stop
    if not isinstance(stop, list) or len(stop) > MOST_STOPS or not all(isinstance(item, str) for item in stop):
        raise EngineRejected(f"`stop` must be a string or a list of at most {MOST_STOPS} strings")
    limit = "max_tokens" if body.get("max_completion_tokens") is None else "max_completion_tokens"
    seed = body.get("seed")
    return Sampling(
        max_tokens=int(_number(body, limit, default_tokens, 1, 1 << 20, whole=True)),
        temperature=_number(body, "temperature", 1.0, 0.0, 2.0),
        top_p=_number(body, "top_p", 1.0, 0.0, 1.0),
        seed=None if seed is None else int(_number(body, "seed", 0, -(1 << 63), 1 << 63, whole=True)),
        stop=tuple(item for item in stop if item),
    )


def _number(
    body: Mapping[str, Any], name: str, default: float, least: float, most: float, whole: bool = False
) -> float:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not least <= value <= most:
        raise EngineRejected(f"`{name}` must be a {'whole ' if whole else ''}number from {least:g} to {most:g}")
    return float(value) if not whole else int(value)


def _message(value: Any) -> Message:
    if not isinstance(value, dict) or value.get("role") not in get_args(Role):
        raise EngineRejected("each of `messages` must have a `role`: system, user or assistant")
    content = value.get("content")
    if isinstance(content, str):
        return Message(value["role"], content)
    if not isinstance(content, list):
        raise EngineRejected("`content` of a message must be a string or a list of parts")
    texts: list[str] = []
    images: list[Image] = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind == "image_url" and isinstance(part.get("image_url"), dict):
            images.append(_image(part["image_url"].get("url")))
        else:
            raise EngineRejected("each part of `content` must have the `type` text or image_url, and what goes with it")
    return Message(value["role"], "\n".join(texts), tuple(images))


def _image(url: Any) -> Image:
    """Only what the request itself carries: the host fetches nothing for anyone. The size is the engine's to find."""
    head, _, data = url.partition(";base64,") if isinstance(url, str) else ("", "", "")
    if not head.startswith("data:image/") or not data:
        raise EngineRejected("`image_url` must be a data URI of a picture in base64")
    try:
        decoded = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise EngineRejected("`image_url` is not valid base64") from None
    return Image(decoded, head.removeprefix("data:"), 0, 0, hashlib.sha256(decoded).hexdigest())


def usage_field(usage: Usage) -> dict[str, Any]:
    counts = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
    return {"usage": counts}
