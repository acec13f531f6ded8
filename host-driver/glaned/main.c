// SPDX-License-Identifier: Apache-2.0
// Start, adoption, event loop and stop of the daemon.
#include "glaned.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define LOOK_US	    1000000 /* between two looks at the NIC when it reports nothing */
#define TAP0_KEPT   "tap0.tap"
#define EVENTS_OURS (GL_BAR0_EVENT_FAULT_MASK | GL_BAR0_EVENT_WATCHDOG_MASK)

uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

double now_wall(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int daemon_fail(struct daemon *d, int error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(d->error, sizeof(d->error), format, args);
	va_end(args);
	return -error;
}

int daemon_nic_fail(struct daemon *d, int error)
{
	daemon_fail(d, -error, "%s", gl_error(d->nic));
	if (gl_alive(d->nic) == -ENODEV && d->running) {
		log_line(LOG_ERR, NO_CONTEXT, "vanished",
			 "%s has gone; its state stays in %s for when it comes back",
			 d->config.device, d->state_file);
		d->exit_status = EXIT_VANISHED;
		vifs_gone(d);
		sd_event_exit(d->event, EXIT_VANISHED);
	}
	return error;
}

/* --- What the NIC reports --- */

static void set_watchdog(struct daemon *d)
{
	uint64_t cycles = (uint64_t)gl_clock_hz(d->nic) * d->config.watchdog_ms / 1000;
	gl_write(d->nic, GL_BAR0, GL_BAR0_WATCHDOG,
		 cycles > UINT32_MAX ? UINT32_MAX : (uint32_t)cycles, 4);
}

static void firmware_hung(struct daemon *d)
{
	int error = gl_firmware_restart(d->nic, d->firmware);
	d->firmware_restarts++;
	if (!error) {
		set_watchdog(d);
		tell(d, LOG_WARNING, NO_CONTEXT, "firmware",
		     "the firmware hung and was restarted (%llu times so far); contexts go on",
		     (unsigned long long)d->firmware_restarts);
		for (unsigned k = 0; k < d->count; k++)
			if (d->context[k].exists)
				context_look(d, k);
		state_commit(d);
		return;
	}
	daemon_nic_fail(d, error);
	if (d->exit_status)
		return;
	log_line(LOG_ERR, NO_CONTEXT, "firmware",
		 "the firmware hung and does not go on: %s; loading it anew, drivers start over",
		 d->error);
	error = daemon_firmware_load(d, d->firmware, &d->firmware_info, d->config.firmware);
	if (error && !d->exit_status) {
		log_line(LOG_CRIT, NO_CONTEXT, "firmware", "the firmware does not start: %s",
			 d->error);
		d->exit_status = EXIT_FAILURE;
		sd_event_exit(d->event, EXIT_FAILURE);
	}
}

void daemon_events(struct daemon *d)
{
	uint32_t events = gl_event(d->nic);
	if (events == UINT32_MAX) {
		daemon_fail(d, ENODEV, "all ones");
		if (gl_alive(d->nic))
			daemon_nic_fail(d, -ENODEV);
		return;
	}
	if (!events)
		return;
	gl_event_clear(d->nic, events);
	for (int i = 0; i < 5; i++)
		d->event_count[i] += events >> i & 1;
	if (events & GL_BAR0_EVENT_FAULT_MASK)
		for (unsigned k = 0; k < d->count; k++)
			if (d->context[k].exists)
				context_faulted(d, k);
	if (events & GL_BAR0_EVENT_WATCHDOG_MASK)
		firmware_hung(d);
}

static int on_management_irq(sd_event_source *source, int fd, uint32_t io, void *arg)
{
	uint64_t count;
	(void)source;
	(void)io;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return 0;
	daemon_events(arg);
	return 0;
}

/* All contexts share an interrupt: their eventfds are written here. */
static int on_shared_irq(sd_event_source *source, int fd, uint32_t io, void *arg)
{
	struct daemon *d = arg;
	(void)source;
	(void)fd;
	(void)io;
	int told = gl_irq_distribute(d->nic);
	if (told < 0)
		daemon_nic_fail(d, told);
	return 0;
}

static int on_look(sd_event_source *source, uint64_t usec, void *arg)
{
	struct daemon *d = arg;
	(void)usec;
	/* An interrupt may have been taken by who waited in the library. */
	daemon_events(d);
	/* What is lost need not read as ones. */
	if (!d->exit_status && gl_alive(d->nic))
		daemon_nic_fail(d, -ENODEV);
	for (unsigned k = 0; k < d->count && !d->exit_status; k++) {
		struct context *c = &d->context[k];
		if (!c->exists)
			continue;
		if (c->fault_waits)
			context_faulted(d, k);
		/* Where nobody drives the device little happens: these take turns. */
		if (c->owner != OWNER_NONE || k == d->look)
			context_look(d, k);
		if (c->owner == OWNER_ATTACHED && c->attachment.deadline &&
		    now_us() >= c->attachment.deadline)
			context_detach(d, k, "it did not come back within attach-timeout");
	}
	d->look = (d->look + 1) % d->count;
	if (!d->exit_status)
		vifs_look(d);
	/* The library may have got new descriptors. */
	if (gl_generation(d->nic) != d->saved_generation)
		state_commit(d);
	sd_event_source_set_time_relative(source, LOOK_US);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

static int on_keeper(sd_event_source *source, int fd, uint32_t events, void *arg);

static int watch_keeper(struct daemon *d)
{
	int fd = keeper_fd(d->keeper);
	return fd < 0 ? 0 : sd_event_add_io(d->event, &d->keeper_source, fd, EPOLLIN, on_keeper, d);
}

/* It speaks when spoken to only: this is its end. */
static int on_keeper(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct daemon *d = arg;
	(void)source;
	(void)fd;
	(void)events;
	d->keeper_source = sd_event_source_disable_unref(d->keeper_source);
	log_line(LOG_WARNING, NO_CONTEXT, "keeper", "glane-hold ended; starting it again");
	int error = keeper_again(d->keeper);
	if (error) {
		log_line(LOG_ERR, NO_CONTEXT, "keeper",
			 "glane-hold does not start: %s; the contexts will not survive this daemon",
			 strerror(-error));
		return 0;
	}
	d->saved_generation = UINT64_MAX;
	state_commit(d);
	return watch_keeper(d);
}

/* --- Context 0's TAP --- */

static int on_tap0(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct daemon *d = arg;
	(void)source;
	(void)fd;
	(void)events;
	if (!tap0_run(d->tap0))
		return 0;
	log_line(LOG_WARNING, TAP0_CONTEXT, "tap", "context 0: %s; starting its driver anew",
		 tap0_error(d->tap0));
	daemon_tap0_again(d);
	return 0;
}

static int tap0_watch(struct daemon *d)
{
	return d->tap0_source ? 0
			      : sd_event_add_io(d->event, &d->tap0_source, tap0_fd(d->tap0),
						EPOLLIN, on_tap0, d);
}

void daemon_tap0_again(struct daemon *d)
{
	if (!d->tap0)
		return;
	if (tap0_restart(d->tap0)) {
		log_line(LOG_ERR, TAP0_CONTEXT, "tap", "context 0: %s; %s is off",
			 tap0_error(d->tap0), d->config.tap);
		d->tap0_source = sd_event_source_disable_unref(d->tap0_source);
	} else if (tap0_watch(d) < 0) {
		log_line(LOG_ERR, TAP0_CONTEXT, "tap", "context 0: no event source; %s is off",
			 d->config.tap);
	}
}

static int tap0_begin(struct daemon *d, int tap_fd)
{
	struct tap0_config config = { .context = TAP0_CONTEXT,
				      .name = d->config.tap,
				      .split = d->config.tap_split,
				      .queue_size = d->context[TAP0_CONTEXT].config.gl.queue_size,
				      .tap_fd = tap_fd };
	char words[256];
	int error = tap0_open(&d->tap0, d->nic, &config, words, sizeof(words));
	if (error)
		return daemon_fail(d, -error, "%s", words);
	error = tap0_watch(d);
	return error < 0 ? daemon_fail(d, -error, "no event source: %s", strerror(-error)) : 0;
}

/* --- Firmware --- */

int daemon_firmware_load(struct daemon *d, struct gl_firmware *firmware,
			 const struct gl_firmware_info *info, const char *path)
{
	captures_stop(d);
	int error = gl_firmware_load(d->nic, firmware);
	if (error) {
		if (firmware != d->firmware)
			gl_firmware_free(firmware);
		return daemon_nic_fail(d, error);
	}
	char *copy = strdup(path);
	d->firmware_info = *info;
	if (firmware != d->firmware) {
		gl_firmware_free(d->firmware);
		d->firmware = firmware;
	}
	if (copy) {
		free(d->config.firmware);
		d->config.firmware = copy;
	}
	set_watchdog(d);
	int first = 0;
	for (unsigned k = 0; k < d->count; k++) {
		if (!d->context[k].exists)
			continue;
		error = context_again(d, k);
		if (error && !first)
			first = error;
		if (error)
			log_line(LOG_ERR, (int)k, "firmware", "context %u did not come up: %s", k,
				 d->error);
	}
	daemon_tap0_again(d);
	state_commit(d);
	tell(d, LOG_NOTICE, NO_CONTEXT, "firmware", "firmware loaded from %s, build %08x",
	     d->config.firmware, d->firmware_info.build_id);
	return first;
}

/* --- Start --- */

static int start_anew(struct daemon *d, const json_t *state)
{
	struct gl_config config = { .device = d->config.device,
				    .table_bytes = d->config.table_bytes,
				    .timeout_ms = d->config.timeout_ms };
	int error = gl_open(&d->nic, &config);
	if (error)
		return daemon_fail(d, -error, "%s", gl_error(NULL));
	d->count = gl_contexts(d->nic);
	if (d->count > CONTEXTS_MAX)
		d->count = CONTEXTS_MAX;
	d->context = calloc(d->count, sizeof(*d->context));
	if (!d->context)
		return daemon_fail(d, ENOMEM, "no memory");
	d->started = now_wall();
	if (d->config.irq_mode != IRQ_AUTO)
		error = gl_irq_mode(d->nic, d->config.irq_mode == IRQ_BIT_VECTOR
						    ? GL_IRQ_BIT_VECTOR
						    : GL_IRQ_PER_CONTEXT);
	if (!error)
		error = gl_irq_moderation(d->nic, d->config.irq_moderation_us);
	if (error)
		return daemon_nic_fail(d, error);
	error = gl_firmware_load(d->nic, d->firmware);
	if (error)
		return daemon_nic_fail(d, error);
	/* The contexts as they were when the NIC went away, else as configured. */
	if (state && state_apply(d, state) == 0) {
		for (unsigned k = 0; k < d->count; k++) {
			struct context *c = &d->context[k];
			struct context_config was = c->config;
			bool wanted = c->exists && c->owner != OWNER_CAPTURE &&
				      c->owner != OWNER_SELFTEST && c->phase != PHASE_ADDING &&
				      c->phase != PHASE_REMOVING,
			     enabled = c->enabled;
			enum owner owner = c->owner == OWNER_VIF ? OWNER_VIF : OWNER_NONE;
			struct vif vif = c->vif;
			memset(c, 0, sizeof(*c));
			c->vif = vif;
			if (wanted && context_add(d, k, &was, owner))
				return daemon_fail(d, EIO, "context %u: %s", k, gl_error(d->nic));
			if (wanted && owner == OWNER_NONE && !enabled &&
			    context_enable(d, k, false))
				return -EIO;
		}
	} else {
		for (unsigned k = 0; k < CONTEXTS_MAX; k++) {
			if (!d->config.wanted[k])
				continue;
			if (k >= d->count)
				return daemon_fail(d, EINVAL,
						   "%s:%d: [context %u] does not exist: the NIC "
						   "has %u contexts",
						   d->config.file ? d->config.file
								  : "configuration",
						   d->config.line[k], k, d->count);
			error = context_add(d, k, &d->config.context[k], OWNER_NONE);
			if (error)
				return error;
		}
	}
	d->firmware_restarts = 0;
	if (d->config.tap[0]) {
		if (!d->context[TAP0_CONTEXT].exists &&
		    (error = context_add(d, TAP0_CONTEXT, &d->config.context[TAP0_CONTEXT],
					 OWNER_NONE)))
			return error;
		d->context[TAP0_CONTEXT].owner = OWNER_TAP;
		return tap0_begin(d, -1);
	}
	return 0;
}

static int adopt(struct daemon *d, const json_t *state)
{
	size_t count;
	const struct gl_fd *found = keeper_found(d->keeper, &count);
	struct gl_fd *fds = calloc(count + 1, sizeof(*fds));
	size_t n = 0;
	int tap_fd = -1;
	if (!fds)
		return daemon_fail(d, ENOMEM, "no memory");
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(found[i].name, TAP0_KEPT))
			tap_fd = found[i].fd;
		else
			fds[n++] = found[i];
	}
	int error = gl_adopt(&d->nic, json_string_value(json_object_get(state, "nic")), fds, n);
	free(fds);
	if (error)
		return daemon_fail(d, -error, "%s", gl_error(NULL));
	keeper_taken(d->keeper);
	d->count = gl_contexts(d->nic);
	if (d->count > CONTEXTS_MAX)
		d->count = CONTEXTS_MAX;
	d->context = calloc(d->count, sizeof(*d->context));
	if (!d->context || state_apply(d, state))
		return daemon_fail(d, EINVAL, "the state file does not fit the NIC");
	const char *firmware = json_string_value(json_object_get(state, "firmware"));
	if (firmware && strcmp(firmware, d->config.firmware)) {
		struct gl_firmware *running;
		struct gl_firmware_info info;
		if (!gl_firmware_read(&running, firmware, &info)) {
			gl_firmware_free(d->firmware);
			d->firmware = running;
			d->firmware_info = info;
			char *copy = strdup(firmware);
			if (copy) {
				free(d->config.firmware);
				d->config.firmware = copy;
			}
		}
	}
	/* What hung while nobody looked goes on first: contexts need the mailbox. */
	if (gl_event(d->nic) & GL_BAR0_EVENT_WATCHDOG_MASK)
		daemon_events(d);
	for (unsigned k = 0; k < d->count; k++)
		if (d->context[k].exists && context_recover(d, k))
			log_line(LOG_ERR, (int)k, "recover", "context %u did not come up: %s", k,
				 d->error);
	if (d->config.tap[0] && d->context[TAP0_CONTEXT].exists) {
		d->context[TAP0_CONTEXT].owner = OWNER_TAP;
		return tap0_begin(d, tap_fd);
	}
	if (tap_fd >= 0)
		close(tap_fd);
	return 0;
}

