"""What this package reads from files: the schemas of its kinds, and personas for the sandbox."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from connectors.errors import BadConfiguration

_HERE = Path(__file__).parent


def load_schema(name: str) -> dict[str, object]:
    """The JSON Schema that ships for a built-in kind's `Source.config`."""
    schema: dict[str, object] = json.loads((_HERE / "schema" / f"{name}.json").read_text("utf-8"))
    return schema


def load_personas(path: Path) -> dict[str, Mapping[str, Any]]:
    """Identifier → record from a YAML file; raises `BadConfiguration`, which names the file and never a persona."""
    try:
        loaded = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        loaded, fault = None, "cannot be read as UTF-8 text"
    except yaml.YAMLError:
        loaded, fault = None, "is not valid YAML"
    else:
        fault = "" if isinstance(loaded, dict) else "must be a mapping from identifier to record"
    if fault:
        raise BadConfiguration(f"personas: {path.name} {fault}")
    return check_personas(loaded)


def check_personas(personas: Mapping[Any, Any]) -> dict[str, Mapping[str, Any]]:
    """The personas with text keys; raises `BadConfiguration` when a record is not a mapping."""
    if not all(isinstance(record, Mapping) for record in personas.values()):
        raise BadConfiguration("personas: each record must be a mapping from attribute to value")
    return {str(key): _plain(record) for key, record in personas.items()}


def _plain(node: Any) -> Any:
    """The record as JSON would carry it: YAML reads 1991-06-03 as a date."""
    if isinstance(node, Mapping):
        return {str(key): _plain(child) for key, child in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(child) for child in node]
    return node.isoformat() if isinstance(node, date) else node
