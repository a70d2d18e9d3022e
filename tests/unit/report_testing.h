/* What the tests of the comparison share: a folder of their own, and a report out of its database. */
#pragma once

#include "report_fixture.h"
#include "reports/model.h"

/* Where the database of the tests is, once testing_make_folder() has run. */
extern char testing_database[128];

/* For cmocka's group: makes the folder, and removes it with the database. */
int testing_make_folder(void **state);
int testing_remove_folder(void **state);

/* Compares 'names' in the latest session of the database; testing_release() frees it. */
struct report *testing_compare_names(const char *const names[], size_t count);

/* Compares all sources of a new database with one session of 'settings'. */
struct report *testing_compare(const struct fixture_settings *settings);
void testing_release(struct report *report);

/* Fails unless 'wanted' stands in 'text'. */
void testing_says(const char *text, const char *wanted);
