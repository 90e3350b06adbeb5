"""Altered copies of an export, each of which docs/protocol/verify_export.py must refuse for the reason that is named.

Behind signatures nothing can be altered, so most copies go before a verifier that believes every signature: what is left must
refuse them. What bodies, sums and models prove is altered behind their names. Usage: altered_exports.py FILE
"""
import json
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, "docs/protocol")
import verify_export as v

failed = 0
seen = 0


def expect(name, wanted, run):
    """`run` must be refused for the reason `wanted`."""
    global failed, seen
    seen += 1
    try:
        run()
    except v.Fault as fault:
        if wanted in str(fault):
            return print("ok    %s: %s" % (name, fault))
        print("FAIL  %s: refused for another reason: %s" % (name, fault))
    else:
        print("FAIL  %s: accepted" % name)
    failed += 1


with open(sys.argv[1]) as file:
    lines = file.read().splitlines()
parsed = [json.loads(line) for line in lines]
whole, (results, _, _, _) = v.verify(line + "\n" for line in lines)
if results == 0 or whole.gaps:
    sys.exit("FAIL  this export lacks contents: export it with --contents from a home that has them")
registry = parsed[1]["chain"]
blocks = [i for i, line in enumerate(parsed) if "chain" in line]
tasks = [i for i in blocks if parsed[i]["chain"] != registry]
contents = [i for i, line in enumerate(parsed) if "content" in line]
heads = {i: v.header(bytes.fromhex(parsed[i]["header"])) for i in blocks}
manifests, decided = ([i for i in tasks if heads[i]["kind"] == kind] for kind in (1, 2))


def check(copy):
    v.verify(line + "\n" for line in copy)


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
form("genesis", "is not the hash of the genesis", flip_hex(0, "genesis", 20))
form("state root", "certificate of another block", flip_hex(3, "header", 180))
form("body", "another body", flip_hex(4, "body", -3))
form("vote", "a signature of", flip_hex(5, "certificate", -5))
form("a block left out", "does not follow", lines[:6] + lines[7:])
form("end left out", "has no end", lines[:-1])
form("two blocks swapped", "does not follow", lines[:5] + [lines[6], lines[5]] + lines[7:])
form("a line behind the end", "stands behind the end", lines + [lines[1]])
form("a second head", "a second head", lines[:1] + lines)
form("a field twice", "stands twice", with_line(2, lines[2].replace('"height"', '"height":2,"height"')))
form("an unknown field", "has other fields", changed(2, note="x"))
form("upper case", "no lower case", changed(2, body=parsed[2]["body"].upper()))
form("an escape", "escapes", with_line(2, lines[2].replace('"chain"', '"ch\\u0061in"')))
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
expect("another network", "not the one asked for", lambda: v.verify((l + "\n" for l in lines), {"network": "00" * 32}))
expect("another checkpoint", "another block than the checkpoint",
       lambda: v.verify((l + "\n" for l in lines), {"checkpoint": (1, "00" * 32)}))

# What is not here is said, and the rest is checked all the same.
def counted(copy):
    kept = [line for line in copy if json.loads(line).get("end") is None]
    inside = sum('"content"' in line for line in kept)
    missing = len(contents) - inside if inside else 0
    end = dict(parsed[last], blocks=sum('"chain"' in line for line in kept), contents=inside, missing=missing)
    return kept + [json.dumps(end)]


def gaps(copy):
    return v.verify(line + "\n" for line in counted(copy))[0].gaps


def gap(name, wanted, copy):
    global failed, seen
    seen += 1
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


def settle_other():
    export = v.Export()
    for line in lines:
        export.take(line + "\n")
    chain, height, block, at = export.registry.settles[0]
    export.registry.settles[0] = (chain, height, flipped(block, 0), at)
    export.finish()


expect("another block settled", "settled another block", settle_other)