static int start(struct daemon *d)
{
	bool damaged;
	json_t *state = state_read(d->state_file, &damaged);
	size_t found;
	int error = 0;
	keeper_found(d->keeper, &found);
	if (damaged)
		log_line(LOG_WARNING, NO_CONTEXT, "state",
			 "the state file %s is damaged; starting anew", d->state_file);
	if (state && found) {
		error = adopt(d, state);
		d->adopted = !error;
		if (error && d->nic) {
			/* Half of it is ours: better a fresh start than a half one. */
			gl_close(d->nic);
			d->nic = NULL;
		}
		if (error)
			log_line(LOG_WARNING, NO_CONTEXT, "adopt",
				 "the NIC's state of before cannot be taken over (%s); starting "
				 "anew",
				 d->error);
	} else if (state) {
		log_line(LOG_NOTICE, NO_CONTEXT, "adopt",
			 "the NIC's descriptors of before are gone; starting anew");
	}
	if (!d->adopted) {
		free(d->context);
		d->context = NULL;
		keeper_release(d->keeper, false);
		error = start_anew(d, state);
	}
	json_decref(state);
	if (error)
		return error;
	for (unsigned k = 0; k < d->count; k++)
		if (d->context[k].exists)
			context_look(d, k);
	set_watchdog(d);
	gl_event_enable(d->nic, EVENTS_OURS | GL_BAR0_EVENT_MBOX_MASK);
	d->running = true;
	d->saved_generation = UINT64_MAX;
	state_commit(d);
	vifs_open(d);
	log_line(LOG_INFO, NO_CONTEXT, "start", "%s: %u contexts, firmware build %08x, %s",
		 d->config.device, d->count, d->firmware_info.build_id,
		 d->adopted ? "taken over as it runs" : "started");
	return 0;
}

