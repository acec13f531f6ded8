/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libguestlane-sim: the NIC - its RTL, compiled by Verilator, and its firmware - as a C library, with a root complex,
 * a wire and guests around it. Deterministic: the same configuration and calls give the same cycles.
 *
 * Everything runs in virtual time, counted in clock cycles of the NIC (8 ns each at 125 MHz). Time passes only inside
 * gls_run(), gls_run_until() and the functions that say "runs". Nothing here is thread-safe.
 *
 * Functions that can fail return 0 or a negative errno; gls_error() then has a sentence about it.
 */
#ifndef GUESTLANE_SIM_H
#define GUESTLANE_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- The simulation ------------------------------------------------------------------------------------------------ */

struct gls;

/* How host and link behave. A zero field means the default in parentheses. */
struct gls_config {
	uint64_t seed; /* of all random choices (1) */
	/* cycles from a memory read of the NIC to its completion (100, i.e. 800 ns) */
	uint32_t latency;
	uint32_t latency_jitter; /* up to so many cycles more, at random (0) */
	bool out_of_order;	 /* completions of different requests may overtake each other */
	bool split;		 /* completions are split at random multiples of 64 bytes */
	/* bytes per 16 cycles and direction that the link carries (128: 64 bit per cycle) */
	uint32_t link_bytes;
	uint32_t tx_stall_percent; /* upstream beats that the link refuses at random, 0 to 90 (0) */
	uint32_t max_payload;	   /* MPS programmed into the NIC: 128 or 256 (256) */
	uint32_t max_read_request; /* MRRS: 128, 256, 512, 1024, 2048 or 4096 (512) */
	/* cycles from an MSI-X message to the guest's interrupt handler (250, i.e. 2 us) */
	uint32_t irq_latency;
	const char *firmware;  /* ELF file; NULL: build/firmware/guestlane.elf */
	const char *trace;     /* FST file to write; NULL: none */
	uint64_t trace_from;   /* first cycle to trace */
	uint64_t trace_cycles; /* number of cycles to trace (0: to the end) */
	bool firmware_in_ram; /* this is a SIM_INIT=1 build, with the firmware in its block RAM: load nothing */
	bool no_boot; /* leave the NIC as reset left it: no enumeration, no firmware */
};

/*
 * Creates a NIC, enumerates it (BARs, MPS, MSI-X with one vector per context and one for management), loads the firmware and waits until it
 * answers. NULL on failure; then gls_error(NULL) says why. The caller frees it with gls_close().
 */
struct gls *gls_open(const struct gls_config *config);
void gls_close(struct gls *s);
/* Enumerates the NIC and loads the firmware once more: after a function level reset, a reset through BAR0, or to have fresh firmware (runs). */
int gls_boot(struct gls *s);
const char *gls_error(const struct gls *s);

uint32_t gls_contexts(const struct gls *s);  /* number of contexts of this NIC */
uint64_t gls_now(const struct gls *s);	     /* virtual time in cycles */
uint64_t gls_simulated(const struct gls *s); /* cycles really simulated (not skipped) */
uint32_t gls_clock_hz(const struct gls *s);
uint64_t gls_rand(struct gls *s); /* the simulation's generator */

/* Runs for that many cycles. When the NIC and everything around it sleeps, time is skipped. */
void gls_run(struct gls *s, uint64_t cycles);

/* Runs until done(arg) holds (checked once per cycle at most) or the limit passes; tells whether it holds. */
bool gls_run_until(struct gls *s, bool (*done)(void *arg), void *arg, uint64_t limit);

/* Runs until nothing is pending anywhere (no frame, no interrupt, no timer of a model) or the limit passes. */
bool gls_settle(struct gls *s, uint64_t limit);

/* Calls fn(arg) at that cycle (or the next one simulated). Bounded by memory only. */
void gls_at(struct gls *s, uint64_t cycle, void (*fn)(void *arg), void *arg);

/* --- Host: registers, memory, configuration space -------------------------------------------------------------------- */

enum gls_bar { GLS_BAR0 = 0, GLS_BAR2 = 2, GLS_BAR4 = 4 };

