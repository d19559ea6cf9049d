"""Checks an exported log without trusting whoever exported it: `python verify.py BUNDLE --key VKEY`.

One file that needs only Python 3.9 and `cryptography`, so that an auditor can carry it away and read it; it shares no
code with what writes the log. It recomputes every hash from the records themselves, stops at the first thing that is
wrong and names it in plain words. What no verifier can see: an earlier checkpoint that was left out of the bundle, and
a log that was forged from the first record on by whoever holds its key; against both, keep the checkpoints you get.
"""

from __future__ import annotations

import argparse
import base64
import gc
import hashlib
import http.client
import json
import marshal
import os
import re
import stat
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO
from urllib.parse import urlsplit

SOUND, ALTERED, UNUSABLE = 0, 1, 2
"""Exit codes: nothing wrong, something was changed, wrong use or unreadable."""

README = """\
OnceGate 审计日志导出包 / exported audit log
本包是一份只增不改的日志的完整副本：检查点、哈希树分块与全部记录。
A complete copy of an append-only log: checkpoints, tiles of its hash tree, all records (C2SP tlog-tiles).
核验：oncegate audit verify 文件 --key 公钥，或 python verify.py 文件 --key 公钥。
To verify: `oncegate audit verify FILE --key VKEY`, or `python verify.py FILE --key VKEY`.
公钥请另行取得：包内 log.vkey 只能证明本包与自身一致。
Get the key by another way: log.vkey in here shows only that the bundle agrees with itself.
记录中只有随机编号、代码、计数与时间，不含个人信息。
Records hold random references, codes, counts and times; nothing about a person.
退出码 / exit codes: 0 完好 sound, 1 被改动 altered, 2 无法核验 wrong use or unreadable.
"""

_HASH = 32
_WIDE = 256
_DIGEST = 16
_PORTION = 32  # records read at a time: what they become stays in the processor's cache, twice as fast as 256
_IDS = struct.Struct(f"{_DIGEST}s")
_MOST_MEMBER = 512 * 2**20
_MOST_NOTE = 1_000_000  # what C2SP signed-note implementations accept
_MOST_SIGNATURES = 100
_MOST_BUNDLE = _WIDE * (2 + 0xFFFF)
_TIMEOUT_SECONDS = 10
_MOST_HELPERS = 6  # what one process can hold against one another of what others read
_WORTH_HELP = 20_000  # records; below, starting helpers costs more than it saves
_FRAME = struct.Struct(">I")
_ED25519 = 0x01
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_EXTRAS = ("README.txt", "checkpoint", "checkpoints.jsonl", "log.vkey")
_CUT = ("is missing or cut", "缺失或被截断")
_ADDED = ("was added: the log does not cover it", "系添加：不在日志范围内")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_SHARD_SUFFIX = re.compile(r"/(?:[2-9]|[1-9][0-9]{1,5})$", re.ASCII)
_OPENED = "log.shard_opened"
_ENTRIES_NAME = re.compile(r"tile/entries/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?", re.ASCII)
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    OverflowError,
)

# What became of an intent: answered, closed as unknown, or both.
_ANSWERED, _CLOSED, _BOTH = -1, -2, -3
_ENDINGS = ("consent.withdrawn", "consent.terminated", "consent.invalidated")

# The order in which faults are told, whatever order they are met in: one pass over the records finds them all.
_TILE, _ROOT, _EARLIER, _LEAF, _PAIR, _CONSENT = range(6)


# ---------------------------------------------------------------- what is told


@dataclass(frozen=True)
class Said:
    """One sentence in English and in Chinese."""

    en: str
    zh: str

    def text(self, language: str) -> str:
        """The sentence in "en" or "zh"; for any other language both, side by side."""
        return {"en": self.en, "zh": self.zh}.get(language, f"{self.en} {self.zh}")


@dataclass(frozen=True)
class BadRecord:
    """The first record that is wrong. `index`: from 0. `id`, `at`: as the record now reads, "" if it has none.

    `shard`: which of the log's trees; most logs have one, 1.
    """

    index: int
    id: str
    at: str
    why: str
    shard: int = 1


@dataclass(frozen=True)
class Report:
    """What checking found.

    `size`, `root_hex`: as the newest checkpoint states them, 0 and "" unless its signature is right; where the log has
    several shards, `size` is of all together. `checkpoints`: how many were found right, the newest among them.
    `first_bad`: None when no single record can be named. `said`: the checks passed, in order. `fault`: the first thing
    wrong, None when `ok`.
    """

    ok: bool
    size: int
    root_hex: str
    checkpoints: int
    first_bad: BadRecord | None
    warnings: tuple[Said, ...]
    seconds: float
    said: tuple[Said, ...]
    fault: Said | None

    def lines(self, language: str = "both") -> list[str]:
        """Everything to tell, a line each: checks passed, warnings, verdict. `language`: "en", "zh" or "both"."""
        told = [f"[ok] {each.text(language)}" for each in self.said]
        told += [f"[!]  {each.text(language)}" for each in self.warnings]
        if self.fault is not None:
            return [*told, f"[X]  {self.fault.text(language)}"]
        verdict = Said(
            f"The log is sound: {self.size:,} records, {self.checkpoints:,} checkpoints, {self.seconds:.1f} s.",
            f"日志完好：{self.size:,} 条记录，{self.checkpoints:,} 个检查点，用时 {self.seconds:.1f} 秒。",
        )
        return [*told, f"[ok] {verdict.text(language)}"]


