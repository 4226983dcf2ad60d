from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config.load import parse
from exporter.language import durations, rates
from exporter.model import SHARD_BY, Api, Bot, Config, Predicate, Query, TokenSource, Variant

ENVIRON = {"NATIVECHAT_TOKEN": "made-up-token"}

names = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True).map("n_".__add__)
spans = st.integers(1, 86_400).map(float)
values = st.text("abc {}$é", min_size=1) | st.integers(-9, 9) | st.booleans()


@st.composite
def apis(draw: st.DrawFn) -> tuple[dict[str, object], Api]:
    timeout, rate = (
        draw(spans.filter(lambda span: span <= 3600)),
        draw(st.none() | st.integers(1, 99).map(float)),
    )
    api = Api(
        timeout=timeout,
        rate=rate,
        retries=draw(st.integers(0, 10)),
        dates=draw(st.sampled_from(["iso", "auto"])),
    )
    written: dict[str, object] = {
        "timeout": durations.write(timeout),
        "rate": rates.write(rate),
        "retries": api.retries,
        "dates": api.dates,
    }
    return written, api


@st.composite
def written_queries(draw: st.DrawFn, name: str, bots: list[str]) -> tuple[dict[str, object], Query]:
    label, some = draw(names), draw(st.lists(values, min_size=1, max_size=4, unique_by=as_text))
    every, stale_after = draw(spans), draw(st.none() | spans)
    asked = draw(st.lists(st.sampled_from(bots), min_size=1, unique=True))
    written: dict[str, object] = {
        "name": name,
        "help": "Counted.",
        "collection": "messages",
        "every": durations.write(every),
        **({"stale_after": durations.write(stale_after)} if stale_after else {}),
        "labels": {label: some},
        "query": {"User": f"{{{label}}}"},
        "bots": asked,
    }
    variants = tuple(
        Variant(
            ((label, as_text(value)),),
            Predicate(json.dumps({"User": value}, ensure_ascii=False, separators=(",", ":"))),
        )
        for value in some
    )
    query = Query(
        name=name,
        help="Counted.",
        collection="messages",
        every=every,
        stale_after=stale_after or 5 * every,
        bots=tuple(asked),
        label_names=(label,),
        variants=variants,
        predicate=f'{{"User":"{{{label}}}"}}',
    )
    return written, query


def as_text(value: str | float | bool) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@st.composite
def configurations(draw: st.DrawFn) -> tuple[str, Config]:
    bot_names = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    written_api, api = draw(apis())
    zone = draw(st.sampled_from(["UTC", "Europe/Sofia", "America/New_York"]))
    shard_by = draw(st.sampled_from(SHARD_BY))
    queries = [
        draw(written_queries(name, bot_names))
        for name in draw(st.lists(names, min_size=1, max_size=3, unique=True))
    ]
    ids = [f"{index:024x}" for index, _ in enumerate(bot_names)]
    written = {
        "api": written_api,
        "timezone": zone,
        "shard_by": shard_by,
        "bots": [
            {"name": name, "id": bot_id, "token": {"env": "NATIVECHAT_TOKEN"}}
            for name, bot_id in zip(bot_names, ids, strict=True)
        ],
        "queries": [query for query, _ in queries],
    }
    bots = tuple(
        Bot(name, bot_id, TokenSource(env="NATIVECHAT_TOKEN"), (), api)
        for name, bot_id in zip(bot_names, ids, strict=True)
    )
    config = Config(
        bots=bots, queries=tuple(query for _, query in queries), zone=ZoneInfo(zone), shard_by=shard_by
    )
    return json.dumps(written, ensure_ascii=False), config


@settings(max_examples=30)
@given(configurations())
def test_a_configuration_is_read_as_it_was_written(written: tuple[str, Config]) -> None:
    text, config = written
    assert parse(text.encode(), Path("config.yaml"), ENVIRON).config == config
