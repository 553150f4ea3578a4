"""The thread that computes: schedule, step, hand out, over and over, for all requests of one model at once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from mmcore.engine.base import Figures
from mmcore.errors import EngineUnavailable
from mmcore.host.openvino.decoder import Decoder, Piece
from mmcore.host.openvino.drafts import Drafts
from mmcore.host.openvino.generation import Generation
from mmcore.host.openvino.graph import PAGE
from mmcore.host.openvino.lookup import LONGEST, SHORTEST
from mmcore.host.openvino.pages import Memory, Pages, Remembered, as_array, common, pages_for

log = logging.getLogger(__name__)

# Seconds that a step may take: how long a request that comes in the middle of another's prompt waits, and how long a
# prompt goes on that nobody wants any more.
STEP_S = 0.2
# Rows that the kernels compute together: a step of 96 takes as long as one of 128.
BLOCK = 64
# Tokens of prompts in a step, whatever the speed: the weights come from memory once a step. With a 1.5B on two cores
# a prompt takes 7 % longer in steps of 64 than of 128, and hardly less in steps of 256.
FEWEST, MOST = 2 * BLOCK, 16 * BLOCK
# Tokens drafted for an answer, and rows that a step may get by drafts: up to eight cost hardly more than one, because
# the weights' way from memory takes the time.
DRAFTED, DRAFTED_ROWS = 4, 8
# How many times as long as without drafts a step with them may take: they make about so many tokens of one. It takes
# three times as long on an x86 without VNNI, which cannot multiply activations of 8 bits. There nothing is drafted, and
# looking up begins with one token.
DEAR = 1.5
# Beside three busy programs on two cores, one measurement of three is wrong.
TRIES = 3


class Worker:
    """Loads its decoder, and frees it, in its own thread.

    OpenVINO keeps something for every thread that it computed in, and ends the process where such a thread outlives the
    model, or ends while the model is freed by another.
    """

    def __init__(self, load: Callable[[], Decoder], name: str) -> None:
        """Waits for `load`, and raises what it raises."""
        self._changed = threading.Condition()
        self._waiting: list[Generation] = []
        self._running: list[Generation] = []
        self._closing = False
        # Tokens a second of a step of many.
        self._speed = FEWEST / STEP_S
        self._step_tokens = FEWEST
        # Tokens generated for requests that were closed while their step was computed.
        self.surplus = 0
        self._guessed = self._guessed_right = 0
        self._drafts = Drafts()
        # Tokens that are guessed at once: drafted, and looked up at first.
        self._drafted, self.shortest = DRAFTED, SHORTEST
        loaded: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(load, loaded), name=f"engine {name}", daemon=True)
        self._thread.start()
        loaded.result()

    def submit(self, generation: Generation) -> None:
        with self._changed:
            self._waiting.append(generation)
            self._changed.notify()

    def pause(self, generation: Generation, paused: bool) -> None:
        with self._changed:
            generation.paused = paused
            self._changed.notify()

    def leave(self, generation: Generation) -> None:
        """Nobody reads it any more."""
        with self._changed:
            generation.closed = True
            self._changed.notify()

    def alive(self) -> bool:
        return self._thread.is_alive()

    def figures(self) -> Figures:
        """Read while the thread works: each number is right, if not all of the same moment."""
        page = self._page_bytes
        used = self._pages.count - self._pages.free
        caches = used * page, self._pages.count * page, len(self._memory), self._memory.evictions
        return Figures(self.surplus, *caches, self._guessed, self._guessed_right)

    def close(self) -> None:
        """Ends the thread, after the step that it is at."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self, load: Callable[[], Decoder], loaded: Future[None]) -> None:
        try:
            self._decoder = load()
            slowdown = self._slowdown()
        except BaseException as error:
            loaded.set_exception(error)
            return
        log.info("a step of %d rows takes %.1f times as long as one of 1", 1 + DRAFTED, slowdown)
        if slowdown > DEAR:
            self._drafted, self.shortest = 0, 1
        self._pages = Pages(self._decoder.pages)
        self._memory = Memory(self._pages)
        self._page_bytes = self._decoder.page_bytes
        loaded.set_result(None)
        self._work()
        del self._decoder

    def _slowdown(self) -> float:
        """Of a step with drafts; measured again where it is high, for the machine may have been busy."""
        for _ in range(TRIES):
            slowdown = self._decoder.slowdown(1 + DRAFTED)
            if slowdown <= DEAR:
                break
        return slowdown

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._schedule())
                if self._closing:
                    return
                chosen = [generation for generation in self._running if not generation.paused]
            self._step(chosen)

    def _schedule(self) -> bool:
        """Let go who left, let in who fits; whether there is something to compute."""
        for generation in [generation for generation in self._running if generation.closed]:
            self._end(generation)
        self._waiting = [generation for generation in self._waiting if not generation.closed]
        while self._waiting and self._fits(self._waiting[0]):
            self._begin(self._waiting.pop(0))
        return any(not generation.paused for generation in self._running)

    def _fits(self, generation: Generation) -> bool:
        """Even if all of them become as long as they may, so that nothing has to be computed twice."""
        return sum(map(_most_pages, [*self._running, generation])) <= self._pages.count or not self._running

    def _begin(self, generation: Generation) -> None:
        """With what another sequence that begins alike has computed; its last page, half alike, is copied."""
        tokens = as_array(generation.tokens)
        source, length = self._memory.longest(tokens)
        pages = source.pages if source else ()
        for other in self._running:
            same = common(as_array(other.tokens[: other.computed]), tokens)
            if same > length:
                length, pages = same, tuple(other.pages)
        # The last token must be computed again: its logits are what is asked for.
        length = min(length, len(tokens) - 1)
        full, rest = divmod(length, PAGE)
        used = pages[: full + bool(rest)]
        self._pages.share(used)
        generation.pages = list(used[:full])
        if rest:
            self._memory.make_room(1)
            page = self._pages.take()
            self._decoder.copy_page(used[full], page)
            generation.pages.append(page)
            self._pages.release(used[full:])
        generation.begin_at(length)
        self._running.append(generation)

    def _step(self, chosen: list[Generation]) -> None:
        """One token, or some of the prompt, for each: those that wait for a token never wait for a whole prompt."""
        pieces: list[tuple[Generation, Piece]] = []
        room = self._step_tokens
        drafted = min(self._drafted, DRAFTED_ROWS // len(chosen) - 1)
        for generation in chosen:
            if not generation.decoding and room <= 0:
                continue
            # Never empty: the kernel writes where it must not for a sequence without tokens.
            piece = generation.piece(max(room, 1), self._drafts, max(drafted, 0))
            room -= len(piece.tokens)
            self._extend(generation, piece)
            pieces.append((generation, piece))
        began = time.perf_counter()
        try:
            logits = self._decoder.step([piece for _, piece in pieces])
        except RuntimeError:
            log.exception("a step of %d sequences failed", len(pieces))
            for generation, _ in pieces:
                self._end(generation, remember=False)
                generation.deliver(EngineUnavailable("the engine failed at a token; ask again, or restart the host"))
            return
        self._pace(sum(len(piece.tokens) for _, piece in pieces), time.perf_counter() - began)
        row = 0
        for generation, piece in pieces:
            before = generation.generated
            finish_reason = generation.accept(piece, logits[row : row + piece.wanted])
            row += piece.wanted
            if generation.closed:
                self.surplus += generation.generated - before
            chunk = generation.chunk(finish_reason)
            if finish_reason:
                self._end(generation)
            if chunk:
                generation.deliver(chunk)

    def _extend(self, generation: Generation, piece: Piece) -> None:
        missing = pages_for(piece.past + len(piece.tokens), PAGE) - len(generation.pages)
        self._memory.make_room(missing)
        generation.pages.extend(self._pages.take() for _ in range(missing))

    def _end(self, generation: Generation, remember: bool = True) -> None:
        self._running.remove(generation)
        self._guessed += generation.guessed
        self._guessed_right += generation.guessed_right
        kept = pages_for(generation.computed, PAGE) if remember else 0
        self._pages.release(generation.pages[kept:])
        if kept:
            tokens = as_array(generation.tokens[: generation.computed])
            self._memory.keep(Remembered(tokens, tuple(generation.pages[:kept]), generation.workspace))

    def _pace(self, tokens: int, seconds: float) -> None:
        if tokens >= FEWEST:
            self._speed = (self._speed + tokens / seconds) / 2
            self._step_tokens = max(FEWEST, min(round(self._speed * STEP_S / BLOCK) * BLOCK, MOST))


def _most_pages(generation: Generation) -> int:
    return pages_for(generation.most_tokens + LONGEST, PAGE)
