#include "traffic/qdisc.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/cursor.h"

/* An fq that takes fewer datagrams of a flow, or in all, or none from this far ahead (us), might drop what is
 * handed over before its time: traffic/client_launch.h keeps below all three.  By itself an fq has 100,
 * 10,000 and 10 s. */
#define FLOW_LEAST    80
#define ALL_LEAST     10000
#define HORIZON_LEAST 100000
/* What etf is given so that a datagram does not come too late by what happens on the way to it. */
#define ETF_GUARD_NS (200 * NS_PER_US)

/* Steps over the next message.  Returns 0, 1 at the end of an answer, or a negative errno as
 * qdisc_table_read() has it. */
static int next_message(struct cursor *all, uint32_t sequence, struct nlmsghdr *head, struct cursor *body) {
    cursor_copy(all, head, sizeof *head);
    if (all->failed || head->nlmsg_len < sizeof *head) {
        return -EBADMSG;
    }
    *body = cursor_sub(all, head->nlmsg_len - sizeof *head);
    size_t padding = NLMSG_ALIGN(head->nlmsg_len) - head->nlmsg_len;
    cursor_skip(all, padding < cursor_left(all) ? padding : cursor_left(all));
    if (all->failed || head->nlmsg_seq != sequence) {
        return -EBADMSG;
    }
    if ((head->nlmsg_flags & NLM_F_DUMP_INTR) != 0) {
        return -EINTR;
    }
    if (head->nlmsg_type != NLMSG_DONE && head->nlmsg_type != NLMSG_ERROR) {
        return head->nlmsg_type == NLMSG_OVERRUN ? -EBADMSG : 0;
    }
    int32_t code = 0;
    bool error = head->nlmsg_type == NLMSG_ERROR;
    if (error || cursor_left(body) > 0) {
        cursor_copy(body, &code, sizeof code);
    }
    if (body->failed || code > 0 || code < -4095 || (error && code == 0)) {
        return -EBADMSG;
    }
    return code < 0 ? code : 1;
}

/* Steps over the next attribute.  Returns false at the end, and for one that makes no sense, after which
 * 'all' has failed. */
static bool next_attribute(struct cursor *all, unsigned int *type, struct cursor *value) {
    struct rtattr head;
    if (all->failed || cursor_left(all) == 0) {
        return false;
    }
    cursor_copy(all, &head, sizeof head);
    all->failed = all->failed || head.rta_len < sizeof head;
    if (all->failed) {
        return false;
    }
    *type = (uint16_t)(head.rta_type & NLA_TYPE_MASK);
    *value = cursor_sub(all, head.rta_len - sizeof head);
    size_t padding = RTA_ALIGN(head.rta_len) - head.rta_len;
    cursor_skip(all, padding < cursor_left(all) ? padding : cursor_left(all));
    return !all->failed;
}

static uint32_t read_u32(struct cursor *value) {
    uint32_t number;
    cursor_copy(value, &number, sizeof number);
    return number;
}

/* An fq keeps launch times with "nopacing", too: that is about the rates of sockets.  What it is told of
 * itself matters only where that has been made small. */
static bool read_fq(struct cursor options, struct qdisc *qdisc) {
    static const struct {
        unsigned int type;
        uint32_t least;
    } limits[] = {
        {TCA_FQ_FLOW_PLIMIT, FLOW_LEAST}, {TCA_FQ_PLIMIT, ALL_LEAST}, {TCA_FQ_HORIZON, HORIZON_LEAST}};
    struct cursor value;
    unsigned int type;
    qdisc->keeps = true;
    qdisc->launch = (struct qdisc_launch){.clock = CLOCK_MONOTONIC};
    while (next_attribute(&options, &type, &value)) {
        for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
            if (type == limits[i].type) {
                qdisc->keeps = read_u32(&value) >= limits[i].least && qdisc->keeps;
            }
        }
        if (value.failed) {
            return false;
        }
    }
    return !options.failed;
}

