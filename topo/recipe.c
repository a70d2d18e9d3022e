#include "topo/recipe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topo/impair.h"
#include "topo/lab.h"
#include "topo/ofctl.h"
#include "topo/openflow.h"
#include "topo/ovs.h"

enum { LINE_SIZE = 2048 };

struct recipe {
    const struct topo *topo;
    topo_recipe_fn *emit;
    void *context;
    char switch_netns[LAB_NETNS_SIZE]; /* "" for the one that the reader is in */
};

static void line(const struct recipe *recipe, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void line(const struct recipe *recipe, const char *format, ...) {
    char text[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    recipe->emit(text, recipe->context);
}

/* Writes 'word' so that a shell takes it as one: as it is where it can be, else between quotes. */
static void quote(const char *word, char *text, size_t size) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+";
    size_t used = 0;
    if (word[0] != '\0' && strspn(word, plain) == strlen(word)) {
        snprintf(text, size, "%s", word);
        return;
    }
    text[used++] = '\'';
    for (; *word != '\0' && used + 6 < size; word++) {
        if (*word == '\'') {
            memcpy(text + used, "'\\''", 4);
            used += 4;
        } else {
            text[used++] = *word;
        }
    }
    text[used++] = '\'';
    text[used] = '\0';
}

/* Says the transaction with Open vSwitch, a line for each of its commands. */
static void say_transaction(const struct recipe *recipe, const struct ovs_transaction *transaction) {
    char text[LINE_SIZE] = "ovs-vsctl";
    for (size_t i = 1; i < transaction->count; i++) {
        char word[1024];
        if (strcmp(transaction->argv[i], "--") == 0) {
            line(recipe, "%s \\", text);
            snprintf(text, sizeof text, "    --");
            continue;
        }
        quote(transaction->argv[i], word, sizeof word);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, " %s", word);
    }
    line(recipe, "%s", text);
}

/* "ip -n NETNS", or "ip" for the reader's own. */
static const char *ip_in(const char *netns, char text[LAB_NETNS_SIZE + 8]) {
    snprintf(text, LAB_NETNS_SIZE + 8, netns[0] != '\0' ? "ip -n %s" : "ip%s", netns);
    return text;
}

/* "ip netns exec NETNS ", or "". */
static const char *exec_in(const char *netns, char text[LAB_NETNS_SIZE + 16]) {
    snprintf(text, LAB_NETNS_SIZE + 16, netns[0] != '\0' ? "ip netns exec %s " : "%s", netns);
    return text;
}

static void say_netns(const struct recipe *recipe, const char *netns) {
    line(recipe, "ip netns add %s", netns);
    line(recipe, "ip -n %s link set lo alias nsmon:%s up", netns, recipe->topo->tag);
}

static void say_switch(const struct recipe *recipe) {
    const struct topo *topo = recipe->topo;
    if (!topo->sw.private_ovs) {
        line(recipe, "# The switch is the system's Open vSwitch, which runs.");
        return;
    }
    char folder[LAB_PATH_SIZE];
    snprintf(folder, sizeof folder, "%s/ovs", topo->run_dir);
    line(recipe,
         "# A private Open vSwitch, in a network namespace of its own and with all its files in one folder.");
    say_netns(recipe, topo->switch_netns);
    line(recipe, "mkdir -p %s && chmod 700 %s", folder, folder);
    line(recipe, "export OVS_RUNDIR=%s OVS_LOGDIR=%s OVS_DBDIR=%s OVS_SYSCONFDIR=%s", folder, folder, folder,
         folder);
    line(recipe, "ovsdb-tool create %s/conf.db /usr/share/openvswitch/vswitch.ovsschema", folder);
    static const char *const daemons[] = {"ovsdb-server", "ovs-vswitchd"};
    for (size_t i = 0; i < 2; i++) {
        line(recipe, "ip netns exec %s %s --detach -vconsole:warn -vsyslog:off \\", topo->switch_netns,
             daemons[i]);
        line(recipe, "    --pidfile=%s/%s.pid --unixctl=%s/%s.ctl --log-file=%s/%s.log \\", folder,
             daemons[i], folder, daemons[i], folder, daemons[i]);
        if (i == 0) {
            line(recipe, "    %s/conf.db --remote=punix:%s/db.sock", folder, folder);
            line(recipe, "ovs-vsctl --db=unix:%s/db.sock --no-wait --timeout=5 init", folder);
        } else {
            line(recipe, "    unix:%s/db.sock", folder);
        }
    }
    line(recipe, "# (nsmon also enlarges the receive buffers of its packet sockets, which no command can.)");
}

