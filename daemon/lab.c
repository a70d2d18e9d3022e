#include "daemon/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/listen/listen.h"
#include "collector/store/store.h"
#include "common/clock.h"
#include "daemon/control.h"
#include "daemon/database.h"
#include "daemon/remains.h"
#include "daemon/supervisor.h"

/* A lab that says nothing for so long while it starts or stops is stuck. */
enum { SILENCE_S = 60 };

/* A supervisor that has closed its socket has so long to let go of its lock. */
#define ENDING_NS (2 * NS_PER_S)

struct lab_settings lab_settings_default(void) {
    return (struct lab_settings){
        .sflow = true,
        .netflow = true,
        .ipfix = true,
        .sflow_sampling = 64,
        .ipfix_sampling = 64,
        .sflow_header_bytes = 128,
        .sflow_polling_s = 5,
        .netflow_timeout_s = 5,
        .ipfix_timeout_s = 5,
        .sflow_port = -1,
        .netflow_port = -1,
        .ipfix_port = -1,
    };
}

/* " --prefix x", or nothing, for hints. */
static const char *prefix_option(const char *prefix, char text[32]) {
    snprintf(text, 32, "%s%s", prefix[0] != '\0' ? " --prefix " : "", prefix);
    return text;
}

static int need_root(const char *command, struct error *error) {
    if (geteuid() == 0) {
        return 0;
    }
    return error_set(error, -EPERM, "nsmon %s needs root for namespaces and captures: run 'sudo nsmon %s'",
                     command, command);
}

/* --- reading what the supervisor reports --- */

struct report_reader {
    int fd;
    char buffer[4096];
    size_t size;
};

/* Takes the next line, without its newline, into 'line'.  Returns 0, -EPIPE at the end, or -ETIMEDOUT. */
static int next_line(struct report_reader *reader, char *line, size_t line_size) {
    for (;;) {
        char *newline = memchr(reader->buffer, '\n', reader->size);
        if (newline != NULL) {
            size_t length = (size_t)(newline - reader->buffer);
            size_t kept = length < line_size ? length : line_size - 1;
            memcpy(line, reader->buffer, kept);
            line[kept] = '\0';
            reader->size -= length + 1;
            memmove(reader->buffer, newline + 1, reader->size);
            return 0;
        }
        if (reader->size == sizeof reader->buffer) {
            return -EPIPE;
        }
        ssize_t got = read(reader->fd, reader->buffer + reader->size, sizeof reader->buffer - reader->size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 && errno == EAGAIN ? -ETIMEDOUT : -EPIPE;
        }
        reader->size += (size_t)got;
    }
}

/* Hands steps on until the line that says how it went.  Returns 0 or a negative errno with 'error' filled. */
static int follow(int fd, lab_progress_fn *progress, void *context, struct lab_info *info,
                  struct error *error) {
    struct report_reader reader = {.fd = fd};
    char line[1100];
    bool ended = false;
    int code;
    while ((code = next_line(&reader, line, sizeof line)) == 0) {
        const char *text = strlen(line) > 2 ? line + 2 : "";
        switch (line[0]) {
        case 's':
        case 'd':
            progress(text, line[0] == 'd', context);
            break;
        case 'i':
            if (info != NULL) {
                char *end = NULL;
                info->session_id = strtoll(text, &end, 10);
                snprintf(info->database, sizeof info->database, "%s", *end == ' ' ? end + 1 : "");
            }
            break;
        case 'r':
            if (info != NULL) {
                snprintf(info->description, sizeof info->description, "%s", text);
            }
            return 0;
        case 'e':
            ended = true; /* and gone when the connection closes */
            break;
        default:
            return error_set(error, -EIO, "%s", text);
        }
    }
    if (ended) {
        return 0;
    }
    return error_set(error, code, "the lab's supervisor %s",
                     code == -ETIMEDOUT ? "does not answer" : "ended without a word");
}

/* --- what a crash left --- */

struct relay {
    lab_progress_fn *progress;
    void *context;
};

static int relay_step(const char *step, void *context) {
    const struct relay *relay = context;
    relay->progress(step, true, relay->context);
    return 0;
}

