/* Binds values to a prepared statement one after the other, STORE_NULL as NULL. */
#pragma once

#include <sqlite3.h>

#include "collector/store/rows.h"

struct binder {
    sqlite3_stmt *statement;
    int next; /* the parameter that is bound next; starts at 1 */
};

struct binder bind_begin(sqlite3_stmt *statement);
void bind_int(struct binder *binder, int64_t value);
void bind_real(struct binder *binder, double value);

/* 'text' must stay until the statement has run; NULL and "" are NULL. */
void bind_text(struct binder *binder, const char *text);

/* As bind_text(), but "" stays an empty text. */
void bind_word(struct binder *binder, const char *text);

/* 'bytes' must stay until the statement has run; NULL is NULL, no bytes an empty blob. */
void bind_blob(struct binder *binder, const void *bytes, size_t size);

/* An address as a blob of 4 or 16 bytes; none is NULL. */
void bind_address(struct binder *binder, const struct ip_address *address);
void bind_mac(struct binder *binder, bool known, const uint8_t mac[6]);
