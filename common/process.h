/* Runs other programs: an argument vector, a timeout, never a shell. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

/* Runs 'argv' (NULL-terminated, argv[0] looked up in PATH) with no standard input and waits for it.
 *
 * What it prints on standard output goes to 'output' as a string, cut at 'output_size' - 1 bytes; NULL drops
 * it. 'environment' adds NAME=VALUE strings (NULL-terminated) to this process's own, or is NULL.  'netns_fd'
 * is the network namespace to run it in, or -1 for this one.
 *
 * Returns 0 if it exits with 0; -ENOENT if there is no such program, -ETIMEDOUT if it ran longer than
 * 'timeout_ns' (it is killed), -EIO if it exits otherwise; 'error' then says what ran and the first line with
 * "Error:", else the last line, that it wrote to standard error. */
int process_run(const char *const argv[], const char *const environment[], int netns_fd, int64_t timeout_ns,
                char *output, size_t output_size, struct error *error);

/* What a program wrote, each as a string, cut at its size - 1 bytes. */
struct process_output {
    char *text; /* standard output */
    size_t text_size;
    char *errors; /* standard error */
    size_t errors_size;
};

/* As process_run(), with all that it wrote to standard error as well, also when it fails. */
int process_run_all(const char *const argv[], const char *const environment[], int netns_fd,
                    int64_t timeout_ns, const struct process_output *output, struct error *error);

/* True if the process 'pid' runs as root; false if there is none.  By this, not by its name, a process is
 * known for one of ours: anybody may call his own what he likes. */
bool process_is_roots(pid_t pid);
