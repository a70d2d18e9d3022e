#include "common/capfile/capfile.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/capfile/pcapng.h"
#include "common/clock.h"

/* By libpcap, or, if it is pcapng, by ourselves. */
struct capfile {
    const char *path;
    pcap_t *pcap;
    FILE *stream; /* of 'pcapng' */
    struct pcapng *pcapng;
};

static FILE *open_stream(int fd, const char *path, struct error *error) {
    int own = dup(fd);
    FILE *stream = own < 0 ? NULL : fdopen(own, "rb");
    if (stream == NULL) {
        error_set(error, -errno, "could not read '%s': %s", path, strerror(errno));
        if (own >= 0) {
            close(own);
        }
        return NULL;
    }
    if (lseek(own, 0, SEEK_CUR) >= 0 && lseek(own, 0, SEEK_SET) != 0) {
        error_set(error, -errno, "could not go back to the beginning of '%s': %s", path, strerror(errno));
        fclose(stream);
        return NULL;
    }
    return stream;
}

/* Looks at the first bytes of the file, which may be a pipe: they are put back for libpcap. */
static int begin(struct capfile *capfile, int fd, struct error *error) {
    uint8_t magic[4];
    char text[PCAP_ERRBUF_SIZE] = "";
    FILE *stream = open_stream(fd, capfile->path, error);
    if (stream == NULL) {
        return -EIO;
    }
    size_t size = fread(magic, 1, sizeof magic, stream);
    if (size == sizeof magic && pcapng_is(magic)) {
        capfile->stream = stream;
        capfile->pcapng = pcapng_open(stream);
        return capfile->pcapng != NULL ? 0 : error_set(error, -ENOMEM, "out of memory");
    }
    while (size > 0) {
        ungetc(magic[--size], stream);
    }
    capfile->pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, text);
    if (capfile->pcap == NULL) {
        fclose(stream);
        return error_set(error, -EINVAL, "could not read '%s' as a capture file: %s", capfile->path, text);
    }
    return 0;
}

int capfile_open(struct capfile **capfile, int fd, const char *path, struct error *error) {
    *capfile = calloc(1, sizeof **capfile);
    if (*capfile == NULL) {
        return error_set(error, -ENOMEM, "out of memory");
    }
    (*capfile)->path = path;
    int code = begin(*capfile, fd, error);
    if (code != 0) {
        capfile_close(*capfile);
        *capfile = NULL;
    }
    return code;
}

void capfile_close(struct capfile *capfile) {
    if (capfile == NULL) {
        return;
    }
    pcapng_close(capfile->pcapng);
    if (capfile->stream != NULL) {
        fclose(capfile->stream);
    }
    if (capfile->pcap != NULL) {
        pcap_close(capfile->pcap);
    }
    free(capfile);
}

static int next_of_pcap(struct capfile *capfile, struct capfile_frame *frame, struct error *error) {
    struct pcap_pkthdr *header;
    const u_char *bytes;
    int result = pcap_next_ex(capfile->pcap, &header, &bytes);
    if (result == PCAP_ERROR_BREAK) {
        return 0;
    }
    if (result != 1) {
        return error_set(error, -EIO, "%s", pcap_geterr(capfile->pcap));
    }
    *frame = (struct capfile_frame){.link_type = pcap_datalink(capfile->pcap),
                                    .at_ns = (int64_t)header->ts.tv_sec * NS_PER_S + header->ts.tv_usec,
                                    .size = header->caplen,
                                    .wire = header->len < header->caplen ? header->caplen : header->len,
                                    .bytes = bytes};
    return 1;
}

int capfile_next(struct capfile *capfile, struct capfile_frame *frame, struct error *error) {
    int result = capfile->pcapng != NULL ? pcapng_next(capfile->pcapng, frame, error)
                                         : next_of_pcap(capfile, frame, error);
    return result < 0
               ? error_prefix(error, result, "'%s' is broken, and was read as far as it goes", capfile->path)
               : result;
}
