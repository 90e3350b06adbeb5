"""The number of the rules that this verifier follows (README.md, Rules)."""

from __future__ import annotations

# An export of another number is refused.
RULES = 2


def other_rules(found: int) -> str:
    """What is said of an export that follows other rules (README.md, Rules)."""
    return (
        "the export follows rules %d, this program follows rules %d: use the verifier of the release that follows "
        "rules %d; docs/protocol/README.md has the table" % (found, RULES, found)
    )
