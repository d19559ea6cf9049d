"""The settings themselves: each typed, bounded and with its help. Frozen; making one checks shape and reads nothing.

Whether a combination is safe to serve with is another question: `gateway.settings.safety`.
"""

from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "ONCEGATE_"
"""Every environment variable of the service begins with it."""

DEVELOPMENT_ISSUER = "urn:oncegate:development"


class Environment(StrEnum):
    """Where the service runs; only `development` tolerates unsafe settings."""

    development = "development"
    production = "production"


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError("every entry must be a CIDR block such as 10.20.0.0/16") from None


def _no_slash(url: str) -> str:
    return url.rstrip("/")


def _in_state(name: str) -> Any:
    return lambda data: Path(data.get("state_dir", "state")) / name


def _default_database(data: dict[str, Any]) -> str:
    return f"sqlite:///{_in_state('oncegate.db')(data)}"


def _is_development(data: dict[str, Any]) -> bool:
    return data.get("environment") == Environment.development


def _is_production(data: dict[str, Any]) -> bool:
    return not _is_development(data)


def _free_header(name: str) -> str:
    if name.lower() in ("authorization", "cookie", "dpop", "host"):
        raise ValueError("this header has a meaning of its own; Client-Cert is the usual one")
    return name


Network = Annotated[str, AfterValidator(_network)]
Days = Annotated[int, Field(ge=1, le=250)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{2,63}$"), AfterValidator(_free_header)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+"), AfterValidator(_no_slash)]


