#include "reports/render.h"

#include <errno.h>
#include <string.h>

static const char *const format_names[] = {
    [REPORT_TEXT] = "text", [REPORT_JSON] = "json", [REPORT_CSV] = "csv", [REPORT_HTML] = "html"};

bool report_format_parse(const char *name, enum report_format *format) {
    for (size_t i = 0; i < sizeof format_names / sizeof *format_names; i++) {
        if (strcmp(format_names[i], name) == 0) {
            *format = (enum report_format)i;
            return true;
        }
    }
    return false;
}

int report_render(const struct report *report, enum report_format format, const struct report_style *style,
                  FILE *out, struct error *error) {
    int rc = 0;
    switch (format) {
    case REPORT_TEXT:
        rc = report_render_text(report, style, out);
        break;
    case REPORT_JSON:
        rc = report_render_json(report, out);
        break;
    case REPORT_CSV:
        rc = report_render_csv(report, out);
        break;
    case REPORT_HTML:
        rc = report_render_html(report, style, out);
        break;
    }
    if (rc != 0) {
        return error_set(error, rc, "writing the report as %s: %s", format_names[format], strerror(-rc));
    }
    if (fflush(out) != 0 || ferror(out)) {
        return error_set(error, -EIO, "writing the report as %s: %s: is the disk full?", format_names[format],
                         strerror(errno));
    }
    return 0;
}
