"""What Sidesight does for a programmer; the file to read first. It composes the parts, which do not know each other."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mmcore import whereabouts
from mmcore.actions.perform import ACTIONS
from mmcore.actions.request import Outcome, Request, Tools
from mmcore.completion.session import CompletionSession
from mmcore.config import Settings
from mmcore.context.document import read_document
from mmcore.context.surroundings import Workspaces
from mmcore.context.vocabulary import words_of
from mmcore.engine import launch
from mmcore.engine.base import ChatRequest, Engine, Sampling
from mmcore.errors import DocumentError, ImageError, SettingError
from mmcore.host.weights.catalog import catalog
from mmcore.memory.store import ConversationStore, Picture, Turn, check_conversation, database_path
from mmcore.memory.wishes import wishes
from mmcore.perception.reader import Reader
from mmcore.perception.render import to_markdown
from mmcore.perception.secrets import mask, mask_reading
from mmcore.perception.source import read_source
from mmcore.perception.wire import reading_from_json, reading_to_json
from mmcore.prompt.ask import Evidence, quote, render_ask
from mmcore.prompt.fusion import Shown, fuse, objections
from mmcore.quotes import quotes
from mmcore.text import line_starts, offsets, position_at
from mmcore.types import Completion, Document, Image, Location, Message, Neighbour, Position, Range, Reading, Snippet
from mmcore.whereabouts import Whereabouts, describe

# Lines shown to the model on each side of a place that a picture points to.
_AROUND = 12
# Of what the user said, the turns in which wishes are looked for.
_REMEMBERED = 200
_UNREAD = Reading("", "", (), (0, 0))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, about which pictures (paths or encoded bytes) and which part of a document.

    `conversation` continues an earlier one; `roots` are the workspace's folders, the first of which owns the memory.
    """

    text: str
    images: tuple[Path | bytes, ...] = ()
    document: Document | None = None
    range: Range | None = None
    conversation: str | None = None
    roots: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """`locations` exist in the workspace, the likeliest first; `sources` says what the model was shown."""

    text: str
    conversation: str
    locations: tuple[Location, ...]
    sources: tuple[str, ...]
    model: str


@dataclass(frozen=True, slots=True)
class _Sight:
    """One picture: what was read in it, its pixels where the model gets them, and how the answer names it.

    `is_as_read`: nothing was masked in the reading.
    """

    reading: Reading
    shown: Shown
    image: Image | None
    title: str
    is_as_read: bool


def open_assistant(settings: Settings, on_status: Callable[[str], None] | None = None) -> Assistant:
    """An assistant on the engine that the settings name. Nothing is started, opened or read before it is needed."""
    return Assistant(settings, launch.connect(settings, on_status), Reader(settings.perception))