static int clean_up_crashed(const struct run_dir *dir, const char *prefix, lab_progress_fn *progress,
                            void *context, struct error *error) {
    struct relay relay = {.progress = progress, .context = context};
    bool found;
    remains_close_sessions(dir, prefix);
    int code = attach_recover(dir->path, prefix, &found, relay_step, &relay, error);
    return code != 0 ? code : topo_recover(dir->path, relay_step, &relay, error);
}

/* Without a record: what the switch's own database says of a session of 'prefix'.  Returns 0, -ENOENT when
 * there is none, or another negative errno with 'error' filled. */
static int clean_up_attached(const struct run_dir *dir, const char *prefix, lab_progress_fn *progress,
                             void *context, struct error *error) {
    struct relay relay = {.progress = progress, .context = context};
    bool found;
    int code = attach_recover(dir->path, prefix, &found, relay_step, &relay, error);
    return code == 0 && !found ? -ENOENT : code;
}

static bool is_recorded(const struct run_dir *dir) {
    return topo_recorded(dir->path) || attach_recorded(dir->path);
}

/* --- start and stop --- */

/* Makes the folder as 'identity', so that root follows no link that somebody puts in its place meanwhile. */
static int make_folder_as(const char *path, const struct identity *identity) {
    pid_t child = fork();
    int status = 1;
    if (child == 0) {
        _exit(privilege_drop(identity, NULL) == 0 && mkdir(path, 0755) == 0 ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : -EACCES;
}

/* Makes --pcap-dir absolute, and makes it where it is not there. */
static int prepare_pcap_dir(const char *wanted, char *path, struct error *error) {
    struct identity identity;
    path[0] = '\0';
    if (wanted == NULL) {
        return 0;
    }
    int code = privilege_find_user(&identity, error);
    if (code != 0) {
        return code;
    }
    char parent[LAB_PATH_SIZE];
    snprintf(parent, sizeof parent, "%s", wanted);
    bool made = access(wanted, F_OK) == 0 ||
                (privilege_owns_folder(dirname(parent)) ? mkdir(wanted, 0755)
                                                        : make_folder_as(wanted, &identity)) == 0;
    if (!made) {
        return error_set(
            error, -EACCES,
            "could not make the folder '%s' as user %s; make it and give it to that user, or name another",
            wanted, identity.name);
    }
    char *absolute = realpath(wanted, NULL);
    if (absolute == NULL || strlen(absolute) >= LAB_PATH_SIZE) {
        free(absolute);
        return error_set(error, -ENOENT, "could not find the folder '%s'", wanted);
    }
    memcpy(path, absolute, strlen(absolute) + 1);
    free(absolute);
    return 0;
}

/* Forks the supervisor and follows it until the lab is up. */
static int launch(struct supervisor_settings *settings, lab_progress_fn *progress, void *context,
                  struct lab_info *info, struct error *error) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return error_set(error, -errno, "could not make a connection to the supervisor: %s", strerror(errno));
    }
    pid_t child = fork();
    if (child < 0) {
        return error_set(error, -errno, "could not start the supervisor: %s", strerror(errno));
    }
    if (child == 0) {
        close(ends[0]);
        setsid();
        settings->report_fd = ends[1];
        _exit(supervisor_main(settings));
    }
    close(ends[1]);
    int code = follow(ends[0], progress, context, info, error);
    if (code == 0 && send(ends[0], "", 1, MSG_NOSIGNAL) != 1) { /* until now it would have undone itself */
        code = error_set(error, -EPIPE, "the lab's supervisor has gone");
    }
    close(ends[0]);
    if (code != 0) {
        waitpid(child, NULL, 0); /* so that all is undone when we say so */
    }
    return code;
}

/* Looks for what would be in the way, before anything is made: a lab's port that is taken can only be in a
 * namespace that the switch shares with others. */
static int check_ports(const struct lab_settings *lab, struct error *error) {
    struct topo_switch found;
    int code = topo_resolve_datapath(lab->datapath, &found, error);
    const int ports[] = {lab->sflow ? lab->sflow_port : 0, lab->netflow ? lab->netflow_port : 0,
                         lab->ipfix ? lab->ipfix_port : 0};
    for (size_t i = 0; code == 0 && !found.private_ovs && i < sizeof ports / sizeof *ports; i++) {
        if (ports[i] > 0) {
            struct ip_address loopback = {.family = 4, .bytes = {127, 0, 0, 1}};
            int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
            int bound = listen_bind(fd, &loopback, (uint16_t)ports[i], 0, error);
            close(fd);
            code = bound < 0 ? bound : 0;
        }
    }
    return code;
}

