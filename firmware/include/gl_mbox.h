/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management mailbox and the information block: what host and firmware say to each other in data memory.
 *
 * A command: the host writes struct gl_mbox_req to BAR0.MBOX (offset 0), writes 1 to BAR0.MBOX_DOORBELL, waits for
 * BAR0.STATUS.MBOX_BUSY to fall (or for MSI-X vector 0) and reads struct gl_mbox_resp from BAR0.MBOX + GL_MBOX_RESP_OFF. One
 * command at a time. All fields are little-endian and naturally aligned.
 *
 * To bring up context c: CTX_CREATE, the switch entry and the translation table (BAR0.SW_*, BAR0.ROOT_*), CTX_ENABLE,
 * BAR0.CTX_CONTROL.ENABLE = 1. To take it away: BAR0.REVOKE, or BAR0.CTX_CONTROL.ENABLE = 0; then CTX_DISABLE (answered when
 * the firmware holds nothing of the context any more) and CTX_DESTROY.
 *
 * After the watchdog fired: wait for BAR0.WATCHDOG_STATE.STOPPED, BAR0.RESTART, load the firmware's segments (and nothing else
 * of data memory: the checkpoint of the firmware before lies behind them), CONTROL.CORE_RUN = 1, wait for GL_FW_RUN. Then
 * gl_fw_info.resumed has a bit for each context that goes on as if nothing had happened: its configuration is in force and
 * CTX_CREATE and CTX_ENABLE would be refused with GL_MBOX_STATUS_STATE. Other contexts that were created are one of these:
 * created still, in the state that CTX_GET tells (no driver, DEVICE_NEEDS_RESET); or GL_CTX_ABSENT, when the checkpoint had no
 * good record of them or BAR0.CTX_CONTROL.ENABLE is 0: the host brings them up anew. The weakest host looks at CTX_GET only,
 * and creates what is absent. A host that wants to begin anew clears CTX_CONTROL.ENABLE of every context before CORE_RUN.
 * A mailbox command that was under way when the firmware hung is to be repeated.
 *
 * What a resumed guest may notice: frames that waited in the NIC are lost; frames that it sent and had not been told of are
 * sent once more; a queue in the middle of whose used entries the firmware hung needs a reset (RESET_REASON.WATCHDOG).
 */
#ifndef GL_MBOX_H
#define GL_MBOX_H

#include <stdint.h>

#if !defined(__cplusplus) && !defined(static_assert)
#define static_assert _Static_assert
#endif

/* Version of everything in this file; the firmware refuses another with GL_MBOX_STATUS_VERSION. */
#define GL_MBOX_VERSION 2u

#define GL_MBOX_REQ_SIZE     256u
#define GL_MBOX_PAYLOAD_SIZE 240u

enum gl_mbox_command {
	GL_MBOX_NOP = 0,	/* answers OK */
	GL_MBOX_GET_INFO = 1,	/* -> struct gl_mbox_info */
	GL_MBOX_CTX_CREATE = 2, /* struct gl_mbox_ctx_config; the context must not exist */
	GL_MBOX_CTX_DESTROY =
		3, /* the context must exist and be disabled; offers nothing afterwards */
	GL_MBOX_CTX_ENABLE = 4, /* the firmware serves the context from now on */
	GL_MBOX_CTX_DISABLE =
		5, /* answered once no DMA of the context is under way and no frame is held */
	GL_MBOX_CTX_CONFIGURE =
		6,	     /* struct gl_mbox_ctx_config: the fields named in `fields` change */
	GL_MBOX_CTX_GET = 7, /* -> struct gl_mbox_ctx_state */
	GL_MBOX_SET_LOG_LEVEL = 8, /* struct gl_mbox_log_level */
};

enum gl_mbox_status {
	GL_MBOX_STATUS_OK = 0,
	GL_MBOX_STATUS_VERSION = 1, /* unknown version of the request */
	GL_MBOX_STATUS_COMMAND = 2, /* unknown command */
	GL_MBOX_STATUS_LENGTH = 3,  /* payload shorter than the command's struct */
	GL_MBOX_STATUS_CONTEXT = 4, /* no such context number */
	GL_MBOX_STATUS_STATE =
		5, /* not allowed in the context's state (exists, does not exist, is enabled) */
	GL_MBOX_STATUS_VALUE = 6, /* a field has an illegal value */
};

