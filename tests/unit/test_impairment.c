/* Impairments as people write and read them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "topo/impairment.h"

static void every_word_is_read(void **state) {
    (void)state;
    struct topo_impairment got;
    struct error error;
    unsigned host = 0;
    assert_int_equal(topo_impairment_parse("to=ns2,loss=1%,loss-every=10,duplicate=2%,duplicate-every=20,"
                                           "reorder=0.5%,reorder-every=30,reorder-gap=3,delay=20ms,"
                                           "jitter=500us,rate=1.5mbit,seed=7",
                                           &host, &got, &error),
                     0);
    assert_int_equal(host, 2);
    assert_float_equal(got.loss, 0.01, 1e-12);
    assert_int_equal(got.loss_every, 10);
    assert_float_equal(got.duplicate, 0.02, 1e-12);
    assert_int_equal(got.duplicate_every, 20);
    assert_float_equal(got.reorder, 0.005, 1e-12);
    assert_int_equal(got.reorder_every, 30);
    assert_int_equal(got.reorder_gap, 3);
    assert_int_equal(got.delay_ns, 20000000);
    assert_int_equal(got.jitter_ns, 500000);
    assert_int_equal(got.rate_bps, 1500000);
    assert_int_equal(got.seed, 7);
    assert_int_equal(topo_impairment_parse("to=ns8,loss=every 10,delay=1s", &host, &got, &error), 0);
    assert_int_equal(got.loss_every, 10);
    assert_int_equal(got.delay_ns, 1000000000);
}

static void what_makes_no_sense_is_refused_in_words(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"loss=1%", "takes a host"},
        {"to=ns2", "what is done to the frames"},
        {"to=ns9,loss=1%", "ns1 to ns8"},
        {"to=ns2x,loss=1%", "ns1 to ns8"},
        {"to=ns2,loss", "no '='"},
        {"to=ns2,los=1%", "no impairment 'los'"},
        {"to=ns2,loss=101%", "loss takes a share"},
        {"to=ns2,loss=-1%", "loss takes a share"},
        {"to=ns2,loss=nan", "loss takes a share"},
        {"to=ns2,loss=0x1", "loss takes a share"},
        {"to=ns2,loss=every x", "whole number"},
        {"to=ns2,loss-every=0", "whole number"},
        {"to=ns2,loss-every=4294967296", "whole number"},
        {"to=ns2,delay=20", "with its unit"},
        {"to=ns2,delay=6s", "up to 5 s"},
        {"to=ns2,delay=4s,jitter=2s", "up to 5 s"},
        {"to=ns2,delay=1ms,jitter=2ms", "jitter is around the delay"},
        {"to=ns2,jitter=2ms", "jitter is around the delay"},
        {"to=ns2,reorder-every=1", "whole number of frames from 2"},
        {"to=ns2,reorder=100%", "leaves none to pass"},
        {"to=ns2,reorder=1%,reorder-gap=1001", "up to 1000"},
        {"to=ns2,rate=10", "10kbit to 10gbit"},
        {"to=ns2,rate=1bit", "10kbit to 10gbit"},
        {"to=ns2,rate=11gbit", "10kbit to 10gbit"},
        {"to=ns2,loss=1%,seed=x", "seed takes a whole number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct topo_impairment got;
        struct error error = {.text = ""};
        unsigned host = 0;
        assert_int_equal(topo_impairment_parse(cases[i].text, &host, &got, &error), -EINVAL);
        if (strstr(error.text, cases[i].says) == NULL) {
            fail_msg("'%s' gives: %s", cases[i].text, error.text);
        }
    }
}

static void an_impairment_is_said_in_words(void **state) {
    (void)state;
    char text[TOPO_IMPAIRMENT_TEXT_SIZE];
    struct topo_impairment all = {.loss = 0.01,
                                  .loss_every = 10,
                                  .duplicate_every = 2,
                                  .reorder = 0.001,
                                  .reorder_gap = 3,
                                  .delay_ns = 20000000,
                                  .jitter_ns = 2000000,
                                  .rate_bps = 10000000};
    assert_string_equal(topo_impairment_describe(&all, text),
                        "loss every 10th and 1 %, duplicate every 2nd, reorder 0.1 % past 3, "
                        "delay 20 ms \302\261 2 ms, rate 10 Mbit/s");
    assert_true(topo_impairment_any(&all));
    struct topo_impairment none = {.reorder_gap = 3, .seed = 1};
    assert_string_equal(topo_impairment_describe(&none, text), "");
    assert_false(topo_impairment_any(&none));
    static const struct {
        uint32_t every;
        const char *text;
    } ordinals[] = {{1, "every"},       {3, "every 3rd"},     {11, "every 11th"},
                    {21, "every 21st"}, {112, "every 112th"}, {4294967295, "every 4294967295th"}};
    for (size_t i = 0; i < sizeof ordinals / sizeof *ordinals; i++) {
        char share[48];
        assert_string_equal(topo_impairment_share(ordinals[i].every, 0.0, share), ordinals[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_is_read),
        cmocka_unit_test(what_makes_no_sense_is_refused_in_words),
        cmocka_unit_test(an_impairment_is_said_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