/* In deadline mode a datagram leaves as soon as it can.  Without offload it leaves when its time is 'delta'
 * away; with offload that is when the link gets it, to send it at its time. */
static bool read_etf(struct cursor options, struct qdisc *qdisc) {
    struct cursor value;
    unsigned int type;
    while (next_attribute(&options, &type, &value)) {
        struct tc_etf_qopt etf;
        if (type != TCA_ETF_PARMS) {
            continue;
        }
        cursor_copy(&value, &etf, sizeof etf);
        if (value.failed || etf.delta < 0) {
            return false;
        }
        bool offload = (etf.flags & TC_ETF_OFFLOAD_ON) != 0;
        qdisc->keeps = etf.clockid == CLOCK_TAI && (etf.flags & TC_ETF_DEADLINE_MODE_ON) == 0;
        qdisc->launch = (struct qdisc_launch){.clock = etf.clockid,
                                              .shift_ns = offload ? 0 : etf.delta,
                                              .guard_ns = ETF_GUARD_NS + (offload ? etf.delta : 0)};
    }
    return !options.failed;
}

static bool read_mqprio(struct cursor options, struct qdisc *qdisc) {
    struct tc_mqprio_qopt mqprio;
    cursor_copy(&options, &mqprio, sizeof mqprio);
    if (options.failed || mqprio.num_tc > QDISC_QUEUES) {
        return false;
    }
    qdisc->class_count = mqprio.num_tc;
    memcpy(qdisc->classes, mqprio.prio_tc_map, sizeof qdisc->classes);
    memcpy(qdisc->first, mqprio.offset, sizeof qdisc->first);
    memcpy(qdisc->count, mqprio.count, sizeof qdisc->count);
    return true;
}

/* Those whose options are of interest. */
static const struct {
    const char *kind;
    bool (*read)(struct cursor options, struct qdisc *qdisc);
} kinds[] = {{"fq", read_fq}, {"etf", read_etf}, {"mqprio", read_mqprio}};

/* Reads what follows the header of RTM_NEWQDISC. */
static bool read_qdisc(struct cursor body, struct qdisc *qdisc) {
    struct tcmsg message;
    struct cursor value, options = {0};
    unsigned int type;
    *qdisc = (struct qdisc){0};
    cursor_copy(&body, &message, sizeof message);
    while (next_attribute(&body, &type, &value)) {
        if (type == TCA_KIND && cursor_left(&value) <= QDISC_KIND_SIZE) {
            cursor_copy(&value, qdisc->kind, cursor_left(&value));
        } else if (type == TCA_OPTIONS) {
            options = value;
        }
    }
    if (body.failed || qdisc->kind[0] == '\0' || qdisc->kind[QDISC_KIND_SIZE - 1] != '\0') {
        return false;
    }
    qdisc->link = (uint32_t)message.tcm_ifindex;
    qdisc->handle = message.tcm_handle;
    qdisc->parent = message.tcm_parent;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(qdisc->kind, kinds[i].kind) == 0) {
            return kinds[i].read(options, qdisc);
        }
    }
    return true;
}

static int add(struct qdisc_table *table, const struct qdisc *qdisc) {
    if (table->count == QDISC_MAX) {
        return -E2BIG;
    }
    if (table->count == table->room) {
        size_t room = table->room == 0 ? 16 : table->room * 2;
        struct qdisc *items = realloc(table->items, room * sizeof *items);
        if (items == NULL) {
            return -ENOMEM;
        }
        table->items = items;
        table->room = room;
    }
    table->items[table->count++] = *qdisc;
    return 0;
}

int qdisc_table_read(struct qdisc_table *table, const void *bytes, size_t size, uint32_t sequence) {
    struct cursor all = cursor_over(bytes, size), body;
    struct nlmsghdr head;
    struct qdisc qdisc;
    int code = 0;
    while (code == 0 && cursor_left(&all) > 0) {
        code = next_message(&all, sequence, &head, &body);
        if (code == 0 && head.nlmsg_type == RTM_NEWQDISC) {
            code = read_qdisc(body, &qdisc) ? add(table, &qdisc) : -EBADMSG;
        }
    }
    return code;
}

