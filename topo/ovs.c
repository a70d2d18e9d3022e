#include "topo/ovs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/process.h"

#define OVS_TIMEOUT_S 15

int ovs_find_program(const char *name, char path[LAB_PATH_SIZE], struct error *error) {
    const char *folders = getenv("PATH");
    char all[4096];
    snprintf(all, sizeof all, "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin:%s",
             folders != NULL ? folders : "");
    char *rest = NULL;
    for (char *folder = strtok_r(all, ":", &rest); folder != NULL; folder = strtok_r(NULL, ":", &rest)) {
        snprintf(path, LAB_PATH_SIZE, "%s/%s", folder, name);
        if (folder[0] == '/' && access(path, X_OK) == 0) {
            return 0;
        }
    }
    return error_set(error, -ENOENT,
                     "there is no program %s; install Open vSwitch: apt install openvswitch-switch", name);
}

void ovs_add(struct ovs_transaction *transaction, const char *format, ...) {
    size_t room = sizeof transaction->text - transaction->used;
    char *at = transaction->text + transaction->used;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(at, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room ||
        transaction->count + 1 >= sizeof transaction->argv / sizeof *transaction->argv) {
        transaction->full = true;
        return;
    }
    transaction->argv[transaction->count++] = at;
    transaction->used += (size_t)length + 1;
}

void ovs_words(struct ovs_transaction *transaction, const char *const words[]) {
    for (size_t i = 0; words[i] != NULL; i++) {
        ovs_add(transaction, "%s", words[i]);
    }
}

void ovs_begin(struct ovs_transaction *transaction, const struct topo *topo) {
    char path[LAB_PATH_SIZE];
    memset(transaction, 0, sizeof *transaction);
    ovs_add(transaction, "%s", ovs_find_program("ovs-vsctl", path, NULL) == 0 ? path : "ovs-vsctl");
    ovs_add(transaction, "--timeout=%d", OVS_TIMEOUT_S);
    if (topo != NULL && topo->sw.private_ovs) {
        ovs_add(transaction, "--db=unix:%s/ovs/db.sock", topo->run_dir);
    }
}

int ovs_commit(struct ovs_transaction *transaction, char *output, size_t output_size, struct error *error) {
    if (transaction->full) {
        return error_set(error, -E2BIG, "the ovs-vsctl command does not fit its buffer");
    }
    transaction->argv[transaction->count] = NULL;
    return process_run(transaction->argv, NULL, -1, (OVS_TIMEOUT_S + 2) * NS_PER_S, output, output_size,
                       error);
}

static int read_of_ports(struct topo *topo, struct error *error) {
    struct ovs_transaction transaction;
    char output[1024];
    ovs_begin(&transaction, topo);
    for (unsigned host = 1; host <= topo->hosts; host++) {
        ovs_words(&transaction, (const char *const[]){"--", "get", "Interface", NULL});
        ovs_add(&transaction, "%s", topo->ports[host].ovs_tap);
        ovs_add(&transaction, "ofport");
    }
    int code = ovs_commit(&transaction, output, sizeof output, error);
    if (code != 0) {
        return code;
    }
    const char *at = output;
    for (unsigned host = 1; host <= topo->hosts; host++) {
        char *end = NULL;
        long number = strtol(at, &end, 10);
        if (end == at || number <= 0) {
            return error_set(error, -EIO, "Open vSwitch did not take %s as a port of %s; its log says why",
                             topo->ports[host].ovs_tap, topo->bridge);
        }
        topo->ports[host].of_port = (uint32_t)number;
        at = end;
    }
    return 0;
}

