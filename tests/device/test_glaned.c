// SPDX-License-Identifier: Apache-2.0
// The daemon on the simulated NIC: everything from its start to its stop, a firmware that hangs, a NIC that goes away, systemd's descriptor store
// (played here), and kill -9 at random moments of adding, removing, changing and attaching contexts (SEED, KILLS from the environment).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control.h"
#include "guestlane.h"
#include "guestlane_regs.h"
#include "hold.h"
#include "packet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIM	 "build/sim/glane-sim"
#define GLANED	 "build/tests/glaned/glaned"
#define FIRMWARE "build/firmware/guestlane.fw"
#define CONTEXTS 32
#define LIMIT_MS 30000

static char folder[32], device[160], control_path[128], state_dir[128], config_path[128],
	sim_path[128], log_path[128];
static pid_t sim, glaned;

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void nap(unsigned ms)
{
	poll(NULL, 0, (int)ms);
}

static pid_t spawn(char *const *arguments, const char *log)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, 1);
	dup2(fd, 2);
	execv(arguments[0], arguments);
	_exit(127);
}

/* Its exit status, or 1000 + signal. */
static int reap(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void start_sim(void)
{
	char *arguments[] = { SIM, "--socket", sim_path, "--wire", "loopback", NULL };
	struct stat status;
	char log[160];
	unlink(sim_path);
	snprintf(log, sizeof(log), "%s/sim.log", folder);
	sim = spawn(arguments, log);
	uint64_t limit = now_ms() + LIMIT_MS;
	while (stat(sim_path, &status) && now_ms() < limit)
		nap(20);
}

static void start_glaned_with(const char *option)
{
	char *arguments[] = { GLANED, "--config", config_path, (char *)option, NULL };
	glaned = spawn(arguments, log_path);
}

static void start_glaned(void)
{
	start_glaned_with(NULL);
}

static void kill_glaned(int signal)
{
	kill(glaned, signal);
}

static bool log_has(const char *words)
{
	char text[65536];
	FILE *f = fopen(log_path, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	text[n] = 0;
	if (f)
		fclose(f);
	return strstr(text, words);
}

static void configure(const char *more)
{
	FILE *f = fopen(config_path, "w");
	fprintf(f,
		"[nic]\ndevice = %s\nfirmware = " FIRMWARE
		"\nsocket = %s\nstate-dir = %s\nattach-timeout = 1\n%s",
		device, control_path, state_dir, more);
	fclose(f);
}

/* A client as soon as there is a daemon; NULL: there is none any more. */
static struct glc_client *greet(void)
{
	struct glc_client *client;
	uint64_t limit = now_ms() + LIMIT_MS;
	for (;;) {
		int error = glc_open(&client, control_path, "test", LIMIT_MS);
		if (!error)
			return client;
		glc_close(client);
		if (now_ms() > limit || (error != -ENOENT && error != -ECONNREFUSED))
			return NULL;
		nap(10);
	}
}

static json_t *call(struct glc_client *client, const char *method, json_t *params)
{
	json_t *result = NULL;
	int error = glc_call(client, method, params, &result);
	if (error)
		fail_msg("%s: %s", method, glc_error(client));
	return result;
}

static void quiet_call(struct glc_client *client, const char *method, json_t *params)
{
	json_decref(call(client, method, params));
}

static int number_of(const json_t *object, const char *key)
{
	return (int)json_integer_value(json_object_get(object, key));
}

static const char *word_of(const json_t *object, const char *key)
{
	const char *word = json_string_value(json_object_get(object, key));
	return word ? word : "";
}

static int new_memory(size_t bytes)
{
	int fd = memfd_create("driver", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	return fd;
}

static int attach(struct glc_client *client, int k, int memory, size_t bytes, bool resume)
{
	int fds[3];
	size_t count;
	int error = glc_call_fds(client, "context.attach",
				 json_pack("{s:i, s:I, s:b}", "context", k, "bytes",
					   (json_int_t)bytes, "resume", resume),
				 &memory, 1, NULL, fds, 3, &count);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return error;
}

static unsigned descriptors(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* Mappings of memfds. */
static unsigned memfds(pid_t pid)
{
	char path[64], line[512];
	unsigned n = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, "/memfd:") != NULL;
	if (f)
		fclose(f);
	return n;
}

/* A file of the state folder by its ending. */
static bool find_state(const char *ending, char *path, size_t room)
{
	bool found = false;
	DIR *dir = opendir(state_dir);
	struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		size_t n = strlen(entry->d_name), m = strlen(ending);
		if (n < m || strcmp(entry->d_name + n - m, ending))
			continue;
		snprintf(path, room, "%s/%s", state_dir, entry->d_name);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found;
}

static int hold_connect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (!find_state(".hold", address.sun_path, sizeof(address.sun_path)))
		return -1;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* How many descriptors glane-hold keeps; they are closed here. */
static int held(struct gl_fd *fds, int room)
{
	int fd = hold_connect(), count = 0;
	if (fd < 0)
		return -1;
	assert_int_equal(packet_send(fd, HOLD_LIST, strlen(HOLD_LIST), NULL, 0), 0);
	for (;;) {
		const char *data;
		int got[GLC_FDS_MAX];
		size_t n;
		ssize_t bytes = packet_receive(fd, &data, got, &n);
		assert_true(bytes > 0);
		if (!n)
			break;
		if (fds && count < room) {
			memset(&fds[count], 0, sizeof(fds[count]));
			memcpy(fds[count].name, data, (size_t)bytes);
			fds[count].fd = got[0];
		} else {
			packet_close(got, n);
		}
		count++;
	}
	close(fd);
	return count;
}

static int set_up(void **state)
{
	(void)state;
	unlink(log_path);
	start_sim();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	char *release[] = { GLANED, "--config", config_path, "--release", NULL };
	if (glaned) {
		kill(glaned, SIGKILL);
		waitpid(glaned, NULL, 0);
		glaned = 0;
	}
	reap(spawn(release, log_path));
	if (sim) {
		kill(sim, SIGTERM);
		waitpid(sim, NULL, 0);
		sim = 0;
	}
	return 0;
}

/* --- One life --- */

static void from_start_to_stop(void **state)
{
	(void)state;
	char metrics[160], more[512];
	snprintf(metrics, sizeof(metrics), "%s/metrics.sock", folder);
	snprintf(more, sizeof(more),
		 "metrics-listen = %s\n[context 1]\nmac = 02:00:00:00:00:01\n[context 4]\nmtu = "
		 "9000\n",
		 metrics);
	configure(more);
	start_glaned();
	struct glc_client *client = greet();
	assert_non_null(client);
	assert_int_equal(number_of(json_object_get(glc_hello(client), "nic"), "contexts"),
			 CONTEXTS);
	json_t *r = call(client, "context.list", NULL);
	assert_int_equal(json_array_size(json_object_get(r, "contexts")), 2);
	assert_string_equal(word_of(json_array_get(json_object_get(r, "contexts"), 0), "state"),
			    "idle");
	json_decref(r);
	/* The NIC works, and says so. */
	r = call(client, "selftest", NULL);
	size_t i;
	json_t *test;
	json_array_foreach(json_object_get(r, "tests"), i, test)
	{
		if (!json_is_true(json_object_get(test, "ok")))
			fail_msg("%s: %s", word_of(test, "name"), word_of(test, "text"));
	}
	assert_int_equal(i, 4);
	json_decref(r);
	/* An attached driver sees a virtio device. */
	int memory = new_memory(65536);
	assert_int_equal(attach(client, 1, memory, 65536, false), 0);
	r = call(client, "page.read", json_pack("{s:i, s:i}", "offset", GL_DEV_MAGIC, "size", 4));
	assert_int_equal(number_of(r, "value"), 0x74726976);
	json_decref(r);
	r = call(client, "page.read",
		 json_pack("{s:i, s:i}", "offset", GL_DEV_DEVICE_ID, "size", 4));
	assert_int_equal(number_of(r, "value"), 1);
	json_decref(r);
	/* A second daemon refuses and names the first. */
	char words[64], *second[] = { GLANED, "--config", config_path, NULL };
	assert_int_equal(reap(spawn(second, log_path)), 1);
	snprintf(words, sizeof(words), "belongs to another glaned already, process %d",
		 (int)glaned);
	assert_true(log_has(words));
	/* Metrics by HTTP. */
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strcpy(address.sun_path, metrics);
	int http = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(http, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(http, "GET /metrics HTTP/1.0\r\n\r\n", 25), 25);
	static char text[65536];
	size_t got = 0;
	ssize_t n;
	while ((n = read(http, text + got, sizeof(text) - 1 - got)) > 0)
		got += (size_t)n;
	text[got] = 0;
	close(http);
	assert_non_null(strstr(text, "200 OK"));
	assert_non_null(strstr(text, "\nguestlane_up 1\n"));
	assert_non_null(strstr(
		text, "guestlane_context_info{context=\"1\",state=\"idle\",owner=\"attached\"} 1"));
	assert_non_null(strstr(text, "guestlane_nic_mac_rx_frames_total "));
	/* Firmware anew: contexts come up again, and the driver has its device. */
	char *path = realpath(FIRMWARE, NULL);
	quiet_call(client, "firmware.load", json_pack("{s:s}", "path", path));
	free(path);
	r = call(client, "page.read",
		 json_pack("{s:i, s:i}", "offset", GL_DEV_DEVICE_ID, "size", 4));
	assert_int_equal(number_of(r, "value"), 1);
	json_decref(r);
	int error =
		glc_call(client, "firmware.load", json_pack("{s:s}", "path", "/etc/passwd"), NULL);
	assert_int_equal(error, -ENOEXEC);
	r = call(client, "context.get", json_pack("{s:i}", "context", 4));
	assert_string_equal(word_of(r, "state"), "idle");
	assert_int_equal(number_of(r, "mtu"), 9000);
	json_decref(r);
	glc_close(client);
	close(memory);
	kill_glaned(SIGTERM);
	assert_int_equal(reap(glaned), 0);
	glaned = 0;
	char file[256];
	assert_false(find_state(".state", file, sizeof(file)));
	assert_false(find_state(".hold", file, sizeof(file)));
	/* The NIC is free for the next. */
	start_glaned();
	client = greet();
	assert_non_null(client);
	glc_close(client);
}

static void captures_show_a_contexts_frames(void **state)
{
	(void)state;
	configure("[context 1]\n");
	start_glaned();
	struct glc_client *client = greet();
	assert_non_null(client);
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	json_t *r = NULL;
	assert_int_equal(glc_call_fds(client, "capture.start", json_pack("{s:i}", "context", 1),
				      &ends[1], 1, &r, NULL, 0, NULL),
			 0);
	close(ends[1]);
	unsigned via = (unsigned)number_of(r, "via");
	assert_int_equal(via, 0);
	json_decref(r);
	uint32_t type = 0;
	assert_int_equal(read(ends[0], &type, 4), 4);
	assert_int_equal(type, 0x0a0d0d0a);
	r = call(client, "context.get", json_pack("{s:i}", "context", via));
	assert_string_equal(word_of(r, "owner"), "capture");
	json_decref(r);
	assert_int_equal(glc_call(client, "context.remove", json_pack("{s:i}", "context", via),
				  NULL),
			 -EBUSY);
	/* Its end comes with its reader's. */
	close(ends[0]);
	uint64_t limit = now_ms() + LIMIT_MS;
	while (glc_call(client, "context.get", json_pack("{s:i}", "context", via), NULL) !=
		       -ENOENT &&
	       now_ms() < limit)
		nap(20);
	assert_true(now_ms() < limit);
	glc_close(client);
}

/* --- Death and return --- */

static void killed_daemon_is_followed(void **state)
{
	(void)state;
	configure("[context 1]\n");
	start_glaned();
	struct glc_client *client = greet(), *driver = greet();
	assert_non_null(client);
	quiet_call(client, "context.add", json_pack("{s:i, s:i}", "context", 7, "mtu", 4000));
	quiet_call(client, "context.remove", json_pack("{s:i}", "context", 1));
	quiet_call(client, "context.add", json_pack("{s:i}", "context", 8));
	int memory = new_memory(8192), other = new_memory(8192);
	assert_int_equal(attach(driver, 7, memory, 8192, false), 0);
	assert_int_equal(attach(client, 8, other, 8192, false), 0);
	quiet_call(driver, "page.write",
		   json_pack("{s:i, s:i, s:i}", "offset", GL_DEV_STATUS, "size", 4, "value", 3));
	kill_glaned(SIGKILL);
	reap(glaned);
	start_glaned();
	glc_close(driver);
	glc_close(client);
	driver = greet();
	client = greet();
	assert_int_equal(attach(driver, 7, memory, 8192, true), 0);
	json_t *r = call(driver, "page.read",
			 json_pack("{s:i, s:i}", "offset", GL_DEV_STATUS, "size", 4));
	assert_int_equal(number_of(r, "value"), 3);
	json_decref(r);
	assert_int_equal(glc_call(client, "context.get", json_pack("{s:i}", "context", 1), NULL),
			 -ENOENT);
	/* Who does not come back loses its device after attach-timeout. */
	assert_int_equal(attach(client, 8, other, 8192, false), -EBUSY);
	uint64_t limit = now_ms() + LIMIT_MS;
	while (attach(client, 8, other, 8192, false) == -EBUSY && now_ms() < limit)
		nap(100);
	assert_true(now_ms() < limit);
	assert_true(log_has("context 8: taken from process"));
	assert_false(log_has("context 7: taken from process"));
	glc_close(driver);
	glc_close(client);
	close(memory);
	close(other);
}

static void kept_nic_goes_on_after_a_stop(void **state)
{
	(void)state;
	char file[256];
	configure("keep = yes\n[context 1]\n");
	start_glaned();
	struct glc_client *client = greet();
	int memory = new_memory(8192);
	assert_int_equal(attach(client, 1, memory, 8192, false), 0);
	int before = held(NULL, 0);
	kill_glaned(SIGTERM);
	assert_int_equal(reap(glaned), 0);
	glc_close(client);
	assert_int_equal(held(NULL, 0), before);
	start_glaned();
	client = greet();
	assert_int_equal(attach(client, 1, memory, 8192, true), 0);
	assert_true(log_has("taken over as it runs"));
	glc_close(client);
	kill_glaned(SIGTERM);
	assert_int_equal(reap(glaned), 0);
	/* Until it is given up. */
	char *release[] = { GLANED, "--config", config_path, "--release", NULL };
	assert_int_equal(reap(spawn(release, log_path)), 0);
	assert_false(find_state(".hold", file, sizeof(file)));
	assert_false(find_state(".state", file, sizeof(file)));
	start_glaned();
	client = greet();
	assert_int_equal(attach(client, 1, memory, 8192, true), -ENOENT);
	glc_close(client);
	close(memory);
}

static void other_session_is_not_taken_over(void **state)
{
	(void)state;
	char file[256];
	configure("[context 1]\n");
	start_glaned();
	struct glc_client *client = greet();
	quiet_call(client, "context.add", json_pack("{s:i}", "context", 9));
	glc_close(client);
	kill_glaned(SIGKILL);
	reap(glaned);
	/* The NIC has gone and come back meanwhile: contexts come up anew as they were. */
	kill(sim, SIGKILL);
	waitpid(sim, NULL, 0);
	start_sim();
	start_glaned();
	client = greet();
	assert_non_null(client);
	assert_true(log_has("starting anew"));
	quiet_call(client, "context.get", json_pack("{s:i}", "context", 9));
	glc_close(client);
	/* A state file that makes no sense. */
	kill_glaned(SIGKILL);
	reap(glaned);
	assert_true(find_state(".state", file, sizeof(file)));
	assert_int_equal(truncate(file, 100), 0);
	start_glaned();
	client = greet();
	assert_non_null(client);
	assert_true(log_has("is damaged; starting anew"));
	assert_int_equal(glc_call(client, "context.get", json_pack("{s:i}", "context", 9), NULL),
			 -ENOENT);
	quiet_call(client, "context.get", json_pack("{s:i}", "context", 1));
	glc_close(client);
}

static void vanished_nic_is_a_clean_end(void **state)
{
	(void)state;
	char file[256];
	configure("[context 1]\n");
	start_glaned();
	glc_close(greet());
	kill(sim, SIGKILL);
	waitpid(sim, NULL, 0);
	sim = 0;
	assert_int_equal(reap(glaned), 3);
	glaned = 0;
	assert_true(log_has("has gone; its state stays"));
	assert_true(find_state(".state", file, sizeof(file)));
}

static void keeper_that_dies_is_replaced(void **state)
{
	(void)state;
	configure("[context 1]\n");
	start_glaned();
	struct glc_client *client = greet();
	int before = held(NULL, 0);
	assert_true(before > CONTEXTS);
	/* Somebody else tells it to end. */
	int hold = hold_connect();
	assert_int_equal(packet_send(hold, HOLD_QUIT, strlen(HOLD_QUIT), NULL, 0), 0);
	close(hold);
	uint64_t limit = now_ms() + LIMIT_MS;
	while (!log_has("glane-hold ended") && now_ms() < limit)
		nap(20);
	assert_true(log_has("glane-hold ended"));
	while (held(NULL, 0) != before && now_ms() < limit)
		nap(20);
	assert_int_equal(held(NULL, 0), before);
	glc_close(client);
	kill_glaned(SIGKILL);
	reap(glaned);
	start_glaned();
	client = greet();
	assert_non_null(client);
	assert_true(log_has("taken over as it runs"));
	glc_close(client);
}

/* --- Firmware that hangs --- */

/* With the daemon stopped, another process takes the NIC over for a moment and overwrites the firmware with jumps to themselves. */
static void hang_the_firmware(void)
{
	static struct gl_fd fds[512];
	char file[256];
	kill(glaned, SIGSTOP);
	pid_t pid = fork();
	if (!pid) {
		int count = held(fds, 512);
		json_t *state = find_state(".state", file, sizeof(file))
					? json_load_file(file, 0, NULL)
					: NULL;
		struct gl_nic *nic;
		if (count < 1 || gl_adopt(&nic, word_of(state, "nic"), fds, (size_t)count)) {
			fprintf(stderr, "# %d descriptors: %s\n", count, gl_error(NULL));
			_exit(1);
		}
		for (uint32_t i = 0; i < GL_IMEM_SIZE; i += 4) {
			if (i % 0x4000 == 0)
				gl_write(nic, GL_BAR0, GL_BAR0_WINDOW, GL_IMEM_BASE + i, 4);
			gl_write(nic, GL_BAR0, GL_BAR0_WINDOW_DATA + i % 0x4000, 0x6f, 4);
		}
		gl_read(nic, GL_BAR0, GL_BAR0_ID, 4);
		_exit(0);
	}
	assert_int_equal(reap(pid), 0);
	kill(glaned, SIGCONT);
}

static void hung_firmware_goes_on(void **state)
{
	(void)state;
	configure("watchdog = 20\n[context 1]\n[context 2]\nmtu = 2000\n");
	start_glaned();
	struct glc_client *client = greet();
	json_t *event = NULL;
	quiet_call(client, "events.subscribe", NULL);
	hang_the_firmware();
	bool told = false;
	uint64_t limit = now_ms() + 2 * LIMIT_MS;
	while (!told && now_ms() < limit && glc_event(client, LIMIT_MS, &event) == 1) {
		const json_t *params = json_object_get(event, "params");
		told = !strcmp(word_of(params, "kind"), "firmware") &&
		       strstr(word_of(params, "text"), "hung and was restarted");
		json_decref(event);
	}
	assert_true(told);
	json_t *r = call(client, "nic.show", NULL);
	assert_int_equal(number_of(json_object_get(r, "firmware"), "restarts"), 1);
	assert_string_equal(word_of(json_object_get(r, "firmware"), "state"), "run");
	json_decref(r);
	r = call(client, "context.get", json_pack("{s:i}", "context", 2));
	assert_string_equal(word_of(r, "state"), "idle");
	json_decref(r);
	r = call(client, "selftest", NULL);
	size_t i;
	json_t *test;
	json_array_foreach(json_object_get(r, "tests"), i, test)
	{
		if (!json_is_true(json_object_get(test, "ok")))
			fail_msg("%s: %s", word_of(test, "name"), word_of(test, "text"));
	}
	json_decref(r);
	glc_close(client);
}

/* --- Under systemd --- */

struct store {
	char name[64];
	int fd;
} store[512];
static unsigned stored;
static bool ready;

static void play_systemd(int socket, int timeout_ms)
{
	struct pollfd p = { .fd = socket, .events = POLLIN };
	while (poll(&p, 1, timeout_ms) == 1) {
		char text[512] = "", *at;
		union {
			struct cmsghdr align;
			char bytes[CMSG_SPACE(sizeof(int) * 4)];
		} control;
		struct iovec iov = { text, sizeof(text) - 1 };
		struct msghdr message = { .msg_iov = &iov,
					  .msg_iovlen = 1,
					  .msg_control = control.bytes,
					  .msg_controllen = sizeof(control.bytes) };
		assert_true(recvmsg(socket, &message, MSG_CMSG_CLOEXEC) >= 0);
		int fd = -1;
		char name[64] = "stored";
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);
		if (head && head->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(head), sizeof(fd));
		if ((at = strstr(text, "FDNAME=")))
			sscanf(at, "FDNAME=%63s", name);
		if (strstr(text, "READY=1"))
			ready = true;
		if (strstr(text, "FDSTOREREMOVE=1")) {
			for (unsigned i = 0; i < stored;) {
				if (strcmp(store[i].name, name)) {
					i++;
					continue;
				}
				close(store[i].fd);
				store[i] = store[--stored];
			}
		} else if (strstr(text, "FDSTORE=1")) {
			assert_true(fd >= 0 && stored < 512);
			strcpy(store[stored].name, name);
			store[stored++].fd = fd;
			fd = -1;
		}
		if (fd >= 0)
			close(fd); /* BARRIER=1 waits for that */
	}
}

static pid_t spawn_service(const char *notify)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	static char names[32768], text[64];
	setenv("NOTIFY_SOCKET", notify, 1);
	if (stored) {
		/* Out of the way first, then one after the other from 3 on. */
		for (unsigned i = 0; i < stored; i++)
			store[i].fd = fcntl(store[i].fd, F_DUPFD, 600);
		for (unsigned i = 0; i < stored; i++) {
			dup2(store[i].fd, 3 + (int)i);
			close(store[i].fd);
			strcat(names, i ? ":" : "");
			strcat(names, store[i].name);
		}
		snprintf(text, sizeof(text), "%u", stored);
		setenv("LISTEN_FDS", text, 1);
		setenv("LISTEN_FDNAMES", names, 1);
		snprintf(text, sizeof(text), "%d", (int)getpid());
		setenv("LISTEN_PID", text, 1);
	}
	setenv("WATCHDOG_USEC", "20000000", 1);
	int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(fd, 1);
	dup2(fd, 2);
	execl(GLANED, GLANED, "--config", config_path, NULL);
	_exit(127);
}

static void systemd_keeps_the_descriptors(void **state)
{
	(void)state;
	char file[256];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", folder);
	int notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(notify, (struct sockaddr *)&address, sizeof(address)), 0);
	configure("[context 1]\n");
	stored = 0;
	ready = false;
	glaned = spawn_service(address.sun_path);
	uint64_t limit = now_ms() + LIMIT_MS;
	while (!ready && now_ms() < limit)
		play_systemd(notify, 100);
	assert_true(ready);
	play_systemd(notify, 200);
	unsigned before = stored;
	assert_true(stored > CONTEXTS);
	assert_false(find_state(".hold", file, sizeof(file)));
	struct glc_client *client = greet();
	quiet_call(client, "context.add", json_pack("{s:i}", "context", 3));
	int memory = new_memory(8192);
	assert_int_equal(attach(client, 3, memory, 8192, false), 0);
	play_systemd(notify, 200);
	assert_int_equal(stored, before + 3); /* memory, two doorbells */
	kill_glaned(SIGKILL);
	reap(glaned);
	play_systemd(notify, 200);
	ready = false;
	glaned = spawn_service(address.sun_path);
	limit = now_ms() + LIMIT_MS;
	while (!ready && now_ms() < limit)
		play_systemd(notify, 100);
	assert_true(ready);
	assert_true(log_has("taken over as it runs"));
	glc_close(client);
	client = greet();
	assert_int_equal(attach(client, 3, memory, 8192, true), 0);
	/* What is taken away leaves the store. */
	quiet_call(client, "context.list", NULL);
	glc_close(client);
	nap(300);
	play_systemd(notify, 300);
	assert_int_equal(stored, before + 2);
	kill_glaned(SIGTERM);
	limit = now_ms() + LIMIT_MS;
	int status;
	while (waitpid(glaned, &status, WNOHANG) == 0 && now_ms() < limit)
		play_systemd(notify, 50);
	glaned = 0;
	play_systemd(notify, 100);
	assert_int_equal(status, 0);
	assert_int_equal(stored, 0);
	close(memory);
	close(notify);
	unlink(address.sun_path);
}

