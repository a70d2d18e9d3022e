/* Estimates out of sampled packets, and the interval that holds the truth in 95 of 100 cases.
 *
 * 'rate' is R of 1-in-R, at least 1 and not necessarily whole; p = 1/R, q = 1 - p.  Horvitz and Thompson:
 * what was sampled with probability p stands for 1/p of its kind. */
#pragma once

#include <stdbool.h>

/* The normal quantile of two-sided 95 %. */
#define STATS_Z95 1.959963984540054

/* Below so many samples no coverage is claimed for bytes. */
#define STATS_BYTES_MIN_SAMPLES 30

struct stats_interval {
    double low, high; /* 'high' is INFINITY where nothing bounds it */
};

/* True if 'value' lies in 'interval', both ends included. */
bool stats_interval_holds(const struct stats_interval *interval, double value);

/* The score interval for the packets of a class of which 'samples' were sampled: all X for which
 * |n - Xp| <= z sqrt(Xpq).  For no samples the upper end is the X with (1 - p)^X = 0.025, about 3.7 R; at R =
 * 1 the interval is the point.  'samples' may be broken where an exporter has scaled its counts. */
struct stats_interval stats_packets_interval(double samples, double rate);

/* The interval for the bytes of a class whose samples have the sizes b: 'sum' is the sum of b, 'square_sum'
 * of b squared.  It is the score interval on the effective number of samples, (sum b)^2 / sum b^2, each of
 * the weight sum b^2 / sum b.  Without samples nothing bounds it above.  Below STATS_BYTES_MIN_SAMPLES
 * samples it undercovers: say so beside the figure. */
struct stats_interval stats_bytes_interval(double sum, double square_sum, double rate);

/* The relative standard error of an estimate of bytes: sqrt(q sum b^2) / sum b; INFINITY without samples. */
double stats_bytes_relative_error(double sum, double square_sum, double rate);

struct stats_share {
    double estimate;
    struct stats_interval interval;
    double relative_error_bound; /* 196 sqrt(1/c) %, as a share */
};

/* How many of 'total' packets, known from counters or captures, belong to a class that had 'class_samples' of
 * 'samples' samples.  Phaal and Panchen, "Packet Sampling Basics", sFlow.org. */
struct stats_share stats_share_of_total(double class_samples, double samples, double total);
