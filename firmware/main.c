/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start and main loop. The loop looks at FWIO.EVENT, takes a few items from each source that has any, so that none starves,
 * and sleeps (wfi) when nothing is left.
 */
#include "fw.h"

struct shared shm
#ifndef GL_HOST
	__attribute__((section(".shared")))
#endif
	;
uint32_t n_ctx;

/* start.S knows these offsets */
static_assert(offsetof(struct shared, info.trap_cause) == 0x240, "TRAP in start.S");

/* Lists of queues, each queue at most once in each (see in_dirty, in_ready). */
struct list {
	uint16_t item[GL_MAX_VQ];
	uint32_t first;
	uint32_t count;
};

/* Receive queues with used entries not written back, about oldest first. */
static struct list dirty;
/* Queues to serve in turn. */
static struct list ready;
/* Transmit queues that found no room in the packet buffers; the first one is tried again at retry_at. */
static struct list blocked;

static uint32_t backlog[BACKLOG]; /* completions that dma_room_slow() took out of the way */
static uint32_t backlog_first, backlog_count;
static uint32_t retry_at;
static const struct vq *tx_turn; /* the blocked queue whose turn it is */
static uint32_t next_beat;	 /* time of the next heartbeat */
static uint32_t timer_at;	 /* what the timer is set to */

#define EVENTS                                                                          \
	(GL_FWIO_EVENT_DMA_MASK | GL_FWIO_EVENT_RX_MASK | GL_FWIO_EVENT_DOORBELL_MASK | \
	 GL_FWIO_EVENT_CTX_MASK | GL_FWIO_EVENT_MBOX_MASK)

static void list_push(struct list *l, struct vq *q)
{
	uint32_t at = l->first + l->count++;

	if (at >= GL_MAX_VQ)
		at -= GL_MAX_VQ;
	l->item[at] = (uint16_t)vq_index(q);
}

static struct vq *list_pop(struct list *l)
{
	struct vq *q = &vqs[l->item[l->first]];

	if (++l->first == GL_MAX_VQ)
		l->first = 0;
	l->count--;
	return q;
}

/* Notes that the receive queue has used entries to write back. */
void dirty_push(struct vq *q)
{
	if (q->in_dirty)
		return;
	q->in_dirty = 1;
	list_push(&dirty, q);
}

/* Notes that the queue is to be served when its turn comes. */
void ready_push(struct vq *q)
{
	if (q->in_ready)
		return;
	q->in_ready = 1;
	list_push(&ready, q);
}

/* Notes that the transmit queue waits for room in the packet buffers; the one whose turn it is stays first. */
void blocked_push(struct vq *q)
{
	if (q->in_ready)
		return;
	q->in_ready = 1;
	if (q == tx_turn) {
		blocked.first = blocked.first ? blocked.first - 1 : GL_MAX_VQ - 1;
		blocked.item[blocked.first] = (uint16_t)vq_index(q);
		blocked.count++;
	} else {
		list_push(&blocked, q);
	}
	if (blocked.count == 1 || q == tx_turn)
		retry_at = time_now() + RETRY_CYCLES;
}

/*
 * May the queue send? While others wait for room only the first of them may, or frames that need little room would pass
 * those that need more for ever.
 */
bool tx_may_send(const struct vq *q)
{
	return !blocked.count || q == tx_turn;
}

/* The command queue is full: makes the engine go on by taking completions out of its way. */
void dma_room_slow(uint32_t n)
{
	do { /* bound: every command in the queue ends, PCI Express time-out included */
		if (backlog_count < BACKLOG) {
			const uint32_t entry = fwio_read(GL_FWIO_DMA_COMP);
			if (entry & GL_FWIO_DMA_COMP_VALID_MASK) {
				backlog[(backlog_first + backlog_count) % BACKLOG] = entry;
				backlog_count++;
			}
		}
	} while (fwio_read(GL_FWIO_DMA_FREE) < n);
}

