"""Limits of lengths and counts, as Sources/Wire/Limits.swift has them.

Each that is used has a name here, and tests/altered_exports.py compares them with the node's: a verifier that takes more than
the rules allow proves nothing. wire.md (Codec and the byte layouts) gives them beside the fields that they limit.
"""

from __future__ import annotations

PAYLOAD = 60_000
VOTERS = 32
SUBMITTERS = 256
HOLDERS = 7
COMPONENTS = 35
NAMED = 8
PATH = 26
ANNOUNCEMENTS = 2 * SUBMITTERS
TRANSACTIONS = 512
EVICTIONS = 256
BODY = 1 << 20
ACCOUNTS = 100_000
TASKS = 10_000
REGISTRY_BODY = BODY // 2
CONTENT = 1 << 33
# The last millisecond of the year 9999.
TIME = 253_402_300_799_999
TEXT = 255
LAYERS = 16
COLUMNS = 4096
PROOF = 80
ELEMENTS = 1 << 26
ROUNDS = 1000
STEPS = 64
ORDERS = 1000
UNBONDINGS = 64
OPEN_TASKS = 64
COMPLAINTS = 8
EPOCH = 64
# Bytes of a chunk of a content, and of a submission's elements.
CHUNK = 32 * 1024
