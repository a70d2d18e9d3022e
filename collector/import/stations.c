/* Which tap an address lives behind: the one that saw its frames first.
 *
 * A frame that stands once in each of two files (the same bytes) gives its source address a vote for the file
 * that has it earlier.  Frames that repeat (ARP requests, retransmissions) have no vote, since they can't be
 * told apart. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "collector/import/reading.h"

enum {
    SIGHT_SLOTS = 1 << 17, /* frames that are looked at; 4 MiB */
    SIGHTS_MAX = SIGHT_SLOTS / 2,
    ADDRESSES_MAX = 4096,
};

/* One frame, by the hash of its bytes. */
struct sight {
    uint64_t hash;
    int64_t first_ns;
    uint16_t address; /* index of its source */
    uint8_t first_file;
    uint8_t count[IMPORT_FILES_MAX]; /* how often each file has it */
};

struct address {
    uint8_t mac[6];
    uint32_t frames[IMPORT_FILES_MAX];
    uint32_t votes[IMPORT_FILES_MAX];
    int file; /* behind whose tap it lives; -1: not known */
};

struct stations {
    size_t file_count;
    size_t address_count;
    size_t last; /* found */
    struct address addresses[ADDRESSES_MAX];
    size_t sight_count;
    struct sight *sights; /* while learning */
};

static struct address *find_address(struct stations *stations, const uint8_t mac[6]) {
    /* Frames of one station come in rows. */
    if (stations->last < stations->address_count &&
        memcmp(stations->addresses[stations->last].mac, mac, 6) == 0) {
        return &stations->addresses[stations->last];
    }
    for (size_t i = 0; i < stations->address_count; i++) {
        if (memcmp(stations->addresses[i].mac, mac, 6) == 0) {
            stations->last = i;
            return &stations->addresses[i];
        }
    }
    if (stations->address_count == ADDRESSES_MAX) {
        return NULL;
    }
    struct address *address = &stations->addresses[stations->address_count++];
    memcpy(address->mac, mac, 6);
    address->file = -1;
    return address;
}

static struct sight *find_sight(struct stations *stations, uint64_t hash) {
    size_t index = hash % SIGHT_SLOTS;
    while (stations->sights[index].hash != 0 && stations->sights[index].hash != hash) {
        index = (index + 1) % SIGHT_SLOTS;
    }
    struct sight *sight = &stations->sights[index];
    if (sight->hash == 0) {
        if (stations->sight_count == SIGHTS_MAX) {
            return NULL;
        }
        stations->sight_count++;
        sight->hash = hash;
        sight->first_ns = INT64_MAX;
    }
    return sight;
}

static void look_at(struct stations *stations, size_t file, const struct pcap_pkthdr *header,
                    const uint8_t *bytes) {
    if (header->caplen < 14) {
        return;
    }
    struct address *address = find_address(stations, bytes + 6);
    uint64_t hash = XXH3_64bits_withSeed(bytes, header->caplen, header->len) | 1;
    struct sight *sight = address == NULL ? NULL : find_sight(stations, hash);
    if (address != NULL) {
        address->frames[file]++;
    }
    if (sight == NULL) {
        return;
    }
    int64_t at_ns = import_stamp_ns(header);
    if (sight->count[file] < UINT8_MAX) {
        sight->count[file]++;
    }
    if (at_ns < sight->first_ns) {
        sight->first_ns = at_ns;
        sight->first_file = (uint8_t)file;
        sight->address = (uint16_t)(address - stations->addresses);
    }
}

static int look_through(struct stations *stations, const struct import_settings *settings, size_t file,
                        struct error *error) {
    pcap_t *pcap = import_open(&settings->truths[file].file, error);
    if (pcap == NULL) {
        return -EINVAL;
    }
    if (pcap_datalink(pcap) != DLT_EN10MB) {
        pcap_close(pcap);
        return error_set(error, -EPROTONOSUPPORT,
                         "'%s' is not a capture of Ethernet frames, as truth has to be",
                         settings->truths[file].file.path);
    }
    struct pcap_pkthdr *header;
    const u_char *bytes;
    while (pcap_next_ex(pcap, &header, &bytes) == 1) {
        look_at(stations, file, header, bytes);
    }
    pcap_close(pcap);
    return 0;
}

