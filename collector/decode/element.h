/* Which information elements nsmon knows, and how each is read into a flow record.
 *
 * IANA, "IP Flow Information Export (IPFIX) Entities"; RFC 3954, section 8; RFC 5103 for reverse elements. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "collector/decode/flow_record.h"
#include "common/cursor.h"

#define ELEMENT_ENTERPRISE_REVERSE 29305
#define ELEMENT_ENTERPRISE_VMWARE  6876 /* also Open vSwitch's tunnel elements, 891-898 */

/* How an element's bytes become a value. */
enum element_kind {
    ELEMENT_SKIPPED, /* unknown, or of no use */
    ELEMENT_NUMBER,
    ELEMENT_MILLISECONDS, /* a duration, kept in microseconds */
    ELEMENT_PROBABILITY,  /* float32 or float64, kept as 1-in-N */
    ELEMENT_TIME_S,       /* dateTimeSeconds */
    ELEMENT_TIME_MS,      /* dateTimeMilliseconds */
    ELEMENT_TIME_NTP,     /* dateTimeMicroseconds and -Nanoseconds: NTP's format, RFC 7011 6.1.9 */
    ELEMENT_TIME_AGO_US,  /* microseconds before the export time */
    ELEMENT_SRC,
    ELEMENT_DST,
    ELEMENT_NEXT_HOP,
    ELEMENT_SRC_MAC,
    ELEMENT_DST_MAC,
    ELEMENT_NAME,
};

struct element {
    uint8_t kind;  /* enum element_kind */
    uint8_t field; /* enum flow_field, where the kind has one */
};

/* What to do with element 'id' of 'enterprise' (0: IANA). */
struct element element_find(uint32_t enterprise, uint16_t id);

/* The same for the scope field 'type' of a NetFlow v9 options template (RFC 3954, 6.1). */
struct element element_find_v9_scope(uint16_t type);

/* Reads the element's bytes, all of 'value', into 'record'.  A length that its type can't have leaves the
 * record as it is. */
void element_read(struct element element, struct cursor value, struct flow_record *record);
