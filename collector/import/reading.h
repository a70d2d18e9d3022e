/* What the parts of an import share. */
#pragma once

#include <pcap/pcap.h>
#include <stdio.h>

#include "collector/collector.h"
#include "collector/import/import.h"

struct import {
    const struct import_settings *settings;
    struct import_result *result;
    struct store *store;
    struct store_appender *appender;
    struct collector *collector;
    uint64_t done_bytes, total_bytes;
};

/* The time of a frame in a file opened with nanosecond precision. */
int64_t import_stamp_ns(const struct pcap_pkthdr *header);

/* Begins to read an open capture file, with nanosecond stamps.  Returns NULL with 'error' filled. */
pcap_t *import_open(const struct import_file *file, struct error *error);

/* Counts the 'captured' bytes of a frame as read and now and then tells of it. */
void import_advance(struct import *import, const char *path, uint32_t captured);

/* Says in 'error' why reading 'path' ended, unless it was the file's end.  Returns 0 or -EIO. */
int import_ended(pcap_t *pcap, int result, const char *path, struct error *error);

/* Feeds the exports of one file to the collector.  Returns 0 or a negative errno with 'error' filled. */
int exports_read(struct import *import, const struct import_file *file, struct error *error);

/* Which station's tap a truth file was captured at. */
struct stations;

/* Learns from all truth files.  Returns NULL with 'error' filled. */
struct stations *stations_learn(const struct import_settings *settings, struct error *error);
void stations_free(struct stations *stations);

/* The index of the truth file whose station sends from 'mac', or -1. */
int stations_find(const struct stations *stations, const uint8_t mac[6]);

/* The address most of the frames of file 'file' leave with.  Returns false when it has none. */
bool stations_main_mac(const struct stations *stations, size_t file, uint8_t mac[6]);

/* Meters truth file number 'file'.  Returns 0 or a negative errno with 'error' filled. */
int truth_read(struct import *import, const struct stations *stations, size_t file, struct error *error);
