// SPDX-License-Identifier: Apache-2.0
// glane-tap: drives one context of the NIC from user space and bridges it to a TAP, so that a network namespace, a container or a bridge
// is a guest of the NIC. glaned gives the context's device; frames then move through shared memory and eventfds without it, and go on
// moving while it restarts: what must wait for an answer of glaned beside the traffic runs in a thread of its own.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bridge.h"
#include "control.h"
#include "option.h"
#include "tap.h"

#define PROGRAM	   "glane-tap"
#define TIMEOUT_MS GLC_TIMEOUT_MS /* for an answer of glaned */
#define RETRY_MS   200		  /* between two attempts to reach glaned, when it is away */
#define HUGE_PAGE \
	0x200000ul /* glaned maps multiples of it as such: fewer table walks. What is not touched takes no memory */
#define AGAIN_MS 1000 /* between two attempts to bring the device up */

/*
 * What the thread does, with p->client and nothing else that the loop uses meanwhile: looks at the device (a copy of the driver), or finds
 * glaned again first.
 */
enum job_kind { JOB_CHECK, JOB_RESUME };

struct job {
	enum job_kind kind;
	bool runs;
	pthread_t thread;
	int ended; /* eventfd */
	struct vnet vnet;
	int error;
	bool refused; /* the error is glaned's last word */
	bool anew;    /* attached, but not to the device that ran */
};

