"""The shipped registry against the running city: every source is asked through its own connector.

What `field_registry/data` says of a register and what `gateway/demo` makes it answer are written apart; here they meet.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

import field_registry
import forms
from connectors.protocol import Connector, Environment, Found, Reply
from connectors.registry import build_connector
from field_registry import Ask, Missing, OutcomeCode, Registry, Source, Subject
from field_registry.errors import NotNormal
from field_registry.identifiers import same_identifier, subject_from
from field_registry.load import load_registry
from field_registry.normalise import apply_transform, normaliser_for
from forms.load import load_forms
from gateway.demo import RunningCity, start_city
from gateway.demo.identifiers import credit_code
from gateway.demo.subjects import PLAIN, typical_subjects

REGISTRY = load_registry(Path(field_registry.__file__).parent / "data").registry
FORMS = load_forms(Path(forms.__file__).parent / "data").forms
REGISTERS = [source.id for source in REGISTRY.sources.values() if source.connector != "profile"]
"""Those that a city runs; the record of what people typed is the service's own."""
UNKNOWN = {
    "uscc": {"kind": "organisation", "uscc": credit_code("91", "350582", 999_999)},
    "plate": {"kind": "vehicle", "plate_number": "闽A00000"},
    "project_code": {"kind": "project", "project_code": "2001-350582-04-01-000001"},
    "111": {"kind": "person", "id_type": "111", "id_no": "110102199101010078"},
    "117": {"kind": "person", "id_type": "117", "id_no": "T000000000"},
    "414": {"kind": "person", "id_type": "414", "id_no": "Z00000000"},
    "511": {"kind": "person", "id_type": "511", "id_no": "00000000"},
}


Connect = Callable[[str], Connector]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCity]:
    """One city for all tests of this module."""
    with start_city(tmp_path_factory.mktemp("city")) as city:
        yield city


@pytest.fixture
async def connect(running: RunningCity) -> AsyncIterator[Connect]:
    """Source id → its connector, built as the shipped registry configures it."""
    environment = Environment(
        secrets=dict(running.secrets),
        clock=lambda: datetime.now(UTC),
        places=dict(running.places),
        allow_private_addresses=True,
    )
    built: list[Connector] = []

    def build(source: str) -> Connector:
        built.append(build_connector(REGISTRY.sources[source], environment))
        return built[-1]

    yield build
    for connector in built:
        await connector.close()


def asks_of(source: str, subject: Subject, registry: Registry = REGISTRY) -> list[Ask]:
    """Every item bound to the source, rows with all their columns."""
    bound = [(registry.items[b.item], b) for b in registry.bindings if b.source == source]
    return [
        Ask(item, binding, "applicant", tuple(pair for pair in bound if pair[0].within == item.id))
        for item, binding in bound
        if item.within is None
    ]


def holds(source: Source, subject: Subject) -> bool:
    """Whether that source can be asked about the subject at all."""
    return subject.kind in source.kinds and subject.id_type in source.id_types


async def fetch(connector: Connector, source: str, subject: Subject) -> Sequence[tuple[Ask, Reply]]:
    """Everything that source is bound for, about one subject."""
    asks = asks_of(source, subject)
    deadline = asyncio.get_running_loop().time() + 10
    return list(zip(asks, await connector.fetch(subject, asks, deadline), strict=True))


def known_subjects(running: RunningCity) -> list[Subject]:
    """Whom the shipped forms are shown with: two plain casts of each, and every edge case."""
    casts = [typical_subjects(running.city, form) for form in FORMS]
    chosen = [cast for each in casts for cast in (*each[:2], *each[PLAIN:])]
    return list(dict.fromkeys(subject_from(who) for cast in chosen for who in cast.values()))


def number_of(running: RunningCity, case: str) -> str:
    """The identifier of the person of an edge case."""
    return running.city.cases[case].subject["id_no"]


def normalise(ask: Ask, raw: object) -> object:
    """The value as the gateway would normalise it."""
    normaliser = normaliser_for(ask.item, REGISTRY.code_lists.get(ask.item.code_list or ""))
    return normaliser(apply_transform(raw, ask.binding.transform))


