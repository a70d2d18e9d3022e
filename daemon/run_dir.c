#include "daemon/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char root[] = "/run/nsmon";

struct run_dir run_dir_of(const char *prefix) {
    struct run_dir dir;
    snprintf(dir.path, sizeof dir.path, "%s/%s", root, prefix[0] != '\0' ? prefix : "default");
    snprintf(dir.control, sizeof dir.control, "%s/control", dir.path);
    snprintf(dir.supervisor, sizeof dir.supervisor, "%s/supervisor", dir.path);
    snprintf(dir.log, sizeof dir.log, "%s/log", dir.path);
    snprintf(dir.database, sizeof dir.database, "%s/database", dir.path);
    return dir;
}

/* Makes a folder that is root's and that everybody may look into. */
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
    int code = make_folder(root, error);
    return code == 0 ? make_folder(dir->path, error) : code;
}

/* The lock lies beside the folder, so that it stays while the folder comes and goes. */
static void lock_path(const struct run_dir *dir, char path[RUN_DIR_SIZE + 8]) {
    snprintf(path, RUN_DIR_SIZE + 8, "%s.lock", dir->path);
}

int run_dir_lock(const struct run_dir *dir, struct error *error) {
    char path[RUN_DIR_SIZE + 8];
    lock_path(dir, path);
    int code = make_folder(root, error);
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
    rmdir(root);
}
