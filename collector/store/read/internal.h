/* What the files of the reading side share. */
#pragma once

#include <sqlite3.h>

#include "collector/store/read/reader.h"

struct reader {
    sqlite3 *database;
    int64_t version;    /* of the file */
    sqlite3_stmt *flow; /* reader_flow()'s, made at its first call */
    char path[4096];
};

/* Prepares 'sql', whose ?1, if it has one, is 'session_id'.  Returns NULL with 'error' filled. */
sqlite3_stmt *read_prepare(struct reader *reader, const char *sql, int64_t session_id, struct error *error);

/* Steps to the next row.  Returns 1 for a row, 0 at the end, -EIO with 'error' filled. */
int read_step(struct reader *reader, sqlite3_stmt *statement, struct error *error);

/* Fills 'error' with what SQLite says about 'reader' and what to do.  Returns -EIO. */
int read_failed(struct reader *reader, struct error *error);

/* Turns the current row into a struct and calls the user's function with it. */
typedef int read_hand_over_fn(sqlite3_stmt *row, const void *fn, void *context);

/* Calls 'hand_over' with each row of 'sql', whose ?1 is 'id', and stops at the first result that is not 0,
 * which it returns.  A user's function goes through it as a pointer to the pointer, since C allows no other.
 */
int read_each_row(struct reader *reader, const char *sql, int64_t id, read_hand_over_fn *hand_over,
                  const void *fn, void *context, struct error *error);

/* The column's number, or READ_NULL; 'otherwise' in the second. */
int64_t read_number(sqlite3_stmt *statement, int column);
int64_t read_number_or(sqlite3_stmt *statement, int column, int64_t otherwise);

/* Copies the column's text, "" for NULL, cut at 'size' - 1 bytes. */
void read_text(sqlite3_stmt *statement, int column, char *text, size_t size);

/* The column's address, of 4 or 16 bytes; anything else is none. */
struct ip_address read_address(sqlite3_stmt *statement, int column);