async def test_every_source_is_healthy(connect: Connect) -> None:
    """The connector built from the shipped configuration reaches its register."""
    for source in REGISTERS:
        health = await connect(source).health()
        assert health.ok, f"{source}: {health.detail}"


@pytest.mark.parametrize("source", REGISTERS)
async def test_a_source_fills_what_is_bound_to_it(
    source: str, running: RunningCity, connect: Connect
) -> None:
    """Over the people of the forms, nearly every bound item is found at least once, about the asked subject, normal."""
    found: Counter[str] = Counter()
    connector = connect(source)
    for subject in (each for each in known_subjects(running) if holds(REGISTRY.sources[source], each)):
        for ask, reply in await fetch(connector, source, subject):
            found[ask.item.id] += isinstance(reply, Found)
            if isinstance(reply, Missing) or subject.id_no == number_of(running, "wrong_subject"):
                continue
            assert same_identifier(subject.id_type, subject.id_no, reply.record.echo or "")
            assert reply.record.recorded_at is not None
            if subject.id_no != number_of(running, "invalid_value"):
                assert ask.columns or normalise(ask, reply.raw) is not None

    never = {item for item, count in found.items() if not count}
    assert len(never) <= 2, f"never found: {sorted(never)}"


async def test_an_invalid_birthday_is_not_normal(running: RunningCity, connect: Connect) -> None:
    """The day that never was arrives as the register holds it, and its normaliser refuses it."""
    subject = subject_from(running.city.cases["invalid_value"].subject)

    replies = await fetch(connect("civil"), "civil", subject)

    ask, reply = next(pair for pair in replies if pair[0].item.id == "person.birth_date")
    assert isinstance(reply, Found)
    with pytest.raises(NotNormal):
        normalise(ask, reply.raw)


@pytest.mark.parametrize("source", REGISTERS)
async def test_a_source_does_not_know_the_unknown(source: str, connect: Connect) -> None:
    """A subject the city has not, of every kind it holds, is `not_found` for every item."""
    connector = connect(source)
    for subject in map(subject_from, UNKNOWN.values()):
        if holds(REGISTRY.sources[source], subject):
            replies = await fetch(connector, source, subject)
            assert {reply.reason for _, reply in replies if isinstance(reply, Missing)} == {
                OutcomeCode.not_found
            }
            assert not any(isinstance(reply, Found) for _, reply in replies)


@pytest.mark.parametrize(
    ("case", "source", "reason"),
    [
        ("no_record", "civil", OutcomeCode.not_found),
        ("ambiguous", "medical", OutcomeCode.identity_ambiguous),
        ("two_permits", "food-permits", OutcomeCode.identity_ambiguous),
        ("uninsured", "vehicle-insurance", OutcomeCode.not_found),
    ],
)
async def test_edge_cases_come_out_with_their_reason(
    case: str, source: str, reason: OutcomeCode, running: RunningCity, connect: Connect
) -> None:
    """A record that is missing or there twice is said so, through the connector."""
    subject = subject_from(running.city.cases[case].subject)

    replies = await fetch(connect(source), source, subject)

    assert {reply.reason for _, reply in replies if isinstance(reply, Missing)} == {reason}


async def test_somebody_elses_record_does_not_echo_the_asked(running: RunningCity, connect: Connect) -> None:
    """The register that answers about another person is found out by its echo."""
    subject = subject_from(running.city.cases["wrong_subject"].subject)

    replies = await fetch(connect("social-insurance"), "social-insurance", subject)

    echoes = {reply.record.echo for _, reply in replies if isinstance(reply, Found)}
    assert echoes
    assert not any(same_identifier(subject.id_type, subject.id_no, echo or "") for echo in echoes)


async def test_pages_are_put_together(running: RunningCity, connect: Connect) -> None:
    """All shareholders of the enterprise with the most of them arrive, over several pages."""
    subject = subject_from(running.city.cases["many_shareholders"].subject)

    replies = await fetch(connect("enterprise"), "enterprise", subject)

    rows = next(r.raw for a, r in replies if a.item.id == "org.shareholders" and isinstance(r, Found))
    assert isinstance(rows, list)
    assert len(rows) == len(running.city.enterprises[subject.id_no].shareholders) > 10
