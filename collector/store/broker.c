#include "collector/store/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_SIZE = 4096 };

enum broker_operation { BROKER_OPEN, BROKER_STAT, BROKER_UNLINK };

static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
enum { SUFFIXES = sizeof suffixes / sizeof suffixes[0] };

struct broker_request {
    enum broker_operation operation;
    unsigned int file; /* index of its suffix */
    bool create, exclusive;
};

struct broker_answer {
    int code; /* 0 or a negative errno */
    struct stat status;
};

int store_broker_open(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : -errno;
}

/* --- the broker --- */

struct broker {
    int folder;
    const char *name;
};

/* Opens one of the files: a plain one with one name, or nothing. */
static int open_file(const struct broker *broker, const char *name, const struct broker_request *request,
                     int *fd) {
    int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    flags |= (request->create ? O_CREAT : 0) | (request->exclusive ? O_EXCL : 0);
    struct stat status;
    *fd = openat(broker->folder, name, flags, 0644);
    if (*fd < 0) {
        return -errno;
    }
    if (fstat(*fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1) {
        close(*fd);
        *fd = -1;
        return -EPERM;
    }
    return 0;
}

static void answer(int fd, const struct broker_answer *given, int file) {
    struct iovec vector = {.iov_base = (void *)(uintptr_t)given, .iov_len = sizeof *given};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (file >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof file);
        memcpy(CMSG_DATA(header), &file, sizeof file);
    }
    sendmsg(fd, &message, MSG_NOSIGNAL);
}

static void serve_request(const struct broker *broker, int fd, const struct broker_request *request) {
    struct broker_answer given = {.code = -EINVAL};
    char name[NAME_SIZE];
    int file = -1;
    if (request->file < SUFFIXES) {
        snprintf(name, sizeof name, "%s%s", broker->name, suffixes[request->file]);
        switch (request->operation) {
        case BROKER_OPEN:
            given.code = open_file(broker, name, request, &file);
            break;
        case BROKER_STAT:
            given.code = fstatat(broker->folder, name, &given.status, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
            break;
        case BROKER_UNLINK: /* the database itself stays */
            given.code = request->file != 0 ? (unlinkat(broker->folder, name, 0) == 0 ? 0 : -errno) : -EPERM;
            break;
        }
    }
    answer(fd, &given, file);
    if (file >= 0) {
        close(file);
    }
}

int store_broker_serve(int fd, const char *path, struct error *error) {
    char folder[NAME_SIZE];
    const char *slash = strrchr(path, '/');
    struct stat status;
    if (slash == NULL || strlen(path) >= sizeof folder) {
        return error_set(error, -EINVAL, "'%s' is no absolute path", path);
    }
    snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    struct broker broker = {.folder = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                            .name = slash + 1};
    if (broker.folder < 0) {
        return error_set(error, -errno, "could not open the folder '%s': %s", folder, strerror(errno));
    }
    if (fstat(broker.folder, &status) != 0 || status.st_uid != geteuid() || (status.st_mode & 022) != 0) {
        close(broker.folder);
        return error_set(error, -EPERM, "others may write the folder '%s'", folder);
    }
    struct broker_request request;
    while (recv(fd, &request, sizeof request, 0) == (ssize_t)sizeof request) {
        serve_request(&broker, fd, &request);
    }
    close(broker.folder);
    return 0;
}

/* --- the writer --- */

/* SQLite's system calls have no context of their own, so this is the process's. */
static struct {
    pthread_mutex_t lock;
    int fd;
    char path[NAME_SIZE];
} client = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

/* Which of the four files 'path' is; -1: none of them. */
static int file_of(const char *path) {
    size_t length = strlen(client.path);
    if (strncmp(path, client.path, length) == 0) {
        for (int i = 0; i < SUFFIXES; i++) {
            if (strcmp(path + length, suffixes[i]) == 0) {
                return i;
            }
        }
    }
    return -1;
}

/* Asks the broker.  Returns 0 with '*file' and '*status' filled, or -1 with errno set. */
static int ask(const struct broker_request *request, int *file, struct stat *status) {
    struct broker_answer given;
    struct iovec vector = {.iov_base = &given, .iov_len = sizeof given};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    pthread_mutex_lock(&client.lock);
    bool good = send(client.fd, request, sizeof *request, MSG_NOSIGNAL) == (ssize_t)sizeof *request &&
                recvmsg(client.fd, &message, MSG_CMSG_CLOEXEC) == (ssize_t)sizeof given;
    pthread_mutex_unlock(&client.lock);
    if (!good || given.code != 0) {
        errno = good ? -given.code : EPIPE;
        return -1;
    }
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (file != NULL && header != NULL) {
        memcpy(file, CMSG_DATA(header), sizeof *file);
    }
    if (status != NULL) {
        *status = given.status;
    }
    return 0;
}

static int brokered_open(const char *path, int flags, int mode) {
    int file = file_of(path);
    if (file < 0) {
        return open(path, flags, mode);
    }
    struct broker_request request = {.operation = BROKER_OPEN,
                                     .file = (unsigned int)file,
                                     .create = (flags & O_CREAT) != 0,
                                     .exclusive = (flags & O_EXCL) != 0};
    int fd = -1;
    return ask(&request, &fd, NULL) == 0 ? fd : -1;
}

static int brokered_stat(const char *path, struct stat *status) {
    int file = file_of(path);
    struct broker_request request = {.operation = BROKER_STAT, .file = (unsigned int)file};
    return file < 0 ? stat(path, status) : ask(&request, NULL, status);
}

/* SQLite looks for symbolic links in each part of the path; what can't be seen is none. */
static int brokered_lstat(const char *path, struct stat *status) {
    int result = lstat(path, status);
    if (result != 0 && errno == EACCES) {
        errno = ENOENT;
    }
    return result;
}

static int brokered_access(const char *path, int mode) {
    struct stat status;
    return file_of(path) < 0 ? access(path, mode) : brokered_stat(path, &status);
}

static int brokered_unlink(const char *path) {
    int file = file_of(path);
    struct broker_request request = {.operation = BROKER_UNLINK, .file = (unsigned int)file};
    return file < 0 ? unlink(path) : ask(&request, NULL, NULL);
}

int store_broker_use(int fd, const char *path) {
    const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } calls[] = {
        {"open", (sqlite3_syscall_ptr)brokered_open},     {"stat", (sqlite3_syscall_ptr)brokered_stat},
        {"lstat", (sqlite3_syscall_ptr)brokered_lstat},   {"access", (sqlite3_syscall_ptr)brokered_access},
        {"unlink", (sqlite3_syscall_ptr)brokered_unlink},
    };
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
    if (vfs == NULL || strlen(path) >= sizeof client.path) {
        return -ENOTSUP;
    }
    client.fd = fd;
    memcpy(client.path, path, strlen(path) + 1);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (vfs->xSetSystemCall(vfs, calls[i].name, calls[i].call) != SQLITE_OK) {
            return -ENOTSUP;
        }
    }
    return 0;
}
