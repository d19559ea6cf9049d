"""Places in configurations: `${civil_url}` becomes the address that this deployment gives it. Pure."""

import difflib
import re
from collections.abc import Mapping
from typing import Any

from connectors.errors import BadConfiguration

_PLACE = re.compile(r"\$\{([^{}]*)\}")


def fill_places(node: Any, places: Mapping[str, str], where: str = "config") -> Any:
    """The configuration with every `${place}` in its texts replaced; raises `BadConfiguration` for an unknown one.

    >>> fill_places({"base_url": "${tax}/v1"}, {"tax": "https://tax.example"})
    {'base_url': 'https://tax.example/v1'}
    """
    if isinstance(node, str):
        return _PLACE.sub(lambda found: _place(found[1], places, where), node)
    if isinstance(node, Mapping):
        return {key: fill_places(child, places, f"{where}.{key}") for key, child in node.items()}
    if isinstance(node, list | tuple):
        return [fill_places(child, places, f"{where}[{index}]") for index, child in enumerate(node)]
    return node


def _place(name: str, places: Mapping[str, str], where: str) -> str:
    if name in places:
        return places[name]
    near = difflib.get_close_matches(name, places, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else f" Defined: {', '.join(sorted(places)) or 'none'}."
    raise BadConfiguration(f"{where}: no place is named {name!r} in this deployment's settings.{hint}")