/* --- kill -9 at any moment --- */

static uint64_t seed;

static unsigned chance(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)((seed * 0x2545f4914f6cdd1dull >> 33) % below);
}

#define PLAYED	4 /* contexts that come and go */
#define UNSURE	2
#define DRIVERS 3

static struct {
	int exists; /* 0, 1, UNSURE: the answer did not come */
	int mtu;    /* 0: unsure */
} model[PLAYED];

static struct driver {
	struct glc_client *client; /* NULL: none */
	int k, memory;
	bool attached, lost;
} driver[DRIVERS];

static void driver_leave(struct driver *x)
{
	glc_close(x->client);
	if (x->memory >= 0)
		close(x->memory);
	*x = (struct driver){ .memory = -1 };
}

static bool gone(int error)
{
	return error == -ECONNRESET || error == -ETIMEDOUT;
}

/* One operation; false: the daemon died in it. */
static bool operate(struct glc_client *client)
{
	unsigned k = chance(PLAYED);
	json_t *params = json_pack("{s:i}", "context", k);
	int error, mtu = 1000 + (int)chance(4000);
	switch (chance(6)) {
	case 0:
	case 1:
		json_object_set_new(params, "mtu", json_integer(mtu));
		error = glc_call(client, "context.add", params, NULL);
		if (gone(error)) {
			if (model[k].exists != 1) {
				model[k].exists = UNSURE;
				model[k].mtu = 0;
			}
		} else if (error == -EEXIST) {
			assert_int_not_equal(model[k].exists, 0);
			model[k].exists = 1;
		} else {
			assert_int_equal(error, 0);
			assert_int_not_equal(model[k].exists, 1);
			model[k].exists = 1;
			model[k].mtu = mtu;
		}
		break;
	case 2:
		error = glc_call(client, "context.remove", params, NULL);
		if (gone(error)) {
			if (model[k].exists)
				model[k].exists = UNSURE;
		} else {
			if (error == -ENOENT)
				assert_int_not_equal(model[k].exists, 1);
			else if (error)
				fail_msg("remove: %s", glc_error(client));
			else
				assert_int_not_equal(model[k].exists, 0);
			model[k].exists = 0;
		}
		break;
	case 3:
		json_object_set_new(params, "mtu", json_integer(mtu));
		error = glc_call(client, "context.set", params, NULL);
		if (gone(error)) {
			model[k].mtu = 0;
		} else if (error == -ENOENT) {
			assert_int_not_equal(model[k].exists, 1);
			model[k].exists = 0;
		} else {
			assert_int_equal(error, 0);
			assert_int_not_equal(model[k].exists, 0);
			model[k].exists = 1;
			model[k].mtu = mtu;
		}
		break;
	default: {
		json_decref(params);
		struct driver *x = &driver[chance(DRIVERS)];
		if (x->client) {
			driver_leave(x);
			return true;
		}
		x->client = greet();
		if (!x->client)
			return false;
		x->k = (int)k;
		x->memory = new_memory(4096 * (1 + chance(4)));
		struct stat status;
		fstat(x->memory, &status);
		error = attach(x->client, x->k, x->memory, (size_t)status.st_size, false);
		if (gone(error)) {
			driver_leave(x);
			return false;
		}
		if (error && error != -EBUSY && error != -ENOENT)
			fail_msg("attach: %s", glc_error(x->client));
		if (error == -ENOENT)
			assert_int_not_equal(model[k].exists, 1);
		if (error)
			driver_leave(x);
		else
			x->attached = true;
		return true;
	}
	}
	return !gone(error);
}

