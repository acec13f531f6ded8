/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's parts and what they share. One thread, one sd_event loop, one NIC.
 *
 *   main.c     start, adoption, loop, stop        peer.c     connections of the control socket
 *   config.c   command line and file (keys.c)     methods.c  what the control protocol offers
 *   context.c  contexts: add, remove, attach ...  metrics.c  Prometheus text and its HTTP
 *   keeper.c   descriptors outlive the daemon     capture.c, selftest.c
 *   state.c    the state file                     log.c
 *   vif.c      guests of Xen (vif.h)              vif_store.c, vif_memory.c
 */
#ifndef GLANED_H
#define GLANED_H

#include "config.h"
#include "control.h"
#include "guestlane.h"
#include "tap0.h"
#include "vif.h"
#include "vnet.h"

#include <stdarg.h>
#include <syslog.h>
#include <systemd/sd-event.h>

/* Exit statuses. */
enum { EXIT_CONFIG = 2, EXIT_VANISHED = 3 };

#define ATTACH_GUEST_ADDRESS 0x10000000ull /* of byte 0 of an attached memory; never 0 */
#define TAP0_CONTEXT	     0
#define PEERS_MAX	     128 /* connections */
#define PEERS_MAX_USER	     32	 /* of them those that may only read */

struct daemon;
struct peer;

