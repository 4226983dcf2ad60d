"""Asks how many documents have a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exporter.explore.findings import Check
from exporter.explore.requests import NoAnswer, Requests
from exporter.model import Collection, Json

_PRESENT: Final[dict[str, Json]] = {"$ne": None, "$nin": [None], "$exists": True}
"""Conditions that a field meets if it is there and not null; the last one, if it is there."""

_NO_SUCH_FIELD: Final = "no_such_field_of_nativechat_exporter"

MOST_REQUESTS: Final = 1 + len(_PRESENT)
"""Most requests of `Presence.check`."""


@dataclass(slots=True)
class Presence:
    """Counts the documents of a collection that have a field, with an operator that the API understands."""

    requests: Requests
    collection: Collection
    operator: str = ""

    def check(self) -> Check:
        """Return whether predicates have an effect; choose the operator, if any is right, for `count`."""
        try:
            found = self.requests.count(self.collection, {_NO_SUCH_FIELD: 1})
        except NoAnswer as error:
            return Check("query", "unknown", str(error))
        if found:
            detail = f"counts {found:,} documents where nothing matches: no predicate can be trusted"
            return Check("query", "differs", detail)
        self.operator = next(filter(self._finds_nothing, _PRESENT), "")
        return Check("query", "ok")

    def count(self, name: str) -> int:
        """Return how many documents have a field; raises NoAnswer if that cannot be asked."""
        if not self.operator:
            raise NoAnswer(f"the API takes none of {', '.join(_PRESENT)}")
        return self.requests.count(self.collection, {name: {self.operator: _PRESENT[self.operator]}})

    def _finds_nothing(self, operator: str) -> bool:
        try:
            return not self.requests.count(self.collection, {_NO_SUCH_FIELD: {operator: _PRESENT[operator]}})
        except NoAnswer:
            return False