class Assistant:
    """Holds an engine, a reader of pictures and the open conversation databases; `close` gives them back."""

    def __init__(self, settings: Settings, engine: Engine, reader: Reader) -> None:
        self.settings = settings
        self.engine = engine
        self._completions = CompletionSession(engine, settings.completion)
        self._workspaces = Workspaces()
        self._reader = reader
        self._leaves = launch.leaves_machine(settings)
        self._stores: dict[Path, ConversationStore] = {}

    async def close(self) -> None:
        await self._completions.close()
        await self._workspaces.close()
        await self._reader.close()
        await self.engine.close()
        for store in self._stores.values():
            store.close()

    async def complete(
        self,
        document: Document,
        position: Position,
        roots: Sequence[Path] = (),
        neighbours: Sequence[Neighbour] = (),
        *,
        invoked: bool = False,
    ) -> Completion | None:
        """Ghost text for the cursor, or None where nothing should be shown. Raises EngineError.

        `roots` are the workspace's folders, `neighbours` the other open documents, the one edited last first.
        `invoked`: asked for by hand and not by typing, so that the answer is waited for and whole.
        """
        surroundings = self._workspaces.around(document.path, roots, neighbours)
        return await self._completions.complete(document, position, surroundings, invoked=invoked)

    async def warm(
        self,
        document: Document,
        position: Position,
        roots: Sequence[Path] = (),
        neighbours: Sequence[Neighbour] = (),
    ) -> None:
        """Prepare for a completion at the cursor, while nothing else is to do."""
        surroundings = self._workspaces.around(document.path, roots, neighbours)
        await self._completions.warm(document, position, surroundings)

    async def read_workspace(self, roots: Sequence[Path]) -> None:
        """Bring what is known of the workspace up to date, which happens in the background anyway."""
        self._workspaces.around(None, roots)
        await self._workspaces.refreshed()

    def forget(self, uri: str) -> None:
        """The document was closed."""
        self._completions.forget(uri)

    async def saved(self, path: Path) -> None:
        """A file of the workspace was written."""
        await self._workspaces.saved(path)

    async def ask(self, question: Question, on_text: Callable[[str], None] | None = None) -> Answer:
        """Answer, streaming pieces to `on_text`, and remember the turn.

        Raises InputError for an unknown conversation or an unreadable picture,
        EngineError, PerceptionError, StoreError.
        """
        settings = self.settings.chat
        say = on_text or (lambda piece: None)
        store = self._store(question.roots) if self.settings.memory.enabled else None
        if store and question.conversation:
            await asyncio.to_thread(check_conversation, store, question.conversation)
        sights = [
            await self._see(image, name, store, question.roots)
            for image, name in zip(question.images, _names(question.images), strict=True)
        ]
        readings = [sight.reading for sight in sights]
        places = await asyncio.to_thread(whereabouts.find, readings, question.roots)
        earlier = await self._earlier(store, question.conversation)
        evidence = [Evidence(sight.title, to_markdown(sight.reading)) for sight in sights if sight.shown.text]
        excerpts = await asyncio.to_thread(_excerpts, places.locations, question)
        differing = [line for one in places.alignments if one.differences for line in describe(one, question.roots)]
        if differing:
            excerpts.append(Evidence("Where a picture differs from the workspace", "\n".join(differing)))
        if sights and self._leaves:
            # The file that a picture shows holds the secrets that were masked in the picture.
            excerpts = [replace(item, text=mask(item.text)[0]) for item in excerpts]
            differing = [mask(line)[0] for line in differing]
        images = [sight.image for sight in sights if sight.image]
        facts = [*whereabouts.facts(places, question.roots), *quotes(question.text, readings)]
        known = [fact.text for fact in facts]
        messages = render_ask(question.text, [*evidence, *excerpts], known, earlier, settings.prompt_tokens, images)
        # Asked about pictures that show it nothing, a model makes something up.
        text = "" if question.document or earlier else _unreadable(sights)
        if text:
            say(text)
        else:
            text = await self._answer(messages, say)
        # A small model forgets to say where; what was worked out from the picture is not left to its memory.
        notes = [f"→ {fact.text}" for fact in facts if not fact.is_in(text)]
        notes += [f"≠ {line}" for line in differing]
        if images:
            notes += [f"⚠ {objection}" for objection in objections(text, readings)]
        if notes:
            closing = "\n\n" + "\n".join(notes)
            text += closing
            say(closing)
        conversation = question.conversation or ""
        if store:
            conversation = await asyncio.to_thread(self._remember, store, question, sights, text)
        sources = tuple(sight.title for sight in sights) + tuple(item.title for item in excerpts)
        return Answer(text, conversation, places.locations, sources, settings.model)

    async def look(self, image: Path | bytes, roots: Sequence[Path]) -> Whereabouts:
        """Where in the workspace is what a picture shows. Raises ImageError, PerceptionError."""
        reading = await self._reader.read(image)
        return await asyncio.to_thread(whereabouts.find, [reading], roots)

    async def act(
        self,
        action: str,
        request: Request,
        say: Callable[[str], None] = lambda line: None,
        on_text: Callable[[str], None] = lambda piece: None,
    ) -> Outcome:
        """Carry out one of `mmcore.actions.perform.ACTIONS`. `say` takes lines about what is being done, `on_text`
        what is written. Raises InputError, EngineError, PerceptionError.
        """
        surroundings = self._workspaces.around(request.document.path, request.roots)

        def around(document: Document, offset: int, characters: int) -> list[Snippet]:
            return surroundings.snippets(document, offset, (0, len(document.text)), characters)

        store = self._store(request.roots) if self.settings.memory.enabled else None
        told = wishes(await asyncio.to_thread(store.said, _REMEMBERED)) if store else ()
        if self._leaves:  # said to a local model
            told = tuple(mask(wish)[0] for wish in told)
        read = partial(self._read, say)
        return await ACTIONS[action](Tools(self.engine, self.settings, read, say, on_text, around, told), request)

    async def _answer(self, messages: Sequence[Message], say: Callable[[str], None]) -> str:
        settings = self.settings.chat
        sampling = Sampling(max_tokens=settings.max_tokens, temperature=settings.temperature)
        text = ""
        async with aclosing(self.engine.chat(ChatRequest(settings.model, tuple(messages), sampling))) as stream:
            async for chunk in stream:
                text += chunk.text
                if chunk.text:
                    say(chunk.text)
        return text

    def _store(self, roots: Sequence[Path]) -> ConversationStore:
        path = database_path(roots)
        return self._stores.setdefault(path, ConversationStore(path))

    async def _earlier(self, store: ConversationStore | None, conversation: str | None) -> list[Message]:
        if store is None or conversation is None:
            return []
        earlier = []
        for turn in await asyncio.to_thread(store.turns, conversation, self.settings.memory.turns):
            spoken = _spoken(turn)
            # What a local model was shown may go on with a remote one.
            text = mask(spoken)[0] if self._leaves else spoken
            images = await self._look_again(turn.pictures) if text == spoken else ()
            earlier.append(Message(turn.role, text, images))
        return earlier

    async def _look_again(self, pictures: Sequence[Picture]) -> tuple[Image, ...]:
        """Pixels of earlier pictures, for a model that sees, where their files are still what they were."""
        chat = self.settings.chat
        images = []
        for picture in pictures:
            if picture.path and fuse(chat.fusion, await asyncio.to_thread(_sees, chat.model), _UNREAD).pixels:
                with contextlib.suppress(ImageError):
                    images.append(await self._reader.load(Path(picture.path)))
        known = {picture.sha256 for picture in pictures}
        return tuple(image for image in images if image.sha256 in known)

    async def _read(self, say: Callable[[str], None], source: Path | bytes) -> Reading:
        """What a picture says, fit to go where the model is."""
        original = await self._reader.read(source)
        reading, secrets = mask_reading(original) if self._leaves else (original, ())
        if reading != original:
            say(f"masked in the picture, for the model is on another machine: {', '.join(secrets) or 'a secret'}")
        return reading

    async def _see(
        self, source: Path | bytes, name: str, store: ConversationStore | None, roots: Sequence[Path]
    ) -> _Sight:
        original = await self._read_once(source, store, roots)
        reading, secrets = mask_reading(original) if self._leaves else (original, ())
        chat = self.settings.chat
        shown = fuse(chat.fusion, await asyncio.to_thread(_sees, chat.model), original)
        title = f"Picture {name} ({reading.kind})"
        if reading != original:
            # Pixels cannot be masked as surely as text.
            shown = Shown(text=True, pixels=False)
            title += f", masked: {', '.join(secrets) or 'a secret'}"
        elif shown.pixels:
            title = f"Picture {name} as it is" + (", and as it was read: the picture decides" if shown.text else "")
        image = await self._reader.load(source) if shown.pixels else None
        return _Sight(reading, shown, image, title, original == reading)

    async def _read_once(self, source: Path | bytes, store: ConversationStore | None, roots: Sequence[Path]) -> Reading:
        """What the picture says: as it was read before, where its content is the same."""
        if store is not None:
            data = await asyncio.to_thread(read_source, source, self.settings.perception.max_bytes)
            known = await asyncio.to_thread(store.reading, hashlib.sha256(data).hexdigest())
            if known:
                return reading_from_json(json.loads(known))
        return await self._reader.read(source, await asyncio.to_thread(words_of, roots))

    def _remember(self, store: ConversationStore, question: Question, sights: Sequence[_Sight], answer: str) -> str:
        conversation = question.conversation or store.start(question.text)
        paths = [image if isinstance(image, Path) else None for image in question.images]
        readings = [replace(sight.reading, text=to_markdown(sight.reading)) for sight in sights]
        whole = {
            sight.reading.sha256: json.dumps(reading_to_json(sight.reading)) for sight in sights if sight.is_as_read
        }
        pictures = list(zip(paths, readings, strict=True))
        store.append(conversation, "user", question.text, readings=pictures, whole=whole)
        store.append(conversation, "assistant", answer, model=self.settings.chat.model)
        return conversation


