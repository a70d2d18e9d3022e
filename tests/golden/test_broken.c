/* Datagrams of every real exporter, broken in many ways: cut at every length, with counts and lengths that
 * lie, padded, zero-filled, with flipped bytes.  Whatever comes of them comes of what is whole: no row that
 * the sound datagram does not give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/collector.h"
#include "fake_store.h"
#include "pcap_file.h"

#define DATAGRAMS_MAX 40 /* of one capture that are broken */
#define FLIPS         200
#define PADDING_MAX   64
#define ROWS_MAX      512

/* What must be the same in a row of a broken datagram and of the sound one. */
struct essence {
    enum row_kind kind;
    struct flow_key key;
    int64_t numbers[6];
};

static struct collector *collector;
static struct essence sound[ROWS_MAX];
static size_t sound_count;
static bool sound_is_broken; /* some captures are */
static size_t broken_count, broken_rows, broken_seen;

static bool essence_of(const struct row *row, struct essence *essence) {
    memset(essence, 0, sizeof *essence);
    essence->kind = row->kind;
    switch (row->kind) {
    case ROW_FLOW_RECORD: {
        const struct flow_record_row *flow = &row->flow_record;
        const int64_t numbers[] = {flow->packets, flow->bytes, flow->start_ns,
                                   flow->end_ns,  flow->input, flow->output};
        essence->key = flow->key;
        memcpy(essence->numbers, numbers, sizeof numbers);
        return true;
    }
    case ROW_SFLOW_SAMPLE: {
        const struct sflow_sample_row *sample = &row->sflow_sample;
        const int64_t numbers[] = {sample->sequence,     sample->sampling_rate, sample->frame_bytes,
                                   sample->header_bytes, sample->input,         sample->output};
        essence->key = sample->key;
        memcpy(essence->numbers, numbers, sizeof numbers);
        return true;
    }
    case ROW_COUNTER_SAMPLE: {
        const struct counter_sample_row *counters = &row->counter_sample;
        const int64_t numbers[] = {counters->sequence,   counters->ifindex,    counters->in_octets,
                                   counters->in_unicast, counters->out_octets, counters->out_unicast};
        memcpy(essence->numbers, numbers, sizeof numbers);
        return true;
    }
    default:
        return false;
    }
}

/* Gives the 'size' bytes to the collector, in memory of just that size, so that a sanitizer sees every read
 * beyond. */
static void give(const struct datagram *datagram, const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    struct datagram given = *datagram;
    given.bytes = copy;
    given.size = size;
    fake_store_reset();
    collector_datagram(collector, &given);
    free(copy);
}

static bool is_sound(const struct essence *essence) {
    for (size_t i = 0; i < sound_count; i++) {
        if (memcmp(&sound[i], essence, sizeof *essence) == 0) {
            return true;
        }
    }
    return false;
}

/* The rows are among those of the sound datagram, and no more than these. */
static void check_rows(const char *how, size_t at) {
    const struct fake_rows *rows = fake_store_rows();
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        struct essence essence;
        if (!essence_of(&rows->rows[i], &essence)) {
            continue;
        }
        count++;
        if (!is_sound(&essence)) {
            char text[FLOW_KEY_TEXT_SIZE];
            fail_msg("%s at %zu: a row of kind %d, %s, %ld, %ld that the sound datagram does not give", how,
                     at, (int)essence.kind, flow_key_format(&essence.key, text), (long)essence.numbers[0],
                     (long)essence.numbers[1]);
        }
    }
    assert_true(count <= sound_count);
    broken_count++;
    broken_rows += count;
}

static uint64_t not_sound(void) {
    struct collector_totals totals = collector_totals(collector);
    return totals.outcomes[OUTCOME_MALFORMED] + totals.outcomes[OUTCOME_UNRECOGNISED];
}

static void add_sound(void) {
    const struct fake_rows *rows = fake_store_rows();
    for (size_t i = 0; i < rows->count && sound_count < ROWS_MAX; i++) {
        sound_count += essence_of(&rows->rows[i], &sound[sound_count]);
    }
}

/* Twice, since times can depend on options that the datagram itself has; from another port it is no
 * duplicate. */
static void learn(const struct datagram *datagram) {
    struct datagram other = *datagram;
    other.src_port++;
    uint64_t before = not_sound();
    sound_count = 0;
    give(datagram, datagram->bytes, datagram->size);
    sound_is_broken = not_sound() > before;
    add_sound();
    give(&other, datagram->bytes, datagram->size);
    add_sound();
}

/* A cut between two messages of IPFIX in a datagram, or behind a zero that may be padding, leaves whole ones.
 */
static bool leaves_whole(const struct datagram *datagram, size_t size) {
    const uint8_t *bytes = datagram->bytes;
    size_t at = 0;
    if (bytes[1] == 5 && bytes[0] == 0) {
        return size >= 24 + 48 * (size_t)(bytes[2] << 8 | bytes[3]);
    }
    while (bytes[1] == 10 && at + 4 <= size) {
        size_t length = (size_t)(bytes[at + 2] << 8 | bytes[at + 3]);
        if (length < 16 || at + length > size) {
            return false;
        }
        at += length;
    }
    return at != 0 && (at == size || (at + 1 == size && bytes[at] == 0));
}

static void cut(const struct datagram *datagram) {
    bool says_length = datagram->bytes[1] != 9; /* NetFlow v9 has no length that a cut could contradict */
    for (size_t size = 0; size < datagram->size; size++) {
        uint64_t before = not_sound();
        give(datagram, datagram->bytes, size);
        check_rows("cut", size);
        broken_seen += not_sound() - before;
        assert_true(!says_length || sound_is_broken || sound_count == 0 || not_sound() > before ||
                    leaves_whole(datagram, size));
    }
}

