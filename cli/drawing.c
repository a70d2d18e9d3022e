#include "cli/drawing.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMNS = 80,
    BRIDGE_MIN = 12, /* columns within its box */
    SIDE_MIN = 30,
    CELL = 11, /* "9.87 Mbit/s" */
    LINE_SIZE = 384,
    LINES_MAX = 16, /* of a side */
    LINKS_MAX = 32,
};

/* The characters that lines are made of. */
struct strokes {
    const char *cable, *shaft, *right, *left; /* shaft and heads of arrows */
    const char *across, *down, *top_left, *top_right, *bottom_left, *bottom_right, *into_left, *into_right;
};

static const struct strokes unicode = {"═", "─", "▶", "◀", "─", "│", "┌", "┐", "└", "┘", "┤", "├"};
static const struct strokes ascii = {"=", "-", ">", "<", "-", "|", "+", "+", "+", "+", "+", "+"};

enum paint { PLAIN, BOLD, WARN };

struct line {
    char text[LINE_SIZE];
    enum paint paint;
};

/* What a link's lines say, from the bridge's side of the drawing outward or inward; all of one width. */
struct side {
    struct line lines[LINES_MAX];
    size_t count;
};

/* A link: a capture and the port behind it; either may be missing. */
struct link {
    const json_t *capture, *port;
};

struct drawing {
    FILE *out;
    const struct drawing_style *style;
    const struct strokes *strokes;
    struct link links[LINKS_MAX];
    size_t link_count;
    size_t side_width, bridge_width;
    int64_t addresses; /* of each station */
};

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* Columns that the UTF-8 'text' takes: its characters, all of which are one wide. */
static size_t width_of(const char *text) {
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return width;
}

/* Puts 'text' behind 'line', as far as there is room. */
static void append(char line[LINE_SIZE], const char *text) {
    size_t used = strlen(line);
    snprintf(line + used, LINE_SIZE - used, "%s", text);
}

static void append_many(char line[LINE_SIZE], const char *text, size_t count) {
    for (size_t i = 0; i < count; i++) {
        append(line, text);
    }
}

/* Puts 'text' behind 'line' in 'width' columns. */
static void append_padded(char line[LINE_SIZE], const char *text, size_t width, bool to_right) {
    size_t wide = width_of(text);
    size_t blanks = wide < width ? width - wide : 0;
    append_many(line, " ", to_right ? blanks : 0);
    append(line, text);
    append_many(line, " ", to_right ? 0 : blanks);
}

static struct line *new_line(struct side *side, enum paint paint) {
    struct line *line = &side->lines[side->count < LINES_MAX ? side->count++ : LINES_MAX - 1];
    line->text[0] = '\0';
    line->paint = paint;
    return line;
}

/* --- numbers --- */

/* Writes 'value' with three digits and a prefix: "9.87 M". */
static void format_si(double value, char text[24]) {
    static const char *const prefixes[] = {"", "k", "M", "G", "T"};
    size_t prefix = 0;
    while (value >= 999.5 && prefix + 1 < sizeof prefixes / sizeof *prefixes) {
        value /= 1000;
        prefix++;
    }
    int digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    if (prefix == 0) {
        digits = value >= 9.95 || value < 0.05 ? 0 : 1;
    }
    snprintf(text, 24, "%.*f %s", digits, value, prefixes[prefix]);
}

/* The rate 'key' of 'object', "?" when it is not known. */
static void format_rate(const json_t *object, const char *key, const char *unit, char text[32]) {
    char number[24];
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) {
        snprintf(text, 32, "? %s", unit);
        return;
    }
    format_si(json_number_value(value), number);
    snprintf(text, 32, "%s%s", number, unit);
}

/* --- what is done on purpose --- */

/* Adds "NAME SHARE %" and "NAME 1 in N" as far as they are there. */
static void add_chance(char *text, size_t size, const json_t *impairment, const char *name,
                       const char *every) {
    const json_t *share = json_object_get(impairment, name);
    const json_t *count = json_object_get(impairment, every);
    size_t used = strlen(text);
    if (json_is_number(share)) {
        snprintf(text + used, size - used, "%s%s %.3g %%", used > 0 ? ", " : "", name,
                 100.0 * json_number_value(share));
    }
    used = strlen(text);
    if (json_is_integer(count)) {
        snprintf(text + used, size - used, "%s%s 1 in %lld", used > 0 ? ", " : "", name,
                 (long long)json_integer_value(count));
    }
}

