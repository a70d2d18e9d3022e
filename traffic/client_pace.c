#include "traffic/client_pace.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

/* The lead goes up by so much when a sleep ended after it, and down by a hundredth when not: so it comes to
 * rest where a sleep in a hundred ends after it. */
#define STEP_UP_NS   INT64_C(5000)
#define STEP_DOWN_NS (STEP_UP_NS / 100)
/* What is shorter is not slept. */
#define SLEEP_MIN_NS INT64_C(3000)
/* Up to here a wait is short. */
#define WAIT_MAX_NS (300 * NS_PER_US)
/* What is asked of the scheduler: to come before others when a moment has come, */
#define NICE (-10)
/* and to have short turns, which come sooner (Linux 6.12, EEVDF). */
#define SLICE_NS (200 * NS_PER_US)
/* The weight of the last gap in the mean, a power of two. */
#define GAP_WEIGHT 16

void client_pace_init(struct client_pace *pace, int spin) {
    cpu_set_t processors;
    bool single = sched_getaffinity(0, sizeof processors, &processors) == 0 && CPU_COUNT(&processors) < 2;
    *pace = (struct client_pace){.lead_ns = CLIENT_LEAD_MAX_NS / 2, .gap_ns = NS_PER_MS};
    pace->share = spin < 0 || single ? 0 : spin == 0 ? CLIENT_SPIN_PERCENT : spin > 100 ? 100 : spin;
}

/* As sched_setattr(2) has it; the C library's headers and the kernel's don't go together. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

void client_pace_prefer(void) {
    struct attributes attributes = {
        .size = sizeof attributes, .policy = SCHED_OTHER, .nice = NICE, .runtime_ns = SLICE_NS};
    prctl(PR_SET_TIMERSLACK, 1);
    if (syscall(SYS_sched_setattr, 0, &attributes, 0) != 0) {
        attributes.nice = getpriority(PRIO_PROCESS, 0);
        (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
    }
}

int64_t client_pace_lead(const struct client_pace *pace) {
    int64_t allowed = pace->gap_ns * pace->share / 100;
    return pace->lead_ns < allowed ? pace->lead_ns : allowed;
}

void client_pace_woke(struct client_pace *pace, int64_t wanted_ns, int64_t now_ns) {
    /* Who was later than any lead did not sleep too long: others had the processor. */
    if (now_ns - wanted_ns > CLIENT_LEAD_MAX_NS) {
        return;
    }
    pace->lead_ns += now_ns - wanted_ns > pace->lead_ns ? STEP_UP_NS : -STEP_DOWN_NS;
    pace->lead_ns = pace->lead_ns > CLIENT_LEAD_MAX_NS ? CLIENT_LEAD_MAX_NS : pace->lead_ns;
    pace->lead_ns = pace->lead_ns < 0 ? 0 : pace->lead_ns;
}

bool client_pace_wait(struct client_pace *pace, int64_t at_ns, int64_t now_ns) {
    if (at_ns - now_ns > WAIT_MAX_NS) {
        return false;
    }
    /* A pause between two bursts or flows is no gap of a rhythm, but spinning once for it costs little. */
    int64_t gap_ns = at_ns - pace->last_ns;
    gap_ns = gap_ns < 0 ? 0 : gap_ns > NS_PER_MS ? NS_PER_MS : gap_ns;
    pace->gap_ns += (gap_ns - pace->gap_ns) / GAP_WEIGHT;
    pace->last_ns = at_ns;
    int64_t until = at_ns - client_pace_lead(pace);
    if (pace->share == 0 || until - now_ns >= SLEEP_MIN_NS) {
        struct timespec when = clock_to_timespec(until);
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
        client_pace_woke(pace, until, clock_monotonic_ns());
    }
    while (pace->share > 0 && clock_monotonic_ns() < at_ns) {
    }
    return true;
}
