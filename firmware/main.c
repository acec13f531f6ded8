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

#define OLD_RECORDS 1024u /* more than there are at a start */

/* start.S knows these offsets */
static_assert(offsetof(struct shared, info.trap_cause) == 0x240, "TRAP in start.S");

/* Lists of queues, each queue in at most one of them (in_ready), but for `dirty` (in_dirty). */
#define LIST_SIZE (GL_MAX_VQ + GL_MAX_CTX)
struct list {
	uint16_t item[LIST_SIZE];
	uint32_t first;
	uint32_t count;
};

/* Receive queues with used entries not written back, about oldest first. */
static struct list dirty;
/* Queues to look at in turn: they have no frames to send. */
static struct list ready;
/* The same of contexts that cause more work than their share (overdrawn()); from GL_MAX_VQ on: contexts with an event. */
static struct list later;
/* Transmit queues with frames: those that still have a share in this round of scheduling, and those that wait for the next. */
static struct list run_lists[2];
static struct list *run = &run_lists[0], *run_next = &run_lists[1];
static uint32_t run_count; /* in both */
static uint8_t
	served; /* in this turn of the main loop a queue was served without waiting in them */
/* Transmit queues whose context has no tokens (BAR0.TX_RATE); some of them may try again at limit_at. */
static struct list limited;

static uint32_t backlog[BACKLOG]; /* completions that dma_room_slow() took out of the way */
static uint32_t backlog_first, backlog_count;
static uint32_t rounds; /* of scheduling transmit queues */
static uint32_t limit_at;
/* What waits for a time to come: the main loop looks at all of it at once. */
static struct {
	union {
		struct {
			uint8_t stuck; /* the first queue of `run` found no room in the packet buffers */
			uint8_t limited; /* there are queues in `limited` */
		};
		uint16_t any;
	};
	uint8_t stuck_long; /* FWIO.EVENT.TX_ROOM is to wake us */
	uint8_t later;	    /* there is something in `later` */
	uint8_t seldom;	    /* see seldom() */
} waits;
static uint32_t retry_at;  /* it tries again */
static uint32_t later_at;  /* time of the next step through `later` while there is other work */
static uint32_t seldom_at; /* of the next call of seldom(), likewise */
static uint32_t next_beat; /* time of the next heartbeat */
static uint32_t timer_at;  /* what the timer is set to */
uint32_t n_live;
uint32_t tx_flights;
uint32_t epoch;

/* Not on the fast path: keeps its registers and its code out of the main loop. */
#define SELDOM __attribute__((noinline, cold))

#define EVENTS                                                                          \
	(GL_FWIO_EVENT_DMA_MASK | GL_FWIO_EVENT_RX_MASK | GL_FWIO_EVENT_DOORBELL_MASK | \
	 GL_FWIO_EVENT_CTX_MASK | GL_FWIO_EVENT_MBOX_MASK)

static void list_push_number(struct list *l, uint32_t number)
{
	uint32_t at = l->first + l->count++;

	if (at >= LIST_SIZE)
		at -= LIST_SIZE;
	l->item[at] = (uint16_t)number;
}

static inline void list_push(struct list *l, const struct vq *q)
{
	list_push_number(l, vq_index(q));
}

static void list_push_front(struct list *l, const struct vq *q)
{
	l->first = l->first ? l->first - 1 : LIST_SIZE - 1;
	l->item[l->first] = (uint16_t)vq_index(q);
	l->count++;
}

static inline uint32_t list_pop_number(struct list *l)
{
	const uint32_t number = l->item[l->first];

	if (++l->first == LIST_SIZE)
		l->first = 0;
	l->count--;
	return number;
}

static inline struct vq *list_pop(struct list *l)
{
	return &vqs[list_pop_number(l)];
}

static inline bool reached(uint32_t at)
{
	return (int32_t)(time_now() - at) >= 0;
}

/* Notes that the receive queue has used entries to write back. */
void dirty_push(struct vq *q)
{
	if (q->in_dirty)
		return;
	q->in_dirty = 1;
	list_push(&dirty, q);
}

/* --- Work that brings no frames: who causes more than a part of its share waits while others need the core --- */

/*
 * The context has caused so many cycles of work beside frames. The longer it goes on the further paid_at lies in the future:
 * with n contexts at work a 4n-th of the time is each one's.
 */
void charge(uint32_t ctx, uint32_t cycles)
{
	struct context *c = &ctxs[ctx];
	const uint32_t now = time_now();

	if ((int32_t)(c->paid_at - now) < 0)
		c->paid_at = now;
	if (c->paid_at - now < 16 * AHEAD_CYCLES)
		c->paid_at += cycles * 4 * (n_live > 2 ? n_live : 2);
}

bool overdrawn(uint32_t ctx)
{
	return (int32_t)(ctxs[ctx].paid_at - time_now()) > (int32_t)AHEAD_CYCLES;
}

