// SPDX-License-Identifier: Apache-2.0
// Vifs over a played NIC and a played Xen, under the sanitizers: what becomes of a front end that behaves, of one that does not, of a domain that ends, and of each of these when
// the daemon is killed at any of its steps. That nothing is given back while the device can reach it, fake_xen.c asserts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_nic.h"
#include "fake_xen.h"
#include "glaned.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sanitizer/lsan_interface.h>
#include <unistd.h>

#define FRONT "/local/domain/%u/device/guestlane/0"
#define BACK  "/local/domain/0/backend/guestlane/%u/0"
#define GUEST 3u
#define MAC                            \
	{                              \
		0, 0x16, 0x3e, 0, 0, 1 \
	}

static struct daemon *d;
static char folder[32];
static jmp_buf death;
static uint32_t directory[1024];

/* --- Lives of a daemon --- */

static struct daemon *born(void)
{
	struct daemon *one = calloc(1, sizeof(*one));
	bool damaged;
	one->lock = one->listener = -1;
	assert_true(sd_event_new(&one->event) >= 0);
	one->nic = xen.nic;
	one->count = gl_contexts(one->nic);
	one->context = calloc(one->count, sizeof(*one->context));
	one->config.device = strdup("fake:0");
	one->config.firmware = strdup("/nonexistent.fw");
	one->vifs.pace_us = one->vifs.again_us = 1;
	assert_true(asprintf(&one->state_file, "%s/state", folder) > 0);
	assert_int_equal(keeper_open(&one->keeper, KEEPER_NONE, NULL, false), 0);
	json_t *state = state_read(one->state_file, &damaged);
	assert_false(damaged);
	if (state) {
		assert_int_equal(state_apply(one, state), 0);
		one->adopted = true;
		for (unsigned k = 0; k < one->count; k++)
			if (one->context[k].exists)
				assert_int_equal(context_recover(one, k), 0);
	}
	json_decref(state);
	one->running = true;
	return one;
}

static void begin_life(void)
{
	d = born();
	vifs_open(d);
}

static void end_life(void)
{
	peers_close(d);
	vifs_close(d);
	keeper_close(d->keeper);
	sd_event_unref(d->event);
	free(d->context);
	free(d->config.device);
	free(d->config.firmware);
	free(d->state_file);
	free(d);
	/* Its end of event channels closes with a process. */
	memset(xen.irq, 0, sizeof(xen.irq));
}

static int set_up(void **state)
{
	(void)state;
	fake_xen_reset();
	xen.dom0 = true;
	xen.nic = fake_open();
	for (unsigned i = 1; i < 6; i++)
		xen.domain[i].lives = true;
	xen.domain[4].type = GLX_PVH;
	xen.domain[GUEST].directory[0] = calloc(1024, sizeof(uint32_t));
	for (unsigned i = 0; i < 1024; i++)
		directory[i] = 100 + i;
	memcpy(xen.domain[GUEST].directory[0], directory, sizeof(directory));
	begin_life();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(d->state_file);
	end_life();
	gl_close(xen.nic);
	fake_xen_reset();
	return 0;
}

static void settle(void)
{
	for (int turn = 0; turn < 2000; turn++) {
		int n = sd_event_run(d->event, 1500);
		assert_true(n >= 0);
		if (!n)
			return;
	}
	fail_msg("the loop does not come to rest");
}

/* --- Both ends --- */

static int add_mac(unsigned domain, uint8_t last)
{
	struct vif wish = { .domain = domain, .pool_pages = 512 };
	struct context_config config;
	unsigned k = 0;
	context_config_default(&config);
	config.gl.fallback = true;
	memcpy(config.gl.mac, (uint8_t[6])MAC, 6);
	config.gl.mac[5] = last;
	config.mac_given = true;
	int error = vif_add(d, &wish, &config, &k);
	return error ? error : (int)k;
}

static int add(unsigned domain)
{
	return add_mac(domain, (uint8_t)domain);
}

static void front(const char *node, const char *value)
{
	fake_write(value, FRONT "/%s", GUEST, node);
}

static void publish(void)
{
	front("version", "1");
	front("memory", "pool");
	front("pages", "512");
	front("directory-pages", "1");
	front("directory-ref0", "1000");
	front("guest-address", "0x200000");
	front("event-channel", "7");
	front("state", "3");
}

static const char *back(const char *node)
{
	return fake_node(BACK "/%s", GUEST, node);
}

