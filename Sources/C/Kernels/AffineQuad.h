// Four affine points: the 64-byte encoding, its checks and additions.
#ifndef MESHNODE_AFFINE_QUAD_H
#define MESHNODE_AFFINE_QUAD_H

#include "PointQuad.h"

/// Four points with Z = 1 in the form that additions use: y - x, y + x and 2 d x y.
typedef struct {
    FieldReduced difference, sum, product_twice_d;
} AffineQuad;

/// The table form of affine points; `half` and `d` are the constants of these names.
KERNEL_INLINE NielsQuad niels_from_affine(FieldReduced x, FieldReduced y, FieldReduced half, FieldReduced d) {
    NielsQuad niels;
    niels.half_sum = field_multiply_loose(field_add(y, x), half);
    niels.half_difference = field_multiply_loose(field_subtract(y, x), half);
    niels.product_d = field_multiply(field_multiply(x, y), d);
    return niels;
}

/// Bits of the lanes whose point (canonical words) has order 1, 2, 4 or 8: a zero coordinate, or one of the two y that
/// the points of order 8 share.
static inline int affine_small_order(FieldWords x_words, FieldWords y_words) {
    uint64_t x[4][4], y[4][4];
    __builtin_memcpy(x, &x_words, sizeof x);
    __builtin_memcpy(y, &y_words, sizeof y);
    int lanes = 0;
    for (int lane = 0; lane < 4; lane++) {
        uint64_t x_any = 0, y_any = 0, plus = 0, minus = 0;
        for (int k = 0; k < 4; k++) {
            x_any |= x[k][lane];
            y_any |= y[k][lane];
            plus |= y[k][lane] ^ ORDER_EIGHT_Y[k];
            minus |= y[k][lane] ^ ORDER_EIGHT_MINUS_Y[k];
        }
        if (x_any == 0 || y_any == 0 || plus == 0 || minus == 0) lanes |= 1 << lane;
    }
    return lanes;
}

/// Whether a lane may have small order, from the low words only: false alarms are rare, misses impossible.
KERNEL_INLINE bool affine_suspect_small_order(FieldWords x, FieldWords y) {
    __m256i zero = _mm256_setzero_si256();
    __m256i plus = _mm256_set1_epi64x((int64_t)ORDER_EIGHT_Y[0]), minus = _mm256_set1_epi64x((int64_t)ORDER_EIGHT_MINUS_Y[0]);
    __m256i zeros = _mm256_or_si256(_mm256_cmpeq_epi64(x.word[0], zero), _mm256_cmpeq_epi64(y.word[0], zero));
    __m256i eights = _mm256_or_si256(_mm256_cmpeq_epi64(y.word[0], plus), _mm256_cmpeq_epi64(y.word[0], minus));
    return _mm256_movemask_epi8(_mm256_or_si256(zeros, eights)) != 0;
}

/// Reads four points of 64 bytes and returns a bit for each lane that holds canonical coordinates of a point of the
/// curve, -x^2 + y^2 = 1 + d x^2 y^2, whose order does not divide 8.
KERNEL_INLINE int affine_load(AffineQuad *points, const uint8_t *bytes) {
    FieldWords x_words = field_load_words(bytes, 64), y_words = field_load_words(bytes + 32, 64);
    __m256d accepted = _mm256_and_pd(field_words_below_p(x_words), field_words_below_p(y_words));
    FieldReduced x = field_from_words(x_words), y = field_from_words(y_words);
    FieldReduced t = field_multiply(x, y);
    points->difference = field_reduce(field_subtract(y, x));
    points->sum = field_reduce(field_add(y, x));
    points->product_twice_d = field_multiply(t, field_broadcast(FIELD_TWICE_D));

    // 2 (y - x)(y + x) - 2 d t^2 - 2 = 0.
    FieldRaw squares = field_multiply_raw(field_loose(points->difference), points->sum);
    FieldRaw product = field_multiply_raw(field_loose(points->product_twice_d), t);
    FieldRaw error = field_raw_subtract(field_raw_add(squares, squares), product);
    uint64_t offset[5];
    UNROLL for (int k = 0; k < 5; k++) offset[k] = field_product_offset(k) + (k == 0 ? 2 : 0);
    accepted = _mm256_and_pd(accepted, field_is_zero(field_carry(error, offset)));
    int lanes = _mm256_movemask_pd(accepted);
    if (__builtin_expect(affine_suspect_small_order(x_words, y_words), 0)) {
        lanes &= ~affine_small_order(x_words, y_words);
    }
    return lanes;
}

KERNEL_INLINE AffineQuad affine_negate(AffineQuad q) {
    AffineQuad r;
    r.difference = q.sum;
    r.sum = q.difference;
    r.product_twice_d = field_negate(q.product_twice_d);
    return r;
}

/// P + Q, 7 M. Complete.
KERNEL_INLINE PointQuad point_add_affine(PointQuad p, AffineQuad q) {
    FieldRaw a = field_multiply_raw(field_subtract(p.y, p.x), q.difference);
    FieldRaw b = field_multiply_raw(field_add(p.y, p.x), q.sum);
    // E = B - A, H = B + A, F = 2 Z - C, G = 2 Z + C, each carried once from the raw product.
    uint64_t no_offset[5], h_offset[5], f_offset[5], g_offset[5];
    UNROLL for (int k = 0; k < 5; k++) {
        no_offset[k] = 0;
        h_offset[k] = 2 * field_product_offset(k);
        f_offset[k] = 2 * LOW_HALF_BITS - field_product_offset(k);
        g_offset[k] = 2 * LOW_HALF_BITS + field_product_offset(k);
    }
    FieldRaw z = field_raw(p.z);
    FieldRaw twice_z = field_raw_add(z, z);
    FieldReduced e = field_carry(field_raw_subtract(b, a), no_offset);
    FieldReduced h = field_carry(field_raw_add(b, a), h_offset);
    FieldRaw c = field_multiply_raw(field_loose(p.t), q.product_twice_d);
    FieldReduced f = field_carry(field_raw_subtract(twice_z, c), f_offset);
    FieldReduced g = field_carry(field_raw_add(twice_z, c), g_offset);
    return point_complete(e, f, field_loose(g), h);
}

/// The point itself in extended coordinates.
KERNEL_INLINE PointQuad affine_point(AffineQuad q) {
    return point_add_affine(point_identity(), q);
}

#endif
