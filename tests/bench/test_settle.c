// SPDX-License-Identifier: Apache-2.0
// glane-sim --settle: who asks gets one answer, when the NIC is at rest, and nobody can hold it up.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "settle.h"

static char path[64];
static struct settle *t;

static int set_up(void **state)
{
	char error[128] = "";
	(void)state;
	snprintf(path, sizeof(path), "/tmp/settle.%ld", (long)getpid());
	t = settle_open(path, error, sizeof(error));
	assert_string_equal(error, "");
	return t ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	settle_close(t);
	assert_int_equal(access(path, F_OK), -1);
	return 0;
}

static int client(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	return poll(&p, 1, 0) == 1;
}

/* What the client has got: cycles of the answer, 0 for none, -1 for an end. */
static long answered(int fd)
{
	struct settle_answer a;
	ssize_t n = recv(fd, &a, sizeof(a), MSG_DONTWAIT);
	if (n == sizeof(a))
		return (long)a.cycles;
	return n < 0 && errno == EAGAIN ? 0 : -1;
}

static void answer(uint64_t cycles)
{
	settle_answer(t, &(struct settle_answer){ .cycles = cycles });
}

static void test_one_answer_to_a_question(void **state)
{
	(void)state;
	int fd = client();
	assert_true(readable(settle_fd(t)));
	settle_service(t);
	answer(1); /* nobody has asked */
	assert_int_equal(answered(fd), 0);
	assert_int_equal(send(fd, "?", 1, 0), 1);
	assert_true(readable(settle_fd(t)));
	settle_service(t);
	assert_false(readable(settle_fd(t)));
	assert_int_equal(answered(fd), 0); /* not before the NIC is at rest */
	answer(2);
	answer(3);
	assert_int_equal(answered(fd), 2);
	assert_int_equal(answered(fd), 0);
	close(fd);
}

static void test_a_question_that_is_not_taken_in_gets_no_answer(void **state)
{
	(void)state;
	int fd = client();
	settle_service(t);
	assert_int_equal(send(fd, "?", 1, 0), 1);
	answer(1);
	assert_int_equal(answered(fd), 0);
	settle_service(t);
	answer(2);
	assert_int_equal(answered(fd), 2);
	close(fd);
}

static void test_one_client_at_a_time(void **state)
{
	(void)state;
	int first = client();
	settle_service(t);
	int second = client();
	settle_service(t);
	assert_int_equal(answered(second), -1);
	close(second);
	assert_int_equal(send(first, "?", 1, 0), 1);
	close(first); /* is gone before its answer */
	settle_service(t);
	answer(1);
	int third = client();
	settle_service(t);
	answer(2); /* it has not asked */
	assert_int_equal(answered(third), 0);
	assert_int_equal(send(third, "?", 1, 0), 1);
	settle_service(t);
	answer(3);
	assert_int_equal(answered(third), 3);
	close(third);
}

static void test_paths_that_cannot_be(void **state)
{
	char error[256], longer[200];
	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_null(settle_open(longer, error, sizeof(error)));
	assert_non_null(strstr(error, "too long"));
	assert_null(settle_open("/nowhere/at/all", error, sizeof(error)));
	assert_non_null(strstr(error, "/nowhere/at/all"));
	/* A file that is no socket stays. */
	assert_null(settle_open("/dev/null", error, sizeof(error)));
	assert_int_equal(access("/dev/null", F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_answer_to_a_question, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_question_that_is_not_taken_in_gets_no_answer,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_client_at_a_time, set_up, tear_down),
		cmocka_unit_test(test_paths_that_cannot_be),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
