/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware's own state: contexts, their queues, and what the DMA engine reaches in data memory.
 *
 * How a queue works. Each has a *window* of 32 descriptors in data memory, counted by free-running indexes (entry i is
 * window[i % 32]; split: entry i is also the i-th one of the available ring):
 *
 *     used ........ head ........ lap ........ fetched
 *      | in use, or   | available,  | available, of the
 *      | done and not | of this lap | ring's next lap
 *      | written back | of the ring | (packed)
 *
 * A *round* is one group of DMA commands of a queue of which the last one reports its completion: write used entries back,
 * read the driver's wish for interrupts, read frames (transmit), read the next descriptors. Completions come in command
 * order, so the one report says that all of the round is done. A queue has at most one round under way.
 *
 * A used entry of a packed ring is made in place in the window and written to the same ring position, so a burst of used
 * entries is one WRITE. Used elements of a split ring are made where the descriptors were, for the same reason.
 */
#ifndef FW_H
#define FW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fwio.h"
#include "gl_mbox.h"

/* Contexts served. Every array below follows from it; 32 fit the 64 KiB data memory. */
#ifndef GL_MAX_CTX
#define GL_MAX_CTX 32u
#endif
#define GL_MAX_VQ (2u * GL_MAX_CTX)

#define WINDOW	      32u /* descriptors kept for a queue */
#define BURST	      16u /* descriptors read at once, frames sent in a round */
#define QUIET_AT      8u /* a fetch of so many descriptors, all available: the driver need not ring */
#define HEADS	      32u /* available ring entries kept for a split queue */
#define MERGE_MAX     15u /* receive buffers that a frame may be spread over */
#define PENDING	      8u  /* frames that may wait for a context's descriptor fetch */
#define RX_BATCH      8u  /* frames taken per turn of the main loop, */
#define RX_BATCH_ONLY 12u /* while none are sent */
#define TURN_QUEUES   4u  /* queues served in a turn, */
#define TURN_FRAMES   12u /* or until so many frames were sent */
#define DIRTY_BATCH   4u  /* queues looked at in a turn for used entries that are due */
#define COMP_BATCH    32u /* completions taken per turn */
#define CHAIN_SMALL   36u /* descriptors of a chain that the small walkers hold */
#define SMALL_WALKERS 6u
#define LOG_SIZE      2048u
#define BACKLOG	      256u /* completions taken while waiting for room in the command queue */
#define TAGS	      32u /* VLAN tags on their way to guests: each is of a frame of three commands */

#define FLUSH_AGE \
	16384u /* cycles after which used receive entries are written back even under load */
#define HEARTBEAT_CYCLES 1048576u /* 8.4 ms at 125 MHz */
#define RETRY_CYCLES	 1024u	  /* until a queue without room tries again: 12 slots on the wire */
#define ROOM_CYCLES \
	8192u /* it tries without FWIO.EVENT.TX_ROOM then: its frame may be a short one */
#define LIMIT_CYCLES  1024u /* until a queue without tokens tries again, at least; doubled up to */
#define LIMIT_DOUBLED 7u    /* so many times: 1 ms */

/*
 * Work in cycles; at line rate (1 Gb/s, 125 MHz) the wire takes an octet in one cycle, so it is charged as octets. Measured in
 * co-simulation: a round that finds nothing takes 230 to 270 cycles.
 */
#define ROUND_WORK 250u /* a round of a transmit queue, */
#define FRAME_WORK 36u	/* and each frame in it */
#define CHAIN_WORK 300u /* a frame in a chain, */
#define PIECE_WORK 24u	/* and each of its descriptors */
#define START_WORK \
	400u /* of a start or reset beside what is measured: its commands and their completions */

#define DEBT_MOST 32768 /* octets; a frame may add 9 KB */
#define TURN_LEAST \
	1024 /* octets: a deficit under this (or half a quantum) waits for the next round: bursts stay long */
#define CREDIT_ROUNDS \
	4u /* quanta at once for a queue that is alone; twice as many are kept at most */
/* A context may cause work without frames for a quarter of its share of the core's time; this much ahead (1 ms). */
#define AHEAD_CYCLES 131072u
#define POSTPONED_PART \
	64u /* of the core's time goes to contexts that cause more, while others have work for it */
/* Doorbells and events are left alone for so long when the last were of no use, while frames have work for the core: */
#define SELDOM_CYCLES 8192u
#define BELLS	      8u /* doorbells taken at once */
#define SELDOM_TURNS  8u /* turns of the main loop between looks at the time */

