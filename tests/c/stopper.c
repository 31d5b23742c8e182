/* Stops a program at one of the calls by which it writes or speaks, for a crash at an exact place.
 *
 * Preloaded into an unchanged program. Every call of libc that syncs, writes, renames, connects,
 * sends or receives is a point, named by what is done and where:
 *
 *   sync write truncate rename remove   at   db wal journal images plugins data config
 *   connect send recv                   at   upstream, which is any of the ports in STOPPER_PORTS
 *   send                                at   client, which is any other connection
 *
 * STOPPER_FOLDERS are those whose files count, with colons between them; a file of no special kind is
 * named by its folder's own name. STOPPER=before:sync:wal:3 kills the process with
 * SIGKILL just before its third such call, after:… just after it. What was received is a point only
 * once something came, so there is no "before" of it. STOPPER_TRACE names a file that gets a line a
 * point as it is reached. Without either, nothing happens.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PORTS 8
#define FOLDERS 2

static char folders[FOLDERS][PATH_MAX];
static int ports[PORTS];
static int trace = -1;

/* Where to stop. */
static char target[64];
static int stops_before;
static unsigned long stops_at;
static atomic_ulong reached;

__attribute__((constructor)) static void read_environment(void) {
    const char *text = getenv("STOPPER_FOLDERS");
    for (int i = 0; text && *text && i < FOLDERS; i++) {
        size_t length = strcspn(text, ":");
        snprintf(folders[i], sizeof folders[i], "%.*s", (int)length, text);
        text += length + (text[length] == ':');
    }
    text = getenv("STOPPER_PORTS");
    for (int i = 0; text && *text && i < PORTS; i++) {
        char *end;
        ports[i] = (int)strtol(text, &end, 10);
        text = *end == ',' ? end + 1 : end;
    }
    text = getenv("STOPPER");
    const char *point = text ? strchr(text, ':') : NULL;
    const char *number = text ? strrchr(text, ':') : NULL;
    if (point && number > point) {
        stops_before = strncmp(text, "before:", 7) == 0;
        stops_at = strtoul(number + 1, NULL, 10);
        snprintf(target, sizeof target, "%.*s", (int)(number - point - 1), point + 1);
    }
    text = getenv("STOPPER_TRACE");
    if (text && *text) trace = open(text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The folder that a path is below, or none. */
static const char *folder_of(const char *path) {
    for (int i = 0; i < FOLDERS && *folders[i]; i++) {
        size_t length = strlen(folders[i]);
        if (!strncmp(path, folders[i], length) && path[length] == '/') return folders[i];
    }
    return NULL;
}

/* The name of a place below a folder, or none. */
static const char *place(const char *path) {
    const char *folder = folder_of(path);
    if (!folder) return NULL;
    const char *name = path + strlen(folder) + 1;
    if (!strncmp(name, "images", 6)) return "images";
    if (!strncmp(name, "plugins/", 8)) return "plugins";
    if (strstr(name, "-shm")) return NULL;
    if (strstr(name, ".db-wal")) return "wal";
    if (strstr(name, ".db-journal")) return "journal";
    return strstr(name, ".db") ? "db" : strrchr(folder, '/') + 1;
}

static const char *socket_place(int fd) {
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &length) || peer.sin_family != AF_INET)
        return NULL;
    for (int i = 0; i < PORTS; i++)
        if (ports[i] && ports[i] == ntohs(peer.sin_port)) return "upstream";
    return "client";
}

static const char *file_place(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return NULL;
    path[length] = 0;
    return *path == '/' ? place(path) : NULL;
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

/* Whether this call is the one to stop at. Stops right here if it is to be stopped before. */
static int is_last(const char *what, const char *where) {
    if (!where || (trace < 0 && !stops_at)) return 0;
    int saved = errno;
    char point[64];
    int length = snprintf(point, sizeof point, "%s:%s\n", what, where);
    if (trace >= 0 && syscall(SYS_write, trace, point, length) != length) abort();
    point[length - 1] = 0;
    int last = stops_at && !strcmp(point, target) && atomic_fetch_add(&reached, 1) + 1 == stops_at;
    if (last && stops_before) die();
    errno = saved;
    return last;
}

#define REAL(name) ((__typeof__(&name))next((void **)&real_##name, #name))

static void *next(void **slot, const char *name) {
    if (!*slot) *slot = dlsym(RTLD_NEXT, name);
    return *slot;
}

/* A call that is a point at a place, done between its two sides. */
#define CALL(result, name, what, where, parameters, ...) \
    result name parameters {                             \
        static void *real_##name;                        \
        int last = is_last(what, where);                 \
        result answer = REAL(name)(__VA_ARGS__);         \
        if (last) die();                                 \
        return answer;                                   \
    }

/* A call that is a point once it brought something. */
#define TAKES(name, parameters, ...)                                 \
    ssize_t name parameters {                                        \
        static void *real_##name;                                    \
        ssize_t answer = REAL(name)(__VA_ARGS__);                    \
        const char *where = answer > 0 ? socket_place(fd) : NULL;    \
        if (where && *where == 'u' && is_last("recv", where)) die(); \
        return answer;                                               \
    }

/* A call that writes a file or speaks to a socket. */
#define WRITES(name, parameters, ...)                           \
    ssize_t name parameters {                                   \
        static void *real_##name;                               \
        const char *where = file_place(fd);                     \
        const char *peer = where ? NULL : socket_place(fd);     \
        int last = is_last(where ? "write" : "send", where ? where : peer); \
        ssize_t answer = REAL(name)(__VA_ARGS__);               \
        if (last) die();                                        \
        return answer;                                          \
    }

CALL(int, fsync, "sync", file_place(fd), (int fd), fd)
CALL(int, fdatasync, "sync", file_place(fd), (int fd), fd)
CALL(int, ftruncate, "truncate", file_place(fd), (int fd, off_t to), fd, to)
CALL(int, ftruncate64, "truncate", file_place(fd), (int fd, off64_t to), fd, to)
CALL(int, rename, "rename", place(to), (const char *from, const char *to), from, to)
CALL(int, link, "rename", place(to), (const char *from, const char *to), from, to)
CALL(int, unlink, "remove", place(path), (const char *path), path)

WRITES(write, (int fd, const void *from, size_t length), fd, from, length)
WRITES(writev, (int fd, const struct iovec *from, int count), fd, from, count)
WRITES(pwrite, (int fd, const void *from, size_t length, off_t at), fd, from, length, at)
WRITES(pwrite64, (int fd, const void *from, size_t length, off64_t at), fd, from, length, at)
WRITES(send, (int fd, const void *from, size_t length, int flags), fd, from, length, flags)
WRITES(sendmsg, (int fd, const struct msghdr *message, int flags), fd, message, flags)

TAKES(read, (int fd, void *to, size_t length), fd, to, length)
TAKES(readv, (int fd, const struct iovec *to, int count), fd, to, count)
TAKES(recv, (int fd, void *to, size_t length, int flags), fd, to, length, flags)
TAKES(recvmsg, (int fd, struct msghdr *message, int flags), fd, message, flags)

static const char *address_place(const struct sockaddr *to) {
    if (to->sa_family != AF_INET) return NULL;
    int port = ntohs(((const struct sockaddr_in *)to)->sin_port);
    for (int i = 0; i < PORTS; i++)
        if (ports[i] == port) return "upstream";
    return NULL;
}

CALL(int, connect, "connect", address_place(to),
     (int fd, const struct sockaddr *to, socklen_t length), fd, to, length)
