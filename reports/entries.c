/* The ports of the switch by which frames came in, and where they were captured. */
#include <stdio.h>
#include <string.h>

#include "reports/internal.h"

static int take_capture(const struct read_capture *capture, void *context) {
    struct report *report = context;
    if (report->capture_count == REPORT_CAPTURES_MAX) {
        report_note(&report->notes, "More than %d captures: the others are left out.", REPORT_CAPTURES_MAX);
        return 1;
    }
    report->captures[report->capture_count++] = *capture;
    return 0;
}

/* True if a station's capture shows what the capture 'port', at the switch's end of the same cable, does.  In
 * a lab each port has its station, so one without a number is some station's, too. */
static bool is_covered(const struct report *report, const struct read_capture *port) {
    bool any = port->station == READ_NULL && strcmp(report->session.kind, "attach") != 0;
    for (size_t i = 0; i < report->capture_count && !port->is_station; i++) {
        const struct read_capture *other = &report->captures[i];
        if (other->is_station && (any || (other->station == port->station && other->station != READ_NULL))) {
            return true;
        }
    }
    return false;
}

/* Stations of labs and imports have numbers; on a bridge of somebody else's an interface has a name. */
static void name_entry(const struct report *report, struct report_entry *entry) {
    const struct read_capture *capture = &report->captures[entry->capture];
    for (size_t i = 0; i < report->setup.port_count; i++) {
        const struct report_port port = report->setup.ports[i];
        if (strcmp(port.capture, capture->name) == 0) {
            snprintf(entry->name, sizeof entry->name, "%.15s", port.name);
            return;
        }
    }
    bool named =
        strcmp(report->session.kind, "attach") == 0 || !capture->is_station || capture->station == READ_NULL;
    if (named) {
        snprintf(entry->name, sizeof entry->name, "%.*s", (int)sizeof entry->name - 9, capture->name);
    } else {
        snprintf(entry->name, sizeof entry->name, "ns%lld", (long long)capture->station);
    }
}

/* Sees what went by at ports that were not captured.  A bridge's own port is one that few use: nothing came
 * in there that the truth could lack, and copies of what is flooded went out. */
static void look_at_ports(struct report *report) {
    for (size_t i = 0; i < report->setup.port_count; i++) {
        const struct report_port *port = &report->setup.ports[i];
        char in[64];
        char out[64];
        if (port->capture[0] != '\0') {
            continue;
        }
        snprintf(in, sizeof in, "%s>switch", port->name);
        snprintf(out, sizeof out, "switch>%s", port->name);
        int64_t went_out = report_stage_packets(&report->ledger, "switch_out", out);
        report->partial = report->partial || report_stage_packets(&report->ledger, "switch_in", in) != 0;
        report->out_unseen += went_out > 0 ? went_out : 0;
    }
}

bool report_two_way(const struct report *report) {
    return report->entry_count == 2 && !report->partial;
}

static void name_directions(struct report *report) {
    const struct report_entry *first = &report->entries[0];
    bool numbered = report_two_way(report) && strncmp(first[0].name, "ns", 2) == 0 &&
                    strncmp(first[1].name, "ns", 2) == 0 && strcmp(report->session.kind, "attach") != 0;
    for (size_t i = 0; i < report->entry_count; i++) {
        struct report_entry *entry = &report->entries[i];
        if (numbered) {
            const char *other = first[1 - i].name;
            snprintf(entry->out, sizeof entry->out, "%.14s>%.14s", entry->name, other);
            snprintf(entry->in, sizeof entry->in, "%.14s>%.14s", other, entry->name);
        } else {
            snprintf(entry->out, sizeof entry->out, "%.23s>switch", entry->name);
            snprintf(entry->in, sizeof entry->in, "switch>%.23s", entry->name);
        }
    }
}

int report_find_entries(struct report *report, struct reader *reader, struct error *error) {
    int rc = reader_each_capture(reader, report->session.id, take_capture, report, error);
    if (rc < 0) {
        return rc;
    }
    size_t stations = 0;
    for (size_t i = 0; i < report->capture_count; i++) {
        report->entry_of[i] = -1;
        if (is_covered(report, &report->captures[i])) {
            continue;
        }
        struct report_entry *entry = &report->entries[report->entry_count];
        *entry = (struct report_entry){.capture = i, .station = report->captures[i].station};
        name_entry(report, entry);
        stations += report->captures[i].is_station;
        report->entry_of[i] = (int)report->entry_count++;
    }
    look_at_ports(report);
    bool alone = report->entry_count == 1 && report->setup.port_count == 0;
    report->one_tap = alone && stations == 1 && strcmp(report->session.kind, "attach") != 0;
    report->partial = report->partial || (alone && !report->one_tap);
    report->has_delivery = report->entry_count > 1 && !report->partial;
    report->flow_delivery = report->has_delivery && !report->rules.rewrites;
    name_directions(report);
    return 0;
}
