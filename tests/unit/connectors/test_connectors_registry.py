"""Kinds by name, configurations checked, places filled in; every message names what to correct."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from connectors import BadConfiguration, build_connector, config_schemas
from connectors.registry import kind_of, kinds
from connectors.substitution import fill_places

GOOD = {"base_url": "${civil}", "request": {"path": "/p"}, "answer": {}}


def test_every_built_in_kind_is_found() -> None:
    """By its own name, with a schema that is JSON Schema."""
    assert list(kinds())[:4] == ["http_json", "sql", "file", "sandbox"]
    for name, kind in kinds().items():
        assert kind.name == name
        assert kind_of(name) is kind
        Draft202012Validator.check_schema(kind.config_schema)
    assert config_schemas() == {name: kind.config_schema for name, kind in kinds().items()}


def test_an_unknown_kind_gets_a_hint() -> None:
    """The nearest name is offered."""
    with pytest.raises(BadConfiguration, match="Did you mean 'http_json'"):
        kind_of("htp_json")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "required"),
        (GOOD | {"base_uri": "x"}, "base_uri"),
        (GOOD | {"request": {"path": "/p", "method": "DELETE"}}, "config.request.method"),
        (GOOD | {"request": {"path": "p"}}, "config.request.path"),
        (GOOD | {"auth": {"kind": "bearer"}}, "config.auth"),
        (GOOD | {"answer": {"success": {"pointer": "code", "equals": [0]}}}, "config.answer.success.pointer"),
        (GOOD | {"tls": {"certificate": "a.pem"}}, "key"),
        (GOOD | {"paging": {"parameter": "p", "rows": "/r", "max_pages": 0}}, "config.paging.max_pages"),
        (GOOD | {"base_url": "${cvil}"}, "Did you mean 'civil'"),
        (GOOD | {"base_url": "${zzz}"}, "Defined: civil"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_explained(
    source: Any, environment: Any, config: Any, says: str
) -> None:
    """The message names the source and the key."""
    made = source(connector="http_json", config=config)
    with pytest.raises(BadConfiguration, match="'civil'") as caught:
        build_connector(made, environment(places={"civil": "http://127.0.0.1:1"}))

    assert says in str(caught.value) or re.search(says, str(caught.value))


def test_an_unknown_kind_names_the_source(source: Any, environment: Any) -> None:
    """So that it can be found."""
    with pytest.raises(BadConfiguration, match=r"source 'civil'.*'telex'"):
        build_connector(source(connector="telex"), environment())


def test_places_are_filled_in_everywhere() -> None:
    """In nested texts, several times; what is no place stays."""
    config = {"a": ["${x}/${y}", 1, None], "b": {"c": "$x {x} ${x}"}}

    assert fill_places(config, {"x": "X", "y": "Y"}) == {"a": ["X/Y", 1, None], "b": {"c": "$x {x} X"}}


def test_a_missing_place_says_where() -> None:
    """The path of the key stands in the message."""
    with pytest.raises(BadConfiguration, match=r"config\.a\[1\]\.b.*'nowhere'.*Defined: none"):
        fill_places({"a": ["", {"b": "${nowhere}"}]}, {})
