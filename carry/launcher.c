/*
 * The beginning of the one-file executable: starts the Python that a zip behind this program holds.
 *
 * Linked statically, so that it needs nothing of the system but the kernel and /proc. The libraries, the dynamic
 * loader among them, are put into memory files (memfd_create(2)), which no mount option makes unfit for execution,
 * so nothing is unpacked to any disk. Where the kernel is told to refuse such (vm.memfd_noexec=2), unnamed files
 * (O_TMPFILE) in the directories of `places` are tried instead. Then the loader itself is executed, with the libraries
 * as --preload: it finds each by its soname, and looks into no cache or directory of the system.
 *
 * The zip's members `native/` are those files, stored without compression: first the loader, then the interpreter, then
 * the libraries. Python imports from the zip by way of a descriptor, so that the file may be replaced while it runs;
 * carry/inside.py, there called `carried`, is the first that it runs. What it must know is in C8YBIN_CARRY,
 * in lines: the directory of those unnamed files or nothing, the descriptor of this file, those of what was unpacked.
 *
 * Source: ld.so(8), memfd_create(2), the ZIP application note 4.3.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3 */
#endif

enum {
    MOST_LIBRARIES = 32,
    END_BYTES = 22,   /* of the zip's end record, which has no comment here */
    ENTRY_BYTES = 46, /* of the fixed part of an entry of its directory */
    LOCAL_BYTES = 30, /* of the fixed part of what stands before a member */
};

static const char FOLDER[] = "native/";

static _Noreturn void give_up(const char *sentence, int error)
{
    fprintf(stderr, "c8ybin: %s", sentence);
    fprintf(stderr, error ? " (%s).\n" : ".\n", strerror(error));
    exit(2);
}

static uint16_t two(const unsigned char *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t four(const unsigned char *at)
{
    return two(at) | (uint32_t)two(at + 2) << 16;
}

static void read_at(int file, void *into, size_t length, off_t from)
{
    if (pread(file, into, length, from) != (ssize_t)length)
        give_up("this file is not whole; copy it once more", 0);
}

/* Tells whether what is in a file may be executed, which a mount option or the kernel may forbid. */
static int may_execute(int file)
{
    void *page = mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    if (page == MAP_FAILED)
        return 0;
    munmap(page, 1);
    return 1;
}

/* Where files that may be executed are made: a directory, or nothing for memory. */
static const char *place = "";

/* Returns a new empty file whose content may be executed. */
static int executable_file(const char *name)
{
    const char *places[] = {getenv("TMPDIR"), "/dev/shm", "/run", "/tmp", "/var/tmp", "/var/lib/c8ybin", "."};
    int file = (int)syscall(SYS_memfd_create, name, MFD_EXEC);
    if (file < 0 && errno == EINVAL)
        file = (int)syscall(SYS_memfd_create, name, 0); /* before Linux 6.3 */
    for (size_t i = 0; i <= sizeof places / sizeof *places; i++) {
        if (file >= 0) {
            if (ftruncate(file, 1) == 0 && may_execute(file) && ftruncate(file, 0) == 0)
                return file;
            close(file);
            file = -1;
        }
        if (i < sizeof places / sizeof *places && places[i])
            file = open(place = places[i], O_TMPFILE | O_RDWR, 0700);
    }
    give_up("this system lets no file in memory be executed (vm.memfd_noexec), nor any in TMPDIR, /dev/shm, /run, "
            "/tmp, /var/tmp, /var/lib/c8ybin or the current directory; set TMPDIR to a directory that is not mounted noexec",
            0);
}

/* Copies a stored member into a file that may be executed. */
static int unpacked(int self, const unsigned char *entry, const char *name)
{
    unsigned char local[LOCAL_BYTES];
    off_t from = four(entry + 42);
    size_t left = four(entry + 24);
    if (two(entry + 10) != 0)
        give_up("a library in this file is compressed; build it with scripts/build", 0);
    read_at(self, local, sizeof local, from);
    from += LOCAL_BYTES + two(local + 26) + two(local + 28);
    int file = executable_file(name);
    while (left > 0) {
        ssize_t moved = sendfile(file, self, &from, left);
        if (moved <= 0)
            give_up("there is not enough memory to start", moved < 0 ? errno : 0);
        left -= (size_t)moved;
    }
    /* What is open for writing is not executed (ETXTBSY). */
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int readable = open(path, O_RDONLY);
    if (readable < 0)
        give_up("what was unpacked cannot be opened; mount /proc", errno);
    close(file);
    return readable;
}

/* Puts all of `native/` into memory; returns how many there are. */
static int unpack(int self, int files[MOST_LIBRARIES])
{
    struct stat told;
    unsigned char end[END_BYTES];
    if (fstat(self, &told) != 0)
        give_up("this file cannot be read", errno);
    read_at(self, end, sizeof end, told.st_size - END_BYTES);
    size_t length = four(end + 12);
    if (memcmp(end, "PK\5\6", 4) != 0)
        give_up("this file is not whole; copy it once more", 0);
    unsigned char *directory = malloc(length);
    if (!directory)
        give_up("there is not enough memory to start", errno);
    read_at(self, directory, length, four(end + 16));
    int count = 0;
    for (size_t at = 0; at + ENTRY_BYTES <= length;) {
        const unsigned char *entry = directory + at;
        size_t name_length = two(entry + 28);
        const char *path = (const char *)entry + ENTRY_BYTES;
        at += ENTRY_BYTES + name_length + two(entry + 30) + two(entry + 32);
        if (at > length || name_length < sizeof FOLDER || memcmp(path, FOLDER, sizeof FOLDER - 1) != 0)
            continue;
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(name_length - sizeof FOLDER + 1), path + sizeof FOLDER - 1);
        if (count == MOST_LIBRARIES)
            give_up("this file holds too many libraries; build it with scripts/build", 0);
        files[count++] = unpacked(self, entry, name);
    }
    free(directory);
    return count;
}