/* --- Folder, lock, names --- */

/* The device as the name of a file: readable, and unique by a hash. */
static int make_names(struct daemon *d)
{
	const char *device = d->config.device, *tail = strrchr(device, '/');
	char name[48];
	uint32_t hash = 2166136261u;
	for (const char *p = device; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	tail = tail && tail[1] ? tail + 1 : device;
	snprintf(name, sizeof(name), "%.24s-%08x", tail, hash);
	for (char *p = name; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", *p))
			*p = '_';
	if (asprintf(&d->state_file, "%s/%s.state", d->config.state_dir, name) < 0 ||
	    asprintf(&d->lock_file, "%s/%s.lock", d->config.state_dir, name) < 0 ||
	    asprintf(&d->hold_socket, "%s/%s.hold", d->config.state_dir, name) < 0)
		return daemon_fail(d, ENOMEM, "no memory");
	return 0;
}

static int take_lock(struct daemon *d)
{
	char text[16] = "";
	if (mkdir(d->config.state_dir, 0755) && errno != EEXIST)
		return daemon_fail(d, errno, "cannot make the folder %s: %s", d->config.state_dir,
				   strerror(errno));
	d->lock = open(d->lock_file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (d->lock < 0)
		return daemon_fail(d, errno, "cannot open %s: %s", d->lock_file, strerror(errno));
	if (flock(d->lock, LOCK_EX | LOCK_NB)) {
		ssize_t n = read(d->lock, text, sizeof(text) - 1);
		if (n > 0)
			text[strcspn(text, "\n")] = 0;
		return daemon_fail(d, EBUSY, "%s belongs to another glaned already, process %s",
				   d->config.device, n > 0 ? text : "unknown");
	}
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(d->lock, 0) || pwrite(d->lock, text, (size_t)n, 0) != n)
		return daemon_fail(d, errno, "cannot write %s: %s", d->lock_file, strerror(errno));
	return 0;
}

static enum keeper_kind keeper_wanted(const struct daemon *d)
{
	return d->config.no_hold	 ? KEEPER_NONE
	       : getenv("NOTIFY_SOCKET") ? KEEPER_SYSTEMD
					 : KEEPER_HOLD;
}

static int find_keeper(struct daemon *d)
{
	enum keeper_kind kind = keeper_wanted(d);
	int error = keeper_open(&d->keeper, kind, d->hold_socket, d->config.release);
	if (!error)
		return 0;
	if (d->config.release && (error == -ENOENT || error == -ECONNREFUSED))
		return keeper_open(&d->keeper, KEEPER_NONE, NULL, false);
	return daemon_fail(d, -error, "glane-hold is not to be had (%s): %s", d->hold_socket,
			   strerror(-error));
}

/* --- The program --- */

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct daemon *d = arg;
	(void)source;
	log_line(LOG_INFO, NO_CONTEXT, "stop", "stopping on signal %u%s", info->ssi_signo,
		 d->config.keep ? "; the NIC goes on" : "");
	sd_event_exit(d->event, 0);
	return 0;
}

static int make_loop(struct daemon *d)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); /* glane-hold needs no funeral */
	int error = sd_event_default(&d->event);
	if (error >= 0)
		error = sd_event_add_signal(d->event, NULL, SIGTERM, on_signal, d);
	if (error >= 0)
		error = sd_event_add_signal(d->event, NULL, SIGINT, on_signal, d);
	return error < 0 ? daemon_fail(d, -error, "no event loop: %s", strerror(-error)) : 0;
}