def _names(images: Sequence[Path | bytes]) -> list[str]:
    return [image.name if isinstance(image, Path) else f"{number}" for number, image in enumerate(images, 1)]


def _unreadable(sights: Sequence[_Sight]) -> str:
    """What is said of pictures that hold nothing for the model; empty where one of them does."""
    if not sights or any(sight.shown.pixels or any(map(str.isalnum, sight.reading.text)) for sight in sights):
        return ""
    return "I cannot read this: no text and no diagram was found in the picture" + ("s." if len(sights) > 1 else ".")


def _sees(model: str) -> bool | None:
    """Whether the catalog says that the model takes pictures; None for one that is not in it, on a server elsewhere."""
    try:
        entry = catalog().get(model)
    except SettingError:
        return None  # who loads the model says what is wrong with the catalog
    return None if entry is None else "vision" in entry.roles


def _spoken(turn: Turn) -> str:
    """An earlier turn as the model sees it again: its pictures as what was read in them."""
    return "\n\n".join(
        [*(f"Picture ({picture.kind}):\n{quote(picture.text)}" for picture in turn.pictures), turn.content]
    )


def _excerpts(locations: Sequence[Location], question: Question) -> list[Evidence]:
    """The document that was asked about, and the workspace's code around the place that a picture points to."""
    found = []
    if question.document is not None:
        document = question.document
        name = document.path.name if document.path else document.uri
        start, end = offsets(document.text, question.range) if question.range else (0, len(document.text))
        first = position_at(document.text, start).line
        found.append(Evidence(f"{name}, from line {first + 1}", document.text[start:end]))
    for location in locations[:1]:
        try:
            text = read_document(location.path).text
        except DocumentError:
            continue  # a file that went away or is not text adds nothing to the answer
        starts = line_starts(text)
        first = max(location.range.start.line - _AROUND, 0)
        last = min(location.range.start.line + _AROUND + 1, len(starts))
        end = starts[last] if last < len(starts) else len(text)
        found.append(Evidence(f"{location.path.name}, lines {first + 1}-{last}", text[starts[first] : end]))
    return found
