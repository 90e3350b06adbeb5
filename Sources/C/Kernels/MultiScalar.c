#include "Kernels.h"

#if defined(__x86_64__)

#include "AffineQuad.h"
#include "FieldPower.h"
#include "FloatingPointGuard.h"
#include "Memory.h"
#include "PointArrays.h"

// Pippenger's buckets: twelve windows of eleven bits cover 128-bit scalars, with digits in [-1024, 1023]. Four windows share a
// register, so a point costs three vector additions; a lane's bucket is its own, so lanes never meet.

#define WINDOW_BITS 11
#define HALF_WINDOW (1u << (WINDOW_BITS - 1))
#define WINDOW_QUADS (KERNEL_SUM_WINDOWS / 4)
/// X, Y, Z and T of a bucket, five limbs each.
#define BUCKET_DOUBLES 20
#define BLOCK_QUADS 128
#define BLOCK_ELEMENTS (4 * BLOCK_QUADS)
/// Buckets are asked for this many points before they are used.
#define PREFETCH_POINTS 3

struct KernelSum {
    /// Window after window, HALF_WINDOW + 1 buckets each; bucket 0 takes what belongs to no bucket.
    double *buckets;
};

/// Working memory of one call.
typedef struct {
    FieldReduced x[BLOCK_QUADS], y[BLOCK_QUADS], inverses[BLOCK_QUADS], scratch[BLOCK_QUADS];
    /// y - x, y + x and 2 d x y of every point, five limbs each.
    double points[BLOCK_ELEMENTS][16];
    int32_t digits[BLOCK_ELEMENTS + PREFETCH_POINTS][KERNEL_SUM_WINDOWS];
} SumMemory;

static inline double *sum_bucket(const KernelSum *sum, int window, int32_t digit) {
    uint32_t magnitude = (uint32_t)(digit < 0 ? -digit : digit);
    return sum->buckets + ((size_t)window * (HALF_WINDOW + 1) + magnitude) * BUCKET_DOUBLES;
}

/// The signed digits of a 128-bit scalar: with an offset of 1024 in every window but the last, plain digits less 1024 need no
/// carry from one to the next.
static inline void sum_digits(const uint8_t scalar[16], int32_t digits[KERNEL_SUM_WINDOWS]) {
    uint64_t word[3] = {0, 0, 0}, offset[3] = {0, 0, 0};
    __builtin_memcpy(word, scalar, 16);
    for (int k = 0; k + 1 < KERNEL_SUM_WINDOWS; k++) {
        int bit = k * WINDOW_BITS + WINDOW_BITS - 1;
        offset[bit / 64] |= 1ull << (bit % 64);
    }
    unsigned __int128 carry = 0;
    for (int k = 0; k < 3; k++) {
        carry += (unsigned __int128)word[k] + offset[k];
        word[k] = (uint64_t)carry;
        carry >>= 64;
    }
    for (int k = 0; k < KERNEL_SUM_WINDOWS; k++) {
        int bit = k * WINDOW_BITS, shift = bit % 64;
        uint64_t bits = word[bit / 64] >> shift;
        if (shift > 64 - WINDOW_BITS && bit / 64 < 2) bits |= word[bit / 64 + 1] << (64 - shift);
        digits[k] = (int32_t)(bits & (2 * HALF_WINDOW - 1)) - (k + 1 < KERNEL_SUM_WINDOWS ? (int32_t)HALF_WINDOW : 0);
    }
}

/// Four buckets into lanes.
KERNEL_INLINE PointQuad buckets_load(double *const bucket[4]) {
    __m256d limb[BUCKET_DOUBLES];
    _Pragma("GCC unroll 10") for (int k = 0; k < BUCKET_DOUBLES; k += 2) {
        __m256d even = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_load_pd(bucket[0] + k)), _mm_load_pd(bucket[2] + k), 1);
        __m256d odd = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_load_pd(bucket[1] + k)), _mm_load_pd(bucket[3] + k), 1);
        limb[k] = _mm256_unpacklo_pd(even, odd);
        limb[k + 1] = _mm256_unpackhi_pd(even, odd);
    }
    PointQuad p;
    UNROLL for (int k = 0; k < 5; k++) {
        p.x.limb[k] = limb[k];
        p.y.limb[k] = limb[5 + k];
        p.z.limb[k] = limb[10 + k];
        p.t.limb[k] = limb[15 + k];
    }
    return p;
}