/* Octets of a frame without FCS: shortest header, and longest with a VLAN tag. */
#define FRAME_MIN 14u
#define FRAME_MAX ((uint32_t)GL_FRAME_MAX)

/* Virtqueue descriptor flags (virtio 1.2, 2.7.5 and 2.8.1). */
#define DESC_NEXT     0x0001u
#define DESC_WRITE    0x0002u
#define DESC_INDIRECT 0x0004u
#define DESC_AVAIL    0x0080u
#define DESC_USED     0x8000u

/* Device status bits (virtio 1.2, 2.1). */
#define STATUS_DRIVER_OK   0x04u
#define STATUS_FEATURES_OK 0x08u
#define STATUS_NEEDS_RESET 0x40u

/* A descriptor as it lies in guest memory. tail: packed: id | flags << 16; split: flags | next << 16. */
struct desc {
	uint32_t addr_lo;
	uint32_t addr_hi;
	uint32_t len;
	uint32_t tail;
};

struct used_elem {
	uint32_t id;
	uint32_t len;
};

/* What DMA reads and writes for one queue. */
struct queue_dma {
	struct desc window[WINDOW];
	uint16_t heads[HEADS]; /* split: available ring entries */
	uint32_t event;	       /* driver's event suppression, as last read */
	uint16_t avail_idx;    /* split: as last read */
	uint16_t used_idx;     /* split: value on its way to the used ring */
	uint32_t avail_event;  /* split with EVENT_IDX: value on its way to the used ring */
	uint32_t reserved;
};

/* All that DMA and the host reach, in one object: its address is offset 0 of data memory. */
struct shared {
	struct gl_mbox_req request;
	struct gl_mbox_resp response;
	struct gl_fw_info info;
	char log[LOG_SIZE];
	struct queue_dma queue[GL_MAX_VQ];
	struct desc small_chain[SMALL_WALKERS][CHAIN_SMALL];
	struct desc big_chain[GL_QUEUE_SIZE_MAX];
	uint32_t notify_on;  /* device event suppression values: 0, */
	uint32_t notify_off; /* packed: flags = DISABLE */
	uint32_t no_notify;  /* split: flags = NO_NOTIFY */
	uint32_t scratch[2];
	/* headers of frames that take n receive buffers: num_buffers = n in the last two bytes */
	uint32_t header[MERGE_MAX + 1][3];
	uint32_t tag[TAGS]; /* VLAN tags to insert */
};
static_assert(offsetof(struct shared, response) == GL_MBOX_RESP_OFF, "mailbox response offset");
static_assert(sizeof(struct shared) < GL_DMEM_SIZE, "DMA reaches 64 KiB of data memory");

extern struct shared shm;

static inline uint32_t dma_off(const void *p)
{
	return (uint32_t)((uintptr_t)p - (uintptr_t)&shm);
}

/* DMA_LOCAL of something in `shm`. On the NIC the address itself will do: the register takes its low 16 bits. */
static inline uint32_t dma_local(const void *p)
{
#ifdef GL_HOST
	return dma_off(p);
#else
	return (uint32_t)p;
#endif
}