/* After a restart each driver comes back, or does not. */
static void drivers_return(void)
{
	for (int i = 0; i < DRIVERS; i++) {
		struct driver *x = &driver[i];
		if (!x->client)
			continue;
		struct stat status;
		fstat(x->memory, &status);
		glc_close(x->client);
		x->client = chance(3) ? greet() : NULL;
		int error =
			x->client ? attach(x->client, x->k, x->memory, (size_t)status.st_size, true)
				  : -ECONNRESET;
		/* It can be refused only if its context was being removed or replaced. */
		if (error && !gone(error) && model[x->k].exists == 1 && error != -ENOENT &&
		    error != -EPERM)
			fail_msg("resume: %s", glc_error(x->client));
		if (error)
			driver_leave(x);
	}
}

static void compare(struct glc_client *client)
{
	for (unsigned k = 0; k < PLAYED; k++) {
		json_t *r = NULL;
		int error = glc_call(client, "context.get", json_pack("{s:i}", "context", k), &r);
		if (gone(error))
			return;
		if (model[k].exists != UNSURE && (error == 0) != model[k].exists)
			fail_msg("context %u: %s, should %s", k, error ? "is gone" : "exists",
				 model[k].exists ? "exist" : "be gone");
		model[k].exists = error == 0;
		if (!error && model[k].mtu)
			assert_int_equal(number_of(r, "mtu"), model[k].mtu);
		if (!error)
			model[k].mtu = number_of(r, "mtu");
		json_decref(r);
	}
}

