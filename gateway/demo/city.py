"""The demonstration city as a process of its own: started, given faults, stopped.

    with start_city(directory) as city:
        city.places["civil_url"], city.secrets["civil-key"], city.city.cases["minor"]
        city.fault("civil", "slow", seconds=60)

`python -m gateway.demo --dir DIR` is that process; it can also be started by hand.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from gateway.demo.departments.spelling import SHANGHAI
from gateway.demo.errors import CityNotStarted, NoSuchFault
from gateway.demo.population import make_city
from gateway.demo.records import City

DEFAULT_SEED = 20260701
READY_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class RunningCity:
    """A city whose registers answer.

    `places`: what the registry's `${...}` stand for. `secrets`: by the names the registry uses; new in every run.
    `city`: the population, for whoever wants to know what the registers should say. `citizens_url`: the issuer at
    which a visitor logs in as anybody of it.
    """

    places: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    control_url: str
    city: City = field(repr=False)
    process: subprocess.Popen[bytes] = field(repr=False)
    citizens_url: str

    def fault(self, source: str, kind: str, seconds: float = 60.0) -> None:
        """Give a register a fault ("none" ends it). Raises `NoSuchFault`. Blocks for some milliseconds."""
        status, answer = self._control(
            "POST", "/faults", {"source": source, "fault": kind, "seconds": seconds}
        )
        if status != 200:
            raise NoSuchFault(answer["error"])

    def calls(self, source: str) -> int:
        """How many look-ups reached that HTTP register since the start."""
        return int(self._control("GET", "/")[1][source]["calls"])

    def stop(self) -> None:
        """End the process and wait for it; twice is harmless."""
        _end(self.process)

    def __enter__(self) -> "RunningCity":
        """The city itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()

    def _control(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        # http.client and not a client library: no proxy of the environment may come between us and the loopback
        connection = HTTPConnection(urlsplit(self.control_url).netloc, timeout=10)
        try:
            connection.request(method, path, json.dumps(body), {"content-type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


def start_city(directory: Path | str, seed: int = DEFAULT_SEED, today: date | None = None) -> RunningCity:
    """A running city with its files in `directory`; blocks until it is ready, as a rule for one second.

    `today`: the day the city is at, the current one by default. Raises `CityNotStarted`.
    """
    directory, today = Path(directory).resolve(), today or this_day()
    directory.mkdir(parents=True, exist_ok=True)
    report = directory / "city.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "gateway.demo", "--dir", str(directory), "--seed", str(seed)]
    command += ["--today", today.isoformat(), "--port-file", str(report), "--until-eof"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 -- our own interpreter and arguments
    try:
        city = make_city(seed, today)
        ready = _await(report, process)
    except BaseException:
        _end(process)
        raise
    said = ready["places"], ready["secrets"], ready["control_url"]
    return RunningCity(*said, city, process, ready["citizens_url"])


def this_day() -> date:
    """The current day where the city is."""
    return datetime.now(SHANGHAI).date()


def _await(report: Path, process: "subprocess.Popen[bytes]") -> Any:
    """What the process reports when it is ready."""
    until = time.monotonic() + READY_SECONDS
    while not report.exists():
        if process.poll() is not None:
            raise CityNotStarted(
                f"the city's process ended with status {process.returncode}; see its messages above"
            )
        if time.monotonic() > until:
            raise CityNotStarted(f"the city was not ready within {READY_SECONDS:g} seconds")
        time.sleep(0.01)
    return json.loads(report.read_text(encoding="utf-8"))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask the process to leave, insist after five seconds, and wait until it is gone."""
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
