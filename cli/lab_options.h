/* The options of commands that start a lab. */
#pragma once

#include <getopt.h>
#include <stdbool.h>

#include "daemon/lab.h"

enum lab_option {
    LAB_OPTION_FIRST = 256,
    LAB_OPTION_PREFIX = LAB_OPTION_FIRST,
    LAB_OPTION_DATAPATH,
    LAB_OPTION_MTU,
    LAB_OPTION_DB,
    LAB_OPTION_LABEL,
    LAB_OPTION_HOSTS,
    LAB_OPTION_ADDRESSES,
    LAB_OPTION_PCAP_DIR,
    LAB_OPTION_SAMPLING,
    LAB_OPTION_NO_SFLOW,
    LAB_OPTION_NO_NETFLOW,
    LAB_OPTION_NO_IPFIX,
    LAB_OPTION_SFLOW_SAMPLING,
    LAB_OPTION_SFLOW_HEADER,
    LAB_OPTION_SFLOW_POLLING,
    LAB_OPTION_SFLOW_PORT,
    LAB_OPTION_NETFLOW_TIMEOUT,
    LAB_OPTION_NETFLOW_PORT,
    LAB_OPTION_IPFIX_SAMPLING,
    LAB_OPTION_IPFIX_TIMEOUT,
    LAB_OPTION_IPFIX_PORT,
    LAB_OPTION_RULES,
    LAB_OPTION_IMPAIR,
    LAB_OPTION_END,
};

/* The entries of these options for getopt_long()'s table. */
#define LAB_LONG_OPTIONS                                                                                     \
    {"prefix", required_argument, NULL, LAB_OPTION_PREFIX},                                                  \
        {"datapath", required_argument, NULL, LAB_OPTION_DATAPATH},                                          \
        {"impair", required_argument, NULL, LAB_OPTION_IMPAIR},                                              \
        {"mtu", required_argument, NULL, LAB_OPTION_MTU}, {"db", required_argument, NULL, LAB_OPTION_DB},    \
        {"label", required_argument, NULL, LAB_OPTION_LABEL},                                                \
        {"hosts", required_argument, NULL, LAB_OPTION_HOSTS},                                                \
        {"addresses", required_argument, NULL, LAB_OPTION_ADDRESSES},                                        \
        {"pcap-dir", required_argument, NULL, LAB_OPTION_PCAP_DIR},                                          \
        {"sampling", required_argument, NULL, LAB_OPTION_SAMPLING},                                          \
        {"rules", required_argument, NULL, LAB_OPTION_RULES},                                                \
        {"no-sflow", no_argument, NULL, LAB_OPTION_NO_SFLOW},                                                \
        {"no-netflow", no_argument, NULL, LAB_OPTION_NO_NETFLOW},                                            \
        {"no-ipfix", no_argument, NULL, LAB_OPTION_NO_IPFIX},                                                \
        {"sflow-sampling", required_argument, NULL, LAB_OPTION_SFLOW_SAMPLING},                              \
        {"sflow-header", required_argument, NULL, LAB_OPTION_SFLOW_HEADER},                                  \
        {"sflow-polling", required_argument, NULL, LAB_OPTION_SFLOW_POLLING},                                \
        {"sflow-port", required_argument, NULL, LAB_OPTION_SFLOW_PORT},                                      \
        {"netflow-active-timeout", required_argument, NULL, LAB_OPTION_NETFLOW_TIMEOUT},                     \
        {"netflow-port", required_argument, NULL, LAB_OPTION_NETFLOW_PORT},                                  \
        {"ipfix-sampling", required_argument, NULL, LAB_OPTION_IPFIX_SAMPLING},                              \
        {"ipfix-active-timeout", required_argument, NULL, LAB_OPTION_IPFIX_TIMEOUT}, {                       \
        "ipfix-port", required_argument, NULL, LAB_OPTION_IPFIX_PORT                                         \
    }

/* Their lines in a command's --help. */
extern const char lab_options_help[];

/* Puts 'option' with its 'argument' into 'settings'.  Returns 0; 1 if it is no option of a lab; or -EINVAL
 * with 'error' filled. */
int lab_option_take(int option, const char *argument, struct lab_settings *settings, struct error *error);

/* Frees what lab_option_take() has read into 'settings'. */
void lab_options_free(struct lab_settings *settings);

/* Looks whether 'settings' make sense as a whole.  Returns 0 or -EINVAL with 'error' filled. */
int lab_options_check(const struct lab_settings *settings, struct error *error);
