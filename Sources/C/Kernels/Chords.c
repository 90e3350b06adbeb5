// Commitments by additions on the Montgomery form v^2 = u^3 + A u^2 + u in affine coordinates: with one inversion shared by
// a block an addition costs five products and a squaring, against seven products on the Edwards form.
//
// A chord cannot add equal or opposite points or the identity. So the digits of masks are odd, hence never zero, and the
// sums carry a constant that the last table takes off again. Where two coordinates meet nevertheless, a denominator is
// zero and the whole call answers KERNEL_SPECIAL_CASE.
#include "Kernels.h"

#if defined(__x86_64__)

#include "FixedBaseMultiply.h"
#include "FloatingPointGuard.h"
#include "Memory.h"
#include "PointEncoding.h"

/// Quads that share an inversion. Their 800 bytes each are read in order, so that leaving the second-level cache costs less
/// than more inversions would.
#define CHORD_QUADS 512
#define CHORD_ELEMENTS (4 * CHORD_QUADS)
/// Entries are asked for this many quads before they are used.
#define CHORD_PREFETCH 4

#define MONTGOMERY_A 486662
/// The square root of -486664 with x = MONTGOMERY_C u / v for an Edwards point (x, y), RFC 7748 section 4.1.
static const double MONTGOMERY_C[5] = {-557817479725562.0, 608509411481998.0, -16226468853937.0, 947681270984194.0, 266558006233600.0};

/// Four sums.
typedef struct {
    FieldReduced u, v;
} ChordQuad;

/// Working memory of one call.
typedef struct {
    ChordQuad sums[CHORD_QUADS];
    PointQuad points[CHORD_QUADS];
    /// Differences of the addition under way, and the products of those before them.
    FieldReduced denominators[CHORD_QUADS];
    FieldReduced numerators[CHORD_QUADS];
    FieldReduced prefixes[CHORD_QUADS];
    DoubledQuad doubled[CHORD_QUADS];
    ScalarQuad scalars[CHORD_QUADS];
    /// Entries of one addition, 2 * index + 1 where they are subtracted; zeros after the last are asked for, too.
    int32_t picks[CHORD_ELEMENTS + 4 * CHORD_PREFETCH];
} ChordMemory;

/// Sets one lane to (x - 1) / 2 of the odd x that is `factor` (1 or 2) times the scalar, or what is missing to the group order.
static inline void chord_set_scalar(ScalarQuad *scalars, int lane, const uint8_t bytes[32], int factor) {
    uint64_t r[4], flipped[4];
    __builtin_memcpy(r, bytes, sizeof r);
    if (factor == 2) {
        for (int k = 3; k > 0; k--) r[k] = r[k] << 1 | r[k - 1] >> 63;
        r[0] <<= 1;
    }
    // order - r and its sign.
    uint64_t borrow = 0;
    for (int k = 0; k < 4; k++) {
        unsigned __int128 difference = (unsigned __int128)GROUP_ORDER[k] - r[k] - borrow;
        flipped[k] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    // Twice a scalar is even, and less the order odd: |order - 2 r|, which counts as positive where 2 r is the larger.
    // A scalar itself is taken where it is odd.
    uint64_t negated = factor == 2 ? borrow - 1 : (r[0] & 1) - 1;
    uint64_t opposite = factor == 2 ? 0 - borrow : 0;
    uint64_t carry = opposite & 1;
    for (int k = 0; k < 4; k++) {
        uint64_t word = (flipped[k] ^ opposite) + carry;
        carry &= word == 0;
        r[k] = factor == 2 ? word : (flipped[k] & negated) | (r[k] & ~negated);
    }
    for (int k = 0; k < 4; k++) scalars->word[k][lane] = r[k] >> 1 | (k < 3 ? r[k + 1] << 63 : 0);
    scalars->sign[lane] = negated;
}

/// The digits of window `k`: picks[i] for lane i.
KERNEL_INLINE void chord_pick_digits(const ScalarQuad *scalars, const KernelChords *tables, unsigned k, int32_t *picks) {
    unsigned bit = k * tables->window;
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)scalars->word[bit / 64]);
    __m256i digit = _mm256_srl_epi64(low, _mm_cvtsi32_si128((int)(bit % 64)));
    if (bit / 64 < 3) {
        __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)scalars->word[bit / 64 + 1]);
        digit = _mm256_or_si256(digit, _mm256_sll_epi64(high, _mm_cvtsi32_si128((int)(64 - bit % 64))));
    }
    int64_t half = (int64_t)1 << (tables->window - 1);
    digit = _mm256_and_si256(digit, _mm256_set1_epi64x(2 * half - 1));
    // The upper half b stands for 2 (b - half) + 1; the lower half mirrors it.
    __m256i negative = _mm256_cmpgt_epi64(_mm256_set1_epi64x(half), digit);
    __m256i position = _mm256_and_si256(_mm256_xor_si256(digit, negative), _mm256_set1_epi64x(half - 1));
    position = _mm256_add_epi64(position, _mm256_set1_epi64x((int64_t)k * half));
    const __m256i sign = _mm256_loadu_si256((const __m256i *)(const void *)scalars->sign);
    __m256i subtracted = _mm256_srli_epi64(_mm256_xor_si256(negative, sign), 63);
    __m256i pick = _mm256_or_si256(_mm256_slli_epi64(position, 1), subtracted);
    const __m256i even_halves = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
    _mm_storeu_si128((__m128i *)(void *)picks, _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(pick, even_halves)));
}

