"""Altered copies of an export, each of which the verifier must refuse for the reason that is named.

Behind signatures nothing can be altered, so most copies go before a verifier that believes every signature: what is left must
refuse them. What bodies, sums and models prove is altered behind their names. Usage: altered_exports.py FILE
"""
import copy
import io
import json
import os
import struct
import sys
from dataclasses import replace
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
from meshnode_verifier import ed25519, forks, proofs, ristretto
from meshnode_verifier import lines as line_reader
from meshnode_verifier.blocks import header
from meshnode_verifier.certificates import certificate, check_certificate
from meshnode_verifier.codec import Reader, Reference, transcript, u32, u64
from meshnode_verifier.edwards import L, P
from meshnode_verifier.envelopes import envelope, signed_bytes
from meshnode_verifier.export import Checkpoint, Export, Known, verify
from meshnode_verifier.faults import Fault
from meshnode_verifier.genesis import GenesisAccount, carried_digest
from meshnode_verifier.identifiers import content_id
from meshnode_verifier.registry import Registry

failed = 0
seen = 0
# The process that takes the other half of the copies; each is verified as a whole, so two cores need half the time.
helper = None


def is_mine():
    """Counts one more copy, and tells whether this process is the one to try it."""
    global seen
    seen += 1
    return helper is None or seen % 2 == (1 if helper else 0)


def expect(name, wanted, run):
    """`run` must be refused for the reason `wanted`."""
    global failed
    if not is_mine():
        return
    try:
        run()
    except Fault as fault:
        if wanted in str(fault):
            return print("ok    %s: %s" % (name, fault))
        print("FAIL  %s: refused for another reason: %s" % (name, fault))
    else:
        print("FAIL  %s: accepted" % name)
    failed += 1


with open(sys.argv[1]) as file:
    lines = file.read().splitlines()
parsed = [json.loads(line) for line in lines]
whole, checked = verify(line + "\n" for line in lines)
if checked.results == 0 or whole.gaps:
    sys.exit("FAIL  this export lacks contents: export it with --contents from a home that has them")
registry = parsed[1]["chain"]
blocks = [i for i, line in enumerate(parsed) if "chain" in line]
tasks = [i for i in blocks if parsed[i]["chain"] != registry]
contents = [i for i, line in enumerate(parsed) if "content" in line]
heads = {i: header(bytes.fromhex(parsed[i]["header"])) for i in blocks}
manifests, decided = ([i for i in tasks if heads[i].kind == kind] for kind in (1, 2))
sys.stdout.flush()
helper = os.fork()


def check(copy):
    verify(line + "\n" for line in copy)


def with_line(number, text):
    return lines[:number] + [text] + lines[number + 1:]


def changed(number, **fields):
    return with_line(number, json.dumps(dict(parsed[number], **fields)))


def flipped(data, place):
    place %= len(data)
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1:]


def flip_hex(number, field, place):
    return changed(number, **{field: flipped(bytes.fromhex(parsed[number][field]), place).hex()})


# The form of the file, and bytes behind signatures.
def form(name, wanted, copy):
    expect(name, wanted, lambda: check(copy))


last = len(lines) - 1
r = Reader(bytes.fromhex(parsed[0]["genesis"]))
r.take(5), r.blob()
genesis_time = r.at
form("genesis", "is not the hash of the genesis", flip_hex(0, "genesis", 20))
form("state root", "certificate of another block", flip_hex(3, "header", 180))
form("body", "another body", flip_hex(4, "body", -3))
form("vote", "a signature of", flip_hex(5, "certificate", -5))
form("a block left out", "does not follow", lines[:6] + lines[7:])
# What is no line is not read to its end, with limits that a test can reach.
text = "".join(line + "\n" for line in lines)
line_reader.NAMES, line_reader.LONGEST, line_reader.LONGEST_CONTENT = 64, max(len(line) for line in lines), max(len(line) for line in lines) + 100
if list(line_reader.bounded(io.StringIO(text), 1000)) != [line + "\n" for line in lines]:
    sys.exit("FAIL  lines are not read as they are")
for name, wanted, tail in [
    ("a line that never ends", "no line of this format is", "a" * (line_reader.LONGEST + 2)),
    ("a content that never ends", "no line of this format is", '{"content":"' + "a" * (line_reader.LONGEST_CONTENT + 2)),
    ("zeros behind the end", "line %d: other characters than ASCII" % (len(lines) + 1), "\0" * 10),
    ("letters of another alphabet", "other characters than ASCII", "\u0430"),
]:
    expect(name, wanted, lambda: list(line_reader.bounded(io.StringIO(text + tail), 1000)))
