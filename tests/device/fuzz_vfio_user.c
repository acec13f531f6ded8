// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzzer of the vfio-user server: right messages in random order, bent ones, and noise, with all kinds of descriptors, by clients that come and
 * go. The server (fake_device beside this program, or the one that is named) must serve each next client, keep nothing, and end well.
 *
 *   fuzz_vfio_user [--duration SECONDS] [--seed S] [PROGRAM ARGUMENT...]    SOCKET stands for its socket
 */
#include "fake_device.h"
#include "vfu.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/vfio.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MEMORY "gl-fuzz" /* name of the memfds */

enum { MEMORIES = 4, MEMORY_BYTES = 0x8000, MESSAGE_MAX = 0x3000, KINDS = 12 };

static struct vfu_server server;
static uint64_t state;
static int memory[MEMORIES], wrong[6];
static uint64_t messages, answers, questions, clients;

static uint32_t below(uint32_t n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((state >> 33) % n);
}

static bool one_in(uint32_t n)
{
	return !below(n);
}

static uint64_t odd_number(void)
{
	static const uint64_t edges[] = { 0,	      1,	  3,	       15,
					  16,	      0xfff,	  0x1000,      0x7fffffff,
					  0x80000000, 0xffffffff, 1ull << 32,  1ull << 63,
					  ~0ull,      ~0xfffull,  0x100000000, 4096 * 7 };

	switch (below(4)) {
	case 0:
		return edges[below(sizeof(edges) / sizeof(edges[0]))];
	case 1:
		return below(64);
	case 2:
		return (uint64_t)below(32) * 0x1000;
	default:
		return (uint64_t)below(UINT32_MAX) << 32 | below(UINT32_MAX);
	}
}

/* An address of the client's memory, mostly one that may be mapped. */
static uint64_t address(void)
{
	return one_in(20) ? odd_number() : 0x40000000 + (uint64_t)below(64) * 0x1000;
}

struct text {
	uint8_t bytes[MESSAGE_MAX];
	uint32_t size;
	int fds[253];
	unsigned fd_count;
};

static void put(struct text *t, const void *data, size_t bytes)
{
	memcpy(t->bytes + t->size, data, bytes);
	t->size += (uint32_t)bytes;
}

/* Where the device of ours does something. */
static uint64_t place(uint32_t *region)
{
	static const uint16_t words[] = { FAKE_SCRATCH,	   FAKE_DMA_ADDRESS, FAKE_DMA_ADDRESS + 4,
					  FAKE_DMA_BYTES,  FAKE_DMA_COMMAND, FAKE_DMA_COMMAND,
					  FAKE_DMA_STATUS, FAKE_IRQ,	     FAKE_FAIL,
					  FAKE_BUFFER };

	*region = one_in(20) ? below(12) : one_in(3) ? 7 : 0;
	if (*region == 0)
		return words[below(sizeof(words) / sizeof(words[0]))];
	return below(1024);
}

static uint32_t value_for(uint64_t offset)
{
	return offset == FAKE_DMA_ADDRESS	? (uint32_t)address()
	       : offset == FAKE_DMA_ADDRESS + 4 ? 0
	       : offset == FAKE_DMA_BYTES	? below(0x1100)
	       : offset == FAKE_DMA_COMMAND	? below(3)
	       : offset == FAKE_IRQ		? below(40)
	       : offset == FAKE_FAIL		? (one_in(4) ? EIO : 0)
						: below(UINT32_MAX);
}

