"""ChaCha20 and what is sealed with it (RFC 8439; crypto.md, Encrypting and Block equation)."""

from __future__ import annotations

import hmac
import struct
import sys
from array import array

CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")
QUARTERS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)
# Blocks that are made at a time.
BATCH = 4096


def _rounds(words: list[int], lanes: int) -> None:
    """The twenty rounds of RFC 8439, 2.3 on words that each hold one 32-bit number in every 64 bits."""
    mask = int.from_bytes(b"\xff\xff\xff\xff\0\0\0\0" * lanes, "little")
    for _ in range(10):
        for a, b, c, d in QUARTERS:
            for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                words[x] = (words[x] + words[y]) & mask
                w = words[z] ^ words[x]
                # The upper half of a lane is free: what is shifted out of 32 bits stands there and comes back below.
                w <<= n
                words[z] = (w | w >> 32) & mask


def _blocks(key: bytes, first: int, count: int) -> bytes:
    """`count` blocks of key stream from block `first` on, with a nonce of zeros; all are computed side by side."""
    ones = int.from_bytes(b"\1\0\0\0\0\0\0\0" * count, "little")
    counters = array("Q", range(first, first + count))
    if sys.byteorder == "big":
        counters.byteswap()
    state = [ones * w for w in CONSTANTS + struct.unpack("<8I", key)] + [int.from_bytes(counters.tobytes(), "little"), 0, 0, 0]
    words = list(state)
    _rounds(words, count)
    # Numbers are moved as they stand, in fours of bytes, so the machine's order of bytes does not matter.
    out = array("I", bytes(64 * count))
    for place, (word, start) in enumerate(zip(words, state)):
        lanes = (word + start).to_bytes(8 * count, "little")
        out[place::16] = array("I", lanes)[::2]
    return out.tobytes()


def stream(key: bytes, length: int, start: int = 0) -> bytes:
    """`length` bytes of the key stream from byte `start` on, nonce of zeros (crypto.md, Encrypting)."""
    first, last = start // 64, (start + length + 63) // 64
    data = b"".join(_blocks(key, at, min(BATCH, last - at)) for at in range(first, last, BATCH))
    return data[start - 64 * first : start - 64 * first + length]


def hchacha(key: bytes) -> bytes:
    """HChaCha20 with a nonce of zeros: the key of XChaCha20 with one (crypto.md, Encrypting)."""
    words = list(CONSTANTS + struct.unpack("<8I", key)) + [0] * 4
    _rounds(words, 1)
    return struct.pack("<8I", *(words[:4] + words[12:]))


def poly1305(key: bytes, message: bytes) -> bytes:
    """The tag of a message (RFC 8439, 2.5)."""
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    tag = 0
    for at in range(0, len(message), 16):
        tag = (tag + int.from_bytes(message[at : at + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((tag + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def open_box(key: bytes, box: bytes) -> bytes | None:
    """The seed in a box of XChaCha20-Poly1305 with a nonce of zeros (crypto.md, Encrypting); None where it does not open."""
    pad = stream(hchacha(key), 64 + len(box) - 16)
    sealed, tag = box[:-16], box[-16:]
    message = sealed + bytes(-len(sealed) % 16) + struct.pack("<QQ", 0, len(sealed))
    if not hmac.compare_digest(poly1305(pad[:32], message), tag):
        return None
    return bytes(a ^ b for a, b in zip(sealed, pad[64:]))