static void say_offloads(const struct recipe *recipe, const char *netns, const char *name) {
    line(recipe, "ip netns exec %s ethtool -K %s gro off gso off tso off sg off tx off rx off", netns, name);
}

/* Further addresses: a prefix of its own by a local route, those of the others by way of their taps. */
static void say_routes(const struct recipe *recipe, unsigned host) {
    const struct topo *topo = recipe->topo;
    const struct topo_port *port = &topo->ports[host];
    line(recipe, "ip netns exec %s sysctl -qw net.ipv6.conf.%s.accept_dad=0 net.ipv6.ip_nonlocal_bind=1",
         port->netns, port->tap);
    for (unsigned other = 1; other <= topo->hosts; other++) {
        struct ip_address prefixes[2];
        topo_host_prefix(other, &prefixes[0], &prefixes[1]);
        for (size_t i = 0; i < 2; i++) {
            char text[IP_TEXT_SIZE];
            const char *via = i == 0 ? topo->ports[other].ipv4 : topo->ports[other].ipv6;
            int bits = i == 0 ? TOPO_PREFIX_BITS_V4 : TOPO_PREFIX_BITS_V6;
            ip_address_format(&prefixes[i], text);
            if (other == host) {
                line(recipe, "ip -n %s route add local %s/%d dev lo proto static", port->netns, text, bits);
            } else {
                line(recipe, "ip -n %s route add %s/%d via %s dev %s proto static", port->netns, text, bits,
                     via, port->tap);
            }
        }
    }
}

static void say_host(const struct recipe *recipe, unsigned host) {
    const struct topo *topo = recipe->topo;
    const struct topo_port *port = &topo->ports[host];
    char ip[LAB_NETNS_SIZE + 8];
    line(recipe, "%s", "");
    line(recipe,
         "# Host %u: a namespace and a cable to the switch, without offloads, which would make frames that"
         " never cross a wire.",
         host);
    say_netns(recipe, port->netns);
    line(recipe, "ip -n %s link add %s mtu %u type veth peer name %s mtu %u", port->netns, port->tap,
         topo->mtu, port->ovs_tap, topo->mtu);
    line(recipe, "ip -n %s link set %s alias nsmon:%s", port->netns, port->tap, topo->tag);
    line(recipe, "ip -n %s link set %s alias nsmon:%s", port->netns, port->ovs_tap, topo->tag);
    say_offloads(recipe, port->netns, port->tap);
    say_offloads(recipe, port->netns, port->ovs_tap);
    line(recipe, "ip -n %s address add %s/24 dev %s", port->netns, port->ipv4, port->tap);
    line(recipe, "ip netns exec %s sysctl -qw net.ipv6.conf.%s.disable_ipv6=0", port->netns, port->tap);
    line(recipe, "ip -n %s address add %s/64 dev %s nodad", port->netns, port->ipv6, port->tap);
    if (recipe->switch_netns[0] != '\0') {
        line(recipe, "ip -n %s link set %s netns %s", port->netns, port->ovs_tap, recipe->switch_netns);
    } else {
        line(recipe, "ip -n %s link set %s netns $$", port->netns, port->ovs_tap);
    }
    line(recipe, "%s link set %s addrgenmode none  # its own IPv6 stack is to say nothing",
         ip_in(recipe->switch_netns, ip), port->ovs_tap);
    line(recipe, "ip -n %s link set %s up  # the switch's end comes up last", port->netns, port->tap);
    if (topo->addresses > 1) {
        line(recipe, "# Its %u addresses, and the way to those of the others.", topo->addresses);
        say_routes(recipe, host);
    }
}

