/*
 * libfuzzer.c: see libfuzzer.h.
 */
#define _GNU_SOURCE
#include "libfuzzer.h"

#include <dlfcn.h>
#include <string.h>

/* memcpy: a data pointer is not a function pointer in C, but in POSIX. */
#define FIND(field, name)                                                                          \
    do {                                                                                           \
        void *symbol = dlsym(handle, name);                                                        \
        if (symbol == NULL)                                                                        \
            return dlerror();                                                                      \
        memcpy(&libfuzzer->field, &symbol, sizeof(symbol));                                        \
    } while (0)

const char *
pykcov_libfuzzer_load(struct libfuzzer *libfuzzer, const char *path, bool own)
{
    /*
     * The core of pykcov exports functions of the same names to everybody, and libFuzzer shall find
     * its own: ours is linked so, others need DEEPBIND.
     */
    int deepbind = own ? 0 : RTLD_DEEPBIND;
    void *handle;

    if (deepbind && dlsym(RTLD_DEFAULT, "__asan_init") != NULL)
        return "below AddressSanitizer, which ends a process that uses RTLD_DEEPBIND, only "
               "pykcov's own runs";
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | deepbind);
    if (handle == NULL)
        return dlerror();
    FIND(run_driver, "LLVMFuzzerRunDriver");
    FIND(mutate, "LLVMFuzzerMutate");
    FIND(counters_init, "__sanitizer_cov_8bit_counters_init");
    FIND(pcs_init, "__sanitizer_cov_pcs_init");
    FIND(trace_cmp1, "__sanitizer_cov_trace_cmp1");
    FIND(trace_cmp2, "__sanitizer_cov_trace_cmp2");
    FIND(trace_cmp4, "__sanitizer_cov_trace_cmp4");
    FIND(trace_cmp8, "__sanitizer_cov_trace_cmp8");
    FIND(hook_memcmp, "__sanitizer_weak_hook_memcmp");
    FIND(hook_memmem, "__sanitizer_weak_hook_memmem");
    return NULL;
}