static void completion(uint32_t entry)
{
	const uint32_t kind = entry >> 24 & 0xfu;
	const uint32_t index = entry & 0x1ffu;
	const uint32_t status = entry >> GL_FWIO_DMA_COMP_STATUS_LSB & 7u;

	if (kind == COOKIE_ROUND) {
		struct vq *q = &vqs[index];
		if (!q->live || !q->busy)
			return;
		if (status == GL_DMA_STATUS_OK)
			round_done(q);
		else
			dma_failed(kind, index, status);
		return;
	}
	switch (kind) {
	case COOKIE_WALK:
		walker_done(index, status);
		break;
	case COOKIE_FENCE:
		context_fenced(index);
		break;
	case COOKIE_RING:
	case COOKIE_DATA:
		if (status != GL_DMA_STATUS_OK)
			dma_failed(kind, index, status);
		break;
	default:
		break;
	}
}

static void completions(void)
{
	for (uint32_t n = 0; n < COMP_BATCH; n++) { /* bound: COMP_BATCH */
		uint32_t entry;
		if (backlog_count) {
			entry = backlog[backlog_first];
			backlog_first = (backlog_first + 1) % BACKLOG;
			backlog_count--;
		} else {
			entry = fwio_read(GL_FWIO_DMA_COMP);
			if (!(entry & GL_FWIO_DMA_COMP_VALID_MASK))
				return;
		}
		completion(entry);
	}
}

/* Sets the timer to the moment `at`, at most 2^31 cycles from now. */
static void timer_set(uint32_t at)
{
	uint32_t hi, lo;

	do { /* bound: 2. The halves are of one moment */
		hi = fwio_read(GL_FWIO_TIME_HI);
		lo = fwio_read(GL_FWIO_TIME_LO);
	} while (fwio_read(GL_FWIO_TIME_HI) != hi);
	const uint64_t due = ((uint64_t)hi << 32 | lo) + (uint64_t)(int64_t)(int32_t)(at - lo);
	fwio_write(GL_FWIO_TIMECMP_HI, 0xffffffffu);
	fwio_write(GL_FWIO_TIMECMP_LO, (uint32_t)due);
	fwio_write(GL_FWIO_TIMECMP_HI, (uint32_t)(due >> 32));
	timer_at = at;
}

static void heartbeat(void)
{
	const uint32_t now = time_now();

	if ((int32_t)(now - next_beat) < 0)
		return;
	fwio_write(GL_FWIO_HEARTBEAT, 1);
	next_beat = now + HEARTBEAT_CYCLES;
}

#ifndef GL_HOST
/* Before sleep: the timer wakes us for the heartbeat, or for queues that are blocked. */
static inline void timer_before_sleep(void)
{
	uint32_t at = next_beat;

	if (blocked.count && (int32_t)(retry_at - at) < 0)
		at = retry_at;
	if (at != timer_at)
		timer_set(at);
}
#endif

/* Writes back the used entries of the queue that waits longest; unless `now`, only if it has waited for FLUSH_AGE. */
static void flush_oldest(bool now)
{
	for (uint32_t n = 0; dirty.count && n < DIRTY_BATCH; n++) { /* bound: DIRTY_BATCH */
		struct vq *q = &vqs[dirty.item[dirty.first]];
		const bool used = q->live && q->head != q->used;
		if (used && !now && time_now() - q->stamp < FLUSH_AGE) {
			if (q->in_dirty == 1)
				return; /* all behind it are younger */
			list_push(&dirty, list_pop(&dirty));
			q->in_dirty = 1;
			continue;
		}
		list_pop(&dirty);
		q->in_dirty = 0;
		if (!used)
			continue;
		if (!q->busy) /* else it is written back when its round ends */
			service(q);
		return;
	}
}

void fw_init(void)
{
	fwio_write(GL_FWIO_FW_STATE, GL_FW_BOOT);
	n_ctx = fwio_read(GL_FWIO_NCTX);
	log_init();
	shm.info = (struct gl_fw_info){
		.magic = GL_FW_INFO_MAGIC,
		.abi_version = GL_MBOX_VERSION,
		.size = sizeof(struct gl_fw_info),
		.build_id = build_id(),
		.log_offset = dma_off(shm.log),
		.log_size = LOG_SIZE,
		.max_contexts = GL_MAX_CTX,
	};
	if (n_ctx > GL_MAX_CTX) {
		log_line(GL_LOG_ERROR, "more contexts than compiled for, served", n_ctx,
			 GL_MAX_CTX);
		n_ctx = GL_MAX_CTX;
	}
	shm.info.contexts = n_ctx;
	shm.notify_on = 0;
	shm.notify_off = 1u << 16;
	shm.no_notify = 1;
	for (uint32_t n = 0; n <= MERGE_MAX; n++) /* bound: MERGE_MAX + 1 */
		shm.header[n][2] = n << 16;
	for (uint32_t i = 0; i < GL_MAX_VQ;
	     i++) /* bound: GL_MAX_VQ. The fast path looks before it knows that a queue is dead */
		vqs[i].window = shm.queue[i].window;
	fwio_write(GL_FWIO_FW_INFO, dma_off(&shm.info));
	next_beat = time_now();
	heartbeat();
	timer_set(next_beat);
	fwio_write(GL_FWIO_EVENT_ENABLE, EVENTS);
	fwio_write(GL_FWIO_FW_STATE, GL_FW_RUN);
	log_line(GL_LOG_INFO, "firmware runs", n_ctx, build_id());
	for (uint32_t ctx = 0; ctx < n_ctx; ctx++) { /* bound: GL_MAX_CTX */
		/* a context that was up before this firmware started: as after a reset */
		context_event(ctx);
	}
}

