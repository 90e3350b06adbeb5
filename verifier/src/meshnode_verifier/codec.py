"""How values stand in bytes, and how bytes are hashed (wire.md, Codec; crypto.md, Transcripts)."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from . import limits
from .faults import Fault, need

T = TypeVar("T")
# Ids are ordered by their bytes, pairs of them by the first.
Key = TypeVar("Key", bytes, int, tuple[bytes, bytes], tuple[int, int])


def b2(data: bytes, size: int = 32) -> bytes:
    """BLAKE2b of `size` bytes (crypto.md, Transcripts)."""
    return hashlib.blake2b(data, digest_size=size).digest()


def u16(n: int) -> bytes:
    """An unsigned number of two bytes (wire.md, Codec)."""
    return struct.pack("<H", n)


def u32(n: int) -> bytes:
    """An unsigned number of four bytes (wire.md, Codec)."""
    return struct.pack("<I", n)


def u64(n: int) -> bytes:
    """An unsigned number of eight bytes (wire.md, Codec)."""
    return struct.pack("<Q", n)


def domain(n: int, version: int = 1) -> bytes:
    """What hashed and signed bytes begin with (wire.md, Domains)."""
    return struct.pack("<HB", n, version)


def blob(data: bytes) -> bytes:
    """Bytes behind their length (wire.md, Codec)."""
    return u32(len(data)) + data


def id_list(ids: Sequence[bytes]) -> bytes:
    """A list of ids behind its count (wire.md, Codec)."""
    return u32(len(ids)) + b"".join(ids)


def transcript(*parts: bytes | str | int, size: int = 32) -> bytes:
    """H of the parts, each behind its length; the first is the domain string (crypto.md, Transcripts)."""
    out = []
    for part in parts:
        data = part.encode() if isinstance(part, str) else u64(part) if isinstance(part, int) else part
        out += [u64(len(data)), data]
    return b2(b"".join(out), size)


def ascending(keys: Sequence[Key], what: str) -> None:
    """Lists that stand for sets are in ascending order, each key once (wire.md, Codec)."""
    need(all(a < b for a, b in zip(keys, keys[1:])), "%s are not in ascending order" % what)


class Reference(NamedTuple):
    """The name of a content and its length (wire.md, Codec: `ref`)."""

    name: bytes
    length: int

    def encoded(self) -> bytes:
        return self.name + u64(self.length)


class Reader:
    """Takes values from bytes, in their order (wire.md, Codec)."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, n: int) -> bytes:
        need(self.at + n <= len(self.data), "truncated")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, form: str) -> int:
        n: int = struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]
        return n

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "little")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def i64(self) -> int:
        return self.number("q")

    def flag(self) -> bool:
        n = self.u8()
        need(n in (0, 1), "a boolean is 0 or 1")
        return n == 1

    def id(self) -> bytes:
        return self.take(32)

    def sig(self) -> bytes:
        return self.take(64)

    def blob(self, most: int | None = None) -> bytes:
        n = self.u32()
        need(most is None or n <= most, "bytes beyond their limit")
        return self.take(n)

    def text(self, most: int) -> str:
        try:
            return self.blob(most).decode()
        except UnicodeDecodeError:
            raise Fault("a text that is not UTF-8") from None

    def choice(self, *allowed: int) -> int:
        n = self.u8()
        need(n in allowed, "an unknown number %d" % n)
        return n

    def ref(self) -> Reference:
        found = Reference(self.id(), self.u64())
        need(found.length <= limits.CONTENT, "a content longer than any")
        return found

    def time(self) -> int:
        ms = self.u64()
        need(ms <= limits.TIME, "a time beyond the year 9999")
        return ms

    def many(self, one: Callable[[Reader], T], most: int | None = None) -> list[T]:
        """A list behind its count, each element read by `one`."""
        n = self.u32()
        need(most is None or n <= most, "a list beyond its limit")
        need(n <= len(self.data) - self.at, "truncated")
        return [one(self) for _ in range(n)]

    def ids(self, most: int | None = None) -> list[bytes]:
        return self.many(Reader.id, most)

    def domain(self, n: int, version: int = 1) -> None:
        need(self.u16() == n and self.u8() == version, "domain %d" % n)

    def end(self) -> None:
        need(self.at == len(self.data), "trailing bytes")


def read_whole(data: bytes, one: Callable[[Reader], T], *rest: Any) -> T:
    """What `one` reads from bytes that hold nothing else (wire.md, Codec)."""
    r = Reader(data)
    found = one(r, *rest)
    r.end()
    return found
