/*
 * sites.h: calls from many places.
 *
 * libFuzzer tells comparisons apart by the return address of the call, of which it uses the lowest
 * nine bits (its map has 2^16 places, 128 of them for each). So there are 512 calls, each with
 * other lowest bits; 128 where instructions have four bytes.
 */
#ifndef PYKCOV_SITES_H
#define PYKCOV_SITES_H

#include <stdint.h>

#define SITE_BITS 9

/* call_from_site(): call a function of two integers from one of the places. */
#ifdef __x86_64__

/*
 * Each place is five bytes: push %rbx; call *%rax; pop %rbx; ret. Five is odd, so the return
 * addresses go through all values of the lowest bits. The push keeps the stack aligned.
 */
__asm__(".pushsection .text\n"
        ".balign 16\n"
        "pykcov_sites:\n"
        ".rept 512\n"
        ".byte 0x53, 0xff, 0xd0, 0x5b, 0xc3\n"
        ".endr\n"
        ".popsection\n");

extern const char pykcov_sites[] __attribute__((visibility("hidden")));

static inline void
call_from_site(unsigned site, void (*function)(void), uint64_t a, uint64_t b)
{
    const char *place = pykcov_sites + 5 * (site & ((1u << SITE_BITS) - 1));

    /* Below the stack pointer are 128 bytes that the compiler may use. */
    __asm__ volatile("movq %%rsp, %%r12\n\t"
                     "subq $128, %%rsp\n\t"
                     "andq $-16, %%rsp\n\t"
                     "call *%[place]\n\t"
                     "movq %%r12, %%rsp"
                     : "+a"(function), "+D"(a), "+S"(b)
                     : [place] "r"(place)
                     : "r12", "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc", "xmm0",
                       "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                       "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

#elif defined(__aarch64__)

/*
 * Each place is five instructions: a frame is made, x9 called, the frame removed. Instructions are
 * of four bytes and five is odd, so the return addresses go through all 128 values that the lowest
 * bits can have.
 */
__asm__(".pushsection .text\n"
        ".balign 16\n"
        "pykcov_sites:\n"
        ".rept 128\n"
        "stp x29, x30, [sp, #-16]!\n"
        "mov x29, sp\n"
        "blr x9\n"
        "ldp x29, x30, [sp], #16\n"
        "ret\n"
        ".endr\n"
        ".popsection\n");

extern const char pykcov_sites[] __attribute__((visibility("hidden")));

static inline void
call_from_site(unsigned site, void (*function)(void), uint64_t a, uint64_t b)
{
    register uint64_t first __asm__("x0") = a;
    register uint64_t second __asm__("x1") = b;
    register void (*called)(void) __asm__("x9") = function;
    register const char *place __asm__("x10") = pykcov_sites + 20 * (site & 127);

    __asm__ volatile("blr %[place]"
                     : "+r"(first), "+r"(second), "+r"(called), [place] "+r"(place)
                     :
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x11", "x12", "x13", "x14", "x15",
                       "x16", "x17", "x18", "x30", "memory", "cc", "v0", "v1", "v2", "v3", "v4",
                       "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15",
                       "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26",
                       "v27", "v28", "v29", "v30", "v31");
}

#else

/* One place for all: value profiles are coarser. */
static inline void
call_from_site(unsigned site, void (*function)(void), uint64_t a, uint64_t b)
{
    (void)site;
    ((void (*)(uint64_t, uint64_t))function)(a, b);
}

#endif

#endif
