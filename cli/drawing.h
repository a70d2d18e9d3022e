/* The topology as a drawing, with what goes over each link now. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct drawing_style {
    bool colour; /* by ECMA-48 sequences */
    bool utf8;   /* else ASCII alone */
};

/* Draws 'status', an object as docs/status-json.md describes it, of a lab or of a bridge of the system's; it
 * is all that is looked at.  The switch stands in the middle; stations, those of odd numbers on the left, on
 * both sides.  Two stations take 80 columns and 8 lines, and each two more 7; what is done to a link on
 * purpose takes lines of its own.
 *
 * Returns the text, each line with its newline, to be freed by the caller: "" when there is no link to draw,
 * NULL when memory is out. */
char *drawing_make(const json_t *status, const struct drawing_style *style);