KERNEL_INLINE const uint64_t *chord_entry(const uint64_t *entries, int32_t pick) {
    return entries + (size_t)((uint32_t)pick >> 1) * KERNEL_CHORD_WORDS;
}

/// Four canonical elements as limbs in 0 ... 2^51, not carried.
KERNEL_INLINE FieldLoose field_limbs(const __m256i word[4]) {
    const __m256i limb_mask = _mm256_set1_epi64x((int64_t)LIMB_MASK);
    const __m256i two52 = _mm256_set1_epi64x(0x4330000000000000);
    __m256i limb[5];
    limb[0] = word[0];
    limb[1] = _mm256_or_si256(_mm256_srli_epi64(word[0], 51), _mm256_slli_epi64(word[1], 13));
    limb[2] = _mm256_or_si256(_mm256_srli_epi64(word[1], 38), _mm256_slli_epi64(word[2], 26));
    limb[3] = _mm256_or_si256(_mm256_srli_epi64(word[2], 25), _mm256_slli_epi64(word[3], 39));
    limb[4] = _mm256_srli_epi64(word[3], 12);
    FieldLoose result;
    UNROLL for (int k = 0; k < 5; k++) {
        __m256i bits = _mm256_or_si256(_mm256_and_si256(limb[k], limb_mask), two52);
        result.limb[k] = _mm256_sub_pd(_mm256_castsi256_pd(bits), _mm256_set1_pd(0x1p52));
    }
    return result;
}

/// u and v of four entries, v negated where the pick says so.
KERNEL_INLINE void chord_load(FieldLoose *u, FieldLoose *v, const uint64_t *entries, const int32_t picks[4]) {
    __m256i word[8];
    _Pragma("GCC unroll 4") for (int lane = 0; lane < 4; lane++) {
        const uint64_t *entry = chord_entry(entries, picks[lane]);
        word[lane] = _mm256_loadu_si256((const __m256i *)(const void *)entry);
        word[4 + lane] = _mm256_loadu_si256((const __m256i *)(const void *)(entry + 4));
    }
    transpose_words(word);
    transpose_words(word + 4);
    *u = field_limbs(word);
    *v = field_limbs(word + 4);
    __m256i pick = _mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i *)(const void *)picks));
    __m256d sign = _mm256_castsi256_pd(_mm256_slli_epi64(pick, 63));
    UNROLL for (int k = 0; k < 5; k++) v->limb[k] = _mm256_xor_pd(v->limb[k], sign);
}

/// a - b for limbs of `a` of magnitude up to 2^51: below 3 R.
KERNEL_INLINE FieldLoose chord_difference(FieldLoose a, FieldReduced b) {
    FieldLoose result;
    UNROLL for (int k = 0; k < 5; k++) result.limb[k] = _mm256_sub_pd(a.limb[k], b.limb[k]);
    return result;
}

