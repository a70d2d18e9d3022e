/* The databases: whole, readable, closed, and on a disk with room.  What is in one came off a network: it is
 * looked into by a child process that is not root's. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <libgen.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/store/read/reader.h"
#include "common/clock.h"
#include "common/privilege.h"
#include "daemon/collect.h"
#include "daemon/lab.h"
#include "daemon/run_dir.h"
#include "topo/doctor/internal.h"

#define QUICK_CHECK_NS (2 * NS_PER_S)
#define CHILD_LIMIT_S  15
#define PROGRESS_STEPS 10000 /* of SQLite's machine, between two looks at the clock */
#define FREE_MINIMUM   (INT64_C(256) << 20)
#define RUNNING_MAX    32

/* One look at one file. */
struct look {
    struct doctor *doctor;
    const char *path;
    int64_t deadline_ns;
    struct read_session running[RUNNING_MAX]; /* sessions that say they run */
    size_t running_count;
    size_t sessions;
    bool alive; /* a process writes to it */
};

static struct doctor_finding *add(struct look *look, enum doctor_state state, const char *text) {
    struct doctor_finding *finding = doctor_add(look->doctor, state, "%s", text);
    doctor_subject(finding, "%s", look->path);
    return finding;
}

/* --- sessions --- */

static int take_session(const struct read_session *session, void *context) {
    struct look *look = context;
    look->sessions++;
    if (strcmp(session->state, "running") == 0 && look->running_count < RUNNING_MAX) {
        look->running[look->running_count++] = *session;
    }
    return 0;
}

/* True if the state 'text', which it frees, is of session 'id' in this file. */
static bool is_of(char *text, const struct look *look, int64_t id) {
    json_t *status = text != NULL ? json_loads(text, 0, NULL) : NULL;
    const char *database = json_string_value(json_object_get(status, "database"));
    struct stat theirs;
    struct stat ours;
    bool same = database != NULL && json_integer_value(json_object_get(status, "session")) == id &&
                stat(database, &theirs) == 0 && stat(look->path, &ours) == 0 &&
                theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
    json_decref(status);
    free(text);
    return same;
}

static bool has_process(const struct look *look, const struct read_session *session) {
    if (strlen(session->prefix) >= TOPO_PREFIX_SIZE) {
        return false;
    }
    if (strcmp(session->kind, "lab") == 0) {
        return is_of(lab_status(session->prefix, NULL), look, session->id);
    }
    bool more = true;
    for (size_t which = 0; more; which++) {
        if (is_of(collect_status(session->prefix, which, &more), look, session->id)) {
            return true;
        }
    }
    return false;
}

static void look_at_running(struct look *look) {
    for (size_t i = 0; i < look->running_count; i++) {
        const struct read_session *session = &look->running[i];
        if (has_process(look, session)) {
            look->alive = true;
            continue;
        }
        struct doctor_finding *finding = doctor_add(
            look->doctor, DOCTOR_WARNING,
            "session %" PRId64 " (%s) says that it runs, and there is no process of it: it crashed",
            session->id, session->kind);
        doctor_subject(finding, "%s", look->path);
        bool plain =
            strspn(session->prefix, "abcdefghijklmnopqrstuvwxyz0123456789") == strlen(session->prefix);
        struct run_dir dir = run_dir_of(plain ? session->prefix : "");
        if (strcmp(session->kind, "lab") == 0 && plain && access(dir.database, F_OK) == 0) {
            doctor_fix(finding, "sudo nsmon stop%s%s", session->prefix[0] != '\0' ? " --prefix " : "",
                       session->prefix);
        } else {
            doctor_fix(finding,
                       "sudo sqlite3 '%s' \"UPDATE session SET state = 'failed' WHERE id = %" PRId64 "\"",
                       look->path, session->id);
        }
        if (strcmp(session->kind, "lab") != 0 && !look->doctor->root) {
            doctor_root_only(finding, "whether a collector of another user's writes it");
        }
    }
}

bool doctor_lab_answers(const char *prefix) {
    char *status = lab_status(prefix, NULL);
    free(status);
    return status != NULL;
}

/* --- the file --- */

static int on_progress(void *context) {
    const struct look *look = context;
    return clock_monotonic_ns() > look->deadline_ns;
}