static int prepare(struct supervisor_settings *settings, lab_progress_fn *progress, void *context,
                   struct error *error) {
    struct identity identity;
    const struct lab_settings *lab = &settings->lab;
    int code = privilege_find_user(&identity, error);
    code = code == 0 ? database_locate(lab->database, settings->database, sizeof settings->database, error)
                     : code;
    code = code == 0 ? check_ports(lab, error) : code;
    code = code == 0 ? database_check(settings->database, &identity, lab->label, &settings->brokered, error)
                     : code;
    code = code == 0 ? prepare_pcap_dir(lab->pcap_dir, settings->pcap_dir, error) : code;
    code = code == 0 ? run_dir_make(&settings->dir, error) : code;
    if (code == 0 && (is_recorded(&settings->dir) || remains_noted(&settings->dir))) {
        progress("undoing what a crashed session left behind", false, context);
        code = clean_up_crashed(&settings->dir, lab->prefix, progress, context, error);
    }
    /* A machine that was switched off while a session was attached has forgotten the record, but the switch's
     * database has not. */
    if (code == 0 && lab->attach_bridge != NULL) {
        code = clean_up_attached(&settings->dir, lab->prefix, progress, context, error);
        code = code == -ENOENT ? 0 : code;
    }
    if (code == 0) {
        remains_note_database(&settings->dir, settings->database);
    }
    return code;
}

int lab_start(const struct lab_settings *lab, lab_progress_fn *progress, void *context, struct lab_info *info,
              struct error *error) {
    struct supervisor_settings settings = {.lab = *lab, .dir = run_dir_of(lab->prefix)};
    char option[32];
    int code = need_root(lab->attach_bridge != NULL ? "attach" : "start", error);
    if (code != 0) {
        return code;
    }
    settings.lock_fd = run_dir_lock(&settings.dir, error);
    if (settings.lock_fd == -EALREADY) {
        prefix_option(lab->prefix, option);
        return error_set(error, -EALREADY,
                         "%s is running already: 'nsmon status%s' shows it, 'sudo nsmon stop%s' ends it, "
                         "and --prefix NAME starts another beside it",
                         lab->attach_bridge != NULL ? "a session of this name" : "this lab", option, option);
    }
    if (settings.lock_fd < 0) {
        return settings.lock_fd;
    }
    code = prepare(&settings, progress, context, error);
    code = code == 0 ? launch(&settings, progress, context, info, error) : code;
    if (code != 0 && !is_recorded(&settings.dir)) {
        run_dir_remove(&settings.dir);
    }
    close(settings.lock_fd);
    return code;
}

static int no_lab(const char *prefix, struct error *error) {
    char option[32];
    char words[256];
    struct run_dir dir = run_dir_of(prefix);
    bool ended = remains_last_words(&dir, words, sizeof words);
    return error_set(error, -ENOENT, "no lab is running%s%s; 'sudo nsmon start%s' starts one",
                     ended ? "; the last session ended early: " : "", words, prefix_option(prefix, option));
}

/* Without a supervisor to ask: there is no such lab, or only its remains. */
static int stop_remains(const struct run_dir *dir, const char *prefix, lab_progress_fn *progress,
                        void *context, struct error *error) {
    struct error lock_error;
    int lock_fd = run_dir_lock(dir, &lock_error);
    if (lock_fd == -EALREADY) {
        return error_set(error, -EBUSY, "the lab is just starting or stopping; try again in a few seconds");
    }
    if (lock_fd < 0) {
        return error_set(error, lock_fd, "%s", lock_error.text);
    }
    int code;
    if (is_recorded(dir) || remains_noted(dir)) {
        progress("this session had crashed: undoing what it left behind", false, context);
        code = clean_up_crashed(dir, prefix, progress, context, error);
    } else {
        code = clean_up_attached(dir, prefix, progress, context, error);
        code = code == -ENOENT ? no_lab(prefix, error) : code;
    }
    if (code == 0 || code == -ENOENT) {
        run_dir_remove(dir);
    }
    close(lock_fd);
    return code;
}

