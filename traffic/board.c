#include "traffic/board.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

const char *traffic_problem_text(int problem) {
    static const char *const texts[] = {
        [TRAFFIC_PROBLEM_NONE] = "",
        [TRAFFIC_PROBLEM_ADDRESS] = "no address of this family",
        [TRAFFIC_PROBLEM_SOCKET] = "could not open a socket",
        [TRAFFIC_PROBLEM_BIND] = "could not take the source port",
        [TRAFFIC_PROBLEM_OPTION] = "the kernel refused a socket option",
        [TRAFFIC_PROBLEM_CONNECT] = "could not connect",
        [TRAFFIC_PROBLEM_SEND] = "could not send all",
        [TRAFFIC_PROBLEM_CLOSE] = "the server did not confirm the end",
        [TRAFFIC_PROBLEM_TIME] = "the time was over before all was sent",
    };
    size_t count = sizeof texts / sizeof *texts;
    return problem < 0 || (size_t)problem >= count ? "failed" : texts[problem];
}

/* 'size' rounded up to a cache line. */
static size_t line(size_t size) {
    return (size + 63) / 64 * 64;
}

int traffic_board_open(struct traffic_board *board, size_t flow_count, struct error *error) {
    size_t live = line(sizeof *board->live);
    size_t sent = line(flow_count * sizeof *board->sent);
    size_t received = line(flow_count * sizeof *board->received);
    size_t bins = line(HISTOGRAM_BINS * sizeof *board->owd_bins);
    size_t class_bins = line(TRAFFIC_CLASSES_MAX * HISTOGRAM_BINS * sizeof *board->class_bins);
    size_t size = live + sent + received + 2 * bins + class_bins + STAMPS_SLOTS * sizeof *board->stamps;
    *board = (struct traffic_board){0};
    uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return error_set(error, -ENOMEM, "no memory to count %zu flows: %s", flow_count, strerror(errno));
    }
    board->live = (void *)memory;
    board->sent = (void *)(memory + live);
    board->received = (void *)(memory + live + sent);
    board->owd_bins = (void *)(memory + live + sent + received);
    board->response_bins = (void *)(memory + live + sent + received + bins);
    board->class_bins = (void *)(memory + live + sent + received + 2 * bins);
    board->stamps = (void *)(memory + live + sent + received + 2 * bins + class_bins);
    board->flow_count = flow_count;
    board->size = size;
    return 0;
}

void traffic_board_close(struct traffic_board *board) {
    if (board->live != NULL) {
        munmap(board->live, board->size);
    }
    *board = (struct traffic_board){0};
}