static void connected(unsigned k)
{
	assert_string_equal(back("state"), "4");
	assert_true(xen.nic->context[k].enabled);
	assert_int_equal(xen.nic->context[k].granted_count, 512);
	assert_int_equal(fake_sets(), 1);
	assert_int_equal(xen.page[k].domain, GUEST);
	assert_int_equal(xen.irq[k].domain, GUEST);
	assert_int_equal(xen.irq[k].port, 7);
	assert_string_equal(back("page-address"), "0xc000001000");
}

static void nothing_held(void)
{
	assert_int_equal(fake_sets(), 0);
	for (unsigned k = 1; k < FAKE_CONTEXTS; k++) {
		assert_int_equal(xen.page[k].domain, 0);
		assert_int_equal(xen.irq[k].domain, 0);
		assert_int_equal(xen.nic->context[k].granted_count, 0);
		assert_false(xen.nic->context[k].enabled);
	}
}

static void nothing_left(void)
{
	nothing_held();
	assert_null(fake_node(BACK, GUEST));
	assert_null(fake_node(FRONT, GUEST));
	for (unsigned k = 1; k < FAKE_CONTEXTS; k++)
		assert_false(xen.nic->context[k].exists);
}

/* As guestlane.ko does. False: nothing is to be done. */
static bool front_follows(void)
{
	const char *b = back("state"), *f = fake_node(FRONT "/state", GUEST);
	if (!b || !f)
		return false;
	if (!strcmp(b, "2") && !strcmp(f, "1"))
		publish();
	else if (!strcmp(b, "4") && !strcmp(f, "3"))
		front("state", "4");
	else if (!strcmp(b, "5") && strcmp(f, "6"))
		front("state", "6");
	else if (!strcmp(b, "6") && strcmp(f, "1") && strcmp(back("online"), "0"))
		front("state", "1");
	else
		return false;
	return true;
}

static void both_settle(void)
{
	do
		settle();
	while (front_follows());
}

/* The program has no peer: as vif.remove without an answer. */
static void start_removal(unsigned domain, double seconds)
{
	struct peer nobody = { 0 };
	assert_true(vif_remove(d, &nobody, domain, 0, seconds) >= 0);
}

/* --- Front ends that behave --- */

static void comes_and_goes(void **state)
{
	(void)state;
	assert_int_equal(add(GUEST), 1);
	assert_string_equal(back("state"), "2");
	assert_string_equal(back("mac"), "00:16:3e:00:00:03");
	assert_string_equal(fake_node(FRONT "/state", GUEST), "1");
	assert_true(xen.nic->context[1].config.fallback);
	assert_false(xen.nic->context[1].enabled);
	settle();
	publish();
	settle();
	connected(1);
	front("state", "4");
	settle();
	connected(1);
	/* The driver is unloaded, and loaded again. */
	front("state", "5");
	settle();
	assert_string_equal(back("state"), "5");
	assert_int_equal(fake_sets(), 1);
	front("state", "6");
	settle();
	assert_string_equal(back("state"), "6");
	nothing_held();
	front("state", "1");
	settle();
	assert_string_equal(back("state"), "2");
	publish();
	settle();
	connected(1);
	start_removal(GUEST, 10);
	settle();
	assert_string_equal(back("online"), "0");
	assert_string_equal(back("state"), "5");
	assert_int_equal(fake_sets(), 1);
	front("state", "6");
	settle();
	nothing_left();
	/* A PV guest may still reach the page. */
	assert_int_equal(d->held[1], GUEST);
	assert_int_equal(add(5), 2);
	assert_int_equal(add(GUEST), 1);
	start_removal(GUEST, 0);
	settle();
	xen.domain[GUEST].lives = false;
	fake_release();
	settle();
	assert_int_equal(d->held[1], 0);
}

static void a_guest_that_does_not_answer_is_cut_off(void **state)
{
	(void)state;
	add(GUEST);
	publish();
	settle();
	connected(1);
	start_removal(GUEST, 0);
	settle();
	nothing_left();
	assert_int_equal(d->vifs.cut_off, 1);
}

static void a_domain_that_ends_leaves_nothing(void **state)
{
	(void)state;
	add(GUEST);
	publish();
	settle();
	xen.domain[GUEST].lives = false;
	fake_write(NULL, "/local/domain/%u", GUEST);
	fake_release();
	settle();
	nothing_left();
	assert_int_equal(d->held[1], 0);
}

