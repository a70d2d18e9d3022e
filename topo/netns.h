/* Named network namespaces, as `ip netns` makes and shows them. */
#pragma once

#include <stdbool.h>

#include "common/error.h"
#include "topo/lab.h"

#define NETNS_DIR "/run/netns"

/* True if there is something called 'name' in /run/netns. */
bool netns_exists(const char *name);

/* True if /run/netns is not a mount of its own, so that netns_dir_make() will make it one. */
bool netns_dir_missing(void);

/* Makes /run/netns and a shared mount on it, as ip-netns(8) does, so that the names that others add later
 * don't hide ours.  Returns 0 or a negative errno with 'error' filled. */
int netns_dir_make(struct error *error);

/* Undoes netns_dir_make() unless names are left there: where labs overlap it may outlast them all, as after
 * `ip netns` it always does. */
void netns_dir_remove(void);

/* Makes the namespace 'name' with lo up and lo's alias set to 'alias': it carries that before anybody can see
 * it. Returns a descriptor, or a negative errno with 'error' filled: -EEXIST if the name is taken. */
int netns_make(const char *name, const char *alias, struct error *error);

/* Opens the namespace 'name'.  Returns a descriptor, or a negative errno with 'error' filled. */
int netns_open(const char *name, struct error *error);

/* Reads the session whose namespace 'fd' is into 'tag'.  Returns false if it carries none. */
bool netns_read_tag(int fd, char tag[LAB_TAG_SIZE]);

/* Removes the namespace 'name' if lo's alias in it is 'alias', and the empty file that a crash left in its
 * place. Returns 0, also if it is not there or is somebody else's, or a negative errno with 'error' filled.
 */
int netns_remove(const char *name, const char *alias, struct error *error);
