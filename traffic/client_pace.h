/* When the next flow has its turn: waiting for a moment to the microsecond.
 *
 * A sleep ends late, by some tens of microseconds or more, as the kernel and the machine under it wake up.
 * So it is ended early by a lead, and the rest is spun away.  The lead follows how late sleeps have ended; it
 * is bounded, and so is the share of a processor that is spun away. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The share of the time from turn to turn that may be spun away if nothing else is said, percent, and the
 * largest lead. */
#define CLIENT_SPIN_PERCENT 75
#define CLIENT_LEAD_MAX_NS  INT64_C(150000)

struct client_pace {
    int64_t share;   /* percent; 0: no spinning */
    int64_t lead_ns; /* about the 99th percentile of how late sleeps have ended */
    int64_t gap_ns;  /* from turn to turn, a moving mean */
    int64_t last_ns; /* the moment of the last turn that was waited for */
};

/* Prepares 'pace' for 'spin' percent: 0 is what is usual, below that nothing is spun away.  Where a process
 * has one processor, it never is: whom we wait for may need it. */
void client_pace_init(struct client_pace *pace, int spin);

/* Asks the scheduler to let this thread run as soon as it wants to, which helps nobody who never sleeps: for
 * those who send by a schedule.  Without privilege it gets a part of that. */
void client_pace_prefer(void);

/* By how much a sleep before a turn is to be ended early. */
int64_t client_pace_lead(const struct client_pace *pace);

/* Takes note that a sleep that was to end at 'wanted_ns' ended at 'now_ns'. */
void client_pace_woke(struct client_pace *pace, int64_t wanted_ns, int64_t now_ns);

/* Waits for the turn at 'at_ns' if that is a short wait, of which the sockets need not know.  Returns false,
 * at once, if it is not. */
bool client_pace_wait(struct client_pace *pace, int64_t at_ns, int64_t now_ns);