/* The supervisor was ending when it was asked to: because its worker had died, after a stop that failed, or
 * for somebody else who stopped it and was told how it went. */
static int stop_ended(const struct run_dir *dir, const char *prefix, lab_progress_fn *progress, void *context,
                      struct error *error) {
    int64_t deadline_ns = clock_monotonic_ns() + ENDING_NS;
    int code;
    do {
        clock_sleep_ns(10 * NS_PER_MS); /* it holds its lock to the last */
        if (access(dir->path, F_OK) != 0) {
            return 0;
        }
        code = stop_remains(dir, prefix, progress, context, error);
    } while (code == -EBUSY && clock_monotonic_ns() < deadline_ns);
    return code != -ENOENT
               ? code
               : error_set(error, code, "the session had just ended on its own, because its worker had died");
}

int lab_stop(const char *prefix, lab_progress_fn *progress, void *context, struct error *error) {
    struct run_dir dir = run_dir_of(prefix);
    int code = need_root("stop", error);
    if (code != 0) {
        return code;
    }
    int fd = control_connect(dir.supervisor);
    if (fd < 0) {
        return stop_remains(&dir, prefix, progress, context, error);
    }
    struct timeval limit = {.tv_sec = SILENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    send(fd, SUPERVISOR_STOP, sizeof SUPERVISOR_STOP, MSG_NOSIGNAL);
    code = follow(fd, progress, context, NULL, error);
    close(fd);
    return code == -EPIPE ? stop_ended(&dir, prefix, progress, context, error) : code;
}

int lab_detach(const char *prefix, lab_progress_fn *progress, void *context, struct error *error) {
    struct run_dir dir = run_dir_of(prefix);
    char option[32];
    char words[256];
    int code = need_root("detach", error);
    bool ended = remains_last_words(&dir, words, sizeof words);
    if (code == 0 && topo_recorded(dir.path)) {
        code = error_set(error, -EINVAL, "that is a lab, attached to nothing: 'sudo nsmon stop%s' ends it",
                         prefix_option(prefix, option));
    }
    code = code == 0 ? lab_stop(prefix, progress, context, error) : code;
    return code != -ENOENT
               ? code
               : error_set(error, code, "no session is attached%s%s; 'sudo nsmon attach%s' begins one",
                           ended ? "; the last one ended early, its exporters were put back: " : "", words,
                           prefix_option(prefix, option));
}

int lab_join(const char *prefix, struct error *error) {
    struct run_dir dir = run_dir_of(prefix);
    int fd = control_connect(dir.supervisor);
    if (fd < 0) {
        return no_lab(prefix, error);
    }
    if (attach_recorded(dir.path)) {
        close(fd);
        return error_set(error, -ENOTSUP,
                         "the session is attached to a bridge and has no stations of its own: drive other "
                         "traffic through the bridge");
    }
    send(fd, SUPERVISOR_TRAFFIC, sizeof SUPERVISOR_TRAFFIC, MSG_NOSIGNAL);
    /* Whatever comes, or the end of the connection, comes as the signal that ends a run well. */
    if (fcntl(fd, F_SETOWN, getpid()) != 0 || fcntl(fd, F_SETSIG, SIGTERM) != 0 ||
        fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK) != 0) {
        int code = -errno;
        close(fd);
        return error_set(error, code, "could not be told of the lab's end: %s", strerror(-code));
    }
    return fd;
}

bool lab_present(const char *prefix) {
    struct run_dir dir = run_dir_of(prefix);
    return topo_recorded(dir.path);
}

char *lab_status(const char *prefix, struct error *error) {
    struct run_dir dir = run_dir_of(prefix);
    char option[32];
    prefix_option(prefix, option);
    int fd = control_connect(dir.control);
    if (fd < 0 && lab_present(prefix)) {
        error_set(
            error, fd,
            "the lab's worker does not answer: it is just starting or stopping, or has crashed; 'sudo nsmon "
            "stop%s' clears away what is left",
            option);
        return NULL;
    }
    if (fd < 0) {
        no_lab(prefix, error);
        return NULL;
    }
    char *text = control_status(fd, error);
    close(fd);
    return text;
}