/* Says whether the file is whole: PRAGMA quick_check, for as long as that may take. */
static void quick_check(struct look *look, char *verdict, size_t size, enum doctor_state *state) {
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_open_v2(look->path, &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    look->deadline_ns = clock_monotonic_ns() + QUICK_CHECK_NS;
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(database, 1000);
        sqlite3_progress_handler(database, PROGRESS_STEPS, on_progress, look);
        code = sqlite3_prepare_v2(database, "PRAGMA quick_check(1)", -1, &statement, NULL);
    }
    code = code == SQLITE_OK ? sqlite3_step(statement) : code;
    const char *said = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    *state = DOCTOR_OK;
    if (said != NULL && strcmp(said, "ok") == 0) {
        snprintf(verdict, size, "intact");
    } else if (code == SQLITE_INTERRUPT) {
        snprintf(verdict, size, "no fault found in 2 s, not all of it looked at");
    } else {
        *state = DOCTOR_FAILED;
        snprintf(verdict, size, "damaged: %s", said != NULL ? said : sqlite3_errmsg(database));
    }
    sqlite3_finalize(statement);
    sqlite3_close(database);
}

static void look_at_disk(struct look *look) {
    struct statvfs disk;
    char folder[4096];
    char text[24];
    snprintf(folder, sizeof folder, "%s", look->path);
    if (statvfs(dirname(folder), &disk) != 0) {
        return;
    }
    int64_t free_bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
    if (free_bytes < FREE_MINIMUM) {
        struct doctor_finding *finding =
            doctor_add(look->doctor, DOCTOR_WARNING, "its disk has %s free: a session may not find room",
                       doctor_bytes(free_bytes, text));
        doctor_subject(finding, "%s", look->path);
        doctor_fix(finding, "nsmon sessions delete ID --db '%s', or another file with --db", look->path);
    }
}

/* What is left of a writer that did not close the file. */
static void look_at_wal(struct look *look) {
    char path[4096];
    struct stat file;
    int length = snprintf(path, sizeof path, "%s-wal", look->path);
    if (look->alive || length < 0 || (size_t)length >= sizeof path || stat(path, &file) != 0) {
        return;
    }
    struct doctor_finding *finding =
        add(look, DOCTOR_WARNING,
            "a write-ahead log was left behind by a writer that did not end well; who can't write the folder "
            "can't read the database");
    doctor_fix(finding, "sudo sqlite3 '%s' 'PRAGMA journal_mode = DELETE'", look->path);
}

static bool is_sqlite(const char *path) {
    static const char magic[] = "SQLite format 3"; /* with its NUL the file's first 16 bytes */
    char begin[sizeof magic] = "";
    FILE *file = fopen(path, "re");
    bool same =
        file != NULL && fread(begin, sizeof begin, 1, file) == 1 && memcmp(begin, magic, sizeof magic) == 0;
    if (file != NULL) {
        fclose(file);
    }
    return same;
}