/* Reads run the simulation until the completion is there; a failed read gives all ones. Offsets are byte offsets, size 1, 2, 4. */
uint32_t gls_read(struct gls *s, enum gls_bar bar, uint32_t offset, unsigned size);
uint64_t gls_read64(struct gls *s, enum gls_bar bar, uint32_t offset); /* low half first */
/* Writes are posted: they run nothing. */
void gls_write(struct gls *s, enum gls_bar bar, uint32_t offset, uint32_t value, unsigned size);
/* The same without waiting: done(arg, value) is called when the completion arrives. */
void gls_read_async(struct gls *s, enum gls_bar bar, uint32_t offset, unsigned size,
		    void (*done)(void *arg, uint32_t value), void *arg);
uint32_t gls_config_read(struct gls *s, uint32_t offset, unsigned size);
void gls_config_write(struct gls *s, uint32_t offset, uint32_t value, unsigned size);

/* Host memory: a range of physical addresses. All that the NIC may reach; anything else is answered as unsupported request. */
int gls_memory_add(struct gls *s, uint64_t address, size_t bytes);
/* The bytes behind [address, address+bytes), or NULL if they are not all in one range. */
void *gls_memory(struct gls *s, uint64_t address, size_t bytes);

/* Interrupt of an MSI-X vector (0 management, 1 + c context c), irq_latency cycles after the message. */
void gls_on_irq(struct gls *s, unsigned vector, void (*fn)(void *arg), void *arg);
uint64_t gls_irq_count(const struct gls *s, unsigned vector);

/* A raw TLP to the NIC: header as in the PCIe specification, then payload; for tests of the transaction layer. */
void gls_tlp_send(struct gls *s, const uint32_t *dw, size_t count);

/* What the root complex does to memory reads of the NIC, for tests. */
enum gls_fault { GLS_FAULT_NONE, GLS_FAULT_UR, GLS_FAULT_CA, GLS_FAULT_POISON, GLS_FAULT_DROP };
/* The next `count` reads that touch [address, address+bytes) get this fault. GLS_FAULT_NONE: no fault waits for this range any more. */
void gls_fault(struct gls *s, enum gls_fault fault, uint64_t address, size_t bytes, unsigned count);

/* Called for every TLP that the NIC sends upstream (dw: header and payload). One monitor at a time. */
void gls_on_tlp(struct gls *s, void (*fn)(void *arg, const uint32_t *dw, size_t count), void *arg);
/* Called for every TLP that the NIC has taken, as its last beat goes in. One monitor at a time. */
void gls_on_tlp_down(struct gls *s, void (*fn)(void *arg, const uint32_t *dw, size_t count),
		     void *arg);

/* --- Another host around the NIC: glane-sim's --------------------------------------------------------------------------- */

/* Host memory and interrupts behind functions, instead of gls_memory_add() and gls_on_irq(). */
struct gls_host {
	void *arg;
	/*
	 * The NIC reads whole DWs inside a page of 4 KiB. 0: they are in `data`. 1: gls_host_complete(token) follows. Negative: nobody
	 * is there, an Unsupported Request.
	 */
	int (*read)(void *arg, uint64_t address, void *data, uint32_t bytes, uint64_t token);
	/* The NIC writes; bytes that are not enabled are left out. */
	void (*write)(void *arg, uint64_t address, const void *data, uint32_t bytes);
	/* The NIC writes one DW to msi_address. */
	void (*msi)(void *arg, uint32_t data);
	uint64_t msi_address;
};
void gls_host_use(struct gls *s, const struct gls_host *host);
/* The data of a read that returned 1; NULL: Completer Abort. A token from before a gls_reset() is ignored. */
void gls_host_complete(struct gls *s, uint64_t token, const void *data);
/* Stops what the NIC sends (requests and completions) until it is called with false. */
void gls_host_stall(struct gls *s, bool stall);

/* Reset of everything, as by the slot's reset line. TLPs under way are lost, and nothing of them is reported (runs 16 cycles). */
void gls_reset(struct gls *s);
/* Where a BAR was placed, for gls_read() and gls_write(). */
void gls_set_bar(struct gls *s, enum gls_bar bar, uint64_t address);
/* A configuration access with byte enables; done (may be NULL) gets all ones if it failed. */
void gls_config_async(struct gls *s, uint32_t offset, uint32_t value, unsigned byte_enables,
		      bool write, void (*done)(void *arg, uint32_t value), void *arg);
size_t gls_tlp_pending(const struct gls *s); /* TLPs that the NIC has not taken yet */
/* Firmware by hand: stops the core; loads bytes (a multiple of 4) or an ELF file into its memories; starts core and MAC and waits until it serves (runs). */
void gls_core_stop(struct gls *s);
int gls_core_load(struct gls *s, uint32_t address, const void *data, size_t bytes);
int gls_core_load_elf(struct gls *s, const char *file);
int gls_core_start(struct gls *s);

