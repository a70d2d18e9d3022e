/* Small parts of the HTML page. */
#pragma once

#include <stdio.h>

#include <jansson.h>

/* Writes 'text' so that nothing of it is taken for markup; control characters and broken UTF-8 become '?'. */
void html_text(FILE *out, const char *text);

/* Writes the cell "<td class=KLASS>TEXT</td>"; no class for NULL. */
void html_cell(FILE *out, const char *klass, const char *text);

/* Writes 'value' as JSON that can stand within a script element, whatever is in it.  Returns 0 or -ENOMEM. */
int html_json(FILE *out, json_t *value);
