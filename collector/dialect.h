/* Which implementation an exporter is, as far as the meaning of its numbers depends on it.
 *
 * Open vSwitch's exports differ from everybody else's in byte layer, sequence rule and scaling;
 * ofproto/netflow.c, ofproto/ofproto-dpif-ipfix.c and ofproto/ofproto-dpif-sflow.c there. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "collector/decode/flow_record.h"
#include "collector/decode/sflow5.h"
#include "collector/decode/template.h"
#include "collector/store/rows.h"

enum dialect { DIALECT_GENERIC, DIALECT_OPENVSWITCH, DIALECT_COUNT };

/* What was seen of an exporter so far.  Zero-initialise. */
struct dialect_state {
    enum dialect dialect;
    bool settled;  /* by the user or by evidence; until then 'dialect' is the guess */
    bool override; /* by the user */
    bool openflow_port, port_name;
    bool routed;   /* NetFlow v5: some record or header has a field that Open vSwitch leaves 0 */
    uint64_t seen; /* templates that were looked at, a bit each, by id modulo 64 */
    uint32_t breaks[DIALECT_COUNT]; /* NetFlow v5: datagrams that do not follow the one before by each rule */
    char evidence[STORE_EVIDENCE_SIZE];
};

/* "generic" or "openvswitch". */
const char *dialect_name(enum dialect dialect);

/* The dialect called 'name'; false when there is none. */
bool dialect_by_name(const char *name, enum dialect *dialect);

/* Each of these looks at one more thing and returns true if it settled the dialect. */

/* The user says so. */
bool dialect_set(struct dialect_state *state, enum dialect dialect);

/* A template of an IPFIX exporter: Open vSwitch's flow templates have layer-2 octets, the Ethernet header's
 * length and times as microseconds before the export, all in one. */
bool dialect_see_template(struct dialect_state *state, const struct template *template);

/* Template 'id' has a new layout: it is to be looked at again. */
void dialect_forget_template(struct dialect_state *state, uint16_t id);

/* A flow or counter sample: Open vSwitch sends OpenFlow port and port name, or its datapath's statistics. */
bool dialect_see_counters(struct dialect_state *state, const struct sflow5_counter_sample *sample);

/* A NetFlow v5 record; one that says a next hop, an AS, a mask or a sampling interval is not of Open vSwitch.
 */
void dialect_see_netflow5(struct dialect_state *state, const struct flow_record *record);

/* A NetFlow v5 datagram of 'count' records, the first from this exporter if 'first'; 'broke' says by which of
 * the two rules its sequence number does not follow.  Open vSwitch numbers a datagram by its last record, all
 * others by its first. */
bool dialect_see_sequence(struct dialect_state *state, bool first, uint32_t sequence, uint32_t count,
                          const bool broke[DIALECT_COUNT]);

/* Another exporter at the same address, of 'protocol', is Open vSwitch: so is this one, as a guess that its
 * own sequence numbers can still refute.  Returns true if that is news. */
bool dialect_see_neighbour(struct dialect_state *state, const char *protocol);

/* Another observation domain of the same IPFIX session is Open vSwitch's: so is this one. */
bool dialect_see_session(struct dialect_state *state);