struct vq {
	/* receive fast path */
	uint32_t head;
	union {
		/* receive: entries before it may be taken as `expect` says; head while frames are pending or the queue is dead */
		uint32_t fast_end;
		uint32_t limit_at; /* transmit, without tokens: time of the next try */
	};
	struct desc *window;
	uint32_t expect; /* tail of an available, simple descriptor of this lap, under `mask` */
	uint32_t mask;
	uint32_t cookie;   /* COOKIE_DATA */
	uint32_t data_cmd; /* DMA_CMD of a frame, without its length */
	union {
		uint32_t event_at; /* receive: value of head at which rx_note() wants to know */
		int32_t deficit;   /* transmit: octets that it may still send, or owes (negative) */
	};
	/* rounds */
	uint32_t used;
	uint32_t lap;
	uint32_t fetched;
	uint32_t done;	  /* transmit: entries whose frame was read */
	uint32_t fence;	  /* transmit: becomes done when the round ends */
	uint32_t ctx_cmd; /* context and queue as in DMA_CMD */
	uint64_t desc;	  /* ring addresses (guest DMA addresses) */
	uint64_t driver;
	uint64_t device;
	union {
		struct { /* packed */
			uint32_t
				chains; /* bit i: window entry i heads a chain; its step and skip are in addr_lo, addr_hi */
			uint32_t
				merged; /* bit i: window entry i belongs to the same frame as the one before it */
		};
		struct {		    /* split, free-running */
			uint32_t heads_end; /* entries of the available ring read */
			uint32_t avail_end; /* available index */
		};
	};
	union {
		uint32_t stamp;	   /* receive: time of the oldest used entry not written back */
		uint32_t credited; /* transmit: the last scheduling round that added to deficit */
	};
	uint16_t size;
	uint16_t fetch_pos; /* packed: ring position of window entry `fetched` */
	uint16_t used_pos;  /* packed: ring position of window entry `used` */
	uint16_t flushed;   /* ring positions passed by the flush of this round */
	uint8_t split;
	uint8_t busy; /* a round is under way */
	uint8_t live;
	uint8_t is_tx;
	uint8_t fetch_wrap; /* wrap counters of those positions (virtio 1.2, 2.8.1) */
	uint8_t used_wrap;
	uint8_t event_idx : 1;	/* VIRTIO_F_EVENT_IDX */
	uint8_t indirect : 1;	/* VIRTIO_F_INDIRECT_DESC */
	uint8_t mergeable : 1;	/* VIRTIO_NET_F_MRG_RXBUF */
	uint8_t long_chain : 1; /* the chain at head needs the big walker */
	uint8_t fetch_n;	/* descriptors that this round reads */
	uint8_t event_read;	/* this round reads the driver's event suppression */
	uint8_t more;		/* the ring may hold more descriptors */
	uint8_t kick;		/* the driver rang during this round */
	uint8_t quiet;		/* we told the driver not to ring */
	uint8_t in_dirty; /* is in the list of queues with used entries to write; 2: with a later stamp */
	uint8_t in_ready; /* is in the list of queues to serve */
	uint8_t walker;	  /* number + 1 of the walker that follows the chain at head; 0: none */
	uint8_t rung;	  /* the next look at the ring is for a doorbell only */
	uint8_t weight;	  /* transmit: share of the context */
	uint8_t flushing; /* used entries are being written back: their position is not to be trusted */
	uint8_t heads_n;    /* split: available ring entries that this round reads */
	uint8_t index_read; /* split: this round reads the available index */
	uint8_t pending_n;  /* receive: frames that wait for descriptors, */
	union {
		uint8_t pending_at; /* a ring in pending[] */
		uint8_t limit_wait; /* transmit: LIMIT_CYCLES are doubled so many times */
	};
	uint8_t depth; /* descriptors to have at once */
	union {
		uint8_t flush_at;  /* receive: used entries that are written back at once */
		uint8_t in_flight; /* transmit: a round is under way, and more frames are likely */
	};
	uint32_t buffers; /* used since DRIVER_OK */
} __attribute__((aligned(8)));
#ifndef GL_HOST
static_assert(sizeof(struct vq) == 128, "indexing queues is a shift");
#endif

static inline struct queue_dma *vq_dma(const struct vq *q)
{
	return (struct queue_dma *)(void *)q->window;
}

#define AVAIL_MASK ((uint32_t)(DESC_AVAIL | DESC_USED) << 16)
#define PACKED_MASK \
	((uint32_t)(DESC_AVAIL | DESC_USED | DESC_NEXT | DESC_WRITE | DESC_INDIRECT) << 16)
#define SPLIT_MASK  ((uint32_t)(DESC_NEXT | DESC_WRITE | DESC_INDIRECT))
#define USED_TOGGLE ((uint32_t)DESC_USED << 16)

static inline struct desc *window_at(const struct vq *q, uint32_t entry)
{
	return &q->window[entry % WINDOW];
}

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

#define CONFIG_WORDS 6u

struct context {
	union {
		struct { /* what the mailbox has set */
			uint8_t created;
			uint8_t enabled;
			uint8_t link_up;
			uint8_t weight;
			uint16_t mtu;
			uint16_t queue_size;
			uint32_t features_lo;
			uint32_t features_hi;
			uint8_t mac[6];
			uint16_t zero;
		};
		uint32_t config[CONFIG_WORDS];
	};
	uint32_t sum;	  /* of config, see context_seal() */
	uint8_t state;	  /* enum gl_ctx_state */
	uint8_t fenced;	  /* a fence command is under way */
	uint8_t in_later; /* waits in the list of contexts that are put off */
	uint8_t reason;
	uint16_t resets;
	uint32_t accepted_lo;
	uint32_t accepted_hi;
	uint32_t
		paid_at; /* time at which the work without frames that it has caused is within its share */
};