/* --- log.c: fields EVENT= and CONTEXT= in the journal, "event" and "context" in JSON --- */
#define NO_CONTEXT (-1)
void log_open(int format); /* LOG_AUTO ... of config.h */
void log_line(int level, int context, const char *event, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* --- keeper.c --- */
struct keeper;
enum keeper_kind { KEEPER_NONE, KEEPER_SYSTEMD, KEEPER_HOLD };
/* Finds the keeper and takes the descriptors that it has of a predecessor. 0 or -errno; logs. `socket`: of glane-hold; only_if_there: does not start one. */
int keeper_open(struct keeper **keeper, enum keeper_kind kind, const char *socket,
		bool only_if_there);
const struct gl_fd *keeper_found(const struct keeper *keeper, size_t *count);
void keeper_taken(struct keeper *keeper); /* all that was found belongs to others now */
/* Gives it those that it does not have; drops those that are not in the list. */
int keeper_add(struct keeper *keeper, const struct gl_fd *fds, size_t count);
void keeper_prune(struct keeper *keeper, const struct gl_fd *fds, size_t count);
/* Drops all; glane-hold ends if `end`. When it returns they are closed there. */
void keeper_release(struct keeper *keeper, bool end);
void keeper_close(struct keeper *keeper);
/* For the event loop: readable when glane-hold went away; -1: none. */
int keeper_fd(const struct keeper *keeper);
/* Starts glane-hold again after it went away. */
int keeper_again(struct keeper *keeper);

/* --- context.c --- */
enum phase {
	PHASE_STEADY,
	PHASE_ADDING,
	PHASE_REMOVING,
	PHASE_SETTING,
	PHASE_ATTACHING,
	PHASE_DETACHING
};
enum owner { OWNER_NONE, OWNER_TAP, OWNER_ATTACHED, OWNER_CAPTURE, OWNER_SELFTEST, OWNER_VIF };

struct attachment {
	char memory_name[24];
	const struct gl_memory *memory;
	uint64_t bytes;
	pid_t pid;
	uid_t uid;
	char program[32];
	struct peer *peer; /* NULL: it may come back until the deadline */
	uint64_t deadline; /* CLOCK_MONOTONIC, microseconds */
};

struct context {
	bool exists, enabled;
	enum phase phase; /* of an operation under way, in the state file before its first step */
	enum owner owner;
	struct context_config config;
	struct attachment attachment; /* with OWNER_ATTACHED */
	struct vif vif;		      /* with OWNER_VIF */
	/* seen at the last look */
	struct gl_context_state seen;
	struct gl_fault fault; /* the last one */
	uint64_t faults;       /* in all, since the context was added */
	uint64_t fault_told;   /* when, in now_us() */
	bool fault_waits;      /* there is one that is not told yet */
};

/* All: 0, or a negative errno with a sentence in d->error. With OWNER_VIF its vif is there already, and the context is disabled. */
int context_add(struct daemon *d, unsigned k, const struct context_config *config,
		enum owner owner);
int64_t context_remove(struct daemon *d, unsigned k); /* cycles */
int context_set(struct daemon *d, unsigned k, const struct context_config *config);
int context_enable(struct daemon *d, unsigned k, bool enable);
int context_attach(struct daemon *d, unsigned k, struct peer *peer, int fd, uint64_t bytes);
int context_resume(struct daemon *d, unsigned k, struct peer *peer, int fd, uint64_t bytes);
int context_detach(struct daemon *d, unsigned k, const char *why);
/* Revokes it and makes it anew. An error: it is not revoked. */
int context_renew(struct daemon *d, unsigned k);
int context_free(const struct daemon *d); /* lowest free, or -1 */
void context_default_mac(const struct daemon *d, unsigned k, uint8_t mac[6]);
/* After adoption: finishes or undoes what was under way. */
int context_recover(struct daemon *d, unsigned k);
/* After gl_firmware_load: everything once more. */
int context_again(struct daemon *d, unsigned k);
/* Takes the fault record, if there is one: counts, logs, tells. */
void context_fault(struct daemon *d, unsigned k);
/* EVENT.FAULT: the same, but once in a second. */
void context_faulted(struct daemon *d, unsigned k);
/* Looks for changes of the device's state, logs and tells them. */
void context_look(struct daemon *d, unsigned k);
json_t *context_json(struct daemon *d, unsigned k);
const char *context_state_name(const struct gl_context_state *state);
const char *owner_name(enum owner owner);

/* --- state.c --- */
/* The state file's content, or NULL: none (*damaged tells which). */
json_t *state_read(const char *file, bool *damaged);
/* Puts what it says into d (contexts; not the NIC). 0 or -EINVAL. */
int state_apply(struct daemon *d, const json_t *state);
/* Writes the file, and gives the keeper what is new. */
int state_commit(struct daemon *d);
void state_forget(struct daemon *d);

/* --- peer.c --- */
struct peer {
	struct peer *next;
	struct daemon *daemon;
	struct glc_connection *connection;
	sd_event_source *source;
	bool hello, privileged, subscribed, lost;
	char program[32];
	int attached;		  /* context, or -1 */
	char *metrics;		  /* of which the peer has only a part yet, or NULL */
	struct glc_request later; /* answered later, and no other before it; object NULL: none */
	int waits_for;		  /* the context that its answer waits for */
};
int peers_listen(struct daemon *d);
void peers_close(struct daemon *d);
void peer_close(struct peer *peer, const char *why);
struct reply;
/* The answer to what method_call() left for later. */
void peer_answer(struct peer *peer, struct reply *reply);
/* Serves a connected socket; the descriptor is its own from now on. For tests and peers_listen(). */
int peer_add(struct daemon *d, struct glc_connection *connection, struct peer **peer);
/* A notification "event" to those who asked for them, and a line in the log. context: NO_CONTEXT. */
void tell(struct daemon *d, int level, int context, const char *kind, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* --- methods.c --- */
struct reply {
	json_t *result;
	int fds[GLC_FDS_MAX]; /* not owned */
	size_t fd_count;
	int code, error;
	char text[400];
	bool later; /* peer_answer() */
};
void method_call(struct daemon *d, struct peer *peer, struct glc_request *request,
		 struct reply *reply);
json_t *nic_json(struct daemon *d);

/* --- metrics.c --- */
char *metrics_text(struct daemon *d); /* the caller frees it */
int metrics_listen(struct daemon *d);
void metrics_close(struct daemon *d);

/* --- port.c: a context that the daemon itself drives for a while --- */
struct port {
	struct daemon *daemon;
	unsigned context;
	const struct gl_memory *memory;
	struct vnet vnet;
};
/* Adds the context, maps memory of its own, brings the driver up. On failure nothing is left. */
int port_open(struct port *port, struct daemon *d, unsigned k, enum owner owner,
	      const struct context_config *config);
void port_close(struct port *port);

/* --- capture.c, selftest.c --- */
/* Takes fd. */
int capture_start(struct daemon *d, unsigned k, unsigned snaplen, int fd, unsigned *via);
void captures_stop(struct daemon *d);
json_t *selftest_run(struct daemon *d);

/* --- main.c --- */
struct daemon {
	struct config config;
	sd_event *event;
	struct gl_nic *nic;
	struct gl_firmware *firmware;
	struct gl_firmware_info firmware_info;
	unsigned count; /* contexts of the NIC */
	struct context *context;
	struct keeper *keeper;
	sd_event_source *keeper_source;
	int lock;
	char *state_file, *lock_file, *hold_socket;
	uint64_t saved_generation;
	size_t saved_extra;
	uint64_t serial; /* for names of memories, never used twice */
	uint64_t firmware_restarts;
	double started;
	uint64_t event_count[5]; /* bits of BAR0.EVENT */
	struct tap0 *tap0;
	sd_event_source *tap0_source;
	int listener;
	sd_event_source *listener_source;
	struct peer *peers;
	size_t peer_count;
	struct metrics *metrics;
	struct capture *captures;
	struct vifs vifs;
	/* The PV guest that may still reach a context's page (docs/xen-interface.md); 0: none. Kept. */
	uint32_t held[CONTEXTS_MAX];
	bool adopted; /* the NIC ran already */
	bool running; /* startup is over: operations are committed one by one */
	bool commit_failed;
	unsigned look; /* the context without owner that is looked at next */
	int exit_status;
	char error[512];
};

uint64_t now_us(void); /* CLOCK_MONOTONIC */
double now_wall(void); /* seconds since 1970 */
/* Writes the sentence, returns -error. */
int daemon_fail(struct daemon *d, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with the library's sentence; ends the loop if the NIC has gone. `error` is negative. */
int daemon_nic_fail(struct daemon *d, int error);
/* Loads firmware (a file read already) and brings the contexts up again. */
int daemon_firmware_load(struct daemon *d, struct gl_firmware *firmware,
			 const struct gl_firmware_info *info, const char *path);
/* Context 0's device was made or enabled anew: sets up its driver again. */
void daemon_tap0_again(struct daemon *d);
/* What the NIC reports on vector 0. */
void daemon_events(struct daemon *d);
/* The program, without its exit: for tests. */
int daemon_main(int argc, char **argv);

#endif
