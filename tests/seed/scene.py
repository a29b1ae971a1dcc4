"""A fake platform with one small load: ten people with four originals each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.seed.fake_platform import Platform

from aviary.check.client import Reader
from aviary.check.inspection import Findings, inspect
from aviary.check.journal import read_journal
from aviary.seed.invention import invent
from aviary.seed.loader import Summary, load
from aviary.seed.world import World


@dataclass(frozen=True, slots=True)
class Scene:
    platform: Platform
    url: str
    journal: Path

    async def load(self, world: World | None = None, *, patience_s: float = 5.0, tweets_per_user: int = 4) -> Summary:
        """Load, or go on with loading."""
        return await load(
            world or invent(10, seed=3, texts=50),
            self.url,
            self.journal,
            tweets_per_user=tweets_per_user,
            concurrency=6,
            patience_s=patience_s,
        )

    async def check(self, *, sample: int | None = None, settle_s: float = 0.0, page: int = 7) -> Findings:
        """Check, by default in pages so small that most lists have several."""
        book = read_journal(self.journal)
        async with Reader(self.url, book.tokens, connections=4, limit=page, patience_s=settle_s) as reader:
            return await inspect(book, reader, sample=sample, settle_s=settle_s, workers=4)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.journal.read_text().splitlines()]

    def tear_journal(self) -> None:
        """Leave the start of a line behind, as a crash does."""
        with self.journal.open("a") as file:
            file.write('{"event":"ok","index":3')

    def journal_mode(self) -> int:
        return self.journal.stat().st_mode & 0o777
