// Batch encoding of points: one shared inversion for a whole block.
#ifndef MESHNODE_POINT_ENCODING_H
#define MESHNODE_POINT_ENCODING_H

#include <string.h>

#include "FieldPower.h"
#include "PointQuad.h"

/// Copies the first `count` of four items of `size` bytes.
static inline void copy_lanes(uint8_t *output, const uint8_t *four, size_t size, size_t count) {
    memcpy(output, four, size * (count < 4 ? count : 4));
}

/// Writes `count` points as x and y, 64 bytes each. `inverses` and `scratch` hold one element a quad.
KERNEL_TARGET __attribute__((unused)) static void points_encode_affine(const PointQuad *points, size_t count, uint8_t *output,
                                                                      FieldReduced *inverses, FieldReduced *scratch) {
    size_t quads = (count + 3) / 4;
    for (size_t i = 0; i < quads; i++) inverses[i] = points[i].z;
    field_invert_all(inverses, scratch, quads);
    for (size_t i = 0; i < quads; i++) {
        uint8_t four[256];
        field_store_words(four, 64, field_canonical(field_multiply(points[i].x, inverses[i])));
        field_store_words(four + 32, 64, field_canonical(field_multiply(points[i].y, inverses[i])));
        copy_lanes(output + 256 * i, four, 64, count - 4 * i);
    }
}

/// What the ristretto encoding of 2 P needs between the two passes of the shared inversion.
typedef struct {
    FieldReduced e, f, g, h, eg, fh;
} DoubledQuad;

/// Writes the ristretto encoding of 2 P for `count` points P, 32 bytes each, without a square root: Hamburg's
/// double-and-encode as in curve25519-dalek's documentation of batch compression, names after it.
/// Lanes where 2 P lies in the identity's coset would put a zero into the shared inversion; they are replaced by one
/// there and by zero afterwards, which gives the encoding of the identity.
KERNEL_TARGET __attribute__((unused)) static void points_encode_doubled(const PointQuad *points, size_t count, uint8_t *output,
                                                                       DoubledQuad *doubled, FieldReduced *inverses,
                                                                       FieldReduced *scratch) {
    const FieldReduced d = field_broadcast(FIELD_D), i = field_broadcast(FIELD_SQRT_MINUS_ONE);
    const FieldReduced invsqrt = field_broadcast(FIELD_INVSQRT_A_MINUS_D);
    const FieldReduced zero = field_small(0), one = field_small(1);
    size_t quads = (count + 3) / 4;
    for (size_t q = 0; q < quads; q++) {
        PointQuad p = points[q];
        FieldReduced zz = field_square(p.z), d_tt = field_multiply(field_square(p.t), d);
        DoubledQuad r;
        r.e = field_multiply_loose(field_add(p.x, p.x), p.y);
        r.f = field_reduce(field_add(zz, d_tt));
        r.g = field_reduce(field_add(field_square(p.y), field_square(p.x)));
        r.h = field_reduce(field_subtract(zz, d_tt));
        r.eg = field_multiply(r.e, r.g);
        r.fh = field_multiply(r.f, r.h);
        doubled[q] = r;
        FieldReduced product = field_multiply(r.eg, r.fh);
        inverses[q] = field_select(product, one, field_is_zero(product));
    }
    field_invert_all(inverses, scratch, quads);
    for (size_t q = 0; q < quads; q++) {
        DoubledQuad r = doubled[q];
        __m256d is_zero = _mm256_or_pd(field_is_zero(r.eg), field_is_zero(r.fh));
        FieldReduced inverse = field_select(inverses[q], zero, is_zero);
        FieldReduced z_inverse = field_multiply(r.eg, inverse), t_inverse = field_multiply(r.fh, inverse);
        __m256d rotate = field_is_negative(field_multiply(r.eg, z_inverse));
        FieldReduced e = field_select(r.e, r.g, rotate);
        FieldReduced g = field_select(r.g, field_negate(r.e), rotate);
        FieldReduced h = field_select(r.h, field_multiply(r.f, i), rotate);
        FieldReduced magic = field_select(invsqrt, i, rotate);
        __m256d flip = field_is_negative(field_multiply(field_multiply(h, e), z_inverse));
        g = field_select(g, field_negate(g), flip);
        FieldReduced s = field_multiply_loose(field_subtract(h, g),
                                              field_multiply(magic, field_multiply(g, t_inverse)));
        s = field_select(s, field_negate(s), field_is_negative(s));
        uint8_t four[128];
        field_store_words(four, 32, field_canonical(s));
        copy_lanes(output + 128 * q, four, 32, count - 4 * q);
    }
}

#endif
