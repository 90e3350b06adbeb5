#!/usr/bin/env python3
"""Checks an exported chain (docs/protocol/export.md) without any code of this project.

Written from docs/protocol alone. It needs Python 3.9 and `cryptography` (pip install cryptography) for Ed25519 and ChaCha20.

Checked of every chain: the form of the file; network id; block ids, parents, heights, times; that bodies are the named ones;
proposers, beacons and election proofs; every precommit of every certificate with the electorate of its height; signatures,
nonces, conditions and effects of all registry transactions, with them every balance; the context of every attempt; lists,
announcements with their proofs, Readys, complaints, key statements, opinions, blame, absences, orders and what they rest on;
sets, buckets, scored rounds, replaced holders, payout tables; the state root of every block; that every task chain is the one
that the registry settled. Of a fork: the signatures of all of its voters, the digest of what was carried and, with --origin, that
the old registry gives exactly this. With contents: the length of every reference; boxes hash, elements root and points of every body
that an announcement names and the file holds; the proof that a later attempt repeats its vector; of each result the digits of e, the
block equation, and the new model byte for byte; of each scored round the direction and every opening.
Not checked: the ranges of a published task's fields; the server step of tasks with compression, scaffold or scale = previous, which is
said and counted.
"""
import argparse
import base64
import hashlib
import json
import math
import os
import re
import stat
import struct
import sys
import time

try:
    from cryptography.exceptions import InvalidSignature, InvalidTag
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
except ImportError:
    sys.exit("verify_export.py needs the package `cryptography`: pip install cryptography, or apt install python3-cryptography")

CHUNK = 32 * 1024
# The rules of docs/protocol/README.md that this program follows. An export of another number is refused.
RULES = 2
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
ZERO = (0, 1, 1, 0)


