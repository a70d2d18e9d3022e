/* Histograms as anybody may write them: what is taken can be drawn from, what is not is refused in one line.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "traffic/plan/distribution.h"
#include "traffic/plan/empirical.h"

static void draw(const struct traffic_empirical *histogram) {
    double low = (double)histogram->bins[0].low, high = (double)histogram->bins[histogram->count - 1].high;
    const struct traffic_distribution distribution =
        traffic_distribution_make(TRAFFIC_LAW_HISTOGRAM, 0, histogram);
    for (int i = 0; i <= 64; i++) {
        double value = traffic_empirical_at(histogram, i / 64.0 * 0.999999999);
        if (!(value >= low && value <= high)) {
            abort();
        }
    }
    /* The mean is reckoned, and may be off by what that rounds. */
    double within = traffic_distribution_within(&distribution, 0, low, high, (uint64_t)histogram->count);
    if (!(within >= low && within <= high) ||
        !(histogram->mean >= low * (1 - 1e-9) && histogram->mean <= high * (1 + 1e-9)) ||
        !isfinite(traffic_distribution_deviation(&distribution))) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct traffic_empirical *histogram = NULL;
    struct error error = {""};
    if (size == 0) {
        return 0;
    }
    /* A copy that ends where its memory ends. */
    char *text = malloc(size);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    enum traffic_empirical_unit unit = data[0] % 2 == 0 ? TRAFFIC_EMPIRICAL_COUNT : TRAFFIC_EMPIRICAL_TIME;
    int code = traffic_empirical_parse("h", text, size, unit, &histogram, &error);
    free(text);
    if ((code == 0) != (histogram != NULL) ||
        (code != 0 && (strncmp(error.text, "h:", 2) != 0 || strchr(error.text, '\n') != NULL))) {
        abort();
    }
    if (histogram != NULL) {
        draw(histogram);
    }
    free(histogram);
    return 0;
}
