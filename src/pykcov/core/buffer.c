/*
 * buffer.c: see buffer.h.
 */
#define _GNU_SOURCE
#define KCOV_CORE
#include "buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace.h"

#define MEMFD_NAME "kcov"
#define NOT_EXECUTABLE 8u /* MFD_NOEXEC_SEAL, which older headers lack */
#define MEMFD_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

_Static_assert(sizeof(struct kcov_info) <= KCOV_PAGE, "the information page is one page");

int
kcov_memfd_open(int *fd)
{
    /* Linux before 6.3 cannot be told that a buffer is not to be run; later ones may insist. */
    *fd = memfd_create(MEMFD_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | NOT_EXECUTABLE);
    if (*fd < 0 && errno == EINVAL)
        *fd = memfd_create(MEMFD_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return *fd < 0 ? errno : 0;
}

static int
map(struct kcov_buffer **buffer, int fd, uint64_t nmemb, bool writable)
{
    size_t size = KCOV_INFO_OFFSET(nmemb) + KCOV_PAGE;
    struct kcov_buffer *new = malloc(sizeof(*new));
    void *base;

    if (new == NULL)
        return ENOMEM;
    base = mmap(NULL, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        int error = errno;
        free(new);
        return error;
    }
    atomic_init(&new->references, 1);
    new->words = base;
    new->info = (struct kcov_info *)((char *)base + KCOV_INFO_OFFSET(nmemb));
    new->nmemb = nmemb;
    new->size = size;
    new->writable = writable;
    new->foreign = false;
    *buffer = new;
    return 0;
}

int
kcov_buffer_from_driver(struct kcov_buffer **buffer, int fd, uint64_t nmemb)
{
    struct kcov_buffer *new = calloc(1, sizeof(*new));
    struct kcov_info *info = calloc(1, sizeof(*info));
    void *base = MAP_FAILED;
    int error = ENOMEM;

    if (new != NULL && info != NULL) {
        base = mmap(NULL, nmemb * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        error = errno;
    }
    if (base == MAP_FAILED) {
        free(new);
        free(info);
        return error;
    }
    *new = (struct kcov_buffer){
        .references = 1,
        .words = base,
        .info = info,
        .nmemb = nmemb,
        .size = nmemb * sizeof(uint64_t),
        .writable = true,
        .foreign = true,
    };
    *buffer = new;
    return 0;
}

int
kcov_buffer_create(struct kcov_buffer **buffer, int fd, uint64_t nmemb)
{
    int error = 0;

    if (ftruncate(fd, (off_t)KCOV_INFO_OFFSET(nmemb) + KCOV_PAGE) != 0)
        return errno;
    error = map(buffer, fd, nmemb, true);
    if (error == 0 && fcntl(fd, F_ADD_SEALS, MEMFD_SEALS) != 0) {
        error = errno;
        kcov_buffer_release(*buffer);
    }
    if (error != 0) {
        /* Empty again, so that the caller may try a smaller one. */
        return ftruncate(fd, 0) == 0 ? error : errno;
    }
    (*buffer)->info->version = KCOV_INFO_VERSION;
    (*buffer)->info->nmemb = nmemb;
    (*buffer)->info->magic = KCOV_INFO_MAGIC;
    return 0;
}

int
kcov_buffer_from_fd(struct kcov_buffer **buffer, int fd, bool writable)
{
    struct stat status;
    struct kcov_info info;
    int seals = fcntl(fd, F_GET_SEALS);

    if (fstat(fd, &status) != 0)
        return errno;
    /* Without the seals, whoever holds the other end could cut the file off under our feet. */
    if (seals < 0 || (seals & MEMFD_SEALS) != MEMFD_SEALS || status.st_size < 2 * KCOV_PAGE)
        return EINVAL;
    if (pread(fd, &info, sizeof(info), status.st_size - KCOV_PAGE) != (ssize_t)sizeof(info))
        return EINVAL;
    if (info.magic != KCOV_INFO_MAGIC || info.version != KCOV_INFO_VERSION || info.nmemb < 1 ||
        info.nmemb > KCOV_BUFFER_WORDS_MAX ||
        (off_t)(KCOV_INFO_OFFSET(info.nmemb) + KCOV_PAGE) != status.st_size)
        return EINVAL;
    return map(buffer, fd, info.nmemb, writable);
}

/* Before it has a buffer, a memfd can be told by its name alone. */
static bool
is_empty_device(int fd)
{
    static const char wanted[] = "/memfd:" MEMFD_NAME " (deleted)";
    char path[64];
    char name[sizeof(wanted)];
    struct stat status;

    if (fstat(fd, &status) != 0 || status.st_size != 0 || fcntl(fd, F_GET_SEALS) < 0)
        return false;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return readlink(path, name, sizeof(name)) == (ssize_t)sizeof(wanted) - 1 &&
           memcmp(name, wanted, sizeof(wanted) - 1) == 0;
}

bool
kcov_is_device(int fd)
{
    struct kcov_buffer *buffer;

    if (kcov_buffer_from_fd(&buffer, fd, false) != 0)
        return is_empty_device(fd);
    kcov_buffer_release(buffer);
    return true;
}

/*
 * The thread that traces need not see another's write to word 0 while its own are under way: it may
 * put back what it had counted, and go on from there (kcov_claim_alone). Then the count is soon no
 * less than before. That takes far less time than so many looks.
 */
#define LOOKS 2000

void
kcov_buffer_reset(struct kcov_buffer *buffer)
{
    uint64_t before, now = 0;

    if (kcov_attached_trace()->words == buffer->words) {
        atomic_store(&buffer->words[0], 0);
        return;
    }
    do {
        before = atomic_exchange(&buffer->words[0], 0);
        for (int i = 0; i < LOOKS && before != 0; i++)
            now = atomic_load(&buffer->words[0]);
    } while (before != 0 && now >= before);
}

bool
kcov_buffer_begin_alone(struct kcov_buffer *buffer)
{
    struct kcov_info *info = buffer->info;

    __atomic_store_n(&info->alone, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&info->borrowed, __ATOMIC_SEQ_CST) == 0)
        return true;
    kcov_buffer_end_alone(buffer);
    return false;
}

void
kcov_buffer_end_alone(struct kcov_buffer *buffer)
{
    __atomic_store_n(&buffer->info->alone, 0, __ATOMIC_SEQ_CST);
}

int
kcov_buffer_join(struct kcov_buffer *buffer)
{
    struct kcov_info *info = buffer->info;

    __atomic_store_n(&info->borrowed, 1, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&info->alone, __ATOMIC_SEQ_CST) == 0 ? 0 : EBUSY;
}

void
kcov_buffer_reference(struct kcov_buffer *buffer)
{
    atomic_fetch_add_explicit(&buffer->references, 1, memory_order_relaxed);
}

void
kcov_buffer_release(struct kcov_buffer *buffer)
{
    if (atomic_fetch_sub_explicit(&buffer->references, 1, memory_order_acq_rel) > 1)
        return;
    munmap((void *)buffer->words, buffer->size);
    if (buffer->foreign)
        free(buffer->info);
    free(buffer);
}
