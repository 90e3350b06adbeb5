// Inversion, the power (p - 5) / 8 and Montgomery's shared inversion for FieldQuad.h.
#ifndef MESHNODE_FIELD_POWER_H
#define MESHNODE_FIELD_POWER_H

#include <stddef.h>

#include "FieldQuad.h"

/// a^(2^count), out of line: the long chains are bound by latency, so a call costs nothing.
KERNEL_TARGET __attribute__((noinline, unused)) static void field_square_times(FieldReduced *a, int count) {
    FieldReduced x = *a;
    for (int i = 0; i < count; i++) x = field_square(x);
    *a = x;
}

KERNEL_TARGET __attribute__((noinline, unused)) static void field_multiply_into(FieldReduced *result, const FieldReduced *a,
                                                                               const FieldReduced *b) {
    *result = field_multiply(*a, *b);
}

/// a^(2^250 - 1) and a^11, the shared part of the two power chains (11 multiplications, the usual chain of curve25519).
KERNEL_TARGET __attribute__((noinline, unused)) static void field_power_250(FieldReduced *power, FieldReduced *eleventh,
                                                                           const FieldReduced *a) {
    FieldReduced t, u, v;
    t = *a;
    field_square_times(&t, 1);               // 2
    u = t;
    field_square_times(&u, 2);               // 8
    field_multiply_into(&u, &u, a);          // 9
    field_multiply_into(eleventh, &u, &t);   // 11
    t = *eleventh;
    field_square_times(&t, 1);               // 22
    field_multiply_into(&u, &u, &t);         // 2^5 - 1
    t = u;
    field_square_times(&t, 5);
    field_multiply_into(&u, &t, &u);         // 2^10 - 1
    t = u;
    field_square_times(&t, 10);
    field_multiply_into(&t, &t, &u);         // 2^20 - 1
    v = t;
    field_square_times(&v, 20);
    field_multiply_into(&t, &v, &t);         // 2^40 - 1
    field_square_times(&t, 10);
    field_multiply_into(&u, &t, &u);         // 2^50 - 1
    t = u;
    field_square_times(&t, 50);
    field_multiply_into(&t, &t, &u);         // 2^100 - 1
    v = t;
    field_square_times(&v, 100);
    field_multiply_into(&t, &v, &t);         // 2^200 - 1
    field_square_times(&t, 50);
    field_multiply_into(power, &t, &u);      // 2^250 - 1
}

/// 1 / a; zero where a is zero.
KERNEL_TARGET __attribute__((unused)) static FieldReduced field_invert(FieldReduced a) {
    FieldReduced power, eleventh;
    field_power_250(&power, &eleventh, &a);
    field_square_times(&power, 5);
    return field_multiply(power, eleventh);  // a^(2^255 - 21)
}

/// a^((p - 5) / 8) = a^(2^252 - 3).
KERNEL_TARGET __attribute__((unused)) static FieldReduced field_power_p58(FieldReduced a) {
    FieldReduced power, eleventh;
    field_power_250(&power, &eleventh, &a);
    field_square_times(&power, 2);
    return field_multiply(power, a);
}

/// Replaces every element by its inverse, with one inversion for all (Montgomery's trick: 3 M an element).
/// No lane may be zero: one zero would turn every result of its lane to zero.
/// `scratch` holds `count` elements.
KERNEL_TARGET __attribute__((unused)) static void field_invert_all(FieldReduced *elements, FieldReduced *scratch, size_t count) {
    if (count == 0) return;
    FieldReduced product = elements[0];
    scratch[0] = product;
    for (size_t i = 1; i < count; i++) {
        product = field_multiply(product, elements[i]);
        scratch[i] = product;
    }
    FieldReduced inverse = field_invert(product);
    for (size_t i = count - 1; i > 0; i--) {
        FieldReduced element = elements[i];
        elements[i] = field_multiply(inverse, scratch[i - 1]);
        inverse = field_multiply(inverse, element);
    }
    elements[0] = inverse;
}

#endif