/* The number of four bytes at 'offset' of the file's header (SQLite, "Database File Format", 1.3), or 0. */
static uint32_t header_number(const char *path, long offset) {
    uint8_t bytes[4] = {0};
    FILE *file = fopen(path, "re");
    if (file == NULL || fseek(file, offset, SEEK_SET) != 0 || fread(bytes, sizeof bytes, 1, file) != 1) {
        memset(bytes, 0, sizeof bytes);
    }
    if (file != NULL) {
        fclose(file);
    }
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The command keeps the damaged file, and leaves it in its place if not even the sessions can be read.
 * Debian's sqlite3 has no working .recover; .dump goes on over damage, but then takes all back in its last
 * line, and forgets by which numbers nsmon knows its own. */
static void add_recover(struct doctor_finding *finding, const char *path) {
    uint32_t version = header_number(path, 60);
    uint32_t application = header_number(path, 68);
    doctor_fix(finding,
               "sqlite3 '%s' .dump | sed 's/^ROLLBACK;.*/COMMIT;/' | sqlite3 '%s.new'; sqlite3 '%s.new' "
               "'SELECT count(*) FROM session; PRAGMA application_id = %" PRIu32
               "; PRAGMA user_version = %" PRIu32 "' && mv '%s' '%s.damaged' && mv '%s.new' '%s'",
               path, path, path, application, version, path, path, path, path);
}

/* What to do about something that is no database: only a file may be put out of the way. */
static void add_other(struct doctor_finding *finding, const char *path) {
    struct stat file;
    if (stat(path, &file) == 0 && S_ISREG(file.st_mode)) {
        doctor_fix(finding, "mv '%s' '%s.other'", path, path);
    } else {
        doctor_fix(finding, "name a file with --db");
    }
}

static void look_inside(struct look *look) {
    struct error error = {0};
    char verdict[192];
    enum doctor_state state;
    struct stat file;
    char size[24];
    char text[512];
    struct reader *reader = reader_open(look->path, &error);
    if (reader == NULL || reader_each_session(reader, take_session, look, &error) != 0) {
        reader_close(reader);
        struct doctor_finding *finding = add(look, DOCTOR_FAILED, error.text);
        quick_check(look, verdict, sizeof verdict, &state);
        if (!is_sqlite(look->path)) {
            add_other(finding, look->path);
        } else if (state == DOCTOR_FAILED) {
            add_recover(finding, look->path);
        }
        return;
    }
    reader_close(reader);
    quick_check(look, verdict, sizeof verdict, &state);
    doctor_bytes(stat(look->path, &file) == 0 ? file.st_size : 0, size);
    snprintf(text, sizeof text, "%s, %zu session%s, %s", size, look->sessions, look->sessions == 1 ? "" : "s",
             verdict);
    struct doctor_finding *finding = add(look, state, text);
    if (state == DOCTOR_FAILED) {
        add_recover(finding, look->path);
    }
    look_at_running(look);
}

/* --- the child that looks --- */

/* Becomes somebody who may read the file as others do.  Returns 0 or a negative errno. */
static int become_reader(const char *path) {
    struct stat file;
    struct identity identity = {.uid = 0};
    if (geteuid() != 0 || stat(path, &file) != 0) {
        return 0;
    }
    if (file.st_uid == 0) {
        return privilege_find_user(&identity, NULL) == 0 ? privilege_drop(&identity, NULL) : -ENOENT;
    }
    identity = (struct identity){.uid = file.st_uid, .gid = file.st_gid};
    return privilege_drop(&identity, NULL);
}

static void look_as_reader(struct look *look) {
    if (become_reader(look->path) != 0) {
        add(look, DOCTOR_WARNING, "not looked into: could not give up root for it");
        return;
    }
    int fd = open(look->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        struct doctor_finding *finding =
            add(look, DOCTOR_WARNING,
                "not everybody may read it; commands that read it take sudo, and it was not "
                "looked into");
        doctor_fix(finding, "sudo chmod a+r '%s'", look->path);
        return;
    }
    close(fd);
    look_inside(look);
    look_at_wal(look);
}

/* Looks at the file 'path', which is there, in a child; takes over what that found. */
static void look_at(struct doctor *doctor, const char *path) {
    struct look look = {.doctor = doctor, .path = path};
    int ends[2];
    look_at_disk(&look);
    size_t before = doctor->report->count;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(CHILD_LIMIT_S);
        look_as_reader(&look);
        for (size_t i = before; i < doctor->report->count; i++) {
            struct doctor_finding *finding = &doctor->report->findings[i];
            if (write(ends[1], finding, sizeof *finding) != (ssize_t)sizeof *finding) {
                _exit(1);
            }
        }
        _exit(0);
    }
    close(ends[1]);
    struct doctor_finding got;
    int status = 1;
    while (child > 0 && read(ends[0], &got, sizeof got) == (ssize_t)sizeof got) {
        *doctor_add(doctor, got.state, "%s", "") = got;
    }
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        add(&look, DOCTOR_FAILED, "looking into it ended badly, or took more than 15 s");
    }
}

void doctor_database(struct doctor *doctor) {
    char path[4096];
    size_t there = 0;
    const char *wanted = doctor->settings->database;
    for (size_t i = 0; i < (wanted != NULL ? 1 : READER_DEFAULT_PATHS); i++) {
        if (wanted != NULL) {
            snprintf(path, sizeof path, "%s", wanted);
        } else if (!reader_default_path(i, path, sizeof path)) {
            continue;
        }
        if (access(path, F_OK) == 0) {
            look_at(doctor, path);
            there++;
        } else if (wanted != NULL) {
            struct doctor_finding *finding =
                doctor_add(doctor, errno == ENOENT ? DOCTOR_OK : DOCTOR_WARNING, "%s",
                           errno == ENOENT ? "not there yet; the first session makes it" : strerror(errno));
            doctor_subject(finding, "%s", path);
            there++;
        }
    }
    if (there == 0) {
        doctor_add(doctor, DOCTOR_OK, "none yet; the first session makes it");
    }
}