/* A message as it should be, but for chance in its values. */
static void sensible(struct text *t)
{
	struct vfio_user_header head = { .id = (uint16_t)below(65536) };
	uint32_t region;

	t->size = sizeof(head);
	t->fd_count = 0;
	switch (below(KINDS)) {
	case 0: {
		static const char *const texts[] = { "{}", "{\"capabilities\":{\"max_msg_fds\":8}}",
						     "[]", "{" };
		struct vfio_user_version version = { (uint16_t)(one_in(8) ? below(3) : 0),
						     (uint16_t)below(3) };
		const char *text = texts[below(4)];
		head.command = VFIO_USER_VERSION;
		put(t, &version, sizeof(version));
		if (!one_in(4))
			put(t, text, strlen(text) + 1);
		break;
	}
	case 1:
	case 2: {
		struct vfio_user_dma_map map = { 32, 1 + below(3), (uint64_t)below(9) * 0x1000,
						 address(), (uint64_t)(1 + below(8)) * 0x1000 };
		head.command = VFIO_USER_DMA_MAP;
		put(t, &map, sizeof(map));
		if (!one_in(3))
			t->fds[t->fd_count++] = memory[below(MEMORIES)];
		break;
	}
	case 3: {
		struct vfio_user_dma_unmap unmap = { 24, one_in(10) ? VFIO_USER_DMA_UNMAP_ALL : 0,
						     address(),
						     (uint64_t)(1 + below(32)) * 0x1000 };
		if (unmap.flags)
			unmap.address = unmap.size = 0;
		head.command = VFIO_USER_DMA_UNMAP;
		put(t, &unmap, sizeof(unmap));
		break;
	}
	case 4: {
		struct vfio_region_info info = { .argsz = 32, .index = below(10) };
		head.command = (uint16_t)(VFIO_USER_DEVICE_GET_INFO + below(2));
		put(t, &info, head.command == VFIO_USER_DEVICE_GET_INFO ? 16 : 32);
		break;
	}
	case 5: {
		struct vfio_user_io_fds io = { .argsz = 16 + below(20) * 40,
					       .index = one_in(5) ? below(9) : 2 };
		head.command = one_in(2) ? VFIO_USER_DEVICE_GET_REGION_IO_FDS
					 : VFIO_USER_DEVICE_GET_IRQ_INFO;
		put(t, &io, sizeof(io));
		break;
	}
	case 6: {
		uint32_t set[5] = { 20, 1u << below(3) | 8u << below(3), one_in(5) ? below(6) : 2,
				    below(34), below(4) };
		uint8_t bools[4] = { 1, 0, 1, 1 };
		head.command = VFIO_USER_DEVICE_SET_IRQS;
		put(t, set, sizeof(set));
		if (set[1] & VFIO_IRQ_SET_DATA_BOOL)
			put(t, bools, set[4]);
		for (uint32_t i = 0; set[1] & VFIO_IRQ_SET_DATA_EVENTFD && i < set[4]; i++)
			t->fds[t->fd_count++] = wrong[0];
		break;
	}
	case 7:
	case 8: {
		struct vfio_user_region_access access = { place(&region), region, 1u << below(4) };
		head.command = VFIO_USER_REGION_READ;
		put(t, &access, sizeof(access));
		break;
	}
	case 9:
	case 10: {
		struct vfio_user_region_access access = { place(&region), region, 4 };
		uint32_t value = value_for(access.offset);
		head.command = VFIO_USER_REGION_WRITE;
		put(t, &access, sizeof(access));
		put(t, &value, 4);
		break;
	}
	default: {
		uint64_t count = below(12);
		if (one_in(10)) {
			head.command = VFIO_USER_DEVICE_RESET;
			break;
		}
		if (one_in(2)) {
			/* The device is to read or write memory. */
			const uint32_t words[4][2] = {
				{ FAKE_DMA_ADDRESS,
				  (uint32_t)address() + below(2) * below(0x1000) },
				{ FAKE_DMA_ADDRESS + 4, 0 },
				{ FAKE_DMA_BYTES, 1 + below(one_in(3) ? 0x1000 : 16) },
				{ FAKE_DMA_COMMAND, 1 + below(2) }
			};
			head.command = VFIO_USER_REGION_WRITE_MULTI;
			count = 4;
			put(t, &count, 8);
			for (unsigned i = 0; i < 4; i++) {
				struct vfio_user_write_multi_entry e = { words[i][0], 0, 4, { 0 } };
				memcpy(e.data, &words[i][1], 4);
				put(t, &e, sizeof(e));
			}
			break;
		}
		head.command = VFIO_USER_REGION_WRITE_MULTI;
		put(t, &count, 8);
		for (uint64_t i = 0; i < count; i++) {
			struct vfio_user_write_multi_entry e = { place(&region), region, 4, { 0 } };
			uint32_t value = value_for(e.offset);
			e.region = region;
			memcpy(e.data, &value, 4);
			put(t, &e, sizeof(e));
		}
		break;
	}
	}
	if (one_in(4))
		head.flags |= VFIO_USER_NO_REPLY;
	head.size = t->size;
	memcpy(t->bytes, &head, sizeof(head));
}

