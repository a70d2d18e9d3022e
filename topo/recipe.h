/* The lab as commands: what topo_create(), topo_export() and topo_links_up() do, said in ip(8), ethtool(8),
 * ovs-vsctl(8), ovs-ofctl(8) and nft(8), so that a reader can do it by hand. */
#pragma once

#include "common/error.h"
#include "topo/topo.h"

/* Takes a line, without its newline: a command for bash(1) or a part of one, or a comment that begins with
 * '#'. */
typedef void topo_recipe_fn(const char *line, void *context);

/* Hands 'emit' the commands that build the lab of 'settings' and configure 'export'.  Transactions with Open
 * vSwitch and rules of nftables are the very same that are used; only a relay in user space can't be had by
 * commands, and is a remark.  What is made carries the tag, so that `nsmon stop --all` can clear it away.
 *
 * Changes nothing and needs no root, but without root a running system Open vSwitch may not be seen.  Returns
 * 0, or a negative errno with 'error' filled as topo_create() does for settings that make no sense and
 * topo_resolve_datapath() for a switch that is not there. */
int topo_recipe(const struct topo_settings *settings, const struct topo_export *export, topo_recipe_fn *emit,
                void *context, struct error *error);
