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
    /// Digits of the masks, then of the values, window after window.
    int32_t digits[];
} EncryptionMemory;

/// One block of at most BLOCK_ELEMENTS elements.
KERNEL_WORKER void encrypt_block(EncryptionMemory *memory, const KernelTable *value_table, unsigned value_windows,
                                 const KernelTable *mask_table, const int64_t *values, const uint8_t *scalars,
                                 size_t count, KernelEncoding encoding, uint8_t *output) {
    size_t quads = (count + 3) / 4;
    // The tables hold halves: the ristretto encoder doubles, the affine one takes doubled scalars.
    int factor = encoding == KERNEL_AFFINE ? 2 : 1;
    int32_t *of_masks = memory->digits, *of_values = of_masks + mask_table->windows * DIGIT_STRIDE;
    mask_digits(mask_table, scalars, count, factor, false, of_masks);
    value_digits(value_table, value_windows, values, count, factor, of_values);
    points_set_window(memory->points, quads, table_window(value_table, 0), of_values);
    for (unsigned k = 1; k < value_windows; k++) {
        points_add_window(memory->points, quads, table_window(value_table, k), of_values + k * DIGIT_STRIDE);
    }
    for (unsigned k = 0; k < mask_table->windows; k++) {
        points_add_window(memory->points, quads, table_window(mask_table, k), of_masks + k * DIGIT_STRIDE);
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
        if (magnitude >> value_bits != 0) return j;
    }
    return count;
}

KernelResult kernel_encrypt(const KernelTable *value_table, const KernelTable *mask_table, const int64_t *values,
                            unsigned value_bits, const uint8_t *scalars, size_t count, KernelEncoding encoding,
                            uint8_t *output) {
    if (!kernel_is_supported()) return (KernelResult){KERNEL_UNSUPPORTED, 0};
    if (!table_serves_masks(mask_table) || value_bits < 1 || value_bits > 62
        || value_bits >= value_table->scalar_bits || (encoding != KERNEL_AFFINE && encoding != KERNEL_RISTRETTO)) {
        return (KernelResult){KERNEL_BAD_ARGUMENT, 0};
    }
    size_t bad_value = first_bad_value(values, value_bits, count), bad_scalar = first_bad_scalar(scalars, count);
    size_t bad = bad_value < bad_scalar ? bad_value : bad_scalar;
    if (bad < count) return (KernelResult){KERNEL_BAD_ELEMENT, bad};

    unsigned value_windows = table_windows(value_table->window, value_bits + 1);
    size_t digit_bytes = digits_bytes(mask_table->windows + value_windows), bytes = sizeof(EncryptionMemory) + digit_bytes;
    EncryptionMemory *memory = kernel_allocate(1, bytes, 64);
    if (memory == NULL) return (KernelResult){KERNEL_OUT_OF_MEMORY, 0};
    memset(memory->digits, 0, digit_bytes);
    size_t element_bytes = encoding == KERNEL_AFFINE ? 64 : 32;
    unsigned saved = floating_point_guard_enter();
    for (size_t first = 0; first < count; first += BLOCK_ELEMENTS) {
        size_t block = count - first < BLOCK_ELEMENTS ? count - first : BLOCK_ELEMENTS;
        encrypt_block(memory, value_table, value_windows, mask_table, values + first, scalars + 32 * first, block,
                      encoding, output + element_bytes * first);
    }
    floating_point_guard_leave(saved);
    kernel_wipe(memory, bytes);
    free(memory);
    return (KernelResult){KERNEL_OK, 0};
}

#endif
