"""From what a source says to replies: the part of mapping that every kind shares. Pure.

Attributes are read from one record, a mapping. An attribute that starts with "/" is a JSON pointer (RFC 6901);
any other is the name of a key or column, taken whole.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from connectors.by_identity import ByIdentity
from connectors.errors import BadConfiguration, SourceBroken
from connectors.protocol import Found, Record, Reply
from field_registry import Ask, Item, Missing, OutcomeCode
from field_registry.bindings import Binding
from field_registry.items import Datatype

EMPTY = Missing(OutcomeCode.empty_at_source)
NOT_FOUND = Missing(OutcomeCode.not_found)
AMBIGUOUS = Missing(OutcomeCode.identity_ambiguous)
NOT_ROWS = Missing(OutcomeCode.invalid_value, "the source does not hold a list of rows here")

Pointer = tuple[str, ...]


class Mapped(tuple[Reply, ...]):
    """Replies that `replies_from` made and nobody can have changed: none of them needs to be looked at again."""

    __slots__ = ()


@lru_cache(maxsize=8192)
def compile_pointer(text: str) -> Pointer:
    """The steps of an attribute.

    >>> compile_pointer("/base/a~1b")
    ('base', 'a/b')
    >>> compile_pointer("xm")
    ('xm',)
    >>> compile_pointer("")
    ()
    """
    if not text:
        return ()
    if not text.startswith("/"):
        return (text,)
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/"))


def look_up(node: Any, pointer: Pointer) -> Any:
    """What stands at `pointer`, or None when nothing does."""
    for step in pointer:
        if isinstance(node, dict):
            node = node.get(step)
        elif isinstance(node, list) and step.isdecimal() and int(step[:6]) < len(node):
            node = node[int(step[:6])]
        else:
            return None
    return node


def is_empty(raw: Any) -> bool:
    """Whether that is no answer: null, blank text, an empty list or object. Zero and false are answers."""
    if isinstance(raw, str):
        return not raw or raw.isspace()
    return raw is None or (isinstance(raw, list | dict) and not raw)


def every(asks: Sequence[Ask], missing: Missing) -> list[Reply]:
    """The same reason for each ask."""
    return [missing] * len(asks)


class _Step(NamedTuple):
    """Where the answer to one ask stands. `around`: which of a reading's ways leads to the object that it stands in.

    `leaf`: its key there, none for that object itself. `rows`: the ask, where it is one for rows.
    """

    around: int
    leaf: Pointer
    rows: Ask | None


class _Reading(NamedTuple):
    """How the asks of one call are read. `ways`: to the objects they stand in, each once; mostly there is but one."""

    ways: tuple[Pointer, ...]
    steps: tuple[_Step, ...]


def _reading(asks: Sequence[Ask]) -> _Reading:
    ways: dict[Pointer, int] = {}
    steps = []
    for ask in asks:
        pointer = compile_pointer(ask.binding.attribute)
        around = ways.setdefault(pointer[:-1], len(ways))
        steps.append(_Step(around, pointer[-1:], ask if ask.item.datatype is Datatype.rows else None))
    return _Reading(tuple(ways), tuple(steps))


_readings = ByIdentity(_reading)


def replies_from(record: Mapping[str, Any], asks: Sequence[Ask], about: Record) -> Mapped:
    """One reply per ask from one record (a dict)."""
    ways, steps = _readings.of(asks)
    nodes = [look_up(record, way) for way in ways]
    replies: list[Reply] = []
    for around, leaf, rows in steps:
        node = nodes[around]
        raw: Any = node.get(leaf[0]) if leaf and type(node) is dict else look_up(node, leaf)
        if (not raw or raw.isspace()) if type(raw) is str else is_empty(raw):  # mostly text: spared the call
            replies.append(EMPTY)
        elif rows is not None:
            replies.append(rows_reply(raw, rows.columns, about))
        else:
            replies.append(Found(raw, about))
    return Mapped(replies)


def rows_reply(raw: Any, columns: Sequence[tuple[Item, Binding]], about: Record) -> Reply:
    """The reply for a repeating item: one mapping from item id to raw cell per row; absent cells are None."""
    if not isinstance(raw, list) or not all(isinstance(row, dict) for row in raw):
        return NOT_ROWS
    compiled = [(item.id, compile_pointer(binding.attribute)) for item, binding in columns]
    return Found([{item: look_up(row, pointer) for item, pointer in compiled} for row in raw], about)


_NO_TEXTS = (bool, float, dict, list)  # with `|` between, it would be made anew for each record


def about_record(record: Mapping[str, Any], echo: Pointer | None, recorded_at: Pointer | None) -> Record:
    """Whom the record says it is about, and since when.

    A source configured to repeat the identifier that does not is broken: its answer could be anybody's.
    """
    stamp = look_up(record, recorded_at) if recorded_at is not None else None
    if echo is None:
        return Record(None, stamp)
    said = look_up(record, echo)
    if is_empty(said) or isinstance(said, _NO_TEXTS):
        raise SourceBroken("the answer does not repeat whom it is about, as its `echo` says it would")
    return Record(str(said), stamp)


def compile_template(text: str, where: str) -> Callable[[Mapping[str, str]], str]:
    """A function that fills the placeholders in `text`; raises `BadConfiguration` for any other placeholder.

    >>> compile_template("/persons/{id_no}", "path")({"id_no": "X1", "id_type": "414"})
    '/persons/X1'
    """
    parts = [text]
    for name in PLACEHOLDERS:
        mark = "{" + name + "}"
        parts = [piece for part in parts for piece in _split(part, mark)]
    for part in parts:
        if part not in _MARKS and ("{" in part or "}" in part):
            known = ", ".join(_MARKS)
            raise BadConfiguration(f"{where} has a placeholder that is not known. Known: {known}")
    if len(parts) == 1 and parts[0] not in _MARKS:
        return lambda values: text
    steps = [(_MARKS.get(part), part) for part in parts]
    return lambda values: "".join([values[name] if name else part for name, part in steps])


PLACEHOLDERS = ("id_no", "id_type", "issuer")
"""What a request template may name; `issuer` is empty where nobody said the country."""

_MARKS = {"{" + name + "}": name for name in PLACEHOLDERS}


def _split(part: str, mark: str) -> list[str]:
    if part in _MARKS:
        return [part]
    pieces: list[str] = []
    for index, piece in enumerate(part.split(mark)):
        if index:
            pieces.append(mark)
        if piece:
            pieces.append(piece)
    return pieces
