/*
 * Hand-made pprof files for tests: raw protocol buffer fields, right or wrong at will.
 */
#ifndef PROFTOP_TESTS_PPROF_BYTES_H
#define PROFTOP_TESTS_PPROF_BYTES_H

#include <glib.h>
#include <stdint.h>
#include <string.h>

static inline void put_raw_varint(GByteArray *out, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)(value & 0x7f);
        value >>= 7;
        if (value)
            byte |= 0x80;
        g_byte_array_append(out, &byte, 1);
    } while (value);
}

static inline void put_varint(GByteArray *out, uint32_t field, uint64_t value)
{
    put_raw_varint(out, (uint64_t)field << 3);
    put_raw_varint(out, value);
}

static inline void put_bytes(GByteArray *out, uint32_t field, const void *data, size_t size)
{
    put_raw_varint(out, (uint64_t)field << 3 | 2);
    put_raw_varint(out, size);
    g_byte_array_append(out, data, (guint)size);
}

static inline void put_text(GByteArray *out, const char *text)
{
    put_bytes(out, 6, text, strlen(text));
}

/* A message of varint fields: pairs of field and value, ended by field 0. */
static inline void put_message(GByteArray *out, uint32_t field, const uint64_t *pairs)
{
    GByteArray *message = g_byte_array_new();
    for (; pairs[0]; pairs += 2)
        put_varint(message, (uint32_t)pairs[0], pairs[1]);
    put_bytes(out, field, message->data, message->len);
    g_byte_array_unref(message);
}

#define PUT(out, field, ...) put_message(out, field, (const uint64_t[]){__VA_ARGS__, 0})

/* A location with one line. */
static inline void put_location(GByteArray *out, const uint64_t *pairs, uint64_t function,
                                uint64_t line)
{
    GByteArray *message = g_byte_array_new();
    for (; pairs[0]; pairs += 2)
        put_varint(message, (uint32_t)pairs[0], pairs[1]);
    PUT(message, 4, 1, function, 2, line);
    put_bytes(out, 4, message->data, message->len);
    g_byte_array_unref(message);
}

static const char *const pprof_texts[] = {
    "",     "samples", "count", "cpu", "nanoseconds", "/bin/app",
    "work", "app.c",   "main",  "tid", "0123abcd",    "a comment",
};

/* A small valid CPU profile as another writer would make it: two samples, main calls work. */
static inline GByteArray *small_profile(void)
{
    GByteArray *out = g_byte_array_new();
    PUT(out, 1, 1, 1, 2, 2);
    PUT(out, 1, 1, 3, 2, 4);
    PUT(out, 2, 1, 1, 1, 2, 2, 3, 2, 30000000);
    PUT(out, 2, 1, 2, 2, 1, 2, 10000000);
    PUT(out, 3, 1, 1, 2, 0x400000, 3, 0x500000, 4, 0, 5, 5, 6, 10);
    put_location(out, (const uint64_t[]){1, 1, 2, 1, 3, 0x401000, 0}, 1, 12);
    put_location(out, (const uint64_t[]){1, 2, 2, 1, 3, 0x402000, 0}, 2, 34);
    PUT(out, 5, 1, 1, 2, 6, 3, 6, 4, 7, 5, 10);
    PUT(out, 5, 1, 2, 2, 8, 3, 8, 4, 7, 5, 30);
    for (size_t i = 0; i < G_N_ELEMENTS(pprof_texts); i++)
        put_text(out, pprof_texts[i]);
    put_varint(out, 9, 1700000000000000000);
    put_varint(out, 10, 5000000000);
    put_varint(out, 13, 11);
    return out;
}

#endif
