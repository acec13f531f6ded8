// SPDX-License-Identifier: Apache-2.0
// The life of a vif: docs/xen-interface.md as a state machine, one step of one vif at a time, so that the loop never waits for a guest. The phase is in the state file before its
// first step; a successor goes on from there (recover()).
#include "glaned.h"
#include "guestlane_regs.h"
#include "xen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <xenstore.h>

#define PAGE	 4096ull
#define PACE_US	 10000	 /* between two looks at a front end that changes its state all the time */
#define AGAIN_US 1000000 /* before a vif is connected again, or what failed is tried again */
#define CLOSING_US \
	30000000	 /* that a front end has when the back end closes for a reason of its own */
#define STATUS_RUNS 0x04 /* DRIVER_OK of the device status (virtio 1.2, 2.1) */
#define NEVER	    UINT64_MAX

const char *vif_phase_name(enum vif_phase phase)
{
	static const char *const names[] = { "adding",	"waiting",   "connecting", "connected",
					     "closing", "returning", "closed" };
	return names[phase];
}

static enum xenbus back_state(enum vif_phase phase)
{
	static const enum xenbus states[] = { XB_INITIALISING, XB_INIT_WAIT, XB_INIT_WAIT,
					      XB_CONNECTED,    XB_CLOSING,   XB_CLOSING,
					      XB_CLOSED };
	return states[phase];
}

static struct vif *vif_of(struct daemon *d, unsigned k)
{
	struct context *c = &d->context[k];
	return c->exists && c->owner == OWNER_VIF ? &c->vif : NULL;
}

static unsigned vif_count(struct daemon *d)
{
	unsigned n = 0;
	for (unsigned k = 0; k < d->count; k++)
		n += vif_of(d, k) != NULL;
	return n;
}

static void arm(struct daemon *d, uint64_t when)
{
	if (!d->vifs.timer)
		return;
	sd_event_source_set_time(d->vifs.timer, when);
	sd_event_source_set_enabled(d->vifs.timer, SD_EVENT_ONESHOT);
}

static void wake(struct daemon *d)
{
	arm(d, 0);
}

/* --- Phases --- */

static void enter(struct daemon *d, unsigned k, enum vif_phase phase)
{
	struct vif *v = &d->context[k].vif;
	v->phase = phase;
	v->look = true;
	v->deadline = 0;
	if (phase == VIF_RETURNING)
		v->revoked = false;
	state_commit(d);
	if (store_back_state(d, k, back_state(phase)))
		log_line(LOG_WARNING, (int)k, "vif.store", "vif %u of domain %u: %s", v->handle,
			 v->domain, d->error);
	wake(d);
}

/* Asks the front end to stop its driver. */
static void close_front(struct daemon *d, unsigned k, uint64_t patience_us)
{
	struct vif *v = &d->context[k].vif;
	enter(d, k, VIF_CLOSING);
	v->deadline = patience_us ? now_us() + patience_us : 0;
}

/* d->error says why it cannot be connected. */
static void refuse(struct daemon *d, unsigned k)
{
	struct vif *v = &d->context[k].vif;
	snprintf(v->error, sizeof(v->error), "%.255s", d->error);
	v->failed = true;
	v->again = now_us() + (d->vifs.again_us << (v->refusals < 6 ? v->refusals++ : 6));
	d->vifs.refusals++;
	tell(d, LOG_WARNING, (int)k, "vif.refused", "vif %u of domain %u is not connected: %s",
	     v->handle, v->domain, v->error);
	store_back_write(d, k, "error", "%s", v->error);
	enter(d, k, VIF_RETURNING);
}

/* --- Connecting --- */

static int interrupt_to_guest(struct daemon *d, unsigned k)
{
	const struct vif *v = &d->context[k].vif;
	int error = gl_irq_to_guest(d->nic, k, v->domain, v->front.port);
	return error ? daemon_nic_fail(d, error) : 0;
}

