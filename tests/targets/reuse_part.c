/* One of the two libraries of dlclose_reuse.c: the same bytes but for the name of the function,
 * -DPART=name. */
#include <stdint.h>

uint64_t PART(uint64_t value);

__attribute__((noipa)) uint64_t PART(uint64_t value)
{
    for (int i = 0; i < 1000000; i++)
        value = value * 2862933555777941757u + 3037000493u;
    return value;
}
