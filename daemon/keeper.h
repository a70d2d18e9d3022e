/* The root process of a program whose work is done by a child without privileges: it parses nothing, hands on
 * signals, and tidies up what only root can remove. */
#pragma once

#include <sys/types.h>

#include "common/error.h"

/* Forks.  Returns 0 in the child, which is to drop root and do the work, and its pid in the parent, which is
 * to close what the child has and call keeper_wait(); until then signals wait.  A negative errno with 'error'
 * filled when there can be no child. */
pid_t keeper_fork(struct error *error);

/* Hands SIGINT, SIGTERM and SIGHUP on to 'child' until it ends.  Returns its exit status, EXIT_FAILURE if a
 * signal ended it. */
int keeper_wait(pid_t child);

/* To be called in the child once it has dropped root: asks for SIGTERM when 'keeper', its parent, dies. */
void keeper_watch(pid_t keeper);
