/* A disk that fails, stands still or is slow when a test says so: loaded before the server's C library (LD_PRELOAD). While the
 * file named by HEADROOM_TEST_DISK is there, its text says what happens to a flush of a file whose name ends as given:
 * "-wal fails", "headroom.db fails", "-wal stands", "-wal 1000" (each flush takes so many microseconds more). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_fault(char *ending, char *fault) {
    const char *control = getenv("HEADROOM_TEST_DISK");
    char text[128] = {0};
    int file = control ? open(control, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    return length > 0 && sscanf(text, "%63s %63s", ending, fault) == 2;
}

static int ends_with(int file, const char *ending) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path);
    size_t wanted = strlen(ending);
    return length >= (ssize_t)wanted && memcmp(path + length - wanted, ending, wanted) == 0;
}

static int flush(int file, const char *name) {
    char ending[64], fault[64];
    int (*of_the_system)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    while (read_fault(ending, fault) && ends_with(file, ending)) {
        if (strcmp(fault, "fails") == 0) {
            errno = EIO;
            return -1;
        }
        long later = strtol(fault, NULL, 10);
        if (later > 0) {
            int result = of_the_system(file);
            usleep(later);
            return result;
        }
        usleep(10000);
    }
    return of_the_system(file);
}

int fdatasync(int file) { return flush(file, "fdatasync"); }
int fsync(int file) { return flush(file, "fsync"); }
