/*
 * seen.c: see seen.h.
 */
#include "seen.h"

#include <string.h>

void
pykcov_seen_note(const struct seen *seen, const uint8_t *counters, size_t count)
{
    if (count > seen->count)
        count = seen->count;
    for (size_t i = 0; i < count; i += sizeof(uint64_t)) {
        size_t end = i + sizeof(uint64_t) < count ? i + sizeof(uint64_t) : count;
        uint64_t eight = 0;

        memcpy(&eight, counters + i, end - i);
        if (eight == 0)
            continue; /* most are */
        for (size_t each = i; each < end; each++)
            if (counters[each] != 0 && seen->bytes[each] < SEEN_MAX)
                seen->bytes[each]++;
    }
}
