#include "common/capfile/pcapng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define BLOCK_SECTION   0x0a0d0d0a
#define BLOCK_INTERFACE 1
#define BLOCK_OBSOLETE  2 /* packet block */
#define BLOCK_SIMPLE    3
#define BLOCK_ENHANCED  6

#define BYTE_ORDER_MAGIC 0x1a2b3c4d
#define OPTION_TSRESOL   9
#define OPTION_TSOFFSET  14

#define BLOCK_MAX      (16U << 20)
#define INTERFACES_MAX 4096

struct interface {
    uint16_t link_type;
    uint32_t snaplen;  /* 0: none */
    uint8_t tsresol;   /* a power of ten, or of two with the upper bit */
    int64_t offset_ns; /* to add to its times */
};

struct pcapng {
    FILE *stream;
    bool started;    /* the first section has been begun */
    bool swapped;    /* the section is of the other byte order */
    uint32_t length; /* of the block at hand, what stands in front of 'block' */
    uint8_t *block;  /* its body, without the types and lengths around it */
    size_t block_size, capacity;
    size_t interface_count;
    struct interface interfaces[INTERFACES_MAX];
};

bool pcapng_is(const uint8_t magic[4]) {
    static const uint8_t section[] = {0x0a, 0x0d, 0x0d, 0x0a};
    return memcmp(magic, section, sizeof section) == 0;
}

struct pcapng *pcapng_open(FILE *stream) {
    struct pcapng *pcapng = calloc(1, sizeof *pcapng);
    if (pcapng != NULL) {
        pcapng->stream = stream;
    }
    return pcapng;
}

void pcapng_close(struct pcapng *pcapng) {
    if (pcapng != NULL) {
        free(pcapng->block);
        free(pcapng);
    }
}

static uint32_t number32(const struct pcapng *pcapng, const uint8_t *bytes) {
    uint32_t little =
        bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    return pcapng->swapped ? __builtin_bswap32(little) : little;
}

static uint16_t number16(const struct pcapng *pcapng, const uint8_t *bytes) {
    return (uint16_t)(pcapng->swapped ? bytes[0] << 8 | bytes[1] : bytes[1] << 8 | bytes[0]);
}

/* Reads the body of a block of 'total' bytes in all, of which 'done' were read, up to its end. */
static int read_body(struct pcapng *pcapng, uint32_t total, uint32_t done, struct error *error) {
    if (total < 12 || total > BLOCK_MAX || total % 4 != 0 || total < done + 4) {
        return error_set(error, -EIO, "a block says that it has %u bytes", total);
    }
    size_t size = total - done - 4;
    if (size + 4 > pcapng->capacity) {
        uint8_t *larger = realloc(pcapng->block, size + 4);
        if (larger == NULL) {
            return error_set(error, -ENOMEM, "out of memory");
        }
        pcapng->block = larger;
        pcapng->capacity = size + 4;
    }
    if (fread(pcapng->block, 1, size + 4, pcapng->stream) != size + 4) {
        return error_set(error, -EIO, "it ends within a block");
    }
    pcapng->block_size = size;
    return 0;
}

/* A section header: its byte order, and no interfaces yet. */
static int begin_section(struct pcapng *pcapng, struct error *error) {
    uint8_t bytes[8];
    if (fread(bytes, 1, sizeof bytes, pcapng->stream) != sizeof bytes) {
        return error_set(error, -EIO, "it ends within a block");
    }
    pcapng->swapped = false;
    if (number32(pcapng, bytes + 4) != BYTE_ORDER_MAGIC) {
        pcapng->swapped = true;
    }
    if (number32(pcapng, bytes + 4) != BYTE_ORDER_MAGIC) {
        return error_set(error, -EIO, "a section has no byte order");
    }
    pcapng->interface_count = 0;
    pcapng->started = true;
    return read_body(pcapng, number32(pcapng, bytes), 16 - 4, error);
}

static void read_option(struct pcapng *pcapng, struct interface *interface, uint16_t code,
                        const uint8_t *value, uint16_t size) {
    if (code == OPTION_TSRESOL && size == 1) {
        interface->tsresol = value[0];
    } else if (code == OPTION_TSOFFSET && size == 8) {
        uint64_t first = number32(pcapng, value);
        uint64_t second = number32(pcapng, value + 4);
        int64_t seconds = (int64_t)(pcapng->swapped ? first << 32 | second : second << 32 | first);
        bool sane = seconds > -INT64_MAX / NS_PER_S / 4 && seconds < INT64_MAX / NS_PER_S / 4;
        interface->offset_ns = sane ? seconds * NS_PER_S : 0;
    }
}

static int add_interface(struct pcapng *pcapng, struct error *error) {
    const uint8_t *block = pcapng->block;
    if (pcapng->block_size < 8 || pcapng->interface_count == INTERFACES_MAX) {
        return error_set(error, -EIO, "an interface's block is too short, or there are too many of them");
    }
    struct interface *interface = &pcapng->interfaces[pcapng->interface_count++];
    *interface = (struct interface){
        .link_type = number16(pcapng, block), .snaplen = number32(pcapng, block + 4), .tsresol = 6};
    for (size_t at = 8; at + 4 <= pcapng->block_size;) {
        uint16_t code = number16(pcapng, block + at);
        uint16_t size = number16(pcapng, block + at + 2);
        if (code == 0 || at + 4 + size > pcapng->block_size) {
            break;
        }
        read_option(pcapng, interface, code, block + at + 4, size);
        at += 4 + (size_t)(size + 3) / 4 * 4;
    }
    return 0;
}

