// Batch arithmetic on edwards25519 / ristretto255 with AVX2 and FMA, four elements at once.
//
// Every function may be called from any thread; tables are immutable after creation. The floating-point control
// word is saved, set and restored inside each function, so callers may run in any rounding mode.
// All integers are little-endian. Look-ups are indexed by digits of secrets, so nothing here is constant-time against
// somebody who shares the machine's caches. Scratch memory that held secrets is wiped.
#ifndef MESHNODE_KERNELS_H
#define MESHNODE_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    KERNEL_OK = 0,
    /// An input element is not acceptable; `KernelResult.index` names the first one.
    KERNEL_BAD_ELEMENT = 1,
    KERNEL_OUT_OF_MEMORY = 2,
    /// A size, window or table outside the documented range.
    KERNEL_BAD_ARGUMENT = 3,
    /// The processor lacks AVX2 or FMA, or the kernel was built for another architecture.
    KERNEL_UNSUPPORTED = 4,
    /// Two points of a chord coincide: the same has to be computed otherwise.
    KERNEL_SPECIAL_CASE = 5,
} KernelStatus;

typedef struct {
    KernelStatus status;
    size_t index;
} KernelResult;

typedef enum {
    /// x then y, 32 bytes each, both below p.
    KERNEL_AFFINE = 0,
    /// RFC 9496, 32 bytes.
    KERNEL_RISTRETTO = 1,
} KernelEncoding;

/// A point in extended coordinates X, Y, Z, T, each in five limbs of radix 2^51, least first: X is limbs 0...4.
/// Limbs read must be below 2^52; limbs written are below 2^51 + 2^6.
typedef struct {
    uint64_t limbs[20];
} KernelPoint;

/// Multiples of one base point for fixed-base multiplication with signed windows. Immutable.
typedef struct KernelTable KernelTable;

/// Multiples of one point for the look-up of logarithms. Immutable.
typedef struct KernelLogarithms KernelLogarithms;

/// Whether the functions below work on this machine.
bool kernel_is_supported(void);

/// Builds the table of a base point B from half of it.
/// - half_base: B / 2 (by the inverse of two modulo the group order) as affine x and y, 64 bytes, canonical, of the
///   prime-order subgroup. Halves serve the encoder that doubles ("batch double-and-encode"); where the point itself is
///   wanted the scalars are doubled.
/// - window: bits a digit, 4...14. Memory is 128 bytes * ceil((scalar_bits + 1) / window) * (2^(window - 1) + 1).
/// - scalar_bits: doubled multipliers have a magnitude below 2^scalar_bits, 2...251; masks modulo the group order need
///   251 (they are taken in (-l/2, l/2]).
/// Returns NULL and sets *status on failure: KERNEL_BAD_ELEMENT when the bytes are no point. Free with
/// `kernel_table_destroy`.
KernelTable *kernel_table_create(const uint8_t half_base[64], unsigned window, unsigned scalar_bits, KernelStatus *status);

void kernel_table_destroy(KernelTable *table);

/// Bytes that the table occupies.
size_t kernel_table_bytes(const KernelTable *table);

/// Encrypts: element j is values[j] * G + scalars[j] * H.
/// - value_table, mask_table: made from G / 2 and from H / 2, the latter with scalar_bits = 251.
/// - values: `count` signed integers of magnitude below 2^value_bits; value_bits in 1...62, below the table's scalar_bits.
/// - scalars: `count` integers of 32 bytes, below the group order.
/// - output: 64 or 32 bytes an element. The identity is written as (0, 1) or as 32 zero bytes.
/// KERNEL_BAD_ELEMENT: a value or scalar outside its range. Nothing is written then.
KernelResult kernel_encrypt(const KernelTable *value_table, const KernelTable *mask_table, const int64_t *values,
                            unsigned value_bits, const uint8_t *scalars, size_t count, KernelEncoding encoding,
                            uint8_t *output);

/// Words of an entry of `KernelChords`: u, then v, canonical.
#define KERNEL_CHORD_WORDS 8
/// Values are within -KERNEL_CHORD_SHORT ..< KERNEL_CHORD_SHORT, or the same with KERNEL_CHORD_LONG.
#define KERNEL_CHORD_SHORT (1 << 11)
#define KERNEL_CHORD_LONG (1 << 24)

/// Tables for additions by chords, points (u, v) of the Montgomery form; they belong to the caller. C is any constant point.
typedef struct {
    /// Row w < windows - 1, entry k: (2 k + 1) 2^(window w) H / 2, 2^(window - 1) entries a row; then the values.
    const uint64_t *entries;
    size_t entry_count;
    /// Entry 2 d: (2 d + 1) 2^(window (windows - 1)) H / 2 + C; entry 2 d + 1: its opposite + C.
    const uint64_t *top;
    uint64_t largest_top_digit;
    /// 8...14, and window * windows >= 253.
    unsigned window, windows;
    /// Where these start: (x - 2^11) G / 2 - C for x < 2^12; x G / 2 - 2^24 G / 2 - C - C' for x < 2^12; x 2^12 G / 2 + C'
    /// for x < 2^13.
    size_t short_values, low_values, high_values;
} KernelChords;