/* All pages are in the table: the rest. */
static int finish(struct daemon *d, unsigned k)
{
	struct context *c = &d->context[k];
	struct vif *v = &c->vif;
	struct glx *x = d->vifs.glx;
	enum glx_type type;
	int error = glx_domain(x, v->domain, &type, NULL);
	if (error)
		return daemon_fail(d, -error, "%s", glx_error(x));
	/* A PV guest that has seen the page may keep it in its page tables. */
	if (type == GLX_PV)
		d->held[k] = v->domain;
	error = gl_page_address(d->nic, k, &v->machine);
	if (error)
		return daemon_nic_fail(d, error);
	state_commit(d);
	error = glx_page_map(x, v->domain, v->machine, &v->address);
	if (error)
		return daemon_fail(d, -error, "the device page: %s", glx_error(x));
	state_commit(d);
	error = interrupt_to_guest(d, k);
	if (error)
		return error;
	error = gl_context_enable(d->nic, k, true);
	if (error)
		return daemon_nic_fail(d, error);
	c->enabled = true;
	error = store_back_write(d, k, "page-address", "0x%llx", (unsigned long long)v->address);
	if (!error)
		error = store_back_write(d, k, "page-mfn", "%llu",
					 (unsigned long long)(v->machine / PAGE));
	return error;
}

static void begin(struct daemon *d, unsigned k)
{
	struct vif *v = &d->context[k].vif;
	v->began = now_us();
	v->done = 0;
	v->grants = 0;
	v->error[0] = 0;
	store_back_clear(d, k, "error");
	if (store_front(d, k, &v->front))
		refuse(d, k);
	else
		enter(d, k, VIF_CONNECTING);
}

/* One directory page. */
static void proceed(struct daemon *d, unsigned k)
{
	struct vif *v = &d->context[k].vif;
	int more = memory_map(d, k);
	if (more > 0) {
		wake(d);
		return;
	}
	if (more < 0 || finish(d, k)) {
		if (!d->exit_status)
			refuse(d, k);
		return;
	}
	d->vifs.connects++;
	v->refusals = 0;
	enter(d, k, VIF_CONNECTED);
	tell(d, LOG_INFO, (int)k, "vif.connected",
	     "vif %u of domain %u: connected to context %u, %llu pages (%s), after %.3f s",
	     v->handle, v->domain, k, (unsigned long long)v->grants,
	     v->front.whole ? "whole" : "pool", (double)(now_us() - v->began) / 1e6);
}

/* --- Giving back: interrupt and device first, then its page, then what its table led to. Each part may be done already. --- */

static int take_back(struct daemon *d, unsigned k)
{
	struct context *c = &d->context[k];
	struct vif *v = &c->vif;
	c->enabled = false;
	uint64_t sent = gl_context_stat(d->nic, k, GL_CSTAT_TX_FRAMES);
	uint64_t received = gl_context_stat(d->nic, k, GL_CSTAT_RX_FRAMES);
	int error = context_renew(d, k);
	if (error)
		return error;
	if (v->machine) {
		/* The counters are gone with the revocation. */
		tell(d, LOG_INFO, (int)k, "vif.revoked",
		     "vif %u of domain %u: revoked; it had sent %llu frames and received %llu",
		     v->handle, v->domain, (unsigned long long)sent, (unsigned long long)received);
		error = glx_page_unmap(d->vifs.glx, v->domain, v->machine,
				       v->address ? v->address : v->machine);
		if (error < 0)
			return daemon_fail(d, -error, "the device page: %s",
					   glx_error(d->vifs.glx));
		d->held[k] = error ? v->domain : 0;
		v->machine = v->address = 0;
	}
	/* Not there is fine. */
	store_back_clear(d, k, "page-address");
	store_back_clear(d, k, "page-mfn");
	v->revoked = true;
	return 0;
}

static void answer_waiting(struct daemon *d, unsigned k, int error)
{
	struct vif *v = &d->context[k].vif;
	for (struct peer *p = d->peers, *next; p; p = next) {
		next = p->next;
		if (!p->later.object || p->waits_for != (int)k)
			continue;
		struct reply reply = { 0 };
		if (error) {
			reply.code = GLC_FAILED;
			reply.error = -error;
			snprintf(reply.text, sizeof(reply.text), "%.399s", d->error);
		} else {
			reply.result =
				json_pack("{s:f}", "seconds", (double)(now_us() - v->began) / 1e6);
		}
		peer_answer(p, &reply);
	}
}

