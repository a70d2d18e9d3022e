/* nsmon attach: measures on a bridge that is there. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/lab_options.h"
#include "cli/say.h"

static const char help[] =
    "Usage: sudo nsmon attach BRIDGE --truth [NETNS/]IFACE[,role=port|station]... [OPTION...]\n\n"
    "Measures on a bridge of the system's Open vSwitch: adds the collector to its exporters,\n"
    "and captures at the interfaces named.  'nsmon detach' puts back what there was.\n"
    "No port and no flow is made, changed or removed.\n\n"
    "Example:  sudo nsmon attach br0 --truth eth1 --truth vnet0\n\n"
    "  --truth [NETNS/]IFACE[,role=ROLE]   capture there; ROLE is port for the bridge's own port\n"
    "                                (what comes in goes to the switch), station for the other\n"
    "                                end of its link (what leaves goes to the switch)\n"
    "  --prefix NAME                 so that sessions fit side by side (up to 5 of a-z, 0-9)\n"
    "  --db FILE                     database (default /var/lib/nsmon/nsmon.db)\n"
    "  --label TEXT                  a name for the session, to find it again\n"
    "  --pcap-dir DIR                keep what the captures see, a file for each\n"
    "  --no-sflow, --no-netflow, --no-ipfix   leave that exporter as it is\n"
    "  --sflow-port, --netflow-port, --ipfix-port PORT   where the collector listens;\n"
    "                                0: any free one (default 6343, 2055, 4739)\n"
    "Where the bridge has no such exporter yet:\n"
    "  --sampling N                  sample 1 packet in N, sFlow and IPFIX (default 64)\n"
    "  --sflow-sampling N, --ipfix-sampling N   a rate of its own\n"
    "  --sflow-header BYTES          of each sampled packet (default 128)\n"
    "  --sflow-polling SECONDS       of interface counters; 0: never (default 5)\n"
    "  --netflow-active-timeout SECONDS   (default 5)\n"
    "  --ipfix-active-timeout SECONDS     0: a record a sample (default 5)\n\n"
    "  -v, --verbose                 show every step\n"
    "  -h, --help                    this text\n";

enum { OPTION_TRUTH = LAB_OPTION_END + 64 };

static const struct option options[] = {
    {"truth", required_argument, NULL, OPTION_TRUTH},
    {"prefix", required_argument, NULL, LAB_OPTION_PREFIX},
    {"db", required_argument, NULL, LAB_OPTION_DB},
    {"label", required_argument, NULL, LAB_OPTION_LABEL},
    {"pcap-dir", required_argument, NULL, LAB_OPTION_PCAP_DIR},
    {"sampling", required_argument, NULL, LAB_OPTION_SAMPLING},
    {"no-sflow", no_argument, NULL, LAB_OPTION_NO_SFLOW},
    {"no-netflow", no_argument, NULL, LAB_OPTION_NO_NETFLOW},
    {"no-ipfix", no_argument, NULL, LAB_OPTION_NO_IPFIX},
    {"sflow-sampling", required_argument, NULL, LAB_OPTION_SFLOW_SAMPLING},
    {"sflow-header", required_argument, NULL, LAB_OPTION_SFLOW_HEADER},
    {"sflow-polling", required_argument, NULL, LAB_OPTION_SFLOW_POLLING},
    {"sflow-port", required_argument, NULL, LAB_OPTION_SFLOW_PORT},
    {"netflow-active-timeout", required_argument, NULL, LAB_OPTION_NETFLOW_TIMEOUT},
    {"netflow-port", required_argument, NULL, LAB_OPTION_NETFLOW_PORT},
    {"ipfix-sampling", required_argument, NULL, LAB_OPTION_IPFIX_SAMPLING},
    {"ipfix-active-timeout", required_argument, NULL, LAB_OPTION_IPFIX_TIMEOUT},
    {"ipfix-port", required_argument, NULL, LAB_OPTION_IPFIX_PORT},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0}};

struct attach_command {
    struct lab_settings lab;
    struct attach_truth truth[ATTACH_TRUTH_MAX];
    bool verbose;
};

static int take_role(const char *text, const char *argument, enum attach_role *role, struct error *error) {
    if (strcmp(text, "role=port") == 0) {
        *role = ATTACH_ROLE_PORT;
    } else if (strcmp(text, "role=station") == 0) {
        *role = ATTACH_ROLE_STATION;
    } else {
        return error_set(error, -EINVAL, "--truth takes [NETNS/]IFACE[,role=port|station], not '%s'",
                         argument);
    }
    return 0;
}

/* Reads "NETNS/IFACE,role=ROLE". */
static int take_truth(struct attach_command *command, const char *argument, struct error *error) {
    if (command->lab.truth_count == ATTACH_TRUTH_MAX) {
        return error_set(error, -EINVAL, "--truth can be given %d times", ATTACH_TRUTH_MAX);
    }
    struct attach_truth *truth = &command->truth[command->lab.truth_count++];
    const char *end = argument + strcspn(argument, ",");
    const char *slash = memchr(argument, '/', (size_t)(end - argument));
    const char *name = slash != NULL ? slash + 1 : argument;
    size_t netns_length = slash != NULL ? (size_t)(slash - argument) : 0;
    size_t name_length = (size_t)(end - name);
    if (name_length == 0 || name_length >= sizeof truth->name || netns_length >= sizeof truth->netns ||
        (slash != NULL && netns_length == 0) || memchr(name, '/', name_length) != NULL) {
        return error_set(error, -EINVAL, "--truth takes [NETNS/]IFACE[,role=port|station], not '%s'",
                         argument);
    }
    memcpy(truth->netns, argument, netns_length);
    memcpy(truth->name, name, name_length);
    return *end == ',' ? take_role(end + 1, argument, &truth->role, error) : 0;
}

