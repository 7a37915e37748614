/* The floor of the wire: an HTTP server in one thread that does next to nothing.

   usage: wire PORT              every upload is answered 201, its body received and forgotten
          wire PORT SMALL BIG    and GET /small... and GET /big... by sendfile of these files

   It listens on the loopback address until it is ended. What it reads of HTTP is what load.c sends, no
   more. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 256 * 1024, HEAD = 16 * 1024 };

struct client {
    int fd, file;
    size_t held;
    long long left; /* of a body to receive, or of a file to send */
    bool sending;
    off_t offset;
    char head[HEAD + 1];
};

static const char CREATED[] = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
static int files[2], poller;
static long long lengths[2];
static char sink[BLOCK];

static void check(long result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static void watch(struct client *c, int operation, unsigned events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    check(epoll_ctl(poller, operation, c->fd, &event), "epoll_ctl");
}

/* Whether the connection still stands. */
static bool send_file(struct client *c)
{
    while (c->left) {
        ssize_t sent = sendfile(c->fd, c->file, &c->offset, c->left);
        if (sent <= 0) {
            if (sent < 0 && errno == EAGAIN) {
                if (!c->sending)
                    watch(c, EPOLL_CTL_MOD, EPOLLOUT);
                c->sending = true;
                return true;
            }
            return false;
        }
        c->left -= sent;
    }
    if (c->sending)
        watch(c, EPOLL_CTL_MOD, EPOLLIN);
    c->sending = false;
    c->held = 0;
    return true;
}

static bool answer_get(struct client *c)
{
    char head[128];
    int which = !strncmp(c->head, "GET /big", 8);
    int length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n", lengths[which]);
    if (send(c->fd, head, length, MSG_MORE | MSG_NOSIGNAL) != length)
        return false;
    c->file = files[which];
    c->left = lengths[which];
    c->offset = 0;
    return send_file(c);
}

static bool answer_upload(struct client *c)
{
    c->held = 0;
    return send(c->fd, CREATED, sizeof CREATED - 1, MSG_NOSIGNAL) > 0;
}

static bool receive(struct client *c)
{
    if (c->left) {
        ssize_t got = recv(c->fd, sink, c->left < BLOCK ? (size_t)c->left : BLOCK, MSG_DONTWAIT);
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        c->left -= got;
        return c->left || answer_upload(c);
    }
    ssize_t got = recv(c->fd, c->head + c->held, HEAD - c->held, MSG_DONTWAIT);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    c->held += got;
    c->head[c->held] = 0;
    char *end = memmem(c->head, c->held, "\r\n\r\n", 4);
    if (!end)
        return c->held < HEAD;
    if (!strncmp(c->head, "GET ", 4))
        return answer_get(c);
    char *length = strcasestr(c->head, "\r\nContent-Length: ");
    c->left = (length ? atoll(length + 18) : 0) - (long long)(c->held - (end + 4 - c->head));
    return c->left || answer_upload(c);
}

static int listen_on_loopback(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    check(bind(fd, (struct sockaddr *)&at, sizeof at), "bind");
    check(listen(fd, 128), "listen");
    return fd;
}

static void accept_client(int listener)
{
    struct client *c = calloc(1, sizeof *c);
    int yes = 1;
    c->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    check(c->fd, "accept");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
}

int main(int count, char **arguments)
{
    for (int i = 0; i < 2 && count == 4; i++) {
        struct stat stat;
        files[i] = open(arguments[2 + i], O_RDONLY | O_CLOEXEC);
        check(files[i], arguments[2 + i]);
        check(fstat(files[i], &stat), arguments[2 + i]);
        lengths[i] = stat.st_size;
    }
    struct epoll_event event = {.events = EPOLLIN}, events[64];
    int listener = listen_on_loopback(count > 1 ? atoi(arguments[1]) : 0);
    poller = epoll_create1(EPOLL_CLOEXEC);
    check(epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event), "epoll_ctl");
    for (;;) {
        int ready = epoll_wait(poller, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            struct client *c = events[i].data.ptr;
            if (!c)
                accept_client(listener);
            else if (!(c->sending ? send_file(c) : receive(c))) {
                close(c->fd);
                free(c);
            }
        }
    }
}