/* Nothing is left but the context and the nodes. */
static void end(struct daemon *d, unsigned k)
{
	struct vif *v = &d->context[k].vif;
	uint32_t domain = v->domain, handle = v->handle;
	if (d->vifs.xs && store_remove(d, k))
		log_line(LOG_WARNING, (int)k, "vif.store", "vif %u of domain %u: %s", handle,
			 domain, d->error);
	answer_waiting(d, k, 0);
	if (context_remove(d, k) < 0)
		log_line(LOG_ERR, (int)k, "vif.removed", "vif %u of domain %u: %s", handle, domain,
			 d->error);
	tell(d, LOG_INFO, (int)k, "vif.removed", "vif %u of domain %u: removed", handle, domain);
}

static uint64_t give_back(struct daemon *d, unsigned k)
{
	struct vif *v = &d->context[k].vif;
	if (now_us() < v->again && v->deadline == NEVER)
		return v->again;
	int more = v->revoked ? 0 : take_back(d, k);
	if (!more)
		more = memory_unmap(d, v->domain, v->handle);
	if (more > 0)
		return 0;
	if (d->exit_status)
		return NEVER;
	if (more < 0) {
		/* Told once, tried until it works: nothing may be forgotten. */
		if (v->deadline != NEVER)
			log_line(LOG_ERR, (int)k, "vif.closed",
				 "vif %u of domain %u: it cannot be given back: %s", v->handle,
				 v->domain, d->error);
		v->deadline = NEVER;
		v->again = now_us() + d->vifs.again_us;
		answer_waiting(d, k, more);
		return v->again;
	}
	gl_irq_to_host(d->nic, k);
	v->grants = v->done = 0;
	if (v->again < now_us() + d->vifs.again_us)
		v->again = now_us() + d->vifs.again_us;
	if (v->removing) {
		store_back_state(d, k, XB_CLOSED);
		end(d, k);
		return NEVER;
	}
	if (v->undo) {
		v->undo = false;
		v->again = 0;
		enter(d, k, VIF_WAITING);
	} else if (v->failed) {
		v->failed = false;
		close_front(d, k, 0);
	} else {
		enter(d, k, VIF_CLOSED);
		tell(d, LOG_INFO, (int)k, "vif.closed", "vif %u of domain %u: closed", v->handle,
		     v->domain);
	}
	return 0;
}

/* --- One look at one vif; when the next one is due --- */

static void follow(struct daemon *d, unsigned k, unsigned front)
{
	struct vif *v = &d->context[k].vif;
	switch (v->phase) {
	case VIF_WAITING:
		if (front == XB_INITIALISED)
			begin(d, k);
		else if (front == XB_CONNECTED || front == XB_CLOSING)
			close_front(d, k, 0); /* of a connection that is no more */
		break;
	case VIF_CONNECTED:
		if (front == XB_CLOSING)
			close_front(d, k, 0);
		else if (front != XB_INITIALISED && front != XB_CONNECTED)
			enter(d, k, VIF_RETURNING); /* it is through, or another kernel runs */
		break;
	case VIF_CLOSING:
		if (front != XB_CLOSING && front != XB_CONNECTED && front != XB_INITIALISED)
			enter(d, k, VIF_RETURNING);
		break;
	case VIF_CLOSED:
		if (front == XB_INITIALISING || front == XB_INITIALISED) {
			v->error[0] = 0;
			store_back_clear(d, k, "error");
			enter(d, k, VIF_WAITING);
		}
		break;
	default:
		break;
	}
}

static uint64_t step(struct daemon *d, unsigned k)
{
	struct vif *v = vif_of(d, k);
	uint64_t now = now_us();
	unsigned front;
	if (!v || v->phase == VIF_ADDING)
		return NEVER;
	if (v->phase == VIF_RETURNING)
		return give_back(d, k);
	if (v->phase == VIF_CLOSING && v->deadline && now >= v->deadline) {
		d->vifs.cut_off++;
		tell(d, LOG_WARNING, (int)k, "vif.cut",
		     "vif %u of domain %u: its guest did not stop its driver in time; it is cut "
		     "off",
		     v->handle, v->domain);
		enter(d, k, VIF_RETURNING);
		return 0;
	}
	if (v->phase == VIF_CONNECTING && !v->look) {
		proceed(d, k);
		return 0;
	}
	uint64_t deadline = v->deadline ? v->deadline : NEVER;
	if (!v->look)
		return deadline;
	if (now < v->looked + d->vifs.pace_us && v->phase != VIF_CONNECTING)
		return v->looked + d->vifs.pace_us;
	v->looked = now;
	v->look = false;
	if (store_front_state(d, k, &front)) {
		log_line(LOG_WARNING, (int)k, "vif.store", "vif %u of domain %u: %s", v->handle,
			 v->domain, d->error);
		return deadline;
	}
	if (v->phase == VIF_CONNECTING) {
		if (front != XB_INITIALISED)
			enter(d, k, VIF_RETURNING);
		return 0;
	}
	/* Who fails, or comes and goes, takes turns with others. */
	if (v->phase == VIF_WAITING && front == XB_INITIALISED && now < v->again) {
		v->look = true;
		return v->again;
	}
	enum vif_phase before = v->phase;
	follow(d, k, front);
	v = vif_of(d, k);
	return v && v->phase != before ? 0 : deadline;
}

