/* What the two files of the filter's parser share: the words of the text, and how to say what is wrong. */
#pragma once

#include "collector/store/read/flow_query.h"

#define FILTER_WORD_SIZE 80

enum filter_word_kind {
    FILTER_END,
    FILTER_NAME, /* a keyword, a number, an address */
    FILTER_OPEN,
    FILTER_CLOSE,
    FILTER_NOT, /* the sign; "not" is a name, like "and" and "or" */
    FILTER_AND,
    FILTER_OR,
    FILTER_COMPARE, /* > >= < <= = == != */
    FILTER_BAD,     /* anything else */
};

struct filter_word {
    enum filter_word_kind kind;
    size_t at; /* where it begins in the text, from 0 */
    char text[FILTER_WORD_SIZE];
};

struct filter_parser {
    const char *text;
    size_t at; /* behind 'word' */
    struct filter_word word;
    struct read_filter *filter;
    struct error *error;
    unsigned int nesting;
    /* The last primitive's keywords, for a value that has none: */
    bool has_last, last_has_protocol;
    struct read_term last_protocol;
    struct read_term last; /* kind and side */
    bool last_is_range;    /* portrange */
    bool last_is_address;  /* src, dst or nothing: a host or a net, as the value is */
};

/* Goes on to the next word. */
void filter_next(struct filter_parser *parser);

/* True if the word is the name 'text'. */
bool filter_is(const struct filter_parser *parser, const char *text);

/* Goes on if it is. */
bool filter_take(struct filter_parser *parser, const char *text);

/* Says that 'expected' was expected where the word is.  Returns -EINVAL. */
int filter_expected(struct filter_parser *parser, const char *expected);

/* ---- values; each goes on behind its own, or returns -EINVAL with the error said ---- */

/* An address, or with 'net' a network: 10.0.0.0/8, 10.0.0.0 mask 255.0.0.0, 10.1 for 10.1.0.0/16,
 * 2001:db8::/32. */
int filter_address(struct filter_parser *parser, bool net, struct read_term *term);

/* A whole number from 'minimum' to 'maximum', decimal or with 0x, with k, M, G or T behind where 'units';
 * into both ends of the term's range. */
int filter_number(struct filter_parser *parser, int64_t minimum, int64_t maximum, bool units,
                  const char *expected, struct read_term *term);

/* The same with a comparison in front, which may be missing; 'negated' says that the range is what must not
 * be
 * ("!="). */
int filter_range(struct filter_parser *parser, int64_t maximum, bool units, const char *expected,
                 struct read_term *term, bool *negated);

/* 1000-2000. */
int filter_port_range(struct filter_parser *parser, struct read_term *term);

/* S, SA, ... */
int filter_flags(struct filter_parser *parser, struct read_term *term);

/* tcp, \tcp or a number. */
int filter_protocol(struct filter_parser *parser, struct read_term *term);
