from __future__ import annotations

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from exporter.config.load import parse
from exporter.errors import ConfigError

ENVIRON = {"NATIVECHAT_BOT_ID": "5990b7b5d57ae86c1b2dfd6e", "NATIVECHAT_TOKEN": "made-up-token"}
GOOD = (Path(__file__).parent / "good" / "traps_kept_as_text.yaml").read_text(encoding="utf-8")

KEYS = ["api", "bots", "name", "id", "env", "token", "labels", "queries", "collection", "query", "every"]
WORDS = ["main", "messages", "$gt", "$or", "$date", "now-1h", "1m", "0", "1.5", "true", "no", "010", "{a}"]
BREAKS = ["\n", "\n  ", "\n    ", " ", ": ", "- ", ", "]
SIGNS = ["[", "]", "{", "}", "&a ", "*a", "!x ", "<<", "|", ">", "#", '"', "~"]
SCRAPS = ["", "~", "x", "[]", "{}", '"', "{", "]", ":", ",", "$gt", "{a}", "\n", "\x00", "\t", "!!int "]

yaml_like = st.lists(st.sampled_from(KEYS + WORDS + BREAKS + SIGNS), max_size=40).map("".join)


def problems_in(content: bytes) -> list[tuple[int, str]]:
    """Return line and text of every problem; any error but ConfigError is raised."""
    try:
        problems = parse(content, Path("folder/config.yaml"), ENVIRON).warnings
    except ConfigError as exc:
        problems = exc.problems
    return [(problem.place.line, str(problem)) for problem in problems]


@example(b'a: "\\UFFFFFFFF"')
@example(b"bots: [\n\n")
@given(st.binary() | (st.text() | yaml_like).map(lambda text: text.encode("utf-8", "replace")))
def test_any_content_is_a_configuration_or_a_config_error_with_places_in_it(content: bytes) -> None:
    text = content.decode("utf-8", "replace").replace("\x85", "\n")
    for line, problem in problems_in(content):
        assert 1 <= line <= max(1, len(text.splitlines()))
        assert problem.isprintable()


@given(st.integers(0, len(GOOD)), st.integers(0, 12), st.sampled_from(SCRAPS))
def test_any_damaged_file_is_a_configuration_or_a_config_error(start: int, length: int, scrap: str) -> None:
    damaged = GOOD[:start] + scrap + GOOD[start + length :]
    for line, problem in problems_in(damaged.encode()):
        assert 1 <= line <= damaged.count("\n") + 1
        assert problem.isprintable()