class CannotVerify(Exception):
    """Nothing can be said about the log: the key is missing or malformed, the file unreadable, the server silent."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.said = Said(en, zh)


class _Altered(Exception):
    # The first thing that is wrong.

    def __init__(self, en: str, zh: str, bad: BadRecord | None = None) -> None:
        super().__init__(en)
        self.said, self.bad = Said(en, zh), bad


class _Missing(Exception):
    # There is no such member.
    pass


# ---------------------------------------------------------------- the public way in


def verify_bundle(
    path: str | os.PathLike[str],
    keys: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
    *,
    processes: int | None = None,
) -> Report:
    """What is right and what is wrong with an exported log.

    `path`: a bundle, a directory with the same members, or the http(s) address of a log. `keys`: verifier keys
    "name+id+base64" to trust, the present one first; without any, the bundle is only held against itself. `progress`:
    called with records done and records in all. `processes`: how many may read a bundle of many records together; by
    default one for each core. The report is the same with any number. CannotVerify when nothing can be said.
    """
    return _report(
        _open_source(path), keys, progress, _Helpers(path, _cores() if processes is None else processes)
    )


def verify_members(members: Mapping[str, bytes], keys: Sequence[str] = ()) -> Report:
    """What is right and what is wrong with an exported log whose members are these, by name."""
    return _report(_Held(members), keys, None, _Helpers("", 1))


def _report(
    source: _Source,
    keys: Sequence[str],
    progress: Callable[[int, int], None] | None,
    helpers: _Helpers,
) -> Report:
    begun = time.perf_counter()
    try:
        run = _Run(source, keys, progress, helpers)
        fault = run.fault()
    finally:
        helpers.close()
        source.close()
    newest = run.newest
    return Report(
        ok=fault is None,
        size=run.size,
        root_hex=newest.root.hex() if newest else "",
        checkpoints=run.checkpoints,
        first_bad=fault.bad if fault else None,
        warnings=tuple(run.warnings),
        seconds=time.perf_counter() - begun,
        said=tuple(run.said),
        fault=fault.said if fault else None,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code, after telling what was found on standard output; wrong use is told on standard error."""
    parser = argparse.ArgumentParser(
        prog="verify.py", description="Check an exported OnceGate log. 核验导出的审计日志。"
    )
    parser.add_argument(
        "bundle", metavar="BUNDLE", help="bundle file, directory, or http(s) address of a log"
    )
    parser.add_argument(
        "--key", action="append", default=[], metavar="VKEY", help="trusted key; may be repeated"
    )
    parser.add_argument("--json", action="store_true", help="tell it as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="tell only what is wrong")
    parser.add_argument(
        "--processes", type=int, metavar="N", help="read with so many processes (one for each core)"
    )
    parser.add_argument("--share", nargs=2, type=int, help=argparse.SUPPRESS)  # as a helper: see _Helpers
    asked = parser.parse_args(arguments)
    if asked.share:
        return _help(asked.bundle, *asked.share)
    try:
        report = verify_bundle(asked.bundle, asked.key, _progress_bar(), processes=asked.processes)
    except CannotVerify as error:
        if asked.json:
            _tell(sys.stdout, json.dumps({"ok": False, "error": asdict(error.said)}, ensure_ascii=False))
        else:
            _tell(sys.stderr, error.said.text("both"))
        return UNUSABLE
    if asked.json:
        _tell(sys.stdout, json.dumps(asdict(report), ensure_ascii=False))
    elif not asked.quiet:
        _tell(sys.stdout, "\n".join(report.lines()))
    elif report.fault is not None:
        _tell(sys.stdout, report.lines()[-1])
    return SOUND if report.ok else ALTERED


def _progress_bar() -> Callable[[int, int], None] | None:
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        if done == total or not done % (16 * _WIDE):
            sys.stderr.write(f"\r{done:,} / {total:,}" + ("\n" if done == total else ""))
            sys.stderr.flush()

    return show


def _tell(stream: TextIO, text: str) -> None:
    # A console that cannot show Chinese gets escapes, not a crash.
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


# ---------------------------------------------------------------- where members come from


class _Source:
    # Members by name. `names` is None where they cannot be listed. `read` gives at most `most` + 1 bytes.

    names: frozenset[str] | None = None
    warnings: tuple[Said, ...] = ()

    def read(self, name: str, most: int) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        pass


class _Held(_Source):
    def __init__(self, members: Mapping[str, bytes]) -> None:
        self._members = members
        self.names = frozenset(members)

    def read(self, name: str, most: int) -> bytes:
        if name not in self._members:
            raise _Missing
        return self._members[name][: most + 1]


class _Zip(_Source):
    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except _ZIP_ERRORS as error:
            raise _unreadable("it is not a ZIP file, or a damaged one", "不是 ZIP 文件，或已损坏") from error
        try:
            self._members = _safe_members(self._zip.infolist())
        except CannotVerify:
            self._zip.close()
            raise
        self.names = frozenset(self._members)

    def read(self, name: str, most: int) -> bytes:
        if name not in self._members:
            raise _Missing
        try:
            with self._zip.open(self._members[name]) as member:
                content = member.read(most + 1)
                member.read(1)  # at the end of the member its checksum is compared
                return content
        except _ZIP_ERRORS as error:
            raise _unreadable(
                f"its member {_shown(name)} is damaged", f"成员 {_shown(name)} 已损坏"
            ) from error

    def close(self) -> None:
        self._zip.close()


def _safe_members(infos: Sequence[zipfile.ZipInfo]) -> Mapping[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename
        if name != info.orig_filename or name.startswith("/") or re.search(r"[\\:\0]|(^|/)\.\.(/|$)", name):
            raise _unreadable(
                f"its member {_shown(name)} has an unsafe name", f"成员 {_shown(name)} 名称不安全"
            )
        if name in members:
            raise _unreadable(f"it holds {_shown(name)} twice", f"成员 {_shown(name)} 重复")
        if info.file_size > _MOST_MEMBER:
            raise _unreadable(
                f"its member {_shown(name)} is larger than 512 MB", f"成员 {_shown(name)} 超过 512 MB"
            )
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _unreadable(
                f"its member {_shown(name)} is encrypted or packed in an unknown way",
                f"成员 {_shown(name)} 被加密或压缩方式未知",
            )
        members[name] = info
    return members


class _Directory(_Source):
    def __init__(self, path: Path) -> None:
        self._path = path
        names: set[str] = set()
        for folder, folders, files in os.walk(path, onerror=_refuse_folder):
            for each in (*folders, *files):
                place = Path(folder, each)
                mode = place.lstat().st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                    raise _unreadable(
                        f"{_shown(each)} is neither a file nor a directory; links are not followed",
                        f"{_shown(each)} 既非文件也非目录，链接不予跟随",
                    )
            names.update(Path(folder, each).relative_to(path).as_posix() for each in files)
        self.names = frozenset(names)

    def read(self, name: str, most: int) -> bytes:
        try:
            with (self._path / name).open("rb") as file:
                return file.read(most + 1)
        except FileNotFoundError:
            raise _Missing from None
        except OSError as error:
            raise _unreadable(f"{_shown(name)} cannot be read", f"{_shown(name)} 无法读取") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    # A redirect would carry the token to another server.

    def redirect_request(self, *_: Any) -> None:
        return None


class _Address(_Source):
    def __init__(self, prefix: str, token: str) -> None:
        self._prefix = prefix.rstrip("/")
        self._headers = {"Accept-Encoding": "gzip, identity", "User-Agent": "oncegate-verify"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
            if prefix.startswith("http://") and urlsplit(prefix).hostname not in _LOOPBACK:
                self.warnings = (
                    Said(
                        "The token was sent without encryption; use https.",
                        "令牌未经加密传送；请改用 https。",
                    ),
                )
        self._opener = urllib.request.build_opener(_NoRedirect)

    def read(self, name: str, most: int) -> bytes:
        try:
            return self._get(name, most)
        except _Missing:
            full, part, width = name.partition(".p/")
            if not part:
                raise
        # The log has grown and keeps only the full tile, whose beginning is what was asked for.
        content = self._get(full, _MOST_BUNDLE)
        if not full.startswith("tile/entries/"):
            return content[: int(width) * _HASH]
        entries, _ = _split(content)
        return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries[: int(width)])

    def _get(self, name: str, most: int) -> bytes:
        request = urllib.request.Request(f"{self._prefix}/{name}", headers=self._headers)  # noqa: S310 - see _open_source
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                content: bytes = answer.read(most + 1)
                if answer.headers.get("Content-Encoding") == "gzip":
                    content = zlib.decompressobj(31).decompress(content, most + 1)
                return content
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (404, 410):
                raise _Missing from None
            raise _unreadable(
                f"the server answered {error.code} for {name}", f"服务器对 {name} 的应答为 {error.code}"
            ) from error
        except (OSError, http.client.HTTPException, zlib.error, ValueError) as error:
            raise _unreadable(
                f"the server did not send {name}: {type(error).__name__}",
                f"服务器未送达 {name}：{type(error).__name__}",
            ) from error


def _open_source(path: str | os.PathLike[str]) -> _Source:
    text = os.fspath(path)
    if text.startswith(("http://", "https://")):
        if not urlsplit(text).hostname:
            raise _unreadable("the address names no server", "地址中没有服务器名称")
        return _Address(text, os.environ.get("ONCEGATE_TOKEN", ""))
    place = Path(path)
    try:
        if place.is_dir():
            return _Directory(place)
        if place.is_file():
            return _Zip(place)
    except OSError as error:
        raise _unreadable("the path cannot be opened", "路径无法打开") from error
    raise _unreadable("there is no such file or directory", "没有此文件或目录")


def _refuse_folder(error: OSError) -> None:
    raise error


def _unreadable(en: str, zh: str) -> CannotVerify:
    return CannotVerify(f"The log cannot be read: {en}.", f"无法读取日志：{zh}。")


# ---------------------------------------------------------------- keys and checkpoints


class _Key(NamedTuple):
    name: str
    id: bytes
    kind: int
    public: bytes


class _Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes
    signers: frozenset[_Key]


def _under(key: _Key, origin: str) -> _Key:
    # The key under the name of that tree of the same log: the n-th shard of "x" is called "x/n".
    if {key.name, _SHARD_SUFFIX.sub("", key.name)} & {origin, _SHARD_SUFFIX.sub("", origin)}:
        return key._replace(name=origin, id=_key_id(origin, bytes([key.kind]) + key.public))
    return key


def _key_id(name: str, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]


def _parse_key(text: str) -> _Key:
    # ValueError when it is not exactly how such a key is written, or its id is another key's.
    name, key_id, encoded = [*text.split("+", 2), "", ""][:3]
    key = _unbase64(encoded)
    found = _key_id(name, key)
    if not name or re.search(r"\s", name) or not key or found.hex() != key_id:
        raise ValueError("not a verifier key")
    if key[0] == _ED25519 and len(key) != 1 + _HASH:
        raise ValueError("an Ed25519 key has 32 bytes")
    return _Key(name, found, key[0], key[1:])


def _open_note(note: bytes, keys: Sequence[_Key], which: Said) -> _Checkpoint:
    # The checkpoint in a signed note, once a trusted key's signature is found right and none wrong.
    malformed = _Altered(
        f"{which.en} is not written as a signed checkpoint is.", f"{which.zh}不是规范的签名检查点。"
    )
    try:
        text, lines = _split_note(note)
        origin, size, root = text.split("\n")[:3]
        decoded = _unbase64(root)
    except ValueError:
        raise malformed from None
    if not origin or not _NUMBER.fullmatch(size) or len(decoded) != _HASH:
        raise malformed
    signers = set()
    for name, blob in lines:
        for key in keys:
            known = _under(key, origin)
            if (name, blob[:4]) == (known.name, known.id):
                if key in signers or not _is_signed(key.public, blob[4:], text.encode()):
                    raise _Altered(
                        f"The signature of {_shown(name)} under {which.en[0].lower()}{which.en[1:]} is wrong: "
                        f"the checkpoint was changed, or another key made it.",
                        f"{which.zh}上 {_shown(name)} 的签名不正确：检查点被改动，或由其他密钥签出。",
                    )
                signers.add(key)
    if not signers:
        raise _Altered(
            f"{which.en} is not signed by any trusted key; if the log's key was changed, give the older one too.",
            f"{which.zh}没有可信密钥的签名；如日志更换过密钥，请一并给出旧公钥。",
        )
    if origin not in {_under(key, origin).name for key in signers}:
        raise _Altered(f"{which.en} is another log's.", f"{which.zh}属于另一份日志。")
    return _Checkpoint(origin, int(size), decoded, frozenset(signers))


def _split_note(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    text, border, signatures = note.decode().rpartition("\n\n")
    lines = signatures[:-1].split("\n")
    if not border or not signatures.endswith("\n") or not 1 <= len(lines) <= _MOST_SIGNATURES:
        raise ValueError("not a signed note")
    split = []
    for line in lines:
        dash, name, encoded = line.split(" ")
        if dash != "—" or not name:
            raise ValueError("not a signature line")
        split.append((name, _unbase64(encoded)))
    return text + "\n", split


def _is_signed(public: bytes, signature: bytes, text: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise CannotVerify(
            "Signatures cannot be checked without the Python package `cryptography`; install it and try again.",
            "缺少 Python 软件包 cryptography，无法核验签名；请安装后重试。",
        ) from None
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _unbase64(text: str) -> bytes:
    decoded = base64.b64decode(text, validate=True)
    if base64.b64encode(decoded).decode() != text:
        raise ValueError("not the one base64 spelling of these bytes")
    return decoded


# ---------------------------------------------------------------- names and bundles


def _tile_name(level: int | str, index: int, width: int) -> str:
    parts = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        parts.append(f"x{index % 1000:03}")
    return f"tile/{level}/{'/'.join(reversed(parts))}" + (f".p/{width}" if width < _WIDE else "")


def _tile_names(size: int, *, entries: bool) -> Iterator[str]:
    # What a log of this size consists of; lazily, because the size may be a lie.
    level = 0
    while size:
        for index in range((size + _WIDE - 1) // _WIDE):
            yield _tile_name("entries" if entries else level, index, min(_WIDE, size - index * _WIDE))
        level, size = level + 1, 0 if entries else size // _WIDE


def _split(bundle: bytes) -> tuple[list[bytes], bool]:
    # The entries, and whether the bundle ends where one ends.
    entries: list[bytes] = []
    at, end = 0, len(bundle)
    while at + 2 <= end:
        begin = at + 2
        at = begin + (bundle[begin - 2] << 8 | bundle[begin - 1])
        if at > end:
            return entries, False
        entries.append(bundle[begin:at])
    return entries, at == end


def _record(index: int, leaf: bytes | None, why: str) -> BadRecord:
    try:
        document = json.loads(leaf or b"{}")
    except (ValueError, RecursionError):
        document = {}
    told = document if isinstance(document, dict) else {}
    return BadRecord(index, _shown(told.get("id", "")), _shown(told.get("at", "")), why)


def _shown(value: object) -> str:
    # What a stranger wrote, safe for a terminal.
    text = value if isinstance(value, str) else ""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:120])


def _called(bad: BadRecord) -> str:
    inside = ", ".join(part for part in (bad.id, bad.at) if part)
    return f"{bad.index:,} ({inside})" if inside else f"{bad.index:,}"


def _at_record(index: int, leaf: bytes | None, en: str, zh: str) -> _Altered:
    bad = _record(index, leaf, en)
    return _Altered(f"Record {_called(bad)} {en}.", f"第 {_called(bad)} 号记录{zh}。", bad)


# ---------------------------------------------------------------- what records say


def _refuse_number(_: str) -> None:
    raise ValueError("a log holds no floating-point numbers")


_decoder = json.JSONDecoder(parse_float=_refuse_number, parse_constant=_refuse_number)
_decode, _decode_first = _decoder.decode, _decoder.raw_decode
_encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode


class _Told(NamedTuple):
    # What the records of one bundle say, as far as it is held against other records.

    hashes: bytes  # of all records as leaves, side by side
    root: bytes  # of the whole subtree over them; empty unless there are 256
    ids: bytes  # a digest of every id, side by side
    acts: list[tuple[Any, ...]]  # place among these records, digest of the request or consent, kind, more
    fault: tuple[int, str, str] | None  # place and what is wrong of the first that is not written as a record


class _Unlike(Exception):
    # This is not how such a record is written.

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.words = en, zh


def _told(start: int, leaves: Sequence[bytes], hashes: bytes) -> _Told:
    # What comes after the first record that is not written as one is left out.
    ids: list[bytes] = []
    acts: list[tuple[Any, ...]] = []
    fault = None
    for begin in range(0, len(leaves), _PORTION):
        fault = _hear(begin, leaves[begin : begin + _PORTION], start, ids, acts)
        if fault is not None:
            break
    root = _folded(hashes) if len(leaves) == _WIDE else b""
    return _Told(hashes, root, b"".join(ids), acts, fault)


def _hear(
    begin: int, leaves: Sequence[bytes], start: int, ids: list[bytes], acts: list[tuple[Any, ...]]
) -> tuple[int, str, str] | None:
    place, documents = begin, _documents(leaves)
    try:
        for place, document in enumerate(documents, begin):
            kind = _kind(document)
            ids.append(_digest(document["id"]))
            if kind in _ACTS:
                acts.append((place, *_ACTS[kind](document)))
            elif kind == _OPENED and start + place:
                raise _Unlike("opens a shard in the middle of another", "在分片中间开启了分片")
    except _Unlike as unlike:
        return (place, *unlike.words)
    if len(documents) < len(leaves):
        return begin + len(documents), "is not canonical JSON", "不是规范 JSON"
    return None


def _kind(document: Any) -> str:
    if type(document) is not dict:
        raise _Unlike("is not a JSON object", "不是 JSON 对象")
    kind = document.get("kind")
    if not (type(kind) is type(document.get("id")) is type(document.get("at")) is str):
        raise _Unlike("lacks its id, kind or time", "缺少编号、类型或时间")
    return kind


def _documents(leaves: Sequence[bytes]) -> list[Any]:
    # What the records hold, up to the first that is not canonical.
    try:
        texts = [leaf.decode() for leaf in leaves]
        read = [_decode_first(text) for text in texts]
        documents = [document for document, _ in read]
        # Written again all at once, which is faster than one by one; where one ends is known from reading.
        if [end for _, end in read] == [*map(len, texts)] and _encode(documents) == f"[{','.join(texts)}]":
            return documents
    except (ValueError, RecursionError):
        pass
    documents = []
    for leaf in leaves:
        if _encoded(leaf) != leaf:
            break
        documents.append(_decode(leaf.decode()))
    return documents


def _encoded(leaf: bytes) -> bytes | None:
    try:
        return _encode(_decode(leaf.decode())).encode()
    except (ValueError, RecursionError):
        return None


def _intent(document: Mapping[str, Any]) -> tuple[Any, ...]:
    request, asks = document.get("request"), document.get("asks", [])
    is_formed = type(request) is str and type(asks) is list
    if not is_formed or not all(map(_is_ask, asks)):
        raise _Unlike("is an intent that is not written as one", "作为意向记录格式不符")
    return _digest(str(request)), "intent", tuple(_digest(each) for each in _rests_on(asks))


def _is_ask(ask: Any) -> bool:
    return type(ask) is list and len(ask) >= 6 and type(ask[3]) is bool and type(ask[5]) is str


def _rests_on(asks: Sequence[Any]) -> set[str]:
    return {ask[5][8:] for ask in asks if ask[3] and ask[5].startswith("consent:")}


def _outcome(document: Mapping[str, Any]) -> tuple[Any, ...]:
    became = _CLOSED if document.get("result") == "unknown" else _ANSWERED
    rests = document.get("rests")
    left = [_digest(each) for each in rests if type(each) is str] if type(rests) is list else None
    return _request(document), "outcome", became, left


def _reread(document: Mapping[str, Any]) -> tuple[Any, ...]:
    return _request(document), "reread", document.get("result") != "withheld"


def _moved(document: Mapping[str, Any]) -> tuple[Any, ...]:
    return _request(document), document["kind"]


def _request(document: Mapping[str, Any]) -> bytes:
    request = document.get("request")
    return _digest(request) if type(request) is str else b""


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST).digest()


_ACTS: Mapping[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]] = {
    "intent": _intent,
    "outcome": _outcome,
    "outcome.reread": _reread,
    **dict.fromkeys((*_ENDINGS, "consent.paused", "consent.resumed"), _moved),
}


class _Reader:
    # Holds what the records say against one another, in order; of ids, requests and consents it keeps 16 bytes each.

    def __init__(self, hold: Callable[[int, _Altered], None]) -> None:
        self._hold = hold
        self._ids: set[bytes] = set()
        self._waiting: dict[bytes, int] = {}  # request → index of its intent, or what became of it
        self._rests: dict[bytes, tuple[bytes, ...]] = {}  # request → the consents it rests on
        self._ended: dict[bytes, bool] = {}  # consent → whether it ended for good
        self._blamed: set[int] = set()
        self._is_stopped = False
        self.answered_late = 0

    def unanswered(self) -> list[int]:
        return [index for index in self._waiting.values() if index >= 0]

    def take(self, start: int, told: _Told, leaves: Callable[[], Sequence[bytes]]) -> None:
        """What the next records say; `leaves` gives them, to name one."""
        if self._is_stopped:
            return
        self._start, self._leaves = start, leaves
        fault = self._twice(told.ids) or told.fault
        for act in told.acts:
            self._take_act(*act)
        if fault is not None:
            self._blame(_LEAF, *fault)
            self._is_stopped = True

    def _twice(self, digests: bytes) -> tuple[int, str, str] | None:
        ids = [each for (each,) in _IDS.iter_unpack(digests)]
        if len(set(ids)) < len(ids) or not self._ids.isdisjoint(ids):
            for place, each in enumerate(ids):
                if each in self._ids:
                    return place, "bears the id of an earlier one", "与此前某条记录编号重复"
                self._ids.add(each)
        self._ids.update(ids)
        return None

    def _blame(self, rank: int, place: int, en: str, zh: str) -> None:
        if rank not in self._blamed:  # the first is told; to name one is to read it again
            self._blamed.add(rank)
            self._hold(rank, _at_record(self._start + place, self._leaves()[place], en, zh))

    def _take_act(self, place: int, digest: bytes, kind: str, *more: Any) -> None:
        if kind == "intent":
            self._take_intent(place, digest, *more)
        elif kind == "outcome":
            self._take_outcome(place, digest, *more)
        elif kind == "reread":
            self._take_reread(place, digest, *more)
        elif digest:
            self._take_move(digest, kind)

    def _take_intent(self, place: int, digest: bytes, rests: tuple[bytes, ...]) -> None:
        self._waiting.setdefault(digest, self._start + place)
        if rests:
            self._rests[digest] = rests
            self._require_standing(place, rests)

    def _require_standing(self, place: int, rests: Sequence[bytes]) -> None:
        for digest in rests:
            if digest in self._ended:
                how = ("withdrawn", "撤回") if self._ended[digest] else ("paused", "暂停")
                name = _shown(self._name(place, digest))
                en = f"rests on consent {name} after it was {how[0]}"
                return self._blame(_CONSENT, place, en, f"在同意书 {name} {how[1]}之后仍以其为依据")
        return None

    def _name(self, place: int, consent: bytes) -> str:
        """That consent, as the record names it; an answer that is read again names none."""
        asks = _decode(self._leaves()[place].decode()).get("asks", [])
        return next((each for each in _rests_on(asks) if _digest(each) == consent), "")

    def _take_outcome(self, place: int, digest: bytes, became: int, left: Sequence[bytes] | None) -> None:
        before = self._waiting.get(digest)
        if before is None:
            self._blame(_PAIR, place, "was released without an intent", "没有对应的意向记录即已放行")
        elif before >= 0:
            self._waiting[digest] = became
            if left is not None and digest in self._rests:
                # At the second gate an answer may have lost a consent, and what came by it: it is read again
                # without both.
                self._rests[digest] = tuple(each for each in self._rests[digest] if each in left)
        elif before in (_BOTH, became):
            self._blame(_PAIR, place, "is a second outcome of one intent", "是同一意向记录的第二条结果")
        else:  # taken for lost while it was still at work
            self._waiting[digest] = _BOTH
            self.answered_late += 1

    def _take_reread(self, place: int, digest: bytes, is_shown: bool) -> None:
        if self._waiting.get(digest) not in (_ANSWERED, _BOTH):
            self._blame(_PAIR, place, "reads again what was never answered", "重读了从未给出的结果")
        elif is_shown:
            self._require_standing(place, self._rests.get(digest, ()))

    def _take_move(self, consent: bytes, kind: str) -> None:
        if kind in _ENDINGS:
            self._ended[consent] = True
        elif kind == "consent.paused":
            self._ended.setdefault(consent, False)
        elif not self._ended.get(consent, True):
            del self._ended[consent]  # what has ended never comes back


# ---------------------------------------------------------------- many hands


class _Helpers:
    # Other processes of this file that read a bundle's records, each its share; one bundle of them after another is
    # handed on as a length and what `_told` gives. Where a helper found anything wrong it hands on nothing: then, as
    # without helpers, this process reads for itself and finds the words. Nor is a helper's death more than a delay.

    def __init__(self, path: str | os.PathLike[str], count: int) -> None:
        self._path = path
        self._count = min(count, _MOST_HELPERS)
        self._helpers: list[subprocess.Popen[bytes]] = []
        self._turn = 0

    def start(self, trees: Sequence[tuple[str, int]]) -> None:
        """`trees`: the prefix and size of each, in the order in which they will be asked about."""
        if self._count < 2 or not sys.executable or sum(size for _, size in trees) < _WORTH_HELP:
            return
        try:
            for number in range(self._count):
                self._add(number, json.dumps(trees).encode())
        except OSError:
            self.close()

    def _add(self, number: int, trees: bytes) -> None:
        share = ("--share", str(number), str(self._count))
        command = [sys.executable, "-I", __file__, *share, "--", os.fspath(self._path)]
        pipe = subprocess.PIPE
        helper = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)  # noqa: S603 - this file
        self._helpers.append(helper)
        if helper.stdin is not None:
            with helper.stdin as given:
                given.write(trees)

    def next(self) -> _Told | None:
        """What the next bundle's records say; None when that is to be found out here."""
        if not self._helpers:
            return None
        out = self._helpers[self._turn % self._count].stdout
        self._turn += 1
        try:
            frame = _framed(out) if out is not None else b""
            return _Told(*marshal.loads(frame)) if frame else None  # noqa: S302 - what this file wrote
        except (EOFError, ValueError, TypeError, OSError):
            self.close()
            return None

    def close(self) -> None:
        """Lets them go, whether they have finished or not."""
        for helper in self._helpers:
            helper.kill()
            if helper.stdout is not None:
                helper.stdout.close()
            helper.wait()
        self._helpers.clear()


