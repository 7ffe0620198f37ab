/* SPDX-License-Identifier: Apache-2.0 */
#include "shared.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* The kernel's numbers, where libc's headers are older than they. */
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static int open_file(const char *name)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    /* Never a program: some systems refuse files that could be one. Kernels before 6.3 do not know
     * the flag. */
    int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, flags);
    return fd;
}

/* A limit on the size of files (ulimit -f) is one of memory files, too; what goes beyond it is told by a
 * signal of this thread as well, which would end the program. */
static int set_size(int file, size_t size)
{
    sigset_t told, before;
    int state, error;

    sigemptyset(&told);
    sigaddset(&told, SIGXFSZ);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_sigmask(SIG_BLOCK, &told, &before);
    error = ftruncate(file, (off_t)size) == 0 ? 0 : errno;
    if (error == EFBIG && !sigismember(&before, SIGXFSZ))
        sigtimedwait(&told, NULL, &(struct timespec){.tv_sec = 0});
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_setcancelstate(state, &state);
    return error;
}

static int map(int fd, size_t size, int protection, void **pages)
{
    void *start = mmap(NULL, size, protection, MAP_SHARED, fd, 0);

    if (start == MAP_FAILED)
        return errno;
    if (madvise(start, size, MADV_DONTFORK) != 0) {
        int error = errno;

        munmap(start, size);
        return error;
    }
    *pages = start;
    return 0;
}

int tn_shared_new(const char *name, size_t size, bool readers_only, int *fd, void **pages)
{
    int seals = SIZE_SEALS | F_SEAL_SEAL | (readers_only ? F_SEAL_FUTURE_WRITE : 0);
    int error;

    *fd = -1;
    *pages = NULL;
    if (size == 0)
        return EINVAL;
    if (size > INT64_MAX)
        return EFBIG;
    int file = open_file(name);
    if (file < 0)
        return errno;
    error = set_size(file, size);
    /* Mapped before it is sealed against mappings that write. */
    if (error == 0)
        error = map(file, size, PROT_READ | PROT_WRITE, pages);
    if (error == 0 && fcntl(file, F_ADD_SEALS, seals) != 0) {
        error = errno;
        tn_shared_unmap(*pages, size);
        *pages = NULL;
    }
    if (error != 0)
        tn_fd_close(file);
    else
        *fd = file;
    return error;
}

int tn_shared_map(int fd, size_t size, bool writable, void **pages)
{
    struct stat status;
    int seals;

    *pages = NULL;
    if (size == 0)
        return EINVAL;
    seals = fcntl(fd, F_GET_SEALS);
    /* EINVAL: a file of a kind that has no seals. */
    if (seals < 0)
        return errno == EINVAL ? EPERM : errno;
    if ((seals & SIZE_SEALS) != SIZE_SEALS)
        return EPERM;
    if (fstat(fd, &status) != 0)
        return errno;
    if ((uintmax_t)status.st_size < size)
        return EINVAL;
    return map(fd, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, pages);
}

void tn_shared_unmap(void *pages, size_t size)
{
    munmap(pages, size);
}
