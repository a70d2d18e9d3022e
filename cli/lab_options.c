#include "cli/lab_options.h"

#include <errno.h>
#include <string.h>

#include "cli/parse.h"
#include "topo/openflow.h"
#include "topo/impairment.h"

const char lab_options_help[] =
    "  --prefix NAME                 put 'NAME-' in front of every name, so that labs fit\n"
    "                                side by side (up to 5 of a-z, 0-9)\n"
    "  --db FILE                     database (default /var/lib/nsmon/nsmon.db)\n"
    "  --label TEXT                  a name for the session, to find it again\n"
    "  --hosts N                     ns1 to nsN, 1 to 8 (default 2)\n"
    "  --addresses N                 of each host and IP version, up to 65536 (default 1)\n"
    "  --sampling N                  sample 1 packet in N, sFlow and IPFIX (default 64)\n"
    "  --datapath auto|system|netdev whose datapath: the kernel's of the running Open\n"
    "                                vSwitch, or the userspace one (default auto)\n"
    "  --mtu BYTES                   of the lab's links, 1280 to 9000 (default 1500)\n"
    "  --impair to=HOST,NAME=VALUE...   spoil what goes to that host: loss=1%, loss-every=10,\n"
    "                                duplicate=, reorder= likewise, delay=20ms, jitter=2ms,\n"
    "                                rate=10mbit; once for each host\n"
    "  --pcap-dir DIR                keep what the captures see, a file per tap\n"
    "  --rules FILE                  OpenFlow rules of the bridge, one ovs-ofctl(8) flow a\n"
    "                                line, and meters, \"meter=1,kbps,band=...\"\n"
    "  --no-sflow, --no-netflow, --no-ipfix   leave that exporter out\n"
    "  --sflow-sampling N, --ipfix-sampling N   a rate of its own\n"
    "  --sflow-header BYTES          of each sampled packet (default 128)\n"
    "  --sflow-polling SECONDS       of interface counters; 0: never (default 5)\n"
    "  --netflow-active-timeout SECONDS   (default 5)\n"
    "  --ipfix-active-timeout SECONDS     0: a record a sample (default 5)\n"
    "  --sflow-port, --netflow-port, --ipfix-port PORT   where the collector listens;\n"
    "                                0: any free one (default 6343, 2055, 4739)\n";

struct number_option {
    int option;
    const char *name;
    int64_t minimum, maximum;
};

/* sFlow's header: above 600 bytes Open vSwitch drops samples; 64 is enough for any IPv4 key. */
static const struct number_option number_options[] = {
    {LAB_OPTION_MTU, "--mtu", TOPO_MTU_MIN, TOPO_MTU_MAX},
    {LAB_OPTION_HOSTS, "--hosts", 1, TOPO_HOSTS_MAX},
    {LAB_OPTION_ADDRESSES, "--addresses", 1, TOPO_ADDRESSES_MAX},
    {LAB_OPTION_SAMPLING, "--sampling", 1, 1000000},
    {LAB_OPTION_SFLOW_SAMPLING, "--sflow-sampling", 1, 1000000},
    {LAB_OPTION_SFLOW_HEADER, "--sflow-header", 64, 600},
    {LAB_OPTION_SFLOW_POLLING, "--sflow-polling", 0, 3600},
    {LAB_OPTION_SFLOW_PORT, "--sflow-port", 0, 65535},
    {LAB_OPTION_NETFLOW_TIMEOUT, "--netflow-active-timeout", 1, 3600},
    {LAB_OPTION_NETFLOW_PORT, "--netflow-port", 0, 65535},
    {LAB_OPTION_IPFIX_SAMPLING, "--ipfix-sampling", 1, 1000000},
    {LAB_OPTION_IPFIX_TIMEOUT, "--ipfix-active-timeout", 0, 3600},
    {LAB_OPTION_IPFIX_PORT, "--ipfix-port", 0, 65535},
};

