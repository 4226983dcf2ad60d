"""Looks up what a configuration refers to outside its own text: variables, secret files, certificates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from exporter.config.notes import Given, Notes
from exporter.config.references import Reference, id_doubt, id_problem
from exporter.config.secrets import SecretError, TokenReader
from exporter.errors import Place
from exporter.model import TokenSource

UNKNOWN_ID: Final = "unknown"
"""Stands for a bot's id that cannot be read where secrets are optional."""


@dataclass(frozen=True, slots=True)
class Outside:
    """The world around a configuration file; what is missing there is an error only where required."""

    folder: Path
    environ: Mapping[str, str]
    secrets: Literal["required", "optional"]
    notes: Notes

    def token(self, given: Given[Reference]) -> TokenSource:
        """Return where a token is read from, once it could be read from there."""
        source = self._source(given.value)
        self._reveal(given, source)
        return source

    def bot_id(self, given: Given[Reference]) -> str:
        """Return a bot's id; UNKNOWN_ID where it cannot be read."""
        text = given.value.text
        if text is None:
            text = self._reveal(given, self._source(given.value))
        if text is None:
            return UNKNOWN_ID
        if problem := id_problem(text):
            self.notes.error(given.place, given.path, problem, "copy it from the bot's Settings")
        elif (doubt := id_doubt(text)) and self.notes.clean(given.path):
            self.notes.warning(given.place, given.path, doubt, "compare it with the bot's Settings")
        return text

    def ca_file(self, given: Given[Path]) -> Path:
        """Return the path of a file of certificates, once it could be opened."""
        path = self.folder / given.value
        try:
            path.open("rb").close()
        except OSError as exc:
            what = f"file {path} cannot be read: {(exc.strerror or type(exc).__name__).lower()}"
            advice = "name a file of certificates in PEM"
            self._missing(given.place, given.path, what, advice, may_pass=True)
        return path

    def _source(self, reference: Reference) -> TokenSource:
        file = reference.file
        return TokenSource(env=reference.env, file=file and self.folder / file)

    def _reveal(self, given: Given[Reference], source: TokenSource) -> str | None:
        if not self.notes.clean(given.path):
            return None
        try:
            return TokenReader(source, self.environ)().reveal()
        except SecretError as exc:
            advice = "set it before the exporter runs"
            self._missing(given.place, given.path, str(exc), advice, may_pass=source.file is not None)
            return None

    def _missing(self, place: Place, path: str, what: str, advice: str, *, may_pass: bool) -> None:
        if self.secrets == "required":
            self.notes.error(place, path, what, advice, may_pass=may_pass)
        else:
            self.notes.warning(place, path, what, advice)