/* Notes that the queue is to be looked at; a transmit queue that has frames waits for its turn to send instead. */
void ready_push(struct vq *q)
{
	if (q->is_tx && q->head != q->fetched) {
		turn_push(q);
		return;
	}
	if (q->in_ready)
		return;
	q->in_ready = 1;
	if (overdrawn(vq_ctx(q))) {
		shm.info.postponed++;
		waits.later = 1;
		list_push(&later, q);
	} else {
		list_push(&ready, q);
	}
}

/* Notes an event of a context that is overdrawn. */
void context_later(uint32_t ctx)
{
	if (ctxs[ctx].in_later)
		return;
	ctxs[ctx].in_later = 1;
	shm.info.postponed++;
	waits.later = 1;
	list_push_number(&later, GL_MAX_VQ + ctx);
}

static void look(struct vq *q)
{
	q->in_ready = 0;
	if (!q->live || q->busy)
		return;
	if (q->rung)
		q->more = 1;
	if (q->is_tx && q->head != q->fetched)
		turn_push(q);
	else
		service(q);
}

static void look_turn(void)
{
	for (uint32_t n = 0; ready.count && n < TURN_QUEUES; n++) /* bound: TURN_QUEUES */
		look(list_pop(&ready));
}

static SELDOM void later_step(void)
{
	const uint32_t from = time_now();
	const uint32_t number = list_pop_number(&later);

	waits.later = later.count != 0;
	if (number < GL_MAX_VQ) {
		look(&vqs[number]);
	} else {
		ctxs[number - GL_MAX_VQ].in_later = 0;
		context_look(number - GL_MAX_VQ);
	}
	const uint32_t now = time_now();
	later_at = now + (now - from + ROUND_WORK) * POSTPONED_PART;
}

/* --- Transmit: deficit round-robin in octets. A queue sends until its deficit is used up, then waits for the next round. --- */

/* Has the queue used up what this round gave it? */
static inline bool spent(const struct vq *q)
{
	const int32_t half = q->weight * (int32_t)(GL_WEIGHT_OCTETS / 2);

	return q->deficit < (half < TURN_LEAST ? half : TURN_LEAST) && q->credited == rounds;
}

/* Notes that the transmit queue has frames. */
void turn_push(struct vq *q)
{
	if (q->in_ready)
		return;
	q->in_ready = 1;
	list_push(spent(q) ? run_next : run, q);
	run_count++;
}

/* Adds what the rounds since the last time have brought. */
static inline void credit(struct vq *q)
{
	const uint32_t n = rounds - q->credited;
	const int32_t quantum = q->weight * (int32_t)GL_WEIGHT_OCTETS;

	if (!n)
		return;
	q->credited = rounds;
	if (n == 1)
		q->deficit += quantum;
	else
		q->deficit += quantum * (int32_t)min_u32(n, 1024);
	if (q->deficit > quantum * (int32_t)CREDIT_ROUNDS * 2)
		q->deficit = quantum * (int32_t)CREDIT_ROUNDS * 2;
}

/* The transmit queue has frames. Returns true if it is its turn at once, because there is no other. */
bool turn_now(struct vq *q)
{
	if (run_count | tx_flights | waits.any | q->in_ready | served) {
		turn_push(q);
		return false;
	}
	served = 1;
	if (spent(q))
		rounds += CREDIT_ROUNDS; /* its bursts may be long */
	credit(q);
	if (q->deficit > 0)
		return true;
	turn_push(q);
	return false;
}

/* Serves some queues whose turn it is; `sent` frames had been sent when this turn of the main loop began. */
static void run_turn(uint32_t sent)
{
	for (uint32_t n = 0; n < TURN_QUEUES && run_count && tx_entries - sent < TURN_FRAMES;
	     n++) { /* bound: TURN_QUEUES */
		if (!run->count) {
			if (tx_flights)
				return; /* their share of this round comes first: within one round of DMA */
			struct list *const other = run;
			run = run_next;
			run_next = other;
			rounds++;
		}
		struct vq *q = list_pop(run);
		run_count--;
		q->in_ready = 0;
		if (!q->live || q->busy)
			continue;
		credit(q);
		if (q->deficit <= 0) {
			turn_push(q);
			continue;
		}
		service(q);
		if (waits.stuck)
			return;
	}
}

/* The transmit queue, whose turn it is, found no room in the packet buffers: nobody passes it. */
void blocked_push(struct vq *q)
{
	waits.stuck = 1;
	retry_at = time_now() + RETRY_CYCLES;
	shm.info.stuck++;
	if (q->in_ready)
		return;
	q->in_ready = 1;
	list_push_front(run, q);
	run_count++;
}

