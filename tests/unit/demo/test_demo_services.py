"""The registers as they run: shapes over real connections, refusals, faults, and nothing left behind."""

import hashlib
import hmac
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import psutil
import pytest

from gateway.demo import RunningCity, start_city
from gateway.demo.departments import DATABASES, HTTP_SERVICES
from gateway.demo.errors import CityNotStarted, NoSuchFault
from gateway.demo.faults import FaultKind

Ask = Callable[..., httpx.Response]


@pytest.fixture
def number(running: RunningCity) -> str:
    """The first inhabitant."""
    return next(iter(running.city.persons))


@pytest.fixture
def healed(running: RunningCity) -> Iterator[RunningCity]:
    """The running city; whatever a test does to it ends with the test."""
    yield running
    for source in ("civil", "marriage", "school", "birth"):
        running.fault(source, "none")


@pytest.mark.parametrize("service", HTTP_SERVICES, ids=[each.source for each in HTTP_SERVICES])
def test_every_service_is_healthy_without_a_key(
    service: object, running: RunningCity, client: httpx.Client
) -> None:
    """GET /health answers 200 to anybody."""
    place: str = service.place  # type: ignore[attr-defined]

    assert client.get(f"{running.places[place]}/health").status_code == 200


@pytest.mark.parametrize("service", HTTP_SERVICES, ids=[each.source for each in HTTP_SERVICES])
def test_no_service_answers_without_its_key(
    service: object, running: RunningCity, client: httpx.Client
) -> None:
    """Without a key a register refuses in its own way: 401, or a business code of its own."""
    path = service.path  # type: ignore[attr-defined]
    for name in ("{number}", "{plate}", "{id_type}"):
        path = path.replace(name, "x")

    answer = client.request(service.method, running.places[service.place] + path)  # type: ignore[attr-defined]

    assert (answer.status_code, answer.json()) == service.refused  # type: ignore[attr-defined]


def test_the_right_key_finds_a_person(ask_civil: Ask, running: RunningCity, number: str) -> None:
    """The population register answers in its shape: code 0, pinyin keys, compact dates."""
    body = ask_civil(number).json()

    assert body["code"] == 0
    assert body["data"]["gmsfhm"] == number
    assert body["data"]["xm"] == running.city.persons[number].name
    assert body["data"]["csrq"] == number[6:14]


def test_the_unknown_are_not_found(ask_civil: Ask, running: RunningCity) -> None:
    """A number nobody has, and one the register has no record of, get code 404."""
    assert ask_civil("110101199001011234").json()["code"] == 404
    assert ask_civil(running.city.cases["no_record"].subject["id_no"]).json()["code"] == 404


def test_a_wrong_key_is_refused(ask_civil: Ask, number: str) -> None:
    """The population register refuses with its business code and no data."""
    assert ask_civil(number, key="wrong").json() == {"code": 403, "msg": "无访问权限", "data": None}


def signed(secret: str, *, stamp: float, nonce: str, **query: str) -> str:
    """A query with its signature."""
    pairs = {**query, "appid": "oncegate-demo", "ts": str(int(stamp)), "nonce": nonce}
    text = "&".join(sorted(urlencode([pair]) for pair in pairs.items()))
    return urlencode({**pairs, "sign": hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()})


def test_a_signed_query_counts_once_and_now(running: RunningCity, client: httpx.Client, number: str) -> None:
    """Social insurance answers a fresh signature once; a replay, an old one and a forged one are refused."""
    url, secret = f"{running.places['social_url']}/si/query", running.secrets["social-key"]
    fresh = signed(secret, stamp=time.time(), nonce="n1", idType="111", idNo=number)
    old = signed(secret, stamp=time.time() - 4000, nonce="n2", idType="111", idNo=number)
    forged = signed("guessed", stamp=time.time(), nonce="n3", idType="111", idNo=number)

    codes = [client.get(f"{url}?{query}").json()["rc"] for query in (fresh, fresh, old, forged)]

    assert codes == ["0000", "4003", "4003", "4003"]


