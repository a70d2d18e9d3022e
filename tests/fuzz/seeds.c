/* Turns captures into seeds: seeds FOLDER CAPTURE...
 *
 * FOLDER/datagram gets one file a UDP payload, for fuzz_sflow5 and fuzz_netflow5; FOLDER/sequence one a
 * capture, for fuzz_ipfix and fuzz_collector (see fuzz.h); FOLDER/packet the sampled headers' frames, for
 * fuzz_packet; FOLDER/filter a few filters, for fuzz_filter; FOLDER/scenario what is in scenario/library;
 * FOLDER/message what the ends of a test say to each other, for fuzz_remote; FOLDER/histogram a few of these.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../golden/pcap_file.h"
#include "collector/decode/sflow5.h"

#define PATH_SIZE 4096

struct writing {
    const char *folder;
    FILE *sequence;
    unsigned int datagrams, packets;
};

static FILE *create(const char *folder, const char *kind, unsigned int number) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s/%05u", folder, kind, number);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static void write_header(const struct sflow5_flow_sample *sample, const struct sflow5_header *header,
                         void *context) {
    struct writing *writing = context;
    (void)header;
    if (sample->has_header && sample->header_protocol == 1) {
        FILE *file = create(writing->folder, "packet", writing->packets++);
        fputc(0, file);
        fwrite(sample->header.bytes, 1, sample->header.size, file);
        fclose(file);
    }
}

static void write_datagram(const struct datagram *datagram, void *context) {
    struct writing *writing = context;
    FILE *file = create(writing->folder, "datagram", writing->datagrams++);
    fwrite(datagram->bytes, 1, datagram->size, file);
    fclose(file);
    fputc((int)(datagram->size >> 8), writing->sequence);
    fputc((int)(datagram->size & 0xff), writing->sequence);
    fwrite(datagram->bytes, 1, datagram->size, writing->sequence);
    struct sflow5_header header;
    struct sflow5_sink sink = {.flow = write_header, .context = writing};
    struct sflow5_counts counts;
    if (sflow5_read_header(datagram->bytes, datagram->size, &header) == 0) {
        sflow5_decode(datagram->bytes, datagram->size, &header, &sink, &counts);
    }
}

static void write_filters(const char *folder) {
    static const char *const filters[] = {
        "src net 10.0.0.0/8 and dst port 443",
        "not (udp portrange 1-1024 or icmp6) && ! host 2001:db8::1",
        "tcp src or dst port 80 or 443 or 8080",
        "net 172.16.0.0 mask 255.240.0.0 || net 10.1",
        "in if 3 and out if > 4 and src as 64512 and vlan and vlan 5",
        "bytes >= 10k and packets != 7 and tos 0x10 and flags SA",
        "exporter 192.0.2.0/24 and icmp-type 8 and ether proto 0x88cc",
        "ip6 proto \\tcp or ip proto gre or arp or lldp or sctp or proto 89",
        "src and dst net 2001:db8::/32",
    };
    for (unsigned int i = 0; i < sizeof filters / sizeof *filters; i++) {
        FILE *file = create(folder, "filter", i);
        fputs(filters[i], file);
        fclose(file);
    }
}

/* The scenarios that come with the program. */
static void write_scenarios(const char *folder) {
    glob_t found = {0};
    if (glob(NSMON_SOURCE_DIR "/scenario/library/*.yaml", 0, NULL, &found) != 0) {
        return;
    }
    for (unsigned int i = 0; i < found.gl_pathc; i++) {
        char text[16384];
        FILE *in = fopen(found.gl_pathv[i], "re");
        FILE *out = create(folder, "scenario", i);
        size_t size = in != NULL ? fread(text, 1, sizeof text, in) : 0;
        fwrite(text, 1, size, out);
        fclose(out);
        if (in != NULL) {
            fclose(in);
        }
    }
    globfree(&found);
}

static void write_histograms(const char *folder) {
    static const char *const histograms[] = {
        "64         50\n65..1399   20\n1400       30   # full segments\n",
        "# gaps\n1us..20us 1\r\n\t1ms 0.5\n2s..3s 1000000",
        "1 1\n3 1\n5..7 0.25\n",
    };
    for (size_t i = 0; i < sizeof histograms / sizeof *histograms; i++) {
        FILE *file = create(folder, "histogram", (unsigned int)i);
        fputs(histograms[i], file);
        fclose(file);
    }
}

static void write_messages(const char *folder) {
    static const char *const messages[] = {
        "{\"type\":\"hello\",\"protocol\":1,\"nonce\":\"0123456789abcdef\",\"capabilities\":[\"udp\",\"tcp\"]"
        "}",
        "{\"type\":\"test\",\"streams\":{\"protocol\":17,\"family\":4,\"direction\":3,\"count\":2,\"length\":"
        "64,"
        "\"gap_ns\":1000,\"packets\":0,\"bytes\":0,\"duration_ns\":1000000000,\"gso\":0,\"threads\":0,"
        "\"source_port\":"
        "12000,\"length_min\":0,\"length_law\":0,\"length_mean\":0,\"length_shape\":0,\"gap_law\":6,\"gap_"
        "shape\":0,"
        "\"burst\":0,\"burst_gap_ns\":0,\"response\":0,\"seed\":7,\"dscp\":46,\"ttl\":9,\"flow_label\":0,"
        "\"mss\":0,"
        "\"nagle\":0,\"congestion\":\"\",\"gap_histogram\":[[1000,1000,3],[2000,5000,1]]},"
        "\"clock_offset_ns\":-5,\"digest\":\"0000000000000000\"}",
        "{\"type\":\"ping\",\"asked_ns\":1700000000000000000}",
        "{\"type\":\"sent\",\"side\":0,\"rows\":[[0,10,640,2,0,0],[1,9,576,3,6,111]]}",
        "{\"type\":\"tcp\",\"side\":0,\"rows\":[[0,7,60000,9000,40000,14480,-9223372036854775808,100000,"
        "2896,60000,1,"
        "60000,14480,1]]}",
        "{\"type\":\"received\",\"side\":0,\"rows\":[[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]]}",
        "{\"type\":\"delays\",\"side\":0,\"bins\":[[0,1],[28000,5]],\"count\":6,\"negative\":1,\"min\":-9,"
        "\"max\":9,\"sum\":1e3}",
        "{\"type\":\"error\",\"text\":\"\\u001b[2J \\\" [[[[\"}",
    };
    for (unsigned int i = 0; i < sizeof messages / sizeof *messages; i++) {
        FILE *file = create(folder, "message", i);
        fputs(messages[i], file);
        fclose(file);
    }
}

int main(int argc, char **argv) {
    static const char *const kinds[] = {"",        "/datagram", "/sequence", "/packet",
                                        "/filter", "/scenario", "/message",  "/histogram"};
    if (argc < 3) {
        fprintf(stderr, "Usage: seeds FOLDER CAPTURE...\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "%s%s", argv[1], kinds[i]);
        mkdir(path, 0755);
    }
    write_filters(argv[1]);
    write_scenarios(argv[1]);
    write_messages(argv[1]);
    write_histograms(argv[1]);
    struct writing writing = {.folder = argv[1]};
    for (int i = 2; i < argc; i++) {
        writing.sequence = create(argv[1], "sequence", (unsigned int)i);
        if (pcap_each_datagram(argv[i], write_datagram, &writing) < 0) {
            fprintf(stderr, "Can't read %s\n", argv[i]);
        }
        fclose(writing.sequence);
    }
    return 0;
}