static void describe(const json_t *impairment, char *text, size_t size) {
    char number[24];
    text[0] = '\0';
    add_chance(text, size, impairment, "loss", "loss_every");
    add_chance(text, size, impairment, "duplicate", "duplicate_every");
    add_chance(text, size, impairment, "reorder", "reorder_every");
    double delay_ms = (double)json_integer_value(json_object_get(impairment, "delay_ns")) / 1e6;
    double jitter_ms = (double)json_integer_value(json_object_get(impairment, "jitter_ns")) / 1e6;
    int64_t rate = json_integer_value(json_object_get(impairment, "rate_bps"));
    size_t used = strlen(text);
    if (delay_ms > 0) {
        snprintf(text + used, size - used, "%sdelay %.4g ms", used > 0 ? ", " : "", delay_ms);
    }
    used = strlen(text);
    if (jitter_ms > 0) {
        snprintf(text + used, size - used, "%sjitter %.4g ms", used > 0 ? ", " : "", jitter_ms);
    }
    used = strlen(text);
    if (rate > 0) {
        format_si((double)rate, number);
        snprintf(text + used, size - used, "%srate %sbit/s", used > 0 ? ", " : "", number);
    }
}

/* How much of 'text' makes a line of up to 'width' columns: up to a comma, so that numbers stay with their
 * units, else up to a blank, else what there is room for. */
static size_t line_length(const char *text, size_t width) {
    size_t blank = 0;
    size_t comma = 0;
    if (strlen(text) <= width) {
        return strlen(text);
    }
    for (size_t i = 1; i <= width; i++) {
        blank = text[i] == ' ' ? i : blank;
        comma = text[i] == ' ' && text[i - 1] == ',' ? i : comma;
    }
    return comma > 0 ? comma : blank > 0 ? blank : width;
}

/* Adds 'text' in lines of 'width' columns. */
static void add_broken(struct side *side, const char *text, size_t width, bool to_right) {
    while (*text != '\0') {
        size_t length = line_length(text, width);
        char piece[LINE_SIZE];
        snprintf(piece, sizeof piece, "%.*s", (int)length, text);
        append_padded(new_line(side, WARN)->text, piece, width, to_right);
        text += length;
        text += strspn(text, " ");
    }
}

/* --- a side --- */

/* A station's name and address, and how many more it has; of the switch's own port only what is known. */
static void add_head(const struct drawing *drawing, struct side *side, const struct link *link, bool right) {
    const char *netns = text_of(link->capture, "netns");
    char ipv4[64];
    char text[LINE_SIZE];
    snprintf(ipv4, sizeof ipv4, "%.40s", text_of(link->capture, "ipv4"));
    if (drawing->addresses > 1 && ipv4[0] != '\0') {
        size_t used = strlen(ipv4);
        snprintf(ipv4 + used, sizeof ipv4 - used, " +%lld", (long long)drawing->addresses - 1);
    }
    snprintf(text, sizeof text, "%s%s%s", right ? ipv4 : netns,
             netns[0] != '\0' && ipv4[0] != '\0' ? "  " : "", right ? netns : ipv4);
    append_padded(new_line(side, BOLD)->text, text, drawing->side_width, right);
}

/* The cable with the names of its ends; 'outer' is the station's, "" for none. */
static void add_cable(const struct drawing *drawing, struct side *side, const char *outer, const char *inner,
                      bool right) {
    const char *first = right ? inner : outer;
    const char *second = right ? outer : inner;
    size_t names =
        width_of(outer) + width_of(inner) + (outer[0] != '\0' ? 1 : 0) + (inner[0] != '\0' ? 1 : 0) + 2;
    size_t cable = drawing->side_width > names ? drawing->side_width - names : 1;
    char *text = new_line(side, PLAIN)->text;
    append(text, right ? drawing->strokes->across : "");
    append(text, right ? " " : "");
    append(text, first);
    append(text, first[0] != '\0' ? " " : "");
    append_many(text, drawing->strokes->cable, cable);
    append(text, second[0] != '\0' ? " " : "");
    append(text, second);
    append(text, right ? "" : " ");
    append(text, right ? "" : drawing->strokes->across);
}

/* 'outer' and 'inner' at the two ends of a line, with an arrow between them or blanks. */
static void add_cells(const struct drawing *drawing, struct side *side, const char *outer, const char *inner,
                      bool right, const char *head) {
    size_t shaft = drawing->side_width - (size_t)2 * CELL - 4;
    const char *stroke = head == NULL ? " " : drawing->strokes->shaft;
    bool to_left = head == drawing->strokes->left;
    char *text = new_line(side, PLAIN)->text;
    append(text, right ? "  " : "");
    append_padded(text, right ? inner : outer, CELL, false);
    append(text, " ");
    append(text, to_left ? head : stroke);
    append_many(text, stroke, shaft - 2);
    append(text, head == NULL || to_left ? stroke : head);
    append(text, " ");
    append_padded(text, right ? outer : inner, CELL, true);
    append(text, right ? "" : "  ");
}

