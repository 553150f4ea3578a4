"""An engine that says what it is told to: for tests, for demonstrations and for authors of clients."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from mmcore.engine.base import ChatRequest, CompletionRequest, Figures
from mmcore.engine.turn import Turn
from mmcore.errors import EngineError, EngineRejected
from mmcore.types import Chunk, Usage

Request = CompletionRequest | ChatRequest
Answer = str | EngineError


@dataclass(frozen=True, slots=True)
class Rule:
    """Say `answer` to a prompt (of a chat: its last message) in which the regular expression `pattern` is found."""

    pattern: str
    answer: Answer


# Each has several tokens and a character outside ASCII, one has lines and Markdown: enough for a client to trip over.
# What never comes to its end within a test is there to be cancelled.
DEFAULT_RULES = (
    Rule(r"without end", " la" * 100_000),
    Rule(r"<\|fim_middle\|>", "total + 1  # Σ"),
    Rule(r"", "The scripted engine was asked and answers: 你好, **world**.\n\nThat is all that it says."),
)


class ScriptedEngine:
    """Answers by rule, a token at a time, as a `LocalEngine` and so as an `Engine`.

    `script` is a list of rules, of which the first that matches speaks, or a function; either may give an error to
    raise. `pace` is awaited before each token: a semaphore's `acquire` lets a test step through an answer. `requests`
    has every request made, `generated` counts tokens, `abandoned` requests that were closed before their end.
    """

    slots = 4

    def __init__(
        self,
        script: Sequence[Rule] | Callable[[Request], Answer] = DEFAULT_RULES,
        models: tuple[str, ...] = ("scripted",),
        pace: Callable[[], Awaitable[object]] | None = None,
        context_tokens: int = 8192,
    ) -> None:
        self._answer = script if callable(script) else _by_rules(tuple(script))
        self._models = models
        self._pace = pace or _breathe
        self._context_tokens = context_tokens
        self._seen: list[list[str]] = []
        self.requests: list[Request] = []
        self.generated = 0
        self.abandoned = 0

    def complete(self, request: CompletionRequest, turn: Turn | None = None) -> AsyncGenerator[Chunk, None]:
        return self._speak(request, request.prompt, turn or Turn())

    def chat(self, request: ChatRequest, turn: Turn | None = None) -> AsyncGenerator[Chunk, None]:
        prompt = "".join(f"<|im_start|>{message.role} {message.content}" for message in request.messages)
        return self._speak(request, prompt, turn or Turn())

    async def models(self) -> tuple[str, ...]:
        return self._models

    def alive(self) -> bool:
        return True

    async def figures(self) -> Figures:
        """Nothing ever: it computes a token when it is asked for one, and keeps only words."""
        return Figures()

    async def close(self) -> None:
        self._seen.clear()

    async def _speak(self, request: Request, prompt: str, turn: Turn) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        if request.model not in self._models:
            raise EngineRejected(f"there is no model {request.model}; there are {', '.join(self._models)}")
        prompt_tokens = tokenize(prompt)
        if len(prompt_tokens) > self._context_tokens:
            raise EngineRejected(f"the prompt has {len(prompt_tokens)} tokens, the limit is {self._context_tokens}")
        answer = self._answer(request)
        if isinstance(answer, EngineError):
            raise answer
        for stop in request.sampling.stop:
            answer = answer.partition(stop)[0]
        tokens = tokenize(answer)
        kept = tokens[: request.sampling.max_tokens]
        cached = max((_common_tokens(prompt_tokens, earlier) for earlier in self._seen), default=0)
        # As many prompts as a small server remembers.
        self._seen = [prompt_tokens, *self._seen[:7]]
        logprobs = (-0.1,) if isinstance(request, CompletionRequest) and request.logprobs else ()
        usage = Usage(len(prompt_tokens), min(cached, len(prompt_tokens)))
        ended = False
        try:
            for count, token in enumerate(kept):
                await self._pace()
                await turn.wait()
                self.generated += 1
                yield Chunk(token, None, replace(usage, completion_tokens=count + 1), logprobs)
            ended = True
        finally:
            self.abandoned += not ended
        usage = replace(usage, completion_tokens=len(kept))
        yield Chunk("", "stop" if len(kept) == len(tokens) else "length", usage)


def tokenize(text: str) -> list[str]:
    """Words with the space before them, signs, runs of space, single characters of Chinese: about what models do."""
    return re.findall(r"<\|\w+\|>|[ ]?[^\W\u2e80-\u9fff]+|[\u2e80-\u9fff]|\s+|.", text, re.DOTALL)


def _by_rules(rules: tuple[Rule, ...]) -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        asked = request.prompt if isinstance(request, CompletionRequest) else request.messages[-1].content
        return next((rule.answer for rule in rules if re.search(rule.pattern, asked)), "")

    return answer


def _common_tokens(prompt: list[str], earlier: list[str]) -> int:
    pairs = zip(prompt, earlier, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


async def _breathe() -> None:
    """Lets others run between two tokens, as a real engine does."""
    await asyncio.sleep(0)
