"""Settings: where they are read from, how faults are told, and what production refuses."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import BadSettings, UnsafeSettings
from gateway.settings import (
    Environment,
    Settings,
    load_places,
    load_secrets,
    load_settings,
    require_safe,
    settings_table,
    unknown_variables,
    unsafe_settings,
)


@pytest.fixture
def safe(tmp_path: Path) -> dict[str, Any]:
    """What a production installation sets, complete and safe."""
    root_key = tmp_path / "root.key"
    root_key.touch(mode=0o600)
    return {
        "environment": "production",
        "state_dir": tmp_path,
        "database_url": "postgresql+psycopg://db/oncegate?sslmode=verify-full",
        "cache_url": "rediss://cache",
        "issuer": "https://gate.example.gov.cn",
        "public_url": "https://gate.example.gov.cn",
        "workers": 2,
    }


def write_json(path: Path, content: object, mode: int = 0o600) -> Path:
    """That file, with those permissions whatever the umask."""
    path.write_text(json.dumps(content), encoding="utf-8")
    path.chmod(mode)
    return path


# --- reading


def test_a_constructor_reads_nothing_from_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Settings()` is the same on every machine, whatever its environment says."""
    monkeypatch.setenv("ONCEGATE_PORT", "9")

    assert Settings().port == 8000


def test_the_environment_sets(tmp_path: Path) -> None:
    """Every kind of value can be written in a variable: text, number, path, JSON, duration."""
    settings = load_settings(
        {
            "ONCEGATE_PORT": "9000",
            "ONCEGATE_STATE_DIR": str(tmp_path),
            "ONCEGATE_ALLOWED_NETWORKS": '["10.0.0.0/8"]',
            "ONCEGATE_PLACES": '{"civil_url": "https://civil"}',
            "ONCEGATE_RESOLUTION_VALID_FOR": "PT1H",
            "PATH": "/bin",
        }
    )

    assert (settings.port, settings.state_dir) == (9000, tmp_path)
    assert settings.allowed_networks == ("10.0.0.0/8",)
    assert settings.places == {"civil_url": "https://civil"}
    assert settings.resolution_valid_for == timedelta(hours=1)


def test_arguments_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    """Each of the four places gives way to the one before it."""
    file = tmp_path / "oncegate.toml"
    file.write_text('port = 1\nworkers = 2\nhost = "::1"\n', encoding="utf-8")
    environ = {"ONCEGATE_SETTINGS_FILE": str(file), "ONCEGATE_PORT": "3", "ONCEGATE_WORKERS": "4"}

    settings = load_settings(environ, port=5)

    assert (settings.port, settings.workers, settings.host, settings.max_json_depth) == (5, 4, "::1", 32)


def test_an_empty_variable_sets_nothing() -> None:
    """`ONCEGATE_CACHE_URL=` in a unit file means the default, not an empty address."""
    assert load_settings({"ONCEGATE_CACHE_URL": ""}).cache_url is None


def test_paths_follow_the_state_directory(tmp_path: Path) -> None:
    """One setting moves the embedded database and the keys together."""
    settings = Settings(state_dir=tmp_path)

    assert settings.database_url == f"sqlite:///{tmp_path}/oncegate.db"
    assert settings.root_key_file == tmp_path / "root.key"
    assert settings.is_sqlite


def test_the_environment_decides_what_development_tolerates() -> None:
    """Secrets and open metrics are on in development, off in production, unless said otherwise."""
    development, production = Settings(), Settings(environment=Environment.production)

    assert (development.client_secret_basic, development.metrics_role_required) == (True, False)
    assert (production.client_secret_basic, production.metrics_role_required) == (False, True)
    assert (development.log_json, production.log_json) == (False, True)


def test_the_token_endpoint_stands_under_the_public_address() -> None:
    """A trailing slash in the address does not double."""
    assert Settings(public_url="https://gate/").token_endpoint == "https://gate/oauth/token"