/*
 * The checkpoint: these three lie at the end of data memory behind the stack (link.ld), where neither a load of the firmware nor
 * start.S writes. A firmware that starts after BAR0.RESTART finds the configuration of contexts and how far each queue's
 * used entries are written back, and goes on from there (context.c, contexts_init()).
 */
#define CHECKPOINT_MAGIC   0x47434b50u
#define CHECKPOINT_VERSION 1u
struct checkpoint {
	uint32_t magic;
	uint32_t version;
	uint32_t sizes;	 /* CHECKPOINT_SIZES */
	uint32_t starts; /* of firmware since the checkpoint came to be */
};
#define CHECKPOINT_SIZES \
	((uint32_t)sizeof(struct vq) << 20 | (uint32_t)sizeof(struct context) << 10 | GL_MAX_CTX)
#ifdef GL_HOST
#define CHECKPOINT(part)
#else
#define CHECKPOINT(part) __attribute__((section(".checkpoint." part)))
#endif
extern struct checkpoint checkpoint;
extern struct vq vqs[GL_MAX_VQ];
extern struct context ctxs[GL_MAX_CTX];

/* RX_RECORD values that wait for descriptors, and their RX_TAG. */
extern uint32_t pending[GL_MAX_CTX][PENDING];
extern uint32_t pending_tag[GL_MAX_CTX][PENDING];
extern uint32_t n_ctx;	    /* contexts served */
extern uint32_t n_live;	    /* contexts whose frames move */
extern uint32_t tx_flights; /* transmit queues in_flight */
extern uint32_t epoch;	    /* of this start, as in cookies */

/*
 * Kinds of DMA cookies (bits 27:24). Bits 8:0: queue (context * 2 + queue), context, or walker. Bits 23:16 differ from start to
 * start, so that completions of commands of a firmware before mean nothing.
 */
enum cookie {
	COOKIE_ROUND = 1,  /* last command of a queue's round */
	COOKIE_RING = 2,   /* other access to the rings: reported only if it failed */
	COOKIE_DATA = 3,   /* frame data: reported only if it failed */
	COOKIE_WALK = 4,   /* a walker's read */
	COOKIE_FENCE = 5,  /* the context's last command before a reset is acknowledged */
	COOKIE_RESUME = 6, /* the used index of a split queue that is resumed */
};
#define ROUND_COOKIE(q)	    ((q)->cookie - (((uint32_t)COOKIE_DATA - (uint32_t)COOKIE_ROUND) << 24))
#define COOKIE(kind, index) ((uint32_t)(kind) << 24 | epoch | (uint32_t)(index))
#define EPOCH_MASK	    0x00ff0000u

#define DMA_READ   ((uint32_t)GL_DMA_OP_READ << GL_FWIO_DMA_CMD_OP_LSB)
#define DMA_WRITE  ((uint32_t)GL_DMA_OP_WRITE << GL_FWIO_DMA_CMD_OP_LSB)
#define DMA_IRQ	   ((uint32_t)GL_DMA_OP_IRQ << GL_FWIO_DMA_CMD_OP_LSB)
#define DMA_LAST   ((uint32_t)GL_FWIO_DMA_CMD_LAST_MASK)
#define DMA_NOTIFY ((uint32_t)GL_FWIO_DMA_CMD_NOTIFY_MASK)

void dma_room_slow(uint32_t n);

/* Waits until the command queue takes n (at most 32) more commands; completions that arrive meanwhile are kept. */
static inline void dma_room(uint32_t n)
{
	if (fwio_read(GL_FWIO_DMA_FREE) < n)
		dma_room_slow(n);
}

/* Queues a command between guest address `addr` and data memory at `local`. */
static inline void dma_mem(const struct vq *q, uint32_t op, uint64_t addr, const void *local,
			   uint32_t len, uint32_t cookie)
{
	fwio_write(GL_FWIO_DMA_ADDR_LO, (uint32_t)addr);
	fwio_write(GL_FWIO_DMA_ADDR_HI, (uint32_t)(addr >> 32));
	fwio_write(GL_FWIO_DMA_LOCAL, dma_local(local));
	fwio_write(GL_FWIO_DMA_COOKIE, cookie);
	fwio_write(GL_FWIO_DMA_CMD, len | q->ctx_cmd | op);
}