/* Simulates at most `cycles` cycles, skipping none. False: everything sleeps, and only its own timer will wake the NIC. */
bool gls_run_awake(struct gls *s, uint32_t cycles);
bool gls_asleep(const struct gls *s);
bool gls_wake_set(const struct gls *s);	       /* whether that timer is set */
uint32_t gls_wake_cycles(const struct gls *s); /* until it fires; UINT32_MAX: not set */
/* Lets the time until it fires pass; false: it is not set. */
bool gls_wake(struct gls *s);
unsigned gls_compiled_contexts(void); /* as gls_contexts() */

/* --- Management, as dom0's driver does it ---------------------------------------------------------------------------- */

struct gls_switch_entry {
	uint8_t mac[6];
	uint32_t control; /* BAR0.SW_CONTROL bits of guestlane_regs.h */
};
void gls_set_switch(struct gls *s, unsigned context, const struct gls_switch_entry *entry);
void gls_enable_context(struct gls *s, unsigned context, bool enable);
/* Sends a mailbox request (firmware/include/gl_mbox.h), runs until it is answered. Returns bytes of the response or -errno. */
int gls_mailbox(struct gls *s, const void *request, size_t bytes, void *response, size_t room);
uint64_t gls_stat(struct gls *s, unsigned stat);			   /* enum STAT */
uint64_t gls_context_stat(struct gls *s, unsigned context, unsigned stat); /* enum CSTAT */
/* The firmware's log as text, at most room-1 bytes; the number of bytes. */
size_t gls_log(struct gls *s, char *text, size_t room);

/* --- Translation tables: what of the host's memory each context reaches (docs/isolation.md) ---------------------------- */

enum gls_map_flags { GLS_READ = 1, GLS_WRITE = 2, GLS_HUGE = 4 };
/*
 * Lets the context's device read, write or both [guest_address, guest_address + bytes), which lie at host_address. All are multiples
 * of 4096, with GLS_HUGE of 2 MiB; guest addresses have 39 bits. Nothing there may be mapped yet (-EEXIST). The table is made with
 * the first call. Runs nothing.
 */
int gls_map(struct gls *s, unsigned context, uint64_t guest_address, uint64_t host_address,
	    uint64_t bytes, unsigned flags);
/* Takes it back, and waits until no DMA uses it any more (runs). Pages that are not mapped are passed over. */
int gls_unmap(struct gls *s, unsigned context, uint64_t guest_address, uint64_t bytes);
/* Makes the NIC forget what it knows of a range; bytes 0: of the context. Cycles it took, or -errno (runs). gls_unmap() does this. */
int64_t gls_invalidate(struct gls *s, unsigned context, uint64_t guest_address, uint64_t bytes);
/* Walks the table as the NIC must. GL_FAULT_KIND_NONE and the host address (unless NULL), or the kind of the fault. */
int gls_translate(const struct gls *s, unsigned context, uint64_t guest_address, bool write,
		  uint64_t *host_address);
/* For tests that break tables: the entry of an address at a level (3 root page, 2, 1), or NULL; the root; the region. */
uint64_t *gls_entry(struct gls *s, unsigned context, uint64_t guest_address, unsigned level);
uint64_t gls_root(const struct gls *s, unsigned context);
void gls_table_region(const struct gls *s, uint64_t *address, uint64_t *bytes);

/* --- Revocation, faults, events, restart ---------------------------------------------------------------------------------- */

/*
 * Takes everything away from a context: its device is dead, its table and its frames are gone. When this returns nothing is issued
 * for it any more, firmware and NIC have forgotten it, and its memory and its number may serve another guest. Returns the cycles
 * that the NIC took, or -errno (runs).
 */
int64_t gls_revoke(struct gls *s, unsigned context);
/* The NIC's part alone, in two steps; the firmware is not told. */
void gls_revoke_start(struct gls *s, unsigned context);
int64_t gls_revoke_wait(struct gls *s, unsigned context);

