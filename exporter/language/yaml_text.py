"""Writes plain values as readable YAML; the only module that writes YAML."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from exporter.model import Json

_NEVER_FOLDED: Final = 1_000_000
_BLOCK_LEVELS: Final = 2
_OTHER_BREAKS: Final = re.compile("[\r\x85\u2028\u2029]")
"""Line breaks that YAML would read back as a newline."""

_NO_PLAIN_TEXT: Final = re.compile(
    r"[-+]?\.?[0-9][0-9_.]*(e[-+]?[0-9]+)?|[-+]?0[xob][0-9a-f_]+|[-+]?\.(inf|nan)|yes|no|on|off|true|false|null",
    re.IGNORECASE,
)
"""Texts that some parsers read as a number or truth value, such as 08 and 1e3; PyYAML does not quote all."""


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, and writes multi-line text as a block."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - equal values are written each time
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _OTHER_BREAKS.search(text) else "|" if "\n" in text else None
    if _NO_PLAIN_TEXT.fullmatch(text):
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


class _ShortDumper(_Dumper):
    """Writes each mapping and list below two levels on one line."""

    _levels = 0

    def represent_data(self, data: Any) -> yaml.Node:
        self._levels += 1
        node: yaml.Node = super().represent_data(data)
        if isinstance(node, yaml.CollectionNode):
            node.flow_style = self._levels > _BLOCK_LEVELS
        self._levels -= 1
        return node


def write(document: Json, comment: str, *, short: bool = False) -> str:
    """Return a document as YAML with its keys in order, after a comment of one line.

    With `short`, mappings and lists from the third level on are written on one line: `query: {Errors: 0}`.
    """
    body: str = yaml.dump(
        document,
        Dumper=_ShortDumper if short else _Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_NEVER_FOLDED,
        default_flow_style=False,
    )
    return f"# {comment}\n{body}"