/* What the caller's environment says to Python or to the dynamic loader is not meant for the ones in here. */
static void clean_environment(void)
{
    for (char **each = environ; *each;) {
        if (strncmp(*each, "PYTHON", 6) == 0 || strncmp(*each, "LD_", 3) == 0) {
            char name[256];
            snprintf(name, sizeof name, "%.*s", (int)strcspn(*each, "="), *each);
            if (unsetenv(name) == 0) {
                each = environ;
                continue;
            }
        }
        each++;
    }
}

int main(int argc, char **argv)
{
    int files[MOST_LIBRARIES];
    char zip[32], interpreter[32], told[PATH_MAX + 16 * MOST_LIBRARIES], preload[32 * MOST_LIBRARIES];
    size_t told_end, preload_end = 0;
    int self = open("/proc/self/exe", O_RDONLY);
    if (self < 0)
        give_up("/proc/self/exe cannot be read; mount /proc, and let whoever starts this file read it", errno);
    int count = unpack(self, files);
    if (count < 3)
        give_up("this file holds no Python; build it with scripts/build", 0);

    snprintf(zip, sizeof zip, "/proc/self/fd/%d", self);
    snprintf(interpreter, sizeof interpreter, "/proc/self/fd/%d", files[1]);
    told_end = (size_t)snprintf(told, sizeof told, "%s\n%d", place, self);
    for (int i = 0; i < count; i++) {
        told_end += (size_t)snprintf(told + told_end, sizeof told - told_end, "\n%d", files[i]);
        if (i >= 2)
            preload_end += (size_t)snprintf(preload + preload_end, sizeof preload - preload_end, "%s/proc/self/fd/%d",
                                            i > 2 ? ":" : "", files[i]);
    }
    clean_environment();
    setenv("C8YBIN_CARRY", told, 1);
    setenv("PYTHONHOME", zip, 1);
    setenv("PYTHONPATH", zip, 1);

    char *before[] = {argc ? argv[0] : "c8ybin", "--inhibit-cache", "--argv0", argc ? argv[0] : "c8ybin",
                      "--preload", preload, interpreter, "-sSPB", "-X", "utf8", "-c", "import carried"};
    size_t many = sizeof before / sizeof *before;
    char **all = calloc(many + (size_t)argc + 1, sizeof *all);
    if (!all)
        give_up("there is not enough memory to start", errno);
    memcpy(all, before, sizeof before);
    if (argc > 1)
        memcpy(all + many, argv + 1, (size_t)(argc - 1) * sizeof *all);
    syscall(SYS_execveat, files[0], "", all, environ, AT_EMPTY_PATH);
    give_up("the Python in this file cannot be started", errno);
}