/* A time in units of the interface's resolution, in nanoseconds. */
static int64_t to_ns(const struct interface *interface, uint64_t stamp) {
    unsigned int exponent = interface->tsresol & 0x7f;
    double ns;
    if ((interface->tsresol & 0x80) == 0 && exponent <= 9) { /* exactly */
        uint64_t scale = 1;
        for (unsigned int i = exponent; i < 9; i++) {
            scale *= 10;
        }
        return stamp > INT64_MAX / 4 / scale ? 0 : (int64_t)(stamp * scale) + interface->offset_ns;
    }
    if ((interface->tsresol & 0x80) != 0) {
        if (exponent >= 64) {
            return interface->offset_ns;
        }
        uint64_t fraction = stamp & ((UINT64_C(1) << exponent) - 1);
        ns = (double)fraction * 1e9 / (double)(UINT64_C(1) << exponent);
        uint64_t seconds = stamp >> exponent;
        return seconds > INT64_MAX / NS_PER_S / 4
                   ? 0
                   : (int64_t)seconds * NS_PER_S + (int64_t)ns + interface->offset_ns;
    }
    for (unsigned int i = 9; i < exponent; i++) {
        stamp /= 10;
    }
    return (int64_t)(stamp > INT64_MAX / 4 ? 0 : stamp) + interface->offset_ns;
}

/* A packet whose data begins at 'at' of the block. */
static int take_packet(struct pcapng *pcapng, uint32_t number, size_t at, uint32_t size, uint32_t wire,
                       uint64_t stamp, struct capfile_frame *frame, struct error *error) {
    if (number >= pcapng->interface_count || at > pcapng->block_size || size > pcapng->block_size - at) {
        return error_set(error, -EIO, "a packet is of interface %u and has %u bytes, which are not there",
                         number, size);
    }
    const struct interface *interface = &pcapng->interfaces[number];
    *frame = (struct capfile_frame){.link_type = interface->link_type,
                                    .at_ns = to_ns(interface, stamp),
                                    .size = size,
                                    .wire = wire < size ? size : wire,
                                    .bytes = pcapng->block + at};
    return 1;
}

static int read_packet(struct pcapng *pcapng, uint32_t type, struct capfile_frame *frame,
                       struct error *error) {
    const uint8_t *block = pcapng->block;
    if (type == BLOCK_SIMPLE) {
        uint32_t wire = pcapng->block_size < 4 ? 0 : number32(pcapng, block);
        uint32_t most = pcapng->interface_count == 0 ? 0 : pcapng->interfaces[0].snaplen;
        return take_packet(pcapng, 0, 4, most != 0 && most < wire ? most : wire, wire, 0, frame, error);
    }
    if (pcapng->block_size < 20) {
        return error_set(error, -EIO, "a packet's block is too short");
    }
    uint32_t number = type == BLOCK_OBSOLETE ? number16(pcapng, block) : number32(pcapng, block);
    uint64_t stamp = (uint64_t)number32(pcapng, block + 4) << 32 | number32(pcapng, block + 8);
    return take_packet(pcapng, number, 20, number32(pcapng, block + 12), number32(pcapng, block + 16), stamp,
                       frame, error);
}

/* Reads the type of the next block and its body.  Returns 1, 0 at the end, or a negative errno. */
static int read_block(struct pcapng *pcapng, uint32_t *type, struct error *error) {
    uint8_t bytes[8];
    if (!pcapng->started) { /* the caller has read the first type */
        *type = BLOCK_SECTION;
    } else {
        size_t size = fread(bytes, 1, 4, pcapng->stream);
        if (size != 4) {
            return size == 0 && ferror(pcapng->stream) == 0
                       ? 0
                       : error_set(error, -EIO, "it ends within a block");
        }
        *type = number32(pcapng, bytes);
    }
    if (*type == BLOCK_SECTION) {
        int code = begin_section(pcapng, error);
        return code == 0 ? 1 : code;
    }
    if (fread(bytes + 4, 1, 4, pcapng->stream) != 4) {
        return error_set(error, -EIO, "it ends within a block");
    }
    int code = read_body(pcapng, number32(pcapng, bytes + 4), 8, error);
    return code == 0 ? 1 : code;
}

int pcapng_next(struct pcapng *pcapng, struct capfile_frame *frame, struct error *error) {
    for (;;) {
        uint32_t type = 0;
        int result = read_block(pcapng, &type, error);
        if (result <= 0) {
            return result;
        }
        if (type == BLOCK_INTERFACE) {
            result = add_interface(pcapng, error);
            if (result != 0) {
                return result;
            }
        } else if (type == BLOCK_ENHANCED || type == BLOCK_OBSOLETE || type == BLOCK_SIMPLE) {
            return read_packet(pcapng, type, frame, error);
        }
    }
}
