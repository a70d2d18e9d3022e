#include <errno.h>

#include "reports/render.h"

int report_render_html(const struct report *report, const struct report_style *style, FILE *out) {
    (void)report;
    (void)style;
    (void)out;
    return -ENOTSUP;
}
