/* The scenarios that come with nsmon: library/NAME.yaml, embedded. */
#include "scenario/scenario.h"

#include <string.h>

/* In the order in which they are listed: the simple ones first. */
#define SHIPPED                                                                                              \
    ONE(quick, "quick")                                                                                      \
    ONE(mixed, "mixed")                                                                                      \
    ONE(elephants_and_mice, "elephants-and-mice")                                                            \
    ONE(ddos, "ddos")                                                                                        \
    ONE(voip, "voip")                                                                                        \
    ONE(microbursts, "microbursts")                                                                          \
    ONE(ipv6, "ipv6")                                                                                        \
    ONE(impaired, "impaired")

#define ONE(SYMBOL, NAME) extern const unsigned char scenario_library_##SYMBOL[];
SHIPPED
#undef ONE

#define ONE(SYMBOL, NAME) {NAME, (const char *)scenario_library_##SYMBOL},
static const struct scenario_shipped all[] = {SHIPPED};
#undef ONE

const struct scenario_shipped *scenario_shipped(size_t *count) {
    *count = sizeof all / sizeof *all;
    return all;
}

const struct scenario_shipped *scenario_shipped_find(const char *name) {
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(all[i].name, name) == 0) {
            return &all[i];
        }
    }
    return NULL;
}
