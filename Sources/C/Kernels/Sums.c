#include "Kernels.h"

#if defined(__x86_64__)

#include "AffineQuad.h"
#include "FixedBaseMultiply.h"
#include "FloatingPointGuard.h"
#include "Memory.h"
#include "PointEncoding.h"
#include "RistrettoQuad.h"

_Static_assert(sizeof(KernelPointQuad) == sizeof(PointQuad), "the public size is the internal one");

static bool is_aligned(const void *memory) {
    return (uintptr_t)memory % KERNEL_POINT_ALIGNMENT == 0;
}

KERNEL_WORKER void clear_quads(PointQuad *sums, size_t quads) {
    for (size_t i = 0; i < quads; i++) sums[i] = point_identity();
}

KernelStatus kernel_sums_clear(KernelPointQuad *sums, size_t count) {
    if (!kernel_is_supported()) return KERNEL_UNSUPPORTED;
    if (!is_aligned(sums)) return KERNEL_BAD_ARGUMENT;
    unsigned saved = floating_point_guard_enter();
    clear_quads((PointQuad *)(void *)sums, (count + 3) / 4);
    floating_point_guard_leave(saved);
    return KERNEL_OK;
}

/// Decodes one quad; returns a bit for each acceptable lane.
KERNEL_INLINE int decode_quad(AffineQuad *points, const uint8_t *bytes, KernelEncoding encoding) {
    return encoding == KERNEL_AFFINE ? affine_load(points, bytes) : ristretto_load(points, bytes);
}

/// Adds (or subtracts) `quads` whole quads; returns the first quad with a bad element and the bits of its good lanes.
KERNEL_INLINE size_t accumulate_quads(PointQuad *sums, const uint8_t *bytes, size_t quads, KernelEncoding encoding,
                                      bool negated, int *good_lanes) {
    size_t quad_bytes = encoding == KERNEL_AFFINE ? 256 : 128;
    for (size_t i = 0; i < quads; i++) {
        AffineQuad points;
        *good_lanes = decode_quad(&points, bytes + quad_bytes * i, encoding);
        if (*good_lanes != 15) return i;
        if (negated) points = affine_negate(points);
        sums[i] = point_add_affine(sums[i], points);
    }
    return quads;
}

KERNEL_WORKER size_t accumulate_affine(PointQuad *sums, const uint8_t *bytes, size_t quads, bool negated, int *good_lanes) {
    return accumulate_quads(sums, bytes, quads, KERNEL_AFFINE, negated, good_lanes);
}

KERNEL_WORKER size_t accumulate_ristretto(PointQuad *sums, const uint8_t *bytes, size_t quads, bool negated, int *good_lanes) {
    return accumulate_quads(sums, bytes, quads, KERNEL_RISTRETTO, negated, good_lanes);
}

static size_t accumulate(PointQuad *sums, const uint8_t *bytes, size_t quads, KernelEncoding encoding, bool negated,
                         int *good_lanes) {
    return encoding == KERNEL_AFFINE ? accumulate_affine(sums, bytes, quads, negated, good_lanes)
                                     : accumulate_ristretto(sums, bytes, quads, negated, good_lanes);
}

KernelResult kernel_accumulate(KernelPointQuad *sums, const uint8_t *elements, size_t count, KernelEncoding encoding) {
    if (!kernel_is_supported()) return (KernelResult){KERNEL_UNSUPPORTED, 0};
    if (!is_aligned(sums) || (encoding != KERNEL_AFFINE && encoding != KERNEL_RISTRETTO)) {
        return (KernelResult){KERNEL_BAD_ARGUMENT, 0};
    }
    if (count == 0) return (KernelResult){KERNEL_OK, 0};
    PointQuad *points = (PointQuad *)(void *)sums;
    size_t element_bytes = encoding == KERNEL_AFFINE ? 64 : 32;
    size_t whole = count / 4, rest = count % 4;
    int good_lanes = 15;
    unsigned saved = floating_point_guard_enter();
    size_t done = accumulate(points, elements, whole, encoding, false, &good_lanes);
    if (done == whole && rest != 0) {
        // The last lanes repeat the first element of the rest; nobody reads the sums that they go into.
        uint8_t four[256];
        const uint8_t *tail = elements + element_bytes * 4 * whole;
        for (size_t lane = 0; lane < 4; lane++) {
            memcpy(four + element_bytes * lane, tail + element_bytes * (lane < rest ? lane : 0), element_bytes);
        }
        (void)accumulate(points + whole, four, 1, encoding, false, &good_lanes);
    }
    KernelResult result = {KERNEL_OK, 0};
    if (good_lanes != 15) {
        size_t lane = 0;
        while (good_lanes >> lane & 1) lane++;
        result = (KernelResult){KERNEL_BAD_ELEMENT, 4 * done + lane};
        int ignored;
        (void)accumulate(points, elements, done, encoding, true, &ignored);
    }
    floating_point_guard_leave(saved);
    return result;
}

/// One block of at most BLOCK_ELEMENTS sums.
KERNEL_WORKER void unmask_block(PointQuad *sums, const KernelTable *table, const uint8_t *scalars, size_t count,
                                int32_t *digits) {
    mask_digits(table, scalars, count, true, digits);
    for (unsigned k = 0; k < table->windows; k++) {
        points_add_window(sums, (count + 3) / 4, table_window(table, k), digits + k * DIGIT_STRIDE);
    }
}