static void set_number(int option, int64_t value, struct lab_settings *settings) {
    switch (option) {
    case LAB_OPTION_MTU:
        settings->mtu = (unsigned)value;
        break;
    case LAB_OPTION_SAMPLING:
        settings->sflow_sampling = (uint32_t)value;
        settings->ipfix_sampling = (uint32_t)value;
        break;
    case LAB_OPTION_HOSTS:
        settings->hosts = (unsigned)value;
        break;
    case LAB_OPTION_ADDRESSES:
        settings->addresses = (unsigned)value;
        break;
    case LAB_OPTION_SFLOW_SAMPLING:
        settings->sflow_sampling = (uint32_t)value;
        break;
    case LAB_OPTION_SFLOW_HEADER:
        settings->sflow_header_bytes = (uint32_t)value;
        break;
    case LAB_OPTION_SFLOW_POLLING:
        settings->sflow_polling_s = (uint32_t)value;
        break;
    case LAB_OPTION_SFLOW_PORT:
        settings->sflow_port = (int)value;
        break;
    case LAB_OPTION_NETFLOW_TIMEOUT:
        settings->netflow_timeout_s = (uint32_t)value;
        break;
    case LAB_OPTION_NETFLOW_PORT:
        settings->netflow_port = (int)value;
        break;
    case LAB_OPTION_IPFIX_SAMPLING:
        settings->ipfix_sampling = (uint32_t)value;
        break;
    case LAB_OPTION_IPFIX_TIMEOUT:
        settings->ipfix_timeout_s = (uint32_t)value;
        break;
    case LAB_OPTION_IPFIX_PORT:
        settings->ipfix_port = (int)value;
        break;
    default:
        break;
    }
}

static int take_datapath(const char *text, enum topo_datapath *datapath, struct error *error) {
    static const char *const names[] = {"auto", "system", "netdev"};
    static const enum topo_datapath values[] = {TOPO_DATAPATH_AUTO, TOPO_DATAPATH_SYSTEM,
                                                TOPO_DATAPATH_NETDEV};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *datapath = values[i];
            return 0;
        }
    }
    return error_set(error, -EINVAL, "--datapath takes auto, system or netdev, not '%s'", text);
}

static int take_impairment(const char *text, struct lab_settings *settings, struct error *error) {
    struct topo_impairment impairment;
    unsigned host = 0;
    int code = topo_impairment_parse(text, &host, &impairment, error);
    if (code == 0) {
        settings->impairments[host] = impairment;
    }
    return code;
}

int lab_option_take(int option, const char *argument, struct lab_settings *settings, struct error *error) {
    for (size_t i = 0; i < sizeof number_options / sizeof *number_options; i++) {
        const struct number_option *number = &number_options[i];
        if (number->option == option) {
            int64_t value = 0;
            int code = parse_number(number->name, argument, number->minimum, number->maximum, &value, error);
            if (code == 0) {
                set_number(option, value, settings);
            }
            return code;
        }
    }
    switch (option) {
    case LAB_OPTION_PREFIX:
        return parse_prefix(argument, settings->prefix, error);
    case LAB_OPTION_DATAPATH:
        return take_datapath(argument, &settings->datapath, error);
    case LAB_OPTION_IMPAIR:
        return take_impairment(argument, settings, error);
    case LAB_OPTION_DB:
        settings->database = argument;
        return 0;
    case LAB_OPTION_LABEL:
        settings->label = argument;
        return 0;
    case LAB_OPTION_PCAP_DIR:
        settings->pcap_dir = argument;
        return 0;
    case LAB_OPTION_RULES:
        topo_openflow_free(&settings->openflow);
        return topo_openflow_parse_file(argument, &settings->openflow, error);
    case LAB_OPTION_NO_SFLOW:
        settings->sflow = false;
        return 0;
    case LAB_OPTION_NO_NETFLOW:
        settings->netflow = false;
        return 0;
    case LAB_OPTION_NO_IPFIX:
        settings->ipfix = false;
        return 0;
    default:
        return 1;
    }
}

void lab_options_free(struct lab_settings *settings) {
    topo_openflow_free(&settings->openflow);
}

int lab_options_check(const struct lab_settings *settings, struct error *error) {
    const unsigned hosts = settings->hosts != 0 ? settings->hosts : 2;
    for (unsigned host = hosts + 1; host <= TOPO_HOSTS_MAX; host++) {
        if (topo_impairment_any(&settings->impairments[host])) {
            return error_set(error, -EINVAL, "--impair to=ns%u: the lab has %u hosts; see --hosts", host,
                             hosts);
        }
    }
    const int ports[] = {settings->sflow_port, settings->netflow_port, settings->ipfix_port};
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = i + 1; j < 3; j++) {
            if (ports[i] > 0 && ports[i] == ports[j]) {
                return error_set(error, -EINVAL, "two exporters can't have the same port, %d", ports[i]);
            }
        }
    }
    if (!settings->ipfix && settings->openflow.set_count > 0) {
        return error_set(error, -EINVAL,
                         "the rules have sample actions, which export IPFIX, and --no-ipfix leaves that out");
    }
    if (settings->label != NULL && (settings->label[0] == '\0' || strlen(settings->label) > 64)) {
        return error_set(error, -EINVAL, "--label takes 1 to 64 characters");
    }
    return 0;
}
