/* Figures as text, the same in every format that people read.  What is not known, or not finite, is "-": no
 * reader ever sees "nan" or "inf". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reports/model.h"

#define FORMAT_SIZE 64

/* 12,345,678. */
const char *format_count(uint64_t value, char text[FORMAT_SIZE]);

/* A count that may not be known: "-" for READ_NULL. */
const char *format_known(int64_t value, char text[FORMAT_SIZE]);

/* 0 bytes as "0 B", 1234567 as "1.23 MB": decimal, three digits. */
const char *format_bytes(double bytes, char text[FORMAT_SIZE]);

/* A share as "+1.2 %" ("exact" for 0 when 'exact' is not NULL: that text), "-" for NAN. */
const char *format_percent(double share, const char *exact, char text[FORMAT_SIZE]);

/* The bias as "+1.2 %"; 'exact' when not one flow is off, which a bias of 0 alone does not say. */
const char *format_bias(const struct stats_summary *summary, const char *exact, char text[FORMAT_SIZE]);

/* A share without a sign. */
const char *format_share(double share, char text[FORMAT_SIZE]);

/* A number with 'decimals' digits behind the point, "-" for what is not finite. */
const char *format_real(double value, int decimals, char text[FORMAT_SIZE]);

/* Nanoseconds as "12.3 ms", "-" for NAN. */
const char *format_ms(double ns, char text[FORMAT_SIZE]);

/* "1,234..5,678"; one number for a point; ".." without an end where nothing bounds it. */
const char *format_interval(const struct stats_interval *interval, char text[FORMAT_SIZE]);

/* The same of bytes; "123 MB..145 MB" where it would be wider than FORMAT_INTERVAL_WIDTH. */
const char *format_byte_interval(const struct stats_interval *interval, char text[FORMAT_SIZE]);
#define FORMAT_INTERVAL_WIDTH 22

/* (estimate - truth) / truth, NAN when the truth is 0. */
double format_difference(uint64_t estimate, uint64_t truth);

/* "1 to 9", "10 to 99" ... */
const char *format_decade(const struct report_decade *decade, char text[FORMAT_SIZE]);

/* "from 1", "from 10" ..., where there is little room. */
const char *format_decade_low(const struct report_decade *decade, char text[FORMAT_SIZE]);

/* yes, no, unknown. */
const char *format_answer(enum report_answer answer);

/* Why 'report' has no truth. */
const char *format_no_truth(const struct report *report);

/* How the session was shaped, a note a thing; none for two hosts and nothing done to their frames. */
struct report_notes format_setup(const struct report *report);

/* What of the truth came out of the switch again: "581 packets, 4 were not"; false when nobody knows. */
bool format_delivery(const struct report *report, char *text, size_t size);

/* By which rule its truth is one: "as delivered". */
const char *format_truth_rule(const struct report *report);
