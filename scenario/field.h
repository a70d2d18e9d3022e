/* The table that a scenario's file is held against, and what takes a file by it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scenario/scenario.h"

enum scenario_kind {
    SCENARIO_TEXT,       /* const char *; 'minimum' to 'maximum' bytes */
    SCENARIO_WHOLE,      /* an unsigned integer of 'size' bytes */
    SCENARIO_RANGE,      /* two of them, side by side: "4..400", or "4" for both */
    SCENARIO_NUMBER,     /* double */
    SCENARIO_TIME,       /* int64_t, nanoseconds */
    SCENARIO_SECONDS,    /* uint32_t, whole seconds */
    SCENARIO_RATE,       /* double, bits a second */
    SCENARIO_FLAG,       /* bool or uint8_t */
    SCENARIO_CHOICE,     /* an integer of 'size' bytes: the place in 'words', which are parted by blanks */
    SCENARIO_HOST,       /* unsigned */
    SCENARIO_IMPAIRMENT, /* what topo_impairment_set() takes under this name; 'words' are what is expected */
    SCENARIO_FILE,       /* the name of a file, which whoever finishes the section takes */
    SCENARIO_TEXTS,      /* const char *[maximum], and a size_t at 'count': a list of 'words' */
    SCENARIO_SECTION,    /* a mapping */
    SCENARIO_LIST,       /* a list of mappings */
};

struct scenario_section;
struct scenario_reading;

struct scenario_field {
    const char *name;
    enum scenario_kind kind;
    bool required;
    size_t offset, size; /* of where the value goes, in the section's struct */
    double minimum, maximum;
    const char *words;
    size_t count;                           /* SCENARIO_TEXTS: offset of the number of them */
    size_t on;                              /* SCENARIO_SECTION: where a bool says that it is not off; or 0 */
    const struct scenario_section *section; /* SCENARIO_SECTION, SCENARIO_LIST */
    /* SCENARIO_LIST: where the next item 'node' goes; NULL with 'error' filled if there is no room. */
    void *(*item)(struct scenario_reading *reading, const struct config_node *node, struct error *error);
};

struct scenario_section {
    const char *name; /* in nsmon-scenario(5) */
    const struct scenario_field *fields;
    size_t count;
    /* Looks at what was taken as a whole; or NULL. */
    int (*finish)(struct scenario_reading *reading, const struct config_node *node, void *target,
                  struct error *error);
};

struct scenario_reading {
    struct scenario *scenario;
};

/* For tables of fields. */
#define SCENARIO_COUNT(array)       (sizeof(array) / sizeof *(array))
#define SCENARIO_AT(STRUCT, MEMBER) .offset = offsetof(STRUCT, MEMBER), .size = sizeof(((STRUCT *)0)->MEMBER)
#define SCENARIO_FROM(LOW, HIGH)    .minimum = (double)(LOW), .maximum = (double)(HIGH)
#define SCENARIO_FLOWS_MAX          100000

/* The whole file. */
extern const struct scenario_section scenario_section_file;

/* A group of flows, and where the next one goes. */
extern const struct scenario_section scenario_section_group;
void *scenario_next_group(struct scenario_reading *reading, const struct config_node *node,
                          struct error *error);

/* Where the file 'name' is: one that does not begin at the root lies beside the scenario's file.  To be
 * freed; NULL without memory. */
char *scenario_path(const struct scenario *scenario, const char *name);

/* Room for the text of scenario_expected(), its NUL included. */
#define SCENARIO_EXPECTED_SIZE 160

/* Says what 'field' takes, with its range.  Returns 'text'. */
const char *scenario_expected(const struct scenario_field *field, char text[SCENARIO_EXPECTED_SIZE]);

/* Takes the mapping 'node' into 'target', by 'section'.  Returns 0, or -EINVAL with 'error' filled. */
int scenario_take(struct scenario_reading *reading, const struct scenario_section *section,
                  const struct config_node *node, void *target, struct error *error);

/* Refuses at the run 'node' what does not go with a replay, or not without.  Returns 0 or -EINVAL with
 * 'error' filled. */
int scenario_check_replay(const struct scenario *scenario, const struct config_node *node,
                          struct error *error);

/* Finds the files that are to be played, which scenario_free_replays() forgets, and looks whether their hosts
 * do nothing else.  Returns 0 or a negative errno with 'error' filled. */
int scenario_settle_replays(struct scenario *scenario, struct error *error);
void scenario_free_replays(struct scenario *scenario);

/* Looks at the whole, once every field has been taken: does one fit the other?  Returns 0, or a negative
 * errno with 'error' filled. */
int scenario_settle(struct scenario_reading *reading, struct error *error);
