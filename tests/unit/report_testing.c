#include "report_testing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reports/compare.h"

static char folder[] = "/tmp/nsmon-reports-XXXXXX";
char testing_database[128];

int testing_make_folder(void **state) {
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(testing_database, sizeof testing_database, "%s/nsmon.db", folder);
    return 0;
}

int testing_remove_folder(void **state) {
    (void)state;
    unlink(testing_database);
    return rmdir(folder);
}

struct report *testing_compare_names(const char *const names[], size_t count) {
    struct error error = {""};
    struct read_session session;
    struct reader *reader = reader_open_session(testing_database, NULL, NULL, &session, &error);
    if (reader == NULL) {
        fail_msg("%s", error.text);
    }
    struct report *report = calloc(1, sizeof *report);
    assert_non_null(report);
    if (report_compare(reader, &session, names, count, report, &error) != 0) {
        fail_msg("%s", error.text);
    }
    reader_close(reader);
    snprintf(report->database, sizeof report->database, "fixture.db");
    return report;
}

struct report *testing_compare(const struct fixture_settings *settings) {
    sqlite3 *database = fixture_open(testing_database);
    fixture_session(database, 1, settings);
    sqlite3_close(database);
    return testing_compare_names(NULL, 0);
}

void testing_release(struct report *report) {
    report_free(report);
    free(report);
}

void testing_says(const char *text, const char *wanted) {
    if (strstr(text, wanted) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, wanted);
    }
}