form("end left out", "has no end", lines[:-1])
form("two blocks swapped", "does not follow", lines[:5] + [lines[6], lines[5]] + lines[7:])
form("a line behind the end", "stands behind the end", lines + [lines[1]])
form("a second head", "a second head", lines[:1] + lines)
form("a field twice", "stands twice", with_line(2, lines[2].replace('"height"', '"height":2,"height"')))
form("an unknown field", "has other fields", changed(2, note="x"))
form("upper case", "no lower case", changed(2, body=parsed[2]["body"].upper()))
form("an escape", "escapes", with_line(2, lines[2].replace('"chain"', '"ch\\u0061in"')))
form("a number with a sign", "a number with a sign", with_line(last, lines[last].replace('"missing":0', '"missing":-0')))
form("a number beyond 64 bits", "beyond 2^64 - 1", changed(2, height=2**64))
form("a genesis beyond the year 9999", "a time beyond the year 9999", flip_hex(0, "genesis", genesis_time + 7))
form("number as text", "is a whole number", changed(2, height="2"))
form("a content twice", "stands twice", lines[:last] + [lines[contents[0]]] + lines[last:])
form("contents swapped", "out of order", lines[:contents[0]] + [lines[contents[1]], lines[contents[0]]] + lines[contents[1] + 1:])
form("a content of no block", "is named by no block", changed(contents[0], content="00" * 32))
form("a content of another kind", "of another kind", changed(contents[0], kind=5))
form("a block behind contents", "a block behind contents", lines[:last] + [lines[tasks[-1]]] + lines[last:])
form("another number missing", "contents are missing", changed(last, missing=1))
form("another number of blocks", "lines are missing", changed(last, blocks=parsed[last]["blocks"] + 1))
for number in contents:
    text = parsed[number]["bytes"]
    if text.endswith("="):
        digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        at = len(text.rstrip("=")) - 1
        spare = text[:at] + digits[digits.index(text[at]) + 1] + text[at + 1:]
        form("spare bits of base64", "base64 in another form", changed(number, bytes=spare))
        form("no padding", "no base64", changed(number, bytes=text.rstrip("=")))
        break
else:
    sys.exit("FAIL  no content of this export is padded")
form("a task before the registry", "an unknown task",
     lines[:1] + [lines[tasks[0]]] + lines[1:tasks[0]] + lines[tasks[0] + 1:])
expect("another network", "not the one asked for", lambda: verify((l + "\n" for l in lines), Known("00" * 32)))
expect("another checkpoint", "another block than the checkpoint",
       lambda: verify((l + "\n" for l in lines), Known(checkpoint=Checkpoint(1, "00" * 32))))

# What is not here is said, and the rest is checked all the same.
def counted(copy):
    kept = [line for line in copy if json.loads(line).get("end") is None]
    inside = sum('"content"' in line for line in kept)
    missing = len(contents) - inside if inside else 0
    end = dict(parsed[last], blocks=sum('"chain"' in line for line in kept), contents=inside, missing=missing)
    return kept + [json.dumps(end)]


def gaps(copy):
    return verify(line + "\n" for line in counted(copy))[0].gaps


def gap(name, wanted, copy):
    global failed
    if not is_mine():
        return
    found = gaps(copy)
    good = any(wanted in one for one in found)
    failed += not good
    print("%s  %s: %s" % ("ok  " if good else "FAIL", name, found[0] if found else "nothing is missed"))


settled = whole.registry.settles
if not settled:
    sys.exit("FAIL  nothing is settled in this export: end the task first")
# Without contents, whose blocks are cut off as well.
end = max(i for i in tasks if parsed[i]["chain"] == settled[-1][0].hex())
gap("a task chain that ends early", "which is not here", [line for i, line in enumerate(lines) if i not in contents and i != end])

# Of an export that holds an order of a publisher: OrderedTaskTests makes one, and so does anybody's network.
for i in tasks:
    if heads[i].kind == 4 and parsed[i]["body"].startswith("03"):
        opened_at = whole.tasks[heads[i].chain].record.anchor.height
        gap("a registry that ends below an order", "which this block rests on", [
            line for n, line in enumerate(lines) if n not in blocks or parsed[n]["chain"] != registry or heads[n].height <= opened_at])
        break