struct program {
	const char *socket, *tap_name, *stats_file;
	unsigned context, queue_size, mtu;
	bool split;
	struct glc_client *client; /* NULL: glaned is away; the thread's while job.runs */
	bool lost;		   /* the connection has ended */
	struct job job;
	int memory_fd;
	void *memory;
	size_t bytes;
	uint64_t guest_address;
	int irq, doorbell[2], new_fd[3];
	struct vnet vnet;
	struct bridge bridge;
	int epoll, timer, signals, tap;
	unsigned resumed, restarts;
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs(PROGRAM ": ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

static int watch(struct program *p, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };
	return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static void call_later(struct program *p, unsigned ms)
{
	struct itimerspec when = { .it_value = { .tv_sec = ms / 1000,
						 .tv_nsec = ms % 1000 * 1000000l } };
	timerfd_settime(p->timer, 0, &when, NULL);
}

/* --- The device, through glaned ------------------------------------------------------------------------------------------- */

/* glaned has gone: frames keep moving, and it is looked for. */
static void away(struct program *p)
{
	if (!p->client)
		return;
	epoll_ctl(p->epoll, EPOLL_CTL_DEL, glc_fd(p->client), NULL);
	glc_close(p->client);
	p->client = NULL;
	p->lost = false;
	call_later(p, RETRY_MS);
}

static uint32_t page_read(void *arg, uint32_t offset, unsigned size)
{
	struct program *p = arg;
	json_t *result = NULL;
	if (!p->client || p->lost)
		return ~0u;
	int error =
		glc_call(p->client, "page.read",
			 json_pack("{s:i,s:i}", "offset", (int)offset, "size", (int)size), &result);
	uint32_t value = ~0u;
	if (!error) {
		value = (uint32_t)json_integer_value(json_object_get(result, "value"));
		json_decref(result);
	} else if (!glc_error_code(p->client)) {
		p->lost = true;
	}
	return value;
}

static void page_write(void *arg, uint32_t offset, uint32_t value, unsigned size)
{
	struct program *p = arg;
	if (!p->client || p->lost)
		return;
	int error = glc_call(p->client, "page.write",
			     json_pack("{s:i,s:i,s:I}", "offset", (int)offset, "size", (int)size,
				       "value", (json_int_t)value),
			     NULL);
	if (error && !glc_error_code(p->client))
		p->lost = true;
}

static void ring_doorbell(void *arg, unsigned queue)
{
	struct program *p = arg;
	uint64_t one = 1;
	ssize_t n = p->doorbell[queue] < 0 ? 0 : write(p->doorbell[queue], &one, sizeof(one));
	(void)n; /* a full counter rings all the same */
}

static struct vnet_config vnet_config(struct program *p)
{
	return (struct vnet_config){ .memory = p->memory,
				     .bytes = p->bytes,
				     .guest_address = p->guest_address,
				     .split = p->split,
				     .queue_size = p->queue_size,
				     .device = { page_read, page_write, ring_doorbell, p } };
}

static int make_memory(struct program *p, unsigned mtu)
{
	p->bytes = (vnet_bytes(p->queue_size, mtu) + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	p->memory_fd = memfd_create(PROGRAM, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (p->memory_fd < 0 || ftruncate(p->memory_fd, (off_t)p->bytes) ||
	    fcntl(p->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)) {
		say("no memory for the queues (%s)", strerror(errno));
		return -errno;
	}
	p->memory = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, p->memory_fd, 0);
	if (p->memory == MAP_FAILED) {
		say("no memory for the queues (%s)", strerror(errno));
		p->memory = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int attach(struct program *p, bool resume)
{
	json_t *result = NULL;
	int fds[3] = { -1, -1, -1 };
	size_t got = 0;
	json_t *params =
		json_pack("{s:i,s:I}", "context", (int)p->context, "bytes", (json_int_t)p->bytes);
	if (resume)
		json_object_set_new(params, "resume", json_true());
	int error = glc_call_fds(p->client, "context.attach", params, &p->memory_fd, 1, &result,
				 fds, 3, &got);
	if (error)
		return error;
	uint64_t address = (uint64_t)json_integer_value(json_object_get(result, "guest_address"));
	json_decref(result);
	if (got < 3) {
		for (size_t i = 0; i < got; i++)
			close(fds[i]);
		return -EPROTO;
	}
	memcpy(p->new_fd, fds, sizeof(fds));
	p->guest_address = address;
	return 0;
}

/* The descriptors of attach() replace those of before. */
static int take_fds(struct program *p)
{
	int *kept[] = { &p->irq, &p->doorbell[0], &p->doorbell[1] };
	bridge_set_irq(&p->bridge, -1);
	for (unsigned i = 0; i < 3; i++) {
		if (*kept[i] >= 0)
			close(*kept[i]);
		*kept[i] = p->new_fd[i];
		p->new_fd[i] = -1;
	}
	return bridge_set_irq(&p->bridge, p->irq);
}

/* Tells of what happens to the device from outside (firmware loaded anew, configuration): glaned sends events. */
static void subscribe(struct program *p)
{
	glc_call(p->client, "events.subscribe", NULL, NULL);
}

static int connect_daemon(struct program *p)
{
	p->lost = false;
	return glc_open(&p->client, p->socket, PROGRAM, TIMEOUT_MS);
}

static int bring_up(struct program *p)
{
	struct vnet_config config = vnet_config(p);
	const char *what = "";
	int error = vnet_start(&p->vnet, &config);
	if (error) {
		say("context %u: %s", p->context, p->vnet.error);
		return error;
	}
	error = bridge_configure(&p->bridge, &what);
	if (error)
		say("%s: its %s cannot be set (%s)", p->tap_name, what, strerror(-error));
	return error;
}

static int begin(struct program *p)
{
	int error = connect_daemon(p);
	if (error) {
		say("%s", glc_error(p->client));
		return error;
	}
	json_t *context = NULL;
	error = glc_call(p->client, "context.get", json_pack("{s:i}", "context", (int)p->context),
			 &context);
	if (error) {
		say("%s", glc_error(p->client));
		return error;
	}
	json_int_t mtu = json_integer_value(json_object_get(context, "mtu"));
	json_decref(context);
	error = make_memory(p, mtu < 1500 || mtu > 9000 ? 1500 : (unsigned)mtu);
	if (error)
		return error;
	p->tap = tap_open(p->tap_name);
	if (p->tap < 0) {
		if (p->tap == -EINVAL)
			say("'%s' is no name for a TAP, or something else has it", p->tap_name);
		else if (p->tap == -EBUSY)
			say("the TAP '%s' belongs to another process", p->tap_name);
		else
			say("the TAP '%s' cannot be made: %s%s", p->tap_name, strerror(-p->tap),
			    p->tap == -EPERM || p->tap == -EACCES
				    ? " (root or CAP_NET_ADMIN in this network namespace is needed)"
				    : "");
		return p->tap;
	}
	if (bridge_open(&p->bridge, &p->vnet, p->tap) || watch(p, bridge_fd(&p->bridge))) {
		say("no descriptors left");
		return -EMFILE;
	}
	p->bridge.mtu_limit = p->mtu;
	error = attach(p, false);
	if (error) {
		say("context %u: %s", p->context, glc_error(p->client));
		return error;
	}
	error = take_fds(p);
	if (!error)
		error = bring_up(p);
	if (!error) {
		subscribe(p);
		error = watch(p, glc_fd(p->client));
	}
	return error;
}

/* The device runs no more, but the context is ours: once more from the beginning. */
static int restart(struct program *p)
{
	p->restarts++;
	if (bring_up(p))
		call_later(p, AGAIN_MS);
	if (p->lost)
		away(p);
	return 0;
}

/* --- Beside the traffic ----------------------------------------------------------------------------------------------------- */

/* In the thread: finds glaned and the context again. */
static void find_again(struct program *p)
{
	struct job *j = &p->job;
	j->error = connect_daemon(p);
	if (j->error)
		return;
	j->error = attach(p, true);
	/* It was away for too long, or has begun anew: nothing of ours is left there. */
	j->anew = j->error == -ENOENT || j->error == -ESTALE;
	if (j->anew)
		j->error = attach(p, false);
	j->refused = j->error && glc_error_code(p->client);
	if (!j->error)
		subscribe(p);
}

static void *run_job(void *arg)
{
	struct program *p = arg;
	struct job *j = &p->job;
	uint64_t one = 1;
	if (j->kind == JOB_RESUME)
		find_again(p);
	if (!j->error && !j->anew)
		j->error = vnet_check(&j->vnet);
	ssize_t n = write(j->ended, &one, sizeof(one));
	(void)n;
	return NULL;
}

static void start_job(struct program *p, enum job_kind kind)
{
	struct job *j = &p->job;
	if (j->runs)
		return;
	*j = (struct job){ .kind = kind, .runs = true, .ended = j->ended, .vnet = p->vnet };
	if (p->client)
		epoll_ctl(p->epoll, EPOLL_CTL_DEL, glc_fd(p->client), NULL);
	if (!pthread_create(&j->thread, NULL, run_job, p))
		return;
	j->runs = false;
	if (p->client)
		watch(p, glc_fd(p->client));
	else
		call_later(p, RETRY_MS);
}

/* 0, or a negative errno when there is no way to go on. */
static int end_job(struct program *p)
{
	struct job *j = &p->job;
	pthread_join(j->thread, NULL);
	j->runs = false;
	if (j->refused) {
		say("context %u: %s", p->context, glc_error(p->client));
		return j->error;
	}
	/* No glaned, or not yet, or not any more. */
	if (p->lost || !p->client || (j->kind == JOB_RESUME && p->new_fd[0] < 0)) {
		for (unsigned i = 0; i < 3; i++) {
			if (p->new_fd[i] >= 0)
				close(p->new_fd[i]);
			p->new_fd[i] = -1;
		}
		glc_close(p->client);
		p->client = NULL;
		p->lost = false;
		call_later(p, RETRY_MS);
		return 0;
	}
	int error = watch(p, glc_fd(p->client));
	if (j->kind == JOB_RESUME) {
		p->resumed++;
		error = error ? error : take_fds(p);
	}
	if (error) {
		say("no descriptors left");
		return error;
	}
	if (j->error || j->anew || !p->vnet.up) {
		if (j->error)
			say("context %u: %s", p->context, j->vnet.error);
		return restart(p);
	}
	bridge_follow(&p->bridge, &j->vnet);
	if (j->kind == JOB_RESUME)
		vnet_kick(&p->vnet); /* doorbells since then went nowhere */
	return 0;
}

static void on_daemon(struct program *p)
{
	json_t *event;
	int n;
	bool any = false;
	while ((n = glc_event(p->client, 0, &event))) {
		if (n < 0) {
			away(p);
			return;
		}
		any = true;
		json_decref(event);
	}
	if (any)
		start_job(p, JOB_CHECK);
}

static int on_timer(struct program *p)
{
	if (p->job.runs)
		return 0;
	if (!p->client)
		start_job(p, JOB_RESUME);
	else if (!p->vnet.up)
		return restart(p);
	return 0;
}

static int on_bridge(struct program *p)
{
	int n = bridge_run(&p->bridge);
	if (n == -ENODEV) {
		say("the TAP '%s' has been deleted", p->tap_name);
		return n;
	}
	if (n < 0) {
		say("context %u: %s", p->context, p->vnet.error);
		p->vnet.error[0] = 0;
		call_later(p, AGAIN_MS);
	} else if (n == BRIDGE_CHECK && p->client && !p->job.runs) {
		start_job(p, JOB_CHECK);
	}
	return 0;
}

/* --- Statistics ------------------------------------------------------------------------------------------------------------- */

static void write_stats(const struct program *p)
{
	const struct vnet_stats *v = &p->vnet.stats;
	const struct bridge_stats *b = &p->bridge.stats;
	if (!p->stats_file)
		return;
	json_t *o = json_pack("{s:i,s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:i}",
			      "context", (int)p->context, "tap", p->tap_name, "packed",
			      vnet_has(&p->vnet, VNET_F_RING_PACKED), "rx_frames",
			      (json_int_t)v->rx_frames, "rx_bytes", (json_int_t)v->rx_bytes,
			      "tx_frames", (json_int_t)v->tx_frames, "tx_bytes",
			      (json_int_t)v->tx_bytes, "rx_dropped", (json_int_t)b->rx_dropped,
			      "tx_dropped", (json_int_t)b->tx_dropped, "tx_full",
			      (json_int_t)b->tx_full, "kicks", (json_int_t)v->kicks, "interrupts",
			      (json_int_t)b->interrupts, "errors", (json_int_t)v->errors, "resumed",
			      (int)p->resumed, "restarts", (int)p->restarts);
	if (!o || json_dump_file(o, p->stats_file, JSON_INDENT(1)))
		say("'%s' cannot be written (%s)", p->stats_file, strerror(errno));
	json_decref(o);
}

/* --- Main ------------------------------------------------------------------------------------------------------------------- */

static void usage(FILE *to)
{
	fputs("Usage: glane-tap --context K --tap NAME [options]\n"
	      "Drives context K of the NIC and bridges it to the TAP interface NAME.\n"
	      "\n"
	      "  --context K        context, as glaned numbers them\n"
	      "  --tap NAME         interface to make, or to use if it exists\n"
	      "  --socket PATH      glaned's socket (" GLC_SOCKET ")\n"
	      "  --ring KIND        packed or split (packed, if the device has it)\n"
	      "  --queue-size N     most buffers in a queue, a power of two, 2 to 256 (256)\n"
	      "  --mtu N            largest MTU of the interface, 68 to 9000 (the device's)\n"
	      "  --stats-json FILE  write counters there at the end and on SIGUSR1\n"
	      "  --help             show this and exit\n"
	      "  --version          show the version and exit\n",
	      to);
}

static void options(struct program *p, int argc, char **argv)
{
	static const struct option list[] = {
		{ "context", required_argument, NULL, 'c' },
		{ "tap", required_argument, NULL, 't' },
		{ "socket", required_argument, NULL, 's' },
		{ "ring", required_argument, NULL, 'r' },
		{ "queue-size", required_argument, NULL, 'q' },
		{ "mtu", required_argument, NULL, 'm' },
		{ "stats-json", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	bool context = false;
	for (int c; (c = getopt_long(argc, argv, "", list, NULL)) >= 0;)
		switch (c) {
		case 'c':
			p->context = (unsigned)option_number(PROGRAM, "context", optarg, 0, 255);
			context = true;
			break;
		case 't':
			p->tap_name = optarg;
			break;
		case 's':
			p->socket = optarg;
			break;
		case 'r':
			p->split = !strcmp(optarg, "split");
			if (!p->split && strcmp(optarg, "packed")) {
				say("--ring is '%s'; give packed or split", optarg);
				exit(2);
			}
			break;
		case 'q':
			p->queue_size = (unsigned)option_number(PROGRAM, "queue-size", optarg, 2,
								VRING_SIZE_MAX);
			if (p->queue_size & (p->queue_size - 1)) {
				say("--queue-size is '%s'; give a power of two", optarg);
				exit(2);
			}
			break;
		case 'm':
			p->mtu = (unsigned)option_number(PROGRAM, "mtu", optarg, 68, 9000);
			break;
		case 'j':
			p->stats_file = optarg;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		case 'v':
			puts("glane-tap, control protocol 1");
			exit(0);
		default:
			say("see %s --help", PROGRAM);
			exit(2);
		}
	if (optind < argc) {
		say("'%s' is one word too many; see %s --help", argv[optind], PROGRAM);
		exit(2);
	}
	if (!context || !p->tap_name) {
		say("--%s is missing; see %s --help", context ? "tap" : "context", PROGRAM);
		exit(2);
	}
}

static int loop(struct program *p)
{
	for (;;) {
		struct epoll_event e[8];
		int error = 0, n = epoll_wait(p->epoll, e, 8, -1);
		for (int i = 0; i < n && !error; i++) {
			int fd = e[i].data.fd;
			if (fd == bridge_fd(&p->bridge)) {
				error = on_bridge(p);
			} else if (fd == p->timer) {
				uint64_t count;
				if (read(p->timer, &count, sizeof(count)) > 0)
					error = on_timer(p);
			} else if (fd == p->signals) {
				struct signalfd_siginfo s;
				if (read(p->signals, &s, sizeof(s)) != sizeof(s))
					continue;
				if (s.ssi_signo != SIGUSR1)
					return 0;
				write_stats(p);
			} else if (fd == p->job.ended) {
				uint64_t count;
				if (read(fd, &count, sizeof(count)) > 0)
					error = end_job(p);
			} else if (!p->job.runs && p->client && fd == glc_fd(p->client)) {
				on_daemon(p);
			}
		}
		if (error)
			return error;
	}
}

int main(int argc, char **argv)
{
	static struct program program = { .queue_size = VRING_SIZE_MAX,
					  .memory_fd = -1,
					  .irq = -1,
					  .doorbell = { -1, -1 },
					  .new_fd = { -1, -1, -1 },
					  .bridge = { .epoll = -1, .again = -1, .timer = -1 } };
	struct program *p = &program;
	options(p, argc, argv);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	p->job.ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->epoll < 0 || p->timer < 0 || p->signals < 0 || p->job.ended < 0 ||
	    watch(p, p->timer) || watch(p, p->signals) || watch(p, p->job.ended)) {
		say("no descriptors left (%s)", strerror(errno));
		return 1;
	}
	int error = begin(p);
	if (!error) {
		printf("%s: context %u, %s rings of %u, MTU %u\n", p->tap_name, p->context,
		       vnet_has(&p->vnet, VNET_F_RING_PACKED) ? "packed" : "split",
		       p->vnet.ring[0].c.size, p->vnet.mtu);
		fflush(stdout);
		error = loop(p);
		write_stats(p);
		/* With the thread still at it the end of the connection does the rest. */
		if (p->client && !p->job.runs)
			vnet_stop(&p->vnet);
	}
	if (!p->job.runs)
		glc_close(p->client);
	bridge_close(&p->bridge);
	return error ? 1 : 0;
}