static int run(struct daemon *d)
{
	int error = sd_event_add_io(d->event, NULL, gl_irq_fd(d->nic, 0), EPOLLIN,
				    on_management_irq, d);
	if (error >= 0)
		error = sd_event_add_io(d->event, NULL, gl_irq_shared_fd(d->nic), EPOLLIN,
					on_shared_irq, d);
	if (error >= 0)
		error = sd_event_add_time_relative(d->event, NULL, CLOCK_MONOTONIC, LOOK_US, 0,
						   on_look, d);
	if (error >= 0)
		error = watch_keeper(d);
	if (error >= 0)
		error = sd_event_set_watchdog(d->event, true);
	if (error < 0)
		return daemon_fail(d, -error, "no event loop: %s", strerror(-error));
	/* What came before its source was there. */
	daemon_events(d);
	sd_notifyf(0, "READY=1\nSTATUS=%s: %u contexts", d->config.device, d->count);
	error = sd_event_loop(d->event);
	sd_notify(0, "STOPPING=1");
	return error < 0 ? daemon_fail(d, -error, "event loop: %s", strerror(-error)) : error;
}

static void stop(struct daemon *d, bool failed)
{
	/* A running NIC that was taken over does not end because of an error of ours. */
	bool keep = d->running &&
		    (d->config.keep || d->exit_status == EXIT_VANISHED || (failed && d->adopted));
	if (d->nic)
		captures_stop(d);
	peers_close(d);
	metrics_close(d);
	d->tap0_source = sd_event_source_disable_unref(d->tap0_source);
	if (keep) {
		/* As after kill -9, but at a quiet moment: the process ends, and nothing is closed by hand. */
		state_commit(d);
		vifs_close(d);
		keeper_close(d->keeper);
		return;
	}
	if (d->running)
		vifs_stop(d);
	if (d->running)
		state_forget(d);
	if (d->tap0)
		tap0_close(d->tap0);
	d->tap0 = NULL;
	if (d->nic)
		gl_close(d->nic);
	d->nic = NULL;
	keeper_release(d->keeper, true);
	keeper_close(d->keeper);
}