class Fault(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Fault(text)


def other_rules(found):
    return ("the export follows rules %d, this program follows rules %d: use the verifier of the release that follows "
            "rules %d; docs/protocol/README.md has the table" % (found, RULES, found))


def b2(data, size=32):
    return hashlib.blake2b(data, digest_size=size).digest()


def u64(n):
    return struct.pack("<Q", n)


def u32(n):
    return struct.pack("<I", n)


def transcript(*parts, size=32):
    out = b""
    for part in parts:
        if isinstance(part, str):
            part = part.encode()
        elif isinstance(part, int):
            part = u64(part)
        out += u64(len(part)) + part
    return b2(out, size)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        need(self.at + n <= len(self.data), "truncated")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def u8(self):
        return self.number("B")

    def u16(self):
        return self.number("H")

    def u32(self):
        return self.number("I")

    def u64(self):
        return self.number("Q")

    def flag(self):
        n = self.u8()
        need(n in (0, 1), "a boolean is 0 or 1")
        return n == 1

    def id(self):
        return self.take(32)

    def sig(self):
        return self.take(64)

    def blob(self, most=None):
        n = self.u32()
        need(most is None or n <= most, "bytes beyond their limit")
        return self.take(n)

    def text(self, most):
        try:
            return self.blob(most).decode()
        except UnicodeDecodeError:
            raise Fault("a text that is not UTF-8")

    def choice(self, *allowed):
        n = self.u8()
        need(n in allowed, "an unknown number %d" % n)
        return n

    def ref(self):
        name, length = self.id(), self.u64()
        need(length <= CONTENT, "a content longer than any")
        return name, length

    def time(self):
        ms = self.u64()
        need(ms <= TIME, "a time beyond the year 9999")
        return ms

    def list(self, one, most=None):
        n = self.u32()
        need(most is None or n <= most, "a list beyond its limit")
        need(n <= len(self.data) - self.at, "truncated")
        return [one(self) for _ in range(n)]

    def ids(self, most):
        return self.list(Reader.id, most)

    def envelopes(self, most, what):
        """Envelopes in ascending order of signer, one each."""
        found = self.list(envelope, most)
        ascending([e["signer"] for e in found], what)
        return found

    def domain(self, n, version=1):
        need(self.u16() == n and self.u8() == version, "domain %d" % n)

    def end(self):
        need(self.at == len(self.data), "trailing bytes")


# Limits of lengths and counts: Sources/Wire/Limits.swift. Each that is used here has a name here, and .ci/altered_exports.py
# compares them: a verifier that takes more than the rules allow proves nothing.
PAYLOAD, VOTERS, SUBMITTERS, HOLDERS, COMPONENTS, NAMED, PATH = 60_000, 32, 256, 7, 35, 8, 26
ANNOUNCEMENTS = 2 * SUBMITTERS
TRANSACTIONS, EVICTIONS, BODY, ACCOUNTS, TASKS = 512, 256, 1 << 20, 100_000, 10_000
REGISTRY_BODY, CONTENT, TIME, TEXT, LAYERS, COLUMNS, PROOF = BODY // 2, 1 << 33, 253_402_300_799_999, 255, 16, 4096, 80
ELEMENTS, ROUNDS, STEPS, ORDERS, UNBONDINGS, OPEN_TASKS, COMPLAINTS, EPOCH = 1 << 26, 1000, 64, 1000, 64, 64, 8, 64


def ascending(keys, what):
    need(all(a < b for a, b in zip(keys, keys[1:])), "%s are not in ascending order" % what)


def content_id(data, kind):
    chunks = [data[i:i + CHUNK] for i in range(0, len(data), CHUNK)]
    hashes = [transcript("content chunk", chunk) for chunk in chunks]
    manifest = struct.pack("<HBBQBQ", 10, 1, kind, len(data), 0, len(data)) + u32(len(hashes)) + b"".join(hashes)
    return b2(manifest) if len(manifest) <= CHUNK else content_id(manifest, 0)


def header(data):
    r = Reader(data)
    r.domain(2)
    h = dict(chain=r.id(), height=r.u64(), parent=r.id(), time=r.time(), author=r.id(), view=r.u32(), kind=r.u8(),
             round=r.u32(), attempt=r.u16(), body=r.ref(), state=r.id(), payout=r.id(), next=r.id(), second=r.id(),
             proof=r.blob(PROOF))
    r.end()
    need(h["kind"] <= 4 and h["body"][1] <= BODY, "a header of another form")
    h["id"] = transcript("meshnode/block/1", data)
    return h


def certificate(r):
    r.domain(4)
    return dict(chain=r.id(), height=r.u64(), view=r.u32(), block=r.id(), votes=r.list(lambda r: (r.u8(), r.sig()), VOTERS))


def envelope(r):
    start = r.at
    r.domain(1)
    e = dict(network=r.id(), kind=r.u8(), chain=r.id(), major=r.u64(), minor=r.u32(), signer=r.id(), payload=r.blob(PAYLOAD))
    need(1 <= e["kind"] <= 19, "an envelope of an unknown kind")
    e["signed"] = r.data[start:r.at]
    e["sig"] = r.sig()
    return e


def signed_bytes(network, kind, chain, major, minor, signer, payload):
    return (struct.pack("<HB", 1, 1) + network + bytes([kind]) + chain + u64(major) + u32(minor) + signer
            + u32(len(payload)) + payload)


GOOD_KEYS = set()


def small_order(encoded):
    """Whether 32 bytes name a point of order 1, 2, 4 or 8, whatever their sign bit."""
    return int.from_bytes(encoded, "little") % 2**255 % P in SMALL_Y


def signature(key, sig, data):
    """Ed25519 as libsodium has it: S below the order, no key or R of small order, no key that is not canonical, R compared as
    bytes (which refuses an R that is not canonical), no cofactor."""
    if key not in GOOD_KEYS:
        need(int.from_bytes(key, "little") % 2**255 < P and not small_order(key), "a key of small order or not canonical")
        GOOD_KEYS.add(key)
    need(int.from_bytes(sig[32:], "little") < L and not small_order(sig[:32]), "a signature of a form that is refused")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(sig, data)
    except (InvalidSignature, ValueError):
        raise Fault("a signature of %s does not hold" % key.hex()[:8])


def envelope_signature(e, network):
    need(e["network"] == network, "an envelope of another network")
    signature(e["signer"], e["sig"], e["signed"])


class Electorate:
    def __init__(self, bonds):
        best = sorted([(-w, k) for k, w in bonds if w >= 1])[:VOTERS]
        self.members = sorted((k, -w) for w, k in best)
        self.weight = dict(self.members)
        self.total = sum(self.weight.values())
        self.quorum = 2 * self.total // 3 + 1
        self.third = self.total // 3 + 1
        self.hash = transcript(
            "meshnode/electorate/1", u32(len(self.members)) + b"".join(k + u64(w) for k, w in self.members))


def check_certificate(cert, h, electorate, network):
    need((cert["chain"], cert["height"], cert["block"]) == (h["chain"], h["height"], h["id"]), "certificate of another block")
    need(cert["view"] >= h["view"], "a certificate of a view before its block was made")
    ascending([place for place, _ in cert["votes"]], "votes")
    weight = 0
    for place, sig in cert["votes"]:
        need(place < len(electorate.members), "an unknown voter")
        key, w = electorate.members[place]
        data = signed_bytes(network, 3, h["chain"], h["height"], cert["view"], key, b"\x01" + h["id"])
        signature(key, sig, data)
        weight += w
    need(weight >= electorate.quorum, "precommits weigh %d of %d" % (weight, electorate.quorum))


def shuffle(members, seed, domain):
    state = [0]

    def below(bound):
        limit = (2 ** 64 - 1) - (2 ** 64 - 1) % bound
        while True:
            value = int.from_bytes(transcript("meshnode/draw/1", domain, seed, state[0])[:8], "big")
            state[0] += 1
            if value < limit:
                return value % bound

    left, order = sorted(members), []
    total = sum(w for _, w in left)
    while left:
        ticket, chosen = below(total), len(left) - 1
        for index, (_, w) in enumerate(left):
            if ticket < w:
                chosen = index
                break
            ticket -= w
        key, w = left.pop(chosen)
        total -= w
        order.append(key)
    return order


def beacon_after(previous, h):
    output = b""
    if h["proof"]:
        # RFC 9381 proof_to_hash: suite string, 0x03, gamma, 0x00.
        output = hashlib.sha512(b"\xffc2sp.org/vrf-r255\x03" + h["proof"][:32] + b"\x00").digest()
    return transcript("meshnode/beacon/1", previous, h["height"], output)


def spec(r):
    """Fields of a task spec that the chains need, and its bytes."""
    start = r.at
    r.domain(6)
    s = dict(name=r.text(TEXT))
    r.u64()
    s["architecture"], s["hidden"], _, s["initial"] = r.choice(1, 2, 3, 4), r.list(Reader.u32, LAYERS), r.choice(1, 2), r.ref()
    form = r.at
    r.text(TEXT)
    s["shape"], labels, targets = r.list(Reader.u32, 4), r.list(lambda r: r.text(TEXT), 10_000), r.u32()
    s["outputs"] = len(labels) or targets
    r.list(lambda r: r.text(TEXT), COLUMNS), r.u64(), r.flag(), r.list(Reader.u64, COLUMNS), r.list(Reader.u64, COLUMNS)
    s["least_rows"], _ = r.u32(), r.flag()
    s["form"] = transcript("meshnode/data-form/1", r.data[form:r.at])
    s["rounds"] = r.u32()
    s["minimum"], s["maximum"], s["smallest"] = r.u32(), r.u32(), r.u32()
    s["members"] = r.ids(SUBMITTERS)
    ascending(s["members"], "members")
    s["enrol"], _, _, _, s["expiry"] = r.u32(), r.u32(), r.u32(), r.u32(), r.u64()
    # training
    r.text(TEXT), r.u32(), r.u32(), r.u32(), r.choice(1, 2, 3), r.take(5 * 4), r.u64(), r.choice(1, 2, 3, 4), r.u32(), r.u32()
    s["correction"], _ = r.choice(1, 2), r.u32()
    s["server"], s["rate"], s["momentum"], s["beta2"], s["tau"] = r.choice(*range(1, 9)), r.u32(), r.u32(), r.u32(), r.u32()
    s["weighting"], s["cap"] = r.choice(1, 2), r.u32()
    # Robust rules work on buckets.
    s["buckets"], s["hostile"] = (r.u16(), r.u16()) if s["server"] >= 6 else (0, 0)
    s["least"] = {6: 2, 7: 2 * s["hostile"] + 1, 8: 2 * s["hostile"] + 3}.get(s["server"], 1)
    # update
    s["clip"] = r.u64()
    s["bits"], s["range"], s["scale"], s["compression"] = r.u8(), r.u32(), r.choice(1, 2), r.choice(1, 2, 3)
    s["ratio"], _, s["dense"], _ = r.u32(), r.u32(), r.u32(), r.u32()
    s["packing"], s["encoding"] = r.u8(), r.choice(1, 2)
    s["holders"], s["threshold"] = r.u8(), r.u8()
    r.u32()
    s["target"] = r.u32()
    s["commitment"] = r.id() if r.flag() else None
    r.u32(), r.u32()
    s["reward"], s["rule"], s["scored"], s["bond"] = r.u64(), r.choice(1, 2, 3), r.u32(), r.u64()
    r.u32(), r.choice(1, 2)
    s["bytes"] = r.data[start:r.at]
    # What every rule of a round rests on; the other ranges of a published task are not held here.
    need((s["holders"], s["threshold"]) in ((1, 0), (3, 1), (5, 2), (7, 3)), "a task with an unknown holder profile")
    need(4 <= s["smallest"] <= s["minimum"] <= s["maximum"] <= SUBMITTERS, "a task with an impossible number of members")
    need(1 <= s["rounds"] <= ROUNDS and 2 <= s["bits"] <= 32 and s["packing"] in (1, 2), "a task with impossible numbers")
    s["B"] = 2 ** (s["bits"] - 1) - 1
    s["radix"] = 2 * s["maximum"] * s["B"] + 1
    need((s["radix"] ** s["packing"] - 1) // 2 <= (2**32 if s["packing"] == 1 else 2**23), "a task whose sums nobody can recover")
    s["size"] = model_size(s)
    return s


def model_size(s):
    """Trainable parameters, bias included."""
    total, width = 0, 1
    for extent in s["shape"]:
        width *= extent
    if s["architecture"] == 4:
        channels = s["shape"][0] if len(s["shape"]) == 3 else 1
        height, breadth = s["shape"][-2:]
        for units in s["hidden"]:
            total += (9 * channels + 1) * units
            channels, height, breadth = units, height // 2, breadth // 2
        width = channels * height * breadth
    else:
        for units in s["hidden"]:
            total += (width + 1) * units
            width = units
    return total + (width + 1) * s["outputs"]


def coordinates(s, number):
    """Integers of one member in a round."""
    if s["correction"] == 2:
        return 2 * s["size"]
    if s["compression"] == 1 or number <= s["dense"]:
        return s["size"]
    return min(s["size"], max(1, (s["size"] * s["ratio"] + 500_000) // 1_000_000))


def elements(s, number):
    return -(-coordinates(s, number) // s["packing"])


def subsets(n, size, first=0):
    if size == 0:
        return [[]]
    return [[head] + tail for head in range(first, n - size + 1) for tail in subsets(n, size - 1, head + 1)]


def outcome(r):
    kind = r.choice(0, 1, 2, 3)
    return (kind, r.choice(1, 2, 3, 4)) if kind == 2 else (kind,)


def payout_table(r):
    start = r.at
    t = dict(outcome=outcome(r), rounds=r.u32(), accuracy=r.u32(),
             entries=r.list(lambda r: [r.id(), r.u32(), r.u32(), r.u64()], SUBMITTERS))
    ascending([entry[0] for entry in t["entries"]], "members of a payout table")
    t["bytes"] = r.data[start:r.at]
    return t


def encode_table(t):
    return (bytes(t["outcome"]) + u32(t["rounds"]) + u32(t["accuracy"]) + u32(len(t["entries"]))
            + b"".join(k + u32(a) + u32(b) + u64(c) for k, a, b, c in t["entries"]))


def genesis_account(r):
    return r.id(), r.u64(), r.u64(), r.id(), (r.sig(), r.sig()) if r.flag() else None


def check_member(account, proof_bytes, fork=None):
    """A validator has proven both of its keys; a key without a bond has at least to be one. In a fork, whose network id is
    given, the proofs are signatures under it, by its voters and nobody else."""
    key, _, bond, election, proofs = account
    need(is_key(key), "an account that is the key of no node")
    if proofs is None:
        need(bond == 0 and election == bytes(32), "a validator that has not proven its keys, or not signed the fork")
        return
    need(fork is None or bond > 0, "a signature under a fork of an account without a vote")
    parts = ("meshnode/fork-voter/1", struct.pack("<H", RULES), fork) if fork else ("meshnode/member/1", struct.pack("<H", RULES))
    statement = transcript(*parts, key, election)
    signature(key, proofs[1], statement)
    if election == bytes(32):
        need(proofs[0] == bytes(64), "a proof of an election key without the key")
        need(bond == 0 or proof_bytes == 0, "a validator without an election key")
    else:
        check_key(proofs[0], election, statement)


def origin(r):
    """What follows the parameters of a fork's genesis."""
    need(r.u8() == 1, "an unknown section of the genesis")
    o = dict(network=r.id(), height=r.u64(), block=r.id(), carried=r.id(), without=r.ids(VOTERS))
    need(o["without"], "a fork without anybody left out")
    ascending(o["without"], "lost voters")
    return o


def check_fork(o, accounts):
    """What a fork has to be in itself; whether it carries what it should, only the old registry can tell."""
    carried = u32(len(accounts)) + b"".join(a[0] + u64(a[1] + a[2]) for a in accounts)
    need(o["carried"] == transcript("meshnode/carried/1", carried), "the credits are not those of the digest of what was carried")
    need(1 <= sum(a[2] > 0 for a in accounts) <= VOTERS, "a fork with %d voters" % sum(a[2] > 0 for a in accounts))
    bonds = {a[0]: a[2] for a in accounts}
    need(all(bonds.get(key) == 0 for key in o["without"]), "a lost voter with a vote, or without an account")


def network_id(genesis):
    """Of a fork without its proofs: they are signatures under this very id."""
    r = Reader(genesis)
    r.take(5)
    r.blob()
    r.take(8)
    bare = genesis[:r.at]
    count = r.u32()
    bare += u32(count)
    for _ in range(count):
        bare += r.take(80) + b"\0"
        if r.flag():
            r.take(128)
    rest = r.data[r.at:]
    # Parameters have 33 bytes; what follows them is a fork's.
    return transcript("meshnode/network/1", bare + rest if len(rest) > 33 else genesis)


class Registry:
    def __init__(self, genesis):
        r = Reader(genesis)
        need(genesis[2:3] != b"\x01", other_rules(1))
        r.domain(5, 2)
        rules = r.u16()
        need(rules == RULES, other_rules(rules))
        self.name = r.text(TEXT)
        self.time = self.begun = r.time()
        self.accounts = {}
        accounts = r.list(genesis_account, ACCOUNTS)
        ascending([a[0] for a in accounts], "accounts")
        need(sum(a[1] + a[2] for a in accounts) < 2**63, "more credits than 2^63 - 1")
        for key, balance, bond, election, _ in accounts:
            self.accounts[key] = dict(
                balance=balance, nonce=0, bonded=0, bond=bond, key=election, unbonding=[], below=0, reserve=0)
        self.proof_bytes, propose, vote = r.choice(0, 80), r.u32(), r.u32()
        need(10 <= propose <= 600_000 and 10 <= vote <= 600_000, "timeouts out of range")
        self.settle_ms, self.evidence_ms, self.epoch_ms = r.u64(), r.u64(), r.u64()
        windows = self.settle_ms, self.evidence_ms, self.epoch_ms
        need(all(1 <= n <= 31_536_000_000 for n in windows), "windows out of range")
        self.parameters = r.data[r.at - 33:r.at]
        self.origin = origin(r) if r.at < len(r.data) else None
        r.end()
        self.network = network_id(genesis)
        self.given = accounts
        if self.origin:
            check_fork(self.origin, accounts)
        for account in accounts:
            check_member(account, self.proof_bytes, self.network if self.origin else None)
        self.chain = transcript("meshnode/registry/1", self.network)
        self.head, self.height = self.network, 0
        self.beacon = transcript("meshnode/beacon-0/1", self.network)
        self.now = self.later = self.drawn()
        self.ids, self.settles = [self.network], []
        self.tasks, self.burned = [], 0
        self.since = None
        self.departed, self.ended, self.sums = [], bytes(32), {}
        self.total = self.credits()
        self.deposit = self.total // 10_000 + 1
        self.reserve = self.total // max(1, 100_000 - len(self.accounts)) + 1

    def drawn(self):
        e = Electorate((k, a["bond"]) for k, a in self.accounts.items())
        return e if e.members else self.later

    def credits(self):
        held = sum(a["balance"] + a["bonded"] + a["bond"] + a["reserve"] + sum(c for c, _ in a["unbonding"])
                   for a in self.accounts.values())
        return held + sum(t["escrow"] + t["deposit"] for t in self.tasks) + self.burned

    def fork(self, without):
        """The accounts of the fork that this state gives: key, balance, bond, election key."""
        lost, old = set(without), self.now
        weight = sum(old.weight.get(k, 0) for k in lost)
        need(lost and all(k in old.weight for k in lost), "a fork without somebody who has no vote")
        need(old.total - weight < old.quorum, "a fork of a network that decides without those who are left out")
        need(weight < old.quorum, "a fork without voters who can decide by themselves")
        signers = [k for k in old.weight if k not in lost and self.accounts[k]["bond"]]
        signed = sum(old.weight[k] for k in signers)
        need(2 * signed > old.total or 2 * signed == old.total and min(old.weight) in signers,
             "a fork of voters without more than half of the weight: there may be another beside it")
        held = {k: a["balance"] + a["bonded"] + a["bond"] + a["reserve"] + sum(c for c, _ in a["unbonding"])
                for k, a in self.accounts.items()}
        for t in self.tasks:
            left, table = t["escrow"], t["settled"] and t["settled"][2]
            if t["paid"] is None and table and not (t["target"] is not None and table["accuracy"] < t["target"]):
                for key, _, _, credits in table["entries"]:
                    left -= credits
                    held[key] += credits
            held[t["publisher"]] += left + t["deposit"]
        found = []
        for key in sorted(held):
            bond = 0 if key in lost else min(old.weight.get(key, 0), self.accounts[key]["bond"])
            found.append((key, held[key] - bond, bond, self.accounts[key]["key"] if bond else bytes(32)))
        return found

    def check_origin(self, old):
        """Holds this fork against the registry that it comes from."""
        o = self.origin
        need(o, "this network is no fork: it has no origin to check")
        need(o["network"] == old.network, "the fork comes from network %s, the origin is %s" % (o["network"].hex(), old.network.hex()))
        need(o["height"] >= old.height, "the old registry goes on to height %d: the fork leaves out decided blocks" % old.height)
        if o["height"] > old.height:
            return False
        need(o["block"] == old.head, "the fork names another block than the old registry has")
        for given, wanted in zip(self.given, old.fork(o["without"])):
            need(given[:4] == wanted, "account %s: the fork carries something else than the old registry gives" % given[0].hex()[:8])
        need(len(self.given) == len(old.accounts) and self.name == old.name and self.begun == old.time
             and self.parameters == old.parameters, "accounts, name, time or parameters are not those of the old network")
        return True

    def task(self, task, left=False):
        for t in self.tasks + (self.departed if left else []):
            if t["id"] == task:
                return t
        raise Fault("an unknown task")

    def every_task(self):
        """Every task that was ever published, in that order."""
        return sorted(self.departed + self.tasks, key=lambda t: t["number"])

    def expires(self, t):
        return t["published"] + t["spec"]["expiry"]

    def is_due(self, time):
        """Whether a block of this time would have something to do without any transaction."""
        timers = [a["unbonding"][0][1] for a in self.accounts.values() if a["unbonding"]]
        timers += [self.timer(t) for t in self.tasks if self.timer(t) is not None]
        if self.since is not None:
            timers.append(self.since + self.epoch_ms)
        return (self.now.hash != self.later.hash or any(t["closed"] and t["beacon"] is None for t in self.tasks)
                or any(at <= time for at in timers))

    # Timers, by the time of blocks.

    def timer(self, t):
        if t["cancelled"]:
            return None
        if t["window"] is None:
            return self.expires(t)
        if t["paid"] is None:
            return t["window"]
        return None if t["released"] else t["paid"] + self.evidence_ms

    def begin(self, time):
        for key, a in self.accounts.items():
            votes = max(e.weight.get(key, 0) for e in (self.now, self.later))
            while a["unbonding"] and a["unbonding"][0][1] <= time and votes <= a["bond"]:
                a["balance"] += a["unbonding"].pop(0)[0]
        for t in self.tasks:
            while self.timer(t) is not None and self.timer(t) <= time:
                if t["window"] is None:
                    t["window"] = self.expires(t) + self.settle_ms
                elif t["paid"] is None:
                    t["paid"] = time
                    table = t["settled"] and t["settled"][2]
                    if table and not (t["target"] is not None and table["accuracy"] < t["target"]):
                        for key, _, _, credits in table["entries"]:
                            t["escrow"] -= credits
                            self.accounts[key]["balance"] += credits
                else:
                    self.release(t)
        for t in [t for t in self.tasks if t["released"]]:
            self.tasks.remove(t)
            self.accounts[t["publisher"]]["balance"] += t["escrow"] + t["deposit"]
            self.ended = transcript("meshnode/ended/1", self.ended, transcript("meshnode/ended-task/1", self.record(t)))
            self.departed.append(dict(t, escrow=0, deposit=0))
            self.add_sums(t)

    def add_sums(self, t):
        """What members did in a task that leaves: tasks, rounds, offered, aggregated, credits, slashes, ratings, stars."""
        def change(key, *numbers):
            old = self.sums.get(key, [0] * 8)
            self.sums[key] = [min(2 ** 64 - 1, a + b) for a, b in zip(old, numbers)]
        if t["paid"] is not None and t["settled"]:
            table = t["settled"][2]
            missed = t["target"] is not None and t["target"] > table["accuracy"]
            for key, rounds, aggregated, credits in table["entries"]:
                change(key, 1 if rounds else 0, rounds, table["rounds"], aggregated, 0 if missed else credits, 0, 0, 0)
        for key in t["slashed"]:
            change(key, 0, 0, 0, 0, 0, 1, 0, 0)
        for key, stars in t["ratings"]:
            change(key, 0, 0, 0, 0, 0, 0, 1, stars)

    def release(self, t):
        for key, _, e in t["enrolled"]:
            if key not in t["slashed"]:
                self.accounts[key]["bonded"] -= e["bond"]
                self.accounts[key]["balance"] += e["bond"]
        t["released"] = True

    # Transactions.

    def apply(self, e, height, time):
        need((e["kind"], e["chain"], e["minor"]) == (10, self.chain, 0), "not a transaction")
        envelope_signature(e, self.network)
        a = self.accounts.get(e["signer"])
        need(a is not None, "a transaction of nobody")
        need(e["major"] == a["nonce"], "nonce")
        a["nonce"] += 1
        r = Reader(e["payload"])
        r.domain(16)
        kind = r.choice(*range(1, 13))
        effects = (self.publish, self.enrol, self.close, self.transfer, self.bond, self.unbond, self.order, self.reveal,
                   self.settle, self.refund, self.evidence, self.rate)
        effects[kind - 1](r, e, a, height, time)
        r.end()

    def debit(self, a, credits):
        need(a["balance"] >= credits, "a balance below zero")
        a["balance"] -= credits

    def held(self, use, account, content):
        """What the proof of a key says: its use, whose it is, and the rest of the transaction."""
        return transcript("meshnode/key-use/1", use, self.network, account, content)

    def held_election(self, use, account, key, proof, content):
        if self.proof_bytes == 0 and key == bytes(32):
            need(proof == bytes(64), "a proof of an election key without the key")
        else:
            check_key(proof, key, self.held(use, account, content))

    def publish(self, r, e, a, height, time):
        s, sealing, proof = spec(r), r.id(), r.sig()
        check_key(proof, sealing, self.held("publish/sealing", e["signer"], s["bytes"]))
        need(len(self.tasks) < TASKS, "too many tasks")
        need(all(is_key(member) for member in s["members"]), "an invitation to the key of no node")
        need(sum(1 for t in self.tasks if t["publisher"] == e["signer"] and t["window"] is None and not t["cancelled"]) < OPEN_TASKS,
             "too many open tasks of one account")
        self.debit(a, s["reward"])
        self.debit(a, self.deposit)
        task = transcript("meshnode/task/1", self.network, transcript("meshnode/transaction/1", e["signed"]))
        self.tasks.append(dict(
            id=task, number=len(self.tasks) + len(self.departed), spec=s, publisher=e["signer"], sealing=sealing, published=time, escrow=s["reward"],
            deposit=self.deposit, enrolled=[], closed=0, beacon=None, block=None, anchor=None, orders=[], cancelled=False, settled=None, target=None, window=None,
            paid=None, released=False, slashed=[], ratings=[]))

    def enrol(self, r, e, a, height, time):
        start = r.at
        n = dict(task=r.id(), sealing=r.id(), election=r.id(), rows=r.u32(), form=r.id(), bond=r.u64())
        stated = r.data[start:r.at]
        proofs = r.sig(), r.sig()
        n["bytes"] = r.data[start:r.at]
        t, key = self.task(n["task"]), e["signer"]
        s = t["spec"]
        need(not t["cancelled"] and not t["closed"] and time < self.expires(t), "an enrolment in a task that takes none")
        need(all(k != key for k, _, _ in t["enrolled"]) and key not in t["slashed"], "enrolled twice, or after a fault")
        need(len(t["enrolled"]) < s["maximum"], "an enrolment in a full task")
        need(not s["members"] or key in s["members"], "an enrolment without an invitation")
        need(n["rows"] >= s["least_rows"], "an enrolment with too few rows")
        need(n["form"] == s["form"], "an enrolment with another data form")
        need(n["bond"] >= max(1, s["bond"]), "an enrolment with too small a bond")
        check_key(proofs[0], n["sealing"], self.held("enrol/sealing", key, stated))
        self.held_election("enrol/election", key, n["election"], proofs[1], stated)
        self.debit(a, n["bond"])
        a["bonded"] += n["bond"]
        t["enrolled"].append((key, height, n))

    def close(self, r, e, a, height, time):
        t = self.task(r.id())
        need(not t["closed"] and not t["cancelled"], "closed twice")
        need(all(h < height for _, h, _ in t["enrolled"]), "closed in the block of an enrolment")
        s, count = t["spec"], len(t["enrolled"])
        full = count >= s["maximum"] or count >= s["minimum"] and time >= t["published"] + s["enrol"]
        need(time < self.expires(t) and full, "closed before its time")
        t["closed"] = height

    def transfer(self, r, e, a, height, time):
        to, credits = r.id(), r.u64()
        if to == e["signer"]:
            need(credits == 0, "a transfer to oneself")
            return
        need(credits > 0, "a transfer of nothing")
        need(to in self.accounts or len(self.accounts) < ACCOUNTS, "too many accounts")
        need(to in self.accounts or is_key(to), "a transfer to the key of no node")
        self.debit(a, credits)
        if to not in self.accounts:
            need(credits >= self.reserve, "an account for less than its reserve")
            self.accounts[to] = dict(balance=-self.reserve, nonce=0, bonded=0, bond=0, key=bytes(32), unbonding=[], below=0,
                                     reserve=self.reserve)
        self.accounts[to]["balance"] += credits

    def bond(self, r, e, a, height, time):
        credits, key, proof = r.u64(), r.id(), r.sig()
        need(credits > 0, "a bond of nothing")
        self.held_election("bond/election", e["signer"], key, proof, u64(credits))
        self.debit(a, credits)
        new = a["bond"] == 0 and e["signer"] not in self.now.weight and e["signer"] not in self.later.weight
        need(new or a["key"] == key, "another election key")
        a["bond"] += credits
        a["key"] = key

    def unbond(self, r, e, a, height, time):
        if r.choice(1, 2) == 1:
            credits = r.u64()
            others = any(x["bond"] > 0 for k, x in self.accounts.items() if k != e["signer"])
            need(0 < credits <= a["bond"] and (credits < a["bond"] or others), "more unbonded than may be")
            need(len(a["unbonding"]) < UNBONDINGS, "too many parts unbond")
            a["bond"] -= credits
            a["unbonding"].append((credits, time + self.epoch_ms + self.evidence_ms))
            return
        t = self.task(r.id())
        mine = [one for one in t["enrolled"] if one[0] == e["signer"]]
        need(not t["closed"] and not t["released"] and not t["cancelled"] and len(mine) == 1, "leaves a task that it is not in")
        t["enrolled"].remove(mine[0])
        if e["signer"] not in t["slashed"]:
            a["bonded"] -= mine[0][2]["bond"]
            a["balance"] += mine[0][2]["bond"]

    def order(self, r, e, a, height, time):
        t, sequence, action = self.task(r.id()), r.u32(), r.choice(1, 2, 3)
        last = t["orders"][-1][1] if t["orders"] else 0
        need(e["signer"] == t["publisher"] and sequence == len(t["orders"]) + 1 <= ORDERS, "an order out of turn")
        ended = t["settled"] and t["settled"][2]["outcome"][0] != 0
        need(not t["cancelled"] and last != 3 and t["paid"] is None and not ended, "an order about a task that has ended")
        need(not t["closed"] or t["beacon"] is not None, "an order before the chain is open")
        need(action != 1 or t["closed"] and last != 1, "a pause that cannot be")
        need(action != 2 or last == 1, "a resume that cannot be")
        if t["closed"]:
            t["orders"].append((height, action))
            return
        t["cancelled"] = True
        self.release(t)
        self.accounts[t["publisher"]]["balance"] += t["escrow"] + t["deposit"]
        t["escrow"] = t["deposit"] = 0

    def reveal(self, r, e, a, height, time):
        t, target, nonce = self.task(r.id()), r.u32(), r.id()
        need(e["signer"] == t["publisher"] and t["spec"]["commitment"] is not None and t["target"] is None, "no target to open")
        need(t["settled"] and t["settled"][2]["outcome"][0] != 0 and t["paid"] is None, "a target opened out of its time")
        need(transcript("meshnode/target/1", target, nonce) == t["spec"]["commitment"], "another target")
        t["target"] = target

    def settle(self, r, e, a, height, time):
        h = self.embedded_header(r)
        cert, table = certificate(r), payout_table(r)
        t = self.task(h["chain"])
        need(t["beacon"] is not None, "settled before it started")
        check_certificate(cert, h, self.members(t), self.network)
        need(transcript("meshnode/payout/1", table["bytes"]) == h["payout"], "another payout root")
        entries, rounds = table["entries"], table["rounds"]
        members = sorted(key for key, height, _ in t["enrolled"] if height < t["closed"])
        need([key for key, _, _, _ in entries] == members, "payouts of others than the members")
        need(rounds <= t["spec"]["rounds"] and table["accuracy"] <= 10 ** 6, "more rounds than the task has")
        need(all(a <= rounds and b <= rounds for _, a, b, _ in entries), "more rounds than were accepted")
        need(sum(b for _, _, b, _ in entries) <= rounds, "more rounds aggregated than accepted")
        need(sum(c for _, _, _, c in entries) <= t["escrow"] and t["paid"] is None, "settled too late or too much")
        need(not t["settled"] or h["height"] > t["settled"][0], "settled lower")
        t["settled"] = (h["height"], h["id"], table)
        self.settles.append((h["chain"], h["height"], h["id"], height))
        if table["outcome"][0] != 0 and t["window"] is None:
            t["window"] = time + self.settle_ms

    def refund(self, r, e, a, height, time):
        t = self.task(r.id())
        need(t["paid"] is not None and t["escrow"] > 0, "nothing to refund")
        self.accounts[t["publisher"]]["balance"] += t["escrow"]
        t["escrow"] = 0

    def evidence(self, r, e, a, height, time):
        one, two = envelope(r), envelope(r)
        envelope_signature(one, self.network)
        envelope_signature(two, self.network)
        place = ("kind", "chain", "major", "minor", "signer")
        need(all(one[p] == two[p] for p in place) and one["payload"] < two["payload"], "no evidence")
        need(one["kind"] in (1, 2, 3, 4, 5, 7, 9), "a kind that may be signed again")
        bad = self.accounts.get(one["signer"])
        need(bad is not None, "evidence against nobody")
        if one["chain"] == self.chain:
            lost = bad["bond"] + sum(c for c, _ in bad["unbonding"])
            need(lost > 0 and one["major"] >= bad["below"], "nothing to lose")
            bad.update(bond=0, unbonding=[], below=height + 2)
        else:
            t = self.task(one["chain"])
            lost = [n["bond"] for key, _, n in t["enrolled"] if key == one["signer"]]
            open_ = not t["released"] and not t["cancelled"] and one["signer"] not in t["slashed"]
            need(len(lost) == 1 and open_, "nothing to lose")
            lost = lost[0]
            t["slashed"] = sorted(t["slashed"] + [one["signer"]])
            bad["bonded"] -= lost
        self.burned += lost

    def rate(self, r, e, a, height, time):
        t, key, stars = self.task(r.id()), r.id(), r.u8()
        need(e["signer"] == t["publisher"] and key != e["signer"] and 1 <= stars <= 5, "a rating by somebody else")
        need(t["paid"] is not None and t["settled"] is not None, "rated before it was paid")
        need(any(k == key and a + b > 0 for k, a, b, _ in t["settled"][2]["entries"]), "rated without settled work")
        need(all(k != key for k, _ in t["ratings"]), "rated twice")
        t["ratings"] = sorted(t["ratings"] + [(key, stars)])

    @staticmethod
    def embedded_header(r):
        start = r.at
        probe = Reader(r.data)
        probe.at = start
        probe.domain(2)
        probe.take(32 + 8 + 32 + 8 + 32 + 4 + 1 + 4 + 2 + 40 + 32 * 4)
        probe.blob(PROOF)
        r.at = probe.at
        return header(r.data[start:r.at])

    def members(self, t):
        return Electorate((key, n["bond"]) for key, height, n in t["enrolled"] if height < t["closed"])

    def root(self):
        out = struct.pack("<HB", 12, 1) + u32(len(self.accounts))
        for key in sorted(self.accounts):
            a = self.accounts[key]
            out += key + u64(a["balance"]) + u64(a["nonce"]) + u64(a["bonded"]) + u64(a["bond"]) + a["key"]
            out += u32(len(a["unbonding"])) + b"".join(u64(c) + u64(t) for c, t in a["unbonding"]) + u64(a["below"])
            out += u64(a["reserve"])
        out += u64(self.burned) + u64(self.since or 0) + u32(len(self.tasks))
        out += b"".join(self.record(t) for t in self.tasks)
        out += u64(len(self.departed)) + self.ended + u32(len(self.sums))
        out += b"".join(key + b"".join(map(u64, self.sums[key])) for key in sorted(self.sums))
        return transcript("meshnode/registry-state/1", out)

    @staticmethod
    def record(t):
        out = t["id"] + t["spec"]["bytes"] + t["publisher"] + u64(t["published"]) + u64(t["escrow"]) + u64(t["deposit"])
        out += u32(len(t["enrolled"])) + b"".join(k + u64(h) + n["bytes"] for k, h, n in t["enrolled"])
        out += u64(t["closed"])
        out += u32(len(t["orders"])) + b"".join(u64(h) + bytes([a]) for h, a in t["orders"])
        out += bytes([t["cancelled"], t["settled"] is not None])
        if t["settled"]:
            out += u64(t["settled"][0]) + t["settled"][1] + t["settled"][2]["bytes"]
        out += bytes([t["target"] is not None]) + u32(t["target"] or 0) + u64(t["window"] or 0) + u64(t["paid"] or 0)
        out += bytes([t["released"]]) + u32(len(t["slashed"])) + b"".join(t["slashed"])
        out += u32(len(t["ratings"])) + b"".join(key + bytes([stars]) for key, stars in t["ratings"])
        return out

    def block(self, h, body, cert):
        need(h["chain"] == self.chain and h["kind"] == 0, "not a registry block")
        need(h["height"] == self.height + 1 and h["parent"] == self.head and h["time"] > self.time, "does not follow")
        need((h["round"], h["attempt"], h["payout"]) == (0, 0, bytes(32)), "a registry block with a round or payouts")
        order = shuffle(self.now.members, self.beacon, "proposers")
        need(h["author"] == order[h["view"] % len(order)], "another proposer")
        self.election(h, self.beacon, self.accounts[h["author"]]["key"])
        check_certificate(cert, h, self.now, self.network)
        due = self.is_due(h["time"])
        self.begin(h["time"])
        r = Reader(body)
        need(len(body) <= REGISTRY_BODY, "a registry body of %d bytes, at most %d" % (len(body), REGISTRY_BODY))
        transactions = r.list(envelope, TRANSACTIONS)
        r.end()
        need(transactions or due, "an empty block, though no height is due")
        for e in transactions:
            self.apply(e, h["height"], h["time"])
        drawn, second = self.drawn(), self.later
        if h["height"] % EPOCH == 0 or (self.since is not None and h["time"] >= self.since + self.epoch_ms):
            second = drawn
        need(h["next"] == self.later.hash and h["second"] == second.hash, "other electorates")
        need(h["state"] == self.root(), "another state root")
        need(self.credits() == self.total, "credits were made or lost")
        self.height, self.head, self.time = h["height"], h["id"], h["time"]
        self.ids.append(h["id"])
        self.beacon = beacon_after(self.beacon, h)
        self.now, self.later = self.later, second
        self.since = None if drawn.hash == second.hash else self.since or h["time"]
        for t in self.tasks:
            if t["closed"] == h["height"]:
                t["block"] = h["id"]
            if t["closed"] and t["closed"] + 2 == h["height"]:
                t["beacon"] = transcript("task", t["id"], self.beacon)
                t["anchor"] = (h["height"], self.now.hash, self.later.hash)

    def election(self, h, beacon, key):
        need(len(h["proof"]) == self.proof_bytes, "election proof of another length")
        if self.proof_bytes:
            check_election(h, key, beacon)


def shares(aggregators, members):
    """Credits of (key, budget) that aggregated and (key, weight) that are members, with every credit given to somebody."""
    budget, total = sum(b for _, b in aggregators), sum(w for _, w in members)
    if total == 0:
        return dict(aggregators)
    divisor = 10 * total
    claims = [(k, b * total) for k, b in aggregators] + [(k, 9 * budget * w) for k, w in sorted(members)]
    given = [n // divisor for _, n in claims]
    rest = sorted(range(len(claims)), key=lambda i: (-(claims[i][1] % divisor), claims[i][0], i))
    for i in rest[:budget - sum(given)]:
        given[i] += 1
    out = {}
    for (key, _), credits in zip(claims, given):
        out[key] = out.get(key, 0) + credits
    return out


CAP = 98_304


def twice_median(ascending):
    return ascending[(len(ascending) - 1) // 2] + ascending[len(ascending) // 2]


def units(scores):
    """u of each score, None being a missing one; None when the round does not count."""
    positive = sorted(one for one in scores if one is not None and one > 0)
    if len(positive) < 3:
        return None
    median = twice_median(positive)
    return [-CAP if one is None else min(CAP, max(-CAP, (one << 17) // median)) for one in scores]


class Task:
    def __init__(self, registry, t):
        self.registry, self.network, self.t, self.spec = registry, registry.network, t, t["spec"]
        self.chain, self.head, self.height, self.time = t["id"], t["block"], 0, t["published"]
        self.beacon = self.round_beacon = t["beacon"]
        self.electorate = registry.members(t)
        self.enrolments = {k: n for k, h, n in t["enrolled"] if h < t["closed"]}
        self.publisher_alone = self.spec["holders"] == 1
        self.holder_order = shuffle(self.electorate.members, self.beacon, "holders")
        self.holders = [t["publisher"]] if self.publisher_alone else self.holder_order[:self.spec["holders"]]
        self.former, self.short = [], False
        self.round, self.attempt, self.keyed, self.unkeyed, self.rejections = 1, 0, 0, 0, 0
        self.phase, self.paused, self.order = b"\x01", False, 0
        self.sets, self.buckets, self.resubmits, self.current = [], [], [], None
        self.evicted, self.condemned = set(), set()
        self.model, self.results = self.spec["initial"], []
        members = sorted(self.enrolments)
        self.table = dict(outcome=(0,), rounds=0, accuracy=0, entries=[[k, 0, 0, 0] for k in members])
        self.left, self.direction, self.open = self.spec["scored"], None, None
        self.scored, self.authored, self.announced = [], dict.fromkeys(members, 0), {}
        self.openings, self.repeats, self.earlier, self.ids = [], [], {}, [self.head]
        self.anchors = [t["anchor"]]
        # Heights of blocks that rest on what is not in the file, and what that is.
        self.lacking = []
        # Contents in the order in which blocks name them, with their kinds.
        self.named = []
        # Every announcement that a MANIFEST carries, with its height; those whose body was checked, and found right.
        self.carried, self.sound = [], set()
        self.subsets = subsets(self.spec["holders"], self.spec["threshold"])

    def sealing_key(self, holder):
        return self.t["sealing"] if self.publisher_alone else self.enrolments[holder]["sealing"]

    def components_of(self, place):
        return [a for a, excluded in enumerate(self.subsets) if place not in excluded]

    def holders_of(self, component):
        return [p for p in range(self.spec["holders"]) if p not in self.subsets[component]]

    def context(self):
        """ctx of the present attempt (crypto.md)."""
        s = self.spec
        roster = u32(len(self.enrolments)) + b"".join(
            k + self.enrolments[k]["bytes"] + bytes([k in self.evicted]) for k in sorted(self.enrolments))
        policy = struct.pack("<HBqBqIIIB", 20, 1, s["B"], s["packing"], s["radix"], coordinates(s, self.round), s["maximum"],
                             s["smallest"], s["encoding"])
        policy += u64(s["clip"]) + u32(s["range"]) + bytes([s["threshold"]])
        policy += u32(len(self.holders)) + b"".join(k + self.sealing_key(k) for k in self.holders)
        policy += b"\x01" + self.direction if self.direction else b"\x00"
        return transcript("meshnode/context/1", self.network, self.chain, transcript("meshnode/spec/1", s["bytes"]), self.round,
                          self.attempt, roster, self.model[0] + u64(self.model[1]), policy)

    def implied(self):
        """The body of the CONTROL that decided blocks imply; None without one."""
        s = self.spec
        if self.rejections >= 3:
            return b"\x02\x02"
        if self.round > s["rounds"] or s["target"] > 0 and self.table["accuracy"] >= s["target"]:
            return b"\x01"
        if self.phase[0] == 1 and self.keyed >= 3:
            return b"\x02\x01"
        return b"\x02\x04" if self.short else None

    def proposers(self):
        drawn = shuffle(self.electorate.members, self.beacon, "proposers")
        last = [] if self.publisher_alone else self.holders
        return [k for k in drawn if k not in last] + [k for k in drawn if k in last]

    def block(self, h, body, cert):
        need(h["height"] == self.height + 1 and h["parent"] == self.head and h["time"] > self.time, "does not follow")
        need(self.phase[0] != 3, "a block after the end")
        need(h["kind"] != 0 and h["next"] == h["second"] == bytes(32), "a task block that names electorates")
        if h["kind"] != 4:
            need(self.implied() is None, "decided blocks imply another control")
            need(not self.paused, "a block of a paused task")
            need(self.phase[0] != 1 or self.direction is not None or not self.is_scored(), "a scored round waits for its direction")
        order = self.proposers()
        need(h["author"] == order[h["view"] % len(order)], "another proposer")
        need((h["round"], h["attempt"]) == (self.round, self.attempt), "another round")
        self.registry.election(h, self.beacon, self.enrolments[h["author"]]["election"])
        check_certificate(cert, h, self.electorate, self.network)
        self.late = self.first_void_view(order)
        self.height, self.head, self.time = h["height"], h["id"], h["time"]
        self.ids.append(h["id"])
        self.beacon = beacon_after(self.beacon, h)
        r = Reader(body)
        getattr(self, {1: "manifest", 2: "result", 3: "void", 4: "control"}[h["kind"]])(h, r)
        r.end()
        need(h["payout"] == transcript("meshnode/payout/1", encode_table(self.table)), "another payout root")
        need(h["state"] == self.root(), "another state root")

    def root(self):
        ids = lambda keys: u32(len(keys)) + b"".join(keys)
        pairs = lambda ps: u32(len(ps)) + b"".join(k + name for k, name in ps)
        ref = lambda r: r[0] + u64(r[1])
        out = struct.pack("<HB", 11, 1) + self.chain + u64(self.height) + self.beacon + self.round_beacon
        out += u32(self.round) + struct.pack("<H", self.attempt) + u32(self.keyed) + u32(self.unkeyed) + self.phase
        out += ref(self.model) + u32(len(self.sets)) + b"".join(map(ids, self.sets)) + ids(sorted(self.evicted))
        out += u32(self.rejections) + encode_table(self.table) + u32(self.table["accuracy"])
        out += bytes([self.paused]) + u32(self.order) + ids(self.holders) + ids(self.former) + bytes([self.short])
        out += ids(sorted(self.condemned)) + pairs(self.resubmits)
        out += u32(self.left)
        out += b"\x00" if self.direction is None else self.direction and b"\x02" + self.direction or b"\x01"
        out += bytes([self.open is not None])
        if self.open:
            out += u32(self.open["round"]) + self.open["commitment"] + pairs(self.open["set"])
        out += u32(len(self.scored))
        for number, direction, entries in self.scored:
            out += u32(number) + (b"\x01" + ref(direction) if direction else b"\x00") + u32(len(entries))
            for key, score in entries:
                out += key + (b"\x00" if score is None else b"\x01" + struct.pack("<q", score))
        out += u32(len(self.authored)) + b"".join(u64(self.authored[k]) for k in sorted(self.authored))
        out += u32(len(self.anchors)) + b"".join(u64(h) + a + b for h, a, b in self.anchors)
        if self.spec["server"] >= 6:
            out += u32(len(self.buckets)) + b"".join(map(ids, self.buckets))
        return transcript("meshnode/task-state/1", out)

    def first_void_view(self, order):
        weight = 0
        for view, key in enumerate(order):
            if weight >= self.electorate.third:
                return max(3, view)
            weight += self.electorate.weight[key]
        return max(3, len(order))

    def lists(self, kind, union, r):
        """Reads the signed lists of voters over a union: the ids in lists of at least T weight."""
        ascending(union, "ids of a union")
        weight, total, self.said = dict.fromkeys(union, 0), 0, []
        found = r.list(lambda r: (r.id(), r.blob(ANNOUNCEMENTS // 8), r.sig()), VOTERS)
        ascending([key for key, _, _ in found], "signers of lists")
        for key, bitmap, sig in found:
            need(key in self.electorate.weight, "a list of somebody without a vote")
            need(len(bitmap) == (len(union) + 7) // 8, "a bitmap of another length")
            ids = [one for i, one in enumerate(union) if bitmap[i // 8] >> (i % 8) & 1]
            need(sum(bin(b).count("1") for b in bitmap) == len(ids), "a bitmap with unused bits")
            payload = u32(len(ids)) + b"".join(ids)
            signature(key, sig, signed_bytes(self.network, kind, self.chain, self.height, 0, key, payload))
            total += self.electorate.weight[key]
            self.said.append(set(ids))
            for one in ids:
                weight[one] += self.electorate.weight[key]
        need(all(weight.values()), "a union with an id that no list has")
        need(total >= self.electorate.quorum, "too few lists")
        return {one for one in union if weight[one] >= self.electorate.third}

    def message(self, e, kind, signers, what, place=None):
        """A signed message of the present attempt, or of `place` (major, minor): its payload."""
        envelope_signature(e, self.network)
        wanted = (kind, self.chain) + (place or (self.round, self.attempt))
        need((e["kind"], e["chain"], e["major"], e["minor"]) == wanted, "%s of another place" % what)
        need(signers is None or e["signer"] in signers, "%s of somebody who may not" % what)
        return Reader(e["payload"])

    def announcement(self, e):
        """A member's announcement, with its proof of t."""
        roster = [k for k in self.enrolments if k not in self.evicted]
        self.message(e, 4, roster, "an announcement")
        a = submission(e["payload"])
        need(a["submitter"] == e["signer"], "an announcement of another submitter")
        need((a["context"], a["round"], a["attempt"]) == (self.context(), self.round, self.attempt),
             "an announcement of another context")
        need(a["count"] == elements(self.spec, self.round), "an announcement of another size")
        earlier = dict(self.resubmits).get(e["signer"])
        need((a["repeats"] or (None,))[0] == earlier, "an announcement that does not repeat the submission of the latest set")
        need(len(a["commitments"]) == len(self.subsets), "an announcement of another holder profile")
        check_proof(a)
        return a

    def readys(self, found, members):
        opened = {}
        for e in found:
            r = self.message(e, 6, self.holders, "a Ready")
            need(r.id() == self.context(), "a Ready of another context")
            ids = r.ids(ANNOUNCEMENTS)
            r.end()
            ascending(ids, "ids of a Ready")
            opened[self.holders.index(e["signer"])] = set(ids)
        for _, name in members:
            for component in range(len(self.subsets)):
                need(any(name in opened.get(place, ()) for place in self.holders_of(component)), "Readys that do not cover the set")

    def complaints(self, found, announced):
        """Names of the submissions that complaints prove bad."""
        bad = set()
        for e in found:
            r = self.message(e, 11, self.holders, "a complaint")
            need(r.id() == self.context(), "a complaint of another context")
            entries = r.list(lambda r: (r.id(), r.u8(), r.id(), r.sig(), r.list(lambda r: r.blob(256), COMPONENTS * HOLDERS)), COMPLAINTS)
            r.end()
            need(entries, "a complaint about nothing")
            ascending([entry[0] for entry in entries], "submissions of a complaint")
            proven = [x for x in entries if x[0] in announced and self.is_bad_box(x, e["signer"], announced[x[0]])]
            need(proven, "a complaint that proves nothing")
            bad |= {entry[0] for entry in proven}
        return bad

    def is_bad_box(self, entry, holder, a):
        """Whether the shared point is proven and the box does not open to what the announcement commits to."""
        name, component, shared, proof, boxes = entry
        place, public = self.holders.index(holder), self.sealing_key(holder)
        if component >= len(self.subsets) or place in self.subsets[component]:
            return False
        if transcript("meshnode/nddfe/v1/boxes", *boxes) != a["boxes"]:
            return False
        try:
            e, p, d = decode_point(a["ephemeral"]), decode_point(public), decode_point(shared)
            c, z = scalar(proof[:32], "a complaint"), scalar(proof[32:], "a complaint")
        except Fault:
            return False
        first = encode_point(linear((z, G), (c, minus(p))))
        second = encode_point(linear((z, e), (c, minus(d))))
        statement = (name, bytes([component]), bytes([place]), encode_point(G), public, a["ephemeral"], shared)
        if challenge("meshnode/nddfe/v1/complaint", *statement, first, second) != c:
            return False
        key = transcript("meshnode/nddfe/v1/box", shared, a["ephemeral"], public, a["context"], a["submitter"], bytes([component]))
        holders = self.holders_of(component)
        index = component * len(holders) + holders.index(place)
        seed = open_box(key, boxes[index]) if index < len(boxes) and len(boxes[index]) == 48 else None
        return seed is None or commitment(component, seed, a) != a["commitments"][component]

    def manifest(self, h, r):
        need(self.phase[0] == 1, "a set is already decided")
        context = r.id()
        need(context == self.context(), "a manifest of another context")
        listed = self.lists(5, r.ids(ANNOUNCEMENTS), r)
        by_key, announced, order = {}, {}, []
        for e in r.list(envelope, ANNOUNCEMENTS):
            name = transcript("meshnode/submission/1", e["payload"])
            need(name in listed, "an announcement that is not listed")
            by_key.setdefault(e["signer"], []).append(name)
            announced[name] = self.announcement(e)
            order.append((e["signer"], name))
            self.carried.append((h["height"], announced[name]))
            self.named.append((announced[name]["body"][0], 1))
        ascending(order, "announcements")
        need(len(announced) == len(listed), "an announcement is left out")
        twice = [set(names) for names in by_key.values() if len(names) > 1]
        need(all(len(names & said) <= 1 for names in twice for said in self.said), "a list with two announcements of one member")
        readys = r.envelopes(HOLDERS, "Readys")
        bad = self.complaints(r.envelopes(HOLDERS, "complaints"), announced)
        condemned = r.ids(EVICTIONS)
        need(condemned == sorted({announced[name]["submitter"] for name in bad}), "evicted others than complaints prove bad")
        if r.flag():
            self.scores(r)
        else:
            need(self.open is None, "open scores are not decided")
        self.condemned = set(condemned)
        once = sorted(k for k, names in by_key.items() if len(names) == 1 and k not in self.condemned)
        if self.buckets:
            kept = [self.nested(bucket, once, self.beacon) for bucket in self.buckets]
            self.buckets = [bucket for bucket in kept if len(bucket) >= self.spec["smallest"]]
            once = sorted(sum(self.buckets, [])) if len(self.buckets) >= self.spec["least"] else []
        elif self.sets:
            once = self.nested(self.sets[-1], once, self.beacon)
        need(len(once) >= self.spec["smallest"] * self.spec["least"], "too small a set")
        members = [(k, by_key[k][0]) for k in once]
        self.readys(readys, members)
        if self.spec["buckets"] and not self.buckets:
            self.buckets = self.draw(once, self.beacon)
        self.sets.append(once)
        self.keyed += 1
        self.phase = b"\x02" + u32(len(members)) + b"".join(k + name for k, name in members)
        self.current = (h["id"], members, context, {k: announced[by_key[k][0]] for k in once})
        for name, a in announced.items():
            if a["repeats"]:
                self.repeats.append((h["height"], a, self.earlier[a["repeats"][0]], by_key[a["submitter"]] == [name]))
        self.earlier.update(announced)

    def nested(self, last, submitters, beacon):
        """A decided set or bucket as it is keyed again: whole, or less the first p of those present by their places."""
        last = [k for k in last if k not in self.evicted | self.condemned]
        present = [k for k in last if k in submitters]
        if present == last:
            return last
        leave = max(self.spec["smallest"], -(-len(present) // 3))
        if len(present) - leave < self.spec["smallest"]:
            return []
        return sorted(sorted(present, key=lambda k: (transcript("meshnode/leave/1", beacon, k), k))[leave:])

    def draw(self, members, beacon):
        count = min(self.spec["buckets"], len(members) // self.spec["smallest"])
        order = sorted(members, key=lambda k: (transcript("meshnode/bucket/1", beacon, k), k))
        buckets = []
        for index in range(count):
            size = len(members) // count + (index < len(members) % count)
            buckets.append(sorted(order[:size]))
            order = order[size:]
        return buckets

    def result(self, h, r):
        manifest, aggregate, model, opening, rejected = r.id(), r.ref(), r.ref(), r.id(), r.flag()
        need(self.current and manifest == self.current[0], "a result of another manifest")
        scalar(opening, "an opening")
        self.named += [(aggregate[0], 4), (model[0], 2)]
        stated = set()
        for e in r.envelopes(HOLDERS, "key statements"):
            stated |= set(self.key_statement(e))
        need(len(stated) == len(self.subsets), "key statements that do not cover every component")
        form = lambda ref: ref[0] + u64(ref[1])
        payload = transcript("meshnode/payload/1", manifest, form(aggregate), form(model), opening)
        weight = against = 0
        seen = []
        for e in r.envelopes(VOTERS, "opinions"):
            o = self.message(e, 9, self.electorate.weight, "an opinion", (h["height"], 0))
            need(o.id() == payload, "an opinion of another candidate")
            verdict, reason, remark = o.choice(1, 2, 3), o.u8(), o.text(TEXT)
            need(reason in {1: (1, 6), 2: (2, 6), 3: (3, 4, 5, 6)}[verdict], "a reason that does not fit the verdict")
            need(not remark or reason == 6, "a remark without a person")
            accuracy, _, rows = o.u32(), o.u64(), o.u32()
            o.end()
            need(accuracy <= 1_000_000, "an accuracy above 1")
            w = self.electorate.weight[e["signer"]]
            weight += w
            against += w if verdict == 2 else 0
            if rows:
                seen.append((accuracy, w))
        need(weight >= self.electorate.quorum, "too few opinions")
        need(rejected == (against >= self.electorate.third), "rejected or not")
        convicted = []
        if r.flag():
            proof = blame(r)
            need(not proof["chunks"], "a result names no client")
            _, convicted = self.verdict(proof)
            need(convicted, "a proof that convicts nobody")
        liars = r.ids(HOLDERS)
        need(liars == convicted, "convicted others than the proof")
        _, members, context, announced = self.current
        sums = [[k for k, _ in members]] if not self.buckets else self.buckets
        self.results.append(dict(height=h["height"], round=self.round, manifest=manifest, context=context, set=announced, sums=sums,
                                 aggregate=aggregate, opening=opening, base=self.model, model=model))
        self.rejections += 1
        scored = self.is_scored()
        if not rejected:
            self.rejections = 0
            self.model = model
            median, passed = 0, 0
            for accuracy, w in sorted(seen):
                passed += w
                if 2 * passed >= sum(w for _, w in seen):
                    median = accuracy
                    break
            self.pay([k for k, _ in members], h["author"], median)
            self.sets, self.buckets = [], []
            if self.direction:
                self.open = dict(round=self.round, commitment=self.direction, set=members, bodies=announced)
        self.left -= scored
        self.direction = None
        self.evict([])
        self.replace(liars, 0)
        self.resubmits, self.earlier = [], {}
        self.round, self.attempt, self.keyed, self.unkeyed = self.round + 1, 0, 0, 0
        self.round_beacon, self.phase, self.current = self.beacon, b"\x01", None

    def is_scored(self):
        if self.spec["rule"] != 3 or self.left == 0 or self.round > self.spec["rounds"]:
            return False
        seed = transcript("round", self.round, self.round_beacon)
        drawn = int.from_bytes(transcript("meshnode/scored-round/1", seed)[:8], "little")
        return drawn % (self.spec["rounds"] - self.round + 1) < self.left

    def pay(self, members, author, accuracy):
        t, s = self.table, self.spec
        t["rounds"] += 1
        t["accuracy"] = accuracy
        p = t["rounds"]
        budget = s["reward"] * p // s["rounds"] - s["reward"] * (p - 1) // s["rounds"]
        self.authored[author] += budget
        weights = [(k, 1 if s["rule"] == 1 else self.enrolments[k]["rows"]) for k in members]
        credits = shares([(author, budget)], weights)
        for entry in t["entries"]:
            entry[1] += entry[0] in members
            entry[2] += entry[0] == author
            entry[3] += credits.get(entry[0], 0)
        self.pay_by_score()

    def pay_by_score(self):
        """Under contribution: what each would have if the task ended here."""
        if self.spec["rule"] != 3:
            return
        entries = self.table["entries"]
        sums = {entry[0]: 0 for entry in entries}
        for _, _, scores in self.scored:
            for (key, _), unit in zip(scores, units([score for _, score in scores]) or []):
                sums[key] += unit
        positive = sorted(t for t in sums.values() if t > 0)
        weights = {k: max(0, 8 * t - twice_median(positive)) if positive else 0 for k, t in sums.items()}
        if not any(weights.values()):
            weights = {entry[0]: entry[1] * self.enrolments[entry[0]]["rows"] for entry in entries}
        credits = shares([(entry[0], self.authored[entry[0]]) for entry in entries if self.authored[entry[0]]],
                         [(k, w) for k, w in weights.items() if w])
        for entry in entries:
            entry[3] = credits.get(entry[0], 0)

    def evict(self, keys):
        self.evicted |= set(keys) | self.condemned
        self.condemned = set()

    def replace(self, keys, unanswered):
        left = 0
        for place, key in enumerate(self.holders):
            if key not in keys:
                continue
            free = [k for k in self.holder_order if k not in self.holders + self.former and k not in self.evicted]
            if len(self.former) < self.spec["threshold"] and free:
                self.former.append(key)
                self.holders[place] = free[0]
            else:
                left += 1
        self.short = self.short or left > unanswered

    def key_statement(self, e):
        """A holder's roots by component."""
        o = self.message(e, 7, self.holders, "a key statement")
        need(o.id() == self.context() and o.id() == self.current[0], "a key statement of another set")
        roots = dict(o.list(lambda r: (r.u8(), r.id()), COMPONENTS))
        count = Reader(e["payload"][64:68]).u32()
        o.end()
        need(list(roots) == self.components_of(self.holders.index(e["signer"])) and len(roots) == count,
             "a key statement of other components than its holder's")
        return roots

    def void(self, h, r):
        reason, evicted = r.choice(1, 2, 3, 4), r.ids(EVICTIONS)
        union = r.ids(ANNOUNCEMENTS)
        listed = set()
        if reason == 1:
            need(self.phase[0] == 1, "too few in a set that is decided")
            listed = self.lists(5, union, r)
        else:
            need(not union and not r.list(lambda r: None, 0), "lists without a reason")
        replaced = r.ids(HOLDERS)
        absences, complaints = r.envelopes(VOTERS, "absences"), r.envelopes(HOLDERS, "complaints")
        submissions = r.list(envelope, COMPLAINTS * HOLDERS)
        proof = blame(r) if r.flag() else None
        need(reason == 3 or not absences, "absences without a reason")
        need(reason == 4 or proof is None, "blame without a reason")
        need(reason in (3, 4) or not replaced, "replaced holders without a reason")
        need(reason in (1, 4) or not (complaints or submissions), "complaints without a reason")
        members = self.current[1] if self.current else []
        need(reason != 4 or self.current, "blame without a set")
        announced, order = {}, []
        for e in submissions:
            name = transcript("meshnode/submission/1", e["payload"])
            need(name in listed if reason == 1 else (e["signer"], name) in members, "an announcement that is no part of the attempt")
            announced[name] = self.announcement(e)
            order.append((e["signer"], name))
        ascending(order, "announcements")
        bad = self.complaints(complaints, announced)
        need(len(bad) == len(announced), "an announcement that no complaint proves bad")
        guilty = {announced[name]["submitter"] for name in bad}
        if reason == 1:
            need(len(listed) - len(bad) < self.spec["smallest"] * self.spec["least"], "enough submissions for a set")
            need(evicted == sorted(guilty), "evicted others than complaints prove bad")
        elif reason == 2:
            need(not evicted and h["view"] >= self.late, "a deadline that is too early")
        elif reason == 3:
            need(not evicted, "silence evicts nobody")
            missed = self.missing(absences)
            known = self.spec["holders"] - self.spec["threshold"] - 1
            need(len(missed) > known, "the other holders know every component")
            need(replaced == missed, "replaced others than the missing")
        else:
            clients, liars = self.verdict(proof) if proof else ([], [])
            guilty |= set(clients)
            need(guilty or liars, "nobody is proven bad")
            need(evicted == sorted(guilty) and replaced == liars, "evicted or replaced others than are proven bad")
        if self.current:
            self.resubmits = self.current[1]
        else:
            self.unkeyed += 1
        self.evict(evicted)
        self.replace(replaced, len(replaced) if reason == 3 else 0)
        self.attempt += 1
        self.phase, self.current = b"\x01", None

    def missing(self, absences):
        """Holders that voters of at least T weight miss."""
        weight = dict.fromkeys(self.holders, 0)
        for e in absences:
            r = self.message(e, 12, self.electorate.weight, "an absence", (self.height, 0))
            keys = r.ids(HOLDERS)
            r.end()
            need(keys, "an absence of nobody")
            ascending(keys, "holders of an absence")
            for key in keys:
                need(key in weight, "an absence of somebody who is no holder")
                weight[key] += self.electorate.weight[e["signer"]]
        return sorted(k for k in weight if weight[k] >= self.electorate.third)

    def verdict(self, proof):
        """Clients and holders that a blame proof convicts (rounds.md, when the sum fails; crypto.md, blame)."""
        s, members, context, manifest = self.spec, self.current[1], self.context(), self.current[0]
        sums = [[k for k, _ in members]] if not self.buckets else self.buckets
        each = elements(s, self.round)
        for field in ("statements", "disclosures", "openings", "submissions"):
            ascending([e["signer"] for e in proof[field]], field)
        r = self.message(proof["claim"], 13, self.electorate.weight, "a claim")
        need(r.id() == context and r.id() == manifest, "a claim about another set")
        recovery, element = r.choice(1, 2) == 1, r.u32()
        entries = r.list(lambda r: (r.u8(), r.u8(), r.id(), r.ids(PATH)), COMPONENTS)
        r.end()
        ascending([(c, p) for p, c, _, _ in entries], "entries of a claim")
        need(element < len(sums) * each, "a claim about no element")
        need(all(c < len(self.subsets) and p in self.holders_of(c) for p, c, _, _ in entries),
             "a claim about a holder that does not know the component")
        group = [(k, name) for k, name in members if k in sums[element // each]]
        roots = {}
        for e in proof["statements"]:
            roots[self.holders.index(e["signer"])] = self.key_statement(e)
        keys = {}
        for place, component, key, path in entries:
            root = roots.get(place, {}).get(component)
            need(root is not None, "a claim without the holder's statement")
            need(merkle_path("meshnode/nddfe/v1/key", element, len(sums) * each, key, path) == root, "a key outside its vector")
            keys.setdefault(component, {})[root] = key
        if recovery:
            need([c for _, c, _, _ in entries] == list(range(len(self.subsets))), "a claim of failed recovery names every component")
            need(all(stated[c] in keys[c] for stated in roots.values() for c in stated), "roots that differ come first")
        else:
            need(len(keys) == 1 and len({k for known in keys.values() for k in known.values()}) >= 2, "a dispute without a difference")
        disclosed = {}
        for e in proof["disclosures"]:
            r = self.message(e, 14, self.holders, "a disclosure")
            need(r.id() == context and r.id() == manifest, "a disclosure about another set")
            at, masks = r.u32(), r.list(lambda r: (r.u8(), r.ids(SUBMITTERS)), COMPONENTS)
            r.end()
            ascending([c for c, _ in masks], "components of a disclosure")
            place = self.holders.index(e["signer"])
            need(at // each < len(sums), "a disclosure about no element")
            need(all(c in self.components_of(place) and len(v) == len(sums[at // each]) for c, v in masks),
                 "a disclosure of other components or members")
            if at == element:
                disclosed[place] = dict(masks)
        announced = {}
        for e in proof["submissions"]:
            name = transcript("meshnode/submission/1", e["payload"])
            if (e["signer"], name) in group:
                announced[name] = submission(e["payload"])
        truths = {}
        for e in proof["openings"]:
            r = self.message(e, 15, None, "an opening")
            need(r.id() == context, "an opening of another context")
            name, component, seed = r.id(), r.u8(), r.id()
            r.end()
            need((e["signer"], name) in members and component < len(self.subsets), "an opening that is not its signer's")
            if (e["signer"], name) in group and name in announced:
                a = announced[name]
                if commitment(component, seed, a) == a["commitments"][component]:
                    truths[group.index((e["signer"], name)), component] = mask(seed, a, component, element % each)
        liars, missing, dispute, heard = set(), False, False, {}
        asked = range(len(self.subsets)) if recovery else sorted(keys)
        for place in range(s["holders"]):
            for c in self.components_of(place):
                if c not in asked or not recovery and c not in roots.get(place, {}):
                    continue
                values = disclosed.get(place, {}).get(c)
                if values is None:
                    missing = True
                    continue
                heard.setdefault(c, []).append((place, values))
                root = roots.get(place, {}).get(c)
                if root is not None and root in keys.get(c, {}) and not masks_sum(values, keys[c][root]):
                    liars.add(place)
        for c in asked:
            told = heard.get(c, [])
            for member in range(len(group)):
                said = [v for place, v in told if place not in liars]
                truth = truths.get((member, c))
                if truth is not None:
                    liars |= {place for place, v in told if v[member] != truth}
                elif any(v[member] != said[0][member] for v in said[1:]):
                    dispute = True
        convicted = [] if self.publisher_alone else sorted(self.holders[place] for place in liars)
        if not proof["chunks"]:
            return [], convicted
        need(not liars and not missing and not dispute and recovery, "clients are named before the masks are agreed")
        ascending([name for name, _, _ in proof["chunks"]], "chunks")
        width = 32 if s["encoding"] == 1 else 64
        index, at = divmod(element % each, CHUNK // width)
        clients = []
        for name, data, path in proof["chunks"]:
            need(name in announced, "a chunk of no member's announcement")
            a = announced[name]
            member = [n for _, n in group].index(name)
            count = -(-each * width // CHUNK)
            wanted = min(CHUNK, each * width - index * CHUNK)
            fits = len(data) == wanted and merkle_path("meshnode/nddfe/v1/chunk", index, count, data, path) == a["root"]
            need(fits, "a chunk that is not its member's")
            masks = [heard[c][0][1][member] for c in range(len(self.subsets))]
            need(not in_range(s, self.round, element % each, data[at * width:(at + 1) * width], masks), "an element within its range")
            clients.append(a["submitter"])
        return sorted(clients), convicted

    def control(self, h, r):
        rest = r.data[r.at:]
        kind = r.choice(*range(1, 8))
        outcome, implied = None, self.implied()
        if kind == 3:
            need(implied is None, "decided blocks imply another control")
            outcome = self.ordered(r)
        elif kind in (4, 6):
            waits = self.phase[0] == 1 and implied is None and self.is_scored() and self.direction is None
            need(waits and not self.paused, "a direction that no round waits for")
            self.direction = b""
            if kind == 4:
                o = self.message(envelope(r), 16, [self.t["publisher"]], "a direction", (self.round, 0))
                self.direction = o.id() if o.flag() else b""
                o.end()
        elif kind == 5:
            need(implied is not None, "the next manifest carries the scores")
            self.scores(r)
        elif kind == 7:
            need(implied is None, "decided blocks imply another control")
            steps, second = r.list(self.step, STEPS), self.anchors[-1][2]
            need(len(steps) == 64, "an anchor moves by 64 changes of the electorate")
            for h, _, _ in steps:
                need(h["second"] != second, "an anchor over a height that changes nothing")
                second = h["second"]
            self.anchors.append(self.follow(steps, self.anchors[-1]))
        else:
            outcome = (1,) if kind == 1 else (2, r.choice(1, 2, 3, 4))
            if outcome == (2, 3):
                need(implied is None and h["time"] >= self.registry.expires(self.t), "a task that has not expired")
            else:
                need(self.open is None, "open scores come first")
                need(rest == implied, "a control that decided blocks do not imply")
        if outcome:
            self.table["outcome"] = outcome
            self.phase = b"\x03" + bytes(outcome)

    def step(self, r):
        return self.registry.embedded_header(r), certificate(r), r.list(lambda r: (r.id(), r.u64()), VOTERS)

    def follow(self, steps, anchor):
        """Registry headers, each with the electorate that the one before it names: the anchor that they lead to."""
        height, following, second = anchor
        for h, cert, members in steps:
            need(h["chain"] == self.registry.chain and h["kind"] == 0, "a step that is no registry block")
            need(h["height"] > height, "steps of a proof out of order")
            ascending([k for k, _ in members], "members of an electorate")
            electorate = Electorate(members)
            need(electorate.members == members, "an electorate of another form")
            need(electorate.hash == (following if h["height"] == height + 1 else second), "an electorate that is not proven")
            check_certificate(cert, h, electorate, self.network)
            ids = self.registry.ids
            if h["height"] < len(ids):
                need(ids[h["height"]] == h["id"], "a step that is not the registry's block")
            elif not self.lacking or self.lacking[-1][0] != self.height:
                self.lacking.append((self.height, "registry block %d, which this block rests on" % h["height"]))
            height, following, second = h["height"], h["next"], h["second"]
        return height, following, second

    def ordered(self, r):
        """An order of the publisher with the registry headers that prove it; the outcome that it makes."""
        steps, start = r.list(self.step, STEPS), r.at
        transactions = r.list(envelope, TRANSACTIONS)
        body, index = r.data[start:r.at], r.u32()
        need(index < len(transactions), "an order that names no transaction")
        order = Reader(transactions[index]["payload"])
        order.domain(16)
        need(order.u8() == 7 and order.id() == self.chain, "not an order about this task")
        need(order.u32() == self.order + 1, "an order out of turn")
        action = order.choice(1, 2, 3)
        order.end()
        need(action != 1 or not self.paused, "a pause of a paused task")
        need(action != 2 or self.paused, "a resume of a running task")
        need(steps, "an order without a proof")
        below = [anchor for anchor in self.anchors if anchor[0] < steps[-1][0]["height"]]
        need(below, "an order from before the task")
        self.follow(steps, below[-1])
        need(steps[-1][0]["body"] == (content_id(body, 3), len(body)), "an order that its block does not hold")
        self.order += 1
        # A stop ends the task and leaves it as paused as it was: `paused` is part of the state root.
        self.paused = action == 1 or action == 3 and self.paused
        return (3,) if action == 3 else None

    def scores(self, r):
        need(self.open is not None, "scores of no round")
        number, names = self.open["round"], dict(self.open["set"])
        reveal = envelope(r) if r.flag() else None
        listed = self.lists(19, r.ids(SUBMITTERS), r)
        opened = {}
        for e in r.envelopes(SUBMITTERS, "openings"):
            o = self.message(e, 18, names, "an opening", (number, 0))
            name, score, mask = o.id(), o.number("q"), o.id()
            o.end()
            need(names[e["signer"]] == name and name in listed, "an opening that is not listed")
            need(abs(score) <= self.spec["B"] * coordinates(self.spec, number), "a score out of range")
            opened[e["signer"]] = (score, mask)
        need(len(opened) == len(listed) and (reveal is not None) == bool(opened), "openings are left out")
        direction = None
        if reveal:
            o = self.message(reveal, 17, [self.t["publisher"]], "a reveal", (number, 0))
            salt, direction = o.id(), o.ref()
            o.end()
            need(direction[1] == coordinates(self.spec, number), "a direction of another size")
            self.named.append((direction[0], 7))
            self.openings.append(dict(height=self.height, salt=salt, direction=direction, opened=opened, **self.open))
        entries = [(k, opened[k][0] if k in opened else None) for k in sorted(names)] if opened else []
        self.scored.append((number, direction, entries))
        self.open = None
        self.pay_by_score()


def blame(r):
    return dict(claim=envelope(r), statements=r.list(envelope, HOLDERS), disclosures=r.list(envelope, HOLDERS),
                openings=r.list(envelope, NAMED), submissions=r.list(envelope, 2 * NAMED),
                chunks=r.list(lambda r: (r.id(), r.blob(CHUNK), r.ids(PATH)), NAMED))


# What lies behind the blocks: bodies, sums and models. Edwards points are (X, Y, Z, T) with x = X/Z, y = Y/Z, T = XY/Z.

def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, p):
    out = ZERO
    while n:
        if n & 1:
            out = add(out, p)
        p, n = add(p, p), n >> 1
    return out


def same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def combination(numbers, points):
    """The sum of numbers[j] * points[j], numbers below 2^128, a byte at a time."""
    total = ZERO
    for shift in range(120, -8, -8):
        buckets = [ZERO] * 256
        for n, p in zip(numbers, points):
            digit = n >> shift & 255
            if digit:
                buckets[digit] = add(buckets[digit], p)
        running = part = ZERO
        for bucket in reversed(buckets[1:]):
            running = add(running, bucket)
            part = add(part, running)
        total = add(times(256, total), part)
    return total


def root_ratio(u, v):
    r = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    check = v * r * r % P
    square = check in (u % P, -u % P)
    if check in (-u % P, -u * ROOT % P):
        r = r * ROOT % P
    return square, P - r if r & 1 else r


def elligator(data):
    """MAP of RFC 9496, 4.3.4, for the ristretto group."""
    t = int.from_bytes(data, "little") % 2**255 % P
    r = ROOT * t * t % P
    u = (r + 1) * (1 - D * D) % P
    v = (-1 - r * D) * (r + D) % P
    square, s = root_ratio(u, v)
    c = P - 1
    if not square:
        s, c = -(s * t % P if s * t % P & 1 == 0 else P - s * t % P) % P, r
    n = (c * (r - 1) * (D - 1) ** 2 - v) % P
    w = 2 * s * v % P, n * SQRT_AD_1 % P, (1 - s * s) % P, (1 + s * s) % P
    return w[0] * w[3] % P, w[2] * w[1] % P, w[1] * w[3] % P, w[0] * w[2] % P


SQRT_AD_1 = 25063068953384623474111414158702152701244531502492656460079210482610430750235
BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = root_ratio(BASE_Y**2 - 1, D * BASE_Y**2 + 1)[1]
G = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def small_ys():
    """y of every point of order 1, 2, 4 and 8: the double of one of order 8 has y = 0, which is d*y^4 + 2*y^2 - 1 = 0."""
    found = {1, P - 1, 0}
    _, root = root_ratio(1 + D, 1)
    for numerator in (-1 + root, -1 - root):
        square, y = root_ratio(numerator % P, D)
        if square:
            found |= {y, P - y}
    return found


SMALL_Y = small_ys()


def decode_point(data):
    """A canonical ristretto255 encoding (RFC 9496, 4.3.1) that is not the identity."""
    s = int.from_bytes(data, "little")
    need(len(data) == 32 and s < P and s & 1 == 0 and s != 0, "an encoding that is no group element")
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    square, root = root_ratio(1, v * u2 * u2 % P)
    x = 2 * s * root * u2 % P
    x = P - x if x & 1 else x
    y = u1 * root * root * u2 * v % P
    need(square and x * y % P & 1 == 0 and y != 0, "an encoding that is no group element")
    return x, y, 1, x * y % P


INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578


def encode_point(p):
    """RFC 9496, 4.3.2."""
    x, y, z, t = p
    u1, u2 = (z + y) * (z - y) % P, x * y % P
    _, root = root_ratio(1, u1 * u2 * u2 % P)
    d1, d2 = root * u1 % P, root * u2 % P
    inverse = d1 * d2 * t % P
    if t * inverse % P & 1:
        x, y, d2 = y * ROOT % P, x * ROOT % P, d1 * INVSQRT_A_MINUS_D % P
    if x * inverse % P & 1:
        y = P - y
    s = d2 * (z - y) % P
    return (P - s if s & 1 else s).to_bytes(32, "little")


def scalar(data, what):
    n = int.from_bytes(data, "little")
    need(n < L, "%s is no canonical scalar" % what)
    return n


def challenge(*parts):
    return int.from_bytes(transcript(*parts, size=64), "little") % L


def minus(p):
    return -p[0] % P, p[1], p[2], -p[3] % P


def linear(*terms):
    """The sum of n * p over the terms (n, p), n non-negative, with one chain of doublings."""
    out = ZERO
    for bit in range(max(n.bit_length() for n, _ in terms) - 1, -1, -1):
        out = add(out, out)
        for n, p in terms:
            if n >> bit & 1:
                out = add(out, p)
    return out


def check_election(h, key, beacon):
    """ECVRF-RISTRETTO255-SHA512 over chain, beacon and height (consensus.md)."""
    suite = b"\xffc2sp.org/vrf-r255"
    sha = lambda data: hashlib.sha512(suite + data).digest()
    data = transcript("meshnode/election/1", h["chain"], beacon, u64(h["height"]))
    public, gamma = decode_point(key), decode_point(h["proof"][:32])
    c, s = int.from_bytes(h["proof"][32:48], "little"), scalar(h["proof"][48:80], "an election proof")
    wide = sha(b"\x82" + key + data)
    point = add(elligator(wide[:32]), elligator(wide[32:]))
    first = linear((s, G), (c, minus(public)))
    second = linear((s, point), (c, minus(gamma)))
    parts = key + encode_point(point) + h["proof"][:32] + encode_point(first) + encode_point(second)
    need(c == int.from_bytes(sha(b"\x02" + parts + b"\x00")[:16], "little"), "an election proof of another key")


def mask_base():
    data = b2(b"meshnode/nddfe/v1/H", 64)
    p = times(pow(8, L - 2, L), add(elligator(data[:32]), elligator(data[32:])))
    return times(8, p)


def stream(key, n):
    return Cipher(algorithms.ChaCha20(key, bytes(16)), None).encryptor().update(bytes(n))


def merkle(domain, payloads):
    def tagged(suffix, data):
        name = (domain + suffix).encode()
        return b2(bytes([len(name)]) + name + data)
    level = [tagged("/leaf", u32(i) + u32(len(payloads)) + one) for i, one in enumerate(payloads)]
    while len(level) > 1:
        pairs = [tagged("/node", level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    return level[0]


def submission(data):
    r = Reader(data)
    r.domain(7)
    s = dict(context=r.id(), round=r.u32(), attempt=r.u16(), submitter=r.id(), nonce=r.id(), commitments=r.list(lambda r: r.id()),
             ephemeral=r.id(), proof=r.sig(), boxes=r.id(), count=r.u32(), root=r.id(), body=r.ref())
    s["repeats"] = (r.id(), r.id()) if r.flag() else None
    s["bytes"] = data
    r.end()
    need(len(s["commitments"]) <= COMPONENTS and s["count"] <= ELEMENTS, "an announcement beyond its limits")
    return s


def check_proof(a):
    """Knowledge of t for E = t*G, bound to context, key, nonce, boxes and commitments: step 5 of encrypting."""
    e, first = decode_point(a["ephemeral"]), decode_point(a["proof"][:32])
    z = scalar(a["proof"][32:], "a proof of t")
    c = challenge("meshnode/nddfe/v1/seal-proof", a["ephemeral"], a["context"], a["submitter"], a["nonce"], a["boxes"],
                  *a["commitments"], a["proof"][:32])
    need(encode_point(linear((z, G), (c, minus(e)))) == encode_point(first), "an announcement that does not prove its t")


def check_key(proof, key, statement):
    """Knowledge of the secret of a ristretto255 key, bound to a statement."""
    point, first = decode_point(key), decode_point(proof[:32])
    z = scalar(proof[32:], "a proof of a key")
    c = challenge("meshnode/key-proof/1", key, statement, proof[:32])
    need(encode_point(linear((z, G), (c, minus(point)))) == encode_point(first), "a key that its sender has not proven to hold")


def is_key(key):
    """Whether 32 bytes are an Ed25519 key that can sign: canonical, on the curve, of the prime order."""
    n = int.from_bytes(key, "little")
    y = n % 2**255
    if y >= P or small_order(key):
        return False
    square, x = root_ratio((y * y - 1) % P, (D * y * y + 1) % P)
    if not square:
        return False
    return same(times(L, (x, y, 1, x * y % P)), ZERO)


def commitment(component, seed, a):
    return transcript("meshnode/nddfe/v1/com", bytes([component]), seed, a["nonce"], a["context"], a["submitter"])


def mask(seed, a, component, element):
    """R of one component and element."""
    parts = ("meshnode/nddfe/v1/mask", a["context"], a["submitter"], a["nonce"], bytes([component]))
    data = b"".join(u64(len(one)) + one for one in (p.encode() if isinstance(p, str) else p for p in parts))
    key = hashlib.blake2b(data, digest_size=32, key=seed).digest()
    out = bytearray(stream(key, 32 * element + 32)[32 * element:])
    out[31] &= 15
    return bytes(out)


def masks_sum(values, key):
    numbers = [int.from_bytes(one, "little") for one in values + [key]]
    return all(n < 2**252 for n in numbers[:-1]) and numbers[-1] < L and (sum(numbers[:-1]) - numbers[-1]) % L == 0


def affine(p):
    inverse = pow(p[2], P - 2, P)
    return p[0] * inverse % P, p[1] * inverse % P


def in_range(s, number, element, data, masks):
    """Whether U - (sum of masks)*Hb is the packed value of one member: digits within B, filling zero."""
    values = [int.from_bytes(one, "little") for one in masks]
    try:
        need(all(v < L for v in values), "a mask")
        point = element_points(data, s)[0]
    except Fault:
        return False
    point = times(8, add(point, times(-sum(values) % L, mask_base())))
    step = times(8, G)
    known, running = {affine(ZERO): 0}, ZERO
    for n in range(1, s["B"] + 1):
        running = add(running, step)
        x, y = affine(running)
        known[x, y], known[-x % P, y] = n, -n
    digits = max(0, min(s["packing"], coordinates(s, number) - element * s["packing"]))
    if digits == 0:
        return False
    tops = range(-s["B"], s["B"] + 1) if digits == 2 else (0,)
    wide = times(s["radix"] % L, step)
    return any(affine(add(point, times(-top % L, wide))) in known for top in tops)


def hchacha(key):
    """HChaCha20 with a nonce of zeros: the key of XChaCha20 with one."""
    words = list(struct.unpack("<4I", b"expand 32-byte k")) + list(struct.unpack("<8I", key)) + [0] * 4
    def quarter(a, b, c, d):
        for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            words[x] = (words[x] + words[y]) & 0xFFFFFFFF
            w = words[z] ^ words[x]
            words[z] = (w << n | w >> (32 - n)) & 0xFFFFFFFF
    for _ in range(10):
        for q in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                  (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(*q)
    return struct.pack("<8I", *(words[:4] + words[12:]))


def open_box(key, box):
    try:
        return ChaCha20Poly1305(hchacha(key)).decrypt(bytes(12), box, None)
    except InvalidTag:
        return None


def merkle_path(domain, index, count, payload, path):
    """The root that a leaf and its siblings give; None when their number does not fit."""
    def tagged(suffix, data):
        name = (domain + suffix).encode()
        return b2(bytes([len(name)]) + name + data)
    node, path = tagged("/leaf", u32(index) + u32(count) + payload), list(path)
    while count > 1:
        if index ^ 1 < count:
            if not path:
                return None
            other = path.pop(0)
            node = tagged("/node", node + other if index % 2 == 0 else other + node)
        index, count = index // 2, (count + 1) // 2
    return None if path else node


def element_points(data, s):
    """The points of encoded elements: 32 bytes of ristretto255, or 64 of affine x and y, none of small order."""
    if s["encoding"] == 1:
        need(len(data) % 32 == 0, "elements of another length")
        return [decode_point(data[at:at + 32]) for at in range(0, len(data), 32)]
    need(len(data) % 64 == 0, "elements of another length")
    points = []
    for at in range(0, len(data), 64):
        x, y = (int.from_bytes(data[i:i + 32], "little") for i in (at, at + 32))
        need(x < P and y < P and (y * y - x * x - 1 - D * x * x * y * y) % P == 0, "an element that is no point")
        need(y not in SMALL_Y, "an element of small order")
        points.append((x, y, 1, x * y % P))
    return points


def body_points(data, a, s):
    """The elements of a submission's body, checked against its announcement."""
    r = Reader(data)
    r.domain(8)
    boxes, elements = r.list(lambda r: r.blob(256), COMPONENTS * HOLDERS), r.blob()
    r.end()
    need(transcript("meshnode/nddfe/v1/boxes", *boxes) == a["boxes"], "other boxes than announced")
    shape = len(subsets(s["holders"], s["threshold"])) * (s["holders"] - s["threshold"])
    need(len(boxes) == shape and all(len(box) == 48 for box in boxes), "boxes of another number or length")
    chunks = [elements[i:i + CHUNK] for i in range(0, len(elements), CHUNK)]
    need(merkle("meshnode/nddfe/v1/chunk", chunks) == a["root"], "other elements than announced")
    need(len(elements) == (32 if s["encoding"] == 1 else 64) * a["count"], "another number of elements")
    return element_points(elements, s)


def f32(x):
    try:
        return struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        return math.copysign(math.inf, x)


def binary32(n):
    """The binary32 of a whole number of millionths."""
    return f32(n / 1e6)


def tensors(data):
    """The tensors of a model file, by name in the order of their bytes: (shape, values)."""
    try:
        size, = struct.unpack("<Q", data[:8])
        need(size <= len(data) - 8, "a model without a whole header")
        records = json.loads(data[8:8 + size])
        found = {}
        for name in sorted(records, key=str.encode):
            one = records[name]
            (begin, end), shape = one["data_offsets"], list(one["shape"])
            need(one["dtype"] == "F32" and 0 <= begin <= end <= len(data) - 8 - size, "a tensor that is not F32")
            need(end - begin == 4 * math.prod(shape), "a tensor of another length than its shape")
            found[name] = shape, list(struct.unpack("<%df" % math.prod(shape), data[8 + size + begin:8 + size + end]))
        return found
    except (ValueError, TypeError, KeyError, AttributeError, struct.error, RecursionError):
        raise Fault("a model that is no file of tensors")


def model_file(found):
    """The canonical file of tensors."""
    head, offset = [], 0
    for name, (shape, values) in sorted(found.items(), key=lambda pair: pair[0].encode()):
        end = offset + 4 * len(values)
        head.append('%s:{"dtype":"F32","shape":[%s],"data_offsets":[%d,%d]}'
                    % (json.dumps(name), ",".join(map(str, shape)), offset, end))
        offset = end
    text = ("{" + ",".join(head) + "}").encode()
    text += b" " * (-len(text) % 8)
    return u64(len(text)) + text + b"".join(struct.pack("<%df" % len(v), *v) for _, (_, v) in sorted(
        found.items(), key=lambda pair: pair[0].encode()))


def content(contents, reference, what):
    """The bytes that a reference names, None where they are not here. Everything that is read by a reference is read here, so
    that no reference is followed whose length is not that of its bytes."""
    data = contents.get(reference[0])
    need(data is None or len(data) == reference[1], "%s of another length than its reference says" % what)
    return data


# Tensors that a server step keeps beside the model, by the number of its rule.
KEPT = {2: ["first"], 3: ["first", "second"], 4: ["first", "second"], 5: ["first"]}


def is_followed(s):
    """Whether this program computes the server step of a task."""
    return (s["compression"], s["correction"], s["scale"]) == (1, 1, 1)


def combined(s, means):
    """One mean of those of the round's sums."""
    if s["server"] < 6:
        return means[0]
    if s["server"] == 8:
        def distance(x, y):
            total = 0.0
            for a, b in zip(x, y):
                total += (a - b) * (a - b)
            return total
        scores = []
        for own, mean in enumerate(means):
            score = 0.0
            for one in sorted(distance(mean, other) for at, other in enumerate(means) if at != own)[:len(means) - s["hostile"] - 2]:
                score += one
            scores.append(score)
        return means[scores.index(min(scores))]
    out, middle, cut = [], len(means) // 2, s["hostile"]
    for values in zip(*means):
        values = sorted(values)
        if s["server"] == 7:
            total = 0.0
            for one in values[cut:len(values) - cut]:
                total = f32(total + one)
            out.append(f32(total / f32(len(values) - 2 * cut)))
        elif len(values) % 2:
            out.append(values[middle])
        else:
            out.append(f32(f32(values[middle - 1] + values[middle]) * 0.5))
    return out


def mean_of(digits, step, weight):
    return [f32(f32(f32(n) * step) / weight) for n in digits]


def server_step(s, old, first, second, means):
    """Weights, first and second moments after the step of learning.md: every operation rounds once to binary32.

    `s` has the rule as server and hostile, and rate, momentum, beta2 and tau in millionths.
    """
    rate, mu, beta2, tau = (binary32(s[n]) for n in ("rate", "momentum", "beta2", "tau"))
    fresh, rest = f32(1 - mu), f32(1 - beta2)
    first = first or [0.0] * len(old)
    second = second or [f32(tau * tau)] * len(old)
    new, m, v = [], [], []
    for w, d, m_, v_ in zip(old, combined(s, means), first, second):
        if s["server"] in (2, 5):
            m_ = f32(f32(mu * m_) + d)
            move = f32(rate * (m_ if s["server"] == 2 else f32(d + f32(mu * m_))))
        elif s["server"] in (3, 4):
            m_, square = f32(f32(mu * m_) + f32(fresh * d)), f32(d * d)
            change = f32(rest * square)
            if s["server"] == 3:
                v_ = f32(f32(beta2 * v_) + change)
            elif v_ != square:
                v_ = f32(v_ - change) if v_ > square else f32(v_ + change)
            need(v_ >= 0, "a second moment that is no number, or below 0")
            spread = f32(f32(math.sqrt(v_)) + tau)
            need(spread > 0, "a step by nothing")
            move = f32(f32(rate * m_) / spread)
        else:
            move = f32(rate * d)
        new.append(f32(w - move))
        m.append(m_)
        v.append(v_)
    need(all(map(math.isfinite, new + m + v)), "a model that is not finite")
    return new, m, v


def next_model(task, one, digits, base):
    """The file that the server step makes of a base model and a round's sums."""
    s, size = task.spec, task.spec["size"]
    need(s["weighting"] == 1 or s["cap"] > 0, "weights without a row cap")
    step = f32(binary32(s["range"]) / f32(s["B"]))
    means = []
    for members, values in zip(one["sums"], digits):
        if s["weighting"] == 1:
            weight = f32(len(members))
        else:
            weight = f32(f32(sum(min(task.enrolments[k]["rows"], s["cap"]) for k in members)) / f32(s["cap"]))
        means.append(mean_of(values, step, weight))
    found = tensors(base)
    names, state = [n for n in found if not n.startswith("state.")], [n for n in found if n.startswith("state.")]
    kept = KEPT.get(s["server"], [])
    need(state in ([], ["state.server." + n for n in kept]), "a base model with other state")
    old = [w for n in names for w in found[n][1]]
    need(len(old) == size and all(len(found[n][1]) == size for n in state), "a model of another form")
    first, second = ([found[n][1] for n in state] + [None, None])[:2]
    new, *moments = server_step(s, old, first, second, means)
    made, at = {}, 0
    for name in names:
        end = at + len(found[name][1])
        made[name], at = (found[name][0], new[at:end]), end
    for name, values in zip(kept, moments):
        made["state.server." + name] = [size], values
    return model_file(made)


def points_of(task, a, contents):
    """The elements of a submission's body, checked against its announcement; None where the body is not here."""
    data = content(contents, a["body"], "a body")
    if data is None:
        return None
    points = body_points(data, a, task.spec)
    task.sound.add(a["bytes"])
    return points


def check_repeat(task, a, earlier, contents, mask):
    """That a later attempt holds the integers of the earlier one; False when a body is not here."""
    new, old = points_of(task, a, contents), points_of(task, earlier, contents)
    if new is None or old is None:
        return False
    previous, proof = a["repeats"]
    draft = a["bytes"][:-32] + bytes(32)
    key = transcript("meshnode/nddfe/v1/same-vector", previous, transcript("meshnode/submission/1", draft), a["context"],
                     a["nonce"], a["root"])
    left = combination(drawn_rho(key, len(new)), [add(n, minus(o)) for n, o in zip(new, old)])
    right = times(8 * scalar(proof, "a proof of the same vector"), mask)
    need(same(times(8, left), right), "a later attempt holds another vector")
    return True


def drawn_rho(key, n):
    data = stream(key, 16 * n)
    return [int.from_bytes(data[16 * j:16 * j + 16], "little") for j in range(n)]


def check_result(task, one, contents, mask):
    """Whether server step and equation of a result hold: None where this program does not know the step, False where a content
    that it takes is not here."""
    s, count = task.spec, len(one["sums"])
    data, base, model = (content(contents, one[k], what) for k, what in (
        ("aggregate", "a sum"), ("base", "a base model"), ("model", "a model")))
    if data is None:
        return False if is_followed(s) else None, False
    wide = (s["radix"] ** s["packing"] - 1) // 2 >= 2**31
    each = elements(s, one["round"])
    need(len(data) == (8 if wide else 4) * each * count, "a sum of another length")
    e = [n for n, in struct.iter_unpack("<q" if wide else "<i", data)]
    opening = scalar(one["opening"], "an opening")
    # Digits of every sum, within what its members can add up to.
    size, digits = coordinates(s, one["round"]), []
    for number, members in enumerate(one["sums"]):
        found = []
        for n in e[number * each:(number + 1) * each]:
            for _ in range(s["packing"]):
                digit = (n + s["radix"] // 2) % s["radix"] - s["radix"] // 2
                need(abs(digit) <= len(members) * s["B"], "a digit out of range")
                found.append(digit)
                n = (n - digit) // s["radix"]
            need(n == 0, "a remainder behind the digits")
        need(not any(found[size:]), "filling that is not 0")
        digits.append(found[:size])
    stepped = None
    if is_followed(s):
        stepped = base is not None and model is not None
        need(not stepped or next_model(task, one, digits, base) == model, "another model")
    bodies = {k: points_of(task, a, contents) for k, a in one["set"].items()}
    if None in bodies.values():
        return stepped, False
    key = transcript("meshnode/nddfe/v1/rho", one["context"], one["manifest"], b2(struct.pack("<%dq" % len(e), *e)))
    rho, sums = drawn_rho(key, len(e)), []
    for members in one["sums"]:
        for column in zip(*(bodies[k] for k in members)):
            total = ZERO
            for point in column:
                total = add(total, point)
            sums.append(total)
    left = times(8, combination(rho, sums))
    right = add(times(8 * sum(r * n for r, n in zip(rho, e)) % (8 * L), G), times(8 * opening, mask))
    need(same(left, right), "the block equation does not hold")
    return stepped, True


def check_openings(task, one, contents, mask):
    """The number of openings of a scored round that were checked, and of those that could not be."""
    data = content(contents, one["direction"], "a direction")
    if data is None:
        return 0, len(one["opened"])
    need(all(n in (0, 1, 255) for n in data), "a direction of another form")
    need(transcript("meshnode/nddfe/v1/direction", one["salt"], data) == one["commitment"], "another direction than committed")
    weight = len(data) - data.count(0)
    need(4 * weight >= len(data), "too narrow a direction")
    need(task.spec["correction"] == 1 or not any(data[task.spec["size"]:]), "a direction over a second vector")
    checked = lacking = 0
    for key, (score, kappa) in one["opened"].items():
        a = one["bodies"][key]
        points = points_of(task, a, contents)
        if points is None:
            lacking += 1
            continue
        total = ZERO
        for sign, point in zip(data, points):
            if sign:
                total = add(total, point if sign == 1 else minus(point))
        need(abs(score) <= task.spec["B"] * weight, "a score out of range")
        right = add(times(8 * score % (8 * L), G), times(8 * scalar(kappa, "the mask of a score"), mask))
        need(same(times(8, total), right), "an opening that is not its submission's")
        checked += 1
    return checked, lacking


def parse(text, number):
    """A line as its fields: each once, none unknown, and one text for one value."""
    fields = {"format": ("format", "rules", "network", "genesis"), "chain": ("chain", "height", "header", "body", "certificate"),
              "content": ("content", "kind", "bytes"), "end": ("end", "blocks", "contents", "missing")}

    def once(pairs):
        names = [name for name, _ in pairs]
        need(len(set(names)) == len(names), "line %d: a field stands twice" % number)
        return dict(pairs)

    def refuse(text):
        raise Fault("line %d: numbers are whole" % number)

    def whole(text):
        need(text.isdigit() and len(text) <= 20 and int(text) < 2**64, "line %d: a number with a sign, or beyond 2^64 - 1" % number)
        return int(text)

    need(text.endswith("\n") and text.isascii() and not set("\\\r") & set(text), "line %d: no end, escapes, or not ASCII" % number)
    try:
        line = json.loads(text, object_pairs_hook=once, parse_int=whole, parse_float=refuse, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise Fault("line %d is no JSON" % number)
    wanted = next((names for key, names in fields.items() if isinstance(line, dict) and key in line), ())
    if wanted and "format" in line:
        rules = line.get("rules", 1)
        need(type(rules) is int, "line %d: rules is a whole number" % number)
        need(rules == RULES, other_rules(rules))
    need(wanted and set(line) == set(wanted), "line %d has other fields than docs/protocol/export.md says" % number)
    for name, value in line.items():
        if name in ("rules", "height", "kind", "blocks", "contents", "missing"):
            need(type(value) is int and value >= 0, "line %d: %s is a whole number" % (number, name))
        elif name == "end":
            need(value is True, "line %d: end is true" % number)
        else:
            need(isinstance(value, str), "line %d: %s is a text" % (number, name))
            if name not in ("format", "bytes"):
                need(re.fullmatch("([0-9a-f]{2})*", value), "line %d: %s is no lower case hexadecimal" % (number, name))
    return line


def decoded(text, number):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Fault("line %d: no base64" % number)
    need(base64.b64encode(data).decode() == text, "line %d: base64 in another form" % number)
    return data


class Export:
    """An export while its lines go by."""

    def __init__(self, anchor=None):
        self.anchor, self.registry, self.tasks = anchor or {}, None, {}
        self.named, self.held, self.kinds, self.last = {}, {}, {}, -1
        self.blocks, self.number, self.missing, self.chain, self.gaps = 0, 0, None, None, []
        # Results whose server step this program does not compute.
        self.unfollowed = 0

    def take(self, text):
        self.number += 1
        line = parse(text, self.number)
        need(self.missing is None, "line %d stands behind the end" % self.number)
        if self.number == 1:
            need("format" in line and line["format"] == "meshnode-export/1", "another format")
            self.registry = Registry(bytes.fromhex(line["genesis"]))
            network = self.registry.network.hex()
            need(network == line["network"], "the network id is not the hash of the genesis")
            need(self.anchor.get("network", network) == network, "this is network %s, not the one asked for" % network)
        elif "chain" in line:
            self.block(line)
        elif "content" in line:
            self.content(line)
        else:
            need("end" in line, "line %d: a second head" % self.number)
            need(line["blocks"] == self.blocks and line["contents"] == len(self.held), "lines are missing")
            self.missing = line["missing"]

    def block(self, line):
        registry = self.registry
        try:
            need(not self.held, "a block behind contents")
            h = header(bytes.fromhex(line["header"]))
            body = bytes.fromhex(line["body"])
            need(len(body) <= BODY and h["body"] == (content_id(body, 3), len(body)), "another body")
            need(h["chain"].hex() == line["chain"] and h["height"] == line["height"], "another place")
            r = Reader(bytes.fromhex(line["certificate"]))
            cert = certificate(r)
            r.end()
            if h["chain"] == registry.chain:
                need(self.chain in (None, h["chain"]), "the registry comes first")
                registry.block(h, body, cert)
                known = self.anchor.get("checkpoint")
                need(not known or known[0] != h["height"] or known[1] == h["id"].hex(), "another block than the checkpoint")
            else:
                if h["chain"] != self.chain:
                    order = [t["id"] for t in registry.every_task()]
                    need(h["chain"] in order, "an unknown task")
                    need(self.chain in (None, registry.chain) or order.index(h["chain"]) > order.index(self.chain),
                         "chains are not in order of publication")
                    need(registry.task(h["chain"], left=True)["beacon"] is not None, "a task that has not started")
                    self.tasks[h["chain"]] = Task(registry, registry.task(h["chain"], left=True))
                self.tasks[h["chain"]].block(h, body, cert)
            self.chain = h["chain"]
        except Fault as fault:
            raise Fault("chain %s, height %d: %s" % (line["chain"][:8], line["height"], fault))
        self.blocks += 1

    def name_contents(self):
        """Every content that the chains name, in the order of the file, with its kind."""
        for t in self.registry.every_task():
            if t["beacon"] is not None:
                self.named.setdefault(t["spec"]["initial"][0], 2)
                for name, kind in self.tasks[t["id"]].named if t["id"] in self.tasks else []:
                    self.named.setdefault(name, kind)
        self.places = {name: place for place, name in enumerate(self.named)}

    def content(self, line):
        if not self.held:
            self.name_contents()
        name, data = bytes.fromhex(line["content"]), decoded(line["bytes"], self.number)
        short = line["content"][:8]
        need(name in self.named, "content %s is named by no block" % short)
        need(name not in self.held, "content %s stands twice" % short)
        need(self.places[name] > self.last, "content %s is out of order" % short)
        need(self.named[name] == line["kind"], "content %s is of another kind than its block says" % short)
        need(content_id(data, line["kind"]) == name, "content %s has other bytes" % short)
        self.last, self.held[name] = self.places[name], data

    def gap(self, chain, height, what):
        self.gaps.append("chain %s, height %d: %s" % (chain.hex()[:8], height, what))

    def finish(self, progress=lambda text: None):
        """What only the whole file tells. Returns the numbers of results, equations, repeated vectors and openings checked."""
        need(self.missing is not None, "the export has no end")
        registry = self.registry
        if not self.held:
            self.name_contents()
        lacking = len(self.named) - len(self.held)
        need(self.missing == lacking or not self.held and self.missing == 0, "%d contents are missing, not %d" % (lacking, self.missing))
        if registry.height == 0:
            self.gap(registry.chain, 0, "no block is here")
        known = self.anchor.get("checkpoint")
        if known and known[0] > registry.height:
            self.gap(registry.chain, registry.height, "the blocks up to the checkpoint are not here")
        for chain, height, block, at in registry.settles:
            task = self.tasks.get(chain)
            if task and task.height >= height:
                need(task.ids[height] == block, "chain %s, height %d: registry block %d settled another block" % (chain.hex()[:8], height, at))
            else:
                self.gap(chain, task.height if task else 0, "registry block %d settled height %d, which is not here" % (at, height))
        for chain, task in sorted(self.tasks.items()):
            for height, what in task.lacking:
                self.gap(chain, height, what)
        results = equations = repeats = opened = 0
        for t in registry.every_task() if not self.held else []:
            if t["beacon"] is not None:
                height = self.tasks[t["id"]].height if t["id"] in self.tasks else 0
                self.gap(t["id"], height, "sums, equations and models: the file holds no contents")
        mask = mask_base() if self.held else None
        for key, task in sorted(self.tasks.items()) if self.held else []:
            height = 0
            try:
                content(self.held, task.spec["initial"], "an initial model")
                for height, a, earlier, counts in task.repeats:
                    progress("chain %s, height %d" % (key.hex()[:8], height))
                    if check_repeat(task, a, earlier, self.held, mask):
                        repeats += 1
                    elif counts:
                        self.gap(key, height, "a body that a later attempt repeats")
                for one in task.results:
                    height = one["height"]
                    progress("chain %s, height %d" % (key.hex()[:8], height))
                    stepped, equation = check_result(task, one, self.held, mask)
                    results, equations = results + (stepped is True), equations + equation
                    self.unfollowed += stepped is None
                    if stepped is False or not equation:
                        self.gap(key, height, "sum, model or bodies of a result")
                for one in task.openings:
                    height = one["height"]
                    checked, lacking = check_openings(task, one, self.held, mask)
                    opened += checked
                    if lacking:
                        self.gap(key, height, "direction or bodies of a scored round")
                # Bodies that nothing above rests on, of members that no set holds.
                for height, a in task.carried:
                    if a["bytes"] not in task.sound:
                        progress("chain %s, height %d" % (key.hex()[:8], height))
                        points_of(task, a, self.held)
            except Fault as fault:
                raise Fault("chain %s, height %d: %s" % (key.hex()[:8], height, fault))
        return results, equations, repeats, opened


# Room for all but the long value of a line; the longest genesis in hexadecimal, and the longest content in base64.
NAMES = 4 << 10
LONGEST = 2 * (64 << 20) + NAMES
LONGEST_CONTENT = (2 << 30) // 3 * 4 + NAMES


def opened_export(path):
    """A plain file, with its line feeds as they are: a pipe or a device would wait or never end."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise Fault("%s is not a plain file" % path)
    return open(path, newline="\n", encoding="ascii", errors="surrogateescape")


def bounded_lines(file, piece=1 << 20):
    """The lines of a file, of which none is read further than a line of this format goes."""
    number = 0
    while True:
        number += 1
        parts, length = [], 0
        while not parts or not parts[-1].endswith("\n"):
            part = file.readline(piece)
            if not part:
                break
            need(re.fullmatch("[\t -~]*\n?", part), "line %d: other characters than ASCII" % number)
            parts.append(part)
            length += len(part)
            head = parts[0][:NAMES]
            most = LONGEST_CONTENT if '"content"' in head or '"bytes"' in head else LONGEST
            need(length <= most + 1, "line %d is longer than %d bytes: no line of this format is" % (number, most))
        if not parts:
            return
        yield "".join(parts)


def verify(lines, anchor=None, progress=lambda text: None):
    export = Export(anchor)
    for text in lines:
        export.take(text)
        progress("%d blocks, %d contents" % (export.blocks, len(export.held)))
    return export, export.finish(progress)


def when(ms):
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(ms // 1000))


class Progress:
    """A line on stderr every two seconds."""

    def __init__(self, quiet):
        self.quiet, self.next = quiet, time.monotonic() + 2

    def __call__(self, text):
        if not self.quiet and time.monotonic() >= self.next:
            self.next = time.monotonic() + 2
            print("... " + text, file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit 0: everything holds; 1: something does not, with the first fault; 3: nothing wrong was found, but what is "
        "missing in the file, or a server step that this program does not follow, was not checked; 2: usage.\n\n" + __doc__.split("\n\n", 1)[1])
    parser.add_argument("file", help="what `meshnode chain export --contents --out FILE` wrote")
    parser.add_argument("--genesis", metavar="FILE", help="genesis file of the network that this must be")
    parser.add_argument("--network", metavar="ID", help="id of the network that this must be, 64 digits")
    parser.add_argument("--checkpoint", metavar="HEIGHT:BLOCK", help="a registry block that the history must hold")
    parser.add_argument("--origin", metavar="FILE", help="an export of the network that this one is a fork of: what was carried is held against it")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    options = parser.parse_args()
    anchor = {}
    if options.network:
        anchor["network"] = options.network.lower()
    if options.genesis:
        try:
            with open(options.genesis, "rb") as file:
                network = network_id(file.read()).hex()
        except (OSError, Fault) as error:
            parser.error("--genesis: %s" % error)
        if anchor.setdefault("network", network) != network:
            parser.error("--genesis and --network name two networks")
    if options.checkpoint:
        if not re.fullmatch("[1-9][0-9]*:[0-9a-fA-F]{64}", options.checkpoint):
            parser.error("--checkpoint: write HEIGHT:BLOCK, the block with 64 digits")
        height, block = options.checkpoint.lower().split(":")
        anchor["checkpoint"] = (int(height), block)
    carried = None
    try:
        with opened_export(options.file) as file:
            export, (results, equations, repeats, opened) = verify(bounded_lines(file), anchor, Progress(options.quiet))
        if options.origin:
            with opened_export(options.origin) as file:
                try:
                    old, _ = verify(bounded_lines(file), None, Progress(options.quiet))
                    carried = export.registry.check_origin(old.registry)
                except Fault as fault:
                    raise Fault("origin: %s" % fault)
            if not carried:
                export.gaps.append("origin, height %d: the registry blocks up to the fork, so what was carried was not checked" % old.registry.height)
    except OSError as error:
        parser.error(str(error))
    except Fault as fault:
        print("FAILED: %s" % fault)
        sys.exit(1)
    registry = export.registry
    print('network %s "%s"' % (registry.network.hex(), registry.name.encode("ascii", "backslashreplace").decode()))
    print("%d blocks of %d chains hold, %d contents, %d results, %d equations, %d repeated vectors, %d openings; credits %d, as in genesis"
          % (export.blocks, 1 + len(export.tasks), len(export.held), results, equations, repeats, opened, registry.total))
    if registry.origin:
        o = registry.origin
        print("fork of network %s, at its registry block %d:%s, without %s; signed by all of its %d voters"
              % (o["network"].hex(), o["height"], o["block"].hex(), " ".join(k.hex()[:8] for k in o["without"]), sum(a[2] > 0 for a in registry.given)))
        print("carried: " + ("what the old registry gives at that block" if carried else
                             "whether that is what the old registry says was NOT checked: give an export of it with --origin"))
    if registry.height:
        print("as of registry block %d:%s, %s" % (registry.height, registry.head.hex(), when(registry.time)))
        if not options.checkpoint:
            print("a history signed by validators that have taken their bonds back since cannot be told apart from this one: compare "
                  "the block above with somebody you trust, or give --checkpoint")
    for gap in export.gaps:
        print("NOT HERE: " + gap)
    if export.unfollowed:
        print("NOT CHECKED: server step of %d results: this program follows no compression, no scaffold and no scale = previous"
              % export.unfollowed)
    sys.exit(3 if export.gaps or export.unfollowed else 0)


if __name__ == "__main__":
    main()