/* Which rates belong to the frames that go one way. */
static const struct way {
    bool to_switch;
    const char *capture_frames, *capture_bits, *port_frames, *port_bits;
} ways[] = {
    {true, "frames_out_per_s", "bits_out_per_s", "rx_packets_per_s", "rx_bits_per_s"},
    {false, "frames_in_per_s", "bits_in_per_s", "tx_packets_per_s", "tx_bits_per_s"},
};

static void add_rates(const struct drawing *drawing, struct side *side, const struct link *link, bool at_port,
                      bool right, const struct way *way) {
    char outer[2][32] = {"", ""};
    char inner[2][32] = {"", ""};
    if (link->capture != NULL && !at_port) {
        format_rate(link->capture, way->capture_frames, "f/s", outer[0]);
        format_rate(link->capture, way->capture_bits, "bit/s", outer[1]);
    }
    if (at_port) {
        format_rate(link->capture, way->capture_frames, "f/s", inner[0]);
        format_rate(link->capture, way->capture_bits, "bit/s", inner[1]);
    } else {
        format_rate(link->port, way->port_frames, "f/s", inner[0]);
        format_rate(link->port, way->port_bits, "bit/s", inner[1]);
    }
    bool to_left = way->to_switch == right;
    add_cells(drawing, side, outer[0], inner[0], right,
              to_left ? drawing->strokes->left : drawing->strokes->right);
    add_cells(drawing, side, outer[1], inner[1], right, NULL);
}

/* Draws 'link' as the lines of 'side', on the right of the bridge or on its left.  What goes to the right
 * stands above what goes to the left, so that the arrows of both sides follow on each other. */
static void draw_side(const struct drawing *drawing, const struct link *link, bool right, struct side *side) {
    const char *interface = text_of(link->capture, "interface");
    const char *port = link->port != NULL ? text_of(link->port, "name") : text_of(link->capture, "port");
    bool at_port = link->capture != NULL && strcmp(interface, port) == 0;
    char impairment[LINE_SIZE];
    side->count = 0;
    add_head(drawing, side, link, right);
    add_cable(drawing, side, at_port ? "" : interface, port[0] != '\0' ? port : "?", right);
    add_rates(drawing, side, link, at_port, right, right ? &ways[1] : &ways[0]);
    add_rates(drawing, side, link, at_port, right, right ? &ways[0] : &ways[1]);
    describe(json_object_get(link->capture, "impairment"), impairment, sizeof impairment);
    if (impairment[0] != '\0') {
        char text[LINE_SIZE];
        const char *netns = text_of(link->capture, "netns");
        bool gone = json_is_true(json_object_get(link->capture, "relay_gone"));
        snprintf(text, sizeof text, "to %.64s: %s%.300s", netns[0] != '\0' ? netns : interface,
                 gone ? "relay gone, no frame passes; was: " : "", impairment);
        add_broken(side, text, drawing->side_width - 2, right);
        for (size_t i = 6; i < side->count; i++) { /* two columns stay free at the bridge */
            char kept[LINE_SIZE];
            snprintf(kept, sizeof kept, "%s%s%s", right ? "  " : "", side->lines[i].text, right ? "" : "  ");
            memcpy(side->lines[i].text, kept, sizeof kept);
        }
    }
}

/* --- the whole --- */

static void put(const struct drawing *drawing, const char *text, enum paint paint) {
    static const char *const codes[] = {"", "\033[1m", "\033[33m"};
    bool painted = drawing->style->colour && paint != PLAIN;
    fprintf(drawing->out, "%s%s%s", painted ? codes[paint] : "", text, painted ? "\033[0m" : "");
}

/* Line 'i' of 'side' (NULL for none). */
static void put_side(const struct drawing *drawing, const struct side *side, size_t i) {
    if (side != NULL && i < side->count) {
        put(drawing, side->lines[i].text, side->lines[i].paint);
    } else {
        fprintf(drawing->out, "%*s", (int)drawing->side_width, "");
    }
}

/* The text in the middle of the bridge's box. */
static void put_bridge(const struct drawing *drawing, const char *text, bool bold) {
    size_t wide = width_of(text);
    size_t before = wide < drawing->bridge_width ? (drawing->bridge_width - wide) / 2 : 0;
    fprintf(drawing->out, "%*s", (int)before, "");
    put(drawing, text, bold ? BOLD : PLAIN);
    fprintf(drawing->out, "%*s",
            (int)(wide + before < drawing->bridge_width ? drawing->bridge_width - wide - before : 0), "");
}