struct gl_mbox_req {
	uint16_t version;  /* GL_MBOX_VERSION */
	uint16_t command;  /* enum gl_mbox_command */
	uint32_t sequence; /* comes back in the response */
	uint16_t context;  /* for CTX_* */
	uint16_t length;   /* bytes of payload that are valid */
	uint32_t reserved; /* 0 */
	uint8_t payload[GL_MBOX_PAYLOAD_SIZE];
};
static_assert(sizeof(struct gl_mbox_req) == GL_MBOX_REQ_SIZE, "mailbox request");

struct gl_mbox_resp {
	uint16_t version;  /* GL_MBOX_VERSION */
	uint16_t command;  /* of the request */
	uint32_t sequence; /* of the request */
	uint16_t status;   /* enum gl_mbox_status */
	uint16_t length;   /* bytes of payload */
	uint32_t reserved; /* 0 */
	uint8_t payload[GL_MBOX_PAYLOAD_SIZE];
};
static_assert(sizeof(struct gl_mbox_resp) == GL_MBOX_REQ_SIZE, "mailbox response");

/* Which fields of struct gl_mbox_ctx_config CTX_CONFIGURE changes. CTX_CREATE takes all of them. */
#define GL_MBOX_FIELD_MAC  0x1u
#define GL_MBOX_FIELD_MTU  0x2u
#define GL_MBOX_FIELD_LINK 0x4u
#define GL_MBOX_FIELD_FEATURES \
	0x8u /* only while the driver has not set FEATURES_OK: else it takes effect at its reset */
#define GL_MBOX_FIELD_QUEUE_SIZE 0x10u /* likewise */
#define GL_MBOX_FIELD_WEIGHT	 0x20u
#define GL_MBOX_FIELD_ALL	 0x3fu

/*
 * Shares of transmission. In each round a context may send GL_WEIGHT_OCTETS octets (destination address to the end, without
 * FCS) for each unit of its weight; a frame that goes beyond is sent and taken off the next rounds. Contexts that send nothing
 * take no share. Work of the firmware that a context causes beyond what frames of that size cost counts as octets too.
 */
#define GL_WEIGHT_DEFAULT 16u
#define GL_WEIGHT_OCTETS  128u

/* Feature bits that the firmware can offer (virtio 1.2, 5.1.3 and 6). */
#define GL_FEATURE_MTU		   3
#define GL_FEATURE_MAC		   5
#define GL_FEATURE_MRG_RXBUF	   15
#define GL_FEATURE_STATUS	   16
#define GL_FEATURE_INDIRECT_DESC   28
#define GL_FEATURE_EVENT_IDX	   29
#define GL_FEATURE_VERSION_1	   32
#define GL_FEATURE_ACCESS_PLATFORM 33
#define GL_FEATURE_RING_PACKED	   34
#define GL_FEATURE_IN_ORDER	   35
#define GL_FEATURE_ORDER_PLATFORM  36

struct gl_mbox_ctx_config {
	uint32_t fields;      /* GL_MBOX_FIELD_* */
	uint32_t features_lo; /* features to offer; bits the firmware does not have are left out, */
	uint32_t features_hi; /* VERSION_1 and ACCESS_PLATFORM are always offered. 0 and 0: all */
	uint16_t mtu;	      /* 68 to 9000 */
	uint16_t queue_size;  /* QueueNumMax: 1 to GL_QUEUE_SIZE_MAX; 0: GL_QUEUE_SIZE_MAX */
	uint8_t mac[6];
	uint8_t link_up; /* 0 or 1 */
	uint8_t weight;	 /* 1 to 255; 0: GL_WEIGHT_DEFAULT */
};
static_assert(sizeof(struct gl_mbox_ctx_config) == 24, "mailbox context configuration");

enum gl_ctx_state {
	GL_CTX_ABSENT = 0,   /* not created */
	GL_CTX_DISABLED = 1, /* created, not enabled */
	GL_CTX_IDLE = 2,     /* enabled, the driver has not set DRIVER_OK */
	GL_CTX_LIVE = 3,     /* frames move */
	GL_CTX_DRAIN = 4,    /* reset or disabled: waiting for its last DMA commands */
	GL_CTX_BROKEN = 5,   /* DEVICE_NEEDS_RESET */
};

