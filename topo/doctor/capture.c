/* libpcap, its ring, and the interfaces that are to be captured on. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "topo/doctor/internal.h"

/* A capture has a handle each way (collector/capture), and a lab two taps or more. */
#define RING_BYTES   (16U << 20)
#define RING_MINIMUM (1U << 20)
#define BLOCK_BYTES  (1U << 20)

void doctor_libpcap(struct doctor *doctor) {
    char text[160];
    snprintf(text, sizeof text, "%s", pcap_lib_version());
    char *more = strstr(text, " (");
    if (more != NULL) {
        *more = '\0'; /* what it was built with */
    }
    doctor_add(doctor, DOCTOR_OK, "%s", text);
}

/* Asks for a ring of 'bytes'.  Returns 0 or a negative errno. */
static int try_ring(unsigned bytes) {
    int version = TPACKET_V3;
    struct tpacket_req3 request = {
        .tp_block_size = BLOCK_BYTES,
        .tp_block_nr = bytes / BLOCK_BYTES,
        .tp_frame_size = 1U << 16,
        .tp_frame_nr = bytes / (1U << 16),
    };
    /* Protocol 0: no frame is taken in. */
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int code = setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) == 0 &&
                       setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) == 0
                   ? 0
                   : -errno;
    close(fd);
    return code;
}

void doctor_ring(struct doctor *doctor) {
    unsigned bytes = RING_BYTES;
    int code = try_ring(bytes);
    int first = code;
    while (code == -ENOMEM && bytes > RING_MINIMUM) {
        bytes /= 2;
        code = try_ring(bytes);
    }
    char text[24];
    struct doctor_finding *finding;
    if (first == 0) {
        doctor_add(doctor, DOCTOR_OK, "TPACKET_V3 with %s, as each capture asks for",
                   doctor_bytes(RING_BYTES, text));
    } else if (code == 0) {
        finding =
            doctor_add(doctor, DOCTOR_WARNING,
                       "TPACKET_V3 with no more than %s for want of memory: captures lose frames in bursts",
                       doctor_bytes(bytes, text));
        doctor_fix(finding, "echo 1 | sudo tee /proc/sys/vm/compact_memory");
    } else if ((code == -EPERM || code == -EACCES) && !doctor->root) {
        finding = doctor_add(doctor, DOCTOR_OK, "not tried, for want of CAP_NET_RAW");
        doctor_root_only(finding, "whether a capture gets its ring");
    } else {
        finding = doctor_add(doctor, DOCTOR_FAILED, "no ring of TPACKET_V3: %s; nothing can be captured",
                             strerror(-code));
        doctor_fix(finding, "sudo modprobe af_packet");
    }
}

/* What has the kernel hand over frames that never crossed a wire. */
static const struct merging {
    const char *name; /* as ethtool -K takes it */
    uint32_t get;
} mergings[] = {
    {"gro", ETHTOOL_GGRO},
    {"gso", ETHTOOL_GGSO},
    {"tso", ETHTOOL_GTSO},
};

static uint32_t ethtool_get(int fd, const char *name, uint32_t command) {
    struct ethtool_value value = {.cmd = command};
    struct ifreq request = {.ifr_data = (void *)&value};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    return ioctl(fd, SIOCETHTOOL, &request) == 0 ? value.data : 0;
}

static void look_at_merging(struct doctor *doctor, int fd, const char *name, bool up) {
    char on[64] = "";
    for (size_t i = 0; i < sizeof mergings / sizeof *mergings; i++) {
        if (ethtool_get(fd, name, mergings[i].get) != 0) {
            size_t used = strlen(on);
            snprintf(on + used, sizeof on - used, " %s off", mergings[i].name);
        }
    }
    if ((ethtool_get(fd, name, ETHTOOL_GFLAGS) & ETH_FLAG_LRO) != 0) {
        size_t used = strlen(on);
        snprintf(on + used, sizeof on - used, " lro off");
    }
    struct doctor_finding *finding;
    if (on[0] != '\0') {
        finding =
            doctor_add(doctor, DOCTOR_WARNING,
                       "segments are merged or cut here: a capture counts one frame where several cross "
                       "the wire");
        doctor_fix(finding, "sudo ethtool -K %s%s", name, on);
    } else {
        finding = doctor_add(doctor, DOCTOR_OK, "Ethernet, %s, frames are captured as they cross the wire",
                             up ? "up" : "down");
    }
    doctor_subject(finding, "%s", name);
    if (!up) {
        finding = doctor_add(doctor, DOCTOR_WARNING, "is down: nothing can be captured there");
        doctor_subject(finding, "%s", name);
        doctor_fix(finding, "sudo ip link set %s up", name);
    }
}

static void look_at_interface(struct doctor *doctor, int fd, const char *name) {
    struct ifreq request = {0};
    int length = snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    struct doctor_finding *finding;
    if (length < 1 || (size_t)length >= sizeof request.ifr_name || ioctl(fd, SIOCGIFHWADDR, &request) != 0) {
        finding = doctor_add(doctor, DOCTOR_FAILED, "there is no such interface in this network namespace");
        doctor_subject(finding, "%s", name);
        doctor_fix(finding, "ip -brief link");
        return;
    }
    if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
        finding = doctor_add(doctor, DOCTOR_FAILED, "is no Ethernet; only that can be held against exports");
        doctor_subject(finding, "%s", name);
        return;
    }
    bool up = ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) != 0;
    look_at_merging(doctor, fd, name, up);
}

void doctor_interfaces(struct doctor *doctor) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (size_t i = 0; i < doctor->settings->interface_count; i++) {
        look_at_interface(doctor, fd, doctor->settings->interfaces[i]);
    }
    if (fd >= 0) {
        close(fd);
    }
}