/* The first fault of a context since its record was cleared. */
struct gls_fault_record {
	uint64_t address; /* guest address */
	unsigned kind;	  /* enum FAULT_KIND */
	bool write;	  /* the NIC was to write */
	unsigned queue;
	unsigned count; /* faults since the record was cleared */
};
bool gls_fault_record(struct gls *s, unsigned context, struct gls_fault_record *record);
void gls_fault_clear(struct gls *s, unsigned context);
int gls_fault_next(struct gls *s); /* lowest context with a record, or -1 */

/* BAR0.EVENT: what vector 0 reports. */
uint32_t gls_event(struct gls *s);
void gls_event_clear(struct gls *s, uint32_t events);
void gls_event_enable(struct gls *s, uint32_t events);

/* After the watchdog has fired: waits until DMA has stopped, restarts the NIC's moving parts and loads the firmware anew; guests go on (runs). */
int gls_restart(struct gls *s);

/* --- Limits, filters, VLANs ------------------------------------------------------------------------------------------------ */

/* What a token bucket limits: what the context sends, what it receives, group frames it sends, group frames from the wire (any context). */
enum gls_limit { GLS_LIMIT_TX, GLS_LIMIT_RX, GLS_LIMIT_FLOOD, GLS_LIMIT_WIRE_FLOOD };
/* rate: octets in 65536 cycles, 0: no limit; burst: depth in octets. Both below 2^20. */
void gls_set_limit(struct gls *s, unsigned context, enum gls_limit limit, uint32_t rate,
		   uint32_t burst);
/* Share of sending, 1 to 255 against those of the others (16): 0 or a negative errno (runs). */
int gls_set_weight(struct gls *s, unsigned context, unsigned weight);
/* Frames that may wait for the context in each ring of the packet buffers, 1 to 64; 0: no limit. */
void gls_set_rx_share(struct gls *s, unsigned context, unsigned frames);
/* Multicast addresses that the context receives: bit gls_multicast_hash(mac) of the filter. */
unsigned gls_multicast_hash(const uint8_t mac[6]);
void gls_set_multicast(struct gls *s, unsigned context, uint64_t filter);
/* VLANs of trunk ports: a VLAN identifier has an entry (1 to 63; 0: none), an entry has members. */
void gls_set_vlan(struct gls *s, unsigned vid, unsigned entry);
void gls_set_vlan_member(struct gls *s, unsigned context, unsigned entry, bool member);

/* --- Wire ------------------------------------------------------------------------------------------------------------- */

/* Frames are without preamble and FCS. The wire keeps a copy. */
enum gls_wire_fault { GLS_WIRE_OK, GLS_WIRE_BAD_FCS, GLS_WIRE_RX_ER, GLS_WIRE_CUT };
/* Queues a frame for the NIC's receiver; frames leave in order, at line rate with `gap` cycles of inter-frame gap (12 is the least that IEEE 802.3 allows). */
void gls_wire_send(struct gls *s, const void *frame, size_t bytes, enum gls_wire_fault fault);
void gls_wire_gap(struct gls *s, unsigned gap);
/*
 * The wire without a rate: frames go as 64-bit words, one per cycle (rtl/mac/mac_words.sv), instead of octets on the GMII; frames and
 * counters are the same, pause frames hold nothing, and the NIC holds frames back while its receive ring is more than half full.
 * To be chosen while no frame is on the wire.
 */
void gls_wire_words(struct gls *s, bool on);
size_t gls_wire_pending(const struct gls *s); /* frames not yet wholly on the wire */
bool gls_wire_listening(const struct gls *s); /* whether the host has enabled the NIC's receiver */
/* Called with each frame that the NIC sends (padded, FCS checked and cut; fcs_ok tells). */
void gls_on_wire(struct gls *s,
		 void (*fn)(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok), void *arg);
/* Records both directions into a pcapng file. NULL ends the record; an error of an earlier write comes back then. */
int gls_wire_record(struct gls *s, const char *file);

/* --- Guests ------------------------------------------------------------------------------------------------------------ */

struct gls_guest;