def _framed(file: BinaryIO | Any) -> bytes:
    (length,) = _FRAME.unpack(_exactly(file, _FRAME.size))
    return _exactly(file, length)


def _exactly(file: BinaryIO | Any, length: int) -> bytes:
    content: bytes = file.read(length)
    if len(content) != length:
        raise EOFError
    return content


def _help(path: str, number: int, count: int) -> int:
    # A helper's whole life.
    gc.disable()  # nothing here goes in circles
    trees = json.loads(sys.stdin.buffer.read())
    source = _open_source(path)
    out = sys.stdout.buffer
    for turn, (prefix, index, width) in enumerate(_every_bundle(trees)):
        if turn % count == number:
            frame = _frame(source, prefix, index, width)
            out.write(_FRAME.pack(len(frame)) + frame)
            out.flush()
    return SOUND


def _every_bundle(trees: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int, int]]:
    for prefix, size in trees:
        for index in range((size + _WIDE - 1) // _WIDE):
            yield prefix, index, min(_WIDE, size - index * _WIDE)


def _frame(source: _Source, prefix: str, index: int, width: int) -> bytes:
    try:
        told = _told_at(source, prefix, index, width)
    except (_Altered, CannotVerify):
        return b""
    return b"" if told.fault else marshal.dumps(tuple(told))


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


# ---------------------------------------------------------------- one tree


class _Link(NamedTuple):
    # What the first record of a shard says of the one before it. `held`: the newest checkpoint that the database held
    # of it, None when it held none; `last`: the last one that was signed. Both: origin, size, root in hex.

    shard: int
    last: tuple[str, int, str]
    held: tuple[str, int, str] | None


class _Tree:
    # One tree of the log: checked against its newest checkpoint and every earlier one that is there.

    def __init__(self, source: _Source, prefix: str, keys: Sequence[_Key]) -> None:
        self.prefix = prefix
        self.keys = keys
        self.checkpoints = 0
        self.link: _Link | None = None
        self.point: tuple[int, bytes | None] = (-1, None)  # a size, and the root that the tree had then
        self._source = source
        self._held: dict[int, _Altered] = {}
        self._stack: list[bytes] = []  # the whole subtrees so far, largest first
        self._rows: dict[int, bytearray] = {}  # level → hashes of the tile being filled
        self._full: dict[int, int] = {}  # level → tiles filled
        self._earlier: Iterator[tuple[int, _Checkpoint]] = iter(())
        self._due: tuple[int, _Checkpoint] | None = None
        self._fits = 0  # size of the last earlier checkpoint whose root was found again

    def open(self) -> None:
        """Reads its newest checkpoint, and for a later shard the record that opened it."""
        where = f" of {self.prefix}" if self.prefix else ""
        which = Said(f"The newest checkpoint{where}", f"{self.prefix}最新检查点")
        self.newest = _open_note(self._newest_note(), self.keys, which)
        suffix = _SHARD_SUFFIX.search(self.newest.origin)
        if self.newest.size and suffix is not None:
            leaf = self._first_record(self.newest.size)
            self.link = _link_of(leaf, self.newest.origin, int(suffix[0][1:]))
        self.shard = self.link.shard if self.link else 1
        self.checkpoints = 1

    def _first_record(self, size: int) -> bytes:
        entries, _ = _split(self._read(_tile_name("entries", 0, min(_WIDE, size)), _MOST_BUNDLE))
        return entries[0] if entries else b""

    def _newest_note(self) -> bytes:
        try:
            return self._read("checkpoint", _MOST_NOTE)
        except _Altered:
            if self._source.names is None:
                raise _unreadable(
                    f"there is no {self.prefix}checkpoint at this address", f"此地址没有 {self.prefix}检查点"
                ) from None
            raise

    # -------------------------------- members

    def check_records_there(self, rest: set[str]) -> None:
        """Takes the names of its records out of `rest`, all names below this tree."""
        size = self.newest.size
        for name in _tile_names(size, entries=True):
            if name not in rest:
                raise self._wrong_count(size, rest)
            rest.remove(name)
        if any(name.startswith("tile/entries/") for name in rest):
            raise self._wrong_count(size, rest)

    def check_extras(self, rest: set[str], extras: Sequence[str]) -> None:
        """Takes out the names of everything else; nothing may be left."""
        for name in (*extras, *_tile_names(self.newest.size, entries=False)):
            if name not in rest:
                raise self._without(name, rest)
            rest.remove(name)
        if rest:
            raise _slipped_in(self.prefix + min(rest))

    def _without(self, name: str, rest: set[str]) -> _Altered:
        tile = name.partition(".p/")[0]
        stands = [each for each in rest if each.partition(".p/")[0] == tile]
        name = self.prefix + name
        if stands:
            found = _shown(self.prefix + stands[0])
            return _Altered(
                f"{found} stands where {name} belongs: it is not as wide as the log needs.",
                f"应为 {name} 处却是 {found}：宽度不符。",
            )
        return _Altered(f"{name} is missing from the bundle.", f"本包缺少 {name}。")

    def _wrong_count(self, size: int, rest: set[str]) -> _Altered:
        # Where records were added or taken out, the level-0 tiles still say at which one.
        bundles: dict[int, tuple[str, int]] = {}
        prefix = len(self.prefix)
        for name in sorted(self._source.names or ()):
            match = _ENTRIES_NAME.fullmatch(name[prefix:]) if name.startswith(self.prefix) else None
            if match:
                index = int(re.sub("[x/]", "", match[1]))
                if index in bundles:
                    return _slipped_in(name if name[prefix:] in rest else self.prefix + bundles[index][0])
                bundles[index] = (name[prefix:], int(match[2] or _WIDE))
        held = sum(width for _, width in bundles.values())
        if held == size:
            return _slipped_in(self.prefix + min(name for name in rest if name.startswith("tile/entries/")))
        en = f"The checkpoint states {size:,} records, the bundle holds {held:,}"
        zh = f"检查点载明 {size:,} 条记录，本包有 {held:,} 条"
        fault, index = None, 0
        while fault is None and index in bundles:
            fault = self._first_difference(index, bundles[index][0], min(_WIDE, size - index * _WIDE))
            index += 1
        if fault is None and index * _WIDE < size:
            fault = _at_record(index * _WIDE, None, *_CUT)
        if fault is None:
            return _Altered(f"{en}.", f"{zh}。")
        return _Altered(f"{en}. {fault.said.en}", f"{zh}。{fault.said.zh}", fault.bad)

    def _first_difference(self, index: int, bundle: str, width: int) -> _Altered | None:
        entries, is_whole = _split(self._read(bundle, _MOST_BUNDLE))
        if width <= 0:
            return _at_record(index * _WIDE, entries[0] if entries else None, *_ADDED)
        hashes = [hashlib.sha256(b"\0" + entry).digest() for entry in entries]
        name = _tile_name(0, index, width)
        if self.prefix + name not in (self._source.names or ()):
            return None
        tile = self._read(name, _WIDE * _HASH)
        return _compared(index, entries, is_whole, hashes, tile, width)

    def _read(self, name: str, most: int) -> bytes:
        return _read(self._source, self.prefix + name, most)

    # -------------------------------- one pass over the records

    def check_records(self, reader: _Reader, helpers: _Helpers, progress: Callable[[int], None]) -> None:
        """Reads every record once; what is wrong with tiles, root and earlier checkpoints is held for `tell`."""
        self._earlier = self._earlier_checkpoints(self.newest)
        self._next_due()
        size = self.newest.size
        for index in range((size + _WIDE - 1) // _WIDE):
            start = index * _WIDE
            width = min(_WIDE, size - start)
            told = helpers.next() or _told_at(self._source, self.prefix, index, width)
            self._grow(start, told)
            reader.take(start, told, partial(self._leaves, index, width))
            progress(width)
        self._meet_checkpoints(size)
        self._meet_point(size)
        for level, row in self._rows.items():
            if row:
                self._compare_tile(level, bytes(row))

    def _leaves(self, index: int, width: int) -> list[bytes]:
        return _compared_leaves(self._source, self.prefix, index, width)[0]

    def _grow(self, count: int, told: _Told) -> None:
        end = count + len(told.hashes) // _HASH
        is_due = self._due is not None and self._due[1].size < end
        if told.root and not is_due and not count <= self.point[0] < end:
            self._append(count, 8, told.root)
            return
        for at in range(0, len(told.hashes), _HASH):
            if self._due is not None and self._due[1].size <= count:
                self._meet_checkpoints(count)
            if count == self.point[0]:
                self._meet_point(count)
            self._append(count, 0, told.hashes[at : at + _HASH])
            count += 1

    def _append(self, count: int, height: int, top: bytes) -> None:
        """Puts a whole subtree of that height after `count` records."""
        rest = count >> height
        while True:
            if height and not height & 7:
                self._add_hash(height >> 3, top)
            if not rest & 1:
                break
            top = hashlib.sha256(b"\1" + self._stack.pop() + top).digest()
            rest, height = rest >> 1, height + 1
        self._stack.append(top)

    def _add_hash(self, level: int, node: bytes) -> None:
        row = self._rows.setdefault(level, bytearray())
        row += node
        if len(row) == _WIDE * _HASH:
            self._compare_tile(level, bytes(row))
            self._full[level] = self._full.get(level, 0) + 1
            row.clear()

    def _compare_tile(self, level: int, row: bytes) -> None:
        if _TILE in self._held:
            return
        name = _tile_name(level, self._full.get(level, 0), len(row) // _HASH)
        try:
            if self._read(name, _WIDE * _HASH) != row:
                en, zh = "does not hold the hashes that follow from the records", "中的哈希与记录不符"
                raise _Altered(f"{self.prefix}{name} {en}.", f"{self.prefix}{name} {zh}。")
        except _Altered as fault:
            self._held.setdefault(_TILE, fault)

    def _root(self) -> bytes:
        if not self._stack:
            return hashlib.sha256().digest()
        top = self._stack[-1]
        for left in reversed(self._stack[:-1]):
            top = hashlib.sha256(b"\1" + left + top).digest()
        return top

    def _meet_point(self, count: int) -> None:
        if count == self.point[0]:
            self.point = (count, self._root())

    # -------------------------------- earlier checkpoints

    def _earlier_checkpoints(self, newest: _Checkpoint) -> Iterator[tuple[int, _Checkpoint]]:
        # (number from 1, checkpoint), signatures checked, sizes never falling.
        before = 0
        for number, line in enumerate(self._earlier_lines(), 1):
            which = Said(f"Earlier checkpoint {number:,}", f"第 {number:,} 个早期检查点")
            size, note = _earlier_line(line, which)
            found = _open_note(note.encode(), self.keys, which)
            if found.size != size or found.origin != newest.origin or size < before:
                raise _Altered(f"{which.en} stands in the wrong place.", f"{which.zh}位置不对。")
            if size > newest.size:
                raise _Altered(
                    f"{which.en} states {size:,} records, more than the newest: the log was rolled back.",
                    f"{which.zh}载明 {size:,} 条记录，多于最新检查点：日志被回退。",
                )
            before = size
            yield number, found

    def _earlier_lines(self) -> list[str]:
        try:
            content = self._source.read(self.prefix + "checkpoints.jsonl", _MOST_MEMBER)
        except _Missing:  # of a bundle that was told before; a server need not have it
            return []
        try:
            text = content.decode()
        except ValueError:
            text = "?"
        if len(content) > _MOST_MEMBER or (text and not text.endswith("\n")):
            raise _Altered(
                "checkpoints.jsonl was cut or is not text.", "checkpoints.jsonl 被截断或不是文本。"
            )
        return text[:-1].split("\n") if text else []

    def _next_due(self) -> None:
        try:
            self._due = next(self._earlier, None)
        except _Altered as fault:
            self._held.setdefault(_EARLIER, fault)
            self._due = None

    def _meet_checkpoints(self, count: int) -> None:
        # Those that state as many records as have been read.
        root = self._root()
        while self._due is not None and self._due[1].size == count:
            number, checkpoint = self._due
            if checkpoint.root != root:
                fault = _Altered(
                    f"Earlier checkpoint {number:,} does not fit: the first {count:,} records are no longer "
                    f"those it was signed for; the change lies after the first {self._fits:,}.",
                    f"第 {number:,} 个早期检查点不符：前 {count:,} 条记录已不是当初签名时的内容；"
                    f"改动在前 {self._fits:,} 条之后。",
                )
                self._held.setdefault(_EARLIER, fault)
                self._due = None
                return
            self._fits = count
            self.checkpoints += 1
            self._next_due()

    # -------------------------------- the verdict

    def tell(self, say: Callable[[str, str], None]) -> None:
        """Says what was found right about it, up to the first thing that was not, which is raised."""
        say("Every record has the hash that was logged.", "每条记录的哈希与登记一致。")
        self._raise_held(_TILE)
        say("Every tile follows from the records.", "全部哈希分块与记录一致。")
        if self._root() != self.newest.root:
            raise self._wrong_root()
        say("The root is the one the checkpoint states.", "根哈希与检查点一致。")
        self._raise_held(_EARLIER)
        earlier = self.checkpoints - 1
        say(
            f"{earlier:,} earlier checkpoints are signed and fit.",
            f"{earlier:,} 个早期检查点签名正确且相符。",
        )

    def _raise_held(self, rank: int) -> None:
        if rank in self._held:
            raise self._held[rank]

    def _wrong_root(self) -> _Altered:
        en, zh = "The records give another root than the checkpoint states", "由记录算出的根哈希与检查点不符"
        after = Said("", "")
        if self._fits:
            after = Said(
                f"; the first {self._fits:,} still fit an earlier checkpoint, the change lies after them",
                f"；前 {self._fits:,} 条仍与早期检查点相符，改动在其后",
            )
        return _Altered(
            f"{en}: records and tiles were rewritten together{after.en}.",
            f"{zh}：记录与分块被一并改写{after.zh}。",
        )


# ---------------------------------------------------------------- the whole log


class _Run:
    # One verification: the checks in the order they are told.

    def __init__(
        self,
        source: _Source,
        keys: Sequence[str],
        progress: Callable[[int, int], None] | None,
        helpers: _Helpers,
    ) -> None:
        self.said: list[Said] = []
        self.warnings: list[Said] = list(source.warnings)
        self._source = source
        self._given = [_given_key(key) for key in keys]
        self._progress = progress
        self._helpers = helpers
        self._done = 0
        self._held: dict[int, _Altered] = {}
        self._reader = _Reader(self._hold)
        self._trees: list[
            _Tree
        ] = []  # the present one first while they are found, the oldest first afterwards
        self._at: _Tree | None = None

    @property
    def newest(self) -> _Checkpoint | None:
        """The newest checkpoint of the present tree, once its signature was right."""
        return max(self._trees, key=lambda tree: tree.shard).newest if self._trees else None

    @property
    def size(self) -> int:
        """Records that the newest checkpoints state together."""
        return sum(tree.newest.size for tree in self._trees)

    @property
    def checkpoints(self) -> int:
        """How many were found right."""
        return sum(tree.checkpoints for tree in self._trees)

    def fault(self) -> _Altered | None:
        """The first thing wrong, None when nothing is."""
        try:
            self._find_trees(self._check_keys())
            self._check_members()
            if self._source.names is not None:  # nobody asks a server with several processes
                self._helpers.start([(tree.prefix, tree.newest.size) for tree in self._trees])
            for tree in self._trees:
                self._at = tree
                tree.check_records(self._reader, self._helpers, self._advance)
                if tree is not self._trees[-1]:
                    tree.tell(lambda _en, _zh: None)
                    self._tell_older(tree)
            self._trees[-1].tell(self._say)
            self._at = None
            self._check_links()
            self._tell_held()
        except _Altered as fault:
            return self._placed(fault)
        return None

    def _hold(self, rank: int, fault: _Altered) -> None:
        self._held.setdefault(rank, self._placed(fault))

    def _placed(self, fault: _Altered) -> _Altered:
        """The fault, saying in which shard, where there are several."""
        if self._at is None or len(self._trees) < 2:
            return fault
        number = self._at.shard
        bad = None if fault.bad is None else replace(fault.bad, shard=number)
        return _Altered(f"In shard {number}: {fault.said.en}", f"第 {number} 分片：{fault.said.zh}", bad)

    def _say(self, en: str, zh: str) -> None:
        self.said.append(Said(en, zh))

    def _warn(self, en: str, zh: str) -> None:
        self.warnings.append(Said(en, zh))

    def _advance(self, records: int) -> None:
        self._done += records
        if self._progress is not None:
            self._progress(self._done, self.size)

    # -------------------------------- keys, trees, members

    def _check_keys(self) -> list[_Key]:
        if self._source.names is None:
            if not self._given:
                raise CannotVerify(
                    "Give the log's key with --key: a key taken from the same server would prove nothing.",
                    "请用 --key 给出日志公钥：取自同一服务器的公钥不能证明什么。",
                )
            inside = []
        else:
            inside = self._keys_inside("")
        if not self._given:
            self._warn(
                "No key was given; the one in the bundle shows only that the bundle agrees with itself.",
                "未给出公钥；包内的公钥只能证明本包与自身一致。",
            )
            return inside
        if inside and not self._are_ours(inside):
            raise _Altered(
                "The bundle names other keys than the one given: it is another log's, or signed anew.",
                "包内列出的密钥与给出的公钥不同：属于另一份日志，或被重新签名。",
            )
        self._say("The key given is well formed.", "给出的公钥格式正确。")
        return self._given

    def _are_ours(self, inside: Sequence[_Key]) -> bool:
        return any(_under(given, key.name) == key for given in self._given for key in inside)

    def _keys_inside(self, prefix: str) -> list[_Key]:
        name = f"{prefix}log.vkey"
        try:
            text = _read(self._source, name, _MOST_NOTE).decode()
            keys = [_parse_key(line) for line in text[:-1].split("\n")]
        except ValueError:
            keys, text = [], ""
        if not text.endswith("\n") or not any(key.kind == _ED25519 for key in keys):
            raise _Altered(f"{name} does not hold the log's keys.", f"{name} 中不是日志公钥。")
        return [key for key in keys if key.kind == _ED25519]

    def _find_trees(self, keys: list[_Key]) -> None:
        """The present tree, and by way of the record that opened it the ones before."""
        prefix, below = "", 1 << 30
        while True:
            tree = _Tree(self._source, prefix, keys)
            self._at = tree if prefix else None
            tree.open()
            if tree.shard >= below:
                raise _Altered("The shards of the log are out of order.", "日志分片顺序不对。")
            if self._trees and self._trees[-1].link is not None:
                last = self._trees[-1].link.last
                tree.point = (last[1] if last[0] == tree.newest.origin else -1, None)
            self._trees.append(tree)
            if not prefix:
                self._check_signers(tree.newest, keys)
            link, below = tree.link, tree.shard
            if link is None or link.held is None:
                break
            suffix = _SHARD_SUFFIX.search(link.held[0])
            is_first = suffix is None or link.held[0] == _SHARD_SUFFIX.sub("", tree.newest.origin)
            prefix = f"shards/{1 if is_first or suffix is None else int(suffix[0][1:])}/"
        self._trees.reverse()
        self._at = None

    def _check_signers(self, newest: _Checkpoint, keys: Sequence[_Key]) -> None:
        signers = ", ".join(sorted(f"{_shown(key.name)}+{key.id.hex()}" for key in newest.signers))
        if keys[0] not in newest.signers:
            # Whoever got hold of a key that was replaced could have written the whole log anew.
            raise _Altered(
                "The newest checkpoint is not signed by the newest key, the first one given.",
                "最新检查点未由最新密钥（所给的第一个）签名。",
            )
        self._say(f"The newest checkpoint is signed by {signers}.", f"最新检查点由 {signers} 签名。")

    def _check_members(self) -> None:
        names, size = self._source.names, self.size
        if names is None:
            self._say(f"The checkpoint states {size:,} records.", f"检查点载明 {size:,} 条记录。")
            return
        rest, parts = set(names), []
        for tree in self._trees[:-1]:
            own = {name for name in rest if name.startswith(tree.prefix)}
            rest -= own
            parts.append((tree, {name[len(tree.prefix) :] for name in own}))
        parts.append((self._trees[-1], rest))
        for tree, own in parts:
            tree.check_records_there(own)
        self._say(
            f"There are {size:,} records, as the checkpoint states.", f"共 {size:,} 条记录，与检查点一致。"
        )
        for tree, own in parts:
            tree.check_extras(own, _EXTRAS if not tree.prefix else _EXTRAS[1:])
            inside = self._keys_inside(tree.prefix)
            if tree.prefix and not self._are_trusted(inside, tree.keys):
                raise _Altered(
                    f"{tree.prefix}log.vkey names other keys than the log's.",
                    f"{tree.prefix}log.vkey 列出的不是本日志的密钥。",
                )
            if any(key.name != tree.newest.origin for key in inside):
                raise _Altered(
                    f"{tree.prefix}log.vkey does not call its keys as this tree of the log is called.",
                    f"{tree.prefix}log.vkey 中的密钥名称与本日志不符。",
                )
        if _read(self._source, "README.txt", _MOST_NOTE) != README.encode():
            raise _Altered(
                "README.txt is not the text of such a bundle.", "README.txt 不是此类导出包的文本。"
            )

    @staticmethod
    def _are_trusted(inside: Sequence[_Key], keys: Sequence[_Key]) -> bool:
        return any(_under(trusted, key.name) == key for trusted in keys for key in inside)

    # -------------------------------- between the shards

    def _tell_older(self, tree: _Tree) -> None:
        size, number = tree.newest.size, tree.shard
        self._say(
            f"Shard {number}: {size:,} records, {tree.checkpoints:,} checkpoints, all as they were signed.",
            f"第 {number} 分片：{size:,} 条记录、{tree.checkpoints:,} 个检查点，均与签名一致。",
        )

    def _check_links(self) -> None:
        """Each shard's first record against what there is of the one before."""
        for place, tree in enumerate(self._trees):
            if tree.link is not None:
                self._check_link(self._trees[place - 1] if place else None, tree.link)

    def _check_link(self, before: _Tree | None, link: _Link) -> None:
        origin, size, root = link.last
        if before is not None and link.held is not None:
            self._check_held(before, link.held)
        if before is None or before.newest.origin != origin or size > before.newest.size:
            held = before.newest.size if before is not None and before.newest.origin == origin else 0
            self._warn(
                f"Shard {link.shard} was opened because the database had lost records: {size - held:,} that were "
                f"signed as {_shown(origin)} are in no bundle; its first record says so.",
                f"第 {link.shard} 分片因数据库丢失记录而开启：曾以 {_shown(origin)} 签名的 {size - held:,} 条"
                f"不在任何导出包中；其首条记录已载明。",
            )
        elif before.point[1] is not None and before.point[1].hex() != root:
            self._warn(
                f"Shard {before.shard} in here is not the history that was signed last: the database had been forked "
                f"before shard {link.shard} was opened, as that one's first record says.",
                f"本包中的第 {before.shard} 分片并非最后签名的历史：开启第 {link.shard} 分片之前数据库已被分叉，"
                f"后者首条记录已载明。",
            )
        else:
            self._say(
                f"Shard {link.shard} goes on from everything that was signed before it.",
                f"第 {link.shard} 分片承接此前签名的全部内容。",
            )

    def _check_held(self, before: _Tree, held: tuple[str, int, str]) -> None:
        origin, size, root = held
        newest = before.newest
        if (newest.origin, newest.size, newest.root.hex()) == (origin, size, root):
            return
        if newest.origin != origin or newest.size >= size:
            raise _Altered(
                f"Shard {before.shard} is not the one that the next shard was opened after.",
                f"第 {before.shard} 分片不是下一分片开启时所承接的那一个。",
            )
        self._warn(
            f"Of shard {before.shard} only the first {newest.size:,} of {size:,} records are here: the rest was no "
            f"longer what had been signed.",
            f"第 {before.shard} 分片仅含 {size:,} 条中的前 {newest.size:,} 条：其余已与签名不符。",
        )

    # -------------------------------- the verdict

    def _tell_held(self) -> None:
        self._raise_held(_LEAF)
        self._say("Every record is canonical and has an id of its own.", "每条记录均为规范格式且编号唯一。")
        self._raise_held(_PAIR)
        self._say("Every outcome has an earlier intent.", "每条结果记录之前均有意向记录。")
        self._raise_held(_CONSENT)
        self._say("No intent rests on a consent that had ended.", "没有意向记录以已终止的同意为依据。")
        self._warn_of_unanswered()

    def _raise_held(self, rank: int) -> None:
        if rank in self._held:
            raise self._held[rank]

    def _warn_of_unanswered(self) -> None:
        waiting, late = self._reader.unanswered(), self._reader.answered_late
        if waiting:
            self._warn(
                f"{len(waiting):,} intents have no outcome, the first is record {waiting[0]:,}: "
                f"still under way, or to be counted as released.",
                f"{len(waiting):,} 条意向记录没有结果，首条为第 {waiting[0]:,} 号：仍在办理，或应视为已放行。",
            )
        if late:
            self._warn(
                f"{late:,} intents were closed as unknown and have their real outcome too; that one counts.",
                f"{late:,} 条意向记录曾以结果不明结案，另有真实结果；以真实结果为准。",
            )


def _read(source: _Source, name: str, most: int) -> bytes:
    # A member that must be there and no longer than it can be.
    try:
        content = source.read(name, most)
    except _Missing:
        raise _Altered(f"{name} is missing.", f"缺少 {name}。") from None
    if len(content) > most:
        raise _Altered(f"{name} is longer than it can be.", f"{name} 过长。")
    return content


def _link_of(leaf: bytes, origin: str, number: int) -> _Link | None:
    # None for the first record of a log whose own name ends like a shard's.
    try:
        told = _decode(leaf.decode())
        if told["kind"] != _OPENED:
            return None
        last, held = _told_checkpoint(told["last"]), told["held"]
        if (told["shard"], told["origin"]) == (number, origin):
            return _Link(number, last, None if held is None else _told_checkpoint(held))
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise _at_record(0, leaf, "does not open this shard as it should", "未按规范开启本分片")


def _told_checkpoint(told: Mapping[str, Any]) -> tuple[str, int, str]:
    origin, size, root = told["origin"], told["size"], told["root"]
    if not (type(origin) is type(root) is str and type(size) is int and size >= 0):
        raise ValueError("not a checkpoint")
    return origin, size, root


def _slipped_in(name: str) -> _Altered:
    return _Altered(
        f"{_shown(name)} does not belong in the bundle: it slipped in.",
        f"{_shown(name)} 不属于本包，系混入。",
    )


def _given_key(text: str) -> _Key:
    try:
        key = _parse_key(text)
    except ValueError:
        key = None
    if key is None or key.kind != _ED25519:
        raise CannotVerify(
            "The key given is not an Ed25519 verifier key, which reads name+id+base64.",
            "给出的公钥不是 Ed25519 验证公钥（格式为 名称+编号+base64）。",
        )
    return key


def _earlier_line(line: str, which: Said) -> tuple[int, str]:
    try:
        told = json.loads(line)
        size, note = told["size"], told["note"]
        if type(size) is int and type(note) is str and earlier_line(size, note) == f"{line}\n":
            return size, note
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise _Altered(f"{which.en} is not written as it should be.", f"{which.zh}格式不符。")


def earlier_line(size: int, note: str) -> str:
    """The line of checkpoints.jsonl for an earlier checkpoint; any other spelling of it counts as altered."""
    return json.dumps({"size": size, "note": note}, ensure_ascii=False, separators=(",", ":")) + "\n"


def _compared_leaves(source: _Source, prefix: str, index: int, width: int) -> tuple[list[bytes], bytes]:
    # The records of a bundle, and their hashes side by side, once these are what the level-0 tile says.
    leaves, is_whole = _split(_read(source, prefix + _tile_name("entries", index, width), _MOST_BUNDLE))
    sha256 = hashlib.sha256
    hashes = [sha256(b"\0" + leaf).digest() for leaf in leaves]
    tile = _read(source, prefix + _tile_name(0, index, width), _WIDE * _HASH)
    fault = _compared(index, leaves, is_whole, hashes, tile, width)
    if fault is not None:
        raise fault
    return leaves, tile


def _told_at(source: _Source, prefix: str, index: int, width: int) -> _Told:
    leaves, hashes = _compared_leaves(source, prefix, index, width)
    return _told(index * _WIDE, leaves, hashes)


def _folded(hashes: bytes) -> bytes:
    # The root over 1, 2, 4, ... 256 hashes side by side.
    sha256 = hashlib.sha256
    while len(hashes) > _HASH:
        pairs = range(0, len(hashes), 2 * _HASH)
        hashes = b"".join([sha256(b"\1" + hashes[at : at + 2 * _HASH]).digest() for at in pairs])
    return hashes


def _compared(
    index: int, entries: Sequence[bytes], is_whole: bool, hashes: Sequence[bytes], tile: bytes, width: int
) -> _Altered | None:
    # The first record of a bundle that is not what the level-0 tile says; None when all are.
    if is_whole and len(entries) == width and b"".join(hashes) == tile:
        return None
    start, name = index * _WIDE, _tile_name(0, index, width)
    if len(tile) != width * _HASH:
        return _Altered(
            f"{name} has {len(tile):,} bytes; {width * _HASH:,} belong there.",
            f"{name} 有 {len(tile):,} 字节，应为 {width * _HASH:,}。",
        )
    for place in range(width):
        if place >= len(entries):
            return _at_record(start + place, None, *_CUT)
        if hashes[place] != tile[place * _HASH : (place + 1) * _HASH]:
            en = f"is not the one that was logged: its hash is not the one in {name}"
            return _at_record(start + place, entries[place], en, f"不是当初登记的那一条：哈希与 {name} 不符")
    surplus = entries[width] if len(entries) > width else None
    return _at_record(start + width, surplus, *_ADDED)


if __name__ == "__main__":
    sys.exit(main())