# Signatures: the rule of libsodium.
head, cert = heads[1], v.certificate(v.Reader(bytes.fromhex(parsed[1]["certificate"])))
voter, good = cert["votes"][0]
key = v.Registry(bytes.fromhex(parsed[0]["genesis"])).now.members[voter][0]
signed = v.signed_bytes(whole.registry.network, 3, head["chain"], 1, cert["view"], key, b"\x01" + head["id"])
v.signature(key, good, signed)
identity = bytes([1]) + bytes(31)
expect("a key of small order", "small order or not canonical", lambda: v.signature(identity, identity + bytes(32), signed))
expect("a key that is not canonical", "small order or not canonical",
       lambda: v.signature((v.P + 3).to_bytes(32, "little"), good, signed))
expect("R of small order", "of a form that is refused", lambda: v.signature(key, identity + good[32:], signed))
more = int.from_bytes(good[32:], "little") + v.L
expect("S beyond the order", "of a form that is refused", lambda: v.signature(key, good[:32] + more.to_bytes(32, "little"), signed))
members = v.Registry(bytes.fromhex(parsed[0]["genesis"])).now
expect("a vote twice", "votes are not in ascending order", lambda: v.check_certificate(
    dict(cert, votes=cert["votes"][:1] * 4), head, members, whole.registry.network))
expect("a view before the block's", "a view before its block was made", lambda: v.check_certificate(
    cert, dict(head, view=cert["view"] + 5), members, whole.registry.network))

# What bodies, sums, models and openings prove.
found, opened, repeated = [], [], []
kept = v.check_result, v.check_openings, v.check_repeat
v.check_result = lambda *one: found.append(one) or kept[0](*one)
v.check_openings = lambda *one: opened.append(one) or kept[1](*one)
v.check_repeat = lambda *one: repeated.append(one) or kept[2](*one)
check(lines)
v.check_result, v.check_openings, v.check_repeat = kept
task, one, held, mask = found[0]


def result(name, wanted, change=None, content=None, place=0, without=None):
    altered = dict(held)
    if content:
        altered[content] = flipped(altered[content], place)
    if without:
        del altered[without]
    expect(name, wanted, lambda: v.check_result(task, dict(one, **(change or {})), altered, mask))


member = next(iter(one["set"].values()))["body"][0]
# Only of a set that a block decided: nothing rests on the body of a member whom a void attempt named.
body = next(i for i in contents if parsed[i]["content"] == member.hex())
gap("a body is missing", "bod", lines[:body] + lines[body + 1:])
beyond = (int.from_bytes(one["opening"], "little") + v.L).to_bytes(32, "little")
result("opening", "the block equation", {"opening": flipped(one["opening"], 3)})
result("opening beyond the order", "no canonical scalar", {"opening": beyond})
result("sum", "another model", content=one["aggregate"][0])
result("manifest", "the block equation", {"manifest": flipped(one["manifest"], 0)})
result("elements", "other elements", content=member, place=-64 * 3)
result("boxes", "other boxes", content=member, place=20)
result("model", "another model", content=one["model"][0], place=-1)
result("model, with a body missing", "another model", content=one["model"][0], place=-1, without=member)
wide = dict(held)
size = 4 if one["aggregate"][1] == 4 * v.elements(task.spec, one["round"]) * len(one["sums"]) else 8
far = (len(one["set"]) * task.spec["B"] + 1).to_bytes(size, "little", signed=True)
wide[one["aggregate"][0]] = far + wide[one["aggregate"][0]][size:]
del wide[member]
expect("a digit, with a body missing", "digit", lambda: v.check_result(task, one, wide, mask))
del wide
for task_, a, earlier, _, _ in repeated[:1]:
    previous, proof = a["repeats"]
    expect("lambda", "another vector", lambda: v.check_repeat(task_, dict(a, repeats=(previous, flipped(proof, 0))), earlier, held, mask))
    much = (int.from_bytes(proof, "little") + v.L).to_bytes(32, "little")
    expect("lambda beyond the order", "no canonical scalar",
           lambda: v.check_repeat(task_, dict(a, repeats=(previous, much)), earlier, held, mask))
