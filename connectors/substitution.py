"""Places in configurations: `${civil_url}` becomes the address that this deployment gives it. Pure.

A registry says what is asked, the deployment's settings say where: a path out of the base directory counts only when it
comes from a place, so that nobody who may publish a registry can have files of the host read.
"""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from connectors.errors import BadConfiguration
from connectors.protocol import Environment

_PLACE = re.compile(r"\$\{([^{}]*)\}")


class FromPlace(str):
    """Text of a configuration whose beginning, and so where it leads, is this deployment's own setting."""

    __slots__ = ()


def fill_places(node: Any, places: Mapping[str, str], where: str = "config") -> Any:
    """The configuration with every `${place}` in its texts replaced; raises `BadConfiguration` for an unknown one.

    >>> fill_places({"base_url": "${tax}/v1"}, {"tax": "https://tax.example"})
    {'base_url': 'https://tax.example/v1'}
    """
    if isinstance(node, str):
        filled = _PLACE.sub(lambda found: _place(found[1], places, where), node)
        return FromPlace(filled) if _begins_with_place(node, places) else filled
    if isinstance(node, Mapping):
        return {key: fill_places(child, places, f"{where}.{key}") for key, child in node.items()}
    if isinstance(node, list | tuple):
        return [fill_places(child, places, f"{where}[{index}]") for index, child in enumerate(node)]
    return node


def file_path(text: str, environment: Environment, key: str) -> Path:
    """Where that file lies; raises `BadConfiguration` when the registry itself leads out of the base directory.

    With `allow_private_addresses` (development) any path will do.
    """
    path = PurePath(text)
    may_lead_out = environment.allow_private_addresses or isinstance(text, FromPlace)
    if not may_lead_out and (path.is_absolute() or ".." in path.parts):
        raise BadConfiguration(
            f"{key}: a registry may only name files below the base directory. Give the path in a setting, "
            f'places: {{"name": "/..."}}, and write "${{name}}" here'
        )
    return Path(environment.base_dir) / path


def _begins_with_place(template: str, places: Mapping[str, str]) -> bool:
    found = _PLACE.match(template)
    return (
        found is not None and bool(places[found[1]]) and ".." not in PurePath(template[found.end() :]).parts
    )


def _place(name: str, places: Mapping[str, str], where: str) -> str:
    if name in places:
        return places[name]
    near = difflib.get_close_matches(name, places, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else f" Defined: {', '.join(sorted(places)) or 'none'}."
    raise BadConfiguration(f"{where}: no place is named {name!r} in this deployment's settings.{hint}")
