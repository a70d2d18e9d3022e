/* What the files of a session share. */
#pragma once

#include "traffic/remote/session.h"

/* Takes in 'message', which it releases or keeps as mail. */
void remote_inside_take(struct remote_session *session, json_t *message);

/* Ends our senders early and well, because of 'why' ("" if the other end is not to be told). */
void remote_inside_stop(struct remote_session *session, const char *why);