class Settings(BaseSettings):
    """Everything that can be set. `Settings(...)` takes only what it is given; see `load_settings`."""

    # str fields are never stripped or coerced: "8000 " for a port is an error worth seeing.
    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    # Order matters below: a default that depends on another field comes after it.
    environment: Environment = Field(
        Environment.development,
        description="development tolerates unsafe settings; production refuses to start on one.",
    )
    state_dir: Path = Field(
        Path("state"), description="Directory of the embedded database and keys; other paths default to it."
    )

    # --- storage
    database_url: str = Field(
        default_factory=_default_database,
        repr=False,  # may hold a password
        description="SQLAlchemy URL: sqlite:///… or postgresql+psycopg://….",
        json_schema_extra={"shown": "SQLite, oncegate.db in state_dir"},
    )
    database_pool_size: int = Field(
        10, ge=1, le=200, description="Connections kept per process (PostgreSQL); two more read the log."
    )
    cache_url: str | None = Field(
        None,
        repr=False,
        pattern=r"^(rediss?|unix)://",
        description="Redis or Valkey shared by all workers; empty keeps the cache in the process.",
    )

    # --- serving
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(1, ge=1, le=64, description="Worker processes.")
    behind_tls_proxy: bool = Field(
        False,
        description="Acknowledges that a proxy in front ends TLS, so that listening wider than loopback is safe.",
    )
    public_url: Url = Field(
        "http://127.0.0.1:8000", description="Address under which callers and persons reach the service."
    )
    max_body_bytes: int = Field(
        1_000_000, ge=1_000, le=100_000_000, description="Largest request body, in bytes."
    )
    max_json_depth: int = Field(32, ge=4, le=200, description="Deepest nesting of a JSON request body.")
    metrics_role_required: bool = Field(
        default_factory=_is_production,
        description="Whether /metrics needs a token with the role operator.",
        json_schema_extra={"shown": "true outside development"},
    )

    # --- callers
    issuer: str = Field(DEVELOPMENT_ISSUER, min_length=1, description="`iss` of the tokens issued here.")
    audience: str = Field("oncegate", min_length=1, description="`aud` of the tokens issued here.")
    token_seconds: int = Field(300, ge=30, le=300, description="Life of an access token, in seconds.")
    client_secret_basic: bool = Field(
        default_factory=_is_development,
        description="Whether clients may use a secret instead of private_key_jwt. Development only.",
        json_schema_extra={"shown": "true in development"},
    )

    client_certificate_header: HeaderName | None = Field(
        None,
        description="Header in which the proxy passes on a client's certificate (RFC 9440): Client-Cert. "
        "Empty binds no token to a certificate.",
    )
    trusted_proxies: tuple[Network, ...] = Field(
        (),
        description='Where that header is believed from, as CIDR blocks: ["10.0.0.7/32"]. Nobody by default.',
    )

    # --- persons and operators
    person_token_seconds: int = Field(
        600, ge=60, le=600, description="Life of a person's own token, which a portal is given, in seconds."
    )
    person_assurance: tuple[str, ...] = Field(
        ("substantial", "high"),
        description="Levels of assurance (`acr`) on which a portal may say who a person is, as a JSON list.",
    )
    person_login_age: timedelta = Field(
        timedelta(minutes=30),
        gt=timedelta(0),
        le=timedelta(hours=12),
        description="How long ago a person may have logged in at a portal that wants their token.",
    )
    person_oidc_issuer: Url | None = Field(
        None,
        description="OpenID issuer at which whoever was sent a link shows who they are, and a person logs in to /my. "
        "Empty offers no /my, and asks whoever was sent a link for the last four characters of their document, which "
        "whoever sent it knows too.",
    )
    person_oidc_client_id: str = Field("oncegate", min_length=1, description="Our client id at that issuer.")
    person_oidc_client_secret: str | None = Field(
        None,
        description="Name of our secret there in secrets_file; empty proves us by private_key_jwt (/login/keys).",
    )
    person_oidc_scope: str = Field(
        "openid", description="What is asked for there: whatever makes it tell the claims below."
    )
    person_oidc_id_type_claim: str = Field(
        "id_type",
        description="Claim that holds the kind of document (GA/T 517); a resident ID where it is absent.",
    )
    person_oidc_id_no_claim: str = Field("id_no", description="Claim that holds the document's number.")
    person_oidc_id_issuer_claim: str = Field(
        "id_issuer",
        description="Claim that holds the country that issued a passport, three letters: two countries give one number "
        "to two people.",
    )
    person_oidc_uscc_claim: str = Field(
        "uscc", description="Claim that holds the credit code of the organisation a person answers for."
    )
    person_session_seconds: int = Field(
        900,
        ge=300,
        le=3600,
        description="Life of a person's session on their own pages (/my), in seconds; then they log in again.",
    )
    person_log_ins_per_minute: int = Field(
        60,
        ge=0,
        le=100_000,
        description="Log-ins to /my that may be begun or finished from one address in a minute; 0 is no limit. "
        "Addresses are not told apart behind a proxy.",
    )
    operator_session_seconds: int = Field(
        900, ge=300, le=900, description="Life of an operator's session, in seconds; then they log in again."
    )
    operator_tries: int = Field(
        5,
        ge=1,
        le=100,
        description="Failed log-ins of an operator from one device or address before it has to wait: half a minute, "
        "which doubles.",
    )
    operator_longest_wait: timedelta = Field(
        timedelta(minutes=15),
        ge=timedelta(seconds=30),
        le=timedelta(days=1),
        description="Longest wait of one device or address after failed log-ins.",
    )
    operator_stranger_tries: int = Field(
        20,
        ge=1,
        le=1_000,
        description="Failed log-ins of an operator from all places together that they are not known to log in from, "
        "before such places have to wait; a known device or address never waits for them.",
    )
    operator_stranger_wait: timedelta = Field(
        timedelta(minutes=5),
        ge=timedelta(seconds=30),
        le=timedelta(days=1),
        description="Longest time between two tries of an operator's log-in from places they are not known at.",
    )
    operator_known_for: timedelta = Field(
        timedelta(days=30),
        ge=timedelta(0),
        le=timedelta(days=365),
        description="How long a device or address counts as an operator's own after they logged in from there; P0D "
        "knows none.",
    )
    oidc_issuer: Url | None = Field(
        None, description="OpenID issuer that logs operators in; empty leaves local accounts only."
    )
    oidc_client_id: str = Field("oncegate", min_length=1, description="Our client id at that issuer.")
    oidc_client_secret: str | None = Field(
        None,
        description="Name of our secret there in secrets_file; empty proves us by private_key_jwt (/login/keys).",
    )
    oidc_roles_claim: str = Field(
        "roles", description="Claim of the id token that lists what an operator may do at the issuer's side."
    )
    oidc_roles: dict[str, str] = Field(
        default_factory=dict,
        description='Role here for each of those: {"gov-audit": "auditor"}. Others count for nothing.',
        json_schema_extra={"shown": "none"},
    )
    oidc_department_claim: str = Field(
        "department", description="Claim of the id token that names an operator's department."
    )

    rate_limit_per_second: float = Field(
        200.0,
        ge=0,
        le=100_000,
        description="Requests per second that one caller may make, over all workers; 0 is no limit.",
    )
    rate_limit_burst: int = Field(
        400, ge=1, le=1_000_000, description="Requests that one caller may make at once, over all workers."
    )
    token_failures_per_minute: int = Field(
        20,
        ge=0,
        le=100_000,
        description="Failed attempts to prove a client, per client and per address, before it is told to wait; "
        "0 is no limit. Addresses are not told apart behind a proxy.",
    )

    # --- resolving
    patience_default_ms: int = Field(
        3_000,
        ge=1,
        le=30_000,
        description="How long a resolution waits for sources unless the request says, in ms.",
    )
    patience_max_ms: int = Field(
        30_000,
        ge=1,
        le=50_000,  # after 60 s a request with an Idempotency-Key counts as lost, and its repetition is worked on
        description="Longest patience a request may ask for, in ms.",
    )
    consent_longest: timedelta = Field(
        timedelta(days=180),
        gt=timedelta(0),
        le=timedelta(days=3 * 365 + 1),
        description="Longest period a consent may run; three years at most.",
    )
    consent_longest_at_counter: timedelta = Field(
        timedelta(hours=24),
        gt=timedelta(0),
        le=timedelta(days=3 * 365 + 1),
        description="The same for a consent given at a window or terminal without saying how often; it counts once "
        "unless it says more.",
    )
    consent_refusal_quiet: timedelta = Field(
        timedelta(days=30),
        ge=timedelta(0),
        le=timedelta(days=365),
        description="How long a person is not asked again for what they refused.",
    )
    consent_request_minutes: int = Field(
        15, ge=1, le=60, description="How long the link of a consent request can be answered, in minutes."
    )
    contacts: dict[str, str] = Field(
        default_factory=dict,
        description='Where a person reaches a department, as notices say it: {"交通运输": "0595-…"}.',
        json_schema_extra={"shown": "none"},
    )
    dispute_days: int = Field(
        5, ge=1, le=60, description="Working days in which a department answers a dispute about its data."
    )
    dispute_limits: dict[str, Days] = Field(
        default_factory=dict,
        description='The same for one item or one department: {"vehicle.owner": 3, "交通运输": 10}.',
        json_schema_extra={"shown": "none"},
    )
    dispute_escalated_days: int = Field(
        2, ge=1, le=60, description="Working days given anew each time an unanswered dispute is escalated."
    )
    dispute_total_days: int = Field(
        10,
        ge=1,
        le=120,
        description="Working days from opening that no referral of a dispute to another department goes beyond.",
    )
    dispute_supervisors: dict[str, str] = Field(
        default_factory=dict,
        description='The department above each, which escalated disputes go to: {"交通运输": "市数据管理局"}.',
        json_schema_extra={"shown": "none"},
    )
    dispute_look_back: timedelta = Field(
        timedelta(days=90),
        ge=timedelta(0),
        le=timedelta(days=3 * 365 + 1),
        description="How far back the applications are looked for that used a value which was corrected.",
    )
    working_days_file: Path | None = Field(
        None,
        description="YAML file of further years of the working calendar, in the shape of the shipped one; it wins.",
    )
    webhook_give_up_after: timedelta = Field(
        timedelta(days=3),
        gt=timedelta(0),
        le=timedelta(days=30),
        description="How long a message to a client's webhook is tried again before it counts as lost.",
    )
    resolution_valid_for: timedelta = Field(
        timedelta(hours=24),
        gt=timedelta(0),
        le=timedelta(hours=24),
        description="How long an answer can be read again and submitted; 24 hours at most.",
    )
    submission_kept: timedelta = Field(
        timedelta(days=180),
        ge=timedelta(0),
        le=timedelta(days=3 * 365 + 1),
        description="How long the final values of a form that was handed in are kept, to print it and to begin the "
        "next one from; P0D keeps none.",
    )
    records_kept: timedelta = Field(
        timedelta(days=3 * 365 + 1),
        ge=timedelta(days=3 * 365 + 1),
        description="How long after the newest record about it a subject cannot be erased on request; three years at "
        "least.",
    )
    profile_kept: timedelta = Field(
        timedelta(days=365),
        gt=timedelta(0),
        le=timedelta(days=3 * 365 + 1),
        description="How long a value that a person keeps for their next forms is kept, unless its profile source says "
        "otherwise for the item; three years at most.",
    )
    idempotency_valid_for: timedelta = Field(
        timedelta(hours=24), gt=timedelta(0), description="How long an Idempotency-Key is remembered."
    )
    registry_refresh_seconds: float = Field(
        2.0,
        gt=0,
        le=3600,
        description="How often a process looks for a newly published registry, in seconds.",
    )

    # --- sources
    allow_private_addresses: bool = Field(
        False, description="Whether sources may live on any private or loopback address. Development only."
    )
    allowed_networks: tuple[Network, ...] = Field(
        (), description='Private networks that sources may live on, as CIDR blocks: ["10.20.0.0/16"].'
    )
    places: dict[str, str] = Field(
        default_factory=dict,
        repr=False,  # a database place holds a password
        description='Addresses that source configurations name as ${name}: {"civil_url": "https://…"}.',
        json_schema_extra={"shown": "none"},
    )
    places_file: Path | None = Field(None, description="JSON file of further places; `places` wins.")
    secrets_file: Path | None = Field(
        None,
        description="JSON file, secret name → secret, for source configurations; readable by the owner only.",
    )

    # --- keys
    root_key_file: Path = Field(
        default_factory=_in_state("root.key"),
        description="File of root keys, newest first; readable by the owner only. Created in development.",
        json_schema_extra={"shown": "root.key in state_dir"},
    )

    # --- the log of uses
    log_origin: str = Field(
        "oncegate.development/log",
        pattern=r"^[^\s+]{3,100}$",
        description="Name of this log in its checkpoints and keys: a domain of yours and a path. Never changed again.",
    )
    log_guard_file: Path = Field(
        default_factory=_in_state("log.guard"),
        description="File that keeps the last checkpoint outside the database, so that a rolled-back one is noticed.",
        json_schema_extra={"shown": "log.guard in state_dir"},
    )
    log_entries_public: bool = Field(
        default_factory=_is_development,
        description="Whether /v1/audit/tile/entries/… is open to everybody; else it needs the role auditor. "
        "Entries name nobody, but whoever knows a subject's reference can follow it through them.",
        json_schema_extra={"shown": "true in development"},
    )
    log_sequence_ms: int = Field(
        200, ge=20, le=60_000, description="How often waiting entries are given their places, in ms."
    )

    log_witness_keys: tuple[str, ...] = Field(
        (),
        description="Verifier keys of the offices that witness this log; `oncegate audit cosign` takes lines by them.",
    )
    log_witnesses: dict[Url, str] = Field(
        default_factory=dict,
        description="Witnesses that new checkpoints are handed to (C2SP tlog-witness): address without /add-checkpoint "
        '→ verifier key, {"https://witness.audit.example": "audit.example/w+…"}.',
        json_schema_extra={"shown": "none"},
    )
    log_witness_seconds: float = Field(
        30.0, ge=1.0, le=86_400.0, description="How often checkpoints are handed to witnesses, in seconds."
    )
    log_witness_lag: timedelta = Field(
        timedelta(minutes=15),
        ge=timedelta(seconds=10),
        le=timedelta(days=7),
        description="How long a witness may not have cosigned the log as it is before /readyz warns.",
    )
    log_witness_quorum: int = Field(
        0,
        ge=0,
        le=100,
        description="Witnesses that have to keep up; /readyz warns when they are fewer. 0 asks for no number.",
    )

    # --- what is published
    hall_name: str = Field(
        "政务服务", min_length=1, max_length=100, description="Who issues briefings and open statistics."
    )
    open_statistics: bool = Field(
        False,
        description="Whether `GET /v1/reports/open` tells everybody k-anonymous statistics of months that are over.",
    )
    open_delay_days: int = Field(
        7, ge=1, le=366, description="Days that a month must be over before its statistics are published."
    )
    open_licence: str = Field(
        "CC-BY-4.0",
        min_length=1,
        max_length=200,
        description="Licence that open statistics are published under.",
    )

    # --- the program's own lines
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level that is logged."
    )
    log_json: bool = Field(
        default_factory=_is_production,
        description="Log lines as JSON instead of for a terminal.",
        json_schema_extra={"shown": "true outside development"},
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in: a constructor that reads the environment makes every test depend on the machine."""
        return (init_settings,)

    @property
    def is_development(self) -> bool:
        """Whether unsafe settings are tolerated."""
        return self.environment is Environment.development

    @property
    def token_endpoint(self) -> str:
        """The full address of `POST /oauth/token`; an accepted audience of client assertions."""
        return f"{self.public_url}/oauth/token"

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of one process."""
        return self.database_url.startswith("sqlite")
