/* The broker opens the four files of one database, and nothing else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/store/broker.h"
#include "collector/store/store.h"

static char folder[64];
static char path[128];

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/nsmon-broker-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/x.db", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder);
}

/* Starts a broker for 'path'; returns the writer's end of its connection. */
static int start_broker(pid_t *pid) {
    int ends[2];
    assert_int_equal(store_broker_open(ends), 0);
    *pid = fork();
    if (*pid == 0) {
        close(ends[0]);
        _exit(store_broker_serve(ends[1], path, NULL) == 0 ? 0 : 1);
    }
    close(ends[1]);
    return ends[0];
}

static int status_of(pid_t pid) {
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* In a process of its own, since SQLite's calls stay changed.  Returns what store_open() and store_close()
 * said. */
static int write_session(int fd) {
    struct session_settings settings = {
        .kind = "import", .truth_rule = "delivered", .settings = "{}", .wait_when_full = true};
    if (store_broker_use(fd, path) != 0) {
        return 2;
    }
    struct store *store = store_open(path, &settings, NULL);
    return store == NULL ? 1 : store_close(store, "stopped", 1, NULL) == 0 ? 0 : 3;
}

/* While the folder goes by another name only the broker, which has it open, can find the file. */
static void a_database_is_written_that_only_the_broker_can_reach(void **state) {
    (void)state;
    char moved[80];
    pid_t broker;
    int fd = start_broker(&broker);
    usleep(100000); /* the broker opens the folder first of all */
    snprintf(moved, sizeof moved, "%s.moved", folder);
    assert_int_equal(rename(folder, moved), 0);
    pid_t writer = fork();
    if (writer == 0) {
        _exit(write_session(fd));
    }
    assert_int_equal(status_of(writer), 0);
    close(fd);
    assert_int_equal(status_of(broker), 0);
    assert_int_equal(rename(moved, folder), 0);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(store_check(path, NULL, NULL), 0);
    char wal[140];
    snprintf(wal, sizeof wal, "%s-wal", path);
    assert_int_not_equal(access(wal, F_OK), 0);
}

static void a_link_in_the_database_s_place_is_refused(void **state) {
    (void)state;
    pid_t broker;
    char target[140];
    snprintf(target, sizeof target, "%s-target", path);
    FILE *file = fopen(target, "w");
    fputs("precious", file);
    fclose(file);
    for (int hard = 0; hard < 2; hard++) {
        assert_int_equal(hard ? link(target, path) : symlink(target, path), 0);
        int fd = start_broker(&broker);
        pid_t writer = fork();
        if (writer == 0) {
            _exit(write_session(fd));
        }
        assert_int_equal(status_of(writer), 1);
        close(fd);
        assert_int_equal(status_of(broker), 0);
        unlink(path);
    }
    unlink(target);
}

static void a_folder_that_others_may_write_is_refused(void **state) {
    (void)state;
    pid_t broker;
    assert_int_equal(chmod(folder, 0770), 0);
    int fd = start_broker(&broker);
    assert_int_equal(status_of(broker), 1);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_database_is_written_that_only_the_broker_can_reach),
        TEST(a_link_in_the_database_s_place_is_refused),
        TEST(a_folder_that_others_may_write_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
