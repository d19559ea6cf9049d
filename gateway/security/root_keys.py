"""The file of root keys: one base64 key per line, newest first, readable by its owner only.

Losing it loses every sealed value and every blind index, so it belongs in a backup apart from the database; leaking it
opens them all, so a file that others can read is refused in every environment.
"""

import base64
import binascii
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from gateway.errors import KeysUnusable
from gateway.security.keys import ROOT_KEY_BYTES, KeyRing, key_id
from gateway.settings.safety import is_private


def load_key_ring(path: Path, *, create: bool) -> KeyRing:
    """The ring of that file. `create`: make the file with one new key when it is missing (development only).

    Raises `KeysUnusable`, saying what to do.
    """
    if not path.exists():
        if not create:
            raise KeysUnusable(
                f"{path} does not exist. Restore it from its backup; a new installation makes it with "
                "`oncegate keys rotate`."
            )
        _create(path)
    return KeyRing(_read(path))


def rotate_root_key(path: Path) -> str:
    """Put a new root key before the others, making the file if need be; the new key's id.

    Running processes go on with the ring they loaded: restart them. Older keys must stay in the file for as long as
    anything sealed under them is kept; the last line must stay for ever, the blind index stands on it.
    """
    if not path.exists():
        _create(path)
        return key_id(_read(path)[0])
    root = secrets.token_bytes(ROOT_KEY_BYTES)
    temporary = _write_beside(path, [root, *_read(path)])
    temporary.replace(path)
    return key_id(root)


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = _write_beside(path, [secrets.token_bytes(ROOT_KEY_BYTES)])
    try:
        os.link(temporary, path)  # all or nothing: of two processes that start at once, one key wins
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _write_beside(path: Path, roots: Sequence[bytes]) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(base64.b64encode(root) + b"\n" for root in roots)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _read(path: Path) -> list[bytes]:
    if not is_private(path):
        raise KeysUnusable(f"{path} can be read by others. Run: chmod 600 {path}")
    try:
        lines = path.read_bytes().split()
        return [base64.b64decode(line, validate=True) for line in lines]
    except OSError as error:
        raise KeysUnusable(f"{path} cannot be read: {error.strerror}.") from error
    except binascii.Error:
        raise KeysUnusable(f"{path} is not a list of base64 keys. Restore it from its backup.") from None
