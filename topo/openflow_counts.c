/* What the bridge counted by OpenFlow, as rows of the ledger. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "topo/lab.h"
#include "topo/ofctl.h"
#include "topo/ofstats.h"

/* A reading is three programs, about 30 ms: so often while the lab runs. */
#define READ_INTERVAL_NS (10 * NS_PER_S)

enum { ANSWER_SIZE = 64 * 1024 };

struct emission {
    const struct topo *topo;
    topo_count_fn *emit;
    void *context;
    unsigned rules;
};

static unsigned host_of(const struct topo *topo, uint32_t of_port) {
    for (unsigned host = 1; host <= topo->hosts; host++) {
        if (topo->ports[host].of_port == of_port) {
            return host;
        }
    }
    return 0;
}

/* Of what came from 'host', or with 'out' went to it; 0: of no direction. */
static void name_direction(const struct topo *topo, unsigned host, bool out, struct topo_count *count) {
    char *text = count->direction;
    if (host == 0) {
        snprintf(text, sizeof count->direction, "switch");
    } else if (topo->hosts == 2) {
        unsigned from = out ? 3 - host : host;
        snprintf(text, sizeof count->direction, "ns%u>ns%u", from, 3 - from);
    } else {
        snprintf(text, sizeof count->direction, out ? "switch>ns%u" : "ns%u>switch", host);
    }
}

static void emit_port(const struct ofstats_port *port, void *context) {
    const struct emission *emission = context;
    unsigned host = host_of(emission->topo, port->number);
    if (host == 0) {
        return;
    }
    for (int out = 0; out < 2; out++) {
        struct topo_count count = {.packets = out ? port->tx_packets : port->rx_packets,
                                   .bytes = out ? port->tx_bytes : port->rx_bytes};
        snprintf(count.stage, sizeof count.stage, "%s", out ? "switch_out" : "switch_in");
        name_direction(emission->topo, host, out, &count);
        /* The ledger compares the first of a stage's witnesses by name: this one, which counts frames that
         * the packet socket had no room for, comes after "port rx less ...". */
        snprintf(count.source, sizeof count.source, "switch's OpenFlow port %u (%s) %s", port->number,
                 emission->topo->ports[host].ovs_tap, out ? "tx" : "rx, socket drops included");
        emission->emit(&count, emission->context);
    }
}

static void emit_rule(const struct ofstats_rule *rule, void *context) {
    struct emission *emission = context;
    struct topo_count count = {.packets = rule->packets, .bytes = rule->bytes};
    emission->rules++;
    snprintf(count.stage, sizeof count.stage, "%s", rule->drops ? "switch_in_rule_drop" : "switch_rule");
    name_direction(emission->topo, host_of(emission->topo, rule->in_port), false, &count);
    int length = snprintf(count.source, sizeof count.source, "rule %s", rule->text);
    if (length >= (int)sizeof count.source) { /* two long rules may begin alike */
        char end[16];
        int size = snprintf(end, sizeof end, "... #%u", emission->rules);
        memcpy(count.source + sizeof count.source - 1 - size, end, (size_t)size + 1);
    }
    emission->emit(&count, emission->context);
}

static void emit_band(const struct ofstats_band *band, void *context) {
    const struct emission *emission = context;
    const struct topo_openflow *openflow = &emission->topo->openflow;
    struct topo_count count = {
        .stage = "switch_in_meter_drop", .packets = band->packets, .bytes = band->bytes};
    name_direction(emission->topo, 0, false, &count);
    snprintf(count.source, sizeof count.source, "meter=%u, band %u", band->meter, band->band + 1);
    for (size_t i = 0; i < openflow->meter_count; i++) {
        if (strtoul(openflow->meters[i] + strlen("meter="), NULL, 10) == band->meter) {
            snprintf(count.source, sizeof count.source, "band %u of %s", band->band + 1, openflow->meters[i]);
        }
    }
    emission->emit(&count, emission->context);
}

int openflow_each_count(struct topo *topo, topo_count_fn *emit, void *context, struct error *error) {
    const struct topo_openflow *openflow = &topo->openflow;
    struct emission emission = {.topo = topo, .emit = emit, .context = context};
    int64_t now_ns = clock_monotonic_ns();
    if (!topo->quiet && topo->openflow_read_ns != 0 && now_ns < topo->openflow_read_ns + READ_INTERVAL_NS) {
        return 0;
    }
    topo->openflow_read_ns = now_ns;
    char *answer = malloc(ANSWER_SIZE);
    int code = answer == NULL ? error_set(error, -ENOMEM, "no memory for the switch's counts") : 0;
    code = code == 0 ? ofctl_ask(topo, "dump-ports", answer, ANSWER_SIZE, error) : code;
    if (code == 0) {
        ofstats_ports(answer, emit_port, &emission);
    }
    if (code == 0 && openflow->rule_count > 0) {
        code = ofctl_ask(topo, "dump-flows", answer, ANSWER_SIZE, error);
        if (code == 0) {
            ofstats_rules(answer, emit_rule, &emission);
        }
    }
    if (code == 0 && openflow->meter_count > 0) {
        code = ofctl_ask(topo, "meter-stats", answer, ANSWER_SIZE, error);
        if (code == 0) {
            ofstats_bands(answer, emit_band, &emission);
        }
    }
    free(answer);
    return code;
}