def settle_other():
    export = Export()
    for line in lines:
        export.take(line + "\n")
    chain, height, block, at = export.registry.settles[0]
    export.registry.settles[0] = (chain, height, flipped(block, 0), at)
    export.finish()


expect("another block settled", "settled another block", settle_other)


def other_body():
    """A body of which nothing but its announcement speaks, as that of a member that no set holds."""
    export = Export()
    for line in lines:
        export.take(line + "\n")
    task = next(task for task in export.tasks.values() if task.carried)
    task.results, task.repeats, task.openings = [], [], []
    name = next(a.body.name for _, a in task.carried if a.body.name in export.held)
    export.held[name] = flipped(export.held[name], -64 * 3)
    export.finish()


expect("a body that no set rests on", "other elements", other_body)

# Signatures: the rule of libsodium.
head, cert = heads[1], certificate(Reader(bytes.fromhex(parsed[1]["certificate"])))
voter, good = cert.votes[0]
key = Registry(bytes.fromhex(parsed[0]["genesis"])).now.members[voter][0]
signed = signed_bytes(whole.registry.network, 3, head.chain, 1, cert.view, key, b"\x01" + head.id)
ed25519.check_signature(key, good, signed)
identity = bytes([1]) + bytes(31)
expect("a key of small order", "small order or not canonical", lambda: ed25519.check_signature(identity, identity + bytes(32), signed))
expect("a key that is not canonical", "small order or not canonical",
       lambda: ed25519.check_signature((P + 3).to_bytes(32, "little"), good, signed))
expect("R of small order", "of a form that is refused", lambda: ed25519.check_signature(key, identity + good[32:], signed))
more = int.from_bytes(good[32:], "little") + L
expect("S beyond the order", "of a form that is refused", lambda: ed25519.check_signature(key, good[:32] + more.to_bytes(32, "little"), signed))
members = Registry(bytes.fromhex(parsed[0]["genesis"])).now
expect("a vote twice", "votes are not in ascending order", lambda: check_certificate(
    replace(cert, votes=cert.votes[:1] * 4), head, members, whole.registry.network))
expect("a view before the block's", "a view before its block was made", lambda: check_certificate(
    cert, replace(head, view=cert.view + 5), members, whole.registry.network))

# What bodies, sums, models and openings prove.
found, opened, repeated = [], [], []
kept = proofs.check_result, proofs.check_openings, proofs.check_repeat
proofs.check_result = lambda *one: found.append(one) or kept[0](*one)
proofs.check_openings = lambda *one: opened.append(one) or kept[1](*one)
proofs.check_repeat = lambda *one: repeated.append(one) or kept[2](*one)
check(lines)
proofs.check_result, proofs.check_openings, proofs.check_repeat = kept
task, one, held, mask = found[0]


def result(name, wanted, change=None, content=None, place=0, without=None):
    altered = dict(held)
    if content:
        altered[content] = flipped(altered[content], place)
    if without:
        del altered[without]
    expect(name, wanted, lambda: proofs.check_result(task, replace(one, **(change or {})), altered, mask))


member = next(iter(one.announced.values())).body.name
# Only of a set that a block decided: nothing rests on the body of a member whom a void attempt named.
body = next(i for i in contents if parsed[i]["content"] == member.hex())
gap("a body is missing", "bod", lines[:body] + lines[body + 1:])
beyond = (int.from_bytes(one.opening, "little") + L).to_bytes(32, "little")
result("opening", "the block equation", {"opening": flipped(one.opening, 3)})
result("opening beyond the order", "no canonical scalar", {"opening": beyond})
result("sum", "another model", content=one.aggregate.name)
result("manifest", "the block equation", {"manifest": flipped(one.manifest, 0)})
result("elements", "other elements", content=member, place=-64 * 3)
result("boxes", "other boxes", content=member, place=20)
result("model", "another model", content=one.model.name, place=-1)
result("model, with a body missing", "another model", content=one.model.name, place=-1, without=member)
for what in ("base", "model", "aggregate"):
    longer = {what: Reference(getattr(one, what).name, getattr(one, what).length + 7)}
    result("a longer reference: " + what, "of another length than its reference says", longer)