# --- faults


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ONCEGATE_PORT", "hunter2"),
        ("ONCEGATE_PORT", "70000"),
        ("ONCEGATE_TOKEN_SECONDS", "301"),
        ("ONCEGATE_PATIENCE_DEFAULT_MS", "0"),
        ("ONCEGATE_ENVIRONMENT", "hunter2"),
        ("ONCEGATE_CACHE_URL", "http://hunter2"),
        ("ONCEGATE_PUBLIC_URL", "hunter2"),
        ("ONCEGATE_ALLOWED_NETWORKS", '["hunter2"]'),
        ("ONCEGATE_PLACES", '{"hunter2'),
        ("ONCEGATE_RESOLUTION_VALID_FOR", "PT0S"),
        ("ONCEGATE_RESOLUTION_VALID_FOR", "PT24H1S"),
        ("ONCEGATE_CONSENT_LONGEST", "P1097D"),
        ("ONCEGATE_PATIENCE_MAX_MS", "50001"),
    ],
)
def test_a_fault_names_the_setting_and_never_the_value(variable: str, value: str) -> None:
    """What cannot be read is told by name: the value may be a password in the wrong place."""
    with pytest.raises(BadSettings) as caught:
        load_settings({variable: value})

    (fault,) = caught.value.faults
    assert variable.removeprefix("ONCEGATE_").lower() in fault
    assert "hunter2" not in str(caught.value)


def test_every_fault_is_told_at_once() -> None:
    """An operator corrects a file once, not once per line."""
    with pytest.raises(BadSettings) as caught:
        load_settings({"ONCEGATE_PORT": "x", "ONCEGATE_WORKERS": "x"})

    assert len(caught.value.faults) == 2


def test_an_unknown_name_in_the_file_is_a_fault_with_a_suggestion(tmp_path: Path) -> None:
    """A misspelled setting in the file does not silently do nothing."""
    file = tmp_path / "oncegate.toml"
    file.write_text("prot = 1\n", encoding="utf-8")

    with pytest.raises(BadSettings, match=r"prot is not a setting\. Did you mean port\?"):
        load_settings({"ONCEGATE_SETTINGS_FILE": str(file)})


