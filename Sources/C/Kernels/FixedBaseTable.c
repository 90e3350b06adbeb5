#include "Kernels.h"

#if defined(__x86_64__)

#include "AffineQuad.h"
#include "FieldPower.h"
#include "FixedBaseTable.h"
#include "FloatingPointGuard.h"
#include "Memory.h"

/// Writes the entries 0...count-1 of up to four windows, one window a lane.
/// points[j] = j * base in every lane; z_inverses[j] = 1 / Z of points[j].
KERNEL_TARGET static void table_write_entries(double *const windows[4], unsigned lanes, const PointQuad *points,
                                              const FieldReduced *z_inverses, size_t count) {
    const FieldReduced half = field_broadcast(FIELD_HALF), d = field_broadcast(FIELD_D);
    for (size_t j = 0; j < count; j++) {
        NielsQuad niels = niels_from_affine(field_multiply(points[j].x, z_inverses[j]),
                                            field_multiply(points[j].y, z_inverses[j]), half, d);
        for (unsigned lane = 0; lane < lanes; lane++) {
            double *entry = windows[lane] + j * TABLE_ENTRY_DOUBLES;
            for (int k = 0; k < 5; k++) {
                entry[k] = niels.half_sum.limb[k][lane];
                entry[5 + k] = niels.half_difference.limb[k][lane];
                entry[10 + k] = niels.product_d.limb[k][lane];
            }
            entry[15] = 0;
        }
    }
}

/// Takes lane `lane` of `p` over into `quad`.
KERNEL_TARGET static void point_copy_lane(PointQuad *quad, const PointQuad *p, unsigned lane) {
    for (int k = 0; k < 5; k++) {
        quad->x.limb[k][lane] = p->x.limb[k][lane];
        quad->y.limb[k][lane] = p->y.limb[k][lane];
        quad->z.limb[k][lane] = p->z.limb[k][lane];
        quad->t.limb[k][lane] = p->t.limb[k][lane];
    }
}

KERNEL_WORKER KernelStatus table_fill(KernelTable *table, const uint8_t base[64]) {
    uint8_t four_bases[256];
    for (int lane = 0; lane < 4; lane++) memcpy(four_bases + 64 * lane, base, 64);
    AffineQuad affine;
    if (affine_load(&affine, four_bases) != 15) return KERNEL_BAD_ELEMENT;

    size_t count = table->entries_per_window;
    PointQuad *points = kernel_allocate(count, sizeof *points, 64);
    FieldReduced *inverses = kernel_allocate(count, sizeof *inverses, 64);
    FieldReduced *scratch = kernel_allocate(count, sizeof *scratch, 64);
    KernelStatus status = points && inverses && scratch ? KERNEL_OK : KERNEL_OUT_OF_MEMORY;
    const FieldReduced half = field_broadcast(FIELD_HALF), d = field_broadcast(FIELD_D);
    PointQuad window_base = affine_point(affine);

    for (unsigned first = 0; status == KERNEL_OK && first < table->windows; first += 4) {
        unsigned lanes = table->windows - first < 4 ? table->windows - first : 4;
        double *windows[4];
        PointQuad bases = window_base;
        for (unsigned lane = 0; lane < lanes; lane++) {
            windows[lane] = table->entries + (first + lane) * count * TABLE_ENTRY_DOUBLES;
            point_copy_lane(&bases, &window_base, lane);
            for (unsigned i = 0; i < table->window; i++) window_base = point_double(window_base);
        }
        FieldReduced z = field_invert(bases.z);
        NielsQuad step = niels_from_affine(field_multiply(bases.x, z), field_multiply(bases.y, z), half, d);
        points[0] = point_identity();
        for (size_t j = 1; j < count; j++) points[j] = point_add_niels(points[j - 1], step);
        for (size_t j = 0; j < count; j++) inverses[j] = points[j].z;
        field_invert_all(inverses, scratch, count);
        table_write_entries(windows, lanes, points, inverses, count);
    }
    free(points);
    free(inverses);
    free(scratch);
    return status;
}

KernelTable *kernel_table_create(const uint8_t half_base[64], unsigned window, unsigned scalar_bits, KernelStatus *status) {
    if (!kernel_is_supported()) {
        *status = KERNEL_UNSUPPORTED;
        return NULL;
    }
    if (window < TABLE_SMALLEST_WINDOW || window > TABLE_LARGEST_WINDOW || scalar_bits < 2
        || scalar_bits > TABLE_LARGEST_SCALAR_BITS) {
        *status = KERNEL_BAD_ARGUMENT;
        return NULL;
    }
    KernelTable *table = malloc(sizeof *table);
    if (table == NULL) {
        *status = KERNEL_OUT_OF_MEMORY;
        return NULL;
    }
    table->window = window;
    table->windows = table_windows(window, scalar_bits);
    table->scalar_bits = scalar_bits;
    table->entries_per_window = ((size_t)1 << (window - 1)) + 1;
    table->bytes = table->windows * table->entries_per_window * TABLE_ENTRY_DOUBLES * sizeof(double);
    table->entries = kernel_allocate_large(table->bytes);
    if (table->entries == NULL) {
        *status = KERNEL_OUT_OF_MEMORY;
    } else {
        unsigned saved = floating_point_guard_enter();
        *status = table_fill(table, half_base);
        floating_point_guard_leave(saved);
    }
    if (*status != KERNEL_OK) {
        kernel_table_destroy(table);
        return NULL;
    }
    return table;
}

void kernel_table_destroy(KernelTable *table) {
    if (table == NULL) return;
    free(table->entries);
    free(table);
}

size_t kernel_table_bytes(const KernelTable *table) {
    return table->bytes;
}

#endif
