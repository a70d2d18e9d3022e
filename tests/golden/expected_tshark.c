/* tshark -V of NetFlow and IPFIX. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "expected.h"

#define LINE_SIZE 512

/* Where in the text we are. */
struct reading {
    struct expected_list *list;
    struct expected *record; /* NULL: in none */
    bool has_uptime;
    int64_t uptime_ms, export_ns; /* of the datagram */
    int64_t header_rate, options_rate;
    int64_t interval, space; /* of a selector */
    bool switched;           /* times are since the exporter came up */
};

static bool is_record_line(const char *line) {
    unsigned int number;
    char rest[8];
    const char *text = line + strspn(line, " ");
    return text != line && (sscanf(text, "pdu %u/%7s", &number, rest) == 2 ||
                            (sscanf(text, "Flow %u", &number) == 1 && strchr(text, ':') == NULL));
}

/* "Nov  6, 2015 22:04:49.123456789 UTC", in nanoseconds since the epoch. */
static bool read_date(const char *text, int64_t *ns) {
    struct tm date = {0};
    const char *fraction = strptime(text, "%b %d, %Y %H:%M:%S", &date);
    if (fraction == NULL) {
        return false;
    }
    *ns = timegm(&date) * NS_PER_S + (*fraction == '.' ? strtoll(fraction + 1, NULL, 10) : 0);
    return true;
}

/* "1.216000000 seconds", in milliseconds. */
static int64_t read_seconds_ms(const char *text) {
    char *fraction;
    int64_t seconds = strtoll(text, &fraction, 10);
    return seconds * 1000 + (*fraction == '.' ? strtoll(fraction + 1, NULL, 10) / 1000000 : 0);
}

static const char *text_after(const char *line, const char *key) {
    line += strspn(line, " ");
    size_t length = strlen(key);
    return strncmp(line, key, length) == 0 ? line + length + strspn(line + length, " ") : NULL;
}

/* A time of day stands for itself; 1970 is none, or, of a time since the exporter came up, that very moment.
 * A time since the exporter came up is a signed distance of 32 bits from the datagram's own: it may wrap. */
static void read_time(const struct reading *reading, const char *line, const char *key, int64_t *ns) {
    const char *text = text_after(line, key);
    int64_t date_ns;
    if (text == NULL || *ns != EXPECTED_NONE) {
        return;
    }
    bool is_date = read_date(text, &date_ns);
    bool at_start = is_date && date_ns == 0 && reading->switched && reading->has_uptime;
    if (is_date && !at_start) {
        *ns = date_ns == 0 ? EXPECTED_NONE : date_ns;
    } else if (reading->has_uptime) {
        int64_t said_ms = at_start ? 0 : read_seconds_ms(text);
        int32_t ago_ms = (int32_t)(uint32_t)(reading->uptime_ms - said_ms);
        *ns = reading->export_ns - ago_ms * NS_PER_MS;
    }
}

/* "TCP (6)" */
static void read_in_brackets(const char *line, const char *key, int64_t *number) {
    const char *text = text_after(line, key);
    const char *bracket = text == NULL ? NULL : strrchr(text, '(');
    if (bracket != NULL && *number == EXPECTED_NONE) {
        *number = atoll(bracket + 1);
    }
}

static void read_record_line(struct reading *reading, const char *line) {
    struct expected *record = reading->record;
    int64_t rate = EXPECTED_NONE;
    if (record->src[0] == '\0') {
        expected_word(line, "SrcAddr:", record->src);
    }
    if (record->dst[0] == '\0') {
        expected_word(line, "DstAddr:", record->dst);
    }
    expected_number(line, "SrcPort:", &record->sport);
    expected_number(line, "DstPort:", &record->dport);
    expected_number(line, "Packets:", &record->packets);
    expected_number(line, "Octets:", &record->bytes);
    expected_number(line, "InputInt:", &record->input);
    expected_number(line, "OutputInt:", &record->output);
    read_in_brackets(line, "Protocol:", &record->protocol);
    read_in_brackets(line, "Direction:", &record->direction);
    if (text_after(line, "[Duration:") != NULL) {
        reading->switched = strstr(line, "(switched)") != NULL;
    }
    read_time(reading, line, "StartTime:", &record->start_ns);
    read_time(reading, line, "EndTime:", &record->end_ns);
    expected_number(line, "Sampling interval:", &rate);
    record->rate = rate != EXPECTED_NONE && rate != 0 ? rate : record->rate;
    expected_number(line, "Sampling Packet Interval:", &reading->interval);
    expected_number(line, "Sampling Packet Space:", &reading->space);
}

/* A record without addresses and counts is an options record: it is no flow, but may say a rate for those
 * behind it. */
static void end_record(struct reading *reading) {
    struct expected *record = reading->record;
    reading->record = NULL;
    if (record == NULL || record->src[0] != '\0' || record->packets != EXPECTED_NONE ||
        record->bytes != EXPECTED_NONE) {
        return;
    }
    if (reading->interval != EXPECTED_NONE && reading->space != EXPECTED_NONE) {
        record->rate = (reading->interval + reading->space) / reading->interval;
    }
    reading->options_rate = record->rate != 0 ? record->rate : reading->options_rate;
    reading->list->count--;
}

static void begin_record(struct reading *reading) {
    end_record(reading);
    reading->record = expected_new(reading->list);
    reading->record->rate = reading->header_rate != 0 ? reading->header_rate : reading->options_rate;
    reading->interval = reading->space = EXPECTED_NONE;
}

static void read_header_line(struct reading *reading, const char *line) {
    const char *text;
    if ((text = text_after(line, "SysUptime:")) != NULL) {
        reading->has_uptime = true;
        reading->uptime_ms = read_seconds_ms(text);
    } else if ((text = text_after(line, "Timestamp:")) != NULL) {
        read_date(text, &reading->export_ns);
    } else if ((text = strstr(line, "= SampleRate:")) != NULL) {
        reading->header_rate = atoll(text + strlen("= SampleRate:"));
    }
}

void expected_read_tshark(const char *path, struct expected_list *list) {
    char line[LINE_SIZE];
    struct reading reading = {.list = list};
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        abort();
    }
    list->count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (is_record_line(line)) {
            begin_record(&reading);
        } else if (line[0] != ' ' && line[0] != '\n') { /* the next datagram */
            end_record(&reading);
            reading.has_uptime = false;
            reading.header_rate = 0;
        } else if (strstr(line, "Set ") != NULL && strstr(line, "[id=") != NULL) {
            end_record(&reading);
        } else if (reading.record != NULL) {
            read_record_line(&reading, line);
        } else {
            read_header_line(&reading, line);
        }
    }
    end_record(&reading);
    fclose(file);
}