static void killed_at_any_moment(void **state)
{
	(void)state;
	const char *given = getenv("SEED"), *kills_given = getenv("KILLS");
	seed = given ? strtoull(given, NULL, 0)
		     : (uint64_t)time(NULL) * 2654435761u ^ (uint64_t)getpid();
	seed |= 1;
	print_message("# seed 0x%" PRIx64 "\n", seed);
	unsigned kills = kills_given ? (unsigned)strtoul(kills_given, NULL, 0) : 100;
	unsigned operations = 0, in_start = 0;
	/* Sixteen table pages: what leaks is missed at once. */
	configure("table-bytes = 64K\n");
	memset(model, 0, sizeof(model));
	for (int i = 0; i < DRIVERS; i++)
		driver[i] = (struct driver){ .memory = -1 };
	start_glaned();
	struct glc_client *client = greet();
	assert_non_null(client);
	for (int k = 0; k < PLAYED; k++) { /* all doorbells are there */
		quiet_call(client, "context.add", json_pack("{s:i}", "context", k));
		struct glc_client *one = greet();
		int memory = new_memory(4096);
		assert_int_equal(attach(one, k, memory, 4096, false), 0);
		glc_close(one);
		close(memory);
		quiet_call(client, "context.remove", json_pack("{s:i}", "context", k));
	}
	int held_before = held(NULL, 0);
	unsigned sim_fds = descriptors(sim), sim_maps = memfds(sim);
	glc_close(client);
	for (unsigned n = 0; n < kills; n++) {
		pid_t victim = glaned, killer;
		bool early = n && chance(3) == 0;
		unsigned delay = early ? chance(150) : 1 + chance(300);
		if (!early) {
			client = greet();
			if (!client)
				fail_msg("no daemon: see %s", log_path);
			if (n)
				drivers_return();
			compare(client);
		} else {
			client = NULL;
			in_start++;
		}
		killer = fork();
		if (!killer) {
			struct timespec t = { 0, (long)delay * 1000000 + (long)chance(1000000) };
			nanosleep(&t, NULL);
			kill(victim, SIGKILL);
			_exit(0);
		}
		while (client && operate(client))
			operations++;
		glc_close(client);
		reap(killer);
		assert_int_equal(reap(victim), 1000 + SIGKILL);
		start_glaned();
	}
	print_message("# %u operations, %u kills, %u of them in the start\n", operations, kills,
		      in_start);
	client = greet();
	assert_non_null(client);
	compare(client);
	for (int i = 0; i < DRIVERS; i++)
		driver_leave(&driver[i]);
	/* The drivers that did not return lose their devices; then everything is as it was. */
	uint64_t limit = now_ms() + LIMIT_MS;
	for (unsigned k = 0; k < CONTEXTS; k++) {
		int error =
			glc_call(client, "context.remove", json_pack("{s:i}", "context", k), NULL);
		assert_true(error == 0 || error == -ENOENT);
	}
	while ((held(NULL, 0) != held_before || descriptors(sim) != sim_fds ||
		memfds(sim) != sim_maps) &&
	       now_ms() < limit)
		nap(50);
	assert_int_equal(held(NULL, 0), held_before);
	assert_int_equal(descriptors(sim), sim_fds);
	assert_int_equal(memfds(sim), sim_maps);
	assert_false(log_has("starting anew"));
	/* All table pages are free: five contexts take fifteen of them. */
	struct glc_client *client_of[5];
	int memory = new_memory(4096);
	for (int k = 0; k < 5; k++) {
		quiet_call(client, "context.add", json_pack("{s:i}", "context", k));
		client_of[k] = greet();
		if (attach(client_of[k], k, memory, 4096, false))
			fail_msg("attach %d: %s", k, glc_error(client_of[k]));
	}
	for (int k = 0; k < 5; k++)
		glc_close(client_of[k]);
	close(memory);
	glc_close(client);
}