@pytest.mark.parametrize(
    ("content", "says"), [(None, "cannot be read"), (b"port = = 1", "line 1"), (b"\xff\xfe", "not UTF-8")]
)
def test_a_settings_file_that_cannot_be_read_is_a_fault(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    """Missing, not TOML, not UTF-8: each is said, none starts the service on defaults."""
    file = tmp_path / "oncegate.toml"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(BadSettings, match=says):
        load_settings({"ONCEGATE_SETTINGS_FILE": str(file)})


def test_unknown_variables_are_reported() -> None:
    """A misspelled variable is named with the one that was probably meant; known and foreign ones are not."""
    environ = {
        "ONCEGATE_PROT": "1",
        "oncegate_zzz": "1",
        "ONCEGATE_PORT": "1",
        "ONCEGATE_SETTINGS_FILE": "",
        "HOME": "/",
    }

    assert unknown_variables(environ) == (
        "ONCEGATE_PROT is not a setting. Did you mean ONCEGATE_PORT?",
        "oncegate_zzz is not a setting.",
    )


def test_what_may_hold_a_password_is_not_shown() -> None:
    """Addresses of database, cache and places stay out of `repr`."""
    settings = Settings(
        database_url="postgresql+psycopg://u:hunter2@db/x",
        cache_url="redis://:hunter2@cache",
        places={"db": "mysql://u:hunter2@db"},
    )

    assert "hunter2" not in repr(settings)


# --- the files that settings name


def test_places_come_from_the_file_and_the_setting_wins(tmp_path: Path) -> None:
    """One file serves a city; one variable redirects one source."""
    file = write_json(tmp_path / "places.json", {"a": "file", "b": "file"})

    assert load_places(Settings(places_file=file, places={"b": "set"})) == {"a": "file", "b": "set"}
    assert load_places(Settings()) == {}


def test_secrets_come_from_their_file(tmp_path: Path) -> None:
    """Names to secrets; without a file there are none."""
    file = write_json(tmp_path / "secrets.json", {"tax-token": "t"})

    assert load_secrets(Settings(secrets_file=file)) == {"tax-token": "t"}
    assert load_secrets(Settings()) == {}


def test_secrets_that_others_can_read_are_refused_outside_development(tmp_path: Path) -> None:
    """A world-readable file of secrets is a leak, not an inconvenience."""
    file = write_json(tmp_path / "secrets.json", {"tax-token": "t"}, mode=0o644)

    assert load_secrets(Settings(secrets_file=file))
    with pytest.raises(BadSettings, match="chmod 600"):
        load_secrets(Settings(secrets_file=file, environment=Environment.production))


@pytest.mark.parametrize("content", ["[]", '{"a": 1}', "{"])
def test_a_file_of_another_shape_is_a_fault(tmp_path: Path, content: str) -> None:
    """One JSON object of name to text, nothing else."""
    file = tmp_path / "secrets.json"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(BadSettings, match="secrets_file"):
        load_secrets(Settings(secrets_file=file))


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    """A setting that names a file means it."""
    with pytest.raises(BadSettings, match="cannot be read"):
        load_places(Settings(places_file=tmp_path / "nowhere.json"))


# --- safety


def test_a_complete_production_installation_is_safe(safe: dict[str, Any]) -> None:
    """There is a way to set everything so that production starts."""
    settings = Settings(**safe)

    assert unsafe_settings(settings) == ()
    require_safe(settings)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"client_secret_basic": True}, "client_secret_basic is on"),
        ({"allow_private_addresses": True}, "allow_private_addresses is on"),
        ({"allowed_networks": ["0.0.0.0/0"]}, "wider than /8"),
        ({"allowed_networks": ["10.0.0.0/8", "128.0.0.0/7"]}, "128.0.0.0/7, which is wider than /8"),
        ({"allowed_networks": ["::/0"]}, "wider than /16"),
        ({"allowed_networks": ["fc00::/7"]}, "wider than /16"),
        ({"allowed_networks": ["169.254.169.0/24"]}, "clouds hand out credentials"),
        ({"allowed_networks": ["169.0.0.0/8"]}, "clouds hand out credentials"),
        ({"allowed_networks": ["100.64.0.0/10"]}, "clouds hand out credentials"),
        ({"allowed_networks": ["fe80::/64"]}, "clouds hand out credentials"),
        *(
            ({"database_url": f"postgresql+psycopg://{rest}"}, "without insisting on TLS")
            for rest in (
                "db/x",
                "db/x?sslmode=disable",
                "db/x?sslmode=allow",
                "db/x?sslmode=prefer",
                "db/x?sslmode=verify-full&sslmode=disable",
                "u:p%40w@10.0.0.5:5432/x",
                "localhost,db/x",
                "/x?host=db",
                "localhost/x?hostaddr=10.0.0.5",
                "u:[@db/x",
            )
        ),
        ({"cache_url": "redis://:pw@cache:6379/0"}, "cache_url reaches another machine without TLS"),
        ({"database_url": "sqlite:///x.db"}, "on SQLite"),
        ({"cache_url": None}, "without cache_url"),
        ({"root_key_file": "nowhere.key"}, "would be generated"),
        ({"host": "0.0.0.0"}, "without TLS"),
        ({"host": "gate.internal"}, "without TLS"),
        ({"public_url": "http://gate.example.gov.cn"}, "not https"),
        ({"issuer": "urn:oncegate:development"}, "development default"),
        ({"metrics_role_required": False}, "metrics_role_required is off"),
    ],
)
def test_production_refuses_each_unsafe_setting(
    safe: dict[str, Any], change: dict[str, Any], says: str
) -> None:
    """One unsafe setting is one sentence, and enough to keep the service from starting."""
    with pytest.raises(UnsafeSettings) as caught:
        require_safe(Settings(**safe | change))

    (sentence,) = caught.value.sentences
    assert says in sentence


@pytest.mark.parametrize("name", ["root_key_file", "secrets_file", "places_file"])
def test_production_refuses_files_that_others_can_read(
    safe: dict[str, Any], tmp_path: Path, name: str
) -> None:
    """Keys, secrets and addresses with passwords belong to their owner alone."""
    file = write_json(tmp_path / "file", {}, mode=0o640)

    (sentence,) = unsafe_settings(Settings(**safe | {name: file}))

    assert sentence.startswith(f"{name} ")
    assert "chmod 600" in sentence


