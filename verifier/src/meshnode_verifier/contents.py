"""Contents that blocks name (content.md, Names; export.md)."""

from __future__ import annotations

from collections.abc import Mapping

from .codec import Reference
from .faults import need

# Kinds (content.md, Names).
BODY, MODEL, BLOCK_BODY, AGGREGATE, DIRECTION = 1, 2, 3, 4, 7
Contents = Mapping[bytes, bytes]


def content(contents: Contents, reference: Reference, what: str) -> bytes | None:
    """The bytes that a reference names, None where they are not here (rounds.md, What a full verifier does).

    Everything that is read by a reference is read here, so that no reference is followed whose length is not that of its bytes.
    """
    data = contents.get(reference.name)
    need(data is None or len(data) == reference.length, "%s of another length than its reference says" % what)
    return data
