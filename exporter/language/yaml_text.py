"""Writes plain values as readable YAML; the only module that writes YAML."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from exporter.model import Json

_NEVER_FOLDED: Final = 1_000_000
_OTHER_BREAKS: Final = re.compile("[\r\x85\u2028\u2029]")
"""Line breaks that YAML would read back as a newline."""


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, and writes multi-line text as a block."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - equal values are written each time
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _OTHER_BREAKS.search(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def write(document: Json, comment: str) -> str:
    """Return a document as YAML with its keys in order, after a comment of one line."""
    body: str = yaml.dump(
        document,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_NEVER_FOLDED,
        default_flow_style=False,
    )
    return f"# {comment}\n{body}"