/// Lanes into four buckets; every window has its own, so no two lanes write to one place.
KERNEL_INLINE void buckets_store(double *const bucket[4], PointQuad p) {
    __m256d limb[BUCKET_DOUBLES];
    UNROLL for (int k = 0; k < 5; k++) {
        limb[k] = p.x.limb[k];
        limb[5 + k] = p.y.limb[k];
        limb[10 + k] = p.z.limb[k];
        limb[15 + k] = p.t.limb[k];
    }
    _Pragma("GCC unroll 10") for (int k = 0; k < BUCKET_DOUBLES; k += 2) {
        __m256d low = _mm256_unpacklo_pd(limb[k], limb[k + 1]), high = _mm256_unpackhi_pd(limb[k], limb[k + 1]);
        _mm_store_pd(bucket[0] + k, _mm256_castpd256_pd128(low));
        _mm_store_pd(bucket[1] + k, _mm256_castpd256_pd128(high));
        _mm_store_pd(bucket[2] + k, _mm256_extractf128_pd(low, 1));
        _mm_store_pd(bucket[3] + k, _mm256_extractf128_pd(high, 1));
    }
}

/// One point in all lanes, negated where the lane's digit is negative.
KERNEL_INLINE AffineQuad point_for_digits(const double *point, const int32_t *digits) {
    __m128i packed = _mm_loadu_si128((const __m128i *)(const void *)digits);
    __m256d negative = _mm256_castsi256_pd(_mm256_cvtepi32_epi64(packed));
    __m256d sign_bit = _mm256_and_pd(negative, _mm256_set1_pd(-0.0));
    AffineQuad q;
    UNROLL for (int k = 0; k < 5; k++) {
        __m256d difference = _mm256_broadcast_sd(point + k), sum = _mm256_broadcast_sd(point + 5 + k);
        q.difference.limb[k] = _mm256_blendv_pd(difference, sum, negative);
        q.sum.limb[k] = _mm256_blendv_pd(sum, difference, negative);
        q.product_twice_d.limb[k] = _mm256_xor_pd(_mm256_broadcast_sd(point + 10 + k), sign_bit);
    }
    return q;
}

KERNEL_WORKER void sum_block(KernelSum *sum, SumMemory *memory, const KernelPoint *points, const uint8_t *scalars,
                             size_t count) {
    size_t quads = (count + 3) / 4;
    for (size_t i = 0; i < quads; i++) {
        KernelPoint four[4];
        for (size_t lane = 0; lane < 4; lane++) four[lane] = points[4 * i + lane < count ? 4 * i + lane : count - 1];
        PointQuad p = point_load(four);
        memory->x[i] = p.x;
        memory->y[i] = p.y;
        memory->inverses[i] = p.z;
    }
    field_invert_all(memory->inverses, memory->scratch, quads);
    const FieldReduced twice_d = field_broadcast(FIELD_TWICE_D);
    for (size_t i = 0; i < quads; i++) {
        FieldReduced x = field_multiply(memory->x[i], memory->inverses[i]), y = field_multiply(memory->y[i], memory->inverses[i]);
        const FieldReduced part[3] = {field_reduce(field_subtract(y, x)), field_reduce(field_add(y, x)),
                                      field_multiply(field_multiply(x, y), twice_d)};
        for (int lane = 0; lane < 4; lane++) {
            for (int k = 0; k < 15; k++) memory->points[4 * i + (size_t)lane][k] = part[k / 5].limb[k % 5][lane];
        }
    }
    for (size_t j = 0; j < count; j++) sum_digits(scalars + 16 * j, memory->digits[j]);
    for (size_t j = count; j < count + PREFETCH_POINTS; j++) memset(memory->digits[j], 0, sizeof memory->digits[j]);
    // Four windows at a time: their buckets (0.7 MB) stay in the second-level cache for a whole block.
    for (int group = 0; group < WINDOW_QUADS; group++) {
        for (size_t j = 0; j < count; j++) {
            const int32_t *digits = memory->digits[j] + 4 * group, *later = memory->digits[j + PREFETCH_POINTS] + 4 * group;
            double *bucket[4];
            for (int lane = 0; lane < 4; lane++) {
                bucket[lane] = sum_bucket(sum, 4 * group + lane, digits[lane]);
                const double *next = sum_bucket(sum, 4 * group + lane, later[lane]);
                __builtin_prefetch(next);
                __builtin_prefetch(next + 8);
                __builtin_prefetch(next + 19);
            }
            buckets_store(bucket, point_add_affine(buckets_load(bucket), point_for_digits(memory->points[j], digits)));
        }
    }
}

