#include "common/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static void fill(struct identity *identity, const struct passwd *passwd) {
    identity->uid = passwd->pw_uid;
    identity->gid = passwd->pw_gid;
    snprintf(identity->name, sizeof identity->name, "%s", passwd->pw_name);
}

int privilege_find_user(struct identity *identity, struct error *error) {
    const char *sudo_uid = getenv("SUDO_UID");
    if (sudo_uid != NULL) {
        char *end = NULL;
        unsigned long uid = strtoul(sudo_uid, &end, 10);
        const struct passwd *passwd =
            *end == '\0' && uid != 0 && uid <= (uid_t)-2 ? getpwuid((uid_t)uid) : NULL;
        if (passwd != NULL) {
            fill(identity, passwd);
            return 0;
        }
    }
    static const char *const names[] = {"nsmon", "nobody"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct passwd *passwd = getpwnam(names[i]);
        if (passwd != NULL) {
            fill(identity, passwd);
            return 0;
        }
    }
    return error_set(
        error, -ENOENT,
        "there is no unprivileged user to run as: start nsmon through sudo, or add a user 'nsmon'");
}

bool privilege_owns_folder(const char *path) {
    struct stat status;
    return geteuid() == 0 && lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == 0 &&
           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

int privilege_drop(const struct identity *identity, struct error *error) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return error_set(error, -errno, "could not give up new privileges: %s", strerror(errno));
    }
    if (geteuid() != 0) {
        return 0;
    }
    if (setgroups(0, NULL) != 0 || setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
        setresuid(identity->uid, identity->uid, identity->uid) != 0) {
        return error_set(error, -errno, "could not become user %s: %s", identity->name, strerror(errno));
    }
    if (identity->uid != 0 && setuid(0) == 0) {
        return error_set(error, -EPERM, "became user %s, but root could be had back", identity->name);
    }
    prctl(PR_SET_DUMPABLE, 0);
    return 0;
}
