#include "topo/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "topo/lab.h"
#include "topo/link.h"
#include "topo/topo.h"

#define OWN_NETNS "/proc/thread-self/ns/net"

static void netns_path(const char *name, char path[LAB_PATH_SIZE]) {
    snprintf(path, LAB_PATH_SIZE, NETNS_DIR "/%s", name);
}

bool netns_exists(const char *name) {
    char path[LAB_PATH_SIZE];
    netns_path(name, path);
    return access(path, F_OK) == 0;
}

bool netns_dir_missing(void) {
    /* Changing the propagation of what is not a mount point fails with EINVAL; otherwise it is as it must be.
     */
    return mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) != 0;
}

int netns_dir_make(struct error *error) {
    if (mkdir(NETNS_DIR, 0755) != 0 && errno != EEXIST) {
        return error_set(error, -errno, "could not make " NETNS_DIR ": %s", strerror(errno));
    }
    if (mount(NETNS_DIR, NETNS_DIR, "none", MS_BIND | MS_REC, NULL) != 0 ||
        mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) != 0) {
        return error_set(error, -errno, "could not make " NETNS_DIR " a mount of its own: %s",
                         strerror(errno));
    }
    return 0;
}

void netns_dir_remove(void) {
    /* Not lazily: with names left there, anybody's, it fails. */
    int tries = 0;
    while (umount2(NETNS_DIR, 0) != 0) {
        if (errno != EBUSY || ++tries == 20) {
            log_debug("the mount at " NETNS_DIR " stays: %s", strerror(errno));
            return;
        }
        clock_sleep_ns(5 * NS_PER_MS); /* somebody may just be looking */
    }
    if (rmdir(NETNS_DIR) != 0) {
        log_debug(NETNS_DIR " stays: %s", strerror(errno));
    }
}

/* Goes back to the namespace 'fd' and closes it. */
static int netns_return(int fd, struct error *error) {
    int code = setns(fd, CLONE_NEWNET) == 0 ? 0 : -errno;
    close(fd);
    return code == 0
               ? 0
               : error_set(error, code, "could not return to the own network namespace: %s", strerror(-code));
}

/* In a new namespace: dresses it and gives it its name. */
static int netns_dress(const char *path, const char *alias, struct error *error) {
    struct nl_sock *sock = NULL;
    int code = link_socket(-1, &sock, error);
    code = code == 0 ? link_set_alias(sock, "lo", alias, error) : code;
    code = code == 0 ? link_set_up(sock, "lo", true, error) : code;
    link_socket_close(sock);
    if (code != 0) {
        return code;
    }
    int file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (file < 0) {
        return error_set(error, -errno, "could not make %s: %s", path, strerror(errno));
    }
    close(file);
    if (mount(OWN_NETNS, path, "none", MS_BIND, NULL) != 0) {
        code = error_set(error, -errno, "could not mount the new namespace at %s: %s", path, strerror(errno));
        unlink(path);
    }
    return code;
}

int netns_make(const char *name, const char *alias, struct error *error) {
    char path[LAB_PATH_SIZE];
    netns_path(name, path);
    int own = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
    if (own < 0) {
        return error_set(error, -errno, "could not open the own network namespace: %s", strerror(errno));
    }
    if (unshare(CLONE_NEWNET) != 0) {
        int code =
            error_set(error, -errno, "could not make the network namespace %s: %s", name, strerror(errno));
        close(own);
        return code;
    }
    int code = netns_dress(path, alias, error);
    int fd = code == 0 ? open(OWN_NETNS, O_RDONLY | O_CLOEXEC) : -1;
    if (code == 0 && fd < 0) {
        code = error_set(error, -errno, "could not open the network namespace %s: %s", name, strerror(errno));
    }
    int back = netns_return(own, code == 0 ? error : NULL);
    if (code == 0 && back != 0) {
        close(fd);
        code = back;
    }
    return code == 0 ? fd : code;
}

