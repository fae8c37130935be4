/*
 * handle.h: what a handle is. For handle.c and section.c; the face for others is remote.h.
 */
#ifndef KCOV_HANDLE_H
#define KCOV_HANDLE_H

#include "remote.h"

struct kcov_handle {
    struct kcov_key key;          /* [I] */
    enum kcov_handle_state state; /* [L] */
    unsigned sections; /* [L] effective ones. While there are any, the device stays the same */
    struct kcov_device *device;        /* [L] */
    struct kcov_sleeper *draining;     /* [L] until the last section is left */
    struct kcov_sleeper *awaiting_end; /* [L] until the handle is gone */
    struct kcov_handle *next;          /* [L] in its chain */
    bool ending;                       /* [L] it waits for threads that follow its device, */
    struct kcov_handle *next_ending;   /* [L] with these */
};

/*
 * A section was left, or there was none: if nobody works for the device any more, do what waits for
 * that, and wake. The handle may be gone afterwards.
 */
void kcov_handle_left(struct kcov_handle *handle);

#endif