static void pad(const struct datagram *datagram, uint8_t byte) {
    uint8_t *longer = malloc(datagram->size + PADDING_MAX);
    assert_non_null(longer);
    memcpy(longer, datagram->bytes, datagram->size);
    memset(longer + datagram->size, byte, PADDING_MAX);
    for (size_t more = 1; more <= PADDING_MAX; more++) {
        give(datagram, longer, datagram->size + more);
        check_rows("padded", more);
    }
    free(longer);
}

/* The header's count or length, wherever it stands, says more than there is. */
static void lie(const struct datagram *datagram) {
    uint8_t *bytes = malloc(datagram->size);
    assert_non_null(bytes);
    memcpy(bytes, datagram->bytes, datagram->size);
    bool sflow = bytes[1] == 0;
    size_t at = sflow ? (bytes[7] == 2 ? 36 : 24) : 2;
    size_t size = sflow ? 4 : 2;
    if (at + size <= datagram->size) {
        uint64_t before = not_sound();
        memset(bytes + at, 0xff, size);
        give(datagram, bytes, datagram->size);
        check_rows("lying", 0);
        assert_true(bytes[1] == 9 || sound_count == 0 || not_sound() > before);
    }
    free(bytes);
}

/* All but the header is zero: no row at all. */
static void fill_with_zero(const struct datagram *datagram) {
    size_t header = datagram->bytes[1] == 0   ? (datagram->bytes[7] == 2 ? 40 : 28)
                    : datagram->bytes[1] == 9 ? 20
                                              : 16;
    uint8_t *bytes = calloc(1, datagram->size);
    assert_non_null(bytes);
    memcpy(bytes, datagram->bytes, header < datagram->size ? header : datagram->size);
    give(datagram, bytes, datagram->size);
    assert_int_equal(fake_store_count(ROW_FLOW_RECORD) + fake_store_count(ROW_SFLOW_SAMPLE) +
                         fake_store_count(ROW_COUNTER_SAMPLE),
                     0);
    free(bytes);
}

/* Keys stay keys: an address is of its family, a frame that is not IP has none. */
static void check_keys(void) {
    static const uint8_t none[16];
    const struct fake_rows *rows = fake_store_rows();
    for (size_t i = 0; i < rows->count; i++) {
        struct essence essence;
        if (!essence_of(&rows->rows[i], &essence) || essence.kind == ROW_COUNTER_SAMPLE) {
            continue;
        }
        const struct flow_key *key = &essence.key;
        size_t size = key->family == 4 ? 4 : key->family == 6 ? 16 : 0;
        assert_true(key->family == 0 || size != 0);
        assert_memory_equal(key->src + size, none, 16 - size);
        assert_memory_equal(key->dst + size, none, 16 - size);
    }
    broken_count++;
    broken_rows += rows->count;
}

static void flip(const struct datagram *datagram) {
    uint8_t *bytes = malloc(datagram->size);
    uint32_t random = (uint32_t)datagram->size;
    assert_non_null(bytes);
    for (size_t i = 0; i < FLIPS; i++) {
        memcpy(bytes, datagram->bytes, datagram->size);
        for (size_t j = 0; j <= i % 4; j++) {
            random = random * 1664525 + 1013904223;
            bytes[(random >> 8) % datagram->size] = (uint8_t)(random >> 24);
        }
        give(datagram, bytes, datagram->size);
        check_keys();
    }
    free(bytes);
}

/* The sound datagram last: it sets right what the broken ones did to the templates. */
static void break_datagram(const struct datagram *datagram, void *context) {
    size_t *count = context;
    if (datagram->size < 28 || ++*count > DATAGRAMS_MAX) {
        return;
    }
    learn(datagram);
    cut(datagram);
    if (!sound_is_broken) { /* else its count may cover what is put behind it */
        pad(datagram, 0);
        pad(datagram, 0xff);
        lie(datagram);
    }
    fill_with_zero(datagram);
}

static void flip_datagram(const struct datagram *datagram, void *context) {
    size_t *count = context;
    if (datagram->size >= 28 && ++*count <= DATAGRAMS_MAX) {
        give(datagram, datagram->bytes, datagram->size);
        flip(datagram);
    }
}

static void each_capture(void (*each)(const struct datagram *, void *)) {
    glob_t found;
    assert_int_equal(glob(CORPORA "/exports/*.pcap", 0, NULL, &found), 0);
    broken_count = broken_rows = broken_seen = 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct collector_settings settings = {.max_held_bytes = 1};
        size_t count = 0;
        collector = collector_create(&settings, NULL);
        assert_non_null(collector);
        assert_true(pcap_each_datagram(found.gl_pathv[i], each, &count) >= 0);
        collector_destroy(collector);
    }
    print_message("%zu captures, %zu broken datagrams, %zu rows out of them, %zu cuts seen as such\n",
                  found.gl_pathc, broken_count, broken_rows, broken_seen);
    globfree(&found);
    fake_store_reset();
}

static void broken_datagram_gives_no_row_that_the_sound_one_does_not(void **state) {
    (void)state;
    each_capture(break_datagram);
}

static void flipped_bytes_leave_every_key_in_shape(void **state) {
    (void)state;
    each_capture(flip_datagram);
}

int main(void) {
    if (access(CORPORA "/exports", R_OK) != 0) {
        print_message("The corpora are not at " CORPORA ": 93 cases skipped\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_datagram_gives_no_row_that_the_sound_one_does_not),
        cmocka_unit_test(flipped_bytes_leave_every_key_in_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