static void put_border(const struct drawing *drawing, const char *left, const char *right) {
    char line[LINE_SIZE] = "";
    append(line, left);
    append_many(line, drawing->strokes->across, drawing->bridge_width);
    append(line, right);
    put(drawing, line, PLAIN);
}

static void describe_rules(const json_t *status, char text[2][32]) {
    static const char *const keys[] = {"rules", "meters"};
    for (size_t i = 0; i < 2; i++) {
        long long count = (long long)json_integer_value(json_object_get(status, keys[i]));
        text[i][0] = '\0';
        if (count > 0) {
            snprintf(text[i], 32, "%lld %.*s", count, (int)strlen(keys[i]) - (count == 1 ? 1 : 0), keys[i]);
        }
    }
}

/* Draws the links 'first' and the next one, if there is one; the first two hold the bridge's top and name. */
static void put_pair(const struct drawing *drawing, size_t first, const json_t *status) {
    struct side left;
    struct side right = {.count = 0};
    bool both = first + 1 < drawing->link_count;
    char rules[2][32];
    describe_rules(status, rules);
    draw_side(drawing, &drawing->links[first], false, &left);
    if (both) {
        draw_side(drawing, &drawing->links[first + 1], true, &right);
    }
    size_t count = left.count > right.count ? left.count : right.count;
    for (size_t i = 0; i < count; i++) {
        const struct strokes *s = drawing->strokes;
        put_side(drawing, &left, i);
        if (first == 0 && i == 0) {
            put_border(drawing, s->top_left, s->top_right);
        } else {
            const char *inside = first > 0 ? ""
                                 : i == 1  ? text_of(status, "bridge")
                                 : i == 3  ? rules[0]
                                 : i == 4  ? rules[1]
                                           : "";
            put(drawing, i == 1 ? s->into_left : s->down, PLAIN);
            put_bridge(drawing, inside, i == 1);
            put(drawing, i == 1 && both ? s->into_right : s->down, PLAIN);
        }
        if (both) {
            put_side(drawing, &right, i);
        }
        fputc('\n', drawing->out);
    }
}

static void find_links(struct drawing *drawing, const json_t *status) {
    const json_t *captures = json_object_get(status, "captures");
    const json_t *ports = json_object_get(status, "ports");
    for (size_t i = 0; i < json_array_size(captures) && drawing->link_count < LINKS_MAX; i++) {
        struct link *link = &drawing->links[drawing->link_count++];
        *link = (struct link){.capture = json_array_get(captures, i)};
        const char *name = text_of(link->capture, "port");
        for (size_t j = 0; name[0] != '\0' && j < json_array_size(ports); j++) {
            const json_t *port = json_array_get(ports, j);
            if (strcmp(text_of(port, "name"), name) == 0) {
                link->port = port;
            }
        }
    }
}

/* Takes the blanks at the ends of lines away. */
static void strip(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '\n') {
            while (to > text && to[-1] == ' ') {
                to--;
            }
        }
        *to++ = *from;
    }
    *to = '\0';
}

char *drawing_make(const json_t *status, const struct drawing_style *style) {
    char *text = NULL;
    size_t size = 0;
    struct drawing drawing = {.style = style,
                              .strokes = style->utf8 ? &unicode : &ascii,
                              .addresses = json_integer_value(json_object_get(status, "addresses"))};
    drawing.out = open_memstream(&text, &size);
    if (drawing.out == NULL) {
        return NULL;
    }
    find_links(&drawing, status);
    size_t name = width_of(text_of(status, "bridge")) + 2;
    drawing.bridge_width = name > BRIDGE_MIN ? name : BRIDGE_MIN;
    size_t box = drawing.bridge_width + 2;
    drawing.side_width = box + (size_t)2 * SIDE_MIN < COLUMNS ? (COLUMNS - box) / 2 : SIDE_MIN;
    for (size_t i = 0; i < drawing.link_count; i += 2) {
        if (i > 0) {
            put_side(&drawing, NULL, 0);
            put(&drawing, drawing.strokes->down, PLAIN);
            put_bridge(&drawing, "", false);
            put(&drawing, drawing.strokes->down, PLAIN);
            fputc('\n', drawing.out);
        }
        put_pair(&drawing, i, status);
    }
    if (drawing.link_count > 0) {
        put_side(&drawing, NULL, 0);
        put_border(&drawing, drawing.strokes->bottom_left, drawing.strokes->bottom_right);
        fputc('\n', drawing.out);
    }
    if (fclose(drawing.out) != 0) {
        free(text);
        return NULL;
    }
    strip(text);
    return text;
}
