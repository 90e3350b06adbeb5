"""What lies behind the blocks: bodies, sums, models and openings (crypto.md, Block equation, The same vector and Scores)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from .chacha import stream
from .codec import b2, transcript
from .contents import Contents, content
from .edwards import L, Point, add, combination, minus, same, times, times8, times_base, total
from .faults import need
from .identifiers import submission_id
from .ristretto import scalar
from .server_step import is_followed, next_model
from .spec import Spec
from .submissions import Announcement, body_points

if TYPE_CHECKING:
    from .task import Task
    from .task_state import Repeat, Result, ScoredRound


def points_of(task: Task, a: Announcement, contents: Contents) -> list[Point] | None:
    """The elements of a submission's body, checked against its announcement; None where the body is not here
    (rounds.md, What a full verifier does)."""
    data = content(contents, a.body, "a body")
    if data is None:
        return None
    points = body_points(data, a, task.spec)
    task.sound.add(a.bytes)
    return points


def drawn_rho(key: bytes, n: int) -> list[int]:
    """n numbers of 128 bits (crypto.md, Block equation)."""
    data = stream(key, 16 * n)
    return [int.from_bytes(data[16 * j : 16 * j + 16], "little") for j in range(n)]


def check_repeat(task: Task, one: Repeat, contents: Contents, mask: Point) -> bool:
    """That a later attempt holds the integers of the earlier one (crypto.md, The same vector); False when a body is not here."""
    a = one.later
    new, old = points_of(task, a, contents), points_of(task, one.earlier, contents)
    if new is None or old is None or a.repeats is None:
        return False
    previous, proof = a.repeats
    draft = a.bytes[:-32] + bytes(32)
    key = transcript("meshnode/nddfe/v1/same-vector", previous, submission_id(draft), a.context, a.nonce, a.root)
    left = combination(drawn_rho(key, len(new)), [add(n, minus(o)) for n, o in zip(new, old)])
    right = times(8 * scalar(proof, "a proof of the same vector"), mask)
    need(same(times8(left), right), "a later attempt holds another vector")
    return True


def digits_of(s: Spec, number: int, values: list[int], members: int) -> list[int]:
    """The integers of one sum, within what its members can add up to (crypto.md, Packing)."""
    found = []
    half = s.radix // 2
    for n in values:
        for _ in range(s.packing):
            digit = (n + half) % s.radix - half
            need(abs(digit) <= members * s.B, "a digit out of range")
            found.append(digit)
            n = (n - digit) // s.radix
        need(n == 0, "a remainder behind the digits")
    size = s.coordinates(number)
    need(not any(found[size:]), "filling that is not 0")
    return found[:size]


def check_result(task: Task, one: Result, contents: Contents, mask: Point) -> tuple[bool | None, bool]:
    """Whether server step and equation of a result hold (crypto.md, Block equation; learning.md, Server step).

    None where this program does not know the step, False where a content that it takes is not here.
    """
    s, count = task.spec, len(one.sums)
    data = content(contents, one.aggregate, "a sum")
    base, model = content(contents, one.base, "a base model"), content(contents, one.model, "a model")
    if data is None:
        return False if is_followed(s) else None, False
    wide = s.greatest_sum >= 2**31
    each = s.elements(one.round)
    need(len(data) == (8 if wide else 4) * each * count, "a sum of another length")
    e = [n for n, in struct.iter_unpack("<q" if wide else "<i", data)]
    opening = scalar(one.opening, "an opening")
    digits = [
        digits_of(s, one.round, e[number * each : (number + 1) * each], len(members))
        for number, members in enumerate(one.sums)
    ]
    stepped: bool | None = None
    if is_followed(s):
        stepped = base is not None and model is not None
        need(base is None or model is None or next_model(task, one, digits, base) == model, "another model")
    bodies = {}
    for key, a in one.announced.items():
        points = points_of(task, a, contents)
        if points is not None:
            bodies[key] = points
    if len(bodies) < len(one.announced):
        return stepped, False
    check_equation(one, e, bodies, opening, mask)
    return stepped, True


def check_equation(one: Result, e: list[int], bodies: dict[bytes, list[Point]], opening: int, mask: Point) -> None:
    """The block equation: that e is the sum of what the bodies hold (crypto.md, Block equation)."""
    key = transcript("meshnode/nddfe/v1/rho", one.context, one.manifest, b2(struct.pack("<%dq" % len(e), *e)))
    rho = drawn_rho(key, len(e))
    sums = [total(column) for members in one.sums for column in zip(*(bodies[k] for k in members))]
    left = times8(combination(rho, sums))
    right = add(times8(times_base(sum(r * n for r, n in zip(rho, e)) % L)), times(8 * opening, mask))
    need(same(left, right), "the block equation does not hold")


def check_openings(task: Task, one: ScoredRound, contents: Contents, mask: Point) -> tuple[int, int]:
    """The number of openings of a scored round that were checked, and of those that could not be (crypto.md, Scores)."""
    data = content(contents, one.direction, "a direction")
    if data is None:
        return 0, len(one.opened)
    need(all(n in (0, 1, 255) for n in data), "a direction of another form")
    committed = transcript("meshnode/nddfe/v1/direction", one.salt, data)
    need(committed == one.commitment, "another direction than committed")
    weight = len(data) - data.count(0)
    need(4 * weight >= len(data), "too narrow a direction")
    need(task.spec.correction == 1 or not any(data[task.spec.size :]), "a direction over a second vector")
    checked = lacking = 0
    for key, (score, kappa) in one.opened.items():
        points = points_of(task, one.announced[key], contents)
        if points is None:
            lacking += 1
            continue
        found = total(point if sign == 1 else minus(point) for sign, point in zip(data, points) if sign)
        need(abs(score) <= task.spec.B * weight, "a score out of range")
        right = add(times8(times_base(score % L)), times(8 * scalar(kappa, "the mask of a score"), mask))
        need(same(times8(found), right), "an opening that is not its submission's")
        checked += 1
    return checked, lacking