/* Bends a message; the size in its header may then be wrong, or be made right again. */
static void bend(struct text *t)
{
	for (unsigned n = 1 + below(3); n; n--) {
		uint64_t number = odd_number();
		switch (below(9)) {
		case 0:
			t->bytes[below(t->size)] ^= (uint8_t)(1u << below(8));
			break;
		case 1:
			if (t->size >= 20)
				memcpy(t->bytes + (below(t->size - 16) & ~3u) + 12, &number, 4);
			break;
		case 2:
			if (t->size >= 24)
				memcpy(t->bytes + (below(t->size - 20) & ~3u) + 12, &number, 8);
			break;
		case 3:
			t->size = 1 + below(t->size);
			break;
		case 4: {
			uint32_t more = below(one_in(10) ? 4000 : 40);
			if (t->size + more > MESSAGE_MAX)
				more = MESSAGE_MAX - t->size;
			for (uint32_t i = 0; i < more; i++)
				t->bytes[t->size++] = (uint8_t)below(256);
			break;
		}
		case 5: /* the command */
			t->bytes[2] = (uint8_t)below(20);
			break;
		case 6: /* flags */
			t->bytes[8] = (uint8_t)below(256);
			break;
		case 7:
			for (unsigned more = one_in(20) ? 200 : 1 + below(3);
			     more && t->fd_count < 253; more--)
				t->fds[t->fd_count++] =
					one_in(3) ? memory[below(MEMORIES)] : wrong[below(6)];
			break;
		default:
			t->fd_count = 0;
			break;
		}
	}
	uint32_t size = one_in(12) ? (uint32_t)odd_number() : t->size;
	if (t->size >= 8)
		memcpy(t->bytes + 4, &size, 4);
}

/* Takes what has come; questions of the server get answers, good and bad ones. */
static bool listen_to(int socket, int patience_ms)
{
	for (;; patience_ms = 0) {
		struct pollfd p = { socket, POLLIN, 0 };
		struct vfu_message m;
		if (poll(&p, 1, patience_ms) != 1)
			return true;
		if (vfu_receive(socket, &m, 5000) <= 0)
			return false;
		if ((m.head.flags & VFIO_USER_TYPE_MASK) != VFIO_USER_REQUEST) {
			answers++;
			vfu_drop(&m);
			continue;
		}
		questions++;
		struct text t = { .size = 0 };
		struct vfio_user_header head = m.head;
		struct vfio_user_dma_access access = { 0, 0 };
		if (m.bytes >= sizeof(access))
			memcpy(&access, m.payload, sizeof(access));
		uint32_t data =
			m.head.command == VFIO_USER_DMA_READ ? (uint32_t)access.count & 0x1fff : 0;
		head.flags = VFIO_USER_REPLY | (one_in(8) ? VFIO_USER_ERROR : 0);
		head.error = one_in(8) ? (uint32_t)odd_number() : 0;
		t.size = sizeof(head);
		put(&t, &access, sizeof(access));
		memset(t.bytes + t.size, (int)below(256), data);
		t.size += data;
		head.size = t.size;
		memcpy(t.bytes, &head, sizeof(head));
		vfu_drop(&m);
		if (one_in(6))
			continue; /* never answered */
		if (one_in(6))
			bend(&t);
		vfu_send(socket, t.bytes, t.size, t.fds, t.fd_count);
	}
}

static void meddle(void)
{
	int which = (int)below(MEMORIES);

	/* Memory is taken away behind the server's back, and comes again. */
	if (one_in(40) && ftruncate(memory[which], one_in(2) ? 0 : MEMORY_BYTES))
		abort();
}

