// SPDX-License-Identifier: Apache-2.0
/*
 * glane-glue: gives a context to the virtio drivers of this kernel. It asks glaned for the context, with memory of its own as the device's
 * DMA memory, and hands page, memory and interrupt to guestlane.ko (xen-integration/glue). No frame passes through this process: it waits for
 * its end, or for the daemon's, whose successor it asks for the same context.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <linux/memfd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "guestlane_ioctl.h"

#ifndef GLANE_VERSION
#define GLANE_VERSION "0.5"
#endif

#define DEVICE	  "/dev/guestlane"
#define CALL_MS	  20000
#define RETRY_MS  100
#define POOL_MIN  256 /* KiB: both rings of 256 entries, and some frames */
#define POOL_MAX  (256 * 1024)
#define RECONNECT 60 /* seconds */

static struct {
	const char *socket;
	unsigned long context;
	unsigned long pool_kib;
	unsigned long reconnect;
} option = { .socket = GLC_SOCKET, .context = ~0ul, .pool_kib = 4096, .reconnect = RECONNECT };

static const char usage[] =
	"usage: glane-glue --context K [OPTION...]\n"
	"Gives context K to this kernel's virtio_mmio and virtio_net, through guestlane.ko.\n"
	"\n"
	"  -c, --context K       the context, which glaned has\n"
	"  -s, --socket PATH     the daemon's socket (" GLC_SOCKET ")\n"
	"  -p, --pool KIB        the device's DMA memory, 256 to 262144 (4096)\n"
	"  -r, --reconnect SEC   how long to wait for a daemon that went away, 0 to 86400 (60)\n"
	"  -h, --help            show this\n"
	"  -V, --version         show the version\n"
	"\n"
	"Prints \"context K: INTERFACE (DEVICE)\" when the network interface is there. SIGTERM "
	"takes it "
	"away again.\n";

static void bad_usage(const char *format, const char *word)
{
	fputs("glane-glue: ", stderr);
	fprintf(stderr, format, word);
	fputs("; see glane-glue --help\n", stderr);
	exit(2);
}

static unsigned long number(const char *name, const char *text, unsigned long low,
			    unsigned long high)
{
	char *end;
	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || value < low || value > high) {
		fprintf(stderr, "glane-glue: --%s is '%s'; give a whole number from %lu to %lu\n",
			name, text, low, high);
		exit(2);
	}
	return value;
}

static void read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "context", required_argument, NULL, 'c' },
		{ "socket", required_argument, NULL, 's' },
		{ "pool", required_argument, NULL, 'p' },
		{ "reconnect", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:s:p:r:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			option.context = number("context", optarg, 0, 255);
			break;
		case 's':
			option.socket = optarg;
			break;
		case 'p':
			option.pool_kib = number("pool", optarg, POOL_MIN, POOL_MAX);
			break;
		case 'r':
			option.reconnect = number("reconnect", optarg, 0, 86400);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		case 'V':
			puts("glane-glue " GLANE_VERSION);
			exit(0);
		case ':':
			bad_usage("%s needs a value", argv[optind - 1]);
			break;
		default:
			bad_usage("there is no option %s", argv[optind - 1]);
		}
	}
	if (optind < argc)
		bad_usage("'%s' is not an option", argv[optind]);
	if (option.context == ~0ul)
		bad_usage("which context? %s is missing", "--context");
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Shared memory that nobody can take away again, as glaned asks for. */
static void *new_pool(size_t bytes, int *fd)
{
	*fd = memfd_create("glane-glue", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0 || ftruncate(*fd, (off_t)bytes) ||
	    fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return NULL;
	void *pool = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	return pool == MAP_FAILED ? NULL : pool;
}

struct lease {
	struct glc_client *client;
	uint64_t guest_address;
	int irq_fd;
	char device[64]; /* of the NIC */
};

/* Asks the daemon for the context; -errno with a sentence in glc_error(lease->client). */
static int get_lease(struct lease *lease, int pool_fd, size_t bytes, bool resume)
{
	json_t *result = NULL;
	int fds[GLC_FDS_MAX];
	size_t count = 0;

	glc_close(lease->client);
	lease->client = NULL;
	int error = glc_open(&lease->client, option.socket, "glane-glue", CALL_MS);
	if (error)
		return error;
	json_t *params = json_pack("{s:I,s:I}", "context", (json_int_t)option.context, "bytes",
				   (json_int_t)bytes);
	if (resume)
		json_object_set_new(params, "resume", json_true());
	error = glc_call_fds(lease->client, "context.attach", params, &pool_fd, 1, &result, fds,
			     GLC_FDS_MAX, &count);
	if (error)
		return error;
	/* Interrupt first; the doorbells are not used, the kernel writes to the page itself. */
	for (size_t i = 1; i < count; i++)
		close(fds[i]);
	lease->irq_fd = count ? fds[0] : -1;
	lease->guest_address =
		(uint64_t)json_integer_value(json_object_get(result, "guest_address"));
	json_decref(result);
	const json_t *nic = json_object_get(glc_hello(lease->client), "nic");
	const char *device = json_string_value(json_object_get(nic, "device"));
	snprintf(lease->device, sizeof(lease->device), "%s", device ? device : "");
	return count ? 0 : -EPROTO;
}

/* The network interface of a platform device; it may take a moment. */
static void print_interface(int id)
{
	char pattern[100];
	glob_t found = { 0 };

	snprintf(pattern, sizeof(pattern),
		 "/sys/bus/platform/devices/virtio-mmio.%d.auto/virtio*/net/*", id);
	for (int i = 0; i < 50; i++) {
		if (!glob(pattern, 0, NULL, &found) && found.gl_pathc)
			break;
		globfree(&found);
		nanosleep(&(struct timespec){ .tv_nsec = RETRY_MS * 1000000 }, NULL);
	}
	const char *name = found.gl_pathc ? strrchr(found.gl_pathv[0], '/') + 1 : NULL;
	if (name)
		printf("context %lu: %s (virtio-mmio.%d.auto)\n", option.context, name, id);
	else
		printf("context %lu: virtio-mmio.%d.auto without a network interface (is "
		       "virtio_net "
		       "loaded?)\n",
		       option.context, id);
	fflush(stdout);
	globfree(&found);
}

/* Whether a signal to end came within that time. */
static bool ended(int signals, int ms)
{
	struct pollfd p = { .fd = signals, .events = POLLIN };
	return poll(&p, 1, ms) > 0;
}

/* Whether somebody, the daemon or who keeps its descriptors, has the function open. A closed one is disabled. */
static bool function_open(const struct guestlane_attach *attach)
{
	char path[80], text[8] = "";
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%04x:%02x:%02x.%x/enable",
		 attach->domain, attach->bus, attach->device, attach->function);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	bool open = fgets(text, sizeof(text), f) && text[0] != '0';
	fclose(f);
	return open;
}

