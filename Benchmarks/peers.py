"""Homomorphic encryption on the vectors of `meshnode bench crypto`, beside its rows.

Usage: peers.py ROWS [--quick], ROWS being the JSON lines of the bench. Prints one JSON line for each measurement with the
keys of the bench, then one table. Single thread, CPU time, sums checked. What the columns do not say: the owner of a CKKS,
BFV or Paillier secret key can decrypt every single client, and nobody else can check a sum.
"""

import json
import os
import resource
import sys
import time

SUBMITTERS = 10


def cpu_name():
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def best(body, runs=3):
    """The least CPU time of `body` in seconds, and its last result."""
    least, result = float("inf"), None
    for _ in range(runs):
        start = time.process_time()
        result = body()
        least = min(least, time.process_time() - start)
    return least, result


class Report:
    def __init__(self, y):
        self.y = y
        self.rows = []

    def add(self, name, kernel, d, seconds, bytes_per_coordinate, packing, counted=None):
        """`counted` coordinates were measured where that is fewer than d."""
        microseconds = seconds / (counted or d) * 1e6
        row = {
            "name": name, "kernel": kernel, "n": SUBMITTERS, "d": d, "bits": 8, "packing": packing, "encoding": "none",
            "range_bits": 0, "us_per_element": round(microseconds * packing, 4),
            "ratio_to_y": round(microseconds * packing / self.y, 4), "bytes_per_coordinate": bytes_per_coordinate,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "cpu": cpu_name(),
        }
        self.rows.append(row)
        print(json.dumps(row, separators=(",", ":")), flush=True)


def values(d):
    """The bench's vector: 8-bit values in [-127, 127]."""
    return [index % 255 - 127 for index in range(d)]


def measure_tenseal(report, d, kernel, context, encrypt, slots, exact):
    import tenseal as ts

    plain = values(d)
    blocks = [plain[start : start + slots] for start in range(0, d, slots)]
    client, vectors = best(lambda: [encrypt(context, block) for block in blocks])
    size = sum(len(vector.serialize()) for vector in vectors) / d
    load = ts.ckks_vector_from if not exact else ts.bfv_vector_from
    # Sums are made in place, in copies that are not timed: a copy in this binding is a serialisation.
    add = float("inf")
    for _ in range(3):
        sums = [load(context, vector.serialize()) for vector in vectors]
        start = time.process_time()
        for _ in range(SUBMITTERS - 1):
            for total, vector in zip(sums, vectors):
                total += vector
        add = min(add, time.process_time() - start)
    decrypt, opened = best(lambda: [value for total in sums for value in total.decrypt()])
    worst = max(abs(found - SUBMITTERS * value) for found, value in zip(opened, plain))
    if worst > (0 if exact else 0.01):
        raise SystemExit(f"{kernel}: sum is off by {worst}")
    report.add("peer_client", kernel, d, client, round(size, 2), 1)
    report.add("peer_aggregator", kernel, d, add + decrypt, 0, 1)


def ckks(report, d):
    import tenseal as ts

    context = ts.context(ts.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[60, 40, 60], n_threads=1)
    context.global_scale = 2**40
    measure_tenseal(report, d, "ckks-8192", context, ts.ckks_vector, 4096, False)


def bfv(report, d):
    import tenseal as ts

    context = ts.context(ts.SCHEME_TYPE.BFV, 4096, plain_modulus=1032193, n_threads=1)
    measure_tenseal(report, d, "bfv-4096", context, ts.bfv_vector, 4096, True)


def paillier(report, d, sample):
    import phe

    public, private = phe.generate_paillier_keypair(n_length=2048)
    plain = values(sample)
    client, encrypted = best(lambda: [public.encrypt(value) for value in plain], 1)
    start = time.process_time()
    sums = list(encrypted)
    for _ in range(SUBMITTERS - 1):
        sums = [total + item for total, item in zip(sums, encrypted)]
    add = time.process_time() - start
    decrypt, opened = best(lambda: [private.decrypt(total) for total in sums], 1)
    if opened != [SUBMITTERS * value for value in plain]:
        raise SystemExit("paillier: wrong sum")
    report.add("peer_client", "paillier-2048", d, client, 512, 1, sample)
    report.add("peer_aggregator", "paillier-2048", d, add + decrypt, 0, 1, sample)


def table(ours, peers, d):
    def per_coordinate(row):
        return row["us_per_element"] / row["packing"]

    def find(rows, name, **wanted):
        for row in rows:
            if row["name"] == name and all(row[key] == value for key, value in wanted.items()):
                return row
        return None

    base = {"n": SUBMITTERS, "d": d, "encoding": "affine"}
    client, aggregator = find(ours, "round_client", **base), find(ours, "round_aggregator", **base)
    if client is None or aggregator is None:
        raise SystemExit(f"the bench has no round of {d} coordinates and {SUBMITTERS} clients; leave --only away")
    lines = []

    def add(label, encrypt, aggregate, size, note):
        lines.append([
            label, f"{encrypt:.3f}", f"{encrypt / per_coordinate(client):.2f}",
            "-" if aggregate is None else f"{aggregate:.3f}",
            "-" if aggregate is None else f"{aggregate / per_coordinate(aggregator):.2f}", f"{size:.1f}", note,
        ])

    for encoding in ("affine", "ristretto"):
        wanted = dict(base, encoding=encoding)
        row, sums = find(ours, "round_client", **wanted), find(ours, "round_aggregator", **wanted)
        if row and sums:
            label = f"NDD-FE/R {row['kernel']}, {encoding}, packed {row['packing']}"
            add(label, per_coordinate(row), per_coordinate(sums), row["bytes_per_coordinate"], "anybody checks the sum")
    naive = [find(ours, name, kernel="libsodium") for name in ("encrypt", "decode_add", "unmask")]
    if all(naive):
        add("the same by libsodium's calls", per_coordinate(naive[0]),
            SUBMITTERS * per_coordinate(naive[1]) + per_coordinate(naive[2]), 32, "without recovery")
    plain = find(ours, "plain_masks_client")
    if plain:
        add("plain masks + one commitment", per_coordinate(plain), None, 4, "pad and commitment may disagree")
    notes = {"ckks-8192": "approximate; key owner reads all", "bfv-4096": "key owner reads all",
             "paillier-2048": "sampled; key owner reads all"}
    for kernel, note in notes.items():
        row, sums = find(peers, "peer_client", kernel=kernel), find(peers, "peer_aggregator", kernel=kernel)
        if row and sums:
            add(kernel, per_coordinate(row), per_coordinate(sums), row["bytes_per_coordinate"], note)
    header = ["PER COORDINATE, 8 bits", "CLIENT us", "x ours", "AGGREGATE us", "x ours", "BYTES", "NOTE"]
    widths = [max(len(line[column]) for line in [header] + lines) for column in range(len(header))]
    print(f"\n{SUBMITTERS} clients, {d} coordinates, one thread; below 1 in \"x ours\" is faster than this program's affine form")
    for line in [header] + lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main():
    # Some builds of the peers start threads of their own.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with open(sys.argv[1]) as file:
        ours = [json.loads(line) for line in file if line.startswith("{")]
    y = next(row["us_per_element"] for row in ours if row["name"] == "scalarmult_base")
    quick = "--quick" in sys.argv[2:]
    d = 10_000 if quick else 100_000
    report = Report(y)
    ckks(report, d)
    bfv(report, d)
    paillier(report, d, 16 if quick else 64)
    table(ours, report.rows, d)


if __name__ == "__main__":
    main()
