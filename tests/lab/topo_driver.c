/* Calls the lab's room for the lab tests: "topo_driver RUN_DIR PREFIX WORD...", each word a step, in order.
 *
 *   create links listen export=RATE quiesce flush stats ports destroy recover  the calls of topo/topo.h
 *   fail=N  the N-th step that is announced fails     kill=N  ... kills this program
 *   undo    if a word fails after create, the lab is destroyed
 *   allow_ipv6=LINK  of host 1
 *   impair=to=ns2,loss=1%  as nsmon start has it, before create      counts  topo_each_count()
 *   datapath=auto|system|netdev  hosts=N  mtu=N  sleep=SECONDS  steps  how many steps were announced
 *   run=COMMAND  a shell command, whose failure fails; of the test, not of the room
 *
 * Prints what a test wants to know, "name value" a line, and on the first failure "error" and the text. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/log.h"
#include "topo/impairment.h"
#include "topo/link.h"
#include "topo/offload.h"
#include "topo/topo.h"

struct driver {
    struct topo_impairment impairments[TOPO_HOSTS_MAX + 1];
    struct topo_settings settings;
    struct topo *topo;
    unsigned steps;
    unsigned fail_at;
    unsigned kill_at;
    bool undo;
};

static int on_step(const char *step, void *context) {
    struct driver *driver = context;
    driver->steps++;
    fprintf(stderr, "%u: %s\n", driver->steps, step);
    if (driver->steps == driver->kill_at) {
        raise(SIGKILL);
    }
    return driver->steps == driver->fail_at ? -ECANCELED : 0;
}

static void on_log(enum log_level level, const char *message, void *context) {
    (void)context;
    fprintf(stderr, "log %d: %s\n", (int)level, message);
}

static int print_stats(struct topo *topo, struct error *error) {
    for (unsigned host = 1; host <= topo_hosts(topo); host++) {
        struct topo_port_stats stats;
        int code = topo_port_stats(topo, host, &stats, error);
        if (code != 0) {
            return code;
        }
        printf("stats%u rx %lu tx %lu rx_dropped %lu tx_dropped %lu tap_tx_dropped %lu socket_drops %lu "
               "known %d "
               "buffer %lu\n",
               host, stats.rx_packets, stats.tx_packets, stats.rx_dropped, stats.tx_dropped,
               stats.tap_tx_dropped, stats.socket_drops, stats.socket_drops_known, stats.socket_buffer_bytes);
    }
    return 0;
}

static int print_ports(const struct topo *topo, struct error *error) {
    printf("switch %s\n", topo_switch(topo)->why);
    for (unsigned host = 1; host <= topo_hosts(topo); host++) {
        const struct topo_port *port = topo_port(topo, host);
        const char *offload = "none";
        int code = offload_check(topo_namespace_fd(topo, host), port->tap, &offload, error);
        if (code < 0) {
            return code;
        }
        printf("port%u %s %s ifindex %u of_port %u offloads %s\n", host, port->tap, port->ovs_tap,
               port->ifindex, port->of_port, offload);
    }
    return 0;
}

/* Exporters at 1 in 'rate' to the ports 26343, 22055 and 24739. */
static int configure(struct topo *topo, uint32_t rate, struct error *error) {
    const struct topo_export export = {
        .sflow = {.port = 26343, .sampling = rate, .polling_s = 5},
        .netflow = {.port = 22055, .active_timeout_s = 5},
        .ipfix = {.port = 24739, .sampling = rate, .cache_active_timeout_s = 60, .domain = 7, .point = 9},
    };
    return topo_export(topo, &export, error);
}

/* Opens the ports that exports go to, so that none is refused; they are read by nobody but a capture. */
static int listen_for_exports(struct topo *topo, struct error *error) {
    static const uint16_t ports[] = {26343, 22055, 24739};
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(ports[i])};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = topo_socket_in(topo_namespace_fd(topo, TOPO_SWITCH), AF_INET, SOCK_DGRAM, 0, error);
        if (fd < 0) {
            return fd;
        }
        if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
            return error_set(error, -errno, "could not bind to port %u", ports[i]);
        }
    }
    return 0;
}

/* Flushes and waits as long as it says. */
static int flush(struct topo *topo, struct error *error) {
    int64_t wait_ns = 0;
    int code = topo_flush(topo, &wait_ns, error);
    printf("wait_ms %ld\n", (long)(wait_ns / NS_PER_MS));
    clock_sleep_ns(wait_ns);
    return code;
}

static int take_impairment(struct driver *driver, const char *text, struct error *error) {
    struct topo_impairment impairment;
    unsigned host = 0;
    int code = topo_impairment_parse(text, &host, &impairment, error);
    driver->impairments[host] = impairment;
    driver->settings.impairments = driver->impairments;
    return code;
}