static void run(struct daemon *d)
{
	uint64_t next = NEVER;
	for (unsigned k = 0; k < d->count && !d->exit_status; k++) {
		uint64_t due = step(d, k);
		if (due < next)
			next = due;
	}
	if (next != NEVER)
		arm(d, next);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source;
	(void)usec;
	run(arg);
	return 0;
}

/* --- Domains that end --- */

static bool gone(struct daemon *d, uint32_t domain)
{
	return glx_domain(d->vifs.glx, domain, NULL, NULL) == -ENOENT;
}

static void released(struct daemon *d)
{
	bool freed = false;
	for (unsigned k = 0; k < d->count; k++) {
		struct vif *v = vif_of(d, k);
		if (v && !v->removing && gone(d, v->domain)) {
			v->removing = true;
			v->began = now_us();
			if (v->phase != VIF_RETURNING)
				enter(d, k, VIF_RETURNING);
			tell(d, LOG_INFO, (int)k, "vif.domain",
			     "vif %u of domain %u: the domain has ended", v->handle, v->domain);
		} else if (v && v->phase == VIF_CLOSING && gone(d, v->domain)) {
			enter(d, k, VIF_RETURNING);
		}
		if (d->held[k] && gone(d, d->held[k])) {
			d->held[k] = 0;
			freed = true;
		}
	}
	if (freed)
		state_commit(d);
	wake(d);
}

/* --- xenstore speaks --- */

static int on_store(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct daemon *d = arg;
	int k, more;
	bool release = false;
	(void)source;
	(void)fd;
	(void)events;
	while ((more = store_event(d, &k)) > 0) {
		if (k < 0)
			release = true;
		else
			d->context[k].vif.look = true;
	}
	if (more < 0) {
		log_line(LOG_ERR, NO_CONTEXT, "vif.store",
			 "the connection to xenstore broke; trying again");
		vifs_close(d);
		return 0;
	}
	if (release)
		released(d);
	wake(d);
	return 0;
}

/* --- Start and end --- */

static int open_xen(struct daemon *d)
{
	struct vifs *s = &d->vifs;
	uint64_t address;
	char *folder;
	if (asprintf(&folder, "%s.vifs", d->state_file) < 0)
		return daemon_fail(d, ENOMEM, "no memory");
	int error = 0;
	if (glx_is_dom0() && mkdir(folder, 0700) && errno != EEXIST)
		error = daemon_fail(d, errno, "cannot make the folder %s: %s", folder,
				    strerror(errno));
	if (!error) {
		error = glx_open(&s->glx, folder);
		if (error)
			daemon_fail(d, -error, "%s", glx_error(NULL));
	}
	free(folder);
	if (!error && gl_page_address(d->nic, 0, &address))
		error = daemon_fail(d, ENOTSUP, "%s", gl_error(d->nic));
	if (!error)
		error = store_open(d);
	if (error)
		return error;
	error = sd_event_add_io(d->event, &s->source, xs_fileno(s->xs), EPOLLIN, on_store, d);
	if (error >= 0)
		error = sd_event_add_time(d->event, &s->timer, CLOCK_MONOTONIC, 0, 1000, on_timer,
					  d);
	return error < 0 ? daemon_fail(d, -error, "no event source: %s", strerror(-error)) : 0;
}

