"""Named shapes of an API and its data; each differs from the others in what nothing documents."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from exporter.simulator.settings import Settings

SHAPES: Final[Mapping[str, Settings]] = MappingProxyType(
    {
        "documented": Settings(),
        "flat": Settings(
            documents="flat",
            id_field="Id",
            dates="epoch-ms",
            shown_dates="as-stored",
            undecoded_dates="nothing",
            count_shape="bare",
            default_limit=10,
            max_limit=10,
            refuse="$exists",
            throttle=0.02,
        ),
        "extended": Settings(
            dates="extended-json",
            shown_dates="as-stored",
            count_shape="Result",
            default_limit=50,
            max_limit=1000,
            over_limit="refuse",
            refuse="$ne,$nin",
        ),
        "untidy": Settings(
            documents="untidy",
            undecoded_dates="nothing",
            count_shape="Count",
            default_limit=20,
            max_limit=20,
            refuse="sort",
            throttle=0.02,
            retry_after="http-date",
        ),
        "unordered": Settings(
            documents="untidy",
            id_field="Id",
            dates="extended-json",
            count_shape="bare",
            refuse="$ne,$exists",
            ignore="sort",
        ),
        "delivered": Settings(
            documents="flat",
            dates="epoch-ms",
            undecoded_dates="nothing",
            max_limit=10,
            over_limit="refuse",
            ignore="skip",
            delivery=43_200.0,
        ),
    }
)
"""Settings by the name of their shape; `documented` has every default."""