static void count_votes(struct stations *stations) {
    for (size_t i = 0; i < SIGHT_SLOTS; i++) {
        const struct sight *sight = &stations->sights[i];
        size_t files = 0;
        bool once = true;
        for (size_t j = 0; j < stations->file_count; j++) {
            files += sight->count[j] > 0;
            once = once && sight->count[j] <= 1;
        }
        if (sight->hash != 0 && files >= 2 && once) {
            stations->addresses[sight->address].votes[sight->first_file]++;
        }
    }
}

/* An address without a vote that only one file has seen lives behind that file's tap. */
static void decide(struct stations *stations) {
    for (size_t i = 0; i < stations->address_count; i++) {
        struct address *address = &stations->addresses[i];
        uint32_t best = 0;
        size_t seen_by = 0;
        int only = -1;
        for (size_t j = 0; j < stations->file_count; j++) {
            if (address->votes[j] > best) {
                best = address->votes[j];
                address->file = (int)j;
            }
            if (address->frames[j] > 0) {
                seen_by++;
                only = (int)j;
            }
        }
        if (best == 0 && seen_by == 1 && stations->file_count > 1) {
            address->file = only;
        }
    }
}

static int use_given(struct stations *stations, const struct import_settings *settings, struct error *error) {
    for (size_t i = 0; i < settings->truth_count; i++) {
        if (settings->truths[i].has_mac) {
            struct address *address = find_address(stations, settings->truths[i].mac);
            if (address == NULL) {
                return error_set(error, -ENOSPC, "there are more than %d addresses in the truth files",
                                 ADDRESSES_MAX);
            }
            address->file = (int)i;
        }
    }
    for (size_t i = 0; i < settings->truth_count; i++) {
        uint8_t mac[6];
        if (!settings->truths[i].has_mac && !stations_main_mac(stations, i, mac)) {
            return error_set(error, -EINVAL,
                             "can't tell which station '%s' was captured at: say so with "
                             "--truth %s,mac=aa:bb:cc:dd:ee:ff",
                             settings->truths[i].file.path, settings->truths[i].file.path);
        }
    }
    return 0;
}

struct stations *stations_learn(const struct import_settings *settings, struct error *error) {
    struct stations *stations = calloc(1, sizeof *stations);
    if (stations != NULL) {
        stations->sights = calloc(SIGHT_SLOTS, sizeof *stations->sights);
        stations->file_count = settings->truth_count;
    }
    if (stations == NULL || stations->sights == NULL) {
        error_set(error, -ENOMEM, "out of memory");
        stations_free(stations);
        return NULL;
    }
    int code = 0;
    for (size_t i = 0; code == 0 && i < settings->truth_count; i++) {
        code = look_through(stations, settings, i, error);
    }
    if (code == 0) {
        count_votes(stations);
        decide(stations);
        code = use_given(stations, settings, error);
    }
    free(stations->sights);
    stations->sights = NULL;
    if (code != 0) {
        stations_free(stations);
        return NULL;
    }
    return stations;
}

void stations_free(struct stations *stations) {
    if (stations != NULL) {
        free(stations->sights);
        free(stations);
    }
}

int stations_find(const struct stations *stations, const uint8_t mac[6]) {
    for (size_t i = 0; i < stations->address_count; i++) {
        if (memcmp(stations->addresses[i].mac, mac, 6) == 0) {
            return stations->addresses[i].file;
        }
    }
    return -1;
}

bool stations_main_mac(const struct stations *stations, size_t file, uint8_t mac[6]) {
    const struct address *main = NULL;
    for (size_t i = 0; i < stations->address_count; i++) {
        const struct address *address = &stations->addresses[i];
        if (address->file == (int)file && (main == NULL || address->frames[file] > main->frames[file])) {
            main = address;
        }
    }
    if (main != NULL) {
        memcpy(mac, main->mac, 6);
    }
    return main != NULL;
}
