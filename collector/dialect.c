#include "collector/dialect.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[DIALECT_COUNT] = {"generic", "openvswitch"};

const char *dialect_name(enum dialect dialect) {
    return names[dialect];
}

bool dialect_by_name(const char *name, enum dialect *dialect) {
    for (size_t i = 0; i < DIALECT_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            *dialect = (enum dialect)i;
            return true;
        }
    }
    return false;
}

__attribute__((format(printf, 3, 4))) static bool settle(struct dialect_state *state, enum dialect dialect,
                                                         const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(state->evidence, sizeof state->evidence, format, arguments);
    va_end(arguments);
    state->dialect = dialect;
    state->settled = true;
    return true;
}

bool dialect_set(struct dialect_state *state, enum dialect dialect) {
    state->override = true;
    return settle(state, dialect, "given, not recognised");
}

bool dialect_see_template(struct dialect_state *state, const struct template *template) {
    static const uint16_t wanted[] = {2, 61, 158, 159, 240, 256, 352};
    uint64_t bit = UINT64_C(1) << template->id % 64;
    if (state->settled || template->options || (state->seen & bit) != 0) {
        return false;
    }
    state->seen |= bit;
    size_t found = 0;
    for (size_t i = 0; i < template->field_count; i++) {
        for (size_t j = 0; j < sizeof wanted / sizeof *wanted; j++) {
            found += template->fields[i].enterprise == 0 && template->fields[i].id == wanted[j];
        }
    }
    if (found != sizeof wanted / sizeof *wanted) {
        return false;
    }
    return settle(
        state, DIALECT_OPENVSWITCH,
        "template %u has layer2OctetDeltaCount, ethernetHeaderLength and times in microseconds before the "
        "export",
        template->id);
}

void dialect_forget_template(struct dialect_state *state, uint16_t id) {
    state->seen &= ~(UINT64_C(1) << id % 64);
}

bool dialect_see_counters(struct dialect_state *state, const struct sflow5_counter_sample *sample) {
    if (state->settled) {
        return false;
    }
    for (size_t i = 0; i < sample->other_count; i++) {
        if (sample->others[i].format == SFLOW5_OVS_DATAPATH) {
            return settle(state, DIALECT_OPENVSWITCH, "counter samples have datapath statistics (2207)");
        }
    }
    state->openflow_port = state->openflow_port || sample->has_openflow;
    state->port_name = state->port_name || sample->name.size != 0;
    if (state->openflow_port && state->port_name) {
        return settle(state, DIALECT_OPENVSWITCH,
                      "counter samples have the OpenFlow port (1004) and the port's name (1005)");
    }
    return false;
}

void dialect_see_netflow5(struct dialect_state *state, const struct flow_record *record) {
    static const enum flow_field zero[] = {FLOW_SRC_AS, FLOW_DST_AS, FLOW_SRC_MASK, FLOW_DST_MASK};
    static const uint8_t none[16];
    bool routed = record->header->sampling != 0 ||
                  memcmp(record->next_hop.bytes, none, sizeof record->next_hop.bytes) != 0;
    for (size_t i = 0; i < sizeof zero / sizeof *zero; i++) {
        routed = routed || flow_record_get(record, zero[i], 0) != 0;
    }
    state->routed = state->routed || routed;
}

bool dialect_see_sequence(struct dialect_state *state, bool first, uint32_t sequence, uint32_t count,
                          const bool broke[DIALECT_COUNT]) {
    for (size_t i = 0; i < DIALECT_COUNT; i++) {
        state->breaks[i] += broke[i];
    }
    if (state->settled) {
        return false;
    }
    if (state->routed) {
        return settle(state, DIALECT_GENERIC,
                      "records have a next hop, an AS, a mask or a sampling interval");
    }
    if (first && count > 1 && sequence == count - 1) {
        return settle(
            state, DIALECT_OPENVSWITCH,
            "flow_sequence of the first datagram is the number of its last record (%u of %u records)",
            sequence, count);
    }
    uint32_t generic = state->breaks[DIALECT_GENERIC];
    uint32_t openvswitch = state->breaks[DIALECT_OPENVSWITCH];
    if (generic > 2 * openvswitch) {
        return settle(state, DIALECT_OPENVSWITCH,
                      "flow_sequence grows by the count of its own datagram, not of the one before");
    }
    if (openvswitch > 2 * generic) {
        return settle(state, DIALECT_GENERIC, "flow_sequence grows by the count of the datagram before");
    }
    return false;
}

bool dialect_see_neighbour(struct dialect_state *state, const char *protocol) {
    if (state->settled || state->routed || state->dialect == DIALECT_OPENVSWITCH) {
        return false;
    }
    settle(state, DIALECT_OPENVSWITCH, "%s from the same address is Open vSwitch's", protocol);
    state->settled = false;
    return true;
}

bool dialect_see_session(struct dialect_state *state) {
    return !state->settled && settle(state, DIALECT_OPENVSWITCH,
                                     "another observation domain of the same session is Open vSwitch's");
}
