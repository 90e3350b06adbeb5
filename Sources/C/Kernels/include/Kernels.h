// Batch arithmetic on edwards25519 / ristretto255 with AVX2 and FMA, four elements at once.
//
// Every function may be called from any thread; tables are immutable after creation. The floating-point control
// word is saved, set and restored inside each function, so callers may run in any rounding mode.
// All integers are little-endian. Nothing here is constant-time: table look-ups are indexed by secret digits
// (see the crypto design's list of what is not protected). Scratch memory that held secrets is wiped.
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
    /// A size, window or alignment outside the documented range.
    KERNEL_BAD_ARGUMENT = 3,
    /// The processor lacks AVX2 or FMA, or the kernel was built for another architecture.
    KERNEL_UNSUPPORTED = 4,
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

/// Multiples of one base point for fixed-base multiplication with signed windows. Immutable.
typedef struct KernelTable KernelTable;

/// Four points in the kernel's own form: X, Y, Z, T, each five limbs of four lanes. Opaque, 640 bytes.
typedef struct {
    double limbs[80];
} KernelPointQuad;

/// Alignment that every `KernelPointQuad` array needs.
#define KERNEL_POINT_ALIGNMENT 32

/// Whether the functions below work on this machine.
bool kernel_is_supported(void);

/// Builds the table of a base point.
/// - base: affine x and y, 64 bytes, canonical and on the curve (the order is not checked).
/// - window: bits a digit, 4...14. Memory is 128 bytes * ceil((scalar_bits + 1) / window) * (2^(window - 1) + 1).
/// - scalar_bits: the largest magnitude of a multiplier is 2^scalar_bits - 1, scalar_bits in 1...251; masks modulo
///   the group order need 251 (they are taken in (-l/2, l/2]).
/// Returns NULL and sets *status on failure. Free with `kernel_table_destroy`.
KernelTable *kernel_table_create(const uint8_t base[64], unsigned window, unsigned scalar_bits, KernelStatus *status);

void kernel_table_destroy(KernelTable *table);

/// Bytes that the table occupies.
size_t kernel_table_bytes(const KernelTable *table);

/// Encrypts: element j is values[j] * G + scalars[j] * H.
/// - value_table: the table of G (affine) or of G / 2 (ristretto: the encoder doubles, "batch double-and-encode").
/// - mask_table: likewise for H, made with scalar_bits = 251.
/// - values: `count` signed integers of magnitude below 2^value_bits, value_bits at most the table's scalar_bits.
/// - scalars: `count` integers of 32 bytes, below the group order.
/// - output: 64 or 32 bytes an element. The identity is written as (0, 1) or as 32 zero bytes.
/// KERNEL_BAD_ELEMENT: a value or scalar outside its range. The output is then not complete.
KernelResult kernel_encrypt(const KernelTable *value_table, const KernelTable *mask_table, const int64_t *values,
                            unsigned value_bits, const uint8_t *scalars, size_t count, KernelEncoding encoding,
                            uint8_t *output);

/// Fills the sums of `count` elements, ceil(count / 4) quads, with the identity.
KernelStatus kernel_sums_clear(KernelPointQuad *sums, size_t count);

/// Decodes, checks and adds `count` elements to the sums. Affine elements must be canonical, on the curve and not
/// the identity; ristretto elements must be canonical encodings (RFC 9496; the identity is one).
/// KERNEL_BAD_ELEMENT: the first bad element; the sums then stand for the same points as before the call.
KernelResult kernel_accumulate(KernelPointQuad *sums, const uint8_t *elements, size_t count, KernelEncoding encoding);

/// Subtracts scalars[j] * H from the sums.
/// KERNEL_BAD_ELEMENT: a scalar not below the group order; the sums are then not touched.
KernelResult kernel_unmask(KernelPointQuad *sums, const KernelTable *mask_table, const uint8_t *scalars, size_t count);

/// For every sum P the low 64 bits of the canonical y of 8 P (equal for 8 P and -8 P), and whether the canonical x
/// of 8 P is odd (which tells them apart; 0 for the identity).
KernelStatus kernel_lookup_keys(const KernelPointQuad *sums, size_t count, uint64_t *keys, uint8_t *x_is_odd);

/// The same keys for first * B, (first + 1) * B, ... (`count` of them) without the factor eight, to fill a table:
/// B is 8 G for the keys above. B as 64 bytes affine, canonical, on the curve.
KernelStatus kernel_multiples_keys(const uint8_t base[64], uint64_t first, size_t count, uint64_t *keys, uint8_t *x_is_odd);

/// The sums as canonical affine points, 64 bytes each.
KernelStatus kernel_sums_affine(const KernelPointQuad *sums, size_t count, uint8_t *output);

/// The sums as extended coordinates X, Y, Z, T, 32 canonical bytes each, and back. Import checks canonical bytes only.
KernelStatus kernel_sums_export(const KernelPointQuad *sums, size_t count, uint8_t *output);
KernelResult kernel_sums_import(KernelPointQuad *sums, const uint8_t *extended, size_t count);

#ifdef __cplusplus
}
#endif

#endif