/// (u, v) += entry for every quad: l = (v2 - v1) / (u2 - u1), u3 = l^2 - A - 2 u1 - (u2 - u1), v3 = l (u1 - u3) - v1.
/// False where a denominator is zero.
KERNEL_TARGET __attribute__((noinline)) static bool chords_add(ChordMemory *memory, size_t quads, const uint64_t *entries) {
    FieldReduced product = field_small(1);
    for (size_t i = 0; i < quads; i++) {
        UNROLL for (int lane = 0; lane < 4; lane++) {
            __builtin_prefetch(chord_entry(entries, memory->picks[4 * (i + CHORD_PREFETCH) + (size_t)lane]));
        }
        FieldLoose u, v;
        chord_load(&u, &v, entries, memory->picks + 4 * i);
        FieldLoose denominator = chord_difference(u, memory->sums[i].u);
        memory->prefixes[i] = product;
        product = field_multiply_loose(denominator, product);
        memory->denominators[i] = field_reduce(denominator);
        memory->numerators[i] = field_reduce(chord_difference(v, memory->sums[i].v));
    }
    if (_mm256_movemask_pd(field_is_zero(product)) != 0) return false;
    uint64_t u_offset[5], v_offset[5];
    UNROLL for (int k = 0; k < 5; k++) {
        u_offset[k] = field_square_offset(k) - 3 * LOW_HALF_BITS + (k == 0 ? MONTGOMERY_A : 0);
        v_offset[k] = field_product_offset(k) - LOW_HALF_BITS;
    }
    FieldReduced inverse = field_invert(product);
    for (size_t i = quads; i-- > 0;) {
        FieldReduced u = memory->sums[i].u, v = memory->sums[i].v, denominator = memory->denominators[i];
        FieldReduced quotient = field_multiply(inverse, memory->prefixes[i]);
        inverse = field_multiply(inverse, denominator);
        FieldReduced slope = field_multiply(quotient, memory->numerators[i]);
        FieldRaw twice = field_raw_add(field_raw(u), field_raw(u));
        FieldRaw sum = field_raw_add(twice, field_raw(denominator));
        FieldReduced u3 = field_carry(field_raw_subtract(field_square_raw(slope), sum), u_offset);
        FieldRaw chord = field_multiply_raw(field_subtract(u, u3), slope);
        memory->sums[i].v = field_carry(field_raw_subtract(chord, field_raw(v)), v_offset);
        memory->sums[i].u = u3;
    }
    return true;
}

/// The sums as Edwards points: x = c u / v, y = (u - 1) / (u + 1).
KERNEL_TARGET __attribute__((noinline)) static void chords_to_points(ChordMemory *memory, size_t quads) {
    const FieldReduced c = field_broadcast(MONTGOMERY_C), one = field_small(1);
    for (size_t i = 0; i < quads; i++) {
        FieldReduced u = memory->sums[i].u, v = memory->sums[i].v;
        FieldLoose plus = field_add(u, one), minus = field_subtract(u, one);
        FieldReduced cu = field_multiply(u, c);
        memory->points[i] = (PointQuad){field_multiply_loose(plus, cu), field_multiply_loose(minus, v),
                                        field_multiply_loose(plus, v), field_multiply_loose(minus, cu)};
    }
}

/// Picks a part of the values: (factor * value + offset) >> shift, counted from `first`.
static void chord_pick_values(int32_t *picks, size_t first, const int64_t *values, size_t count, size_t quads, int factor,
                              int64_t offset, unsigned shift, int64_t mask) {
    for (size_t j = 0; j < 4 * quads; j++) {
        int64_t value = j < count ? factor * values[j] : 0;
        picks[j] = (int32_t)((first + (size_t)((value + offset) >> shift & mask)) << 1);
    }
}