def test_a_plate_is_found_by_its_encoded_path(running: RunningCity, client: httpx.Client) -> None:
    """A Chinese plate in a path is answered without an envelope; an unknown one is HTTP 404."""
    headers = {"Authorization": f"Bearer {running.secrets['vehicle-token']}"}
    url, plate = f"{running.places['vehicle_url']}/v2/motor-vehicles", next(iter(running.city.vehicles))

    assert client.get(f"{url}/{plate}", headers=headers).json()["hphm"] == plate
    assert client.get(f"{url}/闽A00000", headers=headers).status_code == 404


def test_a_body_that_is_no_json_finds_nobody(running: RunningCity, client: httpx.Client) -> None:
    """Residence permits answer a broken body as they answer an unknown person."""
    headers = {"Authorization": f"Bearer {running.secrets['residence-token']}"}

    answer = client.post(f"{running.places['residence_url']}/api/query", headers=headers, content=b"{oops")

    assert answer.json()["status"] == "NO_DATA"


@pytest.mark.parametrize(
    ("fault", "status", "is_json"),
    [
        ("html", 200, False),
        ("error", 500, True),
        ("garbage", 200, False),
        ("nan", 200, True),
        ("duplicate", 200, True),
    ],
)
def test_faults_change_what_is_answered(
    fault: str, status: int, is_json: bool, healed: RunningCity, ask_civil: Ask, number: str
) -> None:
    """Each fault goes out as real bytes, and "none" ends it."""
    right = ask_civil(number)
    healed.fault("civil", fault)

    spoiled = ask_civil(number)

    assert spoiled.status_code == status
    assert spoiled.content != right.content
    if not is_json:
        with pytest.raises(ValueError):
            spoiled.json()
    healed.fault("civil", "none")
    assert ask_civil(number).content == right.content


def test_duplicate_keys_and_nan_are_in_the_bytes(healed: RunningCity, ask_civil: Ask, number: str) -> None:
    """The two faults that forgiving parsers do not see are really there."""
    healed.fault("civil", "duplicate")
    assert ask_civil(number).content.count(b'"code"') == 2
    healed.fault("civil", "nan")
    assert b"NaN" in ask_civil(number).content


def test_a_slow_service_is_late_and_right(healed: RunningCity, ask_civil: Ask, number: str) -> None:
    """`slow` costs its seconds and changes nothing else."""
    healed.fault("civil", "slow", seconds=0.3)
    begun = time.monotonic()

    answer = ask_civil(number)

    assert time.monotonic() - begun >= 0.3
    assert answer.json()["code"] == 0


def test_a_service_that_is_down_refuses_connections_and_comes_back(
    healed: RunningCity, ask_civil: Ask, number: str
) -> None:
    """`down` closes the socket; `none` opens it again at the same address."""
    healed.fault("civil", "down")
    healed.fault("civil", "down")
    with pytest.raises(httpx.ConnectError):
        ask_civil(number)

    healed.fault("civil", "none")

    assert ask_civil(number).json()["code"] == 0


def test_an_answer_about_somebody_else(healed: RunningCity, ask_civil: Ask, number: str) -> None:
    """`wrong_subject` answers with a real record of another person, by every kind of look-up."""
    healed.fault("civil", "wrong_subject")
    assert ask_civil(number).json()["data"]["gmsfhm"] not in ("", number)


def test_huge_and_dripping_answers(healed: RunningCity, client: httpx.Client, number: str) -> None:
    """`huge` sends far more than a record; `drip` sends byte after byte for its seconds."""
    url, headers = (
        f"{healed.places['civil_url']}/persons/{number}",
        {"X-Api-Key": healed.secrets["civil-key"]},
    )
    healed.fault("civil", "huge")
    with client.stream("GET", url, headers=headers) as answer:
        size = 0
        for chunk in answer.iter_raw():
            size += len(chunk)
            if size > 2_000_000:
                break
    assert size > 2_000_000
    healed.fault("civil", "drip", seconds=0.5)
    begun = time.monotonic()
    assert client.get(url, headers=headers).json() == {}
    assert time.monotonic() - begun >= 0.3


