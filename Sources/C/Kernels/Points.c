#include "Kernels.h"

#if defined(__x86_64__)

#include "AffineQuad.h"
#include "FixedBaseMultiply.h"
#include "FloatingPointGuard.h"
#include "Memory.h"
#include "PointArrays.h"
#include "PointEncoding.h"
#include "RistrettoQuad.h"

/// Adds (or subtracts) `quads` whole quads; returns the first quad with a bad element and the bits of its good lanes.
KERNEL_INLINE size_t accumulate_quads(KernelPoint *sums, const uint8_t *bytes, size_t quads, KernelEncoding encoding,
                                      bool negated, int *good_lanes) {
    size_t quad_bytes = encoding == KERNEL_AFFINE ? 256 : 128;
    for (size_t i = 0; i < quads; i++) {
        AffineQuad points;
        const uint8_t *four = bytes + quad_bytes * i;
        *good_lanes = encoding == KERNEL_AFFINE ? affine_load(&points, four) : ristretto_load(&points, four);
        if (*good_lanes != 15) return i;
        if (negated) points = affine_negate(points);
        point_store(sums + 4 * i, point_add_affine(point_load(sums + 4 * i), points));
    }
    return quads;
}

KERNEL_WORKER size_t accumulate_affine(KernelPoint *sums, const uint8_t *bytes, size_t quads, bool negated,
                                       int *good_lanes) {
    return accumulate_quads(sums, bytes, quads, KERNEL_AFFINE, negated, good_lanes);
}

KERNEL_WORKER size_t accumulate_ristretto(KernelPoint *sums, const uint8_t *bytes, size_t quads, bool negated,
                                          int *good_lanes) {
    return accumulate_quads(sums, bytes, quads, KERNEL_RISTRETTO, negated, good_lanes);
}

static size_t accumulate(KernelPoint *sums, const uint8_t *bytes, size_t quads, KernelEncoding encoding, bool negated,
                         int *good_lanes) {
    return encoding == KERNEL_AFFINE ? accumulate_affine(sums, bytes, quads, negated, good_lanes)
                                     : accumulate_ristretto(sums, bytes, quads, negated, good_lanes);
}

/// Adds the 1...3 elements after the last whole quad; the lanes left over repeat the first of them and are dropped.
static void accumulate_rest(KernelPoint *sums, const uint8_t *bytes, size_t rest, KernelEncoding encoding,
                            int *good_lanes) {
    size_t element_bytes = encoding == KERNEL_AFFINE ? 64 : 32;
    uint8_t four_elements[256];
    KernelPoint four_sums[4];
    for (size_t lane = 0; lane < 4; lane++) {
        size_t source = lane < rest ? lane : 0;
        memcpy(four_elements + element_bytes * lane, bytes + element_bytes * source, element_bytes);
        four_sums[lane] = sums[source];
    }
    (void)accumulate(four_sums, four_elements, 1, encoding, false, good_lanes);
    memcpy(sums, four_sums, rest * sizeof *sums);
}

KernelResult kernel_accumulate(KernelPoint *sums, const uint8_t *elements, size_t count, KernelEncoding encoding) {
    if (!kernel_is_supported()) return (KernelResult){KERNEL_UNSUPPORTED, 0};
    if (encoding != KERNEL_AFFINE && encoding != KERNEL_RISTRETTO) return (KernelResult){KERNEL_BAD_ARGUMENT, 0};
    size_t element_bytes = encoding == KERNEL_AFFINE ? 64 : 32;
    size_t whole = count / 4, rest = count % 4;
    int good_lanes = 15;
    KernelResult result = {KERNEL_OK, 0};
    unsigned saved = floating_point_guard_enter();
    size_t done = accumulate(sums, elements, whole, encoding, false, &good_lanes);
    if (done == whole && rest != 0) {
        accumulate_rest(sums + 4 * whole, elements + element_bytes * 4 * whole, rest, encoding, &good_lanes);
    }
    if (good_lanes != 15) {
        size_t lane = 0;
        while (good_lanes >> lane & 1) lane++;
        result = (KernelResult){KERNEL_BAD_ELEMENT, 4 * done + lane};
        // Take back what was added.
        int ignored;
        (void)accumulate(sums, elements, done, encoding, true, &ignored);
    }
    floating_point_guard_leave(saved);
    return result;
}

