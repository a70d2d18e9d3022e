/* What the endpoints write at the beginning of each datagram and of each TCP connection, big endian.
 *
 * datagram: magic 4, run 8, flow 4, sequence 8, send time 8 (ns since the epoch); then padding.
 * response: a datagram whose sequence counts the responses, and behind it of the request: sequence 8, send
 * time 8. preamble: magic 4, run 8, flow 4, bytes of the whole flow 8 (this preamble included); then padding.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/greeting.h"
#include "traffic/plan/profile.h"

/* The flow number of a greeting, which the server sends back as it came. */
#define TRAFFIC_GREETING GREETING_FLOW

/* That of a proof: sent by the server to show that its host wants what is sent there; the sequence is the
 * cookie that it was told over TCP. */
#define TRAFFIC_PROOF (GREETING_FLOW - 1)

struct traffic_datagram {
    uint64_t run;
    uint32_t flow;
    uint64_t sequence;
    int64_t sent_ns;
};

/* A response is of the run TRAFFIC_RESPONSE_RUN beyond that of the requests. */
#define TRAFFIC_RESPONSE_RUN 2

struct traffic_response {
    struct traffic_datagram datagram;
    uint64_t request;   /* its sequence number */
    int64_t request_ns; /* and send time */
};

struct traffic_preamble {
    uint64_t run;
    uint32_t flow;
    uint64_t bytes;
};

void traffic_datagram_write(const struct traffic_datagram *datagram, uint8_t to[TRAFFIC_DATAGRAM_SIZE]);

/* Reads 'size' bytes at 'from'.  Returns false if they are too few or not one of ours. */
bool traffic_datagram_read(const uint8_t *from, size_t size, struct traffic_datagram *datagram);

void traffic_response_write(const struct traffic_response *response, uint8_t to[TRAFFIC_RESPONSE_SIZE]);

/* As traffic_datagram_read(). */
bool traffic_response_read(const uint8_t *from, size_t size, struct traffic_response *response);

void traffic_preamble_write(const struct traffic_preamble *preamble, uint8_t to[TRAFFIC_PREAMBLE_SIZE]);

/* As traffic_datagram_read(). */
bool traffic_preamble_read(const uint8_t *from, size_t size, struct traffic_preamble *preamble);
