#include "daemon/database.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/store/broker.h"
#include "collector/store/store.h"

static const char root_folder[] = "/var/lib/nsmon";

static int fail(const char *what, const char *path, int code, struct error *error) {
    return error_set(error, code, "could not %s '%s': %s; give another file with --db", what, path,
                     strerror(-code));
}

/* 'wanted' with its folder made absolute; the file need not be there. */
static int make_absolute(const char *wanted, char *path, size_t size, struct error *error) {
    char folder_of[4096];
    char name_of[4096];
    snprintf(folder_of, sizeof folder_of, "%s", wanted);
    snprintf(name_of, sizeof name_of, "%s", wanted);
    char *folder = realpath(dirname(folder_of), NULL);
    if (folder == NULL) {
        return fail("find the folder of the database", wanted, -errno, error);
    }
    int length = snprintf(path, size, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, basename(name_of));
    free(folder);
    return length > 0 && (size_t)length < size
               ? 0
               : error_set(error, -ENAMETOOLONG, "the name of the database is too long");
}

/* The folder is root's and stays so: whoever the worker is, a broker opens the files for it. */
static int prepare_root_folder(struct error *error) {
    if (mkdir(root_folder, 0755) != 0 && errno != EEXIST) {
        return fail("make", root_folder, -errno, error);
    }
    int folder = open(root_folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) {
        return fail("open", root_folder, -errno, error);
    }
    int code = fchown(folder, 0, 0) == 0 && fchmod(folder, 0755) == 0 ? 0 : -errno;
    close(folder);
    return code == 0 ? 0 : fail("prepare", root_folder, code, error);
}

static int make_user_folder(char *path, size_t size, struct error *error) {
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    char folder[4096];
    if (data != NULL && data[0] == '/') {
        snprintf(folder, sizeof folder, "%s/nsmon", data);
    } else if (home != NULL && home[0] == '/') {
        snprintf(folder, sizeof folder, "%s/.local/share/nsmon", home);
    } else {
        return error_set(error, -ENOENT, "there is no home folder for the database; give a file with --db");
    }
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(folder, 0755);
        *slash = '/';
    }
    if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
        return fail("make", folder, -errno, error);
    }
    snprintf(path, size, "%s/nsmon.db", folder);
    return 0;
}

int database_locate(const char *wanted, char *path, size_t size, struct error *error) {
    if (wanted != NULL) {
        return make_absolute(wanted, path, size, error);
    }
    if (geteuid() != 0) {
        return make_user_folder(path, size, error);
    }
    snprintf(path, size, "%s/nsmon.db", root_folder);
    return prepare_root_folder(error);
}

/* The broker keeps nothing of its parent's but its connection. */
static void run_broker(int fd, const char *path) {
    prctl(PR_SET_NAME, "nsmon-broker");
    signal(SIGINT, SIG_IGN);
    if (dup2(fd, STDERR_FILENO + 1) < 0) {
        _exit(1);
    }
    close_range(STDERR_FILENO + 2, ~0U, 0);
    _exit(store_broker_serve(STDERR_FILENO + 1, path, NULL) == 0 ? 0 : 1);
}

static int leave_broker(const char *path, int *connection, struct error *error) {
    int ends[2];
    int code = store_broker_open(ends);
    pid_t child = code == 0 ? fork() : -1;
    if (child == 0) {
        run_broker(ends[1], path);
    }
    if (child < 0) {
        return error_set(error, code != 0 ? code : -errno, "could not start the database's broker");
    }
    close(ends[1]);
    *connection = ends[0];
    return 0;
}

int database_drop_root(const char *path, const struct identity *identity, bool brokered,
                       struct error *error) {
    int connection = -1;
    int code = brokered ? leave_broker(path, &connection, error) : 0;
    code = code == 0 ? privilege_drop(identity, error) : code;
    if (code == 0 && brokered) {
        code = store_broker_use(connection, path);
        if (code != 0) {
            error_set(error, code, "could not use the database's broker");
        }
    }
    return code;
}

/* Tries to write 'path' in a child process, since dropping root can't be undone. */
static int try_to_write(const char *path, const struct identity *identity, const char *label, bool brokered,
                        struct error *error) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return error_set(error, -errno, "could not make a pipe: %s", strerror(errno));
    }
    pid_t child = fork();
    if (child == 0) {
        struct error why = {0};
        int code = database_drop_root(path, identity, brokered, &why);
        code = code == 0 ? store_check(path, label, &why) : code;
        if (code != 0 && write(ends[1], why.text, strlen(why.text)) < 0) {
            _exit(2);
        }
        _exit(code == 0 ? 0 : 1);
    }
    close(ends[1]);
    char text[sizeof((struct error *)0)->text] = "";
    ssize_t got = child > 0 ? read(ends[0], text, sizeof text - 1) : 0;
    text[got > 0 ? got : 0] = '\0';
    close(ends[0]);
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        return error_set(error, -EACCES, "%s", text[0] != '\0' ? text : "could not look at the database");
    }
    return 0;
}

int database_check(const char *path, const struct identity *identity, const char *label, bool *brokered,
                   struct error *error) {
    struct error first = {0};
    *brokered = false;
    int code = try_to_write(path, identity, label, false, &first);
    if (code != 0 && geteuid() == 0 && try_to_write(path, identity, label, true, NULL) == 0) {
        *brokered = true;
        return 0;
    }
    return code == 0 ? 0 : error_set(error, code, "as user %s: %s", identity->name, first.text);
}