int netns_open(const char *name, struct error *error) {
    char path[LAB_PATH_SIZE];
    netns_path(name, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int code = -errno;
        return error_set(error, code, "could not open the network namespace %s: %s%s", name, strerror(errno),
                         code == -ENOENT ? "; is the lab up? (nsmon start)" : "");
    }
    return fd;
}

/* True if 'fd' is a namespace whose lo has the alias 'alias'. */
static bool netns_is_ours(int fd, const char *alias) {
    struct nl_sock *sock = NULL;
    struct link_info info;
    bool ours = link_socket(fd, &sock, NULL) == 0 && link_get(sock, "lo", &info, NULL) == 0 &&
                strcmp(info.alias, alias) == 0;
    link_socket_close(sock);
    return ours;
}

bool netns_read_tag(int fd, char tag[LAB_TAG_SIZE]) {
    struct nl_sock *sock = NULL;
    struct link_info info;
    bool found = link_socket(fd, &sock, NULL) == 0 && link_get(sock, "lo", &info, NULL) == 0 &&
                 lab_tag_of(info.alias, tag);
    link_socket_close(sock);
    return found;
}

int netns_remove(const char *name, const char *alias, struct error *error) {
    char path[LAB_PATH_SIZE];
    struct statfs filesystem;
    struct stat file;
    netns_path(name, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : error_set(error, -errno, "could not open %s: %s", path, strerror(errno));
    }
    bool mounted = fstatfs(fd, &filesystem) == 0 && filesystem.f_type == NSFS_MAGIC;
    bool empty = !mounted && fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_size == 0;
    bool ours = mounted ? netns_is_ours(fd, alias) : empty;
    close(fd);
    if (!ours) {
        log_warning("the network namespace %s is not ours (any more): left alone", name);
        return 0;
    }
    if ((mounted && umount2(path, MNT_DETACH) != 0) || unlink(path) != 0) {
        return error_set(error, -errno, "could not remove the network namespace %s: %s", name,
                         strerror(errno));
    }
    return 0;
}

int topo_call_in(int netns_fd, int (*function)(void *context), void *context, struct error *error) {
    int own = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
    if (own < 0) {
        return error_set(error, -errno, "could not open the own network namespace: %s", strerror(errno));
    }
    if (setns(netns_fd, CLONE_NEWNET) != 0) {
        int code = error_set(error, -errno, "could not enter a network namespace: %s", strerror(errno));
        close(own);
        return code;
    }
    int result = function(context);
    int back = netns_return(own, error);
    return back != 0 ? back : result;
}

struct socket_wish {
    int domain;
    int type;
    int protocol;
};

static int make_socket(void *context) {
    const struct socket_wish *wish = context;
    int fd = socket(wish->domain, wish->type | SOCK_CLOEXEC, wish->protocol);
    return fd >= 0 ? fd : -errno;
}

int topo_socket_in(int netns_fd, int domain, int type, int protocol, struct error *error) {
    struct socket_wish wish = {.domain = domain, .type = type, .protocol = protocol};
    if (error != NULL) {
        error->text[0] = '\0';
    }
    int fd = topo_call_in(netns_fd, make_socket, &wish, error);
    if (fd < 0 && error != NULL && error->text[0] == '\0') {
        return error_set(error, fd, "could not make a socket in a network namespace: %s", strerror(-fd));
    }
    return fd;
}

int topo_namespace_open(const char *prefix, unsigned host, struct error *error) {
    struct topo names = {.hosts = TOPO_HOSTS_MAX};
    int length = snprintf(names.prefix, sizeof names.prefix, "%s", prefix);
    if (length < 0 || (size_t)length >= sizeof names.prefix || host > TOPO_HOSTS_MAX) {
        return error_set(error, -EINVAL, "there is no host %u of a lab with the prefix '%s'", host, prefix);
    }
    lab_name_all(&names);
    return netns_open(host == TOPO_SWITCH ? names.switch_netns : names.ports[host].netns, error);
}
