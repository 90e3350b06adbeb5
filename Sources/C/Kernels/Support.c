#include "Kernels.h"

#if defined(__x86_64__)

bool kernel_is_supported(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#else

// On other architectures every function answers KERNEL_UNSUPPORTED; callers use the portable implementation.

bool kernel_is_supported(void) {
    return false;
}

KernelTable *kernel_table_create(const uint8_t half_base[64], unsigned window, unsigned scalar_bits, KernelStatus *status) {
    (void)half_base, (void)window, (void)scalar_bits;
    *status = KERNEL_UNSUPPORTED;
    return NULL;
}

void kernel_table_destroy(KernelTable *table) {
    (void)table;
}

size_t kernel_table_bytes(const KernelTable *table) {
    (void)table;
    return 0;
}

KernelResult kernel_encrypt(const KernelTable *value_table, const KernelTable *mask_table, const int64_t *values,
                            unsigned value_bits, const uint8_t *scalars, size_t count, KernelEncoding encoding,
                            uint8_t *output) {
    (void)value_table, (void)mask_table, (void)values, (void)value_bits, (void)scalars, (void)count, (void)encoding;
    (void)output;
    return (KernelResult){KERNEL_UNSUPPORTED, 0};
}

KernelResult kernel_encrypt_by_chords(const KernelChords *tables, const int64_t *values, const uint8_t *scalars,
                                      size_t count, KernelEncoding encoding, uint8_t *output) {
    (void)tables, (void)values, (void)scalars, (void)count, (void)encoding, (void)output;
    return (KernelResult){KERNEL_UNSUPPORTED, 0};
}

KernelResult kernel_accumulate(KernelPoint *sums, const uint8_t *elements, size_t count, KernelEncoding encoding) {
    (void)sums, (void)elements, (void)count, (void)encoding;
    return (KernelResult){KERNEL_UNSUPPORTED, 0};
}

KernelResult kernel_unmask(KernelPoint *sums, const KernelTable *mask_table, const uint8_t *scalars, size_t count) {
    (void)sums, (void)mask_table, (void)scalars, (void)count;
    return (KernelResult){KERNEL_UNSUPPORTED, 0};
}

KernelStatus kernel_eightfold_affine(const KernelPoint *points, size_t count, uint8_t *output) {
    (void)points, (void)count, (void)output;
    return KERNEL_UNSUPPORTED;
}

KernelLogarithms *kernel_logarithms_create(const uint8_t generator[64], uint32_t range, uint32_t steps,
                                           const uint32_t *slots, size_t slot_count, KernelStatus *status) {
    (void)generator, (void)range, (void)steps, (void)slots, (void)slot_count;
    *status = KERNEL_UNSUPPORTED;
    return NULL;
}

const uint32_t *kernel_logarithms_slots(const KernelLogarithms *table, size_t *count) {
    (void)table;
    *count = 0;
    return NULL;
}

KernelStatus kernel_logarithms_extend(KernelLogarithms *table, uint32_t last) {
    (void)table, (void)last;
    return KERNEL_UNSUPPORTED;
}

void kernel_logarithms_destroy(KernelLogarithms *table) {
    (void)table;
}

size_t kernel_logarithms_bytes(const KernelLogarithms *table) {
    (void)table;
    return 0;
}

KernelStatus kernel_logarithms_find(const KernelLogarithms *table, const KernelPoint *points, size_t count,
                                    int64_t *values, size_t *missing) {
    (void)table, (void)points, (void)count, (void)values, (void)missing;
    return KERNEL_UNSUPPORTED;
}

KernelSum *kernel_sum_create(KernelStatus *status) {
    *status = KERNEL_UNSUPPORTED;
    return NULL;
}

void kernel_sum_destroy(KernelSum *sum) {
    (void)sum;
}

KernelStatus kernel_sum_add(KernelSum *sum, const KernelPoint *points, const uint8_t *scalars, size_t count) {
    (void)sum, (void)points, (void)scalars, (void)count;
    return KERNEL_UNSUPPORTED;
}

void kernel_sum_windows(const KernelSum *sum, KernelPoint windows[KERNEL_SUM_WINDOWS]) {
    (void)sum, (void)windows;
}

#endif