static void print_count(const struct topo_count *count, void *context) {
    (void)context;
    printf("count %s %s %ld %ld %s\n", count->stage, count->direction, count->packets, count->bytes,
           count->source);
}

/* Does the step 'word', whose part behind "=" is 'value'. */
static int act(struct driver *driver, const char *word, const char *value, struct error *error) {
    const unsigned long number = strtoul(value, NULL, 10);
    if (strcmp(word, "create") == 0) {
        return topo_create(&driver->settings, &driver->topo, error);
    } else if (strcmp(word, "links") == 0) {
        return topo_links_up(driver->topo, error);
    } else if (strcmp(word, "export") == 0) {
        return configure(driver->topo, (uint32_t)number, error);
    } else if (strcmp(word, "listen") == 0) {
        return listen_for_exports(driver->topo, error);
    } else if (strcmp(word, "quiesce") == 0) {
        return topo_quiesce(driver->topo, error);
    } else if (strcmp(word, "flush") == 0) {
        return flush(driver->topo, error);
    } else if (strcmp(word, "stats") == 0) {
        return print_stats(driver->topo, error);
    } else if (strcmp(word, "ports") == 0) {
        return print_ports(driver->topo, error);
    } else if (strcmp(word, "destroy") == 0) {
        return topo_destroy(driver->topo, error);
    } else if (strcmp(word, "recover") == 0) {
        return topo_recover(driver->settings.run_dir, on_step, driver, error);
    } else if (strcmp(word, "fail") == 0) {
        driver->fail_at = (unsigned)number;
    } else if (strcmp(word, "undo") == 0) {
        driver->undo = true;
    } else if (strcmp(word, "kill") == 0) {
        driver->kill_at = (unsigned)number;
    } else if (strcmp(word, "steps") == 0) {
        printf("steps %u\n", driver->steps);
    } else if (strcmp(word, "mtu") == 0) {
        driver->settings.mtu = (unsigned)number;
    } else if (strcmp(word, "impair") == 0) {
        return take_impairment(driver, value, error);
    } else if (strcmp(word, "counts") == 0) {
        return topo_each_count(driver->topo, print_count, NULL, error);
    } else if (strcmp(word, "hosts") == 0) {
        driver->settings.hosts = (unsigned)number;
    } else if (strcmp(word, "addresses") == 0) {
        driver->settings.addresses = (unsigned)number;
    } else if (strcmp(word, "allow_ipv6") == 0) {
        return link_allow_ipv6(topo_namespace_fd(driver->topo, 1), value, error);
    } else if (strcmp(word, "sleep") == 0) {
        clock_sleep_ns((int64_t)number * NS_PER_S);
    } else if (strcmp(word, "datapath") == 0) {
        driver->settings.datapath = strcmp(value, "system") == 0   ? TOPO_DATAPATH_SYSTEM
                                    : strcmp(value, "netdev") == 0 ? TOPO_DATAPATH_NETDEV
                                                                   : TOPO_DATAPATH_AUTO;
    } else if (strcmp(word, "run") == 0) {
        fflush(stdout);
        return system(value) == 0 ? 0 : error_set(error, -EIO, "failed: %s", value);
    } else {
        return error_set(error, -EINVAL, "no such step: %s", word);
    }
    return 0;
}

int main(int argc, char *argv[]) {
    struct driver driver = {.settings = {.tag = "test-1"}};
    struct error error = {.text = ""};
    int code = argc < 4 ? -EINVAL : 0;
    log_set_sink(LOG_LEVEL_DEBUG, on_log, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc >= 4) {
        driver.settings.run_dir = argv[1];
        driver.settings.progress = on_step;
        driver.settings.progress_context = &driver;
        snprintf(driver.settings.prefix, sizeof driver.settings.prefix, "%s", argv[2]);
    }
    for (int i = 3; code == 0 && i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        const char *value = equals != NULL ? equals + 1 : "";
        if (equals != NULL) {
            *equals = '\0';
        }
        int64_t start_ns = clock_monotonic_ns();
        code = act(&driver, argv[i], value, &error);
        printf("took %s %ld ms\n", argv[i], (long)((clock_monotonic_ns() - start_ns) / NS_PER_MS));
    }
    if (code != 0) {
        printf("error %d %s\n", code, error.text);
    }
    if (code != 0 && driver.undo && driver.topo != NULL && topo_destroy(driver.topo, &error) != 0) {
        printf("undo failed %s\n", error.text);
    }
    topo_close(driver.topo);
    return code == 0 ? 0 : 1;
}