static void say_bridge(const struct recipe *recipe) {
    struct ovs_transaction transaction;
    char ip[LAB_NETNS_SIZE + 8];
    line(recipe, "%s", "");
    line(recipe, "# The bridge with a port a host.");
    ovs_begin(&transaction, recipe->topo);
    ovs_describe_bridge(&transaction, recipe->topo);
    say_transaction(recipe, &transaction);
    line(recipe, "%s link set %s alias nsmon:%s", ip_in(recipe->switch_netns, ip), recipe->topo->bridge,
         recipe->topo->tag);
    line(recipe, "%s link set %s addrgenmode none", ip, recipe->topo->bridge);
}

static void say_openflow(const struct recipe *recipe) {
    const struct topo_openflow *openflow = &recipe->topo->openflow;
    char target[LAB_PATH_SIZE + TOPO_NAME_SIZE];
    char word[2 * TOPO_RULE_SIZE];
    if (openflow->rule_count + openflow->meter_count == 0) {
        return;
    }
    ofctl_name_target(recipe->topo, target, sizeof target);
    line(recipe, "%s", "");
    line(recipe, "# Its meters and rules, above NORMAL, all of them or none.");
    for (size_t i = 0; i < openflow->meter_count; i++) {
        quote(openflow->meters[i], word, sizeof word);
        line(recipe, "ovs-ofctl -O OpenFlow15 add-meter %s %s", target, word);
    }
    if (openflow->rule_count > 0) {
        line(recipe, "ovs-ofctl -O OpenFlow15 --bundle add-flows %s - <<'END'", target);
        for (size_t i = 0; i < openflow->rule_count; i++) {
            char resolved[TOPO_RULE_SIZE];
            topo_openflow_resolve(openflow->rules[i], resolved);
            line(recipe, "%s", resolved);
        }
        line(recipe, "END");
    }
}

/* What is done on purpose on the way to 'host'. */
static void say_impairment(const struct recipe *recipe, unsigned host) {
    const struct topo_impairment *impairment = &recipe->topo->impairments[host];
    const struct topo_port *port = &recipe->topo->ports[host];
    if (impair_needs_path(impairment)) {
        char exec[LAB_NETNS_SIZE + 16];
        line(recipe, "%s", "");
        line(recipe,
             "# What slows the way to %s down, copies or reorders there is no command for here: where the",
             port->netns);
        line(recipe, "# kernel has netem and it can do it, nsmon runs something like");
        line(recipe, "#   %stc qdisc replace dev %s root netem delay %lldus %lldus rate %llubit",
             exec_in(recipe->switch_netns, exec), port->ovs_tap, (long long)(impairment->delay_ns / 1000),
             (long long)(impairment->jitter_ns / 1000), (unsigned long long)impairment->rate_bps);
        line(recipe,
             "# and otherwise cuts the cable, puts a relay of its own into a namespace between the two, and "
             "limits");
        line(recipe, "# the rate by a token bucket behind it.");
    }
    if (impairment->loss > 0.0 || impairment->loss_every != 0) {
        char rules[IMPAIR_RULES_SIZE];
        line(recipe, "%s", "");
        line(recipe, "# Loss on the way to %s, behind the capture at %s.", port->netns, port->tap);
        line(recipe, "ip netns exec %s nft -f - <<'END'", port->netns);
        impair_loss_rules(impairment, port->tap, rules);
        char *rest = NULL;
        for (char *rule = strtok_r(rules, "\n", &rest); rule != NULL; rule = strtok_r(NULL, "\n", &rest)) {
            line(recipe, "%s", rule);
        }
        line(recipe, "END");
    }
}

