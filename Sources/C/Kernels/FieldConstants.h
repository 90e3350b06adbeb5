// Constants of edwards25519 and ristretto255 (RFC 9496 section 4.1) as balanced limbs of radix 2^51.
#ifndef MESHNODE_FIELD_CONSTANTS_H
#define MESHNODE_FIELD_CONSTANTS_H

#include <stdint.h>

/// d = -121665 / 121666.
static const double FIELD_D[5] = {929955233495222.0, 466365720129213.0, -589740348686295.0, -217950738957124.0,
                                  -809005158844672.0};
/// 2 d.
static const double FIELD_TWICE_D[5] = {-391889346694823.0, 932731440258427.0, 1072319116312658.0,
                                        -435901477914249.0, 633789495995904.0};
/// 1 / 2.
static const double FIELD_HALF[5] = {-9.0, 0.0, 0.0, 0.0, 1125899906842624.0};
/// The square root of -1 that RFC 9496 calls SQRT_M1.
static const double FIELD_SQRT_MINUS_ONE[5] = {-533094393274192.0, 234908883556510.0, -18285341111200.0,
                                               -134597186663265.0, 765476049583134.0};
/// 1 / sqrt(a - d), RFC 9496's INVSQRT_A_MINUS_D.
static const double FIELD_INVSQRT_A_MINUS_D[5] = {278908739862781.0, 821645201101625.0, 8113234426968.0,
                                                  -473840635492097.0, -133279003116800.0};

/// The two y of the four points of order 8, d y^4 + 2 y^2 = 1, as words, least significant first.
static const uint64_t ORDER_EIGHT_Y[4] = {0xb027b2c28f95e826, 0xf098eff289f4c345, 0x3933c6d305acdfd5, 0x05fc536d880238b1};
static const uint64_t ORDER_EIGHT_MINUS_Y[4] = {0x4fd84d3d706a17c7, 0x0f67100d760b3cba, 0xc6cc392cfa53202a,
                                                0x7a03ac9277fdc74e};

/// The group order 2^252 + 27742317777372353535851937790883648493, least significant word first.
static const uint64_t GROUP_ORDER[4] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000};
/// (order - 1) / 2.
static const uint64_t HALF_GROUP_ORDER[4] = {0x2c09318d2e7ae9f6, 0x0a6f7cef517bce6b, 0, 0x0800000000000000};

#endif
