#!/usr/bin/env python3
"""Checks an exported chain (docs/protocol/export.md) without any code of this project.

Written from docs/protocol alone: wire.md, consensus.md, registry.md, rounds.md, content.md and the transcripts of crypto.md.
It needs Python 3.9 and `cryptography` for Ed25519 and ChaCha20.

Checked: network id; block ids, parents, heights, times; that bodies and contents are the named ones; proposers and beacons (the
VRF outputs are hashed, their proofs are not verified: that takes a group library); every precommit of every certificate with the
electorate of its height; signatures, nonces and effects of all registry transactions, with them every balance; sets, scored rounds,
replaced holders, payout tables by equal, rows and contribution; the state root of every block of every chain. With --contents, of each
result whose bodies are there: boxes hash and elements root of every body, every affine element on the curve, the digits of e, the block
equation, and the new model where the task's server step is plain averaging; of each scored round: the direction and every opening.
Not checked: election proofs, proofs that a key is held, proofs of single boxes, what complaints and blame prove, the other server steps.

    verify_export.py FILE        exit 0 when everything holds, 1 with the first fault
"""
import base64
import hashlib
import json
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

CHUNK = 32 * 1024
# The rules of docs/protocol/README.md that this program follows. An export of another number is refused.
RULES = 2


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


def transcript(*parts):
    out = b""
    for part in parts:
        if isinstance(part, str):
            part = part.encode()
        elif isinstance(part, int):
            part = u64(part)
        out += u64(len(part)) + part
    return b2(out)


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

    def blob(self):
        return self.take(self.u32())

    def ref(self):
        return self.id(), self.u64()

    def list(self, one):
        return [one(self) for _ in range(self.u32())]

    def domain(self, n, version=1):
        need(self.u16() == n and self.u8() == version, "domain %d" % n)

    def end(self):
        need(self.at == len(self.data), "trailing bytes")


def content_id(data, kind):
    chunks = [data[i:i + CHUNK] for i in range(0, len(data), CHUNK)]
    hashes = [transcript("content chunk", chunk) for chunk in chunks]
    manifest = struct.pack("<HBBQBQ", 10, 1, kind, len(data), 0, len(data)) + u32(len(hashes)) + b"".join(hashes)
    return b2(manifest) if len(manifest) <= CHUNK else content_id(manifest, 0)


def header(data):
    r = Reader(data)
    r.domain(2)
    h = dict(chain=r.id(), height=r.u64(), parent=r.id(), time=r.u64(), author=r.id(), view=r.u32(), kind=r.u8(),
             round=r.u32(), attempt=r.u16(), body=r.ref(), state=r.id(), payout=r.id(), next=r.id(), second=r.id(),
             proof=r.blob())
    r.end()
    h["id"] = transcript("meshnode/block/1", data)
    return h


def certificate(r):
    r.domain(4)
    return dict(chain=r.id(), height=r.u64(), view=r.u32(), block=r.id(), votes=r.list(lambda r: (r.u8(), r.sig())))


def envelope(r):
    start = r.at
    r.domain(1)
    e = dict(network=r.id(), kind=r.u8(), chain=r.id(), major=r.u64(), minor=r.u32(), signer=r.id(), payload=r.blob())
    e["signed"] = r.data[start:r.at]
    e["sig"] = r.sig()
    return e


def signed_bytes(network, kind, chain, major, minor, signer, payload):
    return (struct.pack("<HB", 1, 1) + network + bytes([kind]) + chain + u64(major) + u32(minor) + signer
            + u32(len(payload)) + payload)


def signature(key, sig, data):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(sig, data)
    except InvalidSignature:
        raise Fault("a signature of %s does not hold" % key.hex()[:8])


def envelope_signature(e, network):
    need(e["network"] == network, "an envelope of another network")
    signature(e["signer"], e["sig"], e["signed"])


class Electorate:
    def __init__(self, bonds):
        best = sorted([(-w, k) for k, w in bonds if w >= 1])[:32]
        self.members = sorted((k, -w) for w, k in best)
        self.weight = dict(self.members)
        self.total = sum(self.weight.values())
        self.quorum = 2 * self.total // 3 + 1
        self.third = self.total // 3 + 1
        self.hash = transcript(
            "meshnode/electorate/1", u32(len(self.members)) + b"".join(k + u64(w) for k, w in self.members))