static inline uint32_t vq_index(const struct vq *q)
{
	return (uint32_t)(q - vqs);
}

static inline uint32_t vq_ctx(const struct vq *q)
{
	return (q->ctx_cmd & GL_FWIO_DMA_CMD_CTX_MASK) >> GL_FWIO_DMA_CMD_CTX_LSB;
}

/* Keeps the compiler from moving stores across: the checkpoint must be right whenever the firmware stops. */
static inline void barrier(void)
{
	__asm__ volatile("" : : : "memory");
}

/* What a context and RX_RECORD.VLAN make of the frame: octets in the guest's buffers, with header. */
static inline uint32_t rx_length(uint32_t record)
{
	const uint32_t vlan = (record & GL_FWIO_RX_RECORD_VLAN_MASK) >> GL_FWIO_RX_RECORD_VLAN_LSB;
	const uint32_t len = (record & GL_FWIO_RX_RECORD_LEN_MASK) + GL_HDR_LEN;

	return vlan == GL_RX_VLAN_STRIP ? len - 4u : vlan == GL_RX_VLAN_INSERT ? len + 4u : len;
}

static inline uint32_t time_now(void)
{
	return fwio_read(GL_FWIO_TIME_LO);
}

/* fastpath.c */
void rx_records(uint32_t n);
bool doorbell(uint32_t entry);
void round_done(struct vq *q);
void service(struct vq *q);
extern uint32_t tx_entries;

/* queue.c: what is not on the fast path */
enum deliver { DELIVERED, WAITS, REFUSED };
enum deliver rx_deliver(struct vq *q, uint32_t record, uint32_t tag);
bool rx_note(struct vq *q);
bool rx_slow(struct vq *q, uint32_t record);
void rx_drop_pending(struct vq *q, uint32_t counter);
bool tx_special(struct vq *q);
bool unavailable(struct vq *q);
uint32_t flush_slow(struct vq *q, uint32_t end);
void split_fetch(struct vq *q, uint32_t space);
bool split_fetched(struct vq *q);
void notify_driver_off(struct vq *q);
void notify_driver_on(struct vq *q);
void walker_done(uint32_t number, uint32_t status);
void walkers_release(uint32_t ctx);
void walkers_forget(uint32_t ctx);
void walkers_reset(void); /* host tests: as loaded */

/* context.c */
void contexts_init(bool kept);
void context_seal(struct context *c);
void context_forget(uint32_t ctx);
void context_look(uint32_t ctx);
void queue_resumed(struct vq *q, uint32_t status);
bool context_event(uint32_t ctx);
void context_fenced(uint32_t ctx);
void context_broken(uint32_t ctx, uint32_t reason);
void context_disable(uint32_t ctx);
bool context_drained(uint32_t ctx);
void context_offer(uint32_t ctx);
void dma_failed(uint32_t kind, uint32_t index, uint32_t status);

/* mem.c; the C library's on the host */
void *memset(void *to, int value, size_t n);

/* mailbox.c */
#define FEATURES_LO                                                                 \
	(1u << GL_FEATURE_MTU | 1u << GL_FEATURE_MAC | 1u << GL_FEATURE_MRG_RXBUF | \
	 1u << GL_FEATURE_STATUS | 1u << GL_FEATURE_INDIRECT_DESC | 1u << GL_FEATURE_EVENT_IDX)
#define FEATURES_HI                                                                    \
	(1u << (GL_FEATURE_VERSION_1 - 32) | 1u << (GL_FEATURE_ACCESS_PLATFORM - 32) | \
	 1u << (GL_FEATURE_RING_PACKED - 32) | 1u << (GL_FEATURE_IN_ORDER - 32) |      \
	 1u << (GL_FEATURE_ORDER_PLATFORM - 32))
void mailbox_request(void);
uint32_t build_id(void);

/* log.c */
void log_init(void);
void log_line(uint32_t level, const char *text, uint32_t ctx, uint32_t value);
extern uint32_t log_level;

/* main.c */
void fw_init(void);
__attribute__((noreturn)) void fw_main(void);
void fw_reset_state(void); /* host tests: as loaded */
bool fw_step(void);
void dirty_push(struct vq *q);
void ready_push(struct vq *q);
void turn_push(struct vq *q);
bool turn_now(struct vq *q);
void blocked_push(struct vq *q);
void limited_push(struct vq *q);
void context_later(uint32_t ctx);
void charge(uint32_t ctx, uint32_t cycles);
bool overdrawn(uint32_t ctx);

#endif
