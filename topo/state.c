/* RUN_DIR/state.json: what was begun, for whoever has to undo it. */
#include "topo/lab.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STATE_VERSION = 1 };

static const char *const kind_names[] = {
#define LAB_KIND(KIND, NAME) [KIND] = (NAME),
    LAB_KINDS
#undef LAB_KIND
};

static void state_path(const char *run_dir, char path[LAB_PATH_SIZE]) {
    snprintf(path, LAB_PATH_SIZE, "%s/state.json", run_dir);
}

static json_t *state_encode(const struct topo *topo) {
    json_t *made = json_array();
    for (unsigned i = 0; i < topo->item_count; i++) {
        const struct lab_item *item = &topo->items[i];
        json_array_append_new(made,
                              json_pack("{s:s, s:s}", "kind", kind_names[item->kind], "name", item->name));
    }
    return json_pack("{s:i, s:s, s:s, s:i, s:b, s:b, s:o}", "version", STATE_VERSION, "tag", topo->tag,
                     "prefix", topo->prefix, "hosts", (int)topo->hosts, "private_ovs", topo->sw.private_ovs,
                     "kernel_datapath", topo->sw.kernel_datapath, "made", made);
}

int state_write(const struct topo *topo, struct error *error) {
    char path[LAB_PATH_SIZE];
    char temporary[LAB_PATH_SIZE + 8];
    state_path(topo->run_dir, path);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    if (topo->item_count == 0) {
        unlink(temporary);
        if (unlink(path) != 0 && errno != ENOENT) {
            return error_set(error, -errno, "could not remove the lab's record %s: %s", path,
                             strerror(errno));
        }
        return 0;
    }
    json_t *root = state_encode(topo);
    int code = root == NULL ? -ENOMEM : 0;
    if (code == 0 && json_dump_file(root, temporary, JSON_INDENT(2)) != 0) {
        code = errno != 0 ? -errno : -EIO;
    }
    if (code == 0 && rename(temporary, path) != 0) {
        code = -errno;
    }
    json_decref(root);
    if (code != 0) {
        return error_set(error, code, "could not write the lab's record %s: %s", path, strerror(-code));
    }
    return 0;
}

/* The kind that the state file calls 'name', or LAB_KIND_COUNT. */
static enum lab_kind kind_of(const char *name) {
    enum lab_kind kind = 0;
    while (kind < LAB_KIND_COUNT && strcmp(kind_names[kind], name) != 0) {
        kind++;
    }
    return kind;
}

static bool copy_text(char *to, size_t size, const char *from) {
    int length = snprintf(to, size, "%s", from);
    return length >= 0 && (size_t)length < size;
}

static bool decode_items(struct topo *topo, json_t *made) {
    if (json_array_size(made) > LAB_ITEMS_MAX) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(made); i++) {
        const char *kind = NULL;
        const char *name = NULL;
        struct lab_item *item = &topo->items[i];
        if (json_unpack(json_array_get(made, i), "{s:s, s:s}", "kind", &kind, "name", &name) != 0) {
            return false;
        }
        item->kind = kind_of(kind);
        if (item->kind == LAB_KIND_COUNT || !copy_text(item->name, sizeof item->name, name)) {
            return false;
        }
        topo->item_count++;
    }
    return true;
}

static bool state_decode(struct topo *topo, json_t *root) {
    const char *tag = NULL;
    const char *prefix = NULL;
    json_t *made = NULL;
    int version = 0;
    int hosts = 0;
    int private_ovs = 0;
    int kernel_datapath = 0;
    if (json_unpack(root, "{s:i, s:s, s:s, s:i, s:b, s:b, s:o}", "version", &version, "tag", &tag, "prefix",
                    &prefix, "hosts", &hosts, "private_ovs", &private_ovs, "kernel_datapath",
                    &kernel_datapath, "made", &made) != 0 ||
        version != STATE_VERSION || hosts < 1 || hosts > TOPO_HOSTS_MAX || !json_is_array(made) ||
        !copy_text(topo->tag, sizeof topo->tag, tag) ||
        !copy_text(topo->prefix, sizeof topo->prefix, prefix)) {
        return false;
    }
    topo->hosts = (unsigned)hosts;
    topo->sw.private_ovs = private_ovs != 0;
    topo->sw.kernel_datapath = kernel_datapath != 0;
    return decode_items(topo, made);
}

int state_read(struct topo *topo, struct error *error) {
    char path[LAB_PATH_SIZE];
    state_path(topo->run_dir, path);
    if (access(path, F_OK) != 0) {
        return -ENOENT;
    }
    json_error_t why;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL) {
        return error_set(error, -EBADMSG, "could not read the lab's record %s: line %d: %s", path, why.line,
                         why.text);
    }
    bool good = state_decode(topo, root);
    json_decref(root);
    if (!good) {
        return error_set(
            error, -EBADMSG,
            "the lab's record %s does not look like one of this version; remove what it names by "
            "hand, then the file",
            path);
    }
    return 0;
}

bool topo_recorded(const char *run_dir) {
    char path[LAB_PATH_SIZE];
    state_path(run_dir, path);
    return access(path, F_OK) == 0;
}