/// P + Q for extended points, 9 M. Complete.
KERNEL_TARGET static PointQuad point_add(PointQuad p, PointQuad q, FieldReduced twice_d) {
    FieldReduced a = field_multiply_loose(field_subtract(p.y, p.x), field_reduce(field_subtract(q.y, q.x)));
    FieldReduced b = field_multiply_loose(field_add(p.y, p.x), field_reduce(field_add(q.y, q.x)));
    FieldReduced c = field_multiply(field_multiply(p.t, q.t), twice_d);
    FieldReduced d = field_multiply_loose(field_add(p.z, p.z), q.z);
    return point_complete(field_reduce(field_subtract(b, a)), field_reduce(field_subtract(d, c)), field_add(d, c),
                          field_reduce(field_add(b, a)));
}

/// The sum of k * bucket[k] for every window.
KERNEL_WORKER void sum_windows(const KernelSum *sum, KernelPoint *windows) {
    const FieldReduced twice_d = field_broadcast(FIELD_TWICE_D);
    for (int group = 0; group < WINDOW_QUADS; group++) {
        PointQuad running = point_identity(), total = point_identity();
        for (int32_t k = HALF_WINDOW; k >= 1; k--) {
            double *bucket[4];
            for (int lane = 0; lane < 4; lane++) bucket[lane] = sum_bucket(sum, 4 * group + lane, k);
            running = point_add(running, buckets_load(bucket), twice_d);
            total = point_add(total, running, twice_d);
        }
        point_store(windows + 4 * group, total);
    }
}

KernelSum *kernel_sum_create(KernelStatus *status) {
    if (!kernel_is_supported()) {
        *status = KERNEL_UNSUPPORTED;
        return NULL;
    }
    size_t buckets = (size_t)KERNEL_SUM_WINDOWS * (HALF_WINDOW + 1);
    KernelSum *sum = malloc(sizeof *sum);
    if (sum != NULL) sum->buckets = kernel_allocate_large(buckets * BUCKET_DOUBLES * sizeof(double));
    if (sum == NULL || sum->buckets == NULL) {
        free(sum);
        *status = KERNEL_OUT_OF_MEMORY;
        return NULL;
    }
    memset(sum->buckets, 0, buckets * BUCKET_DOUBLES * sizeof(double));
    // The identity is (0 : 1 : 1 : 0).
    for (size_t i = 0; i < buckets; i++) sum->buckets[i * BUCKET_DOUBLES + 5] = sum->buckets[i * BUCKET_DOUBLES + 10] = 1;
    *status = KERNEL_OK;
    return sum;
}

void kernel_sum_destroy(KernelSum *sum) {
    if (sum == NULL) return;
    free(sum->buckets);
    free(sum);
}

KernelStatus kernel_sum_add(KernelSum *sum, const KernelPoint *points, const uint8_t *scalars, size_t count) {
    SumMemory *memory = kernel_allocate(1, sizeof *memory, 64);
    if (memory == NULL) return KERNEL_OUT_OF_MEMORY;
    unsigned saved = floating_point_guard_enter();
    for (size_t first = 0; first < count; first += BLOCK_ELEMENTS) {
        size_t block = count - first < BLOCK_ELEMENTS ? count - first : BLOCK_ELEMENTS;
        sum_block(sum, memory, points + first, scalars + 16 * first, block);
    }
    floating_point_guard_leave(saved);
    free(memory);
    return KERNEL_OK;
}

void kernel_sum_windows(const KernelSum *sum, KernelPoint windows[KERNEL_SUM_WINDOWS]) {
    unsigned saved = floating_point_guard_enter();
    sum_windows(sum, windows);
    floating_point_guard_leave(saved);
}

#endif