# A step that this program does not compute is never one that it has checked.
unknown = copy.copy(task)
unknown.spec = replace(task.spec, scale=2)
if proofs.check_result(unknown, one, {k: v_ for k, v_ in held.items() if k != member}, mask)[0] is not None:
    sys.exit("FAIL  a server step that is not followed counts as checked")
# A value that stays where it is: of 0.0 only 0.0 comes, bit for bit.
def flat(data):
    front = 8 + struct.unpack("<Q", data[:8])[0]
    return front, struct.unpack("<%df" % (task.spec.size), data[front:front + 4 * task.spec.size])


fronts, (old, new) = zip(*(flat(held[getattr(one, k).name]) for k in ("base", "model")))
zeros = {k: v_ for k, v_ in held.items() if k != member}


def with_values(place, before, after):
    for k, front, value in zip(("base", "model"), fronts, (before, after)):
        at = front + 4 * place
        zeros[getattr(one, k).name] = held[getattr(one, k).name][:at] + struct.pack("<f", value) + held[getattr(one, k).name][at + 4:]


for place in [j for j, pair in enumerate(zip(old, new)) if pair[0] == pair[1]]:
    with_values(place, 0.0, 0.0)
    try:
        proofs.check_result(task, one, zeros, mask)
        break
    except Fault:
        pass
else:
    sys.exit("FAIL  no value of the first model stays where it is")
with_values(place, 0.0, -0.0)
expect("-0.0 for 0.0", "another model", lambda: proofs.check_result(task, one, zeros, mask))
wide = dict(held)
size = 4 if one.aggregate.length == 4 * task.spec.elements(one.round) * len(one.sums) else 8
far = (len(one.announced) * task.spec.B + 1).to_bytes(size, "little", signed=True)
wide[one.aggregate.name] = far + wide[one.aggregate.name][size:]
del wide[member]
expect("a digit, with a body missing", "digit", lambda: proofs.check_result(task, one, wide, mask))
del wide
for task_, again, _, _ in repeated[:1]:
    previous, proof = again.later.repeats

    def repeat(proof):
        return replace(again, later=replace(again.later, repeats=(previous, proof)))

    expect("lambda", "another vector", lambda: proofs.check_repeat(task_, repeat(flipped(proof, 0)), held, mask))
    much = (int.from_bytes(proof, "little") + L).to_bytes(32, "little")
    expect("lambda beyond the order", "no canonical scalar",
           lambda: proofs.check_repeat(task_, repeat(much), held, mask))
print("      %d repeated vectors, %d scored rounds" % (len(repeated), len(opened)))
for task_, scored, _, _ in opened[:1]:
    key = sorted(scored.opened)[0]
    score, kappa = scored.opened[key]

    def openings(name, wanted, change, altered=None):
        expect(name, wanted, lambda: proofs.check_openings(task_, replace(scored, **change), altered or held, mask))

    openings("score", "an opening that is not", {"opened": {key: (score + 1, kappa)}})
    openings("mask of a score", "an opening that is not", {"opened": {key: (score, flipped(kappa, 1))}})
    openings("mask beyond the order", "no canonical scalar",
             {"opened": {key: (score, (int.from_bytes(kappa, "little") + L).to_bytes(32, "little"))}})
    openings("salt", "another direction", {"salt": flipped(scored.salt, 0)})
    name = scored.direction.name
    other = bytes([1 if held[name][0] != 1 else 255]) + held[name][1:]
    openings("direction", "another direction", {}, held | {name: other})
    openings("a longer reference: direction", "of another length than its reference says", {"direction": Reference(name, len(held[name]) + 7)})
    second = copy.copy(task_)
    second.spec = replace(task_.spec, correction=2, size=1)
    expect("a direction over a second vector", "over a second vector", lambda: proofs.check_openings(second, scored, held, mask))

# Blocks before a verifier that believes every signature.
ed25519.check_signature = lambda key, sig, data: None
proofs.check_result, proofs.check_openings, proofs.check_repeat = lambda *one: (True, True), lambda *one: (0, 0), lambda *one: True


def block(name, wanted, number, body=None, kind=None, at=None):
    """Block `number` with another body or kind, or with one byte of its header flipped."""
    data = bytearray.fromhex(parsed[number]["header"])
    fields = {}
    if body is not None:
        data[126:166] = content_id(body, 3) + u64(len(body))
        fields["body"] = body.hex()
    if kind is not None:
        data[119] = kind
    if at is not None:
        data[at] ^= 1
    data = bytes(data)
    certificate = bytearray.fromhex(parsed[number]["certificate"])
    certificate[47:79] = transcript("meshnode/block/1", data)
    copy = changed(number, header=data.hex(), certificate=bytes(certificate).hex(), **fields)
    expect(name, wanted, lambda: check(copy))