print("      %d repeated vectors, %d scored rounds" % (len(repeated), len(opened)))
for task_, scored, _, _ in opened[:1]:
    key = sorted(scored["opened"])[0]
    score, kappa = scored["opened"][key]

    def openings(name, wanted, change, altered=None):
        expect(name, wanted, lambda: v.check_openings(task_, dict(scored, **change), altered or held, mask))

    openings("score", "an opening that is not", {"opened": {key: (score + 1, kappa)}})
    openings("mask of a score", "an opening that is not", {"opened": {key: (score, flipped(kappa, 1))}})
    openings("mask beyond the order", "no canonical scalar",
             {"opened": {key: (score, (int.from_bytes(kappa, "little") + v.L).to_bytes(32, "little"))}})
    openings("salt", "another direction", {"salt": flipped(scored["salt"], 0)})
    name = scored["direction"][0]
    other = bytes([1 if held[name][0] != 1 else 255]) + held[name][1:]
    openings("direction", "another direction", {}, held | {name: other})

# Blocks before a verifier that believes every signature.
v.signature = lambda key, sig, data: None
v.check_result, v.check_openings, v.check_repeat = lambda *one: (True, True), lambda *one: (0, 0), lambda *one: True


def block(name, wanted, number, body=None, kind=None, at=None):
    """Block `number` with another body or kind, or with one byte of its header flipped."""
    data = bytearray.fromhex(parsed[number]["header"])
    fields = {}
    if body is not None:
        data[126:166] = v.content_id(body, 3) + v.u64(len(body))
        fields["body"] = body.hex()
    if kind is not None:
        data[119] = kind
    if at is not None:
        data[at] ^= 1
    data = bytes(data)
    certificate = bytearray.fromhex(parsed[number]["certificate"])
    certificate[47:79] = v.header(data)["id"]
    copy = changed(number, header=data.hex(), certificate=bytes(certificate).hex(), **fields)
    expect(name, wanted, lambda: check(copy))


def raw_list(items):
    return v.u32(len(items)) + b"".join(items)


def seal(e, **change):
    """An envelope's bytes with other fields; its signature is believed."""
    e = dict(e, **change)
    return v.signed_bytes(e["network"], e["kind"], e["chain"], e["major"], e["minor"], e["signer"], e["payload"]) + bytes(64)


def manifest_parts(number):
    r = v.Reader(bytes.fromhex(parsed[number]["body"]))
    m = dict(context=r.id(), union=r.list(v.Reader.id), lists=r.list(lambda r: (r.id(), r.blob(), r.sig())))
    for field in ("submissions", "readys", "complaints"):
        m[field] = r.list(v.envelope)
    m["evicted"] = r.list(v.Reader.id)
    m["rest"] = r.data[r.at:]
    return m


def raw_lists(found):
    return raw_list([key + v.u32(len(bits)) + bits + sig for key, bits, sig in found])


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
         readys=[dict(e, payload=flipped(e["payload"], 0)) for e in m["readys"]])
manifest("a Ready of a stranger", "a Ready of somebody who may not", number, readys=[dict(m["readys"][0], signer=bytes(32))])
manifest("evicted without a reason", "evicted others than complaints prove bad", number, evicted=[m["submissions"][0]["signer"]])


def announced(name, wanted, change):
    """The first announcement with another payload, under its new name."""
    e = m["submissions"][0]
    payload = change(e["payload"])
    old, new = (v.transcript("meshnode/submission/1", data) for data in (e["payload"], payload))
    union = sorted([one for one in m["union"] if one != old] + [new])
    submissions = sorted([dict(e, payload=payload)] + m["submissions"][1:], key=lambda e: e["signer"])
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
r = v.Reader(bytes.fromhex(parsed[number]["body"]))
x = dict(manifest=r.id(), aggregate=r.take(40), model=r.take(40), opening=r.id(), rejected=r.flag())
x["statements"], x["opinions"], x["rest"] = r.list(v.envelope), r.list(v.envelope), r.data[r.at:]