void ovs_describe_bridge(struct ovs_transaction *transaction, const struct topo *topo) {
    ovs_words(transaction, (const char *const[]){"--", "add-br", topo->bridge, "--", "set", "Bridge", NULL});
    ovs_add(transaction, "%s", topo->bridge);
    ovs_add(transaction, "datapath_type=%s", topo->sw.kernel_datapath ? "system" : "netdev");
    ovs_add(transaction, "fail_mode=standalone");
    ovs_add(transaction, "protocols=OpenFlow10,OpenFlow13,OpenFlow14,OpenFlow15");
    ovs_add(transaction, "external_ids:nsmon=%s", topo->tag);
    for (unsigned host = 1; host <= topo->hosts; host++) {
        const char *port = topo->ports[host].ovs_tap;
        ovs_words(transaction, (const char *const[]){"--", "add-port", topo->bridge, port, "--", "set",
                                                     "Port", port, NULL});
        ovs_add(transaction, "external_ids:nsmon=%s", topo->tag);
        ovs_words(transaction, (const char *const[]){"--", "set", "Interface", port, NULL});
        ovs_add(transaction, "ofport_request=%u", host);
        ovs_add(transaction, "external_ids:nsmon=%s", topo->tag);
    }
}

int ovs_make_bridge(struct topo *topo, struct error *error) {
    struct ovs_transaction transaction;
    ovs_begin(&transaction, topo);
    ovs_describe_bridge(&transaction, topo);
    int code = ovs_commit(&transaction, NULL, 0, error);
    if (code != 0) {
        return error_prefix(error, code, "could not make the bridge %s", topo->bridge);
    }
    return read_of_ports(topo, error);
}

/* Reads one value of the bridge 'name' into 'value', without quotes: "" if there is none. */
static int read_bridge(const struct topo *topo, const char *name, const char *column, char *value,
                       size_t size, struct error *error) {
    struct ovs_transaction transaction;
    char output[256];
    ovs_begin(&transaction, topo);
    ovs_words(&transaction,
              (const char *const[]){"--no-wait", "--if-exists", "get", "Bridge", name, column, NULL});
    int code = ovs_commit(&transaction, output, sizeof output, error);
    if (code == 0) {
        size_t start = strspn(output, "\" \n");
        size_t length = strcspn(output + start, "\" \n");
        snprintf(value, size, "%.*s", (int)length, output + start);
    }
    return code;
}

bool ovs_has_bridge(const struct topo *topo, const char *name) {
    char value[64];
    return read_bridge(topo, name, "name", value, sizeof value, NULL) == 0 && value[0] != '\0';
}

int ovs_remove_bridge(const struct topo *topo, const char *name, struct error *error) {
    struct ovs_transaction transaction;
    char tag[LAB_TAG_SIZE + 2] = "";
    if (!ovs_has_bridge(topo, name)) {
        /* Not there, or nobody to ask. */
        return read_bridge(topo, name, "name", tag, sizeof tag, error);
    }
    /* A bridge without the key makes this fail: not ours. */
    if (read_bridge(topo, name, "external_ids:nsmon", tag, sizeof tag, NULL) != 0 ||
        strcmp(tag, topo->tag) != 0) {
        log_warning("the bridge %s is not ours (any more): left alone", name);
        return 0;
    }
    ovs_begin(&transaction, topo);
    ovs_words(&transaction, (const char *const[]){"--if-exists", "del-br", name, NULL});
    return ovs_commit(&transaction, NULL, 0, error);
}

int ovs_remove_sets(const struct topo *topo, struct error *error) {
    struct ovs_transaction transaction;
    char uuids[1024];
    ovs_begin(&transaction, topo);
    ovs_words(&transaction, (const char *const[]){"--no-wait", "--bare", "--columns=_uuid", "find",
                                                  "Flow_Sample_Collector_Set", NULL});
    ovs_add(&transaction, "external_ids:nsmon=%s", topo->tag);
    int code = ovs_commit(&transaction, uuids, sizeof uuids, error);
    if (code != 0 || strspn(uuids, " \n") == strlen(uuids)) {
        return code;
    }
    ovs_begin(&transaction, topo);
    ovs_words(&transaction, (const char *const[]){"destroy", "Flow_Sample_Collector_Set", NULL});
    char *rest = NULL;
    for (char *uuid = strtok_r(uuids, " \n", &rest); uuid != NULL; uuid = strtok_r(NULL, " \n", &rest)) {
        ovs_add(&transaction, "%s", uuid);
    }
    return ovs_commit(&transaction, NULL, 0, error);
}
