/* Makes the database that the tests of the report's pages look at: report_database FILE [LABEL]. */
#include <stdio.h>

#include "report_fixture.h"

int main(int argc, char *argv[]) {
    if (argc < 2) {
        fputs("usage: report_database FILE [LABEL]\n", stderr);
        return 2;
    }
    sqlite3 *database = fixture_open(argv[1]);
    fixture_session(database, 1,
                    &(struct fixture_settings){.label = argc > 2 ? argv[2] : "demo", .rate = 64});
    return sqlite3_close(database) == SQLITE_OK ? 0 : 1;
}
