"""A thousand values that would give somebody away, and not one of them in clear in what the service leaves behind.

The service runs as an operator would run it, over SQLite with a real Valkey beside it. The values come in by every door:
identifiers and answers in requests, officers, cases and witnesses, reasons, and whatever the registers tell.
"""

import json
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import redis
from joserfc import jws
from joserfc.jwk import OKPKey

from tests.e2e.conftest import Hall, _furnished

FORM, PEOPLE = "medical-insurance", 110
PULLED = ("name", "phone", "address", "hukou_address", "bank_account")


@dataclass
class Seeded:
    """What was put in, by kind, and what every refusal said."""

    canaries: dict[str, list[str]] = field(default_factory=dict, repr=False)
    refusals: list[bytes] = field(default_factory=list, repr=False)

    def add(self, **values: str) -> None:
        """One value of each kind."""
        for kind, value in values.items():
            self.canaries.setdefault(kind, []).append(value)

    @property
    def all(self) -> set[str]:
        """Every different one."""
        return {value for values in self.canaries.values() for value in values}


@pytest.fixture(scope="module")
def valkey(valkey_server_url: str) -> Iterator[redis.Redis]:
    """A client on the cache that the gateway uses."""
    with closing(redis.Redis.from_url(valkey_server_url)) as client:
        yield client


@pytest.fixture(scope="module")
def valkey_server_url(_valkey_url: str) -> str:
    """A database of its own on the test server."""
    return f"{_valkey_url.rstrip('/').removesuffix('/0')}/7"


@pytest.fixture(scope="module")
def cached_hall(running_city: Any, valkey_server_url: str, tmp_path_factory: Any) -> Iterator[Hall]:
    """The hall at a gateway of its own, with a cache beside it."""
    directory = tmp_path_factory.mktemp("canaries")
    served = _furnished(directory, running_city, None)
    with (directory / "settings.toml").open("a", encoding="utf-8") as file:
        file.write(f'cache_url = "{valkey_server_url}"\n')
    served.start()
    try:
        with closing(Hall(served, running_city)) as hall:
            yield hall
    finally:
        served.stop()


@pytest.fixture(scope="module")
def seeded(cached_hall: Hall) -> Seeded:
    """The canaries, once everything was done with them: agreed, filled in, withdrawn, refused."""
    seeds, form = Seeded(), cached_hall.form(FORM)
    city = cached_hall.city.city
    adults = (person for person in city.persons.values() if city.today.year - int(person.id_no[6:10]) > 18)
    persons = list(islice(adults, PEOPLE))
    for person in persons:
        _use(cached_hall, form, person.id_no, seeds)
    for person in persons[:20]:
        _misuse(cached_hall, form, person, seeds)
    for person in persons[:3]:
        _prove(cached_hall, f"{person.id_no}-{person.phone}")
    return seeds


def _use(hall: Hall, form: Mapping[str, Any], id_no: str, seeds: Seeded) -> None:
    """One person agrees, has a form filled in from the registers, and takes it back."""
    mark, subject = secrets.token_hex(6), {"kind": "person", "id_type": "111", "id_no": id_no}
    case, actor, answer = f"case-{mark}", f"officer-{mark}", f"answer-{mark}"
    witness, reason = f"witness-{mark}", f"because-{mark}"
    evidence = {"method": "signature_pad", "witness": witness}
    consent = hall.agree(form, "applicant", subject, case=case, evidence=evidence)
    told = hall.resolve(
        form,
        {"applicant": subject},
        [consent],
        case=case,
        actor={"kind": "clerk", "id": actor},
        answers={"start_month": answer},
    )
    moved = hall.post(f"/v1/consents/{consent}/withdraw", {"actor": "applicant", "reason": reason})
    assert moved.status_code == 200, moved.text
    seeds.add(number=id_no, case=case, actor=actor, answer=answer, witness=witness, reason=reason)
    pulled = {path: told["fields"][path]["value"] for path in PULLED}
    seeds.add(**{path: value for path, value in pulled.items() if value is not None})


def _prove(hall: Hall, number: str) -> None:
    """A token bound to a key (RFC 9449): the proof's own number is what the cache remembers."""
    key, given = OKPKey.generate_key("Ed25519"), hall.gateway.credentials
    header = {"alg": "Ed25519", "typ": "dpop+jwt", "jwk": key.as_dict(private=False)}
    claims = {"jti": number, "htm": "POST", "htu": f"{hall.gateway.url}/oauth/token", "iat": int(time.time())}
    answer = None
    for _ in range(2):  # the second time with the nonce that the first one was answered with
        proof = jws.serialize_compact(header, json.dumps(claims), key, algorithms=["Ed25519"])
        answer = hall.http.post(
            "/oauth/token",
            auth=(given.client_id, given.client_secret),
            data={"grant_type": "client_credentials"},
            headers={"dpop": proof},
        )
        claims["nonce"] = answer.headers.get("dpop-nonce", "")
    assert answer is not None
    assert answer.status_code in {200, 400}, answer.text


