/* An HTTP/1.1 load generator: one thread, epoll, connections that stay open.

   Bodies are generated in memory, never read from disk; answers are received into memory, not thrown away
   in the kernel. The clock starts once all connections stand, and ends with the last answer.

   The file of requests has one a line, its fields separated by tabs:
       method  path  bytes-of-the-body  expected-status  [Name: value]...

   usage: load --port N --requests FILE [--connections N] [--seconds S] [--group N] [--cycle]
               [--header 'Name: value']... [--body TEXT] [--locations FILE] [--tls]

   --seconds S      begin no request later than this
   --group N        a connection takes N consecutive lines and sends them in order
   --cycle          begin the file anew when it is used up; needs --seconds
   --header H       a header field of every request
   --body TEXT      the body of every request that has one; its length is then the text's
   --locations FILE write the Location of each answer there, in the order of the requests

   --tls            speak TLS, and believe any certificate; only where it was compiled with -DWITH_TLS

   It prints a JSON object. Exit code 1: a wrong argument, or a server that cannot be spoken to. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/ssl.h>
#else
typedef struct ssl_st SSL;
#endif

enum {
    POOL = 1 << 20,         /* random bytes that bodies are cut from */
    BLOCK = 256 * 1024,     /* most bytes of one system call */
    TURN = 4 * BLOCK,       /* most bytes before another connection has its turn */
    HEAD = 16 * 1024,       /* longest header section of an answer */
    MOST_HEADERS = 32,
    STALLED_S = 60,         /* with no byte for so long, nothing more is expected */
};

struct request {
    char *head;
    size_t head_length;
    long long body;
    int expected;
    char *location;
};

struct connection {
    int fd;
    SSL *tls;               /* NULL: no encryption */
    bool waits_for_tls;     /* nothing can be sent until something has come */
    bool polls_out;
    size_t at, stop;        /* the request under way, and the end of its group */
    size_t cut;             /* where in the pool this body begins */
    long long sent;         /* bytes of header and body that are out */
    double began;
    bool in_body;
    bool closes;            /* the server said so */
    int status;
    long long left;         /* bytes of the answer's body still to come */
    size_t held;
    char head[HEAD + 1];
};

static struct {
    int port, connections, group;
    double seconds;
    bool cycle, tls;
    const char *requests, *body, *locations, *headers[MOST_HEADERS];
    int header_count;
} options = {.connections = 1, .group = 1};

static struct request *requests;
static size_t request_count, next_request;
static char pool[POOL + BLOCK], sink[BLOCK];
static float *latencies_ms;
static size_t answered, latency_room, bodies;
static long long bytes_sent, bytes_received, errors;
static char first_error[256];
static int poller, busy;
static double started, ended;

static void die(const char *format, ...)
{
    va_list more;
    va_start(more, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, more);
    fputc('\n', stderr);
    va_end(more);
    exit(1);
}

static void note_error(const char *format, ...)
{
    va_list more;
    va_start(more, format);
    if (!errors++)
        vsnprintf(first_error, sizeof first_error, format, more);
    va_end(more);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double own_cpu_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void fill_pool(void)
{
    unsigned long long x = 88172645463325252ULL; /* xorshift64, Marsaglia 2003 */
    for (size_t i = 0; i < POOL; i += sizeof x) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(pool + i, &x, sizeof x);
    }
    /* So that a block may run over the end. */
    memcpy(pool + POOL, pool, BLOCK);
}

