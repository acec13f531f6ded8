/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How glaned talks to glane-hold: SOCK_SEQPACKET, packets of a word, a blank and a name; only the user that runs it may connect.
 *
 *   "add NAME" + descriptor   keeps it; what had that name before is closed
 *   "remove NAME"             closes it
 *   "sync"                    -> "ok"
 *   "list"                    -> "NAME" + descriptor for each, then "ok"
 *   "quit"                    closes all, and ends when this connection closes; a "sync" may follow
 *
 * It keeps the descriptors, and so the NIC's work, when a connection closes, until the next daemon comes or until it is told to quit (SIGTERM too).
 * With no descriptor and no connection it ends by itself after a while.
 */
#ifndef GL_HOLD_H
#define GL_HOLD_H

#define HOLD_ADD     "add"
#define HOLD_REMOVE  "remove"
#define HOLD_SYNC    "sync"
#define HOLD_LIST    "list"
#define HOLD_QUIT    "quit"
#define HOLD_OK	     "ok"
#define HOLD_FDS_MAX 2048

#endif
