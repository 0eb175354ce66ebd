"""The index of the documentation: every section of every page, in SQLite's FTS5, in memory.

What it is asked is never read as a query language: words are taken out of it and quoted.
"""

import math
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from limner.api.calls import DOCS_PAGES
from limner.api.pages import Section

MAX_WORDS = 32
"""Words of a question that are looked up."""
MAX_SENTENCES = 2
MAX_QUOTED_CHARACTERS = 400
ENOUGH = 0.5
"""Share of what a question asks for, its words weighed by how rare they are, that a passage must hold to count."""
NEARLY = 0.6
"""Share of what the best passage holds that the others must hold to stand beside it."""
LISTS_WEIGHT = 0.6
"""What pages that list count, beside those that explain."""
BEGIN, END = "\x02", "\x03"
"""Around a word that was found, in what `search` answers."""
_WORD = re.compile(r"[^\W_]+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\w`*(])|\n")
_IDLE = frozenset((DOCS_PAGES / "idle_words.txt").read_text(encoding="utf-8").split())
"""Words that say nothing of what is asked."""


@dataclass(frozen=True)
class Hit:
    """A section that was found, and the piece of it that shows why."""

    section: Section
    piece: str


class Index:
    """Sections by their words. Words are stemmed (Porter), so that `pictures` finds `picture`."""

    def __init__(self, sections: Iterable[Section]) -> None:
        self._sections = [section for section in sections if section.text]
        # One connection for all threads: it is written here, and read from one thread at a time.
        self._rows = sqlite3.connect(":memory:", check_same_thread=False)
        self._rows.execute("CREATE VIRTUAL TABLE passages USING fts5(page, heading, text, tokenize='porter unicode61')")
        self._rows.executemany(
            "INSERT INTO passages (rowid, page, heading, text) VALUES (?, ?, ?, ?)",
            ((i, one.page.title, one.heading.title, one.text) for i, one in enumerate(self._sections)),
        )

    def search(self, text: str, limit: int = 20) -> list[Hit]:
        """The sections that hold every word of `text` (its last word may be unfinished), else any of them."""
        words = _WORD.findall(text)[:MAX_WORDS]
        if not words:
            return []
        every = " ".join(f'"{word}"' for word in words)
        return self._match(f"{every}*", limit) or self._match(" OR ".join(f'"{word}"' for word in words), limit)

    def _match(self, query: str, limit: int) -> list[Hit]:
        rows = self._rows.execute(
            "SELECT rowid, snippet(passages, 2, ?, ?, ' … ', 24) FROM passages WHERE passages MATCH ?"
            " ORDER BY bm25(passages, 4.0, 8.0, 1.0) LIMIT ?",
            (BEGIN, END, query, limit),
        )
        return [Hit(self._sections[row], piece) for row, piece in rows]

    def answer(self, question: str, limit: int = 4) -> list[Hit]:
        """The sections that speak of what is asked, best first, each with its best sentences; none if none does."""
        words = [word for word in dict.fromkeys(_WORD.findall(question.lower())) if word not in _IDLE][:MAX_WORDS]
        held = {word: self._holding(word) for word in words}
        # A word that occurs nowhere weighs most: what is asked about it cannot be answered from here.
        weights = {word: math.log(1 + len(self._sections) / (1 + len(rows))) for word, rows in held.items()}
        found: dict[int, tuple[float, float]] = {}
        for word, rows in held.items():
            for row, rank in rows.items():
                share, before = found.get(row, (0.0, 0.0))
                found[row] = (share + weights[word], before + rank)
        most = max((share for share, _ in found.values()), default=0.0)
        enough = max(ENOUGH * sum(weights.values()), NEARLY * most)
        best = sorted(
            (row for row, (share, _) in found.items() if share >= enough),
            key=lambda row: self._weigh(row, found[row][1]),
        )
        query = " OR ".join(f'"{word}"' for word in words)
        return [Hit(self._sections[row], self._quote(row, query)) for row in best[:limit]]

    def _holding(self, word: str) -> dict[int, float]:
        """The rows that hold a word, and how well (less is better)."""
        rows = self._rows.execute(
            "SELECT rowid, bm25(passages, 4.0, 8.0, 1.0) FROM passages WHERE passages MATCH ?", (f'"{word}"',)
        )
        return dict(rows.fetchall())

    def _weigh(self, row: int, rank: float) -> float:
        """How well a row answers (less is better): a page that lists holds many words and explains none of them."""
        lists = self._sections[row].page.group in ("models", "reference")
        return rank * (LISTS_WEIGHT if lists else 1)

    def _quote(self, row: int, query: str) -> str:
        """The sentences of a section that hold most of the words, as they stand there."""
        [[text]] = self._rows.execute(
            "SELECT highlight(passages, 2, ?, ?) FROM passages WHERE passages MATCH ? AND rowid = ?",
            (BEGIN, END, query, row),
        )
        sentences = [part for part in _SENTENCE.split(text) if part.strip()]
        counts = [len({word.lower() for word in re.findall(f"{BEGIN}(.*?){END}", part)}) for part in sentences]
        best = sorted(range(len(sentences)), key=lambda i: (-counts[i], i))[:MAX_SENTENCES]
        quoted = " … ".join(sentences[i].strip() for i in sorted(best) if counts[i] or i == best[0])
        return quoted.replace(BEGIN, "").replace(END, "")[:MAX_QUOTED_CHARACTERS]
