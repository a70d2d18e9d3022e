/* The options of 'nsmon send'. */
#pragma once

#include <stdbool.h>

#include "common/error.h"
#include "traffic/remote/send.h"

struct send_settings {
    struct remote_send send; /* its streams are to be freed with remote_streams_free() */
    const char *rate;        /* as it was given, or NULL */
    bool total;              /* of all streams together */
    bool length_given, lengths_given;
    const char *output; /* NULL: standard output */
    bool json;
};

/* What stands where nothing is said; the source port is another one each time. */
struct send_settings send_options_default(void);

/* Takes the words of the command line into 'settings'.  Returns 0; 1 when help was asked for and has been
 * given; or -EINVAL, or another negative errno for a file, with 'error' filled. */
int send_options_parse(int argc, char *argv[], struct send_settings *settings, struct error *error);
