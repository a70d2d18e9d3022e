/* Tests between hosts, for people. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "traffic/remote/recv.h"
#include "traffic/remote/send.h"

/* Lines that were shown, so that the heading comes again now and then; all zero at first. */
struct remote_show {
    unsigned int lines;
    bool tail;              /* it was said that the tail is waited for */
    char who[IP_TEXT_SIZE]; /* whose test it is, where there are several */
};

/* A second of a test: 'context' is a struct remote_show.  On a terminal only. */
void remote_show_second(const struct traffic_progress *progress, void *context);

/* The closing table of 'outcome'; 'error' is what went wrong, or "". */
void remote_show_outcome(const struct remote_outcome *outcome, const char *error, FILE *out);

/* The functions of a struct remote_watch. */
void remote_show_begin(const struct ip_address *client, const struct remote_streams *streams, void *context);
void remote_show_end(const struct ip_address *client, const struct traffic_result *result, const char *why,
                     const char *error, void *context);
void remote_show_refusal(const struct ip_address *client, const char *error, void *context);
