// Decodes four ristretto255 encodings at once (RFC 9496 section 4.3.1).
#ifndef MESHNODE_RISTRETTO_QUAD_H
#define MESHNODE_RISTRETTO_QUAD_H

#include "AffineQuad.h"
#include "FieldPower.h"

/// Reads four encodings of 32 bytes and returns a bit for each lane that is a valid one: s canonical and not negative,
/// and the point exists, with t not negative and y not zero. The identity's encoding (zero) is refused too.
KERNEL_INLINE int ristretto_load(AffineQuad *points, const uint8_t *bytes) {
    const FieldReduced one = field_small(1), i = field_broadcast(FIELD_SQRT_MINUS_ONE);
    FieldWords words = field_load_words(bytes, 32);
    __m256d accepted = field_words_below_p(words);
    accepted = _mm256_andnot_pd(_mm256_castsi256_pd(_mm256_slli_epi64(words.word[0], 63)), accepted);
    __m256i any = _mm256_or_si256(_mm256_or_si256(words.word[0], words.word[1]), _mm256_or_si256(words.word[2], words.word[3]));
    accepted = _mm256_andnot_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(any, _mm256_setzero_si256())), accepted);

    FieldReduced s = field_from_words(words);
    FieldReduced ss = field_square(s);
    FieldReduced u1 = field_reduce(field_subtract(one, ss));
    FieldReduced u2 = field_reduce(field_add(one, ss));
    FieldReduced u2_squared = field_square(u2);
    FieldReduced d_u1_squared = field_multiply(field_square(u1), field_broadcast(FIELD_D));
    FieldReduced v = field_negate(field_reduce(field_add(d_u1_squared, u2_squared)));

    // The inverse square root of w: r = w^3 (w^7)^((p-5)/8), times i where w r^2 = -1.
    FieldReduced w = field_multiply(v, u2_squared);
    FieldReduced w3 = field_multiply(field_square(w), w);
    FieldReduced w7 = field_multiply(field_square(w3), w);
    FieldReduced r = field_multiply(w3, field_power_p58(w7));
    FieldReduced check = field_multiply(w, field_square(r));
    __m256d correct = field_is_zero(field_reduce(field_subtract(check, one)));
    __m256d flipped = field_is_zero(field_reduce(field_add(check, one)));
    accepted = _mm256_and_pd(accepted, _mm256_or_pd(correct, flipped));
    r = field_select(r, field_multiply(r, i), flipped);

    FieldReduced denominator_x = field_multiply(r, u2);
    FieldReduced denominator_y = field_multiply(field_multiply(r, denominator_x), v);
    FieldReduced x = field_multiply_loose(field_add(s, s), denominator_x);
    x = field_select(x, field_negate(x), field_is_negative(x));
    FieldReduced y = field_multiply(u1, denominator_y);
    FieldReduced t = field_multiply(x, y);
    accepted = _mm256_andnot_pd(_mm256_or_pd(field_is_negative(t), field_is_zero(y)), accepted);

    points->difference = field_reduce(field_subtract(y, x));
    points->sum = field_reduce(field_add(y, x));
    points->product_twice_d = field_multiply(t, field_broadcast(FIELD_TWICE_D));
    return _mm256_movemask_pd(accepted);
}

#endif
