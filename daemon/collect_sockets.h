/* The sockets of 'nsmon collect'. */
#pragma once

#include "daemon/collect.h"

/* What a listener of an intake was asked to be. */
struct collect_sockets {
    struct collect_listen asked[INTAKE_LISTENERS_MAX]; /* of the intake's listener of that number */
};

/* Opens and binds a socket.  Returns its descriptor, or a negative errno with 'error' filled. */
int collect_socket_open(const struct collect_listen *listen, struct error *error);

/* Closes the listeners of 'intake' that 'settings' do not want and opens those that it lacks; the others lose
 * nothing.  What can't be opened is logged.  Returns how many that were. */
size_t collect_sockets_change(struct collect_sockets *sockets, struct intake *intake,
                              const struct collect_settings *settings);
