"""The seam between those who want tokens and those who make them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from mmcore.engine.turn import Turn
from mmcore.types import Chunk, Message


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. Temperature 0 is greedy; `stop` strings end the text and are not part of it."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """Continue a raw prompt: special tokens in it are the caller's (fill-in-the-middle is rendered by us).

    `heal`: the prompt may end within a word; an engine that can chooses the word's tokens anew (token healing). The
    text that comes continues the prompt either way.

    `workspace` names, in a word that means nothing to others, for whom it is: workspaces that share an engine share the
    memory in which it keeps what it computed.
    """

    model: str
    prompt: str
    sampling: Sampling = Sampling()
    logprobs: bool = False
    heal: bool = False
    workspace: str = ""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Answer a conversation through the model's own chat template; `workspace` as in `CompletionRequest`."""

    model: str
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    workspace: str = ""


class Engine(Protocol):
    """A source of tokens: the scripted one, one inside the host, or any OpenAI-compatible server.

    Closing the generator (`aclose`, or cancelling the task that reads it) stops generation within one token.

    Both methods raise `EngineUnavailable`, `EngineRejected` or `EngineProtocolError`, before the first chunk or in
    place of one; never after the last.
    """

    def complete(self, request: CompletionRequest) -> AsyncGenerator[Chunk, None]: ...

    def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]: ...

    async def models(self) -> tuple[str, ...]:
        """Names that a request may carry."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Figures:
    """What an engine in the host has counted since it was loaded, as far as it can know.

    `surplus`: tokens generated after their request was closed. `cache_bytes` of at most `cache_limit_bytes` hold
    `cache_sequences` of earlier prompts and answers; `cache_evictions` of them were dropped to make room. Of `guessed`
    tokens, which are checked several in a step, `guessed_right` were what the model says.
    """

    surplus: int = 0
    cache_bytes: int = 0
    cache_limit_bytes: int = 0
    cache_sequences: int = 0
    cache_evictions: int = 0
    guessed: int = 0
    guessed_right: int = 0


class LocalEngine(Engine, Protocol):
    """An engine inside the host, which holds one model and can be paused between two tokens.

    A `turn` that is None is never taken away. `slots` is how many requests it advances at once.
    """

    slots: int

    def complete(self, request: CompletionRequest, turn: Turn | None = None) -> AsyncGenerator[Chunk, None]: ...

    def chat(self, request: ChatRequest, turn: Turn | None = None) -> AsyncGenerator[Chunk, None]: ...

    def alive(self) -> bool:
        """False when it can answer no more and must be loaded again."""
        ...

    async def figures(self) -> Figures: ...
