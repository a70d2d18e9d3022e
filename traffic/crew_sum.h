/* Adds up the boards of an endpoint's threads: the inside of traffic/crew.h. */
#pragma once

#include <stdbool.h>

#include "traffic/board.h"

/* Writes the sums over the 'count' boards 'from' into 'to': what who receives writes there, or who
 * sends; while they run only what is looked at while they do, and at the 'last' everything. */
void crew_sum_live(const struct traffic_board *to, const struct traffic_board *const from[],
                   unsigned int count, bool receives, bool last);

/* The same with the bins of delays, of all flows and of each of 'classes' classes. */
void crew_sum_bins(const struct traffic_board *to, const struct traffic_board *const from[],
                   unsigned int count, size_t classes);

/* Puts the samples of datagrams together; 'to' has none. */
void crew_sum_stamps(const struct traffic_board *to, const struct traffic_board *const from[],
                     unsigned int count);