def decision(name, wanted, **change):
    y = dict(x, **change)
    data = y["manifest"] + y["aggregate"] + y["model"] + y["opening"] + bytes([y["rejected"]])
    data += b"".join(raw_list([seal(e) for e in y[field]]) for field in ("statements", "opinions"))
    block(name, wanted, number, data + y["rest"])


def opinions(change):
    return [dict(e, payload=change(e["payload"])) for e in x["opinions"]]


decision("one opinion four times", "opinions are not in ascending order", opinions=x["opinions"][:1] * 4)
decision("too few opinions", "too few opinions", opinions=x["opinions"][:1])
decision("opinions of another height", "an opinion of another place", opinions=[dict(e, major=e["major"] + 1) for e in x["opinions"]])
decision("an opinion of a stranger", "an opinion of somebody who may not", opinions=[dict(x["opinions"][0], signer=bytes(32))])
decision("opinions of another candidate", "an opinion of another candidate", opinions=opinions(lambda p: flipped(p, 0)))
decision("an accuracy above 1", "an accuracy above 1", opinions=opinions(lambda p: p[:-16] + v.u32(1_000_001) + p[-12:]))
decision("a reason of another verdict", "a reason that does not fit", opinions=opinions(lambda p: p[:33] + b"\x02" + p[34:]))
decision("accuracies", "another payout root", opinions=opinions(lambda p: p[:-16] + v.u32(1) + p[-12:]))
decision("rejected", "rejected or not", rejected=not x["rejected"])
decision("no key statement", "do not cover every component", statements=[])
decision("a key statement twice", "key statements are not in ascending order", statements=x["statements"][:1] * 2)
decision("a key statement of another set", "a key statement of another set",
         statements=[dict(e, payload=flipped(e["payload"], 40)) for e in x["statements"]])
decision("a key statement without a root", "other components than its holder's",
         statements=[dict(e, payload=e["payload"][:64] + v.u32(0)) for e in x["statements"]])
decision("another manifest", "a result of another manifest", manifest=flipped(x["manifest"], 0))
decision("opening that is no scalar", "no canonical scalar", opening=b"\xff" * 32)
decision("convicted without a proof", "convicted others than the proof", rest=b"\x00" + raw_list([x["statements"][0]["signer"]]))

# Kinds of blocks that nothing decided calls for.
def void(reason, evicted=(), union=(), lists=(), replaced=(), absences=(), complaints=(), submissions=()):
    data = bytes([reason]) + raw_list(evicted) + raw_list(union) + raw_lists(lists) + raw_list(replaced)
    return data + b"".join(map(raw_list, (absences, complaints, submissions))) + b"\x00"


number = manifests[0]
someone = m["readys"][0]["signer"]
block("too few, with enough", "enough submissions for a set", number, void(1, union=m["union"], lists=m["lists"]), 3)
block("a deadline too early", "a deadline that is too early", number, void(2), 3)
block("a deadline that evicts", "a deadline that is too early", number, void(2, evicted=[someone]), 3)
block("holders, with nobody missed", "the other holders know every component", number, void(3), 3)
block("holders, with an absence of a stranger", "an absence of somebody who is no holder", number, void(3, absences=[
    seal(m["readys"][0], kind=12, major=heads[number]["height"], minor=0, signer=m["lists"][0][0], payload=raw_list([bytes(32)]))]), 3)
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
control = b"\x10\x00\x01\x07" + heads[number]["chain"] + v.u32(1) + b"\x01"
order = dict(m["readys"][0], kind=10, chain=bytes.fromhex(registry), major=0, minor=0, payload=control)
block("an order without a proof", "an order without a proof", number, b"\x03" + raw_list([]) + raw_list([seal(order)]) + v.u32(0), 4)
anchor = whole.tasks[heads[number]["chain"]].t["anchor"][0]
step = next(i for i in blocks if parsed[i]["chain"] == registry and heads[i]["height"] > anchor)
proof = bytes.fromhex(parsed[step]["header"]) + bytes.fromhex(parsed[step]["certificate"])
stranger = raw_list([bytes(32) + v.u64(1)])
block("an order of a strange electorate", "an electorate that is not proven", number,
      b"\x03" + raw_list([proof + stranger]) + raw_list([seal(order)]) + v.u32(0), 4)
