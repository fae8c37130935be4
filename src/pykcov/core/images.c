#define _GNU_SOURCE
#include "images.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sancov.h"

#define BUILD_ID_MAX 64
#define LINE_BYTES (4 * PATH_MAX + 256) /* every byte of a path may become \ooo */

struct image {
    uintptr_t start, end, bias;
    bool instrumented;
    unsigned build_id_length;
    unsigned char build_id[BUILD_ID_MAX];
    char path[PATH_MAX];
};

/* An image that is loaded, as the log says. */
struct known {
    uint64_t hash;
    size_t number; /* of its line in the log */
    bool seen;     /* in the scan that goes on */
};

/*
 * Guards all that follows. Taken under the loader's lock, which dl_iterate_phdr holds, never the
 * other way round: while it is held nothing is called that takes the loader's.
 */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct known *known;
static size_t known_count, known_room;
static size_t numbers;                /* lines of images written */
static unsigned long long generation; /* of the loader, at the last scan */
static struct kcov_image_log *image_log;
static bool shared; /* image_log is mapped from a memfd, and so belongs to one process: */
static pid_t owner;

static void
attach(struct kcov_callbacks *slots)
{
    /* An object of another version has fewer slots, or more, which stay as they are. */
    size_t size = slots->size < kcov_own_callbacks.size ? slots->size : kcov_own_callbacks.size;
    size_t count = (size - offsetof(struct kcov_callbacks, trace_pc)) / sizeof(void *);
    void *const *own = (void *const *)&kcov_own_callbacks.trace_pc;
    void **slot = (void **)&slots->trace_pc;

    /* Other threads may be calling. */
    for (size_t i = 0; i < count; i++)
        __atomic_store_n(&slot[i], own[i], __ATOMIC_RELAXED);
}

static void
read_notes(struct image *image, const char *notes, size_t size, size_t align)
{
    size_t offset = 0;
    ElfW(Nhdr) header;

    while (offset + sizeof(header) <= size) {
        memcpy(&header, notes + offset, sizeof(header));
        size_t name = offset + sizeof(header);
        size_t descriptor = (name + header.n_namesz + align - 1) & ~(align - 1);
        if (descriptor + header.n_descsz > size)
            return;
        if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 &&
            memcmp(notes + name, "GNU", 4) == 0 && header.n_descsz <= BUILD_ID_MAX) {
            image->build_id_length = header.n_descsz;
            memcpy(image->build_id, notes + descriptor, header.n_descsz);
        }
        if (header.n_type == KCOV_NOTE_SLOTS && header.n_namesz == sizeof(KCOV_NOTE_OWNER) &&
            memcmp(notes + name, KCOV_NOTE_OWNER, sizeof(KCOV_NOTE_OWNER)) == 0 &&
            header.n_descsz == sizeof(int64_t)) {
            int64_t distance;
            memcpy(&distance, notes + descriptor, sizeof(distance));
            image->instrumented = true;
            attach(
                (struct kcov_callbacks *)((uintptr_t)(notes + descriptor) + (uintptr_t)distance));
        }
        offset = (descriptor + header.n_descsz + align - 1) & ~(align - 1);
    }
}

static void
describe(struct image *image, const struct dl_phdr_info *info)
{
    memset(image, 0, offsetof(struct image, path));
    image->start = UINTPTR_MAX;
    image->bias = info->dlpi_addr;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD) {
            if (start < image->start)
                image->start = start;
            if (start + header->p_memsz > image->end)
                image->end = start + header->p_memsz;
        } else if (header->p_type == PT_NOTE) {
            read_notes(image, (const char *)start, header->p_memsz, header->p_align == 8 ? 8 : 4);
        }
    }
}

static void
resolve_path(struct image *image, const char *name)
{
    char path[PATH_MAX];
    ssize_t length;

    if (name[0] != '\0') {
        /* Relative to a folder that the program may leave. */
        if (strchr(name, '/') == NULL || realpath(name, image->path) == NULL)
            snprintf(image->path, sizeof(image->path), "%s", name);
        return;
    }
    length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[length < 0 ? 0 : length] = '\0';
    snprintf(image->path, sizeof(image->path), "%s", path);
}

static uint64_t
hash_of(const struct image *image, const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (unsigned i = 0; i < image->build_id_length; i++)
        hash = (hash ^ image->build_id[i]) * UINT64_C(0x100000001b3);
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return hash ^ image->bias ^ image->end << 16;
}

/* Move the log to memory of its own: a memfd's, or (-1) the process's alone. */
static bool
move_log(int fd)
{
    int flags = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
    struct kcov_image_log *moved =
        mmap(NULL, KCOV_IMAGE_LOG_SIZE, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, fd, 0);

    if (moved == MAP_FAILED)
        return false;
    if (image_log != NULL) {
        memcpy(moved, image_log, sizeof(*image_log) + image_log->used);
        munmap(image_log, KCOV_IMAGE_LOG_SIZE);
    }
    moved->magic = KCOV_IMAGE_LOG_MAGIC;
    image_log = moved;
    shared = fd >= 0;
    owner = getpid();
    return true;
}

/* There is a log that may be written. In a forked child it is a copy: what it says holds there too.
 */
static bool
have_log(void)
{
    if (image_log == NULL || (shared && owner != getpid()))
        return move_log(-1);
    return true;
}