def test_databases_can_be_locked_and_taken_away(healed: RunningCity) -> None:
    """A database answers; locked, it makes readers wait; taken away, its queries fail; healed, it answers again."""
    path = healed.places["marriage_db"].removeprefix("sqlite:///")

    def count() -> int:
        connection = sqlite3.connect(path, timeout=0.05)
        try:
            return int(connection.execute("SELECT count(*) FROM hydj").fetchone()[0])
        finally:
            connection.close()

    whole = count()
    assert whole > 50
    healed.fault("marriage", "slow", seconds=30)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        count()
    healed.fault("marriage", "down")
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        count()
    healed.fault("marriage", "none")
    assert count() == whole


def test_a_drop_can_be_missing_and_spoiled(healed: RunningCity) -> None:
    """A file drop disappears, turns to garbage, and comes back as it was."""
    path = Path(healed.places["school_drop"])
    right = path.read_bytes()

    healed.fault("school", "down")
    assert not path.exists()
    healed.fault("school", "garbage")
    assert path.read_bytes() != right
    healed.fault("school", "none")
    assert path.read_bytes() == right


@pytest.mark.parametrize(
    ("source", "fault"), [("nowhere", "slow"), ("civil", "tired"), ("marriage", "html"), ("school", "slow")]
)
def test_impossible_faults_are_refused_with_a_sentence(source: str, fault: str, running: RunningCity) -> None:
    """A fault a register cannot have, or a register there is none of, raises and names what is possible."""
    with pytest.raises(NoSuchFault, match=r"faults:|can have:|Known:"):
        running.fault(source, fault)


def test_calls_are_counted(running: RunningCity, ask_civil: Ask, number: str) -> None:
    """Every look-up counts once; health checks do not."""
    before = running.calls("civil")
    httpx.get(f"{running.places['civil_url']}/health", trust_env=False)

    ask_civil(number)

    assert running.calls("civil") == before + 1


def test_the_report_is_for_its_owner_alone(running: RunningCity) -> None:
    """The file that holds the secrets can be read by nobody else, and the secrets are in no repr."""
    report = Path(running.places["school_drop"]).with_name("city.json")

    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert json.loads(report.read_text())["secrets"] == running.secrets
    assert running.secrets["civil-key"] not in repr(running)


def test_all_faults_have_a_name_in_the_readme() -> None:
    """What can be done to a register is written where people look."""
    readme = (Path(sys.modules["gateway.demo"].__file__ or "").parent / "README.md").read_text("utf-8")

    assert all(f"`{kind}`" in readme for kind in FaultKind)
    assert all(f"`{each.source}`" in readme for each in (*HTTP_SERVICES, *DATABASES))


def test_the_city_is_up_soon_stays_small_and_leaves(tmp_path: Path) -> None:
    """Ready within seconds even on a busy machine, under 100 MB, gone after `stop`, twice if asked."""
    begun = time.monotonic()
    city = start_city(tmp_path, seed=1)
    process = psutil.Process(city.process.pid)

    assert time.monotonic() - begun < 10
    assert process.memory_info().rss < 100_000_000
    city.stop()
    city.stop()
    assert city.process.returncode is not None
    assert not process.is_running()


def test_sigterm_ends_it(tmp_path: Path) -> None:
    """SIGTERM is a clean end."""
    with start_city(tmp_path) as city:
        os.kill(city.process.pid, signal.SIGTERM)

        assert city.process.wait(timeout=5) == 0


def test_the_city_dies_with_its_parent(tmp_path: Path) -> None:
    """A parent that is killed, and so cleans up nothing, leaves no city behind."""
    code = (
        "import sys, time; from gateway.demo import start_city\n"
        f"print(start_city({str(tmp_path)!r}).process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))

    parent.kill()
    parent.wait()
    parent.stdout.close()

    psutil.wait_procs([child], timeout=5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_city_that_cannot_start_says_so(tmp_path: Path) -> None:
    """A directory that cannot be written is an error of its own, with no process left."""
    (tmp_path / "marriage.sqlite").mkdir()

    with pytest.raises(CityNotStarted, match="ended with status"):
        start_city(tmp_path)