static void read_request(char *line)
{
    char *save = NULL, *head = NULL, *field;
    size_t length;
    const char *method = strtok_r(line, "\t", &save), *path = strtok_r(NULL, "\t", &save);
    const char *body = strtok_r(NULL, "\t", &save), *expected = strtok_r(NULL, "\t", &save);
    if (!expected)
        die("a request has too few fields");
    struct request r = {.body = options.body ? (long long)strlen(options.body) : atoll(body)};
    r.expected = atoi(expected);
    FILE *out = open_memstream(&head, &length);
    fprintf(out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n", method, path, options.port);
    for (int i = 0; i < options.header_count; i++)
        fprintf(out, "%s\r\n", options.headers[i]);
    while ((field = strtok_r(NULL, "\t", &save)))
        fprintf(out, "%s\r\n", field);
    if (strcmp(method, "GET") && strcmp(method, "HEAD"))
        fprintf(out, "Content-Length: %lld\r\n", r.body);
    else
        r.body = 0;
    fputs("\r\n", out);
    fclose(out);
    r.head = head;
    r.head_length = length;
    requests[request_count++] = r;
}

static void read_requests(void)
{
    FILE *in = fopen(options.requests, "r");
    char *line = NULL;
    size_t room = 0, most = 0;
    ssize_t length;
    if (!in)
        die("%s: %s", options.requests, strerror(errno));
    while ((length = getline(&line, &room, in)) > 0) {
        line[strcspn(line, "\n")] = 0;
        if (request_count == most)
            requests = realloc(requests, (most = most ? 2 * most : 1024) * sizeof *requests);
        read_request(line);
    }
    fclose(in);
    free(line);
    if (!request_count || request_count % options.group)
        die("%s has no whole number of groups", options.requests);
}

static int connect_to_server(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(options.port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&to, sizeof to))
        die("port %d: %s", options.port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

#ifdef WITH_TLS

static SSL_CTX *context;

static void begin_tls(struct connection *c, bool waits)
{
    if (!context) {
        context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    c->tls = SSL_new(context);
    SSL_set_fd(c->tls, c->fd);
    SSL_set_connect_state(c->tls);
    if (waits && SSL_connect(c->tls) != 1)
        die("port %d: no TLS", options.port);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

static void end_tls(struct connection *c)
{
    SSL_shutdown(c->tls);
    SSL_free(c->tls);
}

/* As recv(2) and send(2) would: -1 with EAGAIN where it has to wait. */
static ssize_t as_of_socket(struct connection *c, int done)
{
    if (done > 0)
        return done;
    int why = SSL_get_error(c->tls, done);
    c->waits_for_tls = why == SSL_ERROR_WANT_READ;
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static ssize_t put_encrypted(struct connection *c, const struct iovec *parts, int count)
{
    static char together[BLOCK];
    size_t length = 0;
    for (int i = 0; i < count; i++) {
        size_t room = sizeof together - length, part = parts[i].iov_len < room ? parts[i].iov_len : room;
        memcpy(together + length, parts[i].iov_base, part);
        length += part;
    }
    return as_of_socket(c, SSL_write(c->tls, together, length));
}

static ssize_t get_decrypted(struct connection *c, char *to, size_t room)
{
    return as_of_socket(c, SSL_read(c->tls, to, room));
}

static bool holds_some(struct connection *c)
{
    return c->tls && SSL_pending(c->tls);
}

static bool shakes_hands(struct connection *c)
{
    return c->tls && !SSL_is_init_finished(c->tls);
}

#else

static void begin_tls(struct connection *c, bool waits)
{
    (void)c, (void)waits;
    die("it was compiled without TLS");
}

static void end_tls(struct connection *c)
{
    (void)c;
}

static ssize_t put_encrypted(struct connection *c, const struct iovec *parts, int count)
{
    (void)c, (void)parts, (void)count;
    return -1;
}

static ssize_t get_decrypted(struct connection *c, char *to, size_t room)
{
    (void)c, (void)to, (void)room;
    return -1;
}

static bool holds_some(struct connection *c)
{
    (void)c;
    return false;
}

static bool shakes_hands(struct connection *c)
{
    (void)c;
    return false;
}

#endif

static void watch(struct connection *c, int operation, bool out)
{
    struct epoll_event event = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c};
    c->polls_out = out;
    if (epoll_ctl(poller, operation, c->fd, &event))
        die("epoll_ctl: %s", strerror(errno));
}

static void open_connection(struct connection *c, bool waits)
{
    c->fd = connect_to_server();
    c->closes = c->waits_for_tls = false;
    if (options.tls)
        begin_tls(c, waits);
    watch(c, EPOLL_CTL_ADD, false);
}

/* Send what the socket takes; at most a turn. Whether the connection still stands. */
static bool send_some(struct connection *c)
{
    struct request *r = &requests[c->at];
    long long whole = (long long)r->head_length + r->body, turn = c->sent + TURN;
    while (c->sent < whole && c->sent < turn) {
        struct iovec parts[2];
        int count = 0;
        long long in_body = c->sent - (long long)r->head_length, rest = whole - c->sent;
        if (in_body < 0) {
            parts[count++] = (struct iovec){r->head + c->sent, -in_body};
            rest = r->body;
            in_body = 0;
        }
        if (rest) {
            char *from = options.body ? (char *)options.body + in_body : pool + (c->cut + in_body) % POOL;
            parts[count++] = (struct iovec){from, rest < BLOCK ? rest : BLOCK};
        }
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
        c->waits_for_tls = false;
        ssize_t done = c->tls ? put_encrypted(c, parts, count) : sendmsg(c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (done < 0) {
            if (errno != EAGAIN)
                return false;
            break;
        }
        c->sent += done;
        bytes_sent += done;
    }
    if (c->polls_out != (c->sent < whole && !c->waits_for_tls))
        watch(c, EPOLL_CTL_MOD, !c->polls_out);
    return true;
}

static void begin(struct connection *c)
{
    c->sent = c->held = 0;
    c->status = 0;
    c->in_body = false;
    /* A prime step, so that bodies differ until the pool is through. */
    c->cut = bodies++ * 8191 % POOL;
    c->began = now();
    /* A failure shows when the answer is read. */
    send_some(c);
}

/* Begin the next request, of this group or another; or let the connection rest. */
static void go_on(struct connection *c)
{
    if (c->closes) {
        if (c->tls)
            end_tls(c);
        close(c->fd);
        open_connection(c, false);
    }
    if (++c->at >= c->stop) {
        if (options.cycle && next_request >= request_count)
            next_request = 0;
        if (next_request >= request_count || (options.seconds && now() - started >= options.seconds)) {
            /* Or a server that closes it would wake us for ever. */
            epoll_ctl(poller, EPOLL_CTL_DEL, c->fd, NULL);
            busy--;
            return;
        }
        c->at = next_request;
        c->stop = next_request += options.group;
    }
    begin(c);
}

static void finish(struct connection *c)
{
    struct request *r = &requests[c->at];
    ended = now();
    if (answered == latency_room)
        latencies_ms = realloc(latencies_ms, (latency_room = latency_room ? 2 * latency_room : 4096) * sizeof(float));
    latencies_ms[answered++] = (ended - c->began) * 1e3;
    if (c->status != r->expected)
        note_error("%d, not %d, for %.*s", c->status, r->expected, (int)strcspn(r->head, "\r"), r->head);
    if (c->sent < (long long)r->head_length + r->body) {
        note_error("an answer of %d before the body was sent", c->status);
        c->closes = true;
    }
    go_on(c);
}

static const char *field(const char *head, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (!strncasecmp(line, name, length) && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " ");
    }
    return NULL;
}

/* Read the header section of an answer, once it is whole. Whether it can be understood. */
static bool read_head(struct connection *c)
{
    c->head[c->held] = 0;
    char *end = memmem(c->head, c->held, "\r\n\r\n", 4);
    if (!end)
        return c->held < HEAD;
    if (sscanf(c->head, "HTTP/1.%*d %d", &c->status) != 1)
        return false;
    end[2] = 0;
    const char *length = field(c->head, "Content-Length"), *location = field(c->head, "Location");
    const char *connection = field(c->head, "Connection");
    bool has_body = c->status != 204 && c->status != 304 && strncmp(requests[c->at].head, "HEAD ", 5);
    if (has_body && !length)
        return false; /* chunked, or up to the end of the connection: no server here needs that */
    c->closes = connection && !strncasecmp(connection, "close", 5);
    if (location && options.locations && !requests[c->at].location)
        requests[c->at].location = strndup(location, strcspn(location, "\r"));
    c->left = (has_body ? atoll(length) : 0) - (long long)(c->held - (end + 4 - c->head));
    c->in_body = true;
    return c->left >= 0;
}

/* Receive what is there, at most a turn. Whether the connection still stands. */
static bool receive_some(struct connection *c)
{
    for (int turn = 0; turn < TURN || holds_some(c); ) {
        size_t room = c->in_body ? (c->left < BLOCK ? (size_t)c->left : BLOCK) : HEAD - c->held;
        char *to = c->in_body ? sink : c->head + c->held;
        ssize_t got = c->tls ? get_decrypted(c, to, room) : recv(c->fd, to, room, MSG_DONTWAIT);
        if (got < 0)
            return errno == EAGAIN;
        if (!got)
            return false;
        bytes_received += got;
        turn += got;
        if (c->in_body)
            c->left -= got;
        else {
            c->held += got;
            if (!read_head(c))
                return false;
        }
        if (c->in_body && !c->left) {
            finish(c);
            return true;
        }
    }
    return true;
}

static void serve_event(struct connection *c, unsigned events)
{
    bool stands = true;
    if (events & EPOLLOUT || shakes_hands(c))
        stands = send_some(c);
    if (!stands || events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        stands = receive_some(c);
    if (!stands) {
        note_error("no whole answer for %.*s", (int)strcspn(requests[c->at].head, "\r"), requests[c->at].head);
        ended = now();
        c->closes = true;
        if (errors > 100)
            die("more than 100 errors; the first: %s", first_error);
        go_on(c);
    }
}

static void run(void)
{
    struct connection *all = calloc(options.connections, sizeof *all);
    struct epoll_event events[256];
    poller = epoll_create1(0);
    for (int i = 0; i < options.connections; i++)
        open_connection(&all[i], true);
    started = ended = now();
    busy = options.connections;
    for (int i = 0; i < options.connections; i++)
        go_on(&all[i]);
    /* One epoll_wait gives at most one event of a connection, so none of one that came to rest meanwhile. */
    while (busy) {
        int count = epoll_wait(poller, events, 256, STALLED_S * 1000);
        if (!count)
            die("nothing came for %d s", STALLED_S);
        for (int i = 0; i < count; i++)
            serve_event(events[i].data.ptr, events[i].events);
    }
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void write_locations(void)
{
    FILE *out = fopen(options.locations, "w");
    if (!out)
        die("%s: %s", options.locations, strerror(errno));
    for (size_t i = 0; i < request_count; i++)
        fprintf(out, "%s\n", requests[i].location ? requests[i].location : "");
    fclose(out);
}

static void print_report(double cpu_s)
{
    qsort(latencies_ms, answered, sizeof *latencies_ms, by_size);
    /* What could break the string: quotes, backslashes, control characters. */
    for (char *p = first_error; *p; p++)
        if (*p == '"' || *p == '\\' || (unsigned char)*p < ' ')
            *p = '?';
    printf("{\"requests\": %zu, \"errors\": %lld, \"first_error\": \"%s\", \"seconds\": %.6f,"
           " \"bytes_sent\": %lld, \"bytes_received\": %lld, \"cpu_seconds\": %.6f,"
           " \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
           answered, errors, first_error, ended - started, bytes_sent, bytes_received, cpu_s,
           answered ? latencies_ms[answered / 2] : 0.0, answered ? latencies_ms[answered * 99 / 100] : 0.0);
}

static void read_arguments(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        const char *name = arguments[i];
        if (!strcmp(name, "--cycle")) {
            options.cycle = true;
            continue;
        }
        if (!strcmp(name, "--tls")) {
            options.tls = true;
            continue;
        }
        const char *value = ++i < count ? arguments[i] : "";
        if (!strcmp(name, "--port"))
            options.port = atoi(value);
        else if (!strcmp(name, "--requests"))
            options.requests = value;
        else if (!strcmp(name, "--connections"))
            options.connections = atoi(value);
        else if (!strcmp(name, "--seconds"))
            options.seconds = atof(value);
        else if (!strcmp(name, "--group"))
            options.group = atoi(value);
        else if (!strcmp(name, "--body"))
            options.body = value;
        else if (!strcmp(name, "--locations"))
            options.locations = value;
        else if (!strcmp(name, "--header") && options.header_count < MOST_HEADERS)
            options.headers[options.header_count++] = value;
        else
            die("unknown argument %s", name);
    }
    if (!options.port || !options.requests || options.connections < 1 || options.group < 1)
        die("--port and --requests are needed");
    if (options.cycle && options.seconds <= 0)
        die("--cycle needs --seconds");
}

int main(int count, char **arguments)
{
    read_arguments(count, arguments);
    fill_pool();
    read_requests();
    double before = own_cpu_s();
    run();
    print_report(own_cpu_s() - before);
    if (options.locations)
        write_locations();
    return 0;
}