/* Two domains for a while, with one MAC address: xl migrate to the same machine. */
static void a_guest_that_migrates_to_this_machine(void **state)
{
	(void)state;
	add(GUEST);
	fake_write("web", "/local/domain/%u/name", GUEST);
	fake_write("web--incoming", "/local/domain/%u/name", 5u);
	publish();
	both_settle();
	connected(1);
	assert_int_equal(add_mac(5, GUEST), -EADDRINUSE);
	connected(1);
	front("state", "6");
	settle();
	nothing_held();
	fake_write("web-incoming", "/local/domain/%u/name", 5u);
	assert_int_equal(add_mac(5, GUEST), -EADDRINUSE);
	fake_write("web--incoming", "/local/domain/%u/name", 5u);
	assert_int_equal(add_mac(5, GUEST), 2);
	assert_null(fake_node(BACK, GUEST));
	assert_false(xen.nic->context[1].exists);
	assert_string_equal(fake_node(BACK "/state", 5u), "2");
	/* The script of the domain that is no more has nothing to do. */
	start_removal(GUEST, 0);
	settle();
	assert_true(xen.nic->context[2].exists);
	start_removal(5, 0);
	settle();
	nothing_left();
}

static void another_kernel_starts_over(void **state)
{
	(void)state;
	add(GUEST);
	publish();
	settle();
	front("state", "1");
	settle();
	nothing_held();
	assert_string_equal(back("state"), "2");
}

static void new_firmware_makes_guests_start_over(void **state)
{
	(void)state;
	add(GUEST);
	publish();
	both_settle();
	gl_firmware_load(d->nic, NULL);
	context_again(d, 1);
	assert_string_equal(back("state"), "5");
	assert_false(xen.nic->context[1].enabled);
	both_settle();
	connected(1);
}

/* --- Hostile ones --- */

static void wrong_nodes_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *node, *value;
	} bad[] = {
		{ "version", NULL },
		{ "version", "2" },
		{ "version", "1 " },
		{ "memory", "whole" },
		{ "memory", "half" },
		{ "memory", NULL },
		{ "pages", "0" },
		{ "pages", "4097" },
		{ "pages", "-1" },
		{ "pages", "99999999999999999999999" },
		{ "pages", "0x10" },
		{ "pages", "" },
		{ "directory-pages", "0" },
		{ "directory-pages", "2" },
		{ "directory-ref0", "0" },
		{ "directory-ref0", "4294967296" },
		{ "directory-ref0", "1001" },
		{ "directory-ref0", NULL },
		{ "guest-address", "0x0" },
		{ "guest-address", "0x201000" },
		{ "guest-address", "2097152" },
		{ "guest-address", "0x8000000000" },
		{ "guest-address", "0x" },
		{ "guest-address", "0x11111111111200000" },
		{ "event-channel", "0" },
		{ "event-channel", "131072" },
		{ "event-channel", "\x01\xff" },
	};
	char huge[4000];
	memset(huge, '1', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = 0;
	add(GUEST);
	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		bool last = i == sizeof(bad) / sizeof(bad[0]);
		publish();
		front("state", "1");
		settle();
		front(last ? "pages" : bad[i].node, last ? huge : bad[i].value);
		front("state", "3");
		d->context[1].vif.again = 0;
		settle();
		if (!back("error"))
			fail_msg("%s \"%s\" is not refused", bad[i].node, bad[i].value);
		assert_string_equal(back("state"), "5");
		nothing_held();
		front("state", "6");
		settle();
		assert_string_equal(back("state"), "6");
	}
	/* And it can do better. */
	front("state", "1");
	settle();
	assert_null(back("error"));
	d->context[1].vif.again = 0;
	publish();
	settle();
	connected(1);
}

static void a_hole_in_the_pool_is_refused(void **state)
{
	(void)state;
	xen.domain[GUEST].directory[0][511] = 0;
	add(GUEST);
	publish();
	settle();
	assert_non_null(strstr(back("error"), "page 511"));
	nothing_held();
}

/* Each step of a connection fails once. */
static void what_fails_leaves_nothing(void **state)
{
	(void)state;
	add(GUEST);
	for (int i = 1; i < 40; i++) {
		front("state", "1");
		settle();
		xen.fail_in = i;
		d->context[1].vif.again = 0;
		publish();
		settle();
		bool through = xen.fail_in > 0;
		xen.fail_in = 0;
		if (!through && back("error"))
			nothing_held();
		front("state", "6");
		both_settle();
		if (through)
			return;
	}
	fail_msg("it never came to its end");
}