def check_certificate(cert, h, electorate, network):
    need((cert["chain"], cert["height"], cert["block"]) == (h["chain"], h["height"], h["id"]), "certificate of another block")
    places = [place for place, _ in cert["votes"]]
    need(places == sorted(set(places)), "votes are not in order")
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
    """Fields of a task spec that the ledger needs, and its bytes."""
    start = r.at
    r.domain(6)
    s = {}
    s["name"] = r.blob()
    r.u64()
    s["architecture"], _, _, s["initial"] = r.u8(), r.list(lambda r: r.u32()), r.u8(), r.ref()
    # data
    r.blob(), r.list(lambda r: r.u32()), r.list(lambda r: r.blob()), r.u32(), r.list(lambda r: r.blob())
    r.u64(), r.flag(), r.list(lambda r: r.u64()), r.list(lambda r: r.u64()), r.u32(), r.flag()
    s["rounds"] = r.u32()
    s["minimum"], s["maximum"], s["smallest"] = r.u32(), r.u32(), r.u32()
    s["enrol"], _, _, _, s["expiry"] = r.u32(), r.u32(), r.u32(), r.u32(), r.u64()
    # training
    r.blob(), r.u32(), r.u32(), r.u32(), r.u8(), r.take(5 * 4), r.u64(), r.u8(), r.u32(), r.u32()
    s["correction"], _ = r.u8(), r.u32()
    s["server"], s["rate"], _, s["weighting"], s["cap"] = r.u8(), r.u32(), r.take(3 * 4), r.u8(), r.u32()
    # Robust rules work on buckets.
    s["buckets"], hostile = (r.u16(), r.u16()) if s["server"] >= 6 else (0, 0)
    s["least"] = {6: 2, 7: 2 * hostile + 1, 8: 2 * hostile + 3}.get(s["server"], 1)
    # update
    r.u64()
    s["bits"], s["range"], s["scale"], s["compression"] = r.u8(), r.u32(), r.u8(), r.u8()
    r.take(4 * 4)
    s["packing"], s["encoding"] = r.u8(), r.u8()
    s["holders"], s["threshold"] = r.u8(), r.u8()
    r.u32()
    s["target"] = r.u32()
    s["commitment"] = r.id() if r.flag() else None
    r.u32(), r.u32()
    s["reward"], s["rule"], s["scored"], s["bond"] = r.u64(), r.u8(), r.u32(), r.u64()
    r.u32(), r.u8()
    s["bytes"] = r.data[start:r.at]
    return s


def outcome(r):
    kind = r.u8()
    return (kind, r.u8()) if kind == 2 else (kind,)


def payout_table(r):
    start = r.at
    t = dict(outcome=outcome(r), rounds=r.u32(), accuracy=r.u32(),
             entries=r.list(lambda r: [r.id(), r.u32(), r.u32(), r.u64()]))
    t["bytes"] = r.data[start:r.at]
    return t


def encode_table(t):
    return (bytes(t["outcome"]) + u32(t["rounds"]) + u32(t["accuracy"]) + u32(len(t["entries"]))
            + b"".join(k + u32(a) + u32(b) + u64(c) for k, a, b, c in t["entries"]))


def genesis_account(r):
    account = r.id(), r.u64(), r.u64(), r.id()
    if r.flag():
        r.sig(), r.sig()
    return account


