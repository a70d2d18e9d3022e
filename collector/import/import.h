/* Exports and truth out of capture files, as if they had just happened. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/collector.h"
#include "collector/store/store.h"
#include "common/error.h"

enum {
    IMPORT_FILES_MAX = 16, /* of truth */
    IMPORT_EXPORTS_MAX = 512,
};

/* A capture file, opened before root is dropped. */
struct import_file {
    const char *path; /* "-" is standard input */
    int fd;           /* import_open_files() opens it */
};

/* A capture of what a tap saw. */
struct import_truth {
    struct import_file file;
    bool has_mac; /* 'mac' is the station's address: frames from it are on their way out */
    uint8_t mac[6];
};

/* Told now and then how far the reading is: 'done' of 'total' bytes of all files. */
typedef void import_progress_fn(const char *path, uint64_t done, uint64_t total, void *context);

struct import_settings {
    const char *database;
    const char *label;    /* of the session, or NULL */
    const char *settings; /* JSON of the session */
    struct import_file exports[IMPORT_EXPORTS_MAX];
    size_t export_count;
    struct import_truth truths[IMPORT_FILES_MAX];
    size_t truth_count;
    int64_t sampling_rate; /* of exporters that say none; 0: not known */
    const char *dialect;   /* NULL: recognised */
    bool keep_unknown;     /* elements without a column go to 'extra' */
    import_progress_fn *progress;
    void *context;
};

struct import_result {
    int64_t session_id;
    uint64_t frames;        /* of the truth files */
    uint64_t datagrams;     /* exports, recognised */
    uint64_t unrecognised;  /* UDP datagrams that are no export */
    uint64_t export_frames; /* of the export files */
    uint64_t others;      /* of these, those that carry no UDP datagram, or a fragment but the last of one */
    uint64_t fragments;   /* IP fragments among them ... */
    uint64_t reassembled; /* ... of which so many datagrams became whole */
    uint64_t records;     /* flow records and samples */
    uint64_t outcomes[OUTCOME_COUNT];
    uint64_t held;       /* data sets decoded when their template came */
    uint64_t malformed;  /* datagrams that were not whole */
    size_t broken_files; /* read as far as they go */
    struct error broken; /* what is wrong with the first of them */
};

/* Opens all files of 'settings'.  Returns 0, or a negative errno with 'error' filled: -ENOENT for a file that
 * is not there, -EINVAL for one that is no capture file. */
int import_open_files(struct import_settings *settings, struct error *error);

/* Reads all files, which are open, into a new session.  Files may be pcap or pcapng.  A broken file is read
 * as far as it goes, and then counts as an error.  Returns 0, or a negative errno with 'error' filled:
 * -EINVAL when it can't be told which station a truth file is of, -EIO when the database can't be written. */
int import_files(const struct import_settings *settings, struct import_result *result, struct error *error);