/* Waits until the daemon closes the connection (true) or a signal comes (false). */
static bool daemon_gone(const struct lease *lease, int signals)
{
	for (;;) {
		struct pollfd p[] = { { .fd = signals, .events = POLLIN },
				      { .fd = glc_fd(lease->client), .events = POLLIN } };
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return false;
		if (p[0].revents)
			return false;
		json_t *event = NULL;
		int got = p[1].revents ? glc_event(lease->client, 0, &event) : 0;
		json_decref(event);
		if (got < 0)
			return true;
	}
}

static const char STOP[] = "";

/*
 * Gets the context from the daemon's successor, which has never let go of it. NULL, or why that is hopeless, or STOP: a signal came.
 */
static const char *resume(struct lease *lease, int glue, const struct guestlane_attach *attach,
			  int pool_fd, int signals)
{
	int64_t until = now_ms() + (int64_t)option.reconnect * 1000;
	while (get_lease(lease, pool_fd, attach->pool_bytes, true)) {
		if (!function_open(attach))
			return "the NIC was closed";
		/* An answer, but no: the successor does not know the context as ours. */
		if ((lease->client && glc_error_code(lease->client)) || now_ms() >= until)
			return glc_error(lease->client);
		if (ended(signals, RETRY_MS))
			return STOP;
	}
	if (lease->guest_address != attach->guest_address)
		return "its memory lies elsewhere now";
	int error = ioctl(glue, GUESTLANE_SET_IRQ, &lease->irq_fd) ? errno : 0;
	close(lease->irq_fd);
	return error ? strerror(error) : NULL;
}

int main(int argc, char **argv)
{
	struct lease lease = { .irq_fd = -1 };
	struct guestlane_attach attach = { 0 };
	int status = 1, glue = -1, pool_fd = -1;
	void *pool = NULL;

	read_options(argc, argv);
	size_t bytes = option.pool_kib * 1024 / 4096 * 4096;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int signals = signalfd(-1, &set, SFD_CLOEXEC);

	glue = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (glue < 0) {
		fprintf(stderr, "glane-glue: " DEVICE ": %s%s\n", strerror(errno),
			errno == ENOENT || errno == ENXIO ? "; load guestlane.ko first" : "");
		goto out;
	}
	pool = new_pool(bytes, &pool_fd);
	if (!pool) {
		fprintf(stderr, "glane-glue: no %lu KiB of shared memory: %s\n", option.pool_kib,
			strerror(errno));
		goto out;
	}
	if (get_lease(&lease, pool_fd, bytes, false)) {
		fprintf(stderr, "glane-glue: %s\n", glc_error(lease.client));
		goto out;
	}
	char rest;
	if (sscanf(lease.device, "vfio:%x:%x:%x.%x%c", &attach.domain, &attach.bus, &attach.device,
		   &attach.function, &rest) != 4) {
		fprintf(stderr,
			"glane-glue: the NIC is '%s', not a PCI function of this machine "
			"(vfio:...): this kernel cannot reach its pages\n",
			lease.device);
		goto out;
	}
	attach.page = (uint32_t)option.context;
	attach.irq_fd = lease.irq_fd;
	attach.pool = (uintptr_t)pool;
	attach.pool_bytes = bytes;
	attach.guest_address = lease.guest_address;
	if (ioctl(glue, GUESTLANE_ATTACH, &attach)) {
		fprintf(stderr, "glane-glue: the kernel did not take context %lu: %s\n",
			option.context,
			errno == ENODEV ? "its page is dead or virtio_mmio is missing (modprobe "
					  "virtio_mmio; glanectl show)"
					: strerror(errno));
		goto out;
	}
	print_interface(attach.id);
	close(lease.irq_fd); /* the kernel has it */

	status = 0;
	while (!status && daemon_gone(&lease, signals)) {
		fprintf(stderr,
			"glane-glue: context %lu: the daemon went away; waiting for the next\n",
			option.context);
		const char *lost = resume(&lease, glue, &attach, pool_fd, signals);
		if (lost == STOP)
			break;
		if (lost) {
			fprintf(stderr, "glane-glue: context %lu is lost: %s\n", option.context,
				lost);
			status = 1;
		}
	}
out:
	/* The driver resets its device while the context is still ours. */
	if (glue >= 0)
		close(glue);
	glc_close(lease.client);
	return status;
}