static void random_states_leave_nothing(void **state)
{
	(void)state;
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)now_us();
	static const char *const states[] = { "0", "1", "2", "3", "4", "5", "6", "7", "-1", NULL };
	print_message("# seed %u\n", seed);
	srand(seed);
	add(GUEST);
	for (int i = 0; i < 300; i++) {
		if (rand() % 3 == 0) {
			publish();
			d->context[1].vif.again = 0;
		} else {
			front("state", states[rand() % 10]);
		}
		if (rand() % 2)
			settle();
	}
	xen.domain[GUEST].lives = false;
	fake_release();
	settle();
	nothing_left();
}

/* --- Refusals of vif.add --- */

static void what_cannot_be_added_is_refused(void **state)
{
	(void)state;
	assert_int_equal(add(7), -ENOENT);
	assert_int_equal(add(GUEST), 1);
	assert_int_equal(add(GUEST), -EEXIST);
	struct context_config config;
	struct vif wish = { .domain = 4, .pool_pages = 512 };
	unsigned k;
	context_config_default(&config);
	memcpy(config.gl.mac, (uint8_t[6])MAC, 6);
	config.gl.mac[5] = GUEST;
	config.mac_given = true;
	assert_int_equal(vif_add(d, &wish, &config, &k), -EADDRINUSE);
	config.mac_given = false;
	for (unsigned i = 2; i < FAKE_CONTEXTS; i++)
		assert_int_equal(context_add(d, i, &config, OWNER_NONE), 0);
	assert_int_equal(add(4), -ENOSPC);
	end_life();
	xen.dom0 = false;
	begin_life();
	assert_int_equal(add(4), -ENOTSUP);
	assert_non_null(strstr(d->error, "not dom0"));
}

/* --- Killed --- */

static void die(void)
{
	longjmp(death, 1);
}

static void scenario(void)
{
	add(GUEST);
	both_settle();
	front("state", "5");
	both_settle();
	start_removal(GUEST, 10);
	both_settle();
}

/* The daemon is killed before each change of Xen, xenstore or the NIC in turn, and its successor goes on. */
static void killed_anywhere(void **state)
{
	(void)state;
	volatile int last = 0;
	/* Who is killed frees nothing. */
	__lsan_disable();
	for (volatile int at = 1; !last; at++) {
		tear_down(NULL);
		set_up(NULL);
		xen.kill = die;
		xen.kill_in = at;
		if (!setjmp(death)) {
			scenario();
			last = at;
		}
		xen.kill_in = 0;
		end_life();
		begin_life();
		both_settle();
		/* It is there wholly, or not at all. */
		if (d->context[1].exists && !d->context[1].vif.removing) {
			connected(1);
			assert_int_equal(d->context[1].vif.phase, VIF_CONNECTED);
		} else {
			nothing_left();
		}
		if (xen.irq[1].domain)
			assert_true(xen.irq[1].signals > 0);
		/* Killed once more, and the guest with it. */
		end_life();
		xen.domain[GUEST].lives = false;
		begin_life();
		settle();
		nothing_left();
	}
	print_message("# %d places\n", last);
	assert_true(last > 40);
	__lsan_enable();
}

/* Nothing is known any more but what Xen knows. */
static void a_lost_state_file_leaves_nothing(void **state)
{
	(void)state;
	add(GUEST);
	both_settle();
	connected(1);
	unlink(d->state_file);
	end_life();
	gl_context_destroy(xen.nic, 1);
	begin_life();
	settle();
	nothing_left();
	assert_int_equal(d->held[1], GUEST);
}

static void stops_with_everything_given_back(void **state)
{
	(void)state;
	add(GUEST);
	both_settle();
	connected(1);
	vifs_stop(d);
	nothing_left();
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(comes_and_goes),
		T(a_guest_that_does_not_answer_is_cut_off),
		T(a_domain_that_ends_leaves_nothing),
		T(a_guest_that_migrates_to_this_machine),
		T(another_kernel_starts_over),
		T(new_firmware_makes_guests_start_over),
		T(wrong_nodes_are_refused),
		T(a_hole_in_the_pool_is_refused),
		T(what_fails_leaves_nothing),
		T(random_states_leave_nothing),
		T(what_cannot_be_added_is_refused),
		T(killed_anywhere),
		T(a_lost_state_file_leaves_nothing),
		T(stops_with_everything_given_back),
	};
	strcpy(folder, "/dev/shm/vif-test-XXXXXX");
	if (!mkdtemp(folder))
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char lock[64];
	snprintf(lock, sizeof(lock), "%s/state.vifs", folder);
	rmdir(lock);
	rmdir(folder);
	return failed;
}
