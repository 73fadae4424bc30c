/* See heap_sampling.h. Series by hand: libm is not loaded into programs that do not have it. */
#include "collectors/target/heap_sampling.h"

#include <string.h>

/* 1 - exp(-x) for 0 <= x <= 1/2, without loss for small x. */
static double small_complement(double x)
{
    double sum = 0;
    for (int i = 14; i >= 1; i--)
        sum = x / i * (1 - sum);
    return sum;
}

double heap_sampling_probability(uint64_t size, uint64_t sample_bytes)
{
    double x = (double)size / (double)sample_bytes;
    int halvings = 0;
    if (x > 40)
        return 1;
    for (; x > 0.5; x /= 2)
        halvings++;
    double rest = 1 - small_complement(x);
    if (halvings == 0)
        return small_complement(x);
    for (; halvings > 0; halvings--)
        rest *= rest;
    return 1 - rest;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* In [0, 1). */
static double fraction(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

uint64_t heap_sampling_weight(uint64_t size, uint64_t address, uint64_t sample_bytes)
{
    double p = heap_sampling_probability(size, sample_bytes);
    return p <= 0 ? 1 : (uint64_t)(1 / p + fraction(mix(address)));
}

/* ln(x) for normal x > 0: by its exponent and, for what is left, 2 artanh((m - 1) / (m + 1)). */
static double logarithm(double x)
{
    uint64_t bits;
    double m, sum = 0;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1022;
    bits = (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(1022) << 52;
    memcpy(&m, &bits, sizeof m); /* [1/2, 1) */
    double z = (m - 1) / (m + 1);
    for (int i = 41; i >= 1; i -= 2)
        sum = sum * z * z + 1.0 / i;
    return 2 * z * sum + exponent * 0.69314718055994530942;
}

int64_t heap_sampling_gap(uint64_t *random, uint64_t sample_bytes)
{
    uint64_t x = *random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *random = x;
    double gap = -logarithm(1 - fraction(mix(x))) * (double)sample_bytes;
    return gap < 0x1p62 ? (int64_t)gap : INT64_C(1) << 62;
}