def raw_list(items):
    return u32(len(items)) + b"".join(items)


def seal(e, **change):
    """An envelope's bytes with other fields; its signature is believed."""
    e = replace(e, **change)
    return signed_bytes(e.network, e.kind, e.chain, e.major, e.minor, e.signer, e.payload) + bytes(64)


def manifest_parts(number):
    r = Reader(bytes.fromhex(parsed[number]["body"]))
    m = dict(context=r.id(), union=r.many(Reader.id), lists=r.many(lambda r: (r.id(), r.blob(), r.sig())))
    for field in ("submissions", "readys", "complaints"):
        m[field] = r.many(envelope)
    m["evicted"] = r.many(Reader.id)
    m["rest"] = r.data[r.at:]
    return m


def raw_lists(found):
    return raw_list([key + u32(len(bits)) + bits + sig for key, bits, sig in found])


def manifest(name, wanted, number, **change):
    m = dict(manifest_parts(number), **change)
    data = m["context"] + raw_list(m["union"]) + raw_lists(m["lists"])
    for field in ("submissions", "readys", "complaints"):
        data += raw_list([one if isinstance(one, bytes) else seal(one) for one in m[field]])
    block(name, wanted, number, data + raw_list(m["evicted"]) + m["rest"])


number = manifests[0]
m = manifest_parts(number)
full = (1 << len(m["union"])) - 1
if any(int.from_bytes(bits, "little") != full for _, bits, _ in m["lists"]) or len(m["union"]) % 8 == 0:
    sys.exit("FAIL  the first manifest's lists do not all name everything: run the testnet again")
block("a time beyond the year 9999", "a time beyond the year 9999", number, at=82)
block("a time of the registry beyond the year 9999", "a time beyond the year 9999", 2, at=82)
block("state root of a manifest", "another state root", number, at=170)
block("state root of a result", "another state root", decided[0], at=170)
block("payout root", "another payout root", decided[-1], at=200)
block("electorates in a task block", "names electorates", number, at=235)
block("another round", "another round", number, at=120)
block("election proof", "an election proof", number, at=-1)
block("election proof of the registry", "an election proof", 2, at=-1)
manifest("one list four times", "signers of lists are not in ascending order", number, lists=m["lists"][:1] * 4)
manifest("lists in another order", "signers of lists are not in ascending order", number, lists=m["lists"][::-1])
manifest("a list of a stranger", "a list of somebody without a vote", number, lists=[(bytes(32),) + m["lists"][0][1:]] + m["lists"])
manifest("unused bits of a list", "unused bits", number,
         lists=[(k, bits[:-1] + bytes([bits[-1] | 0x80]), sig) for k, bits, sig in m["lists"]])
manifest("too few lists", "too few lists", number, lists=m["lists"][:2])
manifest("lists that name less", "an announcement that is not listed", number,
         union=m["union"][1:], lists=[(k, ((full >> 1).to_bytes(len(bits), "little")), sig) for k, bits, sig in m["lists"]])
manifest("an id that no list has", "an id that no list has", number,
         lists=[(k, (full - 1).to_bytes(len(bits), "little"), sig) for k, bits, sig in m["lists"]])
manifest("an announcement left out", "an announcement is left out", number, submissions=m["submissions"][:-1])
manifest("announcements in another order", "announcements are not in ascending order", number, submissions=m["submissions"][::-1])
manifest("ctx", "a manifest of another context", number, context=flipped(m["context"], 0))
manifest("Ready twice", "Readys are not in ascending order", number, readys=m["readys"][:1] * 2)
manifest("no Ready", "do not cover the set", number, readys=[])
manifest("a Ready of another context", "a Ready of another context", number,
         readys=[replace(e, payload=flipped(e.payload, 0)) for e in m["readys"]])
manifest("a Ready of a stranger", "a Ready of somebody who may not", number, readys=[replace(m["readys"][0], signer=bytes(32))])
manifest("evicted without a reason", "evicted others than complaints prove bad", number, evicted=[m["submissions"][0].signer])