static void say_export(const struct recipe *recipe, const struct topo_export *export) {
    const struct topo *topo = recipe->topo;
    struct ovs_transaction transaction;
    char exec[LAB_NETNS_SIZE + 16];
    line(recipe, "%s", "");
    line(recipe, "# Here nsmon opens its captures at the taps, before a frame moves, and its sockets, before "
                 "an exporter");
    line(recipe, "# has anything to send.  By hand, for the exports alone:");
    line(recipe, "#   %snsmon collect &", exec_in(recipe->switch_netns, exec));
    line(recipe, "%s", "");
    line(recipe, "# The exporters, in one transaction.");
    ovs_begin(&transaction, topo);
    export_describe(&transaction, topo, export);
    say_transaction(recipe, &transaction);
    for (size_t i = 0; export->ipfix.port != 0 && i < topo->openflow.set_count; i++) {
        line(recipe, "# IPFIX of single rules, those that sample into the set %u.", topo->openflow.sets[i]);
        ovs_begin(&transaction, topo);
        export_describe_set(&transaction, topo, export, topo->openflow.sets[i]);
        say_transaction(recipe, &transaction);
    }
}

static void say_links_up(const struct recipe *recipe) {
    char ip[LAB_NETNS_SIZE + 8];
    line(recipe, "%s", "");
    line(recipe,
         "# All is ready: the links come up.  (nsmon keeps the stations silent until all of them are.)");
    for (unsigned host = 1; host <= recipe->topo->hosts; host++) {
        line(recipe, "%s link set %s up", ip_in(recipe->switch_netns, ip), recipe->topo->ports[host].ovs_tap);
    }
}

/* How to be rid of it, as comments, so that who feeds all this to a shell has a lab at the end. */
static void say_undoing(const struct recipe *recipe) {
    const struct topo *topo = recipe->topo;
    line(recipe, "%s", "");
    line(recipe, "# To undo it: sudo nsmon stop --all, which knows the tags, or");
    if (topo->sw.private_ovs) {
        line(recipe, "#   ovs-appctl -t %s/ovs/ovs-vswitchd.ctl exit --cleanup", topo->run_dir);
        line(recipe, "#   ovs-appctl -t %s/ovs/ovsdb-server.ctl exit", topo->run_dir);
        line(recipe, "#   rm -r %s/ovs", topo->run_dir);
    } else {
        line(recipe, "#   ovs-vsctl del-br %s", topo->bridge);
    }
    for (unsigned host = 1; host <= topo->hosts; host++) {
        line(recipe, "#   ip netns delete %s", topo->ports[host].netns);
    }
    if (topo->sw.private_ovs) {
        line(recipe, "#   ip netns delete %s", topo->switch_netns);
    }
}

int topo_recipe(const struct topo_settings *settings, const struct topo_export *export, topo_recipe_fn *emit,
                void *context, struct error *error) {
    struct topo *topo = calloc(1, sizeof *topo);
    if (topo == NULL) {
        return error_set(error, -ENOMEM, "no memory for a lab");
    }
    int code = lab_take_settings(topo, settings, error);
    lab_name_all(topo);
    code = code == 0 ? topo_resolve_datapath(settings->datapath, &topo->sw, error) : code;
    if (code == 0) {
        struct recipe recipe = {.topo = topo, .emit = emit, .context = context};
        if (topo->sw.private_ovs) {
            snprintf(recipe.switch_netns, sizeof recipe.switch_netns, "%s", topo->switch_netns);
        }
        line(&recipe, "# The lab by hand, as root, in bash: %s.", topo->sw.why);
        line(&recipe, "set -e");
        say_switch(&recipe);
        for (unsigned host = 1; host <= topo->hosts; host++) {
            say_host(&recipe, host);
        }
        say_bridge(&recipe);
        say_openflow(&recipe);
        for (unsigned host = 1; host <= topo->hosts; host++) {
            say_impairment(&recipe, host);
        }
        say_export(&recipe, export);
        say_links_up(&recipe);
        say_undoing(&recipe);
    }
    topo_close(topo);
    return code;
}