@pytest.mark.parametrize(
    "change",
    [
        {"host": "0.0.0.0", "behind_tls_proxy": True},
        {"host": "localhost"},
        {"host": "::1"},
        {"workers": 1, "cache_url": None},
        {"allowed_networks": ["10.0.0.0/8", "192.168.0.0/16", "fd12::/16", "169.254.169.254/32"]},
        *(
            {"database_url": f"postgresql+psycopg://{rest}"}
            for rest in (
                "db/x?sslmode=require",
                "u:p@127.0.0.1:5432/x",
                "[::1]/x",
                "/x",
                "/x?host=/run/postgresql",
            )
        ),
        *(
            {"cache_url": url}
            for url in ("redis://localhost:6379", "redis://[::1]", "unix:///run/valkey.sock")
        ),
    ],
)
def test_production_accepts_what_is_acknowledged_or_harmless(
    safe: dict[str, Any], change: dict[str, Any]
) -> None:
    """A proxy in front, a loopback address or socket, one worker without a shared cache, networks of usual size."""
    assert unsafe_settings(Settings(**safe | change)) == ()


def test_development_starts_on_anything() -> None:
    """The defaults are unsafe on purpose, and start."""
    settings = Settings(workers=4, host="0.0.0.0")

    assert len(unsafe_settings(settings)) > 4
    require_safe(settings)


# --- the table


def test_the_table_holds_every_setting_with_its_help() -> None:
    """Whoever reads the documentation sees each setting, its variable, its type and what it does."""
    table = settings_table()

    assert [row.name for row in table] == list(Settings.model_fields)
    assert all(row.help.endswith(".") and row.type and row.default for row in table)
    assert all(row.variable == f"ONCEGATE_{row.name.upper()}" for row in table)


def test_the_table_shows_no_path_of_this_machine() -> None:
    """Defaults that depend on others are described, so that the table is the same everywhere."""
    assert [row.default for row in settings_table() if str(Path.cwd()) in row.default] == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("environment", ("development | production", "development")),
        ("port", ("integer", "8000")),
        ("cache_url", ("string", "none")),
        ("resolution_valid_for", ("duration", "P1D")),
        ("allowed_networks", ("JSON list", "[]")),
        ("client_secret_basic", ("boolean", "true in development")),
    ],
)
def test_the_table_shows_types_and_defaults_in_words(name: str, shown: tuple[str, str]) -> None:
    """As an operator would write them, not as Python does."""
    row = next(row for row in settings_table() if row.name == name)

    assert (row.type, row.default) == shown


# --- certificates of callers


BEHIND = {
    "behind_tls_proxy": True,
    "client_certificate_header": "Client-Cert",
    "trusted_proxies": ["10.0.0.7/32"],
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"behind_tls_proxy": False}, "without behind_tls_proxy"),
        ({"trusted_proxies": []}, "without trusted_proxies"),
        ({"trusted_proxies": ["10.0.0.0/8"]}, "wider than /24"),
        ({"trusted_proxies": ["10.0.0.7/32", "0.0.0.0/0"]}, "wider than /24"),
        ({"trusted_proxies": ["fd00::/48"]}, "wider than /64"),
    ],
)
def test_production_refuses_certificates_that_anybody_could_write(
    safe: dict[str, Any], change: dict[str, Any], says: str
) -> None:
    """A header that is believed from everybody, or from nobody, is said so, and the service does not start."""
    with pytest.raises(UnsafeSettings) as caught:
        require_safe(Settings(**safe | BEHIND | change))

    assert says in " ".join(caught.value.sentences)


def test_production_accepts_certificates_from_a_named_proxy(safe: dict[str, Any]) -> None:
    """One proxy, by its address."""
    assert unsafe_settings(Settings(**safe | BEHIND)) == ()


@pytest.mark.parametrize("name", ["Authorization", "dpop", "Host", "Cookie", "X", "a b", "X-Cert:"])
def test_a_header_with_a_meaning_of_its_own_names_no_certificate(name: str) -> None:
    """Neither can what is no header's name."""
    with pytest.raises(ValueError, match="client_certificate_header"):
        Settings(client_certificate_header=name)
