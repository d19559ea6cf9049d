"""Reading the settings: arguments over environment over TOML file over defaults; and the files that settings name.

Faults name the setting and never repeat its value: a value may be a password.
"""

import difflib
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource
from pydantic_settings.exceptions import SettingsError

from gateway.errors import BadSettings
from gateway.settings.model import PREFIX, Settings
from gateway.settings.safety import is_private
from gateway.settings.table import variable_of

FILE_VARIABLE = PREFIX + "SETTINGS_FILE"


def load_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """The settings of this process. `environ` is os.environ unless given. Raises `BadSettings` with every fault."""
    environ = os.environ if environ is None else environ
    from_file = _read_toml(environ.get(FILE_VARIABLE))
    values = from_file | _read_environment(environ) | overrides
    try:
        return Settings(**values)
    except ValidationError as error:
        raise BadSettings(_faults(error)) from None  # the cause would show the values


def unknown_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """One sentence per ONCEGATE_ variable that sets nothing, with the nearest that would."""
    known = [*Settings.model_fields, FILE_VARIABLE.removeprefix(PREFIX).lower()]
    names = {variable: _name_of(variable) for variable in sorted(environ) if _is_ours(variable)}
    return tuple(
        f"{variable} is not a setting.{_did_you_mean(name, known, as_variable=True)}"
        for variable, name in names.items()
        if name not in known
    )


def load_secrets(settings: Settings) -> dict[str, str]:
    """Secret name → secret; empty without a secrets file. Raises `BadSettings`."""
    path = settings.secrets_file
    if path is None:
        return {}
    if not settings.is_development and path.exists() and not is_private(path):
        raise BadSettings([f"secrets_file {path} can be read by others. Run: chmod 600 {path}"])
    return _read_names(path, "secrets_file")


def load_places(settings: Settings) -> dict[str, str]:
    """Place name → address: the places file, then `places` over it. Raises `BadSettings`."""
    from_file = _read_names(settings.places_file, "places_file") if settings.places_file else {}
    return from_file | settings.places


def _read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): value for name, value in environ.items() if value}
    try:
        return source()
    except SettingsError as error:
        raise BadSettings([f"{error}. Lists and mappings are written as JSON."]) from None


def _read_toml(path: str | None) -> dict[str, Any]:
    if not path:
        return {}
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSettings(
            [f"{FILE_VARIABLE} names {path}, which cannot be read: {error.strerror}."]
        ) from None
    except ValueError as error:
        # The TOML message gives line and column without quoting the line; UnicodeDecodeError would quote bytes.
        where = error if isinstance(error, tomllib.TOMLDecodeError) else "it is not UTF-8"
        raise BadSettings([f"{path} is not TOML: {where}."]) from None


def _read_names(path: Path, setting: str) -> dict[str, str]:
    try:
        names = json.loads(path.read_bytes())
    except OSError as error:
        raise BadSettings([f"{setting} {path} cannot be read: {error.strerror}."]) from None
    except ValueError:
        raise BadSettings([f"{setting} {path} is not JSON."]) from None
    if not isinstance(names, dict) or not all(isinstance(value, str) for value in names.values()):
        raise BadSettings([f"{setting} {path} must be one JSON object of name → text."])
    return names


def _faults(error: ValidationError) -> list[str]:
    findings = error.errors(include_input=False)
    # A default that depends on a faulty setting is not a second fault.
    own = [finding for finding in findings if finding["type"] != "default_factory_not_called"]
    return [_fault(finding["loc"], finding["type"], finding["msg"]) for finding in own]


def _fault(location: tuple[int | str, ...], kind: str, message: str) -> str:
    name = str(location[0])
    if kind == "extra_forbidden":
        return f"{name} is not a setting.{_did_you_mean(name, list(Settings.model_fields))}"
    return f"{name} ({variable_of(name)}): {message}."


def _is_ours(variable: str) -> bool:
    return variable.upper().startswith(PREFIX)


def _name_of(variable: str) -> str:
    return variable.upper().removeprefix(PREFIX).lower()


def _did_you_mean(name: str, known: list[str], *, as_variable: bool = False) -> str:
    """The nearest known name; compared without the prefix, which would make everything alike."""
    nearest = difflib.get_close_matches(name, known, n=1)
    if not nearest:
        return ""
    return f" Did you mean {variable_of(nearest[0]) if as_variable else nearest[0]}?"