static void recover(struct daemon *d, unsigned k)
{
	struct vif *v = &d->context[k].vif;
	struct gl_context_state state;
	bool whole;
	v->look = true;
	v->began = now_us();
	if (v->phase == VIF_ADDING) {
		end(d, k);
		return;
	}
	if (store_watch(d, k))
		log_line(LOG_ERR, (int)k, "vif.store", "vif %u of domain %u: %s", v->handle,
			 v->domain, d->error);
	/* The hotplug script found no daemon to tell. */
	v->removing = v->removing || store_offline(d, k);
	if (v->removing && v->phase != VIF_CONNECTED && v->phase != VIF_CLOSING)
		v->phase = VIF_RETURNING;
	switch (v->phase) {
	case VIF_CONNECTING:
		v->undo = true;
		enter(d, k, VIF_RETURNING);
		break;
	case VIF_CONNECTED:
		if (v->removing) {
			close_front(d, k, CLOSING_US);
			break;
		}
		whole = d->adopted && gl_context_get(d->nic, k, &state) == 0 && state.exists &&
			state.enabled && memory_complete(d, k) && interrupt_to_guest(d, k) == 0;
		if (whole) {
			enter(d, k, VIF_CONNECTED);
			break;
		}
		tell(d, LOG_WARNING, (int)k, "vif.closing",
		     "vif %u of domain %u: its device does not run any more; its guest starts over",
		     v->handle, v->domain);
		close_front(d, k, CLOSING_US);
		break;
	case VIF_CLOSING:
		close_front(d, k, CLOSING_US);
		break;
	default:
		enter(d, k, v->phase);
		break;
	}
}

void vifs_open(struct daemon *d)
{
	struct vifs *s = &d->vifs;
	if (s->timer)
		return;
	if (!s->pace_us)
		s->pace_us = PACE_US;
	if (!s->again_us)
		s->again_us = AGAIN_US;
	if (open_xen(d)) {
		snprintf(s->missing, sizeof(s->missing), "%.255s", d->error);
		vifs_close(d);
		return;
	}
	s->missing[0] = 0;
	for (unsigned k = 0; k < d->count; k++)
		if (vif_of(d, k))
			recover(d, k);
	memory_sweep(d);
	store_sweep(d);
	released(d);
	log_line(LOG_INFO, NO_CONTEXT, "vif.open", "serving guests of Xen: %u vifs", vif_count(d));
}

/* What is mapped stays mapped. */
void vifs_close(struct daemon *d)
{
	struct vifs *s = &d->vifs;
	s->source = sd_event_source_disable_unref(s->source);
	s->timer = sd_event_source_disable_unref(s->timer);
	store_close(d);
	if (s->glx)
		glx_close(s->glx);
	s->glx = NULL;
}

int vifs_ready(struct daemon *d)
{
	vifs_open(d);
	return d->vifs.timer ? 0 : daemon_fail(d, ENOTSUP, "vifs need Xen: %s", d->vifs.missing);
}

void vifs_look(struct daemon *d)
{
	if (!d->vifs.timer && vif_count(d))
		vifs_open(d);
	if (d->vifs.timer)
		run(d);
}

void vifs_stop(struct daemon *d)
{
	if (!d->vifs.timer)
		return;
	for (unsigned k = 0; k < d->count; k++) {
		struct vif *v = vif_of(d, k);
		if (!v)
			continue;
		store_back_write(d, k, "online", "0");
		v->removing = true;
		v->again = 0;
		enter(d, k, VIF_RETURNING);
		while (vif_of(d, k) && !give_back(d, k))
			;
	}
	vifs_close(d);
}

void vifs_gone(struct daemon *d)
{
	for (unsigned k = 0; k < d->count && d->vifs.timer; k++) {
		struct vif *v = vif_of(d, k);
		if (v && v->phase == VIF_CONNECTED)
			close_front(d, k, CLOSING_US);
	}
}

void vif_again(struct daemon *d, unsigned k)
{
	struct vif *v = vif_of(d, k);
	if (!v || !d->vifs.timer)
		return;
	if (v->phase == VIF_CONNECTING) {
		v->undo = true;
		enter(d, k, VIF_RETURNING);
	} else if (v->phase == VIF_CONNECTED) {
		tell(d, LOG_NOTICE, (int)k, "vif.closing",
		     "vif %u of domain %u: its device was made anew; its guest starts over",
		     v->handle, v->domain);
		close_front(d, k, CLOSING_US);
	}
}

void vif_orphan(struct daemon *d, uint32_t domain, uint64_t machine, uint64_t address)
{
	uint64_t first = 0;
	if (!machine || gl_page_address(d->nic, 0, &first) || machine < first ||
	    (machine - first) / PAGE >= d->count)
		return;
	int held = glx_page_unmap(d->vifs.glx, domain, machine, address ? address : machine);
	if (held < 0)
		log_line(LOG_ERR, NO_CONTEXT, "vif.sweep", "%s", glx_error(d->vifs.glx));
	else if (held)
		d->held[(machine - first) / PAGE] = domain;
}