def announced(name, wanted, change):
    """The first announcement with another payload, under its new name."""
    e = m["submissions"][0]
    payload = change(e.payload)
    old, new = (transcript("meshnode/submission/1", data) for data in (e.payload, payload))
    union = sorted([one for one in m["union"] if one != old] + [new])
    submissions = sorted([replace(e, payload=payload)] + m["submissions"][1:], key=lambda e: e.signer)
    manifest(name, wanted, number, union=union, submissions=submissions)


# domain and version, context, round, attempt, submitter, nonce, commitments.
announced("an announcement of another context", "an announcement of another context", lambda p: flipped(p, 3))
announced("an announcement of another round", "an announcement of another context", lambda p: flipped(p, 35))
announced("an announcement of another submitter", "an announcement of another submitter", lambda p: flipped(p, 41))
announced("proof of t", "does not prove its t", lambda p: flipped(p, 73))
announced("an announcement that repeats", "does not repeat the submission", lambda p: p[:-1] + b"\x01" + bytes(64))
holder = m["readys"][0]
entry = m["union"][0] + b"\x00" + bytes(32) + bytes(64) + raw_list([])
complaint = seal(holder, kind=11, payload=m["context"] + raw_list([entry]))
manifest("a complaint about nothing", "a complaint that proves nothing", number, complaints=[complaint])

number = decided[-1]
r = Reader(bytes.fromhex(parsed[number]["body"]))
x = dict(manifest=r.id(), aggregate=r.take(40), model=r.take(40), opening=r.id(), rejected=r.flag())
x["statements"], x["opinions"], x["rest"] = r.many(envelope), r.many(envelope), r.data[r.at:]


def decision(name, wanted, **change):
    y = dict(x, **change)
    data = y["manifest"] + y["aggregate"] + y["model"] + y["opening"] + bytes([y["rejected"]])
    data += b"".join(raw_list([seal(e) for e in y[field]]) for field in ("statements", "opinions"))
    block(name, wanted, number, data + y["rest"])


def opinions(change):
    return [replace(e, payload=change(e.payload)) for e in x["opinions"]]


decision("one opinion four times", "opinions are not in ascending order", opinions=x["opinions"][:1] * 4)
decision("too few opinions", "too few opinions", opinions=x["opinions"][:1])
decision("opinions of another height", "an opinion of another place", opinions=[replace(e, major=e.major + 1) for e in x["opinions"]])
decision("an opinion of a stranger", "an opinion of somebody who may not", opinions=[replace(x["opinions"][0], signer=bytes(32))])
decision("opinions of another candidate", "an opinion of another candidate", opinions=opinions(lambda p: flipped(p, 0)))
decision("an accuracy above 1", "an accuracy above 1", opinions=opinions(lambda p: p[:-16] + u32(1_000_001) + p[-12:]))
decision("a reason of another verdict", "a reason that does not fit", opinions=opinions(lambda p: p[:33] + b"\x02" + p[34:]))
decision("accuracies", "another payout root", opinions=opinions(lambda p: p[:-16] + u32(1) + p[-12:]))
decision("rejected", "rejected or not", rejected=not x["rejected"])
decision("no key statement", "do not cover every component", statements=[])
decision("a key statement twice", "key statements are not in ascending order", statements=x["statements"][:1] * 2)
decision("a key statement of another set", "a key statement of another set",
         statements=[replace(e, payload=flipped(e.payload, 40)) for e in x["statements"]])
decision("a key statement without a root", "other components than its holder's",
         statements=[replace(e, payload=e.payload[:64] + u32(0)) for e in x["statements"]])
decision("a content longer than any", "a content longer than any", model=x["model"][:32] + u64((1 << 33) + 1))
decision("another manifest", "a result of another manifest", manifest=flipped(x["manifest"], 0))
decision("opening that is no scalar", "no canonical scalar", opening=b"\xff" * 32)
decision("convicted without a proof", "convicted others than the proof", rest=b"\x00" + raw_list([x["statements"][0].signer]))

# Kinds of blocks that nothing decided calls for.
def void(reason, evicted=(), union=(), lists=(), replaced=(), absences=(), complaints=(), submissions=()):
    data = bytes([reason]) + raw_list(evicted) + raw_list(union) + raw_lists(lists) + raw_list(replaced)
    return data + b"".join(map(raw_list, (absences, complaints, submissions))) + b"\x00"