void qdisc_table_free(struct qdisc_table *table) {
    free(table->items);
    *table = (struct qdisc_table){0};
}

const struct qdisc *qdisc_root(const struct qdisc_table *table, uint32_t link) {
    for (size_t i = 0; i < table->count; i++) {
        if (table->items[i].link == link && table->items[i].parent == TC_H_ROOT) {
            return &table->items[i];
        }
    }
    return NULL;
}

static bool equal(const struct qdisc_launch *a, const struct qdisc_launch *b) {
    return a->clock == b->clock && a->shift_ns == b->shift_ns && a->guard_ns == b->guard_ns;
}

/* Which of a link's queues datagrams of 'priority' may come into, from 1 on as classes are numbered.  Returns
 * how many must be there, 0: as many as there are; or -1 when 'root' does not say it. */
static int find_queues(const struct qdisc *root, unsigned int priority, uint32_t *first, uint32_t *last) {
    *first = 1;
    *last = UINT16_MAX;
    if (strcmp(root->kind, "mq") == 0) {
        return 0;
    }
    uint8_t class = root->classes[priority % QDISC_QUEUES];
    if (strcmp(root->kind, "mqprio") != 0 || class >= root->class_count || root->count[class] == 0) {
        return -1;
    }
    *first = root->first[class] + 1U;
    *last = *first + root->count[class] - 1U;
    return root->count[class];
}

bool qdisc_keeps(const struct qdisc_table *table, uint32_t link, unsigned int priority,
                 struct qdisc_launch *launch) {
    const struct qdisc *root = qdisc_root(table, link);
    if (root == NULL || root->keeps) {
        *launch = root == NULL ? (struct qdisc_launch){0} : root->launch;
        return root != NULL;
    }
    uint32_t first, last;
    int found = 0;
    int wanted = find_queues(root, priority, &first, &last);
    for (size_t i = 0; i < table->count && wanted >= 0; i++) {
        const struct qdisc *queue = &table->items[i];
        if (queue->link != link || queue->parent == TC_H_ROOT ||
            TC_H_MAJ(queue->parent) != TC_H_MAJ(root->handle) || TC_H_MIN(queue->parent) < first ||
            TC_H_MIN(queue->parent) > last) {
            continue;
        }
        if (!queue->keeps || (found > 0 && !equal(launch, &queue->launch))) {
            return false;
        }
        *launch = queue->launch;
        found++;
    }
    return wanted >= 0 && found > 0 && (wanted == 0 || found == wanted);
}

unsigned int qdisc_priority(uint8_t family, uint8_t dscp) {
    static const unsigned int priorities[] = {TC_PRIO_BESTEFFORT, TC_PRIO_BULK, TC_PRIO_INTERACTIVE,
                                              TC_PRIO_INTERACTIVE_BULK};
    return family == 6 ? TC_PRIO_BESTEFFORT : priorities[dscp >> 1 & 3];
}

int qdisc_route_read(const void *bytes, size_t size, uint32_t sequence, uint32_t *link) {
    struct cursor all = cursor_over(bytes, size), body, value;
    struct nlmsghdr head;
    struct rtmsg route;
    unsigned int type;
    *link = 0;
    int code = next_message(&all, sequence, &head, &body);
    if (code != 0) {
        return code < 0 ? code : -EBADMSG;
    }
    cursor_copy(&body, &route, sizeof route);
    while (next_attribute(&body, &type, &value)) {
        if (type == RTA_OIF) {
            *link = read_u32(&value);
            body.failed = body.failed || value.failed;
        }
    }
    if (body.failed || head.nlmsg_type != RTM_NEWROUTE) {
        return -EBADMSG;
    }
    return *link != 0 && (route.rtm_type == RTN_UNICAST || route.rtm_type == RTN_LOCAL) ? 0 : -ENETUNREACH;
}