/* --- Methods --- */

int vif_may_have(struct daemon *d, unsigned k, uint32_t domain)
{
	uint32_t held = d->held[k];
	if (!held || held == domain)
		return 0;
	return daemon_fail(d, EBUSY,
			   "context %u was domain %u's, which can still reach its page; it is free "
			   "again when that domain has ended",
			   k, held);
}

static int find(struct daemon *d, uint32_t domain, uint32_t handle)
{
	for (unsigned k = 0; k < d->count; k++) {
		const struct vif *v = vif_of(d, k);
		if (v && v->domain == domain && v->handle == handle)
			return (int)k;
	}
	return -1;
}

/*
 * A guest that migrates to this very machine is two domains for a while, with one MAC address. The one that is saved has nothing mapped any more, and
 * gives its place to the one that xl calls by the same name and "--incoming".
 */
static void make_room(struct daemon *d, uint32_t domain, const uint8_t *mac)
{
	char name[64], incoming[64 + sizeof("--incoming")], other[sizeof(incoming)];
	store_name(d, domain, incoming, sizeof(incoming));
	for (unsigned k = 0; k < d->count; k++) {
		struct vif *v = vif_of(d, k);
		if (!v || memcmp(d->context[k].config.gl.mac, mac, 6) ||
		    (v->phase != VIF_WAITING && v->phase != VIF_CLOSED))
			continue;
		store_name(d, v->domain, name, sizeof(name));
		snprintf(other, sizeof(other), "%s--incoming", name);
		if (strcmp(other, incoming))
			continue;
		tell(d, LOG_INFO, (int)k, "vif.migrates",
		     "vif %u of domain %u: makes room for domain %u, as which its guest comes back",
		     v->handle, v->domain, domain);
		end(d, k);
	}
}

int vif_add(struct daemon *d, const struct vif *wish, const struct context_config *config,
	    unsigned *context)
{
	unsigned k, held = 0;
	int error = vifs_ready(d);
	if (error)
		return error;
	error = glx_domain(d->vifs.glx, wish->domain, NULL, NULL);
	if (error)
		return daemon_fail(d, -error, "%s", glx_error(d->vifs.glx));
	if (find(d, wish->domain, wish->handle) >= 0)
		return daemon_fail(d, EEXIST, "vif %u of domain %u exists already, on context %d",
				   wish->handle, wish->domain, find(d, wish->domain, wish->handle));
	make_room(d, wish->domain, config->gl.mac);
	/* What it had before first: page tables of a PV guest may know it. */
	for (k = 1; k < d->count; k++)
		if (!d->context[k].exists && d->held[k] == wish->domain)
			break;
	for (unsigned i = 1; k >= d->count && i < d->count; i++) {
		if (!d->context[i].exists && d->held[i])
			held++;
		else if (!d->context[i].exists)
			k = i;
	}
	if (k >= d->count)
		return daemon_fail(d, ENOSPC, "all %u contexts of the NIC are in use%s", d->count,
				   held ? ", or wait for guests to end that had them" : "");
	struct context *c = &d->context[k];
	c->vif = (struct vif){ .domain = wish->domain,
			       .handle = wish->handle,
			       .phase = VIF_ADDING,
			       .whole = wish->whole,
			       .pool_pages = wish->pool_pages };
	error = context_add(d, k, config, OWNER_VIF);
	if (error)
		return error;
	error = store_add(d, k);
	if (error) {
		char words[sizeof(d->error)];
		memcpy(words, d->error, sizeof(words));
		end(d, k);
		memcpy(d->error, words, sizeof(words));
		return error;
	}
	enter(d, k, VIF_WAITING);
	tell(d, LOG_INFO, (int)k, "vif.added",
	     "vif %u of domain %u: waits for its guest on context %u", wish->handle, wish->domain,
	     k);
	*context = k;
	return 0;
}

