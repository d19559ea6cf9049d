"""Settings: what can be set, from where it is read, and what may not be set outside development.

`Settings(...)` reads nothing from the world; `load_settings()` reads the environment and the file.
"""

from gateway.settings.load import load_places, load_secrets, load_settings, unknown_variables
from gateway.settings.model import Environment, Settings
from gateway.settings.safety import require_safe, unsafe_settings
from gateway.settings.table import SettingRow, settings_table

__all__ = [
    "Environment",
    "SettingRow",
    "Settings",
    "load_places",
    "load_secrets",
    "load_settings",
    "require_safe",
    "settings_table",
    "unknown_variables",
    "unsafe_settings",
]