struct gl_mbox_queue_state {
	uint16_t size;
	uint8_t ready;
	uint8_t packed;		 /* 1: packed ring, 0: split ring */
	uint16_t next_available; /* position of the next descriptor or ring entry to take */
	uint16_t next_used;	 /* position of the next used entry to write */
	uint32_t buffers;	 /* buffers taken since DRIVER_OK */
};
static_assert(sizeof(struct gl_mbox_queue_state) == 12, "mailbox queue state");

struct gl_mbox_ctx_state {
	uint8_t state;	      /* enum gl_ctx_state */
	uint8_t reason;	      /* enum RESET_REASON of the last DEVICE_NEEDS_RESET */
	uint16_t resets;      /* resets seen since CTX_CREATE */
	uint32_t features_lo; /* offered */
	uint32_t features_hi;
	uint32_t accepted_lo; /* accepted by the driver, 0 while not LIVE */
	uint32_t accepted_hi;
	uint16_t mtu;
	uint16_t queue_size;
	uint8_t mac[6];
	uint8_t link_up;
	uint8_t weight;
	struct gl_mbox_queue_state queue[2];
};
static_assert(sizeof(struct gl_mbox_ctx_state) == 56, "mailbox context state");

enum gl_log_level { GL_LOG_ERROR = 0, GL_LOG_INFO = 1, GL_LOG_DEBUG = 2 };

struct gl_mbox_log_level {
	uint32_t level; /* enum gl_log_level: lines above it are not written */
};
static_assert(sizeof(struct gl_mbox_log_level) == 4, "mailbox log level");

struct gl_mbox_info {
	uint32_t abi_version; /* GL_MBOX_VERSION */
	uint32_t build_id;
	uint16_t contexts; /* contexts served: the smaller of hardware and firmware */
	uint16_t queue_size_max;
	uint32_t features_lo; /* all the firmware can offer */
	uint32_t features_hi;
	uint32_t frame_max; /* longest frame without FCS */
};
static_assert(sizeof(struct gl_mbox_info) == 24, "mailbox information");

/* Values of BAR0.FW_STATE; from GL_FW_PANIC on the firmware has stopped (low bits: cause). */
enum gl_fw_state {
	GL_FW_NONE = 0,
	GL_FW_BOOT = 1,
	GL_FW_RUN = 2,
	GL_FW_PANIC = 0x80, /* an exception; see gl_fw_info.trap_* */
};

#define GL_FW_INFO_MAGIC 0x57464c47u /* "GLFW" in memory order */

/* At BAR0.FW_INFO in data memory. */
struct gl_fw_info {
	uint32_t magic;	      /* GL_FW_INFO_MAGIC */
	uint32_t abi_version; /* GL_MBOX_VERSION */
	uint32_t size;	      /* of this struct */
	uint32_t build_id;    /* checksum of the sources */
	uint32_t log_offset;  /* of the log ring in data memory */
	uint32_t
		log_size; /* power of two. Byte n of the log is at log_offset + n % log_size; BAR0.LOG_HEAD counts */
	uint32_t max_contexts; /* compiled in */
	uint32_t contexts;     /* served */
	uint32_t loops;	       /* turns of the main loop */
	uint32_t sleeps;       /* wfi executed */
	uint32_t rounds;       /* queue rounds (fetch, flush) ended */
	uint32_t tx_frames;    /* sent by guests; brought up to date now and then */
	uint32_t rx_frames;
	uint32_t slow_chains;		/* chains and indirect tables followed */
	uint32_t interrupts;		/* raised */
	uint32_t interrupts_suppressed; /* not wanted by the driver */
	uint32_t trap_cause;		/* mcause, mepc, mtval of a panic */
	uint32_t trap_pc;
	uint32_t trap_value;
	uint32_t starts;     /* 0: nothing was found in data memory; else starts since then */
	uint32_t resumed[8]; /* bit c % 32 of word c / 32: context c went on from the checkpoint */
	uint32_t limited;    /* times a queue waited for tokens (BAR0.TX_RATE) */
	uint32_t stuck;	     /* times transmission waited for room in the packet buffers */
	uint32_t
		postponed; /* doorbells and events of contexts that cause more work than their share, put off */
	uint32_t reserved;
};
static_assert(sizeof(struct gl_fw_info) == 128, "information block");

#endif
