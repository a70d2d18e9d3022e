/* The topology as a drawing, against texts that were looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/drawing.h"

#define FOLDER NSMON_SOURCE_DIR "/tests/unit/drawing/"

static json_t *load(const char *name) {
    char path[512];
    snprintf(path, sizeof path, FOLDER "%s.json", name);
    json_t *status = json_load_file(path, 0, NULL);
    assert_non_null(status);
    return status;
}

static void expect(const char *name, bool utf8) {
    const struct drawing_style style = {.utf8 = utf8};
    char path[512];
    char wanted[16384] = "";
    json_t *status = load(name);
    snprintf(path, sizeof path, FOLDER "%s.%s", name, utf8 ? "utf8" : "ascii");
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_true(fread(wanted, 1, sizeof wanted - 1, file) > 0);
    fclose(file);
    char *drawing = drawing_make(status, &style);
    assert_string_equal(drawing, wanted);
    free(drawing);
    json_decref(status);
}

static void drawings_are_those_that_were_looked_at(void **state) {
    static const char *const names[] = {"two", "three", "attach"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        expect(names[i], false);
        expect(names[i], true);
    }
}

/* The longest line of 'text' in characters, escape sequences aside. */
static size_t widest(const char *text) {
    size_t width = 0;
    size_t most = 0;
    for (; *text != '\0'; text++) {
        if (*text == '\033') {
            text += strcspn(text, "m");
        } else if (*text == '\n') {
            most = width > most ? width : most;
            width = 0;
        } else {
            width += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
        }
    }
    return most;
}

static json_t *lab_of(unsigned hosts, const char *prefix) {
    char bridge[32];
    json_t *captures = json_array();
    for (unsigned host = 1; host <= hosts; host++) {
        char tap[32];
        char netns[32];
        char port[32];
        snprintf(tap, sizeof tap, "%stap%u", prefix, host);
        snprintf(netns, sizeof netns, "%sns%u", prefix, host);
        snprintf(port, sizeof port, "%sovs-tap%u", prefix, host);
        json_array_append_new(captures, json_pack("{s:s, s:s, s:s, s:s}", "interface", tap, "netns", netns,
                                                  "ipv4", "10.255.255.254", "port", port));
    }
    snprintf(bridge, sizeof bridge, "%snsmon-br0", prefix);
    return json_pack("{s:s, s:i, s:o}", "bridge", bridge, "addresses", 1000, "captures", captures);
}

static void every_host_is_drawn_in_80_columns(void **state) {
    (void)state;
    for (unsigned hosts = 1; hosts <= 8; hosts++) {
        const struct drawing_style style = {.utf8 = true, .colour = hosts % 2 == 0};
        json_t *status = lab_of(hosts, "abcde-");
        char *drawing = drawing_make(status, &style);
        assert_true(widest(drawing) <= 80);
        for (unsigned host = 1; host <= 8; host++) {
            char name[32];
            snprintf(name, sizeof name, "abcde-ovs-tap%u", host);
            assert_int_equal(strstr(drawing, name) != NULL, host <= hosts);
        }
        assert_int_equal(strchr(drawing, '\033') != NULL, style.colour);
        free(drawing);
        json_decref(status);
    }
}

static void where_nothing_is_captured_nothing_is_drawn(void **state) {
    const struct drawing_style style = {.utf8 = true};
    (void)state;
    json_t *status = json_pack("{s:s}", "kind", "collect");
    char *drawing = drawing_make(status, &style);
    assert_string_equal(drawing, "");
    free(drawing);
    json_decref(status);
}

/* A name that is too long, and fields of other types, cost no more than their place. */
static void odd_fields_do_no_harm(void **state) {
    const struct drawing_style style = {.utf8 = false};
    char name[2000];
    (void)state;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    json_t *status = json_pack("{s:s, s:[{s:s, s:i, s:s, s:s, s:{s:s, s:i}}, n], s:s}", "bridge", name,
                               "captures", "interface", name, "netns", 7, "port", name, "frames_out_per_s",
                               "x", "impairment", "loss", "x", "delay_ns", 1, "ports", "none");
    assert_non_null(status);
    char *drawing = drawing_make(status, &style);
    assert_non_null(drawing);
    free(drawing);
    json_decref(status);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawings_are_those_that_were_looked_at),
        cmocka_unit_test(every_host_is_drawn_in_80_columns),
        cmocka_unit_test(where_nothing_is_captured_nothing_is_drawn),
        cmocka_unit_test(odd_fields_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
