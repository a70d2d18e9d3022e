#include "common/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/clock.h"

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t capacity;
    size_t first; /* index of the oldest item */
    size_t count;
    bool closed;
    void *items[];
};

struct queue *queue_create(size_t capacity) {
    struct queue *queue = calloc(1, sizeof *queue + capacity * sizeof queue->items[0]);
    if (queue == NULL) {
        return NULL;
    }
    queue->capacity = capacity;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return queue;
}

void queue_destroy(struct queue *queue) {
    if (queue != NULL) {
        pthread_cond_destroy(&queue->changed);
        pthread_mutex_destroy(&queue->lock);
        free(queue);
    }
}

bool queue_push(struct queue *queue, void *item, bool wait) {
    pthread_mutex_lock(&queue->lock);
    while (wait && !queue->closed && queue->count == queue->capacity) {
        pthread_cond_wait(&queue->changed, &queue->lock);
    }
    bool fits = !queue->closed && queue->count < queue->capacity;
    if (fits) {
        queue->items[(queue->first + queue->count++) % queue->capacity] = item;
        pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    return fits;
}

void *queue_pop(struct queue *queue, int64_t timeout_ns) {
    struct timespec until = clock_to_timespec(clock_monotonic_ns() + timeout_ns);
    void *item = NULL;
    pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && !queue->closed) {
        if (timeout_ns < 0) {
            pthread_cond_wait(&queue->changed, &queue->lock);
        } else if (pthread_cond_timedwait(&queue->changed, &queue->lock, &until) == ETIMEDOUT) {
            break;
        }
    }
    if (queue->count > 0) {
        item = queue->items[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
        pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void queue_close(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

bool queue_drained(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    bool drained = queue->closed && queue->count == 0;
    pthread_mutex_unlock(&queue->lock);
    return drained;
}
