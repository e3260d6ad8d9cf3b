/* A library to be preloaded: of the file calls on what lies under a folder, the n-th fails, or a copy of the folder is
   made there, half-way through where it writes: what a process leaves that is killed at that place. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[4096], copying[9000];
static int nth, error, seen, armed;

/* From now on, n counts from 1. failure is an errno, or 0 for a copy of `where` to `copy`. n = 0 only counts. */
void nth_call_arm(const char *where, int n, int failure, const char *copy) {
    strcpy(folder, where), sprintf(copying, "cp -a '%s' '%s'", where, copy);
    nth = n, error = failure, seen = 0, armed = 1;
}

int nth_call_disarm(void) { armed = 0; return seen; }

static int fails(const char *path) {
    if (!armed || strncmp(path, folder, strlen(folder)) || __sync_add_and_fetch(&seen, 1) != nth) return 0;
    if (error) { errno = error; return 1; }
    armed = 0;
    if (system(copying)) abort();
    return 0;
}

static const char *path_of(int fd, const char *name, char *path) {
    char link[64];
    if (fd == AT_FDCWD || (name && *name == '/')) return name;
    sprintf(link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, 2000);
    sprintf(path + (length < 0 ? 0 : length), name ? "/%s" : "%s", name ? name : "");
    return path;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define FAILS_AT(fd, name) ({ int e = errno; char p[4096]; const char *q = path_of(fd, name, p); \
                              errno = e; fails(q); })
#define OPEN(name, last, ...) { REAL(name); va_list args; va_start(args, last); int mode = va_arg(args, int); \
                                va_end(args); return fails_open ? -1 : real(__VA_ARGS__, mode); }
#define fails_open fails(path)
int open(const char *path, int flags, ...) OPEN(open, flags, path, flags)
int open64(const char *path, int flags, ...) OPEN(open64, flags, path, flags)
#undef fails_open
#define fails_open FAILS_AT(at, path)
int openat(int at, const char *path, int flags, ...) OPEN(openat, flags, at, path, flags)
int openat64(int at, const char *path, int flags, ...) OPEN(openat64, flags, at, path, flags)
FILE *fopen(const char *path, const char *mode) { REAL(fopen); return fails(path) ? NULL : real(path, mode); }
FILE *fopen64(const char *path, const char *mode) { REAL(fopen64); return fails(path) ? NULL : real(path, mode); }

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    size_t half = armed && !error && seen + 1 == nth ? size / 2 : 0;
    if (half && real(fd, data, half) != (ssize_t)half) return -1;
    if (FAILS_AT(fd, NULL)) return -1;
    ssize_t rest = real(fd, (const char *)data + half, size - half);
    return rest < 0 ? rest : rest + (ssize_t)half;
}
size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
    REAL(fwrite);
    size_t half = size == 1 && armed && !error && seen + 1 == nth ? count / 2 : 0;
    if (half && (real(data, 1, half, file) != half || fflush(file))) return 0;
    return FAILS_AT(fileno(file), NULL) ? 0 : half + real((const char *)data + half * size, size, count - half, file);
}
int fflush(FILE *file) { REAL(fflush); return file && FAILS_AT(fileno(file), NULL) ? EOF : real(file); }
int fclose(FILE *file) { REAL(fclose); int failed = FAILS_AT(fileno(file), NULL), e = errno;
                         int status = real(file); if (failed) errno = e; return failed ? EOF : status; }
int fsync(int fd) { REAL(fsync); return FAILS_AT(fd, NULL) ? -1 : real(fd); }
int rename(const char *from, const char *to) { REAL(rename); return fails(to) ? -1 : real(from, to); }
int unlink(const char *path) { REAL(unlink); return fails(path) ? -1 : real(path); }
int unlinkat(int at, const char *path, int flags) { REAL(unlinkat); return FAILS_AT(at, path) ? -1 : real(at, path, flags); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); return fails(path) ? -1 : real(path, mode); }
int rmdir(const char *path) { REAL(rmdir); return fails(path) ? -1 : real(path); }
