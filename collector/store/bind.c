#include "collector/store/bind.h"

struct binder bind_begin(sqlite3_stmt *statement) {
    return (struct binder){.statement = statement, .next = 1};
}

void bind_int(struct binder *binder, int64_t value) {
    if (value == STORE_NULL) {
        sqlite3_bind_null(binder->statement, binder->next++);
    } else {
        sqlite3_bind_int64(binder->statement, binder->next++, value);
    }
}

void bind_real(struct binder *binder, double value) {
    sqlite3_bind_double(binder->statement, binder->next++, value);
}

void bind_word(struct binder *binder, const char *text) {
    sqlite3_bind_text(binder->statement, binder->next++, text, -1, SQLITE_STATIC);
}

void bind_text(struct binder *binder, const char *text) {
    bind_word(binder, text != NULL && text[0] != '\0' ? text : NULL);
}

void bind_blob(struct binder *binder, const void *bytes, size_t size) {
    if (bytes == NULL) {
        sqlite3_bind_null(binder->statement, binder->next++);
    } else {
        sqlite3_bind_blob64(binder->statement, binder->next++, bytes, size, SQLITE_STATIC);
    }
}

void bind_address(struct binder *binder, const struct ip_address *address) {
    bind_blob(binder, address->family == 0 ? NULL : address->bytes, address->family == 6 ? 16 : 4);
}

void bind_mac(struct binder *binder, bool known, const uint8_t mac[6]) {
    bind_blob(binder, known ? mac : NULL, 6);
}