static void client(void)
{
	int socket = one_in(10) ? vfu_connect(&server) : vfu_open(&server);
	struct text t;

	/* Some are noisy, some nearly well-behaved, and some wait for answers. */
	const uint32_t bent = 2u << 2 * below(4);
	const int patience = one_in(3) ? 0 : 1;

	clients++;
	if (socket < 0) {
		printf("Bail out! no connection: %s\n",
		       vfu_running(&server) ? "the server hangs" : "it died");
		exit(1);
	}
	/* Memory that is reached by messages. */
	struct vfio_user_dma_map map = { 32, 3, 0, 0x40000000 + (uint64_t)below(2) * 0x20000,
					 0x20000 };
	if (one_in(2))
		vfu_request(socket, VFIO_USER_DMA_MAP, VFIO_USER_NO_REPLY, &map, sizeof(map), NULL,
			    0);
	for (unsigned n = below(120); n; n--) {
		sensible(&t);
		if (one_in(bent))
			bend(&t);
		messages++;
		uint32_t first = one_in(10) ? 1 + below(t.size) : t.size;
		if (!vfu_send(socket, t.bytes, first, t.fds, t.fd_count) ||
		    (first < t.size && !vfu_send(socket, t.bytes + first, t.size - first, NULL, 0)))
			break;
		meddle();
		if (!one_in(3) && !listen_to(socket, patience))
			break;
	}
	if (one_in(4))
		shutdown(socket, below(3));
	if (one_in(4))
		listen_to(socket, patience);
	close(socket);
}

static void check(bool ok, const char *what)
{
	static unsigned count;

	printf("%s %u - %s\n", ok ? "ok" : "not ok", ++count, what);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "duration", required_argument, NULL, 'd' },
						 { "seed", required_argument, NULL, 's' },
						 { NULL, 0, NULL, 0 } };
	char beside[PATH_MAX];
	char *usual[] = { beside, "SOCKET", NULL };
	const char *slash = strrchr(argv[0], '/'), *given = getenv("SEED");
	int duration = 4, pipes[2], sockets[2];

	for (int option; (option = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
		if (option == 'd') {
			duration = atoi(optarg);
		} else if (option == 's') {
			given = optarg;
		} else {
			fprintf(stderr, "usage: fuzz_vfio_user [--duration SECONDS] [--seed S] "
					"[PROGRAM ARGUMENT...]\n");
			return 2;
		}
	}
	snprintf(beside, sizeof(beside), "%.*sfake_device", slash ? (int)(slash - argv[0] + 1) : 0,
		 argv[0]);
	if (given && strcmp(given, "random"))
		state = strtoull(given, NULL, 0);
	else if (getrandom(&state, sizeof(state), 0) != sizeof(state))
		state = (uint64_t)time(NULL);
	printf("# seed 0x%llx\n1..4\n", (unsigned long long)state);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < MEMORIES; i++) {
		memory[i] = memfd_create(MEMORY, MFD_CLOEXEC);
		if (memory[i] < 0 || ftruncate(memory[i], MEMORY_BYTES))
			return 1;
	}
	if (pipe2(pipes, O_CLOEXEC) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		return 1;
	wrong[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	wrong[1] = pipes[0];
	wrong[2] = pipes[1];
	wrong[3] = sockets[0];
	wrong[4] = open("/dev/null", O_RDWR | O_CLOEXEC);
	wrong[5] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!vfu_start(&server, optind < argc ? argv + optind : usual)) {
		printf("Bail out! the server does not answer\n");
		return 1;
	}
	int socket = vfu_open(&server);
	unsigned calm = vfu_descriptors(&server);
	close(socket);
	for (time_t end = time(NULL) + duration; time(NULL) < end;)
		client();
	printf("# %llu clients, %llu messages, %llu replies, %llu questions of the server\n",
	       (unsigned long long)clients, (unsigned long long)messages,
	       (unsigned long long)answers, (unsigned long long)questions);
	socket = vfu_open(&server);
	struct vfio_device_info info = { .argsz = 16 };
	check(socket >= 0 && vfu_call(socket, VFIO_USER_DEVICE_GET_INFO, &info, 16, NULL, 0, NULL,
				      0) == 16,
	      "the server serves");
	for (int i = 0; i < 1000 && vfu_descriptors(&server) != calm; i++)
		nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
	check(vfu_descriptors(&server) == calm, "it keeps no descriptor");
	check(vfu_mappings(&server, MEMORY) == 0, "it keeps no memory");
	close(socket);
	int status = vfu_stop(&server);
	check(!status, "it ends well");
	return status != 0;
}
