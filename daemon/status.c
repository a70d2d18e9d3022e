#include "daemon/status.h"

#include <jansson.h>
#include <string.h>

#include "common/clock.h"
#include "daemon/describe.h"

static json_t *count(uint64_t value) {
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *number_or_null(int64_t value) {
    return value == STORE_NULL ? json_null() : json_integer(value);
}

static void add_exporter(const struct collector_exporter *exporter, void *context) {
    json_t *list = context;
    const struct exporter_row *row = exporter->row;
    char agent[IP_TEXT_SIZE];
    json_t *json = json_object();
    json_object_set_new(json, "protocol", json_string(row->protocol));
    json_object_set_new(json, "agent", json_string(ip_address_format(&row->agent, agent)));
    json_object_set_new(json, "domain", json_integer(row->domain));
    json_object_set_new(json, "transport", json_string(row->transport));
    json_object_set_new(json, "dialect", json_string(row->dialect));
    json_object_set_new(json, "sampling_rate", number_or_null(row->sampling_rate));
    json_object_set_new(json, "datagrams", count(exporter->datagrams));
    json_object_set_new(json, "bytes", count(exporter->bytes));
    json_object_set_new(json, "records", count(exporter->records));
    json_object_set_new(json, "lost", json_integer(exporter->lost));
    json_object_set_new(json, "lost_unit", json_string(exporter->lost_unit));
    json_object_set_new(json, "reordered", json_integer(exporter->reordered));
    json_object_set_new(json, "duplicated", json_integer(exporter->duplicated));
    json_object_set_new(json, "restarts", json_integer(exporter->restarts));
    json_object_set_new(json, "unknown_templates", count(exporter->unknown_templates));
    json_object_set_new(json, "held", count(exporter->held));
    json_object_set_new(json, "malformed", count(exporter->malformed));
    json_object_set_new(json, "unknown_records", count(exporter->unknown_records));
    json_object_set_new(json, "lost_samples", json_integer(exporter->lost_samples));
    json_object_set_new(json, "lost_counters", json_integer(exporter->lost_counters));
    json_object_set_new(json, "dropped_samples", json_integer(exporter->dropped_samples));
    json_object_set_new(json, "first_ns", json_integer(row->first_ns));
    json_object_set_new(json, "last_ns", json_integer(row->last_ns));
    json_object_set_new(json, "blind_since_ns",
                        exporter->blind_since_ns == 0 ? json_null() : json_integer(exporter->blind_since_ns));
    json_array_append_new(list, json);
}

static json_t *real_or_null(bool known, double value) {
    return known ? json_real(value) : json_null();
}

static json_t *text_or_null(const char *text) {
    return text[0] != '\0' ? json_string(text) : json_null();
}

/* What is done on purpose to frames on their way to the station of capture 'i', or null. */
static json_t *impairment_json(const struct status_source *source, size_t i) {
    json_t *json =
        i < TOPO_HOSTS_MAX ? describe_impairment(&source->worker->lab->impairments[i + 1]) : json_null();
    if (json_object_size(json) > 0) {
        return json;
    }
    json_decref(json);
    return json_null();
}

static json_t *captures_json(const struct status_source *source) {
    const struct worker_settings *worker = source->worker;
    json_t *list = json_array();
    for (size_t i = 0; i < worker->capture_count; i++) {
        struct capture_counts out = capture_counts(worker->captures[i], TRUTH_OUT);
        struct capture_counts in = capture_counts(worker->captures[i], TRUTH_IN);
        struct rate to_switch = {0};
        struct rate to_station = {0};
        bool known =
            rates_of(source->rates, RATES_CAPTURE + i, clock_monotonic_ns(), &to_switch, &to_station);
        json_t *json = json_object();
        json_object_set_new(json, "interface", json_string(worker->ports[i].tap));
        json_object_set_new(json, "netns", json_string(worker->ports[i].netns));
        json_object_set_new(json, "ipv4", text_or_null(worker->ports[i].ipv4));
        json_object_set_new(json, "port", text_or_null(worker->ports[i].ovs_tap));
        json_object_set_new(json, "frames_out", count(out.processed));
        json_object_set_new(json, "frames_in", count(in.processed));
        json_object_set_new(json, "bytes_out", count(out.bytes));
        json_object_set_new(json, "bytes_in", count(in.bytes));
        json_object_set_new(json, "dropped", count(out.dropped + in.dropped));
        json_object_set_new(json, "frames_out_per_s", real_or_null(known, to_switch.frames_per_s));
        json_object_set_new(json, "frames_in_per_s", real_or_null(known, to_station.frames_per_s));
        json_object_set_new(json, "bits_out_per_s", real_or_null(known, to_switch.bits_per_s));
        json_object_set_new(json, "bits_in_per_s", real_or_null(known, to_station.bits_per_s));
        json_object_set_new(json, "impairment", impairment_json(source, i));
        bool gone = source->stages->known[i + 1] && source->stages->ports[i + 1].relay_gone;
        json_object_set_new(json, "relay_gone", json_boolean(gone));
        json_array_append_new(list, json);
    }
    return list;
}

static json_t *ports_json(const struct status_source *source) {
    json_t *list = json_array();
    for (size_t i = 0; i < source->worker->capture_count; i++) {
        if (!source->stages->known[i + 1]) {
            continue;
        }
        const struct topo_port_stats *stats = &source->stages->ports[i + 1];
        const struct topo_port *port = &source->worker->ports[i];
        struct rate rx = {0};
        struct rate tx = {0};
        bool known = rates_of(source->rates, RATES_PORT + i, clock_monotonic_ns(), &rx, &tx);
        json_t *json = json_object();
        json_object_set_new(json, "name", json_string(port->ovs_tap));
        json_object_set_new(json, "ifindex", json_integer(port->ifindex));
        json_object_set_new(json, "of_port", json_integer(port->of_port));
        json_object_set_new(json, "rx_packets", count(stats->rx_packets));
        json_object_set_new(json, "rx_bytes", count(stats->rx_bytes));
        json_object_set_new(json, "tx_packets", count(stats->tx_packets));
        json_object_set_new(json, "tx_bytes", count(stats->tx_bytes));
        json_object_set_new(json, "rx_packets_per_s", real_or_null(known, rx.frames_per_s));
        json_object_set_new(json, "rx_bits_per_s", real_or_null(known, rx.bits_per_s));
        json_object_set_new(json, "tx_packets_per_s", real_or_null(known, tx.frames_per_s));
        json_object_set_new(json, "tx_bits_per_s", real_or_null(known, tx.bits_per_s));
        json_object_set_new(json, "socket_drops",
                            stats->socket_drops_known ? count(stats->socket_drops) : json_null());
        json_object_set_new(json, "socket_buffer_bytes",
                            stats->socket_buffer_bytes != 0 ? count(stats->socket_buffer_bytes)
                                                            : json_null());
        json_array_append_new(list, json);
    }
    return list;
}

static json_t *sockets_json(const struct intake *intake) {
    json_t *sockets = json_array();
    for (size_t i = 0; i < intake->listener_count; i++) {
        struct listen_counts counts = listener_counts(intake->listeners[i]);
        char address[IP_TEXT_SIZE];
        json_t *json = json_object();
        json_object_set_new(json, "address", json_string(ip_address_format(&counts.address, address)));
        json_object_set_new(json, "port", json_integer(counts.port));
        json_object_set_new(json, "datagrams", count(counts.datagrams));
        json_object_set_new(json, "kernel_drops", count(counts.kernel_drops));
        json_object_set_new(json, "buffer_bytes", count(counts.buffer_bytes));
        json_array_append_new(sockets, json);
    }
    return sockets;
}

static json_t *collector_json(const struct intake *intake) {
    struct listen_counts sum = intake_counts(intake);
    struct collector_totals totals = collector_totals(intake->collector);
    struct error write_error;
    store_write_error(intake->store, &write_error);
    json_t *json = json_object();
    json_object_set_new(json, "datagrams", count(sum.datagrams));
    json_object_set_new(json, "kernel_drops", count(sum.kernel_drops));
    json_object_set_new(json, "buffer_bytes", count(sum.buffer_bytes));
    json_object_set_new(json, "refused", count(intake->refused));
    json_object_set_new(json, "unrecognised", count(totals.unrecognised));
    json_object_set_new(json, "malformed", count(totals.malformed));
    json_object_set_new(json, "queue_drops", count(store_dropped_rows(intake->store)));
    json_object_set_new(json, "exporters_evicted", count(totals.exporters_evicted));
    json_object_set_new(json, "templates", count(totals.templates.templates));
    json_object_set_new(json, "templates_evicted", count(totals.templates.evicted));
    json_object_set_new(json, "held_sets", count(totals.held.sets));
    json_object_set_new(json, "held_expired", count(totals.held.expired));
    json_object_set_new(json, "held_evicted", count(totals.held.evicted));
    json_object_set_new(json, "write_error",
                        write_error.text[0] == '\0' ? json_null() : json_string(write_error.text));
    json_object_set_new(json, "sockets", sockets_json(intake));
    return json;
}

/* What only a lab has. */
static void add_lab(const struct status_source *source, json_t *json) {
    json_object_set_new(json, "bridge", json_string(source->worker->bridge));
    json_object_set_new(json, "switch", json_string(source->worker->switch_text));
    json_object_set_new(json, "window_start_ns",
                        source->window_start_ns == 0 ? json_null() : json_integer(source->window_start_ns));
    unsigned addresses = source->worker->lab->addresses;
    json_object_set_new(json, "addresses", json_integer(addresses != 0 ? addresses : 1));
    json_object_set_new(json, "rules", json_integer((json_int_t)source->worker->lab->openflow.rule_count));
    json_object_set_new(json, "meters", json_integer((json_int_t)source->worker->lab->openflow.meter_count));
    json_object_set_new(json, "captures", captures_json(source));
    json_object_set_new(json, "ports", ports_json(source));
}

char *status_json(const struct status_source *source) {
    json_t *exporters = json_array();
    collector_each_exporter(source->intake->collector, add_exporter, exporters);
    json_t *json = json_object();
    json_object_set_new(json, "running", json_true());
    json_object_set_new(json, "kind", json_string(source->kind));
    json_object_set_new(json, "version", json_string(NSMON_VERSION));
    json_object_set_new(json, "session", json_integer(store_session_id(source->intake->store)));
    json_object_set_new(json, "label", source->label != NULL ? json_string(source->label) : json_null());
    json_object_set_new(json, "prefix", json_string(source->prefix));
    json_object_set_new(json, "database", json_string(source->database));
    json_object_set_new(json, "user", json_string(source->user));
    json_object_set_new(json, "started_ns", json_integer(source->started_ns));
    json_object_set_new(json, "exporters", exporters);
    json_object_set_new(json, "collector", collector_json(source->intake));
    if (source->worker != NULL) {
        add_lab(source, json);
    }
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}
