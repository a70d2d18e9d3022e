/* Compares the sources of a session with the truth and with each other. */
#pragma once

#include "reports/model.h"

/* Fills 'report' from 'session' of 'reader'.
 *
 * 'names' are the sources that are wanted, 'name_count' of them: a kind (sflow, netflow, ipfix), a protocol
 * (netflow5, netflow9 ...) or either with "@" and the agent's address.  None: each kind that the session has.
 * A source without an exporter in the session is there too, and says so.
 *
 * Memory grows with the number of flows, not of packets or records.  Returns 0, -EINVAL with 'error' filled
 * for a name that can't be a source's, -ENOMEM or -EIO.  In each case report_free() is to be called. */
int report_compare(struct reader *reader, const struct read_session *session, const char *const names[],
                   size_t name_count, struct report *report, struct error *error);

/* True if 'name' can be a source's; its kind is put into 'kind' unless that is NULL. */
bool report_source_name(const char *name, enum report_kind *kind);
