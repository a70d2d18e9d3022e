/* 'nsmon send': one test with an 'nsmon recv' elsewhere. */
#pragma once

#include "traffic/remote/clock.h"
#include "traffic/remote/streams.h"
#include "traffic/traffic.h"

struct remote_send {
    const char *host;                  /* a name or an address */
    uint16_t port;                     /* of the control connection; 0: REMOTE_PORT */
    int64_t family;                    /* 4 or 6 only, 0: whatever the name gives */
    struct remote_streams streams;     /* 'family' is filled in */
    int keeper;                        /* see traffic/keeper.h; 0: none */
    const volatile sig_atomic_t *stop; /* not 0: end early and well; may be NULL */
    traffic_interval_fn *on_interval;  /* called once a second; may be NULL */
    void *context;
};

/* What came of it. */
struct remote_outcome {
    struct remote_streams streams;
    struct traffic_result result; /* flows by number, forward ones first; to be freed */
    bool ran;                     /* it began: the result says something */
    int64_t seconds_ns;           /* from the beginning until the last sender had ended */
    struct remote_clocks clocks;
    int64_t clock_offset_ns; /* that the delays were corrected by, the other host's less ours */
    char why[160];           /* it was stopped early; "" if it was not */
};

/* Runs 'send' and fills 'outcome', whose result is to be freed with traffic_result_free() in every case.
 * Returns 0, also when it was stopped early, or a negative errno with 'error' filled: -EHOSTUNREACH when the
 * name or the host could not be found, -ECONNREFUSED when nothing listens there, -EREMOTEIO when the other
 * end refused or failed, -ETIMEDOUT or -ECONNRESET when the control connection was cut: then 'outcome' holds
 * what was known until then. */
int remote_send(const struct remote_send *send, struct remote_outcome *outcome, struct error *error);
