"""Seeds and the masks that they give (crypto.md, Encrypting, Key derivation and release, and Blame)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from .chacha import open_box, stream
from .codec import transcript, u64
from .edwards import ZERO, L, P, add, affine, times, times8, times_base
from .faults import Fault, need
from .ristretto import mask_base
from .spec import Spec
from .submissions import Announcement, element_points


def commitment(component: int, seed: bytes, a: Announcement) -> bytes:
    """What an announcement commits to of a seed (crypto.md, Encrypting, step 2)."""
    return transcript("meshnode/nddfe/v1/com", bytes([component]), seed, a.nonce, a.context, a.submitter)


def sealed_seed(box: bytes, shared: bytes, public: bytes, a: Announcement, component: int) -> bytes | None:
    """The seed in a holder's box; None where it does not open (crypto.md, Encrypting, step 3)."""
    key = transcript("meshnode/nddfe/v1/box", shared, a.ephemeral, public, a.context, a.submitter, bytes([component]))
    return open_box(key, box) if len(box) == 48 else None


def mask(seed: bytes, a: Announcement, component: int, element: int) -> bytes:
    """R of one component and element (crypto.md, Encrypting, step 6)."""
    parts = (b"meshnode/nddfe/v1/mask", a.context, a.submitter, a.nonce, bytes([component]))
    data = b"".join(u64(len(one)) + one for one in parts)
    key = hashlib.blake2b(data, digest_size=32, key=seed).digest()
    out = bytearray(stream(key, 32, 32 * element))
    out[31] &= 15
    return bytes(out)


def masks_sum(values: Sequence[bytes], key: bytes) -> bool:
    """Whether masks of one component add up to its key (crypto.md, Key derivation and release)."""
    numbers, wanted = [int.from_bytes(one, "little") for one in values], int.from_bytes(key, "little")
    return all(n < 2**252 for n in numbers) and wanted < L and (sum(numbers) - wanted) % L == 0


def in_range(s: Spec, number: int, element: int, data: bytes, masks: Sequence[bytes]) -> bool:
    """Whether U - (sum of masks)*Hb is the packed value of one member: digits within B, filling zero (crypto.md, Blame)."""
    values = [int.from_bytes(one, "little") for one in masks]
    try:
        need(all(v < L for v in values), "a mask")
        point = element_points(data, s)[0]
    except Fault:
        return False
    point = times8(add(point, times(-sum(values) % L, mask_base())))
    step = times8(times_base(1))
    known, running = {affine(ZERO): 0}, ZERO
    for n in range(1, s.B + 1):
        running = add(running, step)
        x, y = affine(running)
        known[x, y], known[-x % P, y] = n, -n
    digits = max(0, min(s.packing, s.coordinates(number) - element * s.packing))
    if digits == 0:
        return False
    tops = range(-s.B, s.B + 1) if digits == 2 else (0,)
    wide = times(s.radix % L, step)
    return any(affine(add(point, times(-top % L, wide))) in known for top in tops)
