/*
 * images.h: the executable and the shared objects of the process: which ones there are and were,
 * for whoever reads native pcs; and how those that were built for pykcov get to the core's
 * callbacks.
 */
#ifndef KCOV_IMAGES_H
#define KCOV_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The log: what was seen, in order. Text, so that it reads as it is; shared, so that it can be read
 * after a crash. Numbers are hexadecimal; newline and backslash in a path are \012 and \134.
 *   + start end bias flag build-id path   an image is there: its addresses; what to subtract from
 * one to get an address as the file has them; i if it has slots, else -; - without a build-id
 *   - number                              the image of the so manieth line with a +, from 0, is
 * gone
 */
#define KCOV_IMAGE_LOG_MAGIC UINT64_C(0x676d69766f636b) /* "kcovimg" */
#define KCOV_IMAGE_LOG_SIZE (4 << 20) /* bytes, of which a page is used for some twenty images */

struct kcov_image_log {
    uint64_t magic;
    uint64_t used; /* atomic: bytes of text */
    uint64_t lost; /* atomic: lines that did not fit */
    char text[];
};

/* Look at what is loaded now: note it in the log, fill in slots. Any thread, also while it loads an
 * object. */
void kcov_images_scan(void);

/* A copy of the log's text, to be freed, and how many lines did not fit. NULL without memory. */
char *kcov_images_text(size_t *length, uint64_t *lost);

/* From now on the log is in a memfd; its descriptor (the caller's), or -1 and errno. Once: EBUSY
 * afterwards. */
int kcov_images_share(void);

/* Put the core into the global scope, where objects without slots look. False: that did not work.
 */
bool kcov_images_publish(void);

/* The path of the object that owns __sanitizer_cov_trace_pc in the global scope, NULL if none; is
 * it the core? */
const char *kcov_images_owner(bool *own);

#endif
