/* Quantities as people write them: "20ms", "10mbit", "1%".  Digits with at most one point, and a unit behind
 * them; no sign, no exponent, no blanks. */
#pragma once

#include <stdint.h>

/* Reads a time with a unit of ns, us, ms, s, m, min or h.  A number without a unit is of 'bare_ns' each;
 * where that is 0, only 0 may do without.  Returns 0, or -EINVAL, also for more than a year. */
int quantity_time(const char *text, int64_t bare_ns, int64_t *value_ns);

/* Reads a rate with a unit of bit, kbit, mbit or gbit (of 1000, in any case; "/s" may follow), in bits a
 * second.  Returns 0 or -EINVAL, also for more than 1000 Gbit/s. */
int quantity_rate(const char *text, uint64_t *value_bps);

/* Reads a share, "0.5%", as a number of 0 to 1; "0" may do without the sign.  Returns 0 or -EINVAL. */
int quantity_share(const char *text, double *value);

/* Reads a number with or without a fraction.  Returns 0 or -EINVAL. */
int quantity_number(const char *text, double *value);

/* Reads a whole number.  Returns 0, or -EINVAL, also for what is beyond INT64_MAX. */
int quantity_whole(const char *text, int64_t *value);

/* Room for the text of quantity_time_format(), its NUL included. */
#define QUANTITY_TEXT_SIZE 32

/* Writes 'value_ns' in the largest unit of ns, us, ms, s, min and h that needs no fraction: "1500ms". Returns
 * 'text'. */
const char *quantity_time_format(int64_t value_ns, char text[QUANTITY_TEXT_SIZE]);
