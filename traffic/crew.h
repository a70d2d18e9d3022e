/* An endpoint as several threads, each with an event loop and flows of its own.
 *
 * Each thread has a board of its own, in memory of this process: what all flows came to together has one
 * writer then, too.  The process's first thread, which has no flows, hands messages on and adds the boards
 * up. */
#pragma once

#include "traffic/endpoint.h"

/* What one thread does: an endpoint for the flows that traffic_job_has() says, from its report
 * TRAFFIC_READY to TRAFFIC_DONE.  Returns 0, or a negative errno with 'error' filled if it could not start.
 */
typedef int traffic_crew_fn(const struct traffic_job *job, void *context, struct error *error);

/* Does the 'work' of 'job', a server's or a client's, with 'context' in as many threads as its tuning says,
 * with a job each; a single one is this thread, with 'job' itself.  Returns as 'work' does. */
int traffic_crew_run(const struct traffic_job *job, bool server, traffic_crew_fn *work, void *context,
                     struct error *error);
