/* Are the sampled packets as large as the packets of their flows?  How many were sampled is another question:
 * given that n of a flow's X packets were, each n of them are equally likely, so that their bytes B have the
 * mean n mu and the variance n sigma^2 (X - n) / (X - 1), with mu and sigma of the flow's true frames.
 *
 * Nothing is known of the shape of a flow's sizes, and one large packet among many small ones is far from
 * normal: every bound here holds for any sizes up to the largest, so an honest source is never called off
 * more often than STATS_SIZE_ALPHA says, whatever its traffic. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How often chance alone may fail each of the two bounds, of single flows and of all together. */
#define STATS_SIZE_ALPHA 0.001

/* The frames of one flow, and the samples of it that said their size. */
struct stats_size_flow {
    uint64_t packets, bytes; /* true */
    double square_sum;       /* of the true sizes */
    double samples, sampled_bytes;
};

/* Sums over the flows. */
struct stats_sizes {
    double largest;                 /* frame that there is */
    uint64_t flows;                 /* with a sample */
    uint64_t samples_of;            /* samples in them, rounded */
    uint64_t exact;                 /* flows whose frames have one size: the bytes of each sample are known */
    uint64_t wrong;                 /* of those: flows whose samples have another size */
    double offset_low, offset_high; /* of those: bytes a packet too many, the least and the most ... */
    double ratio_low, ratio_high;   /* ... and sampled size over true size */
    double smallest_p;              /* of the other flows: of the furthest away */
    double difference, variance;    /* of the other flows together: sampled bytes less expected ones */
};

/* Empty sums; no frame is larger than 'largest' bytes. */
void stats_sizes_init(struct stats_sizes *sizes, double largest);

/* Adds a flow of which something was sampled. */
void stats_sizes_add(struct stats_sizes *sizes, const struct stats_size_flow *flow);

/* At most so likely is a sum of bytes of sampled packets that is 'difference' or more away from its mean,
 * when its variance is 'variance' and no packet is further than 'range' from the mean: the lesser one of
 * Chebyshev's and Bernstein's bound.  Hoeffding (1963), theorem 4: Bernstein's holds for samples without
 * replacement. */
double stats_size_bound(double difference, double variance, double range);

/* At most so likely are samples like these of single flows (by the furthest, times the flows), and of all
 * together, from an honest source; of flows with frames of more than one size. */
double stats_sizes_flows_p(const struct stats_sizes *sizes);
double stats_sizes_total_p(const struct stats_sizes *sizes);

/* False if one of the two is below STATS_SIZE_ALPHA. */
bool stats_sizes_plausible(const struct stats_sizes *sizes);

/* All bytes of a sampled source. */
struct stats_bytes_test {
    double z;         /* (sum b - Yp) / sqrt(pq S) */
    double low, high; /* where 99.9 of 100 honest sources have it */
};

/* Holds 'sampled_bytes' against flows with 'bytes' and 'square_sum' at 1-in-'rate': the estimate of Horvitz
 * and Thompson, whose variance the truth knows.  Few large packets among many small ones skew it, by no more
 * than 'largest' / sqrt(p S), and 'high' is wider by that (Cornish and Fisher's first term).  'z' is NAN
 * below an expected 30 effective samples, p Y^2 / S, and at rate 1. */
struct stats_bytes_test stats_test_bytes(double sampled_bytes, double bytes, double square_sum, double rate,
                                         double largest);

/* True if 'test' has nothing to say or is in its range. */
bool stats_bytes_test_ok(const struct stats_bytes_test *test);
