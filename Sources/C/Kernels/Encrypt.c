#include "Kernels.h"

#if defined(__x86_64__)

#include "FixedBaseMultiply.h"
#include "FloatingPointGuard.h"
#include "Memory.h"
#include "PointEncoding.h"

/// Working memory of one call.
typedef struct {
    PointQuad points[BLOCK_QUADS];
    DoubledQuad doubled[BLOCK_QUADS];
    FieldReduced inverses[BLOCK_QUADS];
    FieldReduced scratch[BLOCK_QUADS];
    int32_t mask_digits[TABLE_MOST_WINDOWS * DIGIT_STRIDE + 4 * PREFETCH_QUADS];
    int32_t value_digits[TABLE_MOST_WINDOWS * DIGIT_STRIDE + 4 * PREFETCH_QUADS];
} EncryptionMemory;

/// One block of at most BLOCK_ELEMENTS elements.
KERNEL_WORKER void encrypt_block(EncryptionMemory *memory, const KernelTable *value_table, unsigned value_windows,
                                 const KernelTable *mask_table, const int64_t *values, const uint8_t *scalars,
                                 size_t count, KernelEncoding encoding, uint8_t *output) {
    size_t quads = (count + 3) / 4;
    mask_digits(mask_table, scalars, count, false, memory->mask_digits);
    value_digits(value_table, value_windows, values, count, memory->value_digits);
    points_set_window(memory->points, quads, table_window(value_table, 0), memory->value_digits);
    for (unsigned k = 1; k < value_windows; k++) {
        points_add_window(memory->points, quads, table_window(value_table, k), memory->value_digits + k * DIGIT_STRIDE);
    }
    for (unsigned k = 0; k < mask_table->windows; k++) {
        points_add_window(memory->points, quads, table_window(mask_table, k), memory->mask_digits + k * DIGIT_STRIDE);
    }
    if (encoding == KERNEL_AFFINE) {
        points_encode_affine(memory->points, count, output, memory->inverses, memory->scratch);
    } else {
        points_encode_doubled(memory->points, count, output, memory->doubled, memory->inverses, memory->scratch);
    }
}

/// The first of `count` values whose magnitude does not fit `value_bits`, or `count`.
static size_t first_bad_value(const int64_t *values, unsigned value_bits, size_t count) {
    for (size_t j = 0; j < count; j++) {
        uint64_t magnitude = values[j] < 0 ? 0 - (uint64_t)values[j] : (uint64_t)values[j];
        if (value_bits < 64 && magnitude >> value_bits != 0) return j;
    }
    return count;
}

KernelResult kernel_encrypt(const KernelTable *value_table, const KernelTable *mask_table, const int64_t *values,
                            unsigned value_bits, const uint8_t *scalars, size_t count, KernelEncoding encoding,
                            uint8_t *output) {
    if (!kernel_is_supported()) return (KernelResult){KERNEL_UNSUPPORTED, 0};
    if (!table_serves_masks(mask_table) || value_bits < 1 || value_bits > value_table->scalar_bits
        || (encoding != KERNEL_AFFINE && encoding != KERNEL_RISTRETTO)) {
        return (KernelResult){KERNEL_BAD_ARGUMENT, 0};
    }
    size_t bad_value = first_bad_value(values, value_bits, count), bad_scalar = first_bad_scalar(scalars, count);
    size_t bad = bad_value < bad_scalar ? bad_value : bad_scalar;
    if (bad < count) return (KernelResult){KERNEL_BAD_ELEMENT, bad};

    EncryptionMemory *memory = kernel_allocate(1, sizeof *memory, 64);
    if (memory == NULL) return (KernelResult){KERNEL_OUT_OF_MEMORY, 0};
    memset(memory, 0, sizeof *memory);
    unsigned value_windows = table_windows(value_table->window, value_bits);
    size_t element_bytes = encoding == KERNEL_AFFINE ? 64 : 32;
    unsigned saved = floating_point_guard_enter();
    for (size_t first = 0; first < count; first += BLOCK_ELEMENTS) {
        size_t block = count - first < BLOCK_ELEMENTS ? count - first : BLOCK_ELEMENTS;
        encrypt_block(memory, value_table, value_windows, mask_table, values + first, scalars + 32 * first, block,
                      encoding, output + element_bytes * first);
    }
    floating_point_guard_leave(saved);
    kernel_wipe(memory, sizeof *memory);
    free(memory);
    return (KernelResult){KERNEL_OK, 0};
}

#endif