/* --- Size --- */

static void daemon_is_small(void **state)
{
	(void)state;
	char more[2048] = "", line[64], path[64];
	for (int k = 0; k < CONTEXTS; k++) {
		snprintf(line, sizeof(line), "[context %d]\nmtu = 9000\n", k);
		strcat(more, line);
	}
	configure(more);
	/* Without the sanitizers. */
	char *arguments[] = { "build/host-driver/glaned", "--config", config_path, NULL };
	glaned = spawn(arguments, log_path);
	struct glc_client *client = greet(), *drivers[CONTEXTS];
	assert_non_null(client);
	int memory[CONTEXTS];
	for (int k = 0; k < CONTEXTS; k++) {
		drivers[k] = greet();
		memory[k] = new_memory(4 << 20);
		assert_int_equal(attach(drivers[k], k, memory[k], 4 << 20, false), 0);
	}
	quiet_call(client, "context.list", NULL);
	/* Answers that come in parts. */
	static char text[1 << 17];
	unsigned contexts = 0, parts = 0;
	int next = 0;
	do {
		json_t *r = call(client, "stats.get", json_pack("{s:i}", "from", next));
		contexts += (unsigned)json_array_size(json_object_get(r, "contexts"));
		next = number_of(r, "next");
		json_decref(r);
		parts++;
	} while (next);
	assert_int_equal(contexts, CONTEXTS);
	assert_true(parts > 1);
	do {
		json_t *r = call(client, "metrics", json_pack("{s:i}", "from", next));
		strcat(text, word_of(r, "text"));
		next = number_of(r, "next");
		assert_true(!next || next == (int)strlen(text));
		json_decref(r);
	} while (next);
	contexts = 0;
	for (char *at = text; (at = strstr(at, "\nguestlane_context_rx_frames_total{")); at++)
		contexts++;
	assert_int_equal(contexts, CONTEXTS);
	assert_non_null(
		strstr(text, "\nguestlane_context_rx_drop_limit_total{context=\"31\"} 0\n"));
	unsigned resident = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)glaned);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %u", &resident) == 1)
			break;
	fclose(f);
	print_message("# %u KiB resident at most, %d contexts attached\n", resident, CONTEXTS);
	assert_in_range(resident, 1, 20 * 1024);
	for (int k = 0; k < CONTEXTS; k++) {
		glc_close(drivers[k]);
		close(memory[k]);
	}
	glc_close(client);
}

