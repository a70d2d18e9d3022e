#include "daemon/privileged.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/privilege.h"

#include "daemon/intake.h"
#include "daemon/lab_shape.h"

static int open_export(struct privileged *opened, const struct site_view *view, enum worker_socket which,
                       int wanted, struct error *error) {
    int fd = topo_socket_in(view->switch_fd, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0, error);
    if (fd < 0) {
        return fd;
    }
    struct ip_address loopback = {.family = 4, .bytes = {127, 0, 0, 1}};
    uint16_t port = wanted >= 0 ? (uint16_t)wanted : lab_shape_ports[which];
    int bound = listen_bind(fd, &loopback, port, INTAKE_BUFFER_BYTES, error);
    if (bound == -EADDRINUSE && wanted < 0) {
        bound = listen_bind(fd, &loopback, 0, INTAKE_BUFFER_BYTES, error);
    }
    if (bound < 0) {
        close(fd);
        return bound;
    }
    opened->export_fds[which] = fd;
    opened->ports[which] = (uint16_t)bound;
    return 0;
}

static int open_exports(struct privileged *opened, const struct site_view *view,
                        const struct lab_settings *lab, struct error *error) {
    const bool on[SOCKET_COUNT] = {lab->sflow, lab->netflow, lab->ipfix};
    const int wanted[SOCKET_COUNT] = {lab->sflow_port, lab->netflow_port, lab->ipfix_port};
    int code = 0;
    for (enum worker_socket i = 0; code == 0 && i < SOCKET_COUNT; i++) {
        if (on[i]) {
            code = open_export(opened, view, i, wanted[i], error);
        }
    }
    return code;
}

struct capture_request {
    struct capture_settings settings;
    struct capture **capture;
    struct error *error;
};

static int open_capture_here(void *context) {
    struct capture_request *request = context;
    return capture_open(&request->settings, request->capture, request->error);
}

void privileged_capture_path(const char *folder, const char *name, char path[PRIVILEGED_PATH_SIZE]) {
    snprintf(path, PRIVILEGED_PATH_SIZE, "%s/%s.pcap", folder, name);
    for (char *at = path + strlen(folder) + 1; *at != '\0'; at++) {
        *at = (char)(*at == '/' ? '-' : *at);
    }
}

/* A capture file in root's own folder, which the worker could not open.  Returns 0 or a negative errno with
 * 'error' filled. */
static int open_capture_file(const char *folder, const char *name, int *fd, struct error *error) {
    char path[PRIVILEGED_PATH_SIZE];
    if (folder[0] == '\0' || !privilege_owns_folder(folder)) {
        return 0;
    }
    privileged_capture_path(folder, name, path);
    *fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    return *fd >= 0
               ? 0
               : error_set(error, -errno, "could not write the capture file '%s': %s", path, strerror(errno));
}

static int open_captures(struct privileged *opened, const struct site_view *view, const char *pcap_dir,
                         struct error *error) {
    int code = 0;
    for (size_t i = 0; code == 0 && i < view->point_count; i++) {
        const struct site_point *point = &view->points[i];
        struct capture_request request = {
            .settings = {.interface = point->port.tap,
                         .name = point->name,
                         .station = point->station,
                         .mac = point->port.tap_mac,
                         .port = point->is_port,
                         .file = pcap_dir[0] != '\0'},
            .capture = &opened->captures[i],
            .error = error,
        };
        code = topo_call_in(point->netns_fd, open_capture_here, &request, error);
        code = code == 0 ? open_capture_file(pcap_dir, point->name, &opened->capture_fds[i], error) : code;
    }
    return code;
}

int privileged_listen(const char *path, mode_t mode, int *fd, struct error *error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    unlink(path);
    *fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t old = umask(0777);
    int result = *fd < 0 ? -1 : bind(*fd, (struct sockaddr *)&address, sizeof address);
    umask(old);
    if (result != 0 || chmod(path, mode) != 0 || listen(*fd, 16) != 0) {
        return error_set(error, -errno, "could not make the socket '%s': %s", path, strerror(errno));
    }
    return 0;
}

struct privileged privileged_none(void) {
    struct privileged none = {.control_fd = -1};
    for (size_t i = 0; i < SOCKET_COUNT; i++) {
        none.export_fds[i] = -1;
    }
    for (size_t i = 0; i < SITE_POINTS_MAX; i++) {
        none.capture_fds[i] = -1;
    }
    return none;
}

int privileged_open(struct privileged *opened, const struct site_view *view, const struct lab_settings *lab,
                    const char *control, const char *pcap_dir, struct error *error) {
    int code = open_exports(opened, view, lab, error);
    code = code == 0 ? open_captures(opened, view, pcap_dir, error) : code;
    return code == 0 ? privileged_listen(control, 0666, &opened->control_fd, error) : code;
}

static void close_fd(int *fd) {
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

void privileged_close(struct privileged *opened) {
    close_fd(&opened->control_fd);
    for (size_t i = 0; i < SOCKET_COUNT; i++) {
        close_fd(&opened->export_fds[i]);
    }
    for (size_t i = 0; i < SITE_POINTS_MAX; i++) {
        close_fd(&opened->capture_fds[i]);
        capture_close(opened->captures[i]);
        opened->captures[i] = NULL;
    }
}