static inline void room_event(bool on)
{
	waits.stuck_long = on;
	fwio_write(GL_FWIO_EVENT_ENABLE, EVENTS | (on ? GL_FWIO_EVENT_TX_ROOM_MASK : 0));
}

/* A while after room was missing: is there any? */
static SELDOM void look_for_room(uint32_t event)
{
	if (!reached(retry_at))
		return;
	if (event & GL_FWIO_EVENT_TX_ROOM_MASK || reached(retry_at + ROOM_CYCLES)) {
		waits.stuck = 0;
		if (waits.stuck_long)
			room_event(false);
	} else if (!waits.stuck_long) {
		room_event(true);
	}
}

/* The transmit queue's context has no tokens; others go on. */
void limited_push(struct vq *q)
{
	if (q->in_ready)
		return;
	q->in_ready = 1;
	shm.info.limited++;
	/* about as long as it took last time */
	if (q->head != q->fence)
		q->limit_wait = q->limit_wait ? q->limit_wait - 1u : 0u;
	else if (q->limit_wait < LIMIT_DOUBLED)
		q->limit_wait++;
	q->limit_at = time_now() + (LIMIT_CYCLES << q->limit_wait);
	if (!limited.count || (int32_t)(q->limit_at - limit_at) < 0)
		limit_at = q->limit_at;
	waits.limited = 1;
	list_push(&limited, q);
}

static SELDOM void look_for_tokens(void)
{
	const uint32_t now = time_now();
	uint32_t next = now + (LIMIT_CYCLES << LIMIT_DOUBLED);

	if ((int32_t)(now - limit_at) < 0)
		return;
	for (uint32_t n = limited.count; n; n--) { /* bound: GL_MAX_CTX */
		struct vq *q = list_pop(&limited);
		if (q->live && (int32_t)(now - q->limit_at) < 0) {
			list_push(&limited, q);
			if ((int32_t)(q->limit_at - next) < 0)
				next = q->limit_at;
			continue;
		}
		q->in_ready = 0;
		if (q->live && !q->busy)
			turn_push(q);
	}
	waits.limited = limited.count != 0;
	limit_at = next;
}

/* --- Completions --- */

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

	if ((entry ^ epoch) & EPOCH_MASK)
		return; /* of a firmware before this one */
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
	case COOKIE_RESUME:
		queue_resumed(&vqs[index], status);
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

static SELDOM void heartbeat(void)
{
	const uint32_t now = time_now();

	if ((int32_t)(now - next_beat) < 0)
		return;
	fwio_write(GL_FWIO_HEARTBEAT, 1);
	next_beat = now + HEARTBEAT_CYCLES;
	/* times long past must not turn into times to come */
	if ((int32_t)(later_at - now) < 0)
		later_at = now;
	if ((int32_t)(seldom_at - now) < 0)
		seldom_at = now;
	for (uint32_t ctx = 0; ctx < n_ctx; ctx++) { /* bound: GL_MAX_CTX */
		if ((int32_t)(ctxs[ctx].paid_at - now) < 0)
			ctxs[ctx].paid_at = now;
	}
}