static int check(struct attach_command *command, char *const rest[], int count, struct error *error) {
    if (count == 0) {
        return error_set(error, -EINVAL, "which bridge? 'sudo ovs-vsctl list-br' shows them");
    }
    if (count > 1) {
        return say_extra_argument(rest[1], error);
    }
    if (command->lab.truth_count == 0) {
        return error_set(
            error, -EINVAL,
            "--truth IFACE is missing: a port of the bridge, or the other end of its link, where "
            "every frame is to be captured");
    }
    if (!command->lab.sflow && !command->lab.netflow && !command->lab.ipfix) {
        return error_set(error, -EINVAL, "no exporter is left to be measured");
    }
    command->lab.attach_bridge = rest[0];
    command->lab.truth = command->truth;
    return lab_options_check(&command->lab, error);
}

static int parse(int argc, char *argv[], struct attach_command *command, struct error *error) {
    int option;
    while ((option = getopt_long(argc, argv, ":vh", options, NULL)) != -1) {
        int code = 0;
        if (option == 'h') {
            fputs(help, stdout);
            return 1;
        }
        if (option == 'v') {
            command->verbose = true;
        } else if (option == OPTION_TRUTH) {
            code = take_truth(command, optarg, error);
        } else {
            code = lab_option_take(option, optarg, &command->lab, error);
        }
        if (code != 0) {
            return code > 0 ? say_bad_option(argv, option, error) : code;
        }
    }
    return check(command, argv + optind, argc - optind, error);
}

static int run(int argc, char *argv[]) {
    struct attach_command command = {.lab = lab_settings_default()};
    struct lab_info info = {0};
    struct error error = {0};
    int code = parse(argc, argv, &command, &error);
    if (code != 0) {
        return code > 0 ? EXIT_DONE : say_usage("attach", &error);
    }
    if (lab_start(&command.lab, say_progress, &command.verbose, &info, &error) != 0) {
        return say_failed(&error);
    }
    const char *prefix = command.lab.prefix[0] != '\0' ? " --prefix " : "";
    say_step("%s", info.description);
    fprintf(stderr,
            "    session %lld in %s\n"
            "    next: nsmon status%s%s; sudo nsmon detach%s%s; nsmon compare\n",
            (long long)info.session_id, info.database, prefix, command.lab.prefix, prefix,
            command.lab.prefix);
    return EXIT_DONE;
}

const struct command command_attach = {"attach", "measure on a bridge that is there (root)", run};
