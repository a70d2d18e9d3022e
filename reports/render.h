/* The report in four formats.  A renderer shows the model and computes nothing. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "reports/model.h"

enum report_format { REPORT_TEXT, REPORT_JSON, REPORT_CSV, REPORT_HTML };

/* The format 'name' (text, json, csv, html).  Returns false for another. */
bool report_format_parse(const char *name, enum report_format *format);

/* Where nobody says how wide. */
#define REPORT_COLUMNS 100

struct report_style {
    bool colour;      /* text: ANSI colours, for a terminal */
    bool whole_story; /* text: also exporters, captures, traffic and series, not the comparison alone */
    size_t columns;   /* text: how wide, at least 80; 0: REPORT_COLUMNS */
    size_t top;       /* text, html: how many of the largest flows are listed */
};

/* Writes 'report' to 'out'.  Returns 0, -ENOMEM, or -EIO when it can't be written, with 'error' filled. */
int report_render(const struct report *report, enum report_format format, const struct report_style *style,
                  FILE *out, struct error *error);

/* The formats, one a file.  They return 0 or -ENOMEM; whether 'out' took everything, report_render() asks. */
int report_render_text(const struct report *report, const struct report_style *style, FILE *out);
int report_render_json(const struct report *report, FILE *out);
int report_render_csv(const struct report *report, FILE *out);
int report_render_html(const struct report *report, const struct report_style *style, FILE *out);
