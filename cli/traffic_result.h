/* What becomes of the result of a run of traffic through a lab. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "cli/lab_traffic.h"
#include "collector/store/rows.h"
#include "traffic/traffic.h"

/* A run through a lab, from its beginning to its end. */
struct lab_run {
    const struct lab_traffic *settings; /* with the hosts filled in */
    struct traffic_plan plan;
    struct traffic_result result;
};

/* What 'run' did as a JSON object that the caller frees: hosts, addresses, shapes of the groups.  NULL when
 * memory is out. */
char *traffic_result_settings(const struct lab_run *run);

/* 'interval' as a row of the database, of the flows of 'class' or of all (STORE_NULL). */
struct traffic_interval_row traffic_result_interval(const struct traffic_interval *interval, int64_t class);

/* Fills in what a run of the database has of 'result' as a whole: it has sent 'datagrams', or TCP alone. */
void traffic_result_fill_run(const struct traffic_result *result, bool datagrams,
                             struct traffic_run_row *row);

/* Hands the counts of 'run' to the worker of its lab and waits until they are in the database.  Returns 0 or
 * a negative errno. */
int traffic_result_hand_over(const struct lab_run *run);

/* Writes it to 'out' as its settings want it, JSON or text; the text under 'title', if that isn't NULL.  The
 * JSON has 'error', what went wrong, unless that is "". */
void traffic_result_show(const struct lab_run *run, const char *title, const char *error, FILE *out);

/* The object of a run of 'profile' with what every one has; 'result' is NULL if it never began.  To be
 * released with json_decref(). */
json_t *traffic_result_begin(const char *profile, const struct traffic_result *result, const char *error);

/* Writes 'json', which it takes over (NULL: memory is out), to 'out'. */
void traffic_result_write(json_t *json, FILE *out);
