/* Which frames a path's impairments are for. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Each class is counted by itself, so that "every tenth datagram" is every tenth datagram, whatever else
 * crosses the link. */
enum relay_class {
    RELAY_UDP,   /* UDP datagrams */
    RELAY_OTHER, /* all other IP packets */
    RELAY_CLASS_COUNT,
    /* What makes the link a link, and nsmon's own greetings: only ever delayed. */
    RELAY_PASSES = RELAY_CLASS_COUNT
};

/* Finds the class of the frame of 'length' bytes, and puts a number into '*flow' that is the same for all
 * frames of one flow key. */
enum relay_class relay_classify(const uint8_t *frame, size_t length, uint64_t *flow);
