"""What a task is: its numbers, and what follows from them (wire.md, Task spec; learning.md, Coordinates of a round)."""

from __future__ import annotations

from dataclasses import dataclass

from .codec import Reader, Reference, ascending, transcript
from .faults import need
from .limits import COLUMNS, LAYERS, ROUNDS, SUBMITTERS, TEXT

CNN = 4
# Server rules (learning.md, Server step).
FEDAVG, FEDAVGM, FEDADAM, FEDYOGI, DILOCO, MEDIAN, TRIMMED_MEAN, KRUM = range(1, 9)
# Payout rules (rounds.md, State: credits of a round).
EQUAL, ROWS, CONTRIBUTION = 1, 2, 3
RISTRETTO, AFFINE = 1, 2
PROFILES = ((1, 0), (3, 1), (5, 2), (7, 3))


@dataclass(frozen=True)
class Server:
    """A server rule; its numbers are millionths (learning.md, Server step)."""

    rule: int
    rate: int
    momentum: int
    beta2: int
    tau: int
    hostile: int = 0


@dataclass(frozen=True)
class Spec:
    """The fields of a task that its chain needs, and its bytes (wire.md, Task spec)."""

    name: str
    architecture: int
    hidden: list[int]
    initial: Reference
    shape: list[int]
    outputs: int
    least_rows: int
    form: bytes
    rounds: int
    minimum: int
    maximum: int
    smallest: int
    members: list[bytes]
    enrol: int
    expiry: int
    correction: int
    server: Server
    weighting: int
    cap: int
    buckets: int
    clip: int
    bits: int
    range: int
    scale: int
    compression: int
    ratio: int
    dense: int
    packing: int
    encoding: int
    holders: int
    threshold: int
    target: int
    commitment: bytes | None
    reward: int
    rule: int
    scored: int
    bond: int
    bytes: bytes
    # What follows from the rest.
    B: int
    radix: int
    size: int

    @property
    def least(self) -> int:
        """Buckets that a robust rule needs (rounds.md, 2. MANIFEST); 1 for all others."""
        hostile = self.server.hostile
        return {MEDIAN: 2, TRIMMED_MEAN: 2 * hostile + 1, KRUM: 2 * hostile + 3}.get(self.server.rule, 1)

    @property
    def is_robust(self) -> bool:
        """Robust rules work on buckets (learning.md, Server step)."""
        return self.server.rule >= MEDIAN

    @property
    def greatest_sum(self) -> int:
        """The largest element of a sum (crypto.md, Packing)."""
        return int(self.radix**self.packing - 1) // 2

    @property
    def point_bytes(self) -> int:
        """Bytes of an element in a body (crypto.md, Encrypting)."""
        return 32 if self.encoding == RISTRETTO else 64

    @property
    def subsets(self) -> list[list[int]]:
        """The holders that do not know a component, component by component (crypto.md, Holders and components)."""
        return subsets(self.holders, self.threshold)

    def coordinates(self, number: int) -> int:
        """Integers of one member in a round (learning.md, Coordinates of a round)."""
        if self.correction == 2:
            return 2 * self.size
        if self.compression == 1 or number <= self.dense:
            return self.size
        return min(self.size, max(1, (self.size * self.ratio + 500_000) // 1_000_000))

    def elements(self, number: int) -> int:
        """Group elements of one member in a round (crypto.md, Packing)."""
        return -(-self.coordinates(number) // self.packing)


def spec(r: Reader) -> Spec:
    """Reads a task spec (wire.md, Task spec).

    Held are what every rule of a round rests on; the other ranges of a published task are not.
    """
    start = r.at
    r.domain(6)
    name = r.text(TEXT)
    r.u64()
    architecture, hidden, _, initial = r.choice(1, 2, 3, 4), r.many(Reader.u32, LAYERS), r.choice(1, 2), r.ref()
    form = r.at
    r.text(TEXT)
    shape, labels, targets = r.many(Reader.u32, 4), r.many(lambda r: r.text(TEXT), 10_000), r.u32()
    outputs = len(labels) or targets
    r.many(lambda r: r.text(TEXT), COLUMNS), r.u64(), r.flag(), r.many(Reader.u64, COLUMNS), r.many(Reader.u64, COLUMNS)
    least_rows, _ = r.u32(), r.flag()
    data_form = transcript("meshnode/data-form/1", r.data[form : r.at])
    rounds, minimum, maximum, smallest = r.u32(), r.u32(), r.u32(), r.u32()
    members = r.ids(SUBMITTERS)
    ascending(members, "members")
    enrol, _, _, _, expiry = r.u32(), r.u32(), r.u32(), r.u32(), r.u64()
    # Training.
    r.text(TEXT), r.u32(), r.u32(), r.u32(), r.choice(1, 2, 3), r.take(5 * 4), r.u64(), r.choice(1, 2, 3, 4), r.u32(), r.u32()
    correction, _ = r.choice(1, 2), r.u32()
    rule, rate, momentum, beta2, tau = r.choice(*range(1, 9)), r.u32(), r.u32(), r.u32(), r.u32()
    weighting, cap = r.choice(1, 2), r.u32()
    buckets, hostile = (r.u16(), r.u16()) if rule >= MEDIAN else (0, 0)
    # Update.
    clip, bits, range_, scale, compression = r.u64(), r.u8(), r.u32(), r.choice(1, 2), r.choice(1, 2, 3)
    ratio, _, dense, _ = r.u32(), r.u32(), r.u32(), r.u32()
    packing, encoding, holders, threshold = r.u8(), r.choice(RISTRETTO, AFFINE), r.u8(), r.u8()
    r.u32()
    target = r.u32()
    commitment = r.id() if r.flag() else None
    r.u32(), r.u32()
    reward, payout, scored, bond = r.u64(), r.choice(EQUAL, ROWS, CONTRIBUTION), r.u32(), r.u64()
    r.u32(), r.choice(1, 2)
    need((holders, threshold) in PROFILES, "a task with an unknown holder profile")
    need(4 <= smallest <= minimum <= maximum <= SUBMITTERS, "a task with an impossible number of members")
    need(1 <= rounds <= ROUNDS and 2 <= bits <= 32 and packing in (1, 2), "a task with impossible numbers")
    need(architecture != CNN or len(shape) >= 2, "a task of pictures without a height and a width")
    B = 2 ** (bits - 1) - 1
    s = Spec(
        name, architecture, hidden, initial, shape, outputs, least_rows, data_form, rounds, minimum, maximum, smallest, members,
        enrol, expiry, correction, Server(rule, rate, momentum, beta2, tau, hostile), weighting, cap, buckets, clip, bits, range_,
        scale, compression, ratio, dense, packing, encoding, holders, threshold, target, commitment, reward, payout, scored, bond,
        r.data[start : r.at], B, radix=2 * maximum * B + 1, size=model_size(architecture, shape, hidden, outputs),
    )
    need(s.greatest_sum <= (2**32 if packing == 1 else 2**23), "a task whose sums nobody can recover")
    return s


def model_size(architecture: int, shape: list[int], hidden: list[int], outputs: int) -> int:
    """Trainable parameters, bias included (learning.md, Model content)."""
    total, width = 0, 1
    for extent in shape:
        width *= extent
    if architecture == CNN:
        channels = shape[0] if len(shape) == 3 else 1
        height, breadth = shape[-2:]
        for units in hidden:
            total += (9 * channels + 1) * units
            channels, height, breadth = units, height // 2, breadth // 2
        width = channels * height * breadth
    else:
        for units in hidden:
            total += (width + 1) * units
            width = units
    return total + (width + 1) * outputs


def subsets(n: int, size: int, first: int = 0) -> list[list[int]]:
    """Subsets of {first … n-1}, in lexicographic order (crypto.md, Holders and components)."""
    if size == 0:
        return [[]]
    return [[head] + tail for head in range(first, n - size + 1) for tail in subsets(n, size - 1, head + 1)]
