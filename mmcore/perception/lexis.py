"""Settle characters that look alike by the words of code: of `Iist` and `list` the one that is a word.

Only what the picture supports is chosen: every character of a chosen word is among those that its cell may hold.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, product
from math import prod

from mmcore.perception import succession
from mmcore.perception.cells import OTHER, WIDE
from mmcore.perception.ocr import Glyph

# Words of the common languages and of what compilers, tests and shells print.
WORDS = (
    frozenset(
        re.findall(
            r"\w+",
            """
        abstract actual allocated any array as assert async at auto await bash bool boolean borrow build but by byte
        cannot case cast cd char check class clone close cmd code collect column command compile compiled complex
        connection const constexpr context continue could data debug decltype declare def default defer delete dev did
        dict dir directory do double echo elif else elseif end entry enum err error exception exec exit expect
        expected explicit export extends extern fail failed failure false fetch field file fill final finally find
        first fixed flags float fmt fn follow for format found from func function get git global go goto grep group
        handle has home host http https id if ignore impl implements import in include index info init inline input
        install instance int integer interface internal into invalid io is isinstance item items iter join json key
        kill kind label lambda last len length let level lib library like limit line lines link list listen lists load
        local lock log long loop ls macro main make map match max message method min missing mkdir mod model module
        move mut name namespace native new next nil no node none not npm null number object of offset ok old on only
        open operator option or os out output override package panic parse pass passed path pip pkg point pool print
        printf println private process prop protected pub public pull push put py python raise range raw read recent
        ref register reject release remove reply request require resolve result ret return rm root run rust self send
        server set shell short should sign signed size skip sleep slice sort source spec split sql src static status
        std stdin stdout step stop str strict string struct style sudo sum super switch sync sys system table tail
        target template temp test tests text then this thread throw throws time title tmp to todo token total touch
        trace traceback trait transform true try type typedef typename types typeof undefined union unit unsafe
        unsigned until update url use used user using usr utf util val valid value values var vec vector version
        virtual void volatile wait warn warning was when where while will with without word world wrap write yield
        zero zip Err Exception False File Info List Map None Object Ok Option Promise Result Self Some String TODO True
        TypeError Type Vec Error
        """,
        )
    )
    | frozenset(keyword.kwlist)
    | frozenset(name for name in dir(builtins) if name.isascii())
)
# A character that is read with more certainty stands; of the others so many are tried, and so many in a word.
CERTAIN, LEAST_SHARE, MOST_TRIED, MOST_OPEN = 0.97, 0.004, 4, 4
# A word that is not known is given up for a known one that is this much less likely.
PREFERENCE = 0.02
# And for a number; and where no other digit says that there is one: `1` stands alone more often than `l`.
NUMBERS, NUMERIC = 0.1, 0.3
# The characters of a known word are as certain as this, at least.
SETTLED = 0.9
NUMBER, DIGITLIKE = re.compile(r"\d+|0x[0-9a-fA-F]+"), re.compile(r"[\dOoIl|]+")
NUMBERED = re.compile(r"([A-Za-z_]+)\d")  # where there is `row2` there may be `row1`
# In names, few digits stand before letters: `Py0bject` is this much less likely than `PyObject`; as is `EO502`.
DIGIT_IN_NAME, HEXADECIMAL, ODD = (
    re.compile(r"(?<=[A-Za-z_])\d(?=[A-Za-z])|^\d(?=[A-Za-z]{2})|(?<![A-Za-z]{2})O(?=\d\d)"),
    re.compile(r"[\da-fx]+"),
    0.01,
)

# One sign where code has two: fonts draw them joined, over two cells.
JOINED = {"≠": "!=", "≤": "<=", "≥": ">=", "→": "->", "⇒": "=>", "≡": "==", "←": "<-", "»": ">>", "«": "<<"}

# Where signs that ASCII has not are so much likelier than elsewhere: those that shells prompt with alone before a row,
# one that parts the names of tests alone in it, quotation marks in pairs.
PROMPTS, PARTING, EXPECTED = "❯➜", "›", 30.0
FAINTEST = 0.002  # below it, what a cell may hold is not told
QUOTED, APOSTROPHE = re.compile(r"(?<!\w)['‘](?=\S)[^'‘’]*(?<=\S)['’](?!\w)"), re.compile(r"(?<=\w)['’](?=\w)")
BACKTICKED = re.compile(r"(?<![\w`'])(?:`(?=\S)[^`']*(?<=\S)['`]|'(?=\S)[^`']*(?<=\S)`)(?![\w`'])")
# With corners, `│` and `─` are lines of a drawing, and in rulers of this length.
CORNERS = frozenset("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝╠╣╦╩╬")
FEWEST_CORNERS = 2
PLAIN = {"│": "|", "─": "-", "━": "-", "═": "="}
RULERS = re.compile(r"(?<!\S)([─━═])\1{9,}(?!\S)")


def settle(rows: Sequence[Sequence[Glyph | None]], names: Collection[str] = ()) -> list[list[Glyph | None]]:
    """`rows` with the words that were not certain replaced by likely ones that are known.

    Known are words of programming, `names` (of the workspace), and what stands in the picture with certainty.
    """
    settled = without_drawing([_expected(apart(row)) for row in rows])
    settled = [succession.choose(row) for row in settled]
    spans = [(row, start, stop) for row, glyphs in enumerate(settled) for start, stop in _words(glyphs)]
    sure = Counter(
        _text(settled[row][start:stop])
        for row, start, stop in spans
        if all(glyph and glyph.score >= CERTAIN for glyph in settled[row][start:stop])
    )
    known = WORDS | set(names) | {word for word in sure if len(word) > 1 and not DIGITLIKE.fullmatch(word)}
    known |= {stem[1] + digit for word in sure if (stem := NUMBERED.fullmatch(word)) for digit in "012"}
    for row, start, stop in spans:
        word = settled[row][start:stop]
        chosen = _likeliest([glyph for glyph in word if glyph], known)
        if chosen is not None:
            settled[row][start:stop] = chosen
    return settled


def _expected(row: Sequence[Glyph | None]) -> list[Glyph | None]:
    """`row` with signs that ASCII has not in the places where they are likely, as far as the picture supports them."""
    found = list(row)
    written = [index for index, glyph in enumerate(row) if glyph]
    for index in written:
        if not any(found[max(0, index - 1) : index] + found[index + 1 : index + 2]):
            signs = PROMPTS if index == written[0] else PARTING
            _exchange(found, max(({index: sign} for sign in signs), key=lambda signs: _support(found, signs)))
    text = "".join(glyph.text if glyph else " " for glyph in row)
    for quoted in BACKTICKED.finditer(text):
        _exchange(found, dict.fromkeys((quoted.start(), quoted.end() - 1), "`"))
    for apostrophe in APOSTROPHE.finditer(text):
        _exchange(found, {apostrophe.start(): "’"})
    quotes = (pair for quoted in QUOTED.finditer(text) for pair in ((quoted.start(), "‘"), (quoted.end() - 1, "’")))
    _exchange(found, dict(quotes))  # those of a row are of one kind
    return found


def _exchange(row: list[Glyph | None], signs: Mapping[int, str]) -> None:
    """Put `signs` into their cells if they are likelier there, all together, than what else was read."""
    if _support(row, signs) > 1:
        for index, sign in signs.items():
            if glyph := row[index]:
                row[index] = replace(glyph, text=sign, score=SETTLED, others=())


def _support(row: Sequence[Glyph | None], signs: Mapping[int, str]) -> float:
    """How much likelier `signs` are in their cells than anything else."""
    support = 1.0
    for index, sign in signs.items():
        if glyph := row[index]:
            entries = dict([*glyph.others, (glyph.text, glyph.score)])
            share = entries.pop(sign, 0.0)
            support *= share * EXPECTED / max(entries.values(), default=FAINTEST)
    return support if signs else 0.0


def apart(row: Sequence[Glyph | None]) -> list[Glyph | None]:
    """`≠` over two written cells is `!=`; the other half is taken for a blank, for something wide or for `≠` again."""
    found = [*row]
    for index, (before, glyph) in enumerate(pairwise(row), 1):
        if before and glyph and before.text == "0" and glyph.text == "×":
            found[index] = replace(glyph, text="x")  # some fonts draw `0x` so
    for index, glyph in enumerate(row):
        if glyph is None or found[index] is not glyph or glyph.text not in JOINED:
            continue
        for first, second in ((index, index + 1), (index - 1, index)):
            pair = found[first : second + 1] if first >= 0 else []
            if len(pair) == 2 and all(one and one.text in (" ", WIDE, OTHER, glyph.text) for one in pair):
                found[first] = replace(glyph, text=JOINED[glyph.text][0], x=first + 0.5)
                found[second] = replace(glyph, text=JOINED[glyph.text][1], x=second + 0.5)
                break
    return found


def without_drawing(rows: Sequence[Sequence[Glyph | None]]) -> list[list[Glyph | None]]:
    """`│` is `|` and `─` is `-` where nothing else is drawn: fonts join signs, and differ in how high they are."""
    if sum(bool(glyph and glyph.text in CORNERS) for row in rows for glyph in row) >= FEWEST_CORNERS:
        return [list(row) for row in rows]
    plain = []
    for row in rows:
        text = "".join(glyph.text if glyph else " " for glyph in row)
        kept = {index for ruler in RULERS.finditer(text) for index in range(*ruler.span())}
        plain.append(
            [
                replace(one, text=PLAIN[one.text]) if one and one.text in PLAIN and index not in kept else one
                for index, one in enumerate(row)
            ]
        )
    return plain


def _likeliest(word: list[Glyph], known: Collection[str]) -> list[Glyph] | None:
    """The likeliest reading of `word` that is known; None where it may stand as it is."""
    text = _text(word)
    unsure = [index for index, glyph in enumerate(word) if glyph.score < CERTAIN]
    if text in known:
        return [replace(glyph, score=max(glyph.score, SETTLED)) for glyph in word]
    if not unsure or len(unsure) > MOST_OPEN:
        return None
    choices = [
        [
            (word[index].text, word[index].score),
            *[entry for entry in word[index].others if entry[1] >= LEAST_SHARE][:MOST_TRIED],
        ]
        for index in unsure
    ]
    best, likelihood = None, prod(word[index].score for index in unsure) * _plausible(text)
    for picks in product(*choices):
        letters = list(text)
        for index, (letter, _) in zip(unsure, picks, strict=True):
            letters[index] = letter
        candidate = "".join(letters)
        share = prod(score for _, score in picks)
        if candidate in known:
            share /= PREFERENCE
        elif NUMBER.fullmatch(candidate) and DIGITLIKE.fullmatch(text):
            share /= NUMBERS if any(letter.isdigit() for letter in text) else NUMERIC
        share *= _plausible(candidate)
        if share > likelihood:
            best, likelihood = picks, share
    if best is None:
        return None
    chosen = list(word)
    for index, (letter, score) in zip(unsure, best, strict=True):
        others = tuple(
            entry for entry in (*word[index].others, (word[index].text, word[index].score)) if entry[0] != letter
        )
        chosen[index] = replace(word[index], text=letter, score=max(score, SETTLED), others=others)
    return chosen


def _plausible(word: str) -> float:
    """How likely a name is to change as often from digits to letters, but for hexadecimal numbers and hashes."""
    return 1.0 if HEXADECIMAL.fullmatch(word) else ODD ** len(DIGIT_IN_NAME.findall(word))


def _words(glyphs: Sequence[Glyph | None]) -> Iterator[tuple[int, int]]:
    start = 0
    for index, glyph in enumerate([*glyphs, None]):
        if glyph is None or not (glyph.text.isalnum() or glyph.text in "_|!"):
            if index > start:
                yield start, index
            start = index + 1


def _text(word: Sequence[Glyph | None]) -> str:
    return "".join(glyph.text for glyph in word if glyph)
