"""One answer of the model, and what it cost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from mmcore.actions.request import Tools
from mmcore.engine.base import ChatRequest, Sampling
from mmcore.types import Message, Usage


@dataclass(frozen=True, slots=True)
class Said:
    """`cut_off` where generation ended at the token limit."""

    text: str
    usage: Usage
    cut_off: bool


async def speak(
    tools: Tools,
    messages: tuple[Message, ...],
    *,
    temperature: float = 0.0,
    seed: int | None = None,
    stream: bool = False,
    enough: Callable[[str], bool] = lambda text: False,
) -> Said:
    """Generation ends when the text is `enough`. Raises EngineError. Cancelling the task stops generation."""
    chat = tools.settings.chat
    sampling = Sampling(
        max_tokens=chat.max_tokens, temperature=temperature, top_p=0.95 if temperature else 1.0, seed=seed
    )
    text, usage, cut_off = "", Usage(), False
    asked = ChatRequest(chat.model, with_wishes(messages, tools.wishes), sampling)
    async with aclosing(tools.engine.chat(asked)) as chunks:
        async for chunk in chunks:
            text += chunk.text
            if stream and chunk.text:
                tools.on_text(chunk.text)
            usage = chunk.usage or usage
            cut_off = chunk.finish_reason == "length" or enough(text)
            if cut_off:
                break
    return Said(text, usage, cut_off)


def with_wishes(messages: tuple[Message, ...], wishes: tuple[str, ...]) -> tuple[Message, ...]:
    """What the user has said before, at the end of the first message."""
    if not wishes:
        return messages
    told = "\n".join(f"- {wish}" for wish in wishes)
    first = f"{messages[0].content}\nThe user has told you before, keep to it where it applies:\n{told}"
    return (replace(messages[0], content=first), *messages[1:])


def total(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.prompt_tokens + other.prompt_tokens,
        one.cached_tokens + other.cached_tokens,
        one.completion_tokens + other.completion_tokens,
    )