/// One block of at most CHORD_ELEMENTS elements; false where chords met a special case.
KERNEL_WORKER bool encrypt_block_by_chords(ChordMemory *memory, const KernelChords *tables, bool short_values,
                                           const int64_t *values, const uint8_t *scalars, size_t count,
                                           KernelEncoding encoding, uint8_t *output) {
    static const uint8_t one[32] = {1};
    size_t quads = (count + 3) / 4;
    int factor = encoding == KERNEL_AFFINE ? 2 : 1;
    for (size_t j = 0; j < 4 * quads; j++) {
        chord_set_scalar(&memory->scalars[j / 4], (int)(j % 4), j < count ? scalars + 32 * j : one, factor);
    }
    memset(memory->picks + 4 * quads, 0, 4 * CHORD_PREFETCH * sizeof(int32_t));
    // The top digit starts the sums: entry 2 d, or 2 d + 1 for minus.
    unsigned top = tables->window * (tables->windows - 1);
    for (size_t i = 0; i < quads; i++) {
        int32_t picks[4];
        for (int lane = 0; lane < 4; lane++) {
            uint64_t digit = memory->scalars[i].word[top / 64][lane] >> (top % 64);
            if (digit > tables->largest_top_digit) return false;
            picks[lane] = (int32_t)((2 * digit + (memory->scalars[i].sign[lane] & 1)) << 1);
        }
        FieldLoose u, v;
        chord_load(&u, &v, tables->top, picks);
        memory->sums[i].u = field_reduce(u);
        memory->sums[i].v = field_reduce(v);
    }
    for (unsigned k = 0; k + 1 < tables->windows; k++) {
        for (size_t i = 0; i < quads; i++) {
            chord_pick_digits(&memory->scalars[i], tables, k, memory->picks + 4 * i);
        }
        if (!chords_add(memory, quads, tables->entries)) return false;
    }
    if (short_values) {
        chord_pick_values(memory->picks, tables->short_values, values, count, quads, factor, KERNEL_CHORD_SHORT, 0, 0xfff);
    } else {
        chord_pick_values(memory->picks, tables->high_values, values, count, quads, factor, KERNEL_CHORD_LONG, 12, 0x1fff);
        if (!chords_add(memory, quads, tables->entries)) return false;
        chord_pick_values(memory->picks, tables->low_values, values, count, quads, factor, KERNEL_CHORD_LONG, 0, 0xfff);
    }
    if (!chords_add(memory, quads, tables->entries)) return false;
    chords_to_points(memory, quads);
    if (encoding == KERNEL_AFFINE) {
        points_encode_affine(memory->points, count, output, memory->denominators, memory->prefixes);
    } else {
        points_encode_doubled(memory->points, count, output, memory->doubled, memory->denominators, memory->prefixes);
    }
    return true;
}

/// Whether every index that digits and values can give is inside the tables.
static bool chords_are_consistent(const KernelChords *tables) {
    if (tables->window < 8 || tables->window > 14 || tables->windows < 2
        || tables->window * tables->windows < 253 || tables->window * (tables->windows - 1) > 252
        || tables->window * (tables->windows - 1) < 192 || tables->entry_count > (size_t)1 << 24) {
        return false;
    }
    size_t rows = (size_t)(tables->windows - 1) << (tables->window - 1);
    return rows <= tables->entry_count && tables->short_values + (1 << 12) <= tables->entry_count
        && tables->low_values + (1 << 12) <= tables->entry_count && tables->high_values + (1 << 13) <= tables->entry_count;
}

KernelResult kernel_encrypt_by_chords(const KernelChords *tables, const int64_t *values, const uint8_t *scalars,
                                      size_t count, KernelEncoding encoding, uint8_t *output) {
    if (!kernel_is_supported()) return (KernelResult){KERNEL_UNSUPPORTED, 0};
    if (!chords_are_consistent(tables) || (encoding != KERNEL_AFFINE && encoding != KERNEL_RISTRETTO)) {
        return (KernelResult){KERNEL_BAD_ARGUMENT, 0};
    }
    int64_t factor = encoding == KERNEL_AFFINE ? 2 : 1, long_limit = KERNEL_CHORD_LONG / factor;
    int64_t short_limit = KERNEL_CHORD_SHORT / factor;
    bool short_values = true;
    for (size_t j = 0; j < count; j++) {
        if (values[j] < -long_limit || values[j] >= long_limit || !scalar_is_canonical(scalars + 32 * j)) {
            return (KernelResult){KERNEL_BAD_ELEMENT, j};
        }
        short_values &= values[j] >= -short_limit && values[j] < short_limit;
    }
    ChordMemory *memory = kernel_allocate(1, sizeof *memory, 64);
    if (memory == NULL) return (KernelResult){KERNEL_OUT_OF_MEMORY, 0};
    size_t element_bytes = encoding == KERNEL_AFFINE ? 64 : 32;
    bool complete = true;
    unsigned saved = floating_point_guard_enter();
    for (size_t first = 0; complete && first < count; first += CHORD_ELEMENTS) {
        size_t block = count - first < CHORD_ELEMENTS ? count - first : CHORD_ELEMENTS;
        complete = encrypt_block_by_chords(memory, tables, short_values, values + first, scalars + 32 * first, block,
                                           encoding, output + element_bytes * first);
    }
    floating_point_guard_leave(saved);
    kernel_wipe(memory, sizeof *memory);
    free(memory);
    return (KernelResult){complete ? KERNEL_OK : KERNEL_SPECIAL_CASE, 0};
}

#endif
