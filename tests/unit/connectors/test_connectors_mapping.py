"""What all kinds share: pointers, emptiness, rows, templates."""

from typing import Any

import pytest

from connectors.errors import BadConfiguration, SourceBroken
from connectors.mapping import (
    EMPTY,
    NOT_ROWS,
    about_record,
    compile_pointer,
    compile_template,
    is_empty,
    look_up,
    replies_from,
)
from connectors.protocol import Found, Record
from field_registry.items import Datatype

RECORD = {"a": {"b": [1, {"c": "x"}]}, "姓名": "陈", "a/b": 1, "m~n": 2, "": 3, "0": "zero"}


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("/a/b/1/c", "x"),
        ("/a/b/0", 1),
        ("/姓名", "陈"),
        ("姓名", "陈"),
        ("a/b", 1),
        ("/a~1b", 1),
        ("/m~0n", 2),
        ("/", 3),
        ("/0", "zero"),
        ("/a/b/2", None),
        ("/a/b/-1", None),
        ("/a/b/x", None),
        ("/a/b/99999999999999999999", None),
        ("/a/b/1/c/d", None),
        ("/nothing/here", None),
    ],
)
def test_a_pointer_leads_to_its_value_or_nowhere(pointer: str, found: object) -> None:
    """RFC 6901; a name without slash is one step; what is not there is None."""
    assert look_up(RECORD, compile_pointer(pointer)) == found


def test_the_empty_pointer_is_the_whole() -> None:
    """As RFC 6901 says."""
    assert look_up(RECORD, compile_pointer("")) is RECORD


@pytest.mark.parametrize(
    ("raw", "empty"),
    [
        (None, True),
        ("", True),
        (" \u3000\n", True),
        ([], True),
        ({}, True),
        (0, False),
        (False, False),
        ("0", False),
    ],
)
def test_zero_and_false_are_answers(raw: Any, empty: bool) -> None:
    """Null, blank and empty containers are no answer; zero and false are."""
    assert is_empty(raw) is empty


def test_attributes_are_read_from_wherever_each_stands(ask: Any) -> None:
    """However the places of several attributes change from one to the next, each reply is its own."""
    attributes = ["/a/b/1/c", "姓名", "/a/b/0", "/a/b/1/c", "/0", "/a/x/y", "/m~0n", "/a/b/1/c/d"]
    asks = [ask(f"item.{number}", attribute) for number, attribute in enumerate(attributes)]

    replies = replies_from(RECORD, asks, Record())

    said = [reply.raw if isinstance(reply, Found) else reply for reply in replies]
    assert said == ["x", "陈", 1, "x", "zero", EMPTY, 2, EMPTY]


def test_an_attribute_may_be_the_record_itself(ask: Any) -> None:
    """The empty pointer is the whole (RFC 6901), also between others."""
    asks = [ask("item.1", "姓名"), ask("item.2", ""), ask("item.3", "/0")]

    replies = replies_from(RECORD, asks, Record())

    assert [reply.raw for reply in replies if isinstance(reply, Found)] == ["陈", RECORD, "zero"]


def test_rows_hold_the_columns_that_were_asked_for(ask: Any) -> None:
    """A repeating item becomes mappings from item id to raw cell; a missing cell is None."""
    record = {"zn": [{"xm": "一一", "x": 1}, {"xm": None}, {}]}
    children = ask("person.children", "/zn", datatype=Datatype.rows, columns=(("child.name", "/xm"),))
    [reply] = replies_from(record, [children], Record())

    assert isinstance(reply, Found)
    assert reply.raw == [{"child.name": "一一"}, {"child.name": None}, {"child.name": None}]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [([], EMPTY), (None, EMPTY), ("text", NOT_ROWS), ({"xm": 1}, NOT_ROWS), ([{}, "x"], NOT_ROWS)],
)
def test_what_is_no_list_of_rows_is_said_so(ask: Any, raw: object, expected: object) -> None:
    """No rows are empty; anything but a list of objects is invalid."""
    children = ask("person.children", "/zn", datatype=Datatype.rows, columns=(("child.name", "/xm"),))

    assert list(replies_from({"zn": raw}, [children], Record())) == [expected]


def test_a_record_says_whom_it_is_about() -> None:
    """The echo as text, numbers too; the stamp as it is spelt."""
    assert about_record({"id": "1", "at": "2026"}, ("id",), ("at",)) == Record("1", "2026")
    assert about_record({"id": 350582199106039960}, ("id",), None) == Record("350582199106039960")
    assert about_record({}, None, None) == Record()


@pytest.mark.parametrize("said", [None, "", True, 1.5, {}, {"a": 1}, ["1"]])
def test_a_record_that_should_say_and_does_not_is_broken(said: object) -> None:
    """A configured echo that is missing or no identifier makes the answer unusable."""
    with pytest.raises(SourceBroken, match="echo"):
        about_record({"id": said}, ("id",), None)


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("", ""),
        ("/x", "/x"),
        ("{id_no}", "N"),
        ("a{id_no}b{id_type}c{id_no}", "aNbTcN"),
        ("{id_type}{id_no}", "TN"),
    ],
)
def test_a_template_is_filled(template: str, filled: str) -> None:
    """Each placeholder, wherever it stands."""
    assert compile_template(template, "path")({"id_no": "N", "id_type": "T"}) == filled


def test_filling_is_done_once() -> None:
    """An identifier that looks like a placeholder stays as it is."""
    assert compile_template("{id_no}/{id_type}", "x")({"id_no": "{id_type}", "id_type": "T"}) == "{id_type}/T"


@pytest.mark.parametrize("template", ["{idno}", "{}", "{id_no", "id_no}", "{{id_no}}", "{id_no.__class__}"])
def test_an_unknown_placeholder_is_refused(template: str) -> None:
    """With the place where it stands and what is known."""
    with pytest.raises(BadConfiguration, match=r"request\.path.*\{id_no\}"):
        compile_template(template, "request.path")


def test_replies_show_nothing(ask: Any) -> None:
    """Neither value nor record stands in a repr."""
    replies = replies_from({"name": "陈小满"}, [ask()], Record("350582"))

    assert "陈" not in repr(replies)
    assert "350582" not in repr(replies)
