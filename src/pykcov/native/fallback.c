/*
 * fallback.c: the callbacks that the compiler calls, for every object that `pykcov cflags` and
 * `pykcov cc` link. Each is a jump through a slot that the core fills in (callbacks.h); until then,
 * and without pykcov, it does nothing.
 *
 * Why not leave the names open, for the dynamic linker to find the core's? Without pykcov the first
 * call would end the process. Why not weak definitions that the core's take precedence over? An
 * object with a version script (every cdylib of Rust) or -Bsymbolic binds to its own, and so does
 * one that was loaded before pykcov.
 *
 * All is weak: the file may be linked twice, by CFLAGS and by LDFLAGS.
 */
#include "../core/callbacks.h"

#define HIDDEN __attribute__((weak, visibility("hidden")))

#pragma GCC diagnostic ignored "-Wunused-parameter"
#define NOTHING(name, parameters, arguments)                                                       \
    static void nothing_##name parameters                                                          \
    {                                                                                              \
    }
KCOV_CALLBACKS(NOTHING)

/* On cache lines of their own: what the object writes beside them would slow every event down. */
#define SLOT(name, parameters, arguments) .name = nothing_##name,
HIDDEN __attribute__((aligned(128))) struct kcov_callbacks pykcov_slots = {
    .size = sizeof(struct kcov_callbacks), KCOV_CALLBACKS(SLOT)};

/* With -O2 a jump, no call: the return address is what is recorded, and must stay that of the
 * caller. */
#define JUMP(name, parameters, arguments)                                                          \
    HIDDEN void __sanitizer_cov_##name parameters                                                  \
    {                                                                                              \
        pykcov_slots.name arguments;                                                               \
    }
KCOV_CALLBACKS(JUMP)

#pragma weak kcov_attach_image

/* Early, so that the object's own constructors are seen. */
__attribute__((constructor(101))) static void
attach(void)
{
    if (kcov_attach_image)
        kcov_attach_image(&pykcov_slots);
}

/* clang-format off */
__asm__(".pushsection .note.pykcov, \"a\", %note\n"
        ".balign 4\n"
        ".4byte 7, 8, 1\n" /* bytes of owner and descriptor, KCOV_NOTE_SLOTS */
        ".asciz \"pykcov\"\n"
        ".balign 4\n"
        "0: .8byte pykcov_slots - 0b\n"
        ".popsection\n");
