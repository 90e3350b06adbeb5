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

/// All ones in the lanes whose words are the small number `value`.
KERNEL_INLINE __m256i words_equal_small(FieldWords words, int64_t value) {
    __m256i rest = _mm256_or_si256(_mm256_or_si256(words.word[1], words.word[2]), words.word[3]);
    __m256i all = _mm256_or_si256(_mm256_xor_si256(words.word[0], _mm256_set1_epi64x(value)), rest);
    return _mm256_cmpeq_epi64(all, _mm256_setzero_si256());
}

/// Reads four points of 64 bytes and returns a bit for each lane that holds canonical coordinates of a point of the
/// curve, -x^2 + y^2 = 1 + d x^2 y^2, other than the identity (0, 1).
KERNEL_INLINE int affine_load(AffineQuad *points, const uint8_t *bytes) {
    FieldWords x_words = field_load_words(bytes, 64), y_words = field_load_words(bytes + 32, 64);
    __m256d accepted = _mm256_and_pd(field_words_below_p(x_words), field_words_below_p(y_words));
    __m256i identity = _mm256_and_si256(words_equal_small(x_words, 0), words_equal_small(y_words, 1));
    accepted = _mm256_andnot_pd(_mm256_castsi256_pd(identity), accepted);

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
    return _mm256_movemask_pd(accepted);
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
    FieldRaw c = field_multiply_raw(field_loose(p.t), q.product_twice_d);
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
    FieldReduced f = field_carry(field_raw_subtract(twice_z, c), f_offset);
    FieldReduced g = field_carry(field_raw_add(twice_z, c), g_offset);
    return point_complete(e, f, field_loose(g), h);
}

/// The point itself in extended coordinates.
KERNEL_INLINE PointQuad affine_point(AffineQuad q) {
    return point_add_affine(point_identity(), q);
}

#endif