static void
append(const char *line, size_t length)
{
    if (!have_log())
        return;
    if (length > KCOV_IMAGE_LOG_SIZE - sizeof(*image_log) - image_log->used) {
        __atomic_fetch_add(&image_log->lost, 1, __ATOMIC_RELAXED);
        return;
    }
    memcpy(image_log->text + image_log->used, line, length);
    /* A reader never sees half a line, nor does one after a crash. */
    __atomic_store_n(&image_log->used, image_log->used + length, __ATOMIC_RELEASE);
}

static void
append_image(const struct image *image)
{
    static char line[LINE_BYTES]; /* too large for the stacks that this may run on */
    char *at = line + snprintf(line, sizeof(line), "+ %lx %lx %lx %c ", (unsigned long)image->start,
                               (unsigned long)image->end, (unsigned long)image->bias,
                               image->instrumented ? 'i' : '-');

    for (unsigned i = 0; i < image->build_id_length; i++)
        at += sprintf(at, "%02x", image->build_id[i]);
    if (image->build_id_length == 0)
        *at++ = '-';
    *at++ = ' ';
    for (const char *from = image->path; *from != '\0'; from++) {
        if (*from == '\n' || *from == '\\')
            at += sprintf(at, "\\%03o", *from);
        else
            *at++ = *from;
    }
    *at++ = '\n';
    append(line, (size_t)(at - line));
}

static void
append_gone(size_t number)
{
    char line[32];

    append(line, (size_t)snprintf(line, sizeof(line), "- %zx\n", number));
}

static void
note_image(struct image *image, const char *name)
{
    uint64_t hash = hash_of(image, name);

    for (size_t i = 0; i < known_count; i++) {
        if (known[i].hash == hash) {
            known[i].seen = true;
            return;
        }
    }
    if (known_count == known_room) {
        size_t room = known_room ? 2 * known_room : 64;
        struct known *grown = realloc(known, room * sizeof(*known));
        if (grown == NULL)
            return; /* the next scan tries again */
        known = grown;
        known_room = room;
    }
    known[known_count++] = (struct known){hash, numbers++, true};
    resolve_path(image, name);
    append_image(image);
}

static int
visit(struct dl_phdr_info *info, size_t size, void *context)
{
    static struct image image; /* too large for the stacks that this may run on */
    bool *locked = context;
    (void)size;

    if (!*locked) {
        pthread_mutex_lock(&mutex);
        *locked = true;
        if (generation == info->dlpi_adds + info->dlpi_subs)
            return 1;
        generation = info->dlpi_adds + info->dlpi_subs;
        for (size_t i = 0; i < known_count; i++)
            known[i].seen = false;
    }
    describe(&image, info);
    if (image.start < image.end)
        note_image(&image, info->dlpi_name);
    return 0;
}

void
kcov_images_scan(void)
{
    bool locked = false;

    if (dl_iterate_phdr(visit, &locked) == 0) {
        for (size_t i = 0; i < known_count;) {
            if (known[i].seen) {
                i++;
            } else {
                append_gone(known[i].number);
                known[i] = known[--known_count];
            }
        }
    }
    if (locked)
        pthread_mutex_unlock(&mutex);
}

void
kcov_attach_image(struct kcov_callbacks *slots)
{
    attach(slots);
    kcov_images_scan();
}

char *
kcov_images_text(size_t *length, uint64_t *lost)
{
    char *text = NULL;

    pthread_mutex_lock(&mutex);
    if (have_log() && (text = malloc(image_log->used + 1)) != NULL) {
        *length = image_log->used;
        *lost = image_log->lost;
        memcpy(text, image_log->text, image_log->used);
    }
    pthread_mutex_unlock(&mutex);
    return text;
}

int
kcov_images_share(void)
{
    int fd = memfd_create("pykcov images", MFD_CLOEXEC);

    if (fd < 0)
        return -1;
    pthread_mutex_lock(&mutex);
    errno = EBUSY;
    if ((shared && owner == getpid()) || ftruncate(fd, KCOV_IMAGE_LOG_SIZE) != 0 || !move_log(fd)) {
        int error = errno;
        pthread_mutex_unlock(&mutex);
        close(fd);
        errno = error;
        return -1;
    }
    pthread_mutex_unlock(&mutex);
    return fd;
}

static void
before_fork(void)
{
    pthread_mutex_lock(&mutex);
}

static void
after_fork(void)
{
    pthread_mutex_unlock(&mutex);
}

bool
kcov_images_publish(void)
{
    static bool prepared;
    Dl_info core;

    if (!prepared)
        prepared = pthread_atfork(before_fork, after_fork, after_fork) == 0;

    /* NODELETE: slots and other objects hold our addresses for good. */
    return prepared && dladdr(&kcov_own_callbacks, &core) != 0 &&
           dlopen(core.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_GLOBAL | RTLD_NODELETE) != NULL;
}

const char *
kcov_images_owner(bool *own)
{
    Dl_info core, found;
    void *address = dlsym(RTLD_DEFAULT, "__sanitizer_cov_trace_pc");

    *own = false;
    if (address == NULL || dladdr(address, &found) == 0)
        return NULL;
    *own = dladdr(&kcov_own_callbacks, &core) != 0 && core.dli_fbase == found.dli_fbase;
    return found.dli_fname;
}