int main(int argc, char **argv)
{
	/* In memory, where the daemon has it too: its state file is written with fsync(). */
	strcpy(folder,
	       access("/dev/shm", W_OK) ? "/tmp/guestlane.XXXXXX" : "/dev/shm/guestlane.XXXXXX");
	if (!mkdtemp(folder))
		return 1;
	signal(SIGPIPE, SIG_IGN);
	snprintf(sim_path, sizeof(sim_path), "%s/sim.sock", folder);
	snprintf(device, sizeof(device), "vfio-user:%s", sim_path);
	snprintf(control_path, sizeof(control_path), "%s/glaned.sock", folder);
	snprintf(state_dir, sizeof(state_dir), "%s/state", folder);
	snprintf(config_path, sizeof(config_path), "%s/glaned.conf", folder);
	snprintf(log_path, sizeof(log_path), "%s/glaned.log", folder);
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest quick[] = {
		T(from_start_to_stop),
		T(captures_show_a_contexts_frames),
		T(killed_daemon_is_followed),
		T(kept_nic_goes_on_after_a_stop),
		T(other_session_is_not_taken_over),
		T(vanished_nic_is_a_clean_end),
		T(keeper_that_dies_is_replaced),
		T(hung_firmware_goes_on),
		T(systemd_keeps_the_descriptors),
		T(daemon_is_small),
	};
	const struct CMUnitTest kills[] = { T(killed_at_any_moment) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	int failed = argc > 1 && !strcmp(argv[1], "kills")
			     ? cmocka_run_group_tests(kills, NULL, NULL)
			     : cmocka_run_group_tests(quick, NULL, NULL);
	if (failed) {
		char command[160];
		snprintf(command, sizeof(command), "tail -n 30 %s | sed 's/^/# /'", log_path);
		(void)!system(command);
	}
	char command[160];
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	(void)!system(command);
	return failed;
}