number = manifests[0]
someone = m["readys"][0].signer
block("too few, with enough", "enough submissions for a set", number, void(1, union=m["union"], lists=m["lists"]), 3)
block("a deadline too early", "a deadline that is too early", number, void(2), 3)
block("a deadline that evicts", "a deadline that is too early", number, void(2, evicted=[someone]), 3)
block("holders, with nobody missed", "the other holders know every component", number, void(3), 3)
block("holders, with an absence of a stranger", "an absence of somebody who is no holder", number, void(3, absences=[
    seal(m["readys"][0], kind=12, major=heads[number].height, minor=0, signer=m["lists"][0][0], payload=raw_list([bytes(32)]))]), 3)
block("blame before a set", "blame without a set", number, void(4), 3)
block("replaced without a reason", "replaced holders without a reason", number, void(2, replaced=[someone]), 3)
block("lists without a reason", "lists without a reason", number, void(2, union=m["union"]), 3)
block("blame of nobody", "nobody is proven bad", decided[0], void(4), 3)
block("too few in a decided set", "too few in a set that is decided", decided[0], void(1), 3)
block("complete before its time", "that decided blocks do not imply", number, b"\x01", 4)
block("failed before its time", "that decided blocks do not imply", number, b"\x02\x01", 4)
block("expired before its time", "a task that has not expired", number, b"\x02\x03", 4)
block("scores of no round", "the next manifest carries the scores", number, b"\x05" + b"\x00" + raw_list([]) * 3, 4)
block("no direction for no round", "a direction that no round waits for", decided[0], b"\x06", 4)
control = b"\x10\x00\x01\x07" + heads[number].chain + u32(1) + b"\x01"
order = replace(m["readys"][0], kind=10, chain=bytes.fromhex(registry), major=0, minor=0, payload=control)
block("an order without a proof", "an order without a proof", number, b"\x03" + raw_list([]) + raw_list([seal(order)]) + u32(0), 4)
anchor = whole.tasks[heads[number].chain].record.anchor.height
step = next(i for i in blocks if parsed[i]["chain"] == registry and heads[i].height > anchor)
proof = bytes.fromhex(parsed[step]["header"]) + bytes.fromhex(parsed[step]["certificate"])
stranger = raw_list([bytes(32) + u64(1)])
block("an order of a strange electorate", "an electorate that is not proven", number,
      b"\x03" + raw_list([proof + stranger]) + raw_list([seal(order)]) + u32(0), 4)
after = Registry(bytes.fromhex(parsed[0]["genesis"])).now
true = raw_list([k + u64(w) for k, w in after.members])
block("an order that its block does not hold", "an order that its block does not hold", number,
      b"\x03" + raw_list([proof + true]) + raw_list([seal(order)]) + u32(0), 4)
wrong = flipped(bytes.fromhex(parsed[step]["header"]), 44)
other = bytearray.fromhex(parsed[step]["certificate"])
other[47:79] = header(wrong).id
block("an order on another registry block", "not the registry's block", number,
      b"\x03" + raw_list([wrong + bytes(other) + true]) + raw_list([seal(order)]) + u32(0), 4)
block("an anchor that moves over nothing", "an anchor moves by 64 changes", number, b"\x07" + raw_list([]), 4)
block("an order out of turn", "an order out of turn", number, b"\x03" + raw_list([]) + raw_list([
    seal(order, payload=control[:-5] + u32(7) + b"\x01")]) + u32(0), 4)

# The registry.
def transactions(number):
    r = Reader(bytes.fromhex(parsed[number]["body"]))
    return r.many(envelope)


filled = [i for i in blocks if parsed[i]["chain"] == registry and transactions(i)]
block("an empty block", "an empty block", filled[0], raw_list([]))
first = transactions(filled[0])
block("more than half a block's bytes", "a registry body of", filled[0], raw_list([seal(first[0], payload=bytes(60_000))] * 9))
block("a transaction twice", "nonce", filled[0], raw_list([seal(e) for e in first + first[-1:]]))
block("a transaction of a stranger", "a transaction of nobody", filled[0], raw_list([seal(first[0], signer=bytes(32))]))
kinds = {}
for i in filled:
    for place, e in enumerate(transactions(i)):
        kinds.setdefault(e.payload[3], (i, place))


def transaction(name, wanted, kind, change):
    """The first transaction of a kind with another payload."""
    i, place = kinds[kind]
    found = transactions(i)
    found[place] = replace(found[place], payload=change(found[place].payload))
    block(name, wanted, i, raw_list([seal(e) for e in found]))


