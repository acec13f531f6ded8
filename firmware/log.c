/* SPDX-License-Identifier: Apache-2.0 */
/* The log ring: short lines of text in data memory, which the host reads behind BAR0.LOG_HEAD. */
#include "fw.h"

uint32_t log_level = GL_LOG_INFO;
static uint32_t log_head;

static void put_char(char c)
{
	shm.log[log_head++ % LOG_SIZE] = c;
	fwio_write(GL_FWIO_CONSOLE, (uint8_t)c);
}

static void put_text(const char *text)
{
	for (uint32_t i = 0; text[i] && i < 80; i++) /* bound: 80 */
		put_char(text[i]);
}

static void put_hex(uint32_t value)
{
	uint32_t shift = 28;

	while (shift && !(value >> shift)) /* bound: 7 */
		shift -= 4;
	for (;; shift -= 4) { /* bound: 8 */
		put_char("0123456789abcdef"[value >> shift & 15u]);
		if (!shift)
			break;
	}
}

void log_init(void)
{
	log_head = 0;
	fwio_write(GL_FWIO_LOG_HEAD, 0);
}

/* Adds the line "TIME TEXT CONTEXT VALUE" (numbers hexadecimal; TIME is bits 39:8 of the cycle counter). */
void log_line(uint32_t level, const char *text, uint32_t ctx, uint32_t value)
{
	if (level > log_level)
		return;
	put_hex(fwio_read(GL_FWIO_TIME_HI) << 24 | fwio_read(GL_FWIO_TIME_LO) >> 8);
	put_char(' ');
	put_text(text);
	put_char(' ');
	put_hex(ctx);
	put_char(' ');
	put_hex(value);
	put_char('\n');
	fwio_write(GL_FWIO_LOG_HEAD, log_head);
}
