#include "daemon/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char system_root[] = "/run/nsmon";

/* The RuntimeDirectory= of nsmon-collect.service. */
static const char service_root[] = "/run/nsmon-collect";

/* The names of folder 'name' in 'root'.  Returns false when they are too long for a socket. */
static bool fill(struct run_dir *dir, const char *root, const char *name) {
    snprintf(dir->root, sizeof dir->root, "%s", root);
    int length = snprintf(dir->path, sizeof dir->path, "%s/%s", root, name);
    snprintf(dir->control, sizeof dir->control, "%s/control", dir->path);
    snprintf(dir->supervisor, sizeof dir->supervisor, "%s/supervisor", dir->path);
    snprintf(dir->log, sizeof dir->log, "%s/log", dir->path);
    snprintf(dir->database, sizeof dir->database, "%s/database", dir->path);
    return length > 0 && (size_t)length < sizeof dir->path;
}

struct run_dir run_dir_of(const char *prefix) {
    struct run_dir dir;
    fill(&dir, system_root, prefix[0] != '\0' ? prefix : "default");
    return dir;
}

static bool fill_collector(struct run_dir *dir, const char *root, const char *name) {
    char folder[32];
    snprintf(folder, sizeof folder, name[0] != '\0' ? "collect-%s" : "collect%s", name);
    return fill(dir, root, folder);
}

/* The folder of an ordinary user who runs no service. */
static void user_root(char *root, size_t size) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime != NULL && runtime[0] == '/') {
        snprintf(root, size, "%s/nsmon", runtime);
    } else {
        snprintf(root, size, "/tmp/nsmon-%u", (unsigned)geteuid());
    }
}

int run_dir_of_collector(const char *name, struct run_dir *dir, struct error *error) {
    char root[4096];
    const char *service = getenv("RUNTIME_DIRECTORY");
    if (service != NULL && service[0] == '/') {
        snprintf(root, sizeof root, "%.*s", (int)strcspn(service, ":"), service);
    } else if (geteuid() == 0) {
        snprintf(root, sizeof root, "%s", system_root);
    } else {
        user_root(root, sizeof root);
    }
    return fill_collector(dir, root, name)
               ? 0
               : error_set(error, -ENAMETOOLONG,
                           "the folder '%s' is too deep for a socket: set XDG_RUNTIME_DIR to a shorter one",
                           root);
}

bool run_dir_find_collector(const char *name, size_t which, struct run_dir *dir) {
    char root[4096];
    user_root(root, sizeof root);
    const char *const roots[] = {system_root, service_root, root};
    struct stat stat;
    if (which >= sizeof roots / sizeof *roots) {
        return false;
    }
    /* Anybody may have made a folder in /tmp. */
    bool ours = roots[which] != root || (lstat(root, &stat) == 0 && stat.st_uid == geteuid());
    if (!fill_collector(dir, roots[which], name) || !ours) {
        dir->control[0] = '\0';
    }
    return true;
}

/* Makes a folder that is this user's and that everybody may look into. */
static int make_folder(const char *path, struct error *error) {
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        return error_set(error, -errno, "could not make the folder '%s': %s", path, strerror(errno));
    }
    struct stat stat;
    if (lstat(path, &stat) != 0 || !S_ISDIR(stat.st_mode) || stat.st_uid != geteuid()) {
        return error_set(error, -EPERM, "'%s' is not a folder of this user's; remove it", path);
    }
    return chmod(path, 0755) == 0 ? 0 : -errno;
}

int run_dir_make(const struct run_dir *dir, struct error *error) {
    int code = make_folder(dir->root, error);
    return code == 0 ? make_folder(dir->path, error) : code;
}

/* The lock lies beside the folder, so that it stays while the folder comes and goes. */
static void lock_path(const struct run_dir *dir, char path[RUN_DIR_SIZE + 8]) {
    snprintf(path, RUN_DIR_SIZE + 8, "%s.lock", dir->path);
}

int run_dir_lock(const struct run_dir *dir, struct error *error) {
    char path[RUN_DIR_SIZE + 8];
    lock_path(dir, path);
    int code = make_folder(dir->root, error);
    if (code != 0) {
        return code;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        return error_set(error, -errno, "could not open '%s': %s", path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        code = errno == EWOULDBLOCK ? -EALREADY : -errno;
        close(fd);
        return error_set(error, code, "could not lock '%s': %s", path, strerror(-code));
    }
    /* Its holder may have removed the file between our open and our lock. */
    struct stat stat;
    if (fstat(fd, &stat) == 0 && stat.st_nlink == 0) {
        close(fd);
        return run_dir_lock(dir, error);
    }
    return fd;
}

void run_dir_remove(const struct run_dir *dir) {
    char path[RUN_DIR_SIZE + 8];
    lock_path(dir, path);
    unlink(dir->control);
    unlink(dir->supervisor);
    unlink(dir->log);
    unlink(dir->database);
    rmdir(dir->path);
    unlink(path);
    rmdir(dir->root);
}