#ifdef GL_HOST
void fw_reset_state(void)
{
	dirty = ready = blocked = (struct list){ 0 };
	tx_turn = NULL;
	backlog_first = backlog_count = next_beat = 0;
	walkers_reset();
}
#endif

/*
 * One turn of the main loop: all completions and up to RX_BATCH received frames, twice, and about as many frames to send, so
 * that each direction has its share, then the rest. Returns true if nothing was left to do.
 */
static inline bool turn(uint32_t count)
{
	uint32_t event;

	for (uint32_t n = 0; n < 2; n++) { /* bound: 2 */
		event = fwio_read(GL_FWIO_EVENT) & EVENTS;
		/* completions first: they bring the descriptors that received frames need */
		if (event & GL_FWIO_EVENT_DMA_MASK || backlog_count)
			completions();
		if (!(event & GL_FWIO_EVENT_RX_MASK))
			break;
		rx_records();
	}
	if (blocked.count && (int32_t)(time_now() - retry_at) >= 0) {
		struct vq *q = list_pop(&blocked);
		q->in_ready = 0;
		tx_turn = q;
		if (q->live && !q->busy)
			service(q);
		tx_turn = NULL;
	}
	const uint32_t sent = tx_entries;
	for (uint32_t n = 0; ready.count && n < TURN_QUEUES && tx_entries - sent < TURN_FRAMES;
	     n++) { /* bound: TURN_QUEUES */
		struct vq *q = list_pop(&ready);
		q->in_ready = 0;
		if (q->live && !q->busy)
			service(q);
	}
	if (event & GL_FWIO_EVENT_DOORBELL_MASK) {
		for (uint32_t n = 0; n < 4; n++) { /* bound: 4 */
			const uint32_t entry = fwio_read(GL_FWIO_DOORBELL);
			if (!(entry & GL_FWIO_DOORBELL_VALID_MASK))
				break;
			doorbell(entry);
		}
	}
	if (event & (GL_FWIO_EVENT_CTX_MASK | GL_FWIO_EVENT_MBOX_MASK)) {
		const uint32_t entry = fwio_read(GL_FWIO_CTX_EVENT);
		if (entry & GL_FWIO_CTX_EVENT_VALID_MASK)
			context_event(entry >> GL_FWIO_CTX_EVENT_CTX_LSB & 0xffu);
		if (event & GL_FWIO_EVENT_MBOX_MASK)
			mailbox_request();
	}
	if (dirty.count)
		flush_oldest(!(event & GL_FWIO_EVENT_RX_MASK));
	if (!event || count % 64 == 0) {
		heartbeat();
		shm.info.loops = count;
		shm.info.tx_frames = tx_entries;
	}
	return !event && !dirty.count && !ready.count && !backlog_count;
}

#ifdef GL_HOST
bool fw_step(void)
{
	static uint32_t count;

	return turn(++count) && !blocked.count;
}
#else
__attribute__((noreturn)) void fw_main(void)
{
	fw_init();
	/* wfi wakes for the external (bit 11) and the timer (bit 7) interrupt; none is ever taken (mstatus.MIE = 0) */
	__asm__ volatile("csrw mie, %0" : : "r"(1u << 11 | 1u << 7));
	for (uint32_t count = 1;; count++) { /* for ever */
		if (turn(count)) {
			shm.info.sleeps++;
			timer_before_sleep();
			__asm__ volatile("wfi" : : : "memory");
		}
	}
}
#endif
