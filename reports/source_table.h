/* The figures of a source as rows of a table, the same in text and in HTML. */
#pragma once

#include "reports/format.h"

extern const size_t report_source_rows;

/* What row 'row' (below report_source_rows) says; a label that begins with blanks belongs to the row above.
 */
const char *report_source_row_label(size_t row);

/* The cell of 'source' in row 'row': 'text', or a constant. */
const char *report_source_row(size_t row, const struct report *report, const struct report_source *source,
                              char text[FORMAT_SIZE]);
