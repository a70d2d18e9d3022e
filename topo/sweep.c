#include "topo/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "topo/inside.h"
#include "topo/lab.h"
#include "topo/link.h"
#include "topo/netns.h"
#include "topo/ovs.h"
#include "topo/vswitch.h"

/* Room for the links of a namespace that go at once, for the namespaces that are remembered, and for what
 * ovs-vsctl says of all bridges. */
#define NAMES_MAX         64
#define BRIDGES_TEXT_SIZE (1 << 20)

struct cleaning {
    struct sweep *sweep;
    struct stat seen[NAMES_MAX]; /* namespaces that were emptied, whatever lives on in them */
    size_t seen_count;
    int first; /* failure */
    struct error *error;
};

static void took(struct cleaning *cleaning, int code, const struct error *why) {
    if (code == 0) {
        cleaning->sweep->removed++;
        return;
    }
    if (cleaning->first == 0) {
        cleaning->first = error_set(cleaning->error, code, "%s", why->text);
    } else {
        log_warning("%s", why->text);
    }
}

static void step(const struct cleaning *cleaning, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void step(const struct cleaning *cleaning, const char *format, ...) {
    char text[LAB_PATH_SIZE];
    va_list arguments;
    if (cleaning->sweep->progress == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)cleaning->sweep->progress(text, cleaning->sweep->context);
}

static bool spared(const struct cleaning *cleaning, const char *tag) {
    const struct sweep *sweep = cleaning->sweep;
    return sweep->spare != NULL && sweep->spare(tag, sweep->context);
}

/* --- bridges of the system's Open vSwitch --- */

/* The value of "nsmon" in 'map', which is ["map", [["key", "value"], …]] (RFC 7047, 5.1), or NULL. */
static const char *nsmon_of(json_t *map) {
    json_t *pairs = json_array_get(map, 1);
    for (size_t i = 0; i < json_array_size(pairs); i++) {
        json_t *pair = json_array_get(pairs, i);
        const char *key = json_string_value(json_array_get(pair, 0));
        if (key != NULL && strcmp(key, "nsmon") == 0) {
            return json_string_value(json_array_get(pair, 1));
        }
    }
    return NULL;
}

static void sweep_bridge(struct cleaning *cleaning, const char *name, const char *tag) {
    struct topo topo = {.hosts = 0};
    struct error why = {.text = ""};
    int length = snprintf(topo.tag, sizeof topo.tag, "%s", tag);
    if (length <= 0 || (size_t)length >= sizeof topo.tag || spared(cleaning, tag)) {
        return;
    }
    step(cleaning, "remove bridge %s", name);
    int code = ovs_remove_sets(&topo, &why); /* they refer to the bridge */
    code = code == 0 ? ovs_remove_bridge(&topo, name, &why) : code;
    took(cleaning, code, &why);
}

/* Lists name and external_ids of all bridges as JSON into 'output'.  Returns false if no system Open vSwitch
 * answers. */
static bool list_bridges(char *output, size_t size) {
    struct topo system = {.hosts = 0};
    struct ovs_transaction transaction;
    ovs_begin(&transaction, &system);
    ovs_words(&transaction, (const char *const[]){"--no-wait", "--format=json", "--columns=name,external_ids",
                                                  "list", "Bridge", NULL});
    return ovs_commit(&transaction, output, size, NULL) == 0;
}

/* True if the text of the file 'path' holds the word "nsmon".  A database of Open vSwitch is a log of JSON
 * (ovsdb(5)), so this may be of a bridge that has gone since; a line is looked at by pieces that overlap. */
static bool speaks_of_nsmon(const char *path) {
    static const char word[] = "nsmon";
    char piece[8192];
    size_t kept = 0;
    size_t got;
    bool found = false;
    FILE *file = fopen(path, "re");
    while (file != NULL && !found && (got = fread(piece + kept, 1, sizeof piece - kept, file)) > 0) {
        size_t size = kept + got;
        found = memmem(piece, size, word, sizeof word - 1) != NULL;
        kept = size < sizeof word - 2 ? size : sizeof word - 2;
        memmove(piece, piece + size - kept, kept);
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

/* True if a system Open vSwitch that does not answer may have bridges of nsmon's. */
static bool may_have_bridges(void) {
    static const char *const folders[] = {"/etc/openvswitch", "/var/lib/openvswitch"};
    char path[LAB_PATH_SIZE];
    const char *folder = getenv("OVS_RUNDIR");
    snprintf(path, sizeof path, "%s/db.sock", folder != NULL ? folder : "/var/run/openvswitch");
    bool may = access(path, F_OK) == 0;
    folder = getenv("OVS_DBDIR");
    for (size_t i = 0; !may && i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/conf.db", folder != NULL ? folder : folders[i]);
        may = speaks_of_nsmon(path);
    }
    return may;
}

static void sweep_bridges(struct cleaning *cleaning) {
    char *output = malloc(BRIDGES_TEXT_SIZE);
    json_t *table = NULL;
    bool answers = output != NULL && list_bridges(output, BRIDGES_TEXT_SIZE);
    cleaning->sweep->bridges_unseen = !answers && may_have_bridges();
    if (answers) {
        table = json_loads(output, 0, NULL);
        if (table == NULL) {
            struct error why;
            took(cleaning, error_set(&why, -EBADMSG, "could not understand ovs-vsctl's list of bridges"),
                 &why);
        }
    }
    json_t *rows = json_object_get(table, "data");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *row = json_array_get(rows, i);
        const char *name = json_string_value(json_array_get(row, 0));
        const char *tag = nsmon_of(json_array_get(row, 1));
        if (name != NULL && tag != NULL) {
            sweep_bridge(cleaning, name, tag);
        }
    }
    json_decref(table);
    free(output);
}

/* --- links --- */

struct tagged_links {
    struct cleaning *cleaning;
    char names[NAMES_MAX][TOPO_NAME_SIZE];
    size_t count;
};

static void note_link(const char *name, const char *alias, bool veth, void *context) {
    struct tagged_links *links = context;
    char tag[LAB_TAG_SIZE];
    if (veth && links->count < NAMES_MAX && lab_tag_of(alias, tag) && !spared(links->cleaning, tag)) {
        snprintf(links->names[links->count++], TOPO_NAME_SIZE, "%s", name);
    }
}

/* Removes the tagged links of the namespace 'netns_fd', -1: this one. */
static void sweep_links(struct cleaning *cleaning, int netns_fd) {
    struct nl_sock *sock = NULL;
    struct error why = {.text = ""};
    int code = link_socket(netns_fd, &sock, &why);
    struct tagged_links links = {.cleaning = cleaning};
    code = code == 0 ? link_each(sock, note_link, &links, &why) : code;
    if (code != 0) {
        took(cleaning, code, &why);
    }
    for (size_t i = 0; code == 0 && i < links.count; i++) {
        int deleted = link_delete(sock, links.names[i], &why);
        if (deleted == 0) {
            step(cleaning, "remove link %s", links.names[i]);
        }
        if (deleted != -ENODEV) { /* it went with its other end */
            took(cleaning, deleted, &why);
        }
    }
    link_socket_close(sock);
}

/* --- namespaces and what lives in them --- */

static void sweep_process(const struct inside_process *process, void *context) {
    struct cleaning *cleaning = context;
    struct error why = {.text = ""};
    if (process->kind == INSIDE_FOREIGN) {
        return;
    }
    step(cleaning, "stop %s, process %d", process->name, (int)process->pid);
    int code = process->kind == INSIDE_SWITCH ? vswitch_stop(process->run_dir, process->name, &why)
                                              : inside_end(process, &why);
    took(cleaning, code, &why);
}

/* Empties the namespace 'fd' if it is tagged and not spared.  Returns true if it is to lose its name, too. */
static bool sweep_inside(struct cleaning *cleaning, int fd, const char *name, char tag[LAB_TAG_SIZE]) {
    struct stat netns;
    if (!netns_read_tag(fd, tag) || fstat(fd, &netns) != 0 || spared(cleaning, tag)) {
        return false;
    }
    for (size_t i = 0; i < cleaning->seen_count; i++) {
        if (cleaning->seen[i].st_ino == netns.st_ino && cleaning->seen[i].st_dev == netns.st_dev) {
            return true;
        }
    }
    if (cleaning->seen_count < NAMES_MAX) {
        cleaning->seen[cleaning->seen_count++] = netns;
    }
    inside_each(&netns, sweep_process, cleaning);
    sweep_links(cleaning, fd);
    inside_warn_of_foreign(fd, name);
    return true;
}

static void sweep_nameless(int netns_fd, const struct stat *netns, void *context) {
    char tag[LAB_TAG_SIZE];
    (void)netns;
    sweep_inside(context, netns_fd, "", tag);
}

static void sweep_name(struct cleaning *cleaning, const char *name) {
    char tag[LAB_TAG_SIZE];
    char alias[LINK_ALIAS_SIZE];
    struct error why = {.text = ""};
    int fd = netns_open(name, NULL);
    if (fd < 0 || !sweep_inside(cleaning, fd, name, tag)) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    close(fd);
    step(cleaning, "remove namespace %s", name);
    snprintf(alias, sizeof alias, "nsmon:%s", tag);
    int code = netns_remove(name, alias, &why);
    took(cleaning, code, &why);
}

static void sweep_names(struct cleaning *cleaning) {
    struct dirent *entry = NULL;
    DIR *names = opendir(NETNS_DIR);
    while (names != NULL && (entry = readdir(names)) != NULL) {
        if (entry->d_name[0] != '.') {
            sweep_name(cleaning, entry->d_name);
        }
    }
    if (names != NULL) {
        closedir(names);
    }
}

int sweep_all(struct sweep *sweep, struct error *error) {
    struct cleaning cleaning = {.sweep = sweep, .error = error};
    sweep_bridges(&cleaning);
    sweep_names(&cleaning);
    inside_each_netns(sweep_nameless, &cleaning);
    sweep_links(&cleaning, -1);
    return cleaning.first;
}

int sweep_run_dir(const char *run_dir, struct error *error) {
    int code = vswitch_stop(run_dir, "ovs-vswitchd", error);
    code = code == 0 ? vswitch_stop(run_dir, "ovsdb-server", error) : code;
    return code == 0 ? vswitch_remove_files(run_dir, error) : code;
}
