/* The one way in which a function says why it failed. */
#pragma once

/* The text of an error, for people: what was attempted, on what, why it failed and what to do. */
struct error {
    char text[768];
};

/* Writes the formatted text into 'error', unless 'error' is NULL, and returns 'code', a negative errno, so
 * that a caller can write "return error_set(error, -EINVAL, ...)". */
int error_set(struct error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts the formatted text and ": " in front of what 'error' holds.  Returns 'code'. */
int error_prefix(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