class Registry:
    def __init__(self, genesis):
        r = Reader(genesis)
        need(genesis[2:3] != b"\x01", other_rules(1))
        r.domain(5, 2)
        rules = r.u16()
        need(rules == RULES, other_rules(rules))
        r.blob()
        self.time = r.u64()
        self.accounts = {}
        for key, balance, bond, election in r.list(genesis_account):
            self.accounts[key] = dict(balance=balance, nonce=0, bonded=0, bond=bond, key=election, unbonding=[], below=0)
        self.proof_bytes, _, _ = r.u8(), r.u32(), r.u32()
        self.settle_ms, self.evidence_ms = r.u64(), r.u64()
        r.end()
        self.network = transcript("meshnode/network/1", genesis)
        self.chain = transcript("meshnode/registry/1", self.network)
        self.head, self.height = self.network, 0
        self.beacon = transcript("meshnode/beacon-0/1", self.network)
        self.now = self.later = self.drawn()
        self.tasks, self.burned = [], 0
        self.total = self.credits()

    def drawn(self):
        e = Electorate((k, a["bond"]) for k, a in self.accounts.items())
        return e if e.members else self.later

    def credits(self):
        held = sum(a["balance"] + a["bonded"] + a["bond"] + sum(c for c, _ in a["unbonding"])
                   for a in self.accounts.values())
        return held + sum(t["escrow"] for t in self.tasks) + self.burned

    def task(self, task):
        for t in self.tasks:
            if t["id"] == task:
                return t
        raise Fault("an unknown task")

    # Timers, by the time of blocks.

    def timer(self, t):
        if t["cancelled"]:
            return None
        if t["window"] is None:
            return t["published"] + t["spec"]["expiry"]
        if t["paid"] is None:
            return t["window"]
        return None if t["released"] else t["paid"] + self.evidence_ms

    def begin(self, time):
        for a in self.accounts.values():
            while a["unbonding"] and a["unbonding"][0][1] <= time:
                a["balance"] += a["unbonding"].pop(0)[0]
        for t in self.tasks:
            while self.timer(t) is not None and self.timer(t) <= time:
                if t["window"] is None:
                    t["window"] = t["published"] + t["spec"]["expiry"] + self.settle_ms
                elif t["paid"] is None:
                    t["paid"] = time
                    table = t["settled"] and t["settled"][2]
                    if table and not (t["target"] is not None and table["accuracy"] < t["target"]):
                        for key, _, _, credits in table["entries"]:
                            t["escrow"] -= credits
                            self.accounts[key]["balance"] += credits
                else:
                    self.release(t)

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
        a = self.accounts[e["signer"]]
        need(e["major"] == a["nonce"], "nonce")
        a["nonce"] += 1
        r = Reader(e["payload"])
        r.domain(16)
        kind = r.u8()
        if kind == 1:
            s = spec(r)
            r.id(), r.sig()
            a["balance"] -= s["reward"]
            task = transcript("meshnode/task/1", self.network, transcript("meshnode/transaction/1", e["signed"]))
            self.tasks.append(dict(
                id=task, spec=s, publisher=e["signer"], published=time, escrow=s["reward"], enrolled=[], closed=0,
                beacon=None, block=None, orders=[], cancelled=False, settled=None, target=None, window=None, paid=None,
                released=False, slashed=[], ratings=[]))
        elif kind == 2:
            start = r.at
            n = dict(task=r.id(), sealing=r.id(), election=r.id(), rows=r.u32(), form=r.id(),
                     bond=r.u64(), proofs=(r.sig(), r.sig()))
            n["bytes"] = r.data[start:r.at]
            a["balance"] -= n["bond"]
            a["bonded"] += n["bond"]
            self.task(n["task"])["enrolled"].append((e["signer"], height, n))
        elif kind == 3:
            t = self.task(r.id())
            need(not t["closed"], "closed twice")
            t["closed"] = height
        elif kind == 4:
            to, credits = r.id(), r.u64()
            a["balance"] -= credits
            other = self.accounts.setdefault(
                to, dict(balance=0, nonce=0, bonded=0, bond=0, key=bytes(32), unbonding=[], below=0))
            other["balance"] += credits
        elif kind == 5:
            credits, key, _ = r.u64(), r.id(), r.sig()
            a["balance"] -= credits
            a["bond"] += credits
            a["key"] = key
        elif kind == 6 and r.u8() == 1:
            credits = r.u64()
            a["bond"] -= credits
            a["unbonding"].append((credits, time + self.evidence_ms))
        elif kind == 6:
            t = self.task(r.id())
            mine = [one for one in t["enrolled"] if one[0] == e["signer"]]
            need(not t["closed"] and len(mine) == 1, "leaves a task that it is not in")
            t["enrolled"].remove(mine[0])
            if e["signer"] not in t["slashed"]:
                a["bonded"] -= mine[0][2]["bond"]
                a["balance"] += mine[0][2]["bond"]
        elif kind == 7:
            t, sequence, action = self.task(r.id()), r.u32(), r.u8()
            need(e["signer"] == t["publisher"] and sequence == len(t["orders"]) + 1, "an order out of turn")
            if t["closed"]:
                t["orders"].append((height, action))
            else:
                t["cancelled"] = True
                self.release(t)
                self.accounts[t["publisher"]]["balance"] += t["escrow"]
                t["escrow"] = 0
        elif kind == 8:
            t, target, nonce = self.task(r.id()), r.u32(), r.id()
            need(transcript("meshnode/target/1", target, nonce) == t["spec"]["commitment"], "another target")
            t["target"] = target
        elif kind == 9:
            start = r.at
            h = self.embedded_header(r)
            cert, table = certificate(r), payout_table(r)
            t = self.task(h["chain"])
            check_certificate(cert, h, self.members(t), self.network)
            need(transcript("meshnode/payout/1", table["bytes"]) == h["payout"], "another payout root")
            need(sum(c for _, _, _, c in table["entries"]) <= t["escrow"] and t["paid"] is None, "settled too late or too much")
            need(not t["settled"] or h["height"] > t["settled"][0], "settled lower")
            t["settled"] = (h["height"], h["id"], table)
            if table["outcome"][0] != 0 and t["window"] is None:
                t["window"] = time + self.settle_ms
        elif kind == 10:
            t = self.task(r.id())
            need(t["paid"] is not None and t["escrow"] > 0, "nothing to refund")
            self.accounts[t["publisher"]]["balance"] += t["escrow"]
            t["escrow"] = 0
        elif kind == 11:
            one, two = envelope(r), envelope(r)
            envelope_signature(one, self.network)
            envelope_signature(two, self.network)
            place = ("kind", "chain", "major", "minor", "signer")
            need(all(one[p] == two[p] for p in place) and one["payload"] < two["payload"], "no evidence")
            need(one["kind"] in (1, 2, 3, 4, 5, 7, 9), "a kind that may be signed again")
            bad = self.accounts[one["signer"]]
            if one["chain"] == self.chain:
                lost = bad["bond"] + sum(c for c, _ in bad["unbonding"])
                need(lost > 0 and one["major"] >= bad["below"], "nothing to lose")
                bad.update(bond=0, unbonding=[], below=height + 2)
            else:
                t = self.task(one["chain"])
                need(one["signer"] not in t["slashed"] and not t["released"], "nothing to lose")
                lost = [n["bond"] for key, _, n in t["enrolled"] if key == one["signer"]][0]
                t["slashed"] = sorted(t["slashed"] + [one["signer"]])
                bad["bonded"] -= lost
            self.burned += lost
        elif kind == 12:
            t, key, stars = self.task(r.id()), r.id(), r.u8()
            need(e["signer"] == t["publisher"] and key != e["signer"] and 1 <= stars <= 5, "a rating by somebody else")
            need(t["paid"] is not None and t["settled"] is not None, "rated before it was paid")
            need(any(k == key and a + b > 0 for k, a, b, _ in t["settled"][2]["entries"]), "rated without settled work")
            need(all(k != key for k, _ in t["ratings"]), "rated twice")
            t["ratings"] = sorted(t["ratings"] + [(key, stars)])
        else:
            raise Fault("unknown transaction %d" % kind)
        r.end()
        need(all(x["balance"] >= 0 for x in self.accounts.values()), "a balance below zero")

    @staticmethod
    def embedded_header(r):
        start = r.at
        probe = Reader(r.data)
        probe.at = start
        probe.domain(2)
        probe.take(32 + 8 + 32 + 8 + 32 + 4 + 1 + 4 + 2 + 40 + 32 * 4)
        probe.blob()
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
        out += u64(self.burned) + u32(len(self.tasks))
        for t in self.tasks:
            out += t["id"] + t["spec"]["bytes"] + t["publisher"] + u64(t["published"]) + u64(t["escrow"])
            out += u32(len(t["enrolled"])) + b"".join(k + u64(h) + n["bytes"] for k, h, n in t["enrolled"])
            out += u64(t["closed"])
            out += u32(len(t["orders"])) + b"".join(u64(h) + bytes([a]) for h, a in t["orders"])
            out += bytes([t["cancelled"], t["settled"] is not None])
            if t["settled"]:
                out += u64(t["settled"][0]) + t["settled"][1] + t["settled"][2]["bytes"]
            out += bytes([t["target"] is not None]) + u32(t["target"] or 0) + u64(t["window"] or 0) + u64(t["paid"] or 0)
            out += bytes([t["released"]]) + u32(len(t["slashed"])) + b"".join(t["slashed"])
            out += u32(len(t["ratings"])) + b"".join(key + bytes([stars]) for key, stars in t["ratings"])
        return transcript("meshnode/registry-state/1", out)

    def block(self, h, body, cert):
        need(h["chain"] == self.chain and h["kind"] == 0, "not a registry block")
        need(h["height"] == self.height + 1 and h["parent"] == self.head and h["time"] > self.time, "does not follow")
        order = shuffle(self.now.members, self.beacon, "proposers")
        need(h["author"] == order[h["view"] % len(order)], "another proposer")
        need(len(h["proof"]) == self.proof_bytes, "election proof of another length")
        check_certificate(cert, h, self.now, self.network)
        self.begin(h["time"])
        r = Reader(body)
        for e in r.list(envelope):
            self.apply(e, h["height"], h["time"])
        r.end()
        drawn = self.drawn()
        need(h["next"] == self.later.hash and h["second"] == drawn.hash, "other electorates")
        need(h["state"] == self.root(), "another state root")
        need(self.credits() == self.total, "credits were made or lost")
        self.height, self.head, self.time = h["height"], h["id"], h["time"]
        self.beacon = beacon_after(self.beacon, h)
        self.now, self.later = self.later, drawn
        for t in self.tasks:
            if t["closed"] == h["height"]:
                t["block"] = h["id"]
            if t["closed"] and t["closed"] + 2 == h["height"]:
                t["beacon"] = transcript("task", t["id"], self.beacon)
                t["anchor"] = (h["height"], self.now.hash, self.later.hash)


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
        self.anchors = [t["anchor"]]
        self.model, self.results = self.spec["initial"], []
        members = sorted(self.enrolments)
        self.table = dict(outcome=(0,), rounds=0, accuracy=0, entries=[[k, 0, 0, 0] for k in members])
        self.left, self.direction, self.open = self.spec["scored"], None, None
        self.scored, self.authored, self.announced = [], dict.fromkeys(members, 0), {}
        self.openings = []

    def block(self, h, body, cert):
        need(h["height"] == self.height + 1 and h["parent"] == self.head and h["time"] > self.time, "does not follow")
        need(self.phase[0] != 3, "a block after the end")
        drawn = shuffle(self.electorate.members, self.beacon, "proposers")
        last = [] if self.publisher_alone else self.holders
        order = [k for k in drawn if k not in last] + [k for k in drawn if k in last]
        need(h["author"] == order[h["view"] % len(order)], "another proposer")
        need((h["round"], h["attempt"]) == (self.round, self.attempt), "another round")
        check_certificate(cert, h, self.electorate, self.network)
        self.height, self.head, self.time = h["height"], h["id"], h["time"]
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

    def lists(self, kind, union, r):
        """Reads the signed lists of voters over a union: the ids in lists of at least T weight."""
        need(union == sorted(set(union)), "a union out of order")
        weight, total = dict.fromkeys(union, 0), 0
        for key, bitmap, sig in r.list(lambda r: (r.id(), r.blob(), r.sig())):
            ids = [one for i, one in enumerate(union) if bitmap[i // 8] >> (i % 8) & 1]
            payload = u32(len(ids)) + b"".join(ids)
            signature(key, sig, signed_bytes(self.network, kind, self.chain, self.height, 0, key, payload))
            total += self.electorate.weight[key]
            for one in ids:
                weight[one] += self.electorate.weight[key]
        need(total >= self.electorate.quorum, "too few lists")
        return {one for one in union if weight[one] >= self.electorate.third}

    def manifest(self, h, r):
        context = r.id()
        listed = self.lists(5, r.list(lambda r: r.id()), r)
        by_key, announced = {}, {}
        for e in r.list(envelope):
            envelope_signature(e, self.network)
            name = transcript("meshnode/submission/1", e["payload"])
            need(name in listed, "an announcement that is not listed")
            by_key.setdefault(e["signer"], []).append(name)
            announced[e["signer"]] = submission(e["payload"])
        for e in r.list(envelope):  # Readys
            envelope_signature(e, self.network)
        for e in r.list(envelope):  # complaints: what they prove takes a group library
            envelope_signature(e, self.network)
        self.condemned = set(r.list(lambda r: r.id()))
        if r.flag():
            self.scores(r)
        else:
            need(self.open is None, "open scores are not decided")
        once = sorted(k for k, names in by_key.items() if len(names) == 1 and k not in self.condemned)
        if self.buckets:
            kept = [self.nested(bucket, once, self.beacon) for bucket in self.buckets]
            self.buckets = [bucket for bucket in kept if len(bucket) >= self.spec["smallest"]]
            once = sorted(sum(self.buckets, [])) if len(self.buckets) >= self.spec["least"] else []
        elif self.sets:
            once = self.nested(self.sets[-1], once, self.beacon)
        need(len(once) >= self.spec["smallest"] * self.spec["least"], "too small a set")
        if self.spec["buckets"] and not self.buckets:
            self.buckets = self.draw(once, self.beacon)
        self.sets.append(once)
        self.keyed += 1
        members = [(k, by_key[k][0]) for k in once]
        self.phase = b"\x02" + u32(len(members)) + b"".join(k + name for k, name in members)
        self.current = (h["id"], members, context, {k: announced[k] for k in once})

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
        for e in r.list(envelope):
            envelope_signature(e, self.network)
        form = lambda ref: ref[0] + u64(ref[1])
        payload = transcript("meshnode/payload/1", manifest, form(aggregate), form(model), opening)
        weight = against = 0
        seen = []
        for e in r.list(envelope):
            envelope_signature(e, self.network)
            need((e["kind"], e["chain"], e["major"]) == (9, self.chain, h["height"]), "an opinion of another place")
            o = Reader(e["payload"])
            need(o.id() == payload, "an opinion of another candidate")
            verdict, reason, remark = o.u8(), o.u8(), o.blob()
            need(reason in {1: (1, 6), 2: (2, 6), 3: (3, 4, 5, 6)}[verdict], "a reason that does not fit the verdict")
            need(not remark or (reason == 6 and len(remark) <= 255), "a remark without a person")
            accuracy, _, rows = o.u32(), o.u64(), o.u32()
            o.end()
            w = self.electorate.weight[e["signer"]]
            weight += w
            against += w if verdict == 2 else 0
            if rows:
                seen.append((accuracy, w))
        need(weight >= self.electorate.quorum, "too few opinions")
        need(rejected == (against >= self.electorate.third), "rejected or not")
        if r.flag():
            blame(r)
        liars = r.list(lambda r: r.id())
        _, members, context, announced = self.current
        self.results.append(dict(height=h["height"], manifest=manifest, context=context, set=announced,
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
        self.resubmits = []
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

    def void(self, h, r):
        reason, evicted = r.u8(), r.list(lambda r: r.id())
        union = r.list(lambda r: r.id())
        if reason == 1:
            self.lists(5, union, r)
        else:
            need(not union and not r.list(lambda r: None), "lists without a reason")
        replaced = r.list(lambda r: r.id())
        for _ in range(3):  # absences, complaints, announcements
            for e in r.list(envelope):
                envelope_signature(e, self.network)
        if r.flag():
            blame(r)
        if self.current:
            self.resubmits = self.current[1]
        else:
            self.unkeyed += 1
        self.evict(evicted)
        self.replace(replaced, len(replaced) if reason == 3 else 0)
        self.attempt += 1
        self.phase, self.current = b"\x01", None

    def control(self, h, r):
        kind = r.u8()
        outcome = None
        if kind == 3:
            r.list(lambda r: (self.registry.embedded_header(r), certificate(r), r.list(lambda r: (r.id(), r.u64()))))
            transactions, index = r.list(envelope), r.u32()
            order = Reader(transactions[index]["payload"])
            order.domain(16)
            need(order.u8() == 7 and order.id() == self.chain, "not an order about this task")
            need(order.u32() == self.order + 1, "an order out of turn")
            self.order += 1
            action = order.u8()
            self.paused = action == 1
            outcome = (3,) if action == 3 else None
        elif kind == 4:
            e = envelope(r)
            need(self.is_scored() and self.direction is None, "a direction that no round waits for")
            self.published(e, 16, self.round)
            o = Reader(e["payload"])
            self.direction = o.id() if o.flag() else b""
            o.end()
        elif kind == 5:
            self.scores(r)
        elif kind == 6:
            self.direction = b""
        elif kind == 7:
            steps = r.list(lambda r: (self.registry.embedded_header(r), certificate(r), r.list(lambda r: (r.id(), r.u64()))))
            need(len(steps) == 64, "an anchor moves by 64 changes of the electorate")
            height, following, second = self.anchors[-1]
            for step, cert, members in steps:
                need(step["chain"] == self.registry.chain and step["height"] > height, "no later registry block")
                need(step["second"] != second, "the electorate does not change there")
                electorate = Electorate(members)
                need(electorate.hash == (following if step["height"] == height + 1 else second), "another electorate")
                check_certificate(cert, step, electorate, self.network)
                height, following, second = step["height"], step["next"], step["second"]
            self.anchors.append((height, following, second))
        else:
            outcome = (1,) if kind == 1 else (2, r.u8())
        if outcome:
            self.table["outcome"] = outcome
            self.phase = b"\x03" + bytes(outcome)

    def published(self, e, kind, number):
        envelope_signature(e, self.network)
        place = (e["kind"], e["chain"], e["major"], e["minor"], e["signer"])
        need(place == (kind, self.chain, number, 0, self.t["publisher"]), "not the publisher's message of this round")

    def scores(self, r):
        need(self.open is not None, "scores of no round")
        reveal = envelope(r) if r.flag() else None
        listed = self.lists(19, r.list(lambda r: r.id()), r)
        opened, names = {}, dict(self.open["set"])
        for e in r.list(envelope):
            envelope_signature(e, self.network)
            place = (e["kind"], e["chain"], e["major"], e["minor"])
            need(place == (18, self.chain, self.open["round"], 0), "an opening of another place")
            o = Reader(e["payload"])
            name, score, mask = o.id(), o.number("q"), o.id()
            o.end()
            need(names.get(e["signer"]) == name and name in listed, "an opening that is not listed")
            opened[e["signer"]] = (score, mask)
        need(len(opened) == len(listed) and (reveal is not None) == bool(opened), "openings are left out")
        direction = None
        if reveal:
            self.published(reveal, 17, self.open["round"])
            o = Reader(reveal["payload"])
            salt, direction = o.id(), o.ref()
            o.end()
            self.openings.append(dict(height=self.height, salt=salt, direction=direction, opened=opened, **self.open))
        entries = [(k, opened[k][0] if k in opened else None) for k in sorted(names)] if opened else []
        self.scored.append((self.open["round"], direction, entries))
        self.open = None
        self.pay_by_score()


def blame(r):
    """A blame proof is read; what it proves takes a group library."""
    envelope(r)
    for _ in range(4):
        r.list(envelope)
    r.list(lambda r: (r.id(), r.blob(), r.list(lambda r: r.id())))


# What lies behind the blocks: bodies, sums and models. Edwards points are (X, Y, Z, T) with x = X/Z, y = Y/Z, T = XY/Z.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
ZERO = (0, 1, 1, 0)


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
    if r.flag():
        r.id(), r.id()
    r.end()
    return s


def body_points(data, s):
    """The affine elements of a submission's body, checked against its announcement."""
    r = Reader(data)
    r.domain(8)
    boxes, elements = r.list(lambda r: r.blob()), r.blob()
    r.end()
    need(transcript("meshnode/nddfe/v1/boxes", *boxes) == s["boxes"], "other boxes than announced")
    chunks = [elements[i:i + CHUNK] for i in range(0, len(elements), CHUNK)]
    need(merkle("meshnode/nddfe/v1/chunk", chunks) == s["root"], "other elements than announced")
    need(len(elements) == 64 * s["count"], "another number of elements")
    points = []
    for at in range(0, len(elements), 64):
        x, y = (int.from_bytes(elements[i:i + 32], "little") for i in (at, at + 32))
        need(x < P and y < P and (y * y - x * x - 1 - D * x * x * y * y) % P == 0, "an element that is no point")
        points.append((x, y, 1, x * y % P))
    return points


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def tensors(data):
    size = struct.unpack("<Q", data[:8])[0]
    names = json.loads(data[8:8 + size])
    need(all(one["dtype"] == "F32" for one in names.values()), "a tensor that is not F32")
    values = data[8 + size:]
    return data[:8 + size], list(struct.unpack("<%df" % (len(values) // 4), values))


def check_result(task, one, contents, mask):
    """True when everything of this result was there and holds; None when a body is not part of the export."""
    s = task.spec
    wanted = [h["body"][0] for h in one["set"].values()] + [one[k][0] for k in ("aggregate", "base", "model")]
    if s["encoding"] != 2 or any(w not in contents for w in wanted):
        return None
    bodies = [body_points(contents[h["body"][0]], h) for h in one["set"].values()]
    need(all(h["context"] == one["context"] for h in one["set"].values()), "a submission of another context")
    bound = 2 ** (s["bits"] - 1) - 1
    radix = 2 * s["maximum"] * bound + 1
    wide = (radix ** s["packing"] - 1) // 2 >= 2**31
    data = contents[one["aggregate"][0]]
    e = [n for n, in struct.iter_unpack("<q" if wide else "<i", data)]
    need(all(len(body) == len(e) for body in bodies), "a sum of another length")
    rho_key = transcript("meshnode/nddfe/v1/rho", one["context"], one["manifest"], b2(struct.pack("<%dq" % len(e), *e)))
    drawn = stream(rho_key, 16 * len(e))
    rho = [int.from_bytes(drawn[16 * j:16 * j + 16], "little") for j in range(len(e))]
    sums = []
    for column in zip(*bodies):
        total = ZERO
        for point in column:
            total = add(total, point)
        sums.append(total)
    left = times(8, combination(rho, sums))
    right = add(times(8 * sum(r * n for r, n in zip(rho, e)) % (8 * L), G),
                times(8 * int.from_bytes(one["opening"], "little"), mask))
    need(same(left, right), "the block equation does not hold")
    digits = []
    for n in e:
        for _ in range(s["packing"]):
            digit = (n + radix // 2) % radix - radix // 2
            need(abs(digit) <= len(bodies) * bound, "a digit out of range")
            digits.append(digit)
            n = (n - digit) // radix
        need(n == 0, "a remainder behind the digits")
    if (s["server"], s["compression"], s["correction"], s["scale"]) == (1, 1, 1, 1):
        head, old = tensors(contents[one["base"][0]])
        new_head, new = tensors(contents[one["model"][0]])
        need(head == new_head and not any(digits[len(old):]), "a model of another form, or filling that is not 0")
        step = f32(f32(s["range"] / 1e6) / f32(bound))
        if s["weighting"] == 1:
            weight = f32(len(bodies))
        else:
            weight = f32(f32(sum(min(task.enrolments[k]["rows"], s["cap"]) for k in one["set"])) / f32(s["cap"]))
        rate = f32(s["rate"] / 1e6)
        for j, w in enumerate(old):
            d = f32(f32(f32(digits[j]) * step) / weight)
            need(f32(w - f32(rate * d)) == new[j], "another model")
    return True


def check_openings(task, one, contents, mask):
    """The number of openings of a scored round that were checked against direction and bodies."""
    wanted = [one["bodies"][key]["body"][0] for key in one["opened"]] + [one["direction"][0]]
    if task.spec["encoding"] != 2 or any(w not in contents for w in wanted):
        return 0
    data = contents[one["direction"][0]]
    need(all(n in (0, 1, 255) for n in data), "a direction of another form")
    need(transcript("meshnode/nddfe/v1/direction", one["salt"], data) == one["commitment"], "another direction than committed")
    weight = len(data) - data.count(0)
    need(4 * weight >= len(data), "too narrow a direction")
    bound = 2 ** (task.spec["bits"] - 1) - 1
    for key, (score, kappa) in one["opened"].items():
        total = ZERO
        for sign, point in zip(data, body_points(contents[one["bodies"][key]["body"][0]], one["bodies"][key])):
            if sign:
                total = add(total, point if sign == 1 else (-point[0] % P, point[1], 1, -point[3] % P))
        need(abs(score) <= bound * weight, "a score out of range")
        right = add(times(8 * score % (8 * L), G), times(8 * int.from_bytes(kappa, "little"), mask))
        need(same(times(8, total), right), "an opening that is not its submission's")
    return len(one["opened"])


def verify(lines):
    first = json.loads(next(lines))
    need(first["format"] == "meshnode-export/1", "another format")
    need(first.get("rules", 1) == RULES, other_rules(first.get("rules", 1)))
    genesis = bytes.fromhex(first["genesis"])
    registry = Registry(genesis)
    need(registry.network.hex() == first["network"], "the network id is not the hash of the genesis")
    tasks, blocks, contents, ended, held = {}, 0, 0, False, {}
    for text in lines:
        line = json.loads(text)
        if "content" in line:
            data = base64.b64decode(line["bytes"])
            need(content_id(data, line["kind"]).hex() == line["content"], "content %s has other bytes" % line["content"][:8])
            held[bytes.fromhex(line["content"])] = data
            contents += 1
            continue
        if "end" in line:
            need(line["blocks"] == blocks and line["contents"] == contents, "lines are missing")
            ended = True
            continue
        try:
            h = header(bytes.fromhex(line["header"]))
            body = bytes.fromhex(line["body"])
            need(h["body"] == (content_id(body, 3), len(body)), "another body")
            need(h["chain"].hex() == line["chain"] and h["height"] == line["height"], "another place")
            r = Reader(bytes.fromhex(line["certificate"]))
            cert = certificate(r)
            r.end()
            if h["chain"] == registry.chain:
                registry.block(h, body, cert)
            else:
                if h["chain"] not in tasks:
                    tasks[h["chain"]] = Task(registry, registry.task(h["chain"]))
                tasks[h["chain"]].block(h, body, cert)
        except Fault as fault:
            raise Fault("chain %s, height %d: %s" % (line["chain"][:8], line["height"], fault))
        blocks += 1
    need(ended, "the export has no end")
    for t in registry.tasks:
        if t["settled"] and t["id"] in tasks and tasks[t["id"]].height == t["settled"][0]:
            need(t["settled"][2]["bytes"] == encode_table(tasks[t["id"]].table), "settled otherwise than decided")
    checked = opened = 0
    mask = mask_base() if held else None
    for key, task in sorted(tasks.items()) if held else []:
        try:
            for one in task.results:
                checked += 1 if check_result(task, one, held, mask) else 0
            for one in task.openings:
                opened += check_openings(task, one, held, mask)
        except Fault as fault:
            raise Fault("chain %s, height %d: %s" % (key.hex()[:8], one["height"], fault))
    return registry, tasks, blocks, contents, checked, opened


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        with open(sys.argv[1]) as file:
            registry, tasks, blocks, contents, checked, opened = verify(iter(file))
    except Fault as fault:
        print("FAILED: %s" % fault)
        sys.exit(1)
    print("%d blocks of %d chains hold, %d contents, %d results with their bodies, %d openings; credits %d, as in genesis"
          % (blocks, 1 + len(tasks), contents, checked, opened, registry.total))
