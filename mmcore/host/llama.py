"""A GGUF model on llama.cpp, whose server is a child of the host behind a loopback port and a key of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx2

from mmcore.config import HostSettings
from mmcore.engine import wire
from mmcore.engine.base import ChatRequest, CompletionRequest, Figures, Sampling
from mmcore.engine.turn import Paused, Turn
from mmcore.errors import EngineRejected, EngineUnavailable
from mmcore.host.llama_prompt import Prompt, Said, encoded
from mmcore.host.llama_server import SLOTS, Order
from mmcore.types import Chunk, Usage

LEAVE_TIMEOUT_S = 5.0
SETTLE_POLL_S = 0.005
# How the special tokens of all families that we know of begin.
_OPENING = re.compile(r"[<\[](?=[|/!\w])")


class LlamaEngine:
    """One model, loaded while it is constructed (seconds: call it in a thread). A `LocalEngine`.

    With `projector`, the GGUF file of its eyes, it takes pictures.

    Its server is spoken to in llama.cpp's own API rather than OpenAI's: that one tells the tokens, so that a request
    that was paused goes on from exactly where it was, with its prompt still in the cache.
    """

    slots = SLOTS

    def __init__(self, name: str, path: Path, settings: HostSettings, projector: Path | None = None) -> None:
        self._name = name
        self._context_tokens = settings.context_tokens
        self.key = secrets.token_urlsafe(32)
        threads = settings.threads or os.cpu_count() or 1
        self._sees = projector is not None
        self._most_pixels = settings.image_pixels
        order = Order(str(path), self.key, settings.context_tokens, threads, str(projector or ""))
        self._process, self.address = _start(path, order)
        self._client = httpx2.AsyncClient(
            base_url=self.address,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=httpx2.Timeout(None, connect=10.0),
            # It closes connections after a stream without saying so; a new one costs 0.2 ms.
            limits=httpx2.Limits(max_keepalive_connections=0),
            trust_env=False,
            verify=False,  # plain HTTP: no need to load certificates
        )
        self._delivered = 0
        self._open = 0
        self._settled = True

    def complete(self, request: CompletionRequest, turn: Turn | None = None) -> AsyncGenerator[Chunk, None]:
        return self._generate(Prompt((request.prompt,)), request.sampling, request.logprobs, turn or Turn())

    async def chat(self, request: ChatRequest, turn: Turn | None = None) -> AsyncGenerator[Chunk, None]:
        pictured = any(message.images for message in request.messages)
        if pictured and not self._sees:
            raise EngineRejected(f"{self._name} reads no pictures; choose a model with the role vision")
        prompt = await (self._render_pictured(request) if pictured else self._render(request))
        async with aclosing(self._generate(prompt, request.sampling, False, turn or Turn())) as chunks:
            async for chunk in chunks:
                yield chunk

    async def models(self) -> tuple[str, ...]:
        return (self._name,)

    async def figures(self) -> Figures:
        """`surplus` by llama.cpp's own count of tokens, less those that were read; of its cache it tells nothing."""
        metrics = await self._client.get("/metrics")
        for line in metrics.text.splitlines():
            if line.startswith("llamacpp:tokens_predicted_total "):
                return Figures(max(0, int(float(line.split()[1])) - self._delivered))
        return Figures()

    def alive(self) -> bool:
        return self._process.poll() is None

    async def close(self) -> None:
        await self._client.aclose()
        await asyncio.to_thread(self.end)

    def end(self) -> None:
        """End its server, whoever may be waiting for it."""
        _end(self._process)

    async def _render(self, request: ChatRequest) -> Prompt:
        """The prompt by the model's own template, in which only the template makes special tokens.

        A file or a picture may contain `<|im_end|>`; as text of a message it must not end that message. So the template
        is applied to markers, and the messages are tokenized one by one as plain text.
        """
        *before, end = await self._template(request)
        prompt: list[str | int] = []
        for message, text in zip(request.messages, before, strict=True):
            prompt += [text, *await self._tokens(message.content, special=False)]
        return Prompt((*prompt, end))

    async def _render_pictured(self, request: ChatRequest) -> Prompt:
        """With pictures a prompt is one text for llama.cpp, which reads special tokens in all of it."""
        mark = (await self._ask("/props"))["media_marker"]
        *before, end = await self._template(request)
        pictures = [image for message in request.messages for image in message.images]
        data = await asyncio.to_thread(encoded, pictures, self._most_pixels)
        text = ""
        for message, opening in zip(request.messages, before, strict=True):
            text += opening + f"{mark}\n" * len(message.images) + await self._plain(message.content)
        return Prompt((text + end,), tuple(data))

    async def _template(self, request: ChatRequest) -> list[str]:
        """What the model's template puts before each message and, last, behind them."""
        marks = [secrets.token_hex(16) for _ in request.messages]
        messages = [{"role": m.role, "content": mark} for m, mark in zip(request.messages, marks, strict=True)]
        rest: str = (await self._ask("/apply-template", {"messages": messages}))["prompt"]
        before = []
        for mark in marks:
            text, _, rest = rest.partition(mark)
            before.append(text)
        return [*before, rest]

    async def _plain(self, text: str) -> str:
        """`text` with no special token in it: an invisible joiner breaks up what could be one, where there is one."""
        for candidate in (text, _OPENING.sub("\\g<0>\u200d", text)):
            if await self._tokens(candidate, special=False) == await self._tokens(candidate, special=True):
                return candidate
        raise EngineRejected(f"the question holds control tokens of {self._name}; leave them out")

    async def _tokens(self, text: str, special: bool) -> list[int]:
        body = {"content": text, "add_special": False, "parse_special": special}
        tokens: list[int] = (await self._ask("/tokenize", body))["tokens"]
        return tokens

    async def _generate(
        self, prompt: Prompt, sampling: Sampling, logprobs: bool, turn: Turn
    ) -> AsyncGenerator[Chunk, None]:
        said = Said()
        usage = Usage()
        while True:
            await turn.wait()
            await self._settle()
            body = _body(prompt.followed_by(said), sampling, sampling.max_tokens - said.count, logprobs)
            try:
                async with aclosing(self._events(body)) as events:
                    while True:
                        async with turn.slice():
                            event = await anext(events, None)
                        if event is None:
                            raise EngineUnavailable(f"{self._name} stopped in mid-answer; ask again")
                        if progress := event.get("prompt_progress"):
                            if not usage.prompt_tokens:
                                usage = Usage(progress["total"], progress["cache"])
                            continue
                        self._delivered += said.hear(event)
                        finish_reason: wire.FinishReason | None = None
                        usage = replace(usage, completion_tokens=said.count)
                        if event["stop"]:
                            finish_reason = "length" if event["stop_type"] == "limit" else "stop"
                        if event["content"] or finish_reason:
                            probabilities = event.get("completion_probabilities", ())
                            numbers = tuple(item["logprob"] for item in probabilities)
                            yield Chunk(event["content"], finish_reason, usage, numbers)
                        if finish_reason:
                            return
            except Paused:
                said.forget_unheard()
                if said.count >= sampling.max_tokens:
                    yield Chunk("", "length", replace(usage, completion_tokens=said.count))
                    return

    async def _events(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        self._open += 1
        ended = False
        try:
            async with self._client.stream("POST", "/completion", json=body) as response:
                if response.is_error:
                    await response.aread()
                    ended = True
                    raise self._refusal(response)
                async for sent in httpx2.EventSource(response):
                    event = json.loads(sent.data)
                    if "error" in event:
                        raise EngineUnavailable(f"{self._name} failed: {wire.error_message(event)}")
                    ended = event["stop"]
                    yield event
        except httpx2.TransportError as error:
            raise EngineUnavailable(f"{self._name} broke off ({error}); ask again") from None
        finally:
            self._open -= 1
            self._settled = self._settled and ended

    async def _settle(self) -> None:
        """Wait until closed requests have left their slots.

        They do so a token or two later. A request that continues one of them, as the next keystroke's does, would go to
        another slot meanwhile, and compute its whole prompt there.
        """
        while not self._settled:
            slots = await self._ask("/slots")
            if sum(slot["is_processing"] for slot in slots) <= self._open:
                self._settled = True
            else:
                await asyncio.sleep(SETTLE_POLL_S)

    async def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What it answers to a body that is posted, or to a GET. Raises EngineRejected and EngineUnavailable."""
        try:
            response = await self._client.request("GET" if body is None else "POST", path, json=body)
        except httpx2.TransportError as error:
            raise EngineUnavailable(f"{self._name} broke off ({error}); ask again") from None
        if response.is_error:
            raise self._refusal(response)
        return response.json()

    def _refusal(self, response: httpx2.Response) -> EngineRejected | EngineUnavailable:
        data = response.json()
        if data.get("error", {}).get("type") == "exceed_context_size_error":
            return EngineRejected(
                f"the prompt has {data['error']['n_prompt_tokens']} tokens, {self._name} was loaded for "
                f"{self._context_tokens}; shorten it or raise host.context_tokens"
            )
        message = wire.error_message(data) or f"status {response.status_code}"
        kind = EngineRejected if response.status_code < 500 else EngineUnavailable
        return kind(f"{self._name} cannot answer: {message}")


def _start(path: Path, order: Order) -> tuple[subprocess.Popen[bytes], str]:
    """The process and the address of its server, once the model is loaded. Raises EngineUnavailable."""
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    # Detached from the terminal, whose Ctrl-C is for the host: that one ends its requests first.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mmcore.host.llama_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **detached,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        process.stdin.flush()
        return process, str(json.loads(process.stdout.readline())["address"])
    except (OSError, ValueError):
        _end(process)
        raise EngineUnavailable(
            f"{path.name} cannot be loaded; `sidesight models verify` tells if it is whole"
        ) from None


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(LEAVE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _body(prompt: Any, sampling: Sampling, max_tokens: int, logprobs: bool) -> dict[str, Any]:
    return {
        "prompt": prompt,
        "n_predict": max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        # Off, as in the API that we serve; llama.cpp's own defaults are not.
        "top_k": 0,
        "min_p": 0.0,
        "seed": -1 if sampling.seed is None else sampling.seed % (1 << 32),
        "stop": list(sampling.stop),
        "n_probs": int(logprobs),
        "stream": True,
        "return_tokens": True,
        # An event a batch: without one to write, it does not notice while it reads the prompt that we are gone.
        "return_progress": True,
        "cache_prompt": True,
    }
