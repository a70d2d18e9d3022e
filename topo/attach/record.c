/* What was done to a bridge, in one line: "1 TAG PREFIX sflow joined UUID TARGET netflow made - TARGET ipfix
 * ... paused TARGET,TARGET", with "-" for nothing.  It stands in RUN_DIR/attach behind the bridge's name, and
 * in the bridge's external_ids. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "topo/attach/internal.h"

enum { RECORD_VERSION = 1 };

static const char *const mode_names[] = {
    [ATTACH_OFF] = "off", [ATTACH_MADE] = "made", [ATTACH_JOINED] = "joined", [ATTACH_THERE] = "there"};

static const char *or_dash(const char *text) {
    return text[0] != '\0' ? text : "-";
}

void attach_record_format(const struct attach_record *record, char text[ATTACH_RECORD_SIZE]) {
    size_t used = (size_t)snprintf(text, ATTACH_RECORD_SIZE, "%d %s %s", RECORD_VERSION, record->tag,
                                   or_dash(record->prefix));
    for (enum attach_kind kind = 0; kind < ATTACH_KINDS && used < ATTACH_RECORD_SIZE; kind++) {
        const struct attach_exporter *exporter = &record->exporters[kind];
        used += (size_t)snprintf(text + used, ATTACH_RECORD_SIZE - used, " %s %s %s %s",
                                 attach_names[kind].column, mode_names[exporter->mode],
                                 or_dash(exporter->uuid), or_dash(exporter->target));
    }
    if (used < ATTACH_RECORD_SIZE) {
        snprintf(text + used, ATTACH_RECORD_SIZE - used, " paused %s", or_dash(record->paused));
    }
}

/* Takes the next word, of up to 'size' - 1 of the characters 'allowed'; "-" is nothing. */
static bool take_word(const char **at, char *word, size_t size, const char *allowed) {
    *at += strspn(*at, " ");
    size_t length = strcspn(*at, " \n");
    if (length == 0 || length >= size || strspn(*at, allowed) < length) {
        return false;
    }
    memcpy(word, *at, length);
    word[length] = '\0';
    *at += length;
    if (strcmp(word, "-") == 0) {
        word[0] = '\0';
    }
    return true;
}

static bool take_exporter(const char **at, const char *column, struct attach_exporter *exporter) {
    char name[16];
    char mode[16];
    if (!take_word(at, name, sizeof name, "abcdefghijklmnopqrstuvwxyz") || strcmp(name, column) != 0 ||
        !take_word(at, mode, sizeof mode, "abcdefghijklmnopqrstuvwxyz") ||
        !take_word(at, exporter->uuid, sizeof exporter->uuid, "0123456789abcdef-") ||
        !take_word(at, exporter->target, sizeof exporter->target, "0123456789.:-")) {
        return false;
    }
    for (size_t i = 0; i < sizeof mode_names / sizeof *mode_names; i++) {
        if (strcmp(mode, mode_names[i]) == 0) {
            exporter->mode = (enum attach_mode)i;
            return exporter->mode != ATTACH_JOINED || exporter->uuid[0] != '\0';
        }
    }
    return false;
}

int attach_record_parse(struct attach_record *record, const char *bridge, const char *text) {
    char version[4];
    *record = (struct attach_record){.tag = ""};
    bool good =
        take_word(&text, version, sizeof version, "0123456789") && strcmp(version, "1") == 0 &&
        take_word(&text, record->tag, sizeof record->tag,
                  "-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") &&
        record->tag[0] != '\0' &&
        take_word(&text, record->prefix, sizeof record->prefix, "-abcdefghijklmnopqrstuvwxyz0123456789") &&
        strlen(bridge) < sizeof record->bridge;
    for (enum attach_kind kind = 0; good && kind < ATTACH_KINDS; kind++) {
        good = take_exporter(&text, attach_names[kind].column, &record->exporters[kind]);
    }
    char word[16];
    good = good && take_word(&text, word, sizeof word, "paused") && strcmp(word, "paused") == 0 &&
           take_word(&text, record->paused, sizeof record->paused, ATTACH_TARGETS_ALLOWED);
    if (!good) {
        return -EBADMSG;
    }
    memcpy(record->bridge, bridge, strlen(bridge) + 1);
    return 0;
}

static void record_path(const char *run_dir, char path[LAB_PATH_SIZE]) {
    snprintf(path, LAB_PATH_SIZE, "%s/attach", run_dir);
}

int attach_record_write(const struct attach_record *record, const char *run_dir, struct error *error) {
    char path[LAB_PATH_SIZE];
    char temporary[LAB_PATH_SIZE + 8];
    char text[ATTACH_RECORD_SIZE];
    record_path(run_dir, path);
    attach_record_format(record, text);
    snprintf(temporary, sizeof temporary, "%s.new", path);
    FILE *file = fopen(temporary, "we");
    bool good = file != NULL && fprintf(file, "%s %s\n", record->bridge, text) > 0;
    good = file != NULL && fclose(file) == 0 && good;
    if (!good || rename(temporary, path) != 0) {
        int code = errno != 0 ? -errno : -EIO;
        return error_set(error, code, "could not write the record %s: %s", path, strerror(-code));
    }
    return 0;
}

int attach_record_read(struct attach_record *record, const char *run_dir, struct error *error) {
    char path[LAB_PATH_SIZE];
    char line[ATTACH_RECORD_SIZE + 80] = "";
    record_path(run_dir, path);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT ? -ENOENT
                               : error_set(error, -errno, "could not read %s: %s", path, strerror(errno));
    }
    bool good = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    char *space = strchr(line, ' ');
    if (good && space != NULL) {
        *space = '\0';
        good = attach_record_parse(record, line, space + 1) == 0;
    }
    return good && space != NULL ? 0
                                 : error_set(error, -EBADMSG,
                                             "the record %s is not one of this version: undo by hand what it "
                                             "names, then remove it",
                                             path);
}

int attach_record_remove(const char *run_dir, struct error *error) {
    char path[LAB_PATH_SIZE];
    record_path(run_dir, path);
    if (unlink(path) != 0 && errno != ENOENT) {
        return error_set(error, -errno, "could not remove %s: %s", path, strerror(errno));
    }
    return 0;
}

bool attach_recorded(const char *run_dir) {
    char path[LAB_PATH_SIZE];
    record_path(run_dir, path);
    return access(path, F_OK) == 0;
}
