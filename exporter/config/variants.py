"""Makes a query's variants, one for each combination of label values, and inspects what they will ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from itertools import chain

from exporter.config.labelling import Label, Tree
from exporter.config.nodes import locate
from exporter.config.notes import Given, Notes, either
from exporter.config.schema import QuerySection
from exporter.language import labels, predicate, tree
from exporter.language.suggest import did_you_mean
from exporter.model import Json, Variant


def variants(section: QuerySection) -> tuple[Variant, ...]:
    """Return a variant for each combination of label values; the section is free of errors."""
    values = {label.name: label.values for label in either(section.labels, ())}
    made = []
    for combination in labels.combinations(values):
        raw: Json = section.query.value.raw if section.query else None
        for _, value in combination:
            if value.predicate is not None:
                raw = predicate.both(raw, value.predicate.value.raw)
        filled = predicate.fill(raw, {name: value.value for name, value in combination})
        texts = sorted((name, value.text) for name, value in combination)
        made.append(Variant(tuple(texts), predicate.compile(filled)))
    return tuple(made)


def inspect(given: Given[QuerySection], notes: Notes) -> None:
    """Note what is wrong with a query's predicates, and between its placeholders and its labels."""
    section = given.value
    known = either(section.labels, ())
    readable = section.labels is not None or notes.clean(f"{given.path}.labels")
    own = [value.predicate for label in known for value in label.values]
    for written in (section.query, *own):
        if written is not None:
            _inspect_predicate(written, known, notes)
            if readable:
                _check_placeholders(written, {label.name for label in known}, notes)
    if notes.clean(f"{given.path}.labels") and notes.clean(f"{given.path}.query"):
        for label in known:
            if label.listed and not _is_used(label, section):
                advice = f'put "{{{label.name}}}" in quotes where its values belong, or leave it out'
                notes.error(label.place, label.path, "a label that is never used", advice)


def _inspect_predicate(written: Given[Tree], known: Sequence[Label], notes: Notes) -> None:
    """Note what is wrong with a predicate, whichever label values fill it."""
    raw = written.value.raw
    mentioned = predicate.placeholders(raw)
    values = {label.name: label.values for label in known if label.values and label.name in mentioned}
    filled = (
        predicate.fill(raw, {name: some[turn % len(some)].value for name, some in values.items()})
        for turn in range(max(map(len, values.values()), default=0))
    )
    for finding in dict.fromkeys(chain.from_iterable(map(predicate.inspect, (raw, *filled)))):
        spot = locate(written.value.node, written.path, finding.path)
        tell = notes.error if finding.severity == "error" else notes.warning
        tell(spot.key_place, spot.path, finding.what, finding.advice)


def _check_placeholders(written: Given[Tree], names: Set[str], notes: Notes) -> None:
    """Note placeholders without a label, and those that YAML reads as a mapping for want of quotes."""
    for name, paths in predicate.placeholders(written.value.raw).items():
        for path in paths if name not in names else ():
            spot = locate(written.value.node, written.path, path)
            advice = did_you_mean(name, names) or "add the label to the query's `labels`"
            notes.error(spot.place, spot.path, f'the placeholder "{{{name}}}" has no label', advice)
    for path, name in _unquoted(written.value.raw):
        if name in names:
            spot = locate(written.value.node, written.path, path)
            what = f"{{{name}}} without quotes is a mapping, not a placeholder"
            notes.error(spot.place, spot.path, what, f'write "{{{name}}}"')


def _unquoted(raw: Json) -> Iterator[tuple[tree.Path, str]]:
    for path, node in tree.walk(raw):
        match node:
            case dict() if list(node.values()) == [None]:
                yield path, next(iter(node))


def _is_used(label: Label, section: QuerySection) -> bool:
    """Tell whether every variant's predicate depends on a listed label."""

    def mentions(written: Given[Tree] | None) -> bool:
        return written is not None and label.name in predicate.placeholders(written.value.raw)

    mapped = (other for other in either(section.labels, ()) if not other.listed)
    return mentions(section.query) or any(
        all(mentions(value.predicate) for value in other.values) for other in mapped
    )
