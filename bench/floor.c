/* The floor of uploads: the durable writes of an upload server, with no server around them.

   usage: floor attach|plain|loose DIR --threads N --bytes N --count N [--seconds S]

   attach  the files and steps of a c8ybin attach (docs/design.md, "Attach, replace")
   plain   what a plain upload server would write: one file, fsync, rename, fsync of the directory
   loose   the same without the fsyncs

   DIR is made, and the directories of the events in it before the clock starts. It prints a JSON object. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 256 * 1024 };

/* As long as c8ybin's own binary.json, but for a few bytes. */
static const char RECORD[] =
    "{\"length\": 1024, \"type\": \"application/octet-stream\", \"name\": null, \"owner\": \"demo\","
    " \"created\": \"2026-11-24T12:00:00.000Z\", \"sha256\":"
    " \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
    " \"content\": \"content-0123456789abcdef-1\", \"crc\": 1234567890}\n";

static bool attaches, syncs;
static const char *folder;
static long long bytes, count;
static double seconds, started;
static char block[BLOCK];
static atomic_llong next_number;

static void check(long result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void write_file(const char *path, const char *data, long long length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    check(fd, path);
    for (long long done = 0; done < length; ) {
        long long rest = length - done;
        ssize_t wrote = write(fd, data, rest < BLOCK ? rest : BLOCK);
        check(wrote, path);
        done += wrote;
    }
    if (syncs)
        check(fsync(fd), path);
    close(fd);
}

static void sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(fd, path);
    check(fsync(fd), path);
    close(fd);
}

static void attach(long long number)
{
    char body[512], home[512], content[600], draft[600], binary[600];
    snprintf(body, sizeof body, "%s/tmp/body-%lld", folder, number);
    snprintf(home, sizeof home, "%s/events/%lld", folder, number);
    snprintf(content, sizeof content, "%s/content-0123456789abcdef-%lld", home, number);
    snprintf(draft, sizeof draft, "%s/.binary.json.%lld", home, number);
    snprintf(binary, sizeof binary, "%s/binary.json", home);
    write_file(body, block, bytes);
    check(rename(body, content), content);
    write_file(draft, RECORD, sizeof RECORD - 1);
    sync_directory(home);
    check(link(draft, binary), binary);
    check(unlink(draft), draft);
    sync_directory(home);
}

static void put(long long number)
{
    char body[512], home[512], content[600];
    snprintf(body, sizeof body, "%s/tmp/body-%lld", folder, number);
    snprintf(home, sizeof home, "%s/events", folder);
    snprintf(content, sizeof content, "%s/content-%lld", home, number);
    write_file(body, block, bytes);
    check(rename(body, content), content);
    if (syncs)
        sync_directory(home);
}

static void *work(void *done)
{
    long long number;
    while ((number = atomic_fetch_add(&next_number, 1)) < count) {
        if (seconds && now() - started >= seconds)
            break;
        if (attaches)
            attach(number);
        else
            put(number);
        ++*(long long *)done;
    }
    return NULL;
}

static void prepare(void)
{
    char path[512];
    check(mkdir(folder, 0750), folder);
    snprintf(path, sizeof path, "%s/tmp", folder);
    check(mkdir(path, 0750), path);
    snprintf(path, sizeof path, "%s/events", folder);
    check(mkdir(path, 0750), path);
    for (long long number = 0; attaches && number < count; number++) {
        snprintf(path, sizeof path, "%s/events/%lld", folder, number);
        check(mkdir(path, 0750), path);
        strcat(path, "/event.json");
        bool later = syncs;
        syncs = false;
        write_file(path, RECORD, sizeof RECORD - 1);
        syncs = later;
    }
    sync();
    for (size_t i = 0; i < BLOCK; i++)
        block[i] = (char)(i * 2654435761u >> 13);
}

int main(int argument_count, char **arguments)
{
    int threads = 1;
    if (argument_count < 3)
        return fputs("floor: see the head of floor.c\n", stderr), 1;
    attaches = !strcmp(arguments[1], "attach");
    syncs = strcmp(arguments[1], "loose");
    folder = arguments[2];
    for (int i = 3; i + 1 < argument_count; i += 2) {
        if (!strcmp(arguments[i], "--threads"))
            threads = atoi(arguments[i + 1]);
        else if (!strcmp(arguments[i], "--bytes"))
            bytes = atoll(arguments[i + 1]);
        else if (!strcmp(arguments[i], "--count"))
            count = atoll(arguments[i + 1]);
        else if (!strcmp(arguments[i], "--seconds"))
            seconds = atof(arguments[i + 1]);
    }
    prepare();
    pthread_t *workers = calloc(threads, sizeof *workers);
    long long *done = calloc(threads, sizeof *done), all = 0;
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    started = now();
    for (int i = 0; i < threads; i++)
        check(-pthread_create(&workers[i], NULL, work, &done[i]), "thread");
    for (int i = 0; i < threads; i++) {
        pthread_join(workers[i], NULL);
        all += done[i];
    }
    double took = now() - started;
    getrusage(RUSAGE_SELF, &after);
    double cpu_s = after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec
                 + (after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec
                    - before.ru_stime.tv_usec) / 1e6;
    printf("{\"requests\": %lld, \"errors\": 0, \"seconds\": %.6f, \"cpu_seconds\": %.6f}\n", all, took, cpu_s);
    return 0;
}
