"""Where the demonstration city's registry, forms and policy are, as they ship inside the packages."""

from importlib.resources import files
from pathlib import Path

SHIPPED = {name: Path(str(files(name))) / "data" for name in ("field_registry", "forms", "policies")}
"""Package → its directory of YAML."""
