/* Databases to read and to report on, made by SQL out of the schema, the same at every run. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

struct fixture_settings {
    const char *label;    /* may be hostile */
    long long rate;       /* of sFlow and IPFIX, as they say */
    long long real_rate;  /* as they are sampled; 0: 'rate' */
    long long flow_scale; /* multiplies the packets of each flow; 0: 1 */
    bool no_truth, no_rows, no_exporters;
    bool egress_counted;   /* IPFIX's egress records claim to be of the ingress */
    bool lose_netflow;     /* the last NetFlow record of each flow is lost, and counted as lost */
    long long switch_loss; /* frames of ns1>ns2 that the switch lost before it took them in */
    bool running;
    bool offered; /* the rule of the truth */
};

/* Opens a new database 'path' with the schema.  Fails the test when it can't. */
sqlite3 *fixture_open(const char *path);

/* Runs the formatted SQL. */
void fixture_sql(sqlite3 *database, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds session 'id' with its flows, truth, exporters, samples, records, health and stages. */
void fixture_session(sqlite3 *database, long long id, const struct fixture_settings *settings);

/* Begin of the first session, in seconds since the epoch. */
#define FIXTURE_START_S 1700000000