int daemon_main(int argc, char **argv)
{
	static struct daemon daemon; /* large */
	struct daemon *d = &daemon;
	memset(d, 0, sizeof(*d));
	d->lock = d->listener = -1;
	int status = config_read(&d->config, argc, argv);
	if (status)
		return config_free(&d->config), status < 0 ? EXIT_CONFIG : 0;
	log_open(d->config.log_format);
	/* A bad file is refused before anything is touched. */
	if (!d->config.release &&
	    gl_firmware_read(&d->firmware, d->config.firmware, &d->firmware_info)) {
		fprintf(stderr, "glaned: %s\n", gl_error(NULL));
		return EXIT_CONFIG;
	}
	if (d->config.check_only) {
		printf("glaned: configuration and firmware are fine\n");
		return 0;
	}
	struct rlimit files;
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	int error = make_names(d);
	if (!error)
		error = take_lock(d);
	if (!error)
		error = make_loop(d);
	/* Whoever connects waits until the loop runs; what is wrong with the places is known before the NIC is touched. */
	if (!error && !d->config.release)
		error = peers_listen(d);
	if (error >= 0 && !d->config.release)
		error = metrics_listen(d);
	if (error >= 0)
		error = find_keeper(d);
	if (!error && d->config.release) {
		keeper_release(d->keeper, true);
		state_forget(d);
		printf("glaned: %s is released\n", d->config.device);
		return 0;
	}
	if (error >= 0)
		error = start(d);
	if (error >= 0)
		error = run(d);
	if (error < 0)
		log_line(LOG_ERR, NO_CONTEXT, "failed", "%s", d->error);
	stop(d, error < 0);
	return error < 0 ? EXIT_FAILURE : error;
}
