"""Says what is wrong with a resource: by Kubernetes' own schemas, and the Prometheus Operator's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, TypeAlias

import jsonschema
import kubernetes_validate

Manifest: TypeAlias = dict[str, Any]
"""One resource of Kubernetes."""

VERSIONS: Final = ("1.29", "1.33", "1.37")

_TEXT: Final = {"type": "string", "minLength": 1}
_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
_DURATION: Final = {"type": "string", "pattern": "^([0-9]+(ms|[smhdwy]))+$"}


def _mapping(*required: str, **keys: object) -> dict[str, object]:
    return {"type": "object", "properties": keys, "required": list(required), "additionalProperties": False}


def _list(items: object) -> dict[str, object]:
    return {"type": "array", "items": items, "minItems": 1}


def _resource(kind: str, spec: object) -> dict[str, object]:
    metadata = _mapping("name", name=_TEXT, namespace=_TEXT, labels=_TEXTS, annotations=_TEXTS)
    return _mapping(
        "metadata",
        "spec",
        apiVersion={"const": "monitoring.coreos.com/v1"},
        kind={"const": kind},
        metadata=metadata,
        spec=spec,
    )


_SELECTED: Final = _mapping(
    "key", "operator", key=_TEXT, operator={"enum": ["In", "NotIn", "Exists", "DoesNotExist"]}
)
_RULE: Final = _mapping(
    "expr",
    alert=_TEXT,
    record=_TEXT,
    expr=_TEXT,
    **{"for": _DURATION, "keep_firing_for": _DURATION},
    labels=_TEXTS,
    annotations=_TEXTS,
)
_SECRET_KEY: Final = _mapping("name", "key", name=_TEXT, key=_TEXT)
_RELABELING: Final = _mapping(
    sourceLabels=_list({"type": "string", "pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"}),
    separator=_TEXT,
    targetLabel=_TEXT,
    regex=_TEXT,
    replacement={"type": "string"},
    action={"enum": ["replace", "keep", "drop", "labeldrop", "labelkeep"]},
)
OPERATOR: Final = {
    "PodMonitor": _resource(
        "PodMonitor",
        _mapping(
            "selector",
            "podMetricsEndpoints",
            selector=_mapping(matchLabels=_TEXTS, matchExpressions=_list(_SELECTED)),
            podMetricsEndpoints=_list(
                _mapping(
                    "port",
                    port=_TEXT,
                    interval=_DURATION,
                    scrapeTimeout=_DURATION,
                    path=_TEXT,
                    scheme={"enum": ["http", "https"]},
                    tlsConfig={"type": "object"},
                    basicAuth=_mapping(username=_SECRET_KEY, password=_SECRET_KEY),
                    relabelings=_list(_RELABELING),
                )
            ),
        ),
    ),
    "PrometheusRule": _resource(
        "PrometheusRule",
        _mapping(
            "groups", groups=_list(_mapping("name", name=_TEXT, interval=_DURATION, rules=_list(_RULE)))
        ),
    ),
}
"""Of the Prometheus Operator's resources the keys that an exporter needs, and no others."""


def problems(manifest: Manifest) -> Iterator[str]:
    """Give what any of the versions has against a resource; an unknown key is wrong, too."""
    yield from _problems(json.dumps(manifest))


@cache
def _problems(text: str) -> tuple[str, ...]:
    return tuple(_found(json.loads(text)))


def _found(manifest: Manifest) -> Iterator[str]:
    if schema := OPERATOR.get(manifest["kind"]):
        yield from (error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(manifest))
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"Kubernetes {version}: {error.message}"