/// What `kernel_encrypt` gives, in two thirds of the time for 1024 elements and more.
/// - values: within KERNEL_CHORD_LONG, half of that for affine elements.
/// KERNEL_SPECIAL_CASE: an element whose partial sums coincide with a table entry, such as value 0 under mask 0; the output
/// is undefined then.
KernelResult kernel_encrypt_by_chords(const KernelChords *tables, const int64_t *values, const uint8_t *scalars,
                                      size_t count, KernelEncoding encoding, uint8_t *output);

/// Decodes, checks and adds `count` elements to `count` sums.
/// Affine elements must be canonical, on the curve and not of order 1, 2, 4 or 8; ristretto elements must be canonical
/// encodings (RFC 9496) other than the identity's.
/// KERNEL_BAD_ELEMENT: the first bad element; the sums then stand for the same points as before the call.
KernelResult kernel_accumulate(KernelPoint *sums, const uint8_t *elements, size_t count, KernelEncoding encoding);

/// Subtracts scalars[j] * H from the sums.
/// KERNEL_BAD_ELEMENT: a scalar not below the group order; the sums are not touched then.
KernelResult kernel_unmask(KernelPoint *sums, const KernelTable *mask_table, const uint8_t *scalars, size_t count);

/// The canonical affine coordinates of 8 P, x then y, 64 bytes each.
KernelStatus kernel_eightfold_affine(const KernelPoint *points, size_t count, uint8_t *output);

/// Makes the table of j * B for 1 <= j <= range, B = G, or B = 8 G if there are steps. Without `slots` it is empty until
/// `kernel_logarithms_extend`.
/// - generator: G as affine x and y, 64 bytes.
/// - range: 1...2^23 - 1.
/// - steps: giant steps of 2 * range + 1 that a search makes to either side, 0...2^24.
/// - slots: what `kernel_logarithms_slots` gave for a table of the same range with or without steps as this one, or NULL.
///   Altered slots can hide logarithms, never give a wrong one.
/// Memory is 4 bytes * (the power of two that is at least 2 * range), 128 bytes a step, and at most 0.8 MB.
/// Returns NULL and sets *status on failure. Free with `kernel_logarithms_destroy`.
KernelLogarithms *kernel_logarithms_create(const uint8_t generator[64], uint32_t range, uint32_t steps,
                                           const uint32_t *slots, size_t slot_count, KernelStatus *status);

/// Enters multiples up to `last`, 0.1 us each: the work can be done in parts, by one thread at a time, before the table is
/// used for look-ups.
KernelStatus kernel_logarithms_extend(KernelLogarithms *table, uint32_t last);

void kernel_logarithms_destroy(KernelLogarithms *table);

/// Bytes that the table occupies.
size_t kernel_logarithms_bytes(const KernelLogarithms *table);

/// The slots, to be kept on disk; valid as long as the table.
const uint32_t *kernel_logarithms_slots(const KernelLogarithms *table, size_t *count);

/// The logarithms e with 8 P = e * 8 G and |e| <= range + steps * (2 * range + 1) of `count` points, torsion of P
/// notwithstanding. Every answer is checked: x of the multiple is computed and compared in full.
/// - values: e, or INT64_MIN where there is none.
/// Returns the number of points without a logarithm in *missing. Time depends on the points.
KernelStatus kernel_logarithms_find(const KernelLogarithms *table, const KernelPoint *points, size_t count,
                                    int64_t *values, size_t *missing);

/// A sum of multiples under construction; 2 MB. Used by one thread at a time.
typedef struct KernelSum KernelSum;

/// Windows of eleven bits that cover a 128-bit scalar.
#define KERNEL_SUM_WINDOWS 12

KernelSum *kernel_sum_create(KernelStatus *status);

void kernel_sum_destroy(KernelSum *sum);

/// Adds scalars[j] * points[j]; a scalar is 16 bytes. Time and memory accesses depend on the scalars, which must be public.
KernelStatus kernel_sum_add(KernelSum *sum, const KernelPoint *points, const uint8_t *scalars, size_t count);

/// The parts of the sum: it is the sum of 2^(11 k) * windows[k]. Twelve thousand additions, whatever was added.
void kernel_sum_windows(const KernelSum *sum, KernelPoint windows[KERNEL_SUM_WINDOWS]);

#ifdef __cplusplus
}
#endif

#endif
