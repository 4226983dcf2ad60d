"""Random configurations that are often equal, and the small changes that an operator makes to one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from exporter.language import predicate
from exporter.model import Api as ApiSettings
from exporter.model import Bot, Config, Json, Query, TokenSource, Variant
from tests.truth.oracle import DATES

PREDICATES: tuple[Json, ...] = (None, {"A": 1}, {"A": {"$gt": 1}}, {"B": "x"})
IN_THE_LAST_HOUR: Json = {"StartedAt": {"$gte": {"$date": "now-1h"}}}


@st.composite
def bots(draw: st.DrawFn, name: str) -> Bot:
    made = ApiSettings(
        timeout=5.0,
        concurrency=draw(st.integers(1, 3)),
        rate=draw(st.sampled_from([None, 2.0])),
        retries=draw(st.integers(0, 2)),
        dates=draw(st.sampled_from(["iso", "auto", "epoch-ms"])),
    )
    labels = draw(st.sampled_from([(), (("team", "care"),)]))
    return Bot(name, draw(st.sampled_from(sorted(DATES))), TokenSource(env="TOKEN"), labels, made)


@st.composite
def queries(draw: st.DrawFn, name: str, names: tuple[str, ...]) -> Query:
    predicates = st.just(IN_THE_LAST_HOUR) if name == "recent" else st.sampled_from(PREDICATES)
    values = draw(st.lists(st.sampled_from("xyz"), unique=True, min_size=1))
    variants = tuple(Variant((("kind", v),), predicate.compile(draw(predicates))) for v in values)
    stale_after = draw(st.sampled_from([3.0, 12.0, 60.0]))
    every = draw(st.sampled_from([4.0, 15.0]))
    return Query(name, "Help.", "conversations", every, stale_after, names, variants=variants)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    names = tuple(draw(st.lists(st.sampled_from(["a", "b"]), unique=True, min_size=1)))
    asked = draw(st.lists(st.sampled_from(["q", "r", "recent"]), unique=True, min_size=1))
    return Config(
        tuple(draw(bots(name)) for name in names),
        tuple(draw(queries(name, names)) for name in asked),
        workers=draw(st.sampled_from([1, 2, 8])),
    )


@dataclass
class Changed:
    """One small change of a configuration, as an operator makes it."""

    config: Config
    draw: Any

    def one_query(self) -> Config:
        at = self.draw(st.integers(0, len(self.config.queries) - 1))
        kept = list(self.config.queries)
        kept[at] = self.draw(queries(kept[at].name, kept[at].bots))
        return replace(self.config, queries=tuple(kept))

    def one_bot(self) -> Config:
        at = self.draw(st.integers(0, len(self.config.bots) - 1))
        kept = list(self.config.bots)
        kept[at] = self.draw(bots(kept[at].name))
        return replace(self.config, bots=tuple(kept))

    def one_predicate(self) -> Config:
        """Change what a query counts, but neither its name nor its labels."""
        at = self.draw(st.integers(0, len(self.config.queries) - 1))
        kept = list(self.config.queries)
        drawn = self.draw(queries(kept[at].name, kept[at].bots)).variants[0].predicate
        variants = tuple(replace(variant, predicate=drawn) for variant in kept[at].variants)
        kept[at] = replace(kept[at], variants=variants)
        return replace(self.config, queries=tuple(kept))

    def bot_ids(self) -> Config:
        other = dict(zip(sorted(DATES), sorted(DATES, reverse=True), strict=True))
        return replace(self.config, bots=tuple(replace(bot, id=other[bot.id]) for bot in self.config.bots))

    def stale_after(self) -> Config:
        seconds = self.draw(st.sampled_from([3.0, 12.0, 60.0]))
        kept = tuple(replace(query, stale_after=seconds) for query in self.config.queries)
        return replace(self.config, queries=kept)

    def fewer_queries(self) -> Config:
        return replace(self.config, queries=self.config.queries[1:] or self.config.queries)

    def another_order(self) -> Config:
        return replace(self.config, queries=self.config.queries[::-1])

    def nothing(self) -> Config:
        return self.config

    def everything(self) -> Config:
        return self.draw(configs())  # type: ignore[no-any-return]
