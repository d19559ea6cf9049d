"""A new kind of connector to start from: what `oncegate connector new` writes. It passes the suite's first half."""

import keyword
import re
from pathlib import Path
from string import Template

from connectors.errors import BadConfiguration
from connectors.registry import names

_TEMPLATES = Path(__file__).parent / "data" / "new_kind"
_FILES = {
    "kind.py.txt": "{name}.py",
    "mapping.py.txt": "{name}_mapping.py",
    "schema.json.txt": "{name}.schema.json",
    "test.py.txt": "test_{name}.py",
}


def new_kind(name: str, directory: Path) -> list[Path]:
    """The files written for a kind of that name: module, pure mapping, schema, test. Overwrites nothing.

    Raises `BadConfiguration` when the name is taken or is no module name, or when a file is there already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise BadConfiguration(
            f"{name!r} cannot name a kind: use lower-case letters, digits and _, a letter first"
        )
    if name in names():
        raise BadConfiguration(f"{name!r} is the name of a kind already. Taken: {', '.join(names())}")
    places = {template: directory / pattern.format(name=name) for template, pattern in _FILES.items()}
    there = [path.name for path in places.values() if path.exists()]
    if there:
        raise BadConfiguration(f"{', '.join(there)} stands in the directory already; nothing was written")
    directory.mkdir(parents=True, exist_ok=True)
    words = {"name": name, "classname": "".join(part.capitalize() for part in name.split("_")) + "Connector"}
    for template, path in places.items():
        path.write_text(Template((_TEMPLATES / template).read_text("utf-8")).substitute(words), "utf-8")
    return list(places.values())
