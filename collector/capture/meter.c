#include "collector/capture/meter.h"

#include <stdlib.h>
#include <string.h>

#include "collector/capture/flow_table.h"

struct meter {
    struct meter_point point;
    struct store_appender *appender;
    struct flow_table *flows;
    struct split *split; /* or NULL */
    bool for_station;    /* only what goes to 'mac' is shown to it */
    uint8_t mac[6];
    struct meter_counts counts;
};

static void write_count(const struct flow_count *count, void *context) {
    struct meter *meter = context;
    struct truth_row *row = &store_append(meter->appender, ROW_TRUTH)->truth;
    *row = (struct truth_row){
        .capture_id = meter->point.capture_id,
        .direction = meter->point.direction,
        .key = count->key,
        .bucket_ns = count->bucket_ns,
        .packets = store_count(count->packets),
        .bytes = store_count(count->bytes),
        .square_sum = count->square_sum,
        .first_ns = count->first_ns,
        .last_ns = count->last_ns,
    };
}

struct meter *meter_create(const struct meter_point *point, struct store_appender *appender) {
    struct meter *meter = calloc(1, sizeof *meter);
    if (meter == NULL) {
        return NULL;
    }
    meter->point = *point;
    meter->appender = appender;
    meter->flows = flow_table_create(write_count, meter);
    if (meter->flows == NULL) {
        free(meter);
        return NULL;
    }
    return meter;
}

void meter_destroy(struct meter *meter) {
    if (meter != NULL) {
        flow_table_destroy(meter->flows);
        free(meter);
    }
}

void meter_split(struct meter *meter, struct split *split, const uint8_t *mac) {
    meter->split = split;
    meter->for_station = mac != NULL && meter->point.direction == TRUTH_IN;
    if (mac != NULL) {
        memcpy(meter->mac, mac, sizeof meter->mac);
    }
}

void meter_frame(struct meter *meter, enum packet_link link, const uint8_t *bytes, size_t captured,
                 size_t wire, int64_t at_ns) {
    struct packet packet;
    if (packet_parse(bytes, captured, wire, link, &packet) != PACKET_OK) {
        meter->counts.malformed++;
    }
    meter->counts.frames++;
    meter->counts.bytes += wire;
    flow_table_add(meter->flows, &packet.key, at_ns, (uint32_t)wire);
    if (meter->split != NULL && packet.key.protocol == PROTOCOL_UDP &&
        (!meter->for_station || (captured >= sizeof meter->mac && memcmp(bytes, meter->mac, 6) == 0))) {
        split_frame(meter->split, meter->point.direction == TRUTH_OUT ? STAMP_TAP_OUT : STAMP_TAP_IN, &packet,
                    bytes, captured, at_ns);
    }
}

void meter_flush(struct meter *meter, int64_t before_ns) {
    flow_table_flush(meter->flows, before_ns);
}

struct meter_counts meter_counts(const struct meter *meter) {
    return meter->counts;
}
