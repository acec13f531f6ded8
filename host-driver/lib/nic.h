/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of libguestlane share: the handle, what of it outlives the process (session.h), and the functions that one part has for
 * the others. nic.c opens and closes, tables.c keeps translation tables (radix.c: as bytes), memory.c memory for DMA, firmware.c loads and talks to the
 * firmware, image.c reads its file, context.c creates and configures, event.c has interrupts, faults, counters, state.c hands over to a successor.
 */
#ifndef GL_NIC_H
#define GL_NIC_H

#include "backend.h"
#include "radix.h"
#include "session.h"

#define GL_PAGE	      4096u
#define GL_FOUR_GIB   0x100000000ull
#define GL_MAX_QUEUES 2u

struct gl_mbox_ctx_config;

struct gl_nic {
	const struct gl_backend_ops *ops;
	void *backend;
	char device[256];
	unsigned timeout_ms;
	uint64_t (*random)(void *arg);
	void *random_arg;
	char error[512];
	bool gone; /* the back end has lost the NIC for good */

	unsigned contexts;
	uint32_t clock_hz, version;
	uint32_t sequence; /* of mailbox commands */
	uint64_t generation;

	struct gl_session *session;
	int session_fd;
	int table_fd;
	void *table_data;
	size_t table_bytes;
	struct radix tables;
	struct gl_memory memory[GL_MEMORIES]; /* as session->memory */
	uint64_t *
		pages[GL_MEMORIES]; /* bus address of each of its pages, if its own is a stand-in */
	int irq[GL_VECTORS];	    /* management, contexts */
	int irq_shared; /* of the vector that all contexts share with GL_IRQ_BIT_VECTOR */
	int bell[GL_CONTEXTS][GL_MAX_QUEUES];
};

/* --- nic.c --- */
uint32_t gl_reg(struct gl_nic *nic, uint32_t offset); /* of BAR0 */
void gl_reg_write(struct gl_nic *nic, uint32_t offset, uint32_t value);
int gl_write_block(struct gl_nic *nic, uint32_t offset, const void *data, size_t bytes);
/* Waits until those bits of a BAR0 register are `want`: 0, -ENODEV, -ETIMEDOUT. `what` names what does not end. */
int gl_wait(struct gl_nic *nic, uint32_t offset, uint32_t bits, uint32_t want, const char *what);
uint64_t gl_now_ms(void);
void gl_pause(
	unsigned turn); /* between two looks at a register: not at all at first, then longer */
uint64_t gl_random(struct gl_nic *nic);
int gl_check_context(struct gl_nic *nic, unsigned context);
/* Common start of everything that changes the NIC's state: 0, or -ENODEV with a sentence; finishes what was left undone. */
int gl_begin(struct gl_nic *nic);
void gl_job(struct gl_nic *nic, enum gl_job job, unsigned context, uint64_t guest, uint64_t bytes);
void gl_job_done(struct gl_nic *nic);
/*
 * The same unless the error is of a kind that goes away (-ENODEV, -EIO, -ETIMEDOUT: no NIC, or firmware that does not serve now): then the job
 * stays, to be finished. Gives the error back.
 */
int gl_job_over(struct gl_nic *nic, int error);
/* Registers that a reset clears: table region, events, nonce. */
int gl_set_up(struct gl_nic *nic);
const struct gl_backend_ops *gl_find_backend(const char *device, const char **address);
struct gl_nic *gl_nic_alloc(const struct gl_backend_ops *ops, const char *device,
			    unsigned timeout_ms);
void gl_nic_free(struct gl_nic *nic); /* descriptors, mappings, memory; leaves the NIC alone */
int gl_identify(struct gl_nic *nic);

/* --- memory.c --- */
/* Sealed; its descriptor or -errno. For DMA: flags of the back end, and as many bytes as its pages make of these. */
int gl_new_memfd(const char *name, size_t bytes, unsigned flags);
uint64_t gl_memfd_bytes(const struct gl_nic *nic, uint64_t bytes);
uint64_t gl_choose_bus(const struct gl_nic *nic, size_t bytes);
/* Memory without an address in one piece. */
bool gl_is_paged(const struct gl_nic *nic);
void gl_memory_label(char label[16], unsigned id); /* what the back end knows it by */
/* The real bus address of a stand-in, 0: it is none; and back. */
uint64_t gl_real_bus(const struct gl_nic *nic, uint64_t stand_in);
uint64_t gl_stand_in(const struct gl_nic *nic, uint64_t bus);
/* What a process that is no more left half made. */
int gl_memory_drop(struct gl_nic *nic, unsigned id);
int gl_memory_adopt_pages(struct gl_nic *nic, unsigned id);

/* --- tables.c --- */
int gl_tables_new(struct gl_nic *nic, uint64_t bytes);
/* Finds the free pages by walking all tables; -EINVAL: they are damaged. */
int gl_tables_adopt(struct gl_nic *nic);
void gl_set_root(struct gl_nic *nic, unsigned context, uint64_t root);
void gl_tables_forget(struct gl_nic *nic, unsigned context);
/* Clears what is mapped in a range and invalidates it. */
int gl_clear_range(struct gl_nic *nic, unsigned context, uint64_t guest, uint64_t bytes);
/* A leaf that leads into [bus, bus + bytes): its context and guest address. `clear`: takes all of them away instead. */
bool gl_tables_reach(struct gl_nic *nic, uint64_t bus, uint64_t bytes, unsigned *context,
		     uint64_t *guest);
int gl_tables_cut(struct gl_nic *nic, uint64_t bus, uint64_t bytes);
/* The same for pages that lie anywhere, in any order. */
bool gl_tables_reach_pages(struct gl_nic *nic, const uint64_t *bus, size_t count, unsigned *context,
			   uint64_t *guest);
int gl_tables_cut_pages(struct gl_nic *nic, const uint64_t *bus, size_t count);

/* --- firmware.c --- */
bool gl_firmware_serves(struct gl_nic *nic);
/* As gl_mailbox(); the answer's status in *status instead of an error. */
int gl_mailbox_status(struct gl_nic *nic, unsigned command, unsigned context, const void *payload,
		      size_t bytes, void *answer, size_t room, unsigned *status);

/* --- context.c --- */
int gl_context_finish(struct gl_nic *nic);  /* what session->job says of a context */
int gl_contexts_resume(struct gl_nic *nic); /* after a restart of the firmware: session->resume */
void gl_contexts_drop(struct gl_nic *nic);  /* the NIC has forgotten all of them */

/* --- event.c --- */
int gl_irqs_new(struct gl_nic *nic);
/* A predecessor's, some of which may not have been kept. */
int gl_irqs_adopt(struct gl_nic *nic);
/* Registers that a reset clears. */
void gl_irqs_set_up(struct gl_nic *nic);

#endif
