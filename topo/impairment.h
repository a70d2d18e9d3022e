/* What is done on purpose to the frames of a path, as people write it: on a command line, in a scenario. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "topo/topo.h"

#define TOPO_DELAY_MAX_NS    (INT64_C(5) * 1000000000) /* of delay and jitter together */
#define TOPO_REORDER_GAP_MAX 1000
#define TOPO_RATE_MIN_BPS    UINT64_C(10000)
#define TOPO_RATE_MAX_BPS    UINT64_C(10000000000)

/* Room for the longest text of topo_impairment_describe(), its NUL included. */
#define TOPO_IMPAIRMENT_TEXT_SIZE 256

/* True if 'impairment' does anything at all. */
bool topo_impairment_any(const struct topo_impairment *impairment);

/* Sets what 'name' says to 'value', both words of a person:
 *
 *   loss, duplicate, reorder      a chance, "1%"; or "every 10", as the next
 *   loss-every, duplicate-every, reorder-every   a whole number of frames
 *   reorder-gap                   so many later frames pass the one that is held back
 *   delay, jitter                 a time with its unit: "20ms", "500us", "1s"
 *   rate                          "10mbit", "1.5gbit", "64kbit": bits a second
 *   seed                          a whole number
 *
 * Returns 0; -ENOENT with 'error' filled if there is no such name; -EINVAL if the value is none of these. */
int topo_impairment_set(struct topo_impairment *impairment, const char *name, const char *value,
                        struct error *error);

/* Reads "to=ns2,loss=1%,delay=20ms" into '*host' and 'impairment'.  Returns 0, or -EINVAL with 'error'
 * filled, also when no host or nothing to do to its frames is named, or when topo_impairment_check() says so.
 */
int topo_impairment_parse(const char *text, unsigned *host, struct topo_impairment *impairment,
                          struct error *error);

/* Looks whether 'impairment' makes sense as a whole.  Returns 0, or -EINVAL with 'error' filled. */
int topo_impairment_check(const struct topo_impairment *impairment, struct error *error);

/* Says 'impairment' in words, "loss every 10th, delay 20 ms ± 2 ms".  Returns 'text', which is "" for none.
 */
const char *topo_impairment_describe(const struct topo_impairment *impairment,
                                     char text[TOPO_IMPAIRMENT_TEXT_SIZE]);

/* Says 'every' and 'chance' of one kind in words, "every 10th", "1 %", "every 10th and 1 %".  Returns
 * 'text'. */
const char *topo_impairment_share(uint32_t every, double chance, char text[48]);

/* Says 'ns' in the largest unit in which it is above 1, "20 ms".  Returns 'text'. */
const char *topo_impairment_time(int64_t ns, char text[24]);

/* Says 'bps' likewise, "10 Mbit/s".  Returns 'text'. */
const char *topo_impairment_rate(uint64_t bps, char text[24]);