KernelResult kernel_unmask(KernelPointQuad *sums, const KernelTable *mask_table, const uint8_t *scalars, size_t count) {
    if (!kernel_is_supported()) return (KernelResult){KERNEL_UNSUPPORTED, 0};
    if (!is_aligned(sums) || !table_serves_masks(mask_table)) return (KernelResult){KERNEL_BAD_ARGUMENT, 0};
    size_t bad = first_bad_scalar(scalars, count);
    if (bad < count) return (KernelResult){KERNEL_BAD_ELEMENT, bad};
    size_t digit_count = (size_t)mask_table->windows * DIGIT_STRIDE + 4 * PREFETCH_QUADS;
    int32_t *digits = kernel_allocate(digit_count, sizeof *digits, 64);
    if (digits == NULL) return (KernelResult){KERNEL_OUT_OF_MEMORY, 0};
    memset(digits, 0, digit_count * sizeof *digits);
    unsigned saved = floating_point_guard_enter();
    for (size_t first = 0; first < count; first += BLOCK_ELEMENTS) {
        size_t block = count - first < BLOCK_ELEMENTS ? count - first : BLOCK_ELEMENTS;
        unmask_block((PointQuad *)(void *)sums + first / 4, mask_table, scalars + 32 * first, block, digits);
    }
    floating_point_guard_leave(saved);
    free(digits);
    return (KernelResult){KERNEL_OK, 0};
}

KERNEL_WORKER void encode_affine_block(const PointQuad *sums, size_t count, uint8_t *output, FieldReduced *memory) {
    points_encode_affine(sums, count, output, memory, memory + BLOCK_QUADS);
}

KernelStatus kernel_sums_affine(const KernelPointQuad *sums, size_t count, uint8_t *output) {
    if (!kernel_is_supported()) return KERNEL_UNSUPPORTED;
    if (!is_aligned(sums)) return KERNEL_BAD_ARGUMENT;
    FieldReduced *memory = kernel_allocate(2 * BLOCK_QUADS, sizeof *memory, 64);
    if (memory == NULL) return KERNEL_OUT_OF_MEMORY;
    unsigned saved = floating_point_guard_enter();
    for (size_t first = 0; first < count; first += BLOCK_ELEMENTS) {
        size_t block = count - first < BLOCK_ELEMENTS ? count - first : BLOCK_ELEMENTS;
        encode_affine_block((const PointQuad *)(const void *)sums + first / 4, block, output + 64 * first, memory);
    }
    floating_point_guard_leave(saved);
    free(memory);
    return KERNEL_OK;
}

KERNEL_WORKER void export_quads(const PointQuad *sums, size_t count, uint8_t *output) {
    for (size_t i = 0; 4 * i < count; i++) {
        uint8_t four[512];
        field_store_words(four, 128, field_canonical(sums[i].x));
        field_store_words(four + 32, 128, field_canonical(sums[i].y));
        field_store_words(four + 64, 128, field_canonical(sums[i].z));
        field_store_words(four + 96, 128, field_canonical(sums[i].t));
        copy_lanes(output + 512 * i, four, 128, count - 4 * i);
    }
}

KernelStatus kernel_sums_export(const KernelPointQuad *sums, size_t count, uint8_t *output) {
    if (!kernel_is_supported()) return KERNEL_UNSUPPORTED;
    if (!is_aligned(sums)) return KERNEL_BAD_ARGUMENT;
    unsigned saved = floating_point_guard_enter();
    export_quads((const PointQuad *)(const void *)sums, count, output);
    floating_point_guard_leave(saved);
    return KERNEL_OK;
}

/// Reads one coordinate of four points, 128 bytes apart, and clears the bits of lanes that are not canonical.
KERNEL_INLINE FieldReduced import_coordinate(const uint8_t *bytes, __m256d *accepted) {
    FieldWords words = field_load_words(bytes, 128);
    *accepted = _mm256_and_pd(*accepted, field_words_below_p(words));
    return field_from_words(words);
}

/// Reads one quad; returns a bit for each lane with canonical coordinates.
KERNEL_WORKER int import_quad(PointQuad *sums, const uint8_t *bytes) {
    __m256d accepted = _mm256_castsi256_pd(_mm256_set1_epi64x(-1));
    sums->x = import_coordinate(bytes, &accepted);
    sums->y = import_coordinate(bytes + 32, &accepted);
    sums->z = import_coordinate(bytes + 64, &accepted);
    sums->t = import_coordinate(bytes + 96, &accepted);
    return _mm256_movemask_pd(accepted);
}

KernelResult kernel_sums_import(KernelPointQuad *sums, const uint8_t *extended, size_t count) {
    if (!kernel_is_supported()) return (KernelResult){KERNEL_UNSUPPORTED, 0};
    if (!is_aligned(sums)) return (KernelResult){KERNEL_BAD_ARGUMENT, 0};
    KernelResult result = {KERNEL_OK, 0};
    unsigned saved = floating_point_guard_enter();
    for (size_t i = 0; 4 * i < count && result.status == KERNEL_OK; i++) {
        // Lanes past the end hold the identity, Y = Z = 1.
        uint8_t four[512] = {0};
        for (size_t lane = 0; lane < 4; lane++) four[128 * lane + 32] = four[128 * lane + 64] = 1;
        copy_lanes(four, extended + 512 * i, 128, count - 4 * i);
        int good_lanes = import_quad((PointQuad *)(void *)sums + i, four);
        if (good_lanes != 15) {
            size_t lane = 0;
            while (good_lanes >> lane & 1) lane++;
            result = (KernelResult){KERNEL_BAD_ELEMENT, 4 * i + lane};
        }
    }
    floating_point_guard_leave(saved);
    return result;
}

#endif