struct gls_guest_config {
	unsigned context;
	uint8_t mac[6];
	/* BAR0.SW_CONTROL bits (ENABLE | BROADCAST | MULTICAST | TO_WIRE) */
	uint32_t switch_control;
	uint16_t mtu; /* (1500) */
	/* bytes of guest memory (4 MiB), a multiple of 4096; all of it is mapped. It lies in four pieces of host memory, with
	 * `scatter` each page by itself, with `huge` in 2 MiB pages, mapped as such */
	uint64_t memory;
	uint64_t memory_at; /* guest address of it (0x100000; with huge 0x200000) */
	bool scatter, huge;
	/* buffers in all of the memory, used in turn; else one for each descriptor */
	bool all_memory;
	bool split;	     /* split rings; else packed */
	bool no_mergeable;   /* refuse VIRTIO_NET_F_MRG_RXBUF */
	bool event_idx;	     /* accept VIRTIO_F_EVENT_IDX */
	bool indirect;	     /* accept VIRTIO_F_INDIRECT_DESC and use it for some chains */
	bool in_order;	     /* accept VIRTIO_F_IN_ORDER if offered */
	bool tx_interrupts;  /* want an interrupt for used transmit buffers */
	unsigned queue_size; /* a power of two for split rings, 2 to 256 (256) */
	/* bytes of a receive buffer (1536; 9 KiB more without mergeable and a large MTU) */
	unsigned rx_buffer;
	/* data descriptors per transmitted frame, 1 to 8 (1: header and frame in one buffer) */
	unsigned chain;
	bool random_layout; /* random chain lengths, buffer alignments and header placement */
};

/* Creates the guest, its memory, its switch entry and translation table, enables the context and brings the driver up to DRIVER_OK (runs). */
struct gls_guest *gls_guest_new(struct gls *s, const struct gls_guest_config *config);
void gls_guest_free(struct gls_guest *g);

/* Sends a frame: -ENOSPC if the ring is full. `kick` false holds the doorbell back (a later frame or gls_guest_kick() rings). */
int gls_guest_send(struct gls_guest *g, const void *frame, size_t bytes, bool kick);
void gls_guest_kick(struct gls_guest *g);
/* Called with each frame received, and when a sent frame was used (its buffer came back). */
void gls_guest_on_receive(struct gls_guest *g,
			  void (*fn)(void *arg, const uint8_t *frame, size_t bytes), void *arg);
void gls_guest_on_sent(struct gls_guest *g, void (*fn)(void *arg), void *arg);
unsigned gls_guest_tx_free(
	struct gls_guest *g); /* frames that can be sent now; takes back what was sent */
/* Resets the device and brings it up again, as a driver reload does (runs). After a reset of the NIC also sets the context up anew. */
int gls_guest_restart(struct gls_guest *g);
/* Polls rings instead of waiting for interrupts while on (as NAPI under load). */
void gls_guest_poll(struct gls_guest *g, bool on);
/* The last Status the guest read on a configuration interrupt. */
uint32_t gls_guest_status(const struct gls_guest *g);
unsigned gls_guest_context(const struct gls_guest *g);
/* Features that the driver accepted (virtio 1.2, 5.1.3 and 6). */
uint64_t gls_guest_features(const struct gls_guest *g);
/*
 * What the device has done to this guest that the standard or this header does not allow since the guest was made: used entries of buffers
 * that it did not have or with a length they do not have, writes outside receive buffers or beyond the used length, headers or merged frames
 * that are wrong. Returns their number; `text` gets a line about each of the first ones.
 */
int gls_guest_faults(struct gls_guest *g, char *text, size_t room);
/* Guest memory, for hostile tests: bytes behind a guest address, or NULL. */
void *gls_guest_memory(struct gls_guest *g, uint64_t guest_address, size_t bytes);
/* Host address of a byte of guest memory, or 0. */
uint64_t gls_guest_host_address(const struct gls_guest *g, uint64_t guest_address);
/* The context whose guest has that page of host memory, or -1. */
int gls_owner(const struct gls *s, uint64_t host_address);
/*
 * Whether the driver has given these bytes of guest memory, named by their host address, to the device: a ring area or a buffer that was made
 * available and has not come back. `write`: to be written by the device, else to be read.
 */
bool gls_guest_given(const struct gls_guest *g, uint64_t host_address, size_t bytes, bool write);
/* Register of the guest's device page, as its driver would access it. */
uint32_t gls_guest_read(struct gls_guest *g, uint32_t offset, unsigned size);
void gls_guest_write(struct gls_guest *g, uint32_t offset, uint32_t value, unsigned size);

/* Addresses and sizes of a queue's areas, for tests that write rings by hand. */
struct gls_ring_info {
	uint64_t desc, driver, device; /* guest addresses */
	unsigned size;
	bool packed;
};
void gls_guest_ring(const struct gls_guest *g, unsigned queue, struct gls_ring_info *info);

#ifdef __cplusplus
}
#endif
#endif
