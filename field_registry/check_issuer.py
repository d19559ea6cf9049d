"""Lints of sources that tell issuers of documents apart, or should: `by_issuer` and the question must agree."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from field_registry.errors import Fault
from field_registry.load import Place
from field_registry.sources import Source

_NUMBER_ALONE = frozenset({"file", "sandbox"})
"""Kinds that look up by the number and have no way to say more. Kinds of others may tell issuers apart in code."""
_PARAMETER = re.compile(r"(?<![:\w\\]):issuer(?![:\w])")

Asked = tuple[tuple[str, ...], bool]
"""Where a question stands in a configuration, and whether it names the issuer."""


def issuer_faults(source: Source, place: Place) -> Iterator[Fault]:
    """A source that says it tells issuers apart without asking by them, or asks by them without saying so."""
    if source.connector in _NUMBER_ALONE:
        if source.by_issuer:
            message = f"a {source.connector} source is asked by the number alone; leave by_issuer out"
            yield _fault(source, place, "issuer_unused", message, "by_issuer")
        return
    if _names_issuer(_request(source).get("path")):
        message = (
            "{issuer} is empty where nobody said the country, so no path may hold it; put it in query or body"
        )
        yield _fault(source, place, "issuer_in_path", message, "config", "request", "path")
    for keys, is_named in _questions(source):
        where = ".".join(keys)
        if source.by_issuer and not is_named:
            name = ":issuer" if source.connector == "sql" else "{issuer}"
            message = (
                f"it is by_issuer, but its {where} does not name {name}, so that a document of another country with "
                f"the same number would be answered; name {name} there, or leave by_issuer out"
            )
            yield _fault(source, place, "issuer_unused", message, "config", *keys)
        elif is_named and not source.by_issuer:
            message = (
                f"its {where} names the issuer, but nobody who has one is asked about; add by_issuer: true"
            )
            yield _fault(source, place, "issuer_unsaid", message, "config", *keys)


def _questions(source: Source) -> Iterator[Asked]:
    if source.connector == "http_json":
        yield ("request",), _names_issuer(_request(source))
    elif source.connector == "sql":
        yield ("query",), _is_bound(source.config.get("query"))
        rows = source.config.get("rows")
        for name, statement in rows.items() if isinstance(rows, Mapping) else ():
            yield ("rows", str(name)), _is_bound(statement)


def _request(source: Source) -> Mapping[str, Any]:
    request = source.config.get("request") if source.connector == "http_json" else None
    return request if isinstance(request, Mapping) else {}


def _names_issuer(node: Any) -> bool:
    """Whether some text of a request holds the placeholder; a key is no place for one."""
    if isinstance(node, Mapping):
        return any(map(_names_issuer, node.values()))
    if isinstance(node, list | tuple):
        return any(map(_names_issuer, node))
    return isinstance(node, str) and "{issuer}" in node


def _is_bound(statement: Any) -> bool:
    return isinstance(statement, str) and _PARAMETER.search(statement) is not None


def _fault(source: Source, place: Place, code: str, message: str, *keys: str) -> Fault:
    return Fault(place.file, place.line_of(*keys), code, f"source {source.id!r}: {message}")