/// Working memory of one call of `kernel_unmask`.
typedef struct {
    PointQuad points[BLOCK_QUADS];
    int32_t digits[];
} UnmaskMemory;

/// One block of at most BLOCK_ELEMENTS sums.
KERNEL_WORKER void unmask_block(UnmaskMemory *memory, KernelPoint *sums, const KernelTable *table,
                                const uint8_t *scalars, size_t count) {
    mask_digits(table, scalars, count, 2, true, memory->digits);
    points_load(memory->points, sums, count);
    for (unsigned k = 0; k < table->windows; k++) {
        points_add_window(memory->points, (count + 3) / 4, table_window(table, k), memory->digits + k * DIGIT_STRIDE);
    }
    points_store(sums, memory->points, count);
}

KernelResult kernel_unmask(KernelPoint *sums, const KernelTable *mask_table, const uint8_t *scalars, size_t count) {
    if (!kernel_is_supported()) return (KernelResult){KERNEL_UNSUPPORTED, 0};
    if (!table_serves_masks(mask_table)) return (KernelResult){KERNEL_BAD_ARGUMENT, 0};
    size_t bad = first_bad_scalar(scalars, count);
    if (bad < count) return (KernelResult){KERNEL_BAD_ELEMENT, bad};
    size_t digit_bytes = digits_bytes(mask_table->windows), bytes = sizeof(UnmaskMemory) + digit_bytes;
    UnmaskMemory *memory = kernel_allocate(1, bytes, 64);
    if (memory == NULL) return (KernelResult){KERNEL_OUT_OF_MEMORY, 0};
    memset(memory->digits, 0, digit_bytes);
    unsigned saved = floating_point_guard_enter();
    for (size_t first = 0; first < count; first += BLOCK_ELEMENTS) {
        size_t block = count - first < BLOCK_ELEMENTS ? count - first : BLOCK_ELEMENTS;
        unmask_block(memory, sums + first, mask_table, scalars + 32 * first, block);
    }
    floating_point_guard_leave(saved);
    kernel_wipe(memory, bytes);
    free(memory);
    return (KernelResult){KERNEL_OK, 0};
}

/// Working memory of one call of `kernel_eightfold_affine`.
typedef struct {
    PointQuad points[BLOCK_QUADS];
    FieldReduced inverses[BLOCK_QUADS];
    FieldReduced scratch[BLOCK_QUADS];
} EightfoldMemory;

/// One block of at most BLOCK_ELEMENTS points.
KERNEL_WORKER void eightfold_block(EightfoldMemory *memory, const KernelPoint *points, size_t count, uint8_t *output) {
    points_load(memory->points, points, count);
    for (int doubling = 0; doubling < 3; doubling++) {
        for (size_t i = 0; 4 * i < count; i++) memory->points[i] = point_double_without_t(memory->points[i]);
    }
    points_encode_affine(memory->points, count, output, memory->inverses, memory->scratch);
}

KernelStatus kernel_eightfold_affine(const KernelPoint *points, size_t count, uint8_t *output) {
    if (!kernel_is_supported()) return KERNEL_UNSUPPORTED;
    EightfoldMemory *memory = kernel_allocate(1, sizeof *memory, 64);
    if (memory == NULL) return KERNEL_OUT_OF_MEMORY;
    unsigned saved = floating_point_guard_enter();
    for (size_t first = 0; first < count; first += BLOCK_ELEMENTS) {
        size_t block = count - first < BLOCK_ELEMENTS ? count - first : BLOCK_ELEMENTS;
        eightfold_block(memory, points + first, block, output + 64 * first);
    }
    floating_point_guard_leave(saved);
    free(memory);
    return KERNEL_OK;
}

#endif