after = v.Registry(bytes.fromhex(parsed[0]["genesis"])).now
true = raw_list([k + v.u64(w) for k, w in after.members])
block("an order that its block does not hold", "an order that its block does not hold", number,
      b"\x03" + raw_list([proof + true]) + raw_list([seal(order)]) + v.u32(0), 4)
wrong = flipped(bytes.fromhex(parsed[step]["header"]), 44)
other = bytearray.fromhex(parsed[step]["certificate"])
other[47:79] = v.header(wrong)["id"]
block("an order on another registry block", "not the registry's block", number,
      b"\x03" + raw_list([wrong + bytes(other) + true]) + raw_list([seal(order)]) + v.u32(0), 4)
block("an anchor that moves over nothing", "an anchor moves by 64 changes", number, b"\x07" + raw_list([]), 4)
block("an order out of turn", "an order out of turn", number, b"\x03" + raw_list([]) + raw_list([
    seal(order, payload=control[:-5] + v.u32(7) + b"\x01")]) + v.u32(0), 4)

# The registry.
def transactions(number):
    r = v.Reader(bytes.fromhex(parsed[number]["body"]))
    return r.list(v.envelope)


filled = [i for i in blocks if parsed[i]["chain"] == registry and transactions(i)]
block("an empty block", "an empty block", filled[0], raw_list([]))
first = transactions(filled[0])
block("a transaction twice", "nonce", filled[0], raw_list([seal(e) for e in first + first[-1:]]))
block("a transaction of a stranger", "a transaction of nobody", filled[0], raw_list([seal(first[0], signer=bytes(32))]))
kinds = {}
for i in filled:
    for place, e in enumerate(transactions(i)):
        kinds.setdefault(e["payload"][3], (i, place))


def transaction(name, wanted, kind, change):
    """The first transaction of a kind with another payload."""
    i, place = kinds[kind]
    found = transactions(i)
    found[place] = dict(found[place], payload=change(found[place]["payload"]))
    block(name, wanted, i, raw_list([seal(e) for e in found]))


# Both proofs of keys stand behind the bond.
transaction("an enrolment without a bond", "too small a bond", 2, lambda p: p[:-136] + v.u64(0) + p[-128:])
transaction("an enrolment with another data form", "another data form", 2, lambda p: flipped(p, -137))
transaction("an enrolment with the sealing key of another", "has not proven to hold", 2, lambda p: flipped(p, -80))
transaction("an enrolment with the election key of another", "has not proven to hold", 2, lambda p: flipped(p, -20))
transaction("a task with the sealing key of another", "has not proven to hold", 1, lambda p: flipped(p, -20))
transaction("an enrolment in an unknown task", "an unknown task", 2, lambda p: flipped(p, 4))
transaction("a settlement of another table", "another payout root", 9, lambda p: flipped(p, -1))
i, place = kinds[3]
found_ = transactions(i)
early = kinds[2][0]
block("a close before its time", "closed before its time", early, raw_list([seal(transactions(early)[0], payload=found_[place]["payload"])]))

print("%d altered copies, %d not refused as they should be" % (seen, failed))
sys.exit(1 if failed else 0)