int vif_remove(struct daemon *d, struct peer *peer, uint32_t domain, uint32_t handle,
	       double seconds)
{
	int error = vifs_ready(d);
	if (error)
		return error;
	int k = find(d, domain, handle);
	if (k < 0)
		return 0;
	struct vif *v = &d->context[k].vif;
	peer->waits_for = k;
	uint64_t limit = now_us() + (uint64_t)(seconds * 1e6);
	if (!v->removing) {
		v->removing = true;
		v->began = now_us();
		store_back_write(d, (unsigned)k, "online", "0");
	}
	if (v->phase == VIF_CONNECTED)
		enter(d, (unsigned)k, VIF_CLOSING);
	/* Where nothing is connected nobody is waited for. */
	if (v->phase == VIF_CLOSING) {
		if (!v->deadline || limit < v->deadline)
			v->deadline = limit;
		state_commit(d);
	} else if (v->phase != VIF_RETURNING) {
		enter(d, (unsigned)k, VIF_RETURNING);
	} else {
		state_commit(d);
	}
	wake(d);
	return 1;
}

/* --- What is told of it --- */

json_t *vif_json(struct daemon *d, unsigned k)
{
	static const char *const types[] = { "pv", "pvh", "hvm" };
	struct context *c = &d->context[k];
	struct vif *v = &c->vif;
	struct gl_context_state s = { 0 };
	enum glx_type type = GLX_PV;
	char name[64], mac[18];
	bool known = glx_domain(d->vifs.glx, v->domain, &type, NULL) == 0;
	store_name(d, v->domain, name, sizeof(name));
	mac_text(c->config.gl.mac, mac);
	bool connected = v->phase == VIF_CONNECTED;
	bool direct = connected && gl_context_get(d->nic, k, &s) == 0 &&
		      (s.device_status & STATUS_RUNS) && !s.away;
	bool whole = connected ? v->front.whole : v->whole;
	json_t *text = json_string(name);
	return json_pack("{s:I, s:o, s:s, s:I, s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s?}",
			 "domain", (json_int_t)v->domain, "name", text ? text : json_string("?"),
			 "type", known ? types[type] : "?", "handle", (json_int_t)v->handle,
			 "context", k, "state", vif_phase_name(v->phase), "mac", mac, "memory",
			 whole ? "whole" : "pool", "grants", (json_int_t)v->grants, "event_channel",
			 (json_int_t)(connected ? v->front.port : 0), "interrupts",
			 (json_int_t)(connected ? gl_irq_passed(d->nic, k) : 0), "path",
			 direct ? "direct" : "fallback", "error", v->error[0] ? v->error : NULL);
}

json_t *vif_kept(const struct vif *v)
{
	return json_pack("{s:I, s:I, s:s, s:b, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:b}",
			 "domain", (json_int_t)v->domain, "handle", (json_int_t)v->handle, "phase",
			 vif_phase_name(v->phase), "whole", v->whole, "pool_pages",
			 (json_int_t)v->pool_pages, "whole_taken", v->front.whole, "pages",
			 (json_int_t)v->front.pages, "directory_pages",
			 (json_int_t)v->front.directory_pages, "port", (json_int_t)v->front.port,
			 "guest_address", (json_int_t)v->front.guest_address, "machine",
			 (json_int_t)v->machine, "address", (json_int_t)v->address, "removing",
			 v->removing);
}

int vif_from_kept(struct vif *v, const json_t *kept)
{
	const char *phase = json_string_value(json_object_get(kept, "phase"));
	*v = (struct vif){ 0 };
	if (!phase)
		return -EINVAL;
	while (strcmp(vif_phase_name(v->phase), phase))
		if (++v->phase > VIF_CLOSED)
			return -EINVAL;
#define NUMBER(name) json_integer_value(json_object_get(kept, name))
	v->domain = (uint32_t)NUMBER("domain");
	v->handle = (uint32_t)NUMBER("handle");
	v->whole = json_is_true(json_object_get(kept, "whole"));
	v->pool_pages = (uint32_t)NUMBER("pool_pages");
	v->front.whole = json_is_true(json_object_get(kept, "whole_taken"));
	v->front.pages = (uint32_t)NUMBER("pages");
	v->front.directory_pages = (uint32_t)NUMBER("directory_pages");
	v->front.port = (uint32_t)NUMBER("port");
	v->front.guest_address = (uint64_t)NUMBER("guest_address");
	v->machine = (uint64_t)NUMBER("machine");
	v->address = (uint64_t)NUMBER("address");
	v->removing = json_is_true(json_object_get(kept, "removing"));
#undef NUMBER
	return v->domain ? 0 : -EINVAL;
}
