"""A gateway for the demonstration city: its state directory, its published versions, its caller.

What is left in the directory is a working installation: `oncegate --state DIR` commands find everything there.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from field_registry.load import load_registry
from forms.load import load_forms
from gateway.curation import SHIPPED, Publisher
from gateway.demo.city import RunningCity
from gateway.records import CallerRole, Client
from gateway.runtime import Runtime
from gateway.security import hash_client_secret, new_client_secret
from gateway.settings import Settings, load_settings
from policies.load import load_policy

HALL = "政务服务"
"""The department of the demonstration's caller: the service hall, which renders forms for all others."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The demonstration's caller: one client that renders forms and records consents, and one that audits."""

    client_id: str
    client_secret: str
    auditor_id: str
    auditor_secret: str


def furnish(directory: Path, city: RunningCity, *, port: int) -> Settings:
    """Settings for that city, written to the directory; the database is migrated."""
    directory.mkdir(parents=True, exist_ok=True)
    _write_private(directory / "places.json", city.places)
    _write_private(directory / "secrets.json", city.secrets)
    settings = {
        "places_file": str(directory / "places.json"),
        "secrets_file": str(directory / "secrets.json"),
        "allow_private_addresses": True,
        "hall_name": "示范市政务服务中心",
        "open_statistics": True,
        "port": port,
        "public_url": f"http://127.0.0.1:{port}",
    }
    lines = (f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in settings.items())
    (directory / "settings.toml").write_text("".join(lines), encoding="utf-8")
    environ = {**os.environ, "ONCEGATE_SETTINGS_FILE": str(directory / "settings.toml")}
    loaded = load_settings(environ, state_dir=directory.resolve())
    from gateway.store.migrate import migrate

    migrate(loaded.database_url)
    return loaded


async def publish_city(runtime: Runtime) -> None:
    """Publish the shipped registry, policy and forms, and take them up."""
    publisher = Publisher(runtime.store, "demo", runtime.clock(), runtime.new_reference)
    await publisher.registry(load_registry(SHIPPED["field_registry"]).registry)
    await publisher.policy(load_policy(SHIPPED["policies"]).policy)
    for form in load_forms(SHIPPED["forms"]).forms:
        await publisher.form(form)
    await runtime.library.refresh(runtime.clock())


async def register_callers(runtime: Runtime) -> Credentials:
    """A hall client and an auditor client with new secrets; the secrets are shown once and kept only as hashes."""
    secrets = new_client_secret(), new_client_secret()
    now = runtime.clock()
    roles = (
        {CallerRole.renderer, CallerRole.consent_desk},
        {CallerRole.auditor},
    )
    for client_id, secret, held in zip(("demo-hall", "demo-auditor"), secrets, roles, strict=True):
        client = Client(
            client_id, client_id, HALL, frozenset(role.value for role in held), hash_client_secret(secret)
        )
        await runtime.store.clients.put(client, now)
    return Credentials("demo-hall", secrets[0], "demo-auditor", secrets[1])


def _write_private(path: Path, content: Mapping[str, str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(dict(content), file, ensure_ascii=False, indent=1)