def _misuse(hall: Hall, form: Mapping[str, Any], person: Any, seeds: Seeded) -> None:
    """The same values where they do not belong: in every part of a request that is refused."""
    subject = {"kind": "person", "id_type": "111", "id_no": person.id_no}
    good = hall.request(form, {"applicant": subject}, [])
    bad = hall.consent_body(form, "applicant", subject)
    answers = [
        hall.post("/v1/resolutions", {**good, "form": {"id": person.name}}),
        hall.post("/v1/resolutions", {**good, person.phone: person.name}),
        hall.post("/v1/resolutions", {**good, "patience_ms": person.home.text}),
        hall.post("/v1/consents", {**bad, "subject": {**subject, "id_no": person.id_no[:-1]}}),
        hall.post("/v1/consents", {**bad, "purpose": person.name, "form": person.phone}),
        hall.post("/v1/consents", {**bad, "items": [{"item": person.hukou.text, "permit": True}]}),
        hall.post("/v1/consents", bad, Idempotency_Key=person.name.encode().hex() * 60),
        hall.get(f"/v1/consents/{person.name}"),
        hall.get(f"/v1/resolutions/{person.id_no}"),
        hall.get("/v1/items", cursor=person.name, limit=person.phone),
        hall.http.get("/v1/items", headers={"authorization": f"Bearer {person.id_no}"}),
        hall.http.post("/v1/resolutions", content=f"{{{person.id_no}", headers=hall.bearer()),
    ]
    seeds.refusals += [
        each.content + str(dict(each.headers)).encode() for each in answers if each.status_code >= 400
    ]


def found_in(content: bytes, canaries: Iterable[str]) -> list[int]:
    """Numbers of those that stand there: a failing test must not print whom it found. As text, and as JSON has it."""
    spelt = ((value.encode(), value.encode("unicode_escape")) for value in canaries)
    return [number for number, forms in enumerate(spelt) if any(form in content for form in forms)]


def test_a_thousand_values_were_seeded(seeded: Seeded) -> None:
    """Six kinds that were sent, and five that the registers told."""
    assert len(seeded.all) >= 1000
    assert len(seeded.canaries) == 11
    assert all(len(seeded.canaries[path]) >= PEOPLE // 3 for path in PULLED)
    assert len(seeded.refusals) >= 200


def test_none_stands_in_the_database_or_its_write_ahead_log(cached_hall: Hall, seeded: Seeded) -> None:
    """Sealed, indexed blindly, or not kept: the files themselves are searched."""
    url = Path(cached_hall.gateway.settings.state_dir)
    files = {file.name: file.read_bytes() for file in url.glob("oncegate.db*")}

    assert {"oncegate.db", "oncegate.db-wal"} <= set(files)
    assert b"demo-hall" in b"".join(files.values())  # a search that finds what is there
    assert {name: number for name in files for number in found_in(files[name], seeded.all)} == {}


def test_none_stands_in_the_log_or_the_metrics(cached_hall: Hall, seeded: Seeded) -> None:
    """At the level that tells the most."""
    logged = cached_hall.gateway.logged().encode()
    metrics = cached_hall.http.get("/metrics").content

    assert len(logged) > 100
    assert b"oncegate_resolutions_total" in metrics
    assert found_in(logged, seeded.all) == found_in(metrics, seeded.all) == []


def test_none_stands_in_a_refusal(seeded: Seeded) -> None:
    """What is wrong is said without repeating it, in bodies and in headers."""
    assert found_in(b"\n".join(seeded.refusals), seeded.all) == []


def test_none_stands_in_the_log_that_auditors_read(cached_hall: Hall, seeded: Seeded) -> None:
    """Leaves hold references, codes and times."""
    leaves = str(cached_hall.entries()).encode()

    assert len(leaves) > 100_000
    assert found_in(leaves, seeded.all) == []


def test_none_stands_in_valkey(cached_hall: Hall, seeded: Seeded, valkey: redis.Redis) -> None:
    """Neither in its dump on disk nor in any key; and it was used."""
    assert valkey.dbsize() > 0
    valkey.config_set("rdbcompression", "no")
    valkey.save()
    place = Path(valkey.config_get("dir")["dir"]) / valkey.config_get("dbfilename")["dbfilename"]
    dump = place.read_bytes()

    assert all(key in dump for key in valkey.scan_iter(count=1000))
    assert found_in(dump, seeded.all) == []