# Both proofs of keys stand behind the bond.
transaction("an enrolment without a bond", "too small a bond", 2, lambda p: p[:-136] + u64(0) + p[-128:])
transaction("an enrolment with another data form", "another data form", 2, lambda p: flipped(p, -137))
transaction("an enrolment with the sealing key of another", "has not proven to hold", 2, lambda p: flipped(p, -80))
transaction("an enrolment with the election key of another", "has not proven to hold", 2, lambda p: flipped(p, -20))
transaction("a task with the sealing key of another", "has not proven to hold", 1, lambda p: flipped(p, -20))
transaction("an enrolment in an unknown task", "an unknown task", 2, lambda p: flipped(p, 4))
transaction("a settlement of another table", "another payout root", 9, lambda p: flipped(p, -1))
i, place = kinds[3]
found_ = transactions(i)
early = kinds[2][0]
block("a close before its time", "closed before its time", early, raw_list([seal(transactions(early)[0], payload=found_[place].payload)]))

# A fork of this network by all who remain: its genesis, held against this export.
ristretto.check_key = lambda *one: None
old, written = whole.registry, bytes.fromhex(parsed[0]["genesis"])
r = Reader(written)
r.take(5), r.blob()
# It begins at the time of the last decided block.
before = written[:r.at] + u64(old.time)
for count in range(1, len(old.now.members)):
    without = sorted(key for key, _ in old.now.members[-count:])
    try:
        carried = [(a.key, a.balance, a.bond, a.election) for a in forks.carried(old, without)]
        break
    except Fault:
        pass
else:
    sys.exit("FAIL  there is no fork of this export's network")


def fork(name, wanted, accounts=carried, signers=None, digest=None, **change):
    """A fork with other accounts, signers (keys of accounts) or fields of its origin must be refused."""
    o = dict(dict(network=old.network, height=old.height, block=old.head), **change)
    digest = digest or digest_of(accounts)
    signers = {k for k, _, bond, _ in accounts if bond} if signers is None else signers
    data = before + u32(len(accounts))
    for key, balance, bond, election in accounts:
        data += key + u64(balance) + u64(bond) + election
        data += b"\x01" + bytes(128) if key in signers else b"\x00"
    data += old.genesis.parameters + b"\x01" + o["network"] + u64(o["height"]) + o["block"] + digest + raw_list(without)
    if wanted is None:
        return forks.check_origin(Registry(data), old)
    expect("fork: " + name, wanted, lambda: forks.check_origin(Registry(data), old))


def digest_of(accounts):
    return carried_digest([GenesisAccount(*one, None) for one in accounts])


def account(key, balance=0, bond=0, election=None):
    """The accounts with more or less in one of them."""
    return [(k, a + balance, b + bond, e if election is None else election) if k == key else (k, a, b, e)
            for k, a, b, e in carried]


voters = [k for k, _, bond, _ in carried if bond]
seen += 2
for wanted, height in ((True, old.height), (False, old.height + 1)):
    if fork("", None, height=height) is not wanted:
        print("FAIL  fork: as it was made, of height %d" % height)
        failed += 1
fork("a balance moved", "not those of the digest", account(voters[0], balance=1), digest=digest_of(carried))
fork("a balance moved by all who remain", "carries something else", account(voters[0], balance=1))
fork("a bond for a balance", "carries something else", account(voters[0], balance=1, bond=-1))
fork("a signature removed", "or not signed the fork", signers=set(voters[1:]))
fork("a signature of one who is lost", "of an account without a vote", signers=set(voters + without[:1]))
fork("a vote of one who is lost", "a lost voter with a vote", account(without[0], balance=-1, bond=1))
fork("a signer twice", "accounts are not in ascending order", sorted(carried + [one for one in carried if one[0] == voters[0]]))
fork("an account left out", "a lost voter with a vote, or without an account", [one for one in carried if one[0] != without[0]])
fork("another parent", "the fork comes from network", network=flipped(old.network, 0))
fork("a height before the last", "leaves out decided blocks", height=old.height - 1)
fork("another block", "names another block", block=flipped(old.head, 0))

sys.stdout.flush()
if helper == 0:
    os._exit(min(failed, 255))
failed += os.waitstatus_to_exitcode(os.waitpid(helper, 0)[1])
print("%d altered copies, %d not refused as they should be" % (seen, failed))
sys.exit(1 if failed else 0)