#ifndef GL_HOST
/* Before sleep: the timer wakes us for the heartbeat, or for queues that wait for room or tokens. */
static inline void timer_before_sleep(void)
{
	uint32_t at = next_beat;

	const uint32_t room_at = waits.stuck_long ? retry_at + ROOM_CYCLES : retry_at;

	if (waits.stuck && (int32_t)(room_at - at) < 0)
		at = room_at;
	if (limited.count && (int32_t)(limit_at - at) < 0)
		at = limit_at;
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
	const bool kept = checkpoint.magic == CHECKPOINT_MAGIC &&
			  checkpoint.version == CHECKPOINT_VERSION &&
			  checkpoint.sizes == CHECKPOINT_SIZES;
	checkpoint.starts = kept ? checkpoint.starts + 1 : 0;
	epoch = checkpoint.starts << 16 & EPOCH_MASK;
	log_init();
	shm.info = (struct gl_fw_info){
		.magic = GL_FW_INFO_MAGIC,
		.abi_version = GL_MBOX_VERSION,
		.size = sizeof(struct gl_fw_info),
		.build_id = build_id(),
		.log_offset = dma_off(shm.log),
		.log_size = LOG_SIZE,
		.max_contexts = GL_MAX_CTX,
		.starts = checkpoint.starts,
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
	fwio_write(GL_FWIO_FW_INFO, dma_off(&shm.info));
	next_beat = time_now();
	heartbeat();
	timer_set(next_beat);
	fwio_write(GL_FWIO_EVENT_ENABLE, EVENTS);
	log_line(GL_LOG_INFO, "firmware runs", n_ctx, build_id());
	for (uint32_t n = 0; kept && n < OLD_RECORDS; n++) { /* bound: OLD_RECORDS */
		/* frames that came before this start: lost, as all that was in the packet buffers */
		const uint32_t record = fwio_read(GL_FWIO_RX_RECORD);
		if (!(record & GL_FWIO_RX_RECORD_VALID_MASK))
			break;
		fwio_write(GL_FWIO_SLOT_DROP,
			   (record & (GL_FWIO_RX_RECORD_SLOT_MASK | GL_FWIO_RX_RECORD_CTX_MASK)) |
				   GL_CSTAT_RX_DROP_NOTREADY);
	}
	contexts_init(kept);
	fwio_write(GL_FWIO_FW_STATE, GL_FW_RUN);
}

#ifdef GL_HOST
void fw_reset_state(void)
{
	dirty = ready = later = limited = run_lists[0] = run_lists[1] = (struct list){ 0 };
	run_count = 0;
	tx_flights = seldom_at = 0;
	backlog_first = backlog_count = next_beat = later_at = rounds = n_live = 0;
	memset(&waits, 0, sizeof(waits));
	memset(&shm, 0, sizeof(shm));
	walkers_reset();
}
#endif

#define EVENTS_SELDOM \
	(GL_FWIO_EVENT_DOORBELL_MASK | GL_FWIO_EVENT_CTX_MASK | GL_FWIO_EVENT_MBOX_MASK)

/*
 * Doorbells, events of contexts, the mailbox, and what was put off. Some of it may be there always: when nothing was of use it is
 * left alone for some turns, as long as frames have work for the core (`loaded`).
 */
static SELDOM void seldom(uint32_t event)
{
	static uint32_t moved_before;
	const uint32_t moved = tx_entries + shm.info.rx_frames;
	const bool loaded = moved != moved_before || event & GL_FWIO_EVENT_RX_MASK;
	bool useful = !loaded;

	moved_before = moved;
	if (waits.seldom && loaded && !reached(seldom_at))
		return;
	if (event & GL_FWIO_EVENT_DOORBELL_MASK) {
		uint32_t first = 0;
		for (uint32_t n = 0; n < BELLS; n++) { /* bound: BELLS */
			const uint32_t entry = fwio_read(GL_FWIO_DOORBELL);
			if (!(entry & GL_FWIO_DOORBELL_VALID_MASK) || entry == first)
				break; /* they come round robin: all were seen */
			if (!doorbell(entry) && !first)
				first = entry;
		}
		useful |= !first;
	}
	if (event & GL_FWIO_EVENT_CTX_MASK) {
		const uint32_t entry = fwio_read(GL_FWIO_CTX_EVENT);
		if (entry & GL_FWIO_CTX_EVENT_VALID_MASK &&
		    context_event(entry >> GL_FWIO_CTX_EVENT_CTX_LSB & 0xffu))
			useful = true;
	}
	if (event & GL_FWIO_EVENT_MBOX_MASK) {
		mailbox_request();
		useful = true;
	}
	if (waits.later && (!loaded || reached(later_at)))
		later_step();
	waits.seldom = !useful;
	if (!useful)
		seldom_at = time_now() + SELDOM_CYCLES;
}

/*
 * One turn of the main loop: all completions and up to RX_BATCH received frames, twice, and about as many frames to send, so
 * that each direction has its share, then the rest. Returns true if nothing was left to do.
 */
static inline bool turn(uint32_t count)
{
	static uint32_t before; /* frames sent at the turn before */
	const bool sending = tx_entries != before;
	uint32_t raw, event;

	before = tx_entries;
	served = 0;
	for (uint32_t n = 0; n < 2; n++) { /* bound: 2 */
		raw = fwio_read(GL_FWIO_EVENT);
		event = raw & EVENTS;
		/* completions first: they bring the descriptors that received frames need */
		if (event & GL_FWIO_EVENT_DMA_MASK || backlog_count)
			completions();
		if (!(event & GL_FWIO_EVENT_RX_MASK))
			break;
		rx_records(sending ? RX_BATCH : RX_BATCH_ONLY);
	}
	if (waits.any) {
		if (waits.stuck)
			look_for_room(raw);
		if (waits.limited)
			look_for_tokens();
	}
	if (ready.count)
		look_turn();
	if (run_count && !waits.stuck)
		run_turn(before);
	if (dirty.count)
		flush_oldest(!(event & GL_FWIO_EVENT_RX_MASK));
	if ((event & EVENTS_SELDOM || waits.later) && !(waits.seldom && count % SELDOM_TURNS))
		seldom(event);
	if (!event || count % 64 == 0) {
		heartbeat();
		shm.info.loops = count;
		shm.info.tx_frames = tx_entries;
	}
	return !event && !dirty.count && !ready.count && !waits.later && !backlog_count &&
	       (waits.stuck || !run_count);
}

#ifdef GL_HOST
bool fw_step(void)
{
	static uint32_t count;

	return turn(++count) && !waits.stuck && !limited.count;
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
