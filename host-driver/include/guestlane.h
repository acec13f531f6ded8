/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libguestlane: the host's side of the NIC. One handle is one NIC, behind one of several back ends (vfio, vfio-user, xen).
 *
 * Functions that can fail return 0 (or a count) or a negative errno; gl_error() then has a sentence that says what was wrong and what to
 * do. Threads: a handle and everything got from it belong to one thread at a time; different handles are independent. gl_error(NULL) is
 * per thread. Nothing here installs signal handlers or starts threads. Every call returns within the time-out of the handle.
 *
 * What takes several steps (gl_map, gl_unmap, gl_reset, everything on contexts) is announced in memory that outlives the process. If it is cut - the
 * process is killed, the NIC or its firmware does not answer - the next such call, or gl_adopt, first finishes it (gl_map and gl_context_create: undoes it).
 * BAR0.SCRATCH, WINDOW, CTX_INDEX, SW_INDEX and the mailbox are the library's own; reading them harms nobody.
 *
 * Addresses: a *bus address* is what the NIC puts into a TLP (an IOVA where there is an IOMMU). A *guest address* is what a virtqueue of a
 * context carries; the context's translation table makes a bus address of it (docs/isolation.md). Registers, counters and enumerations
 * are those of guestlane_regs.h (docs/registers.md).
 */
#ifndef GUESTLANE_H
#define GUESTLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- Finding and opening --------------------------------------------------------------------------------------------------- */

struct gl_nic;

struct gl_found {
	char device[256]; /* as gl_open() takes it */
	char detail
		[128]; /* driver bound to it, IOMMU group, or why it cannot be opened, for people */
	bool usable;
};
/* PCI functions of ours in sysfs, and sockets (*.sock) in `socket_dir` (NULL: /run/guestlane). The caller frees *found. Their number, or -errno. */
int gl_discover(const char *socket_dir, struct gl_found **found);

struct gl_config {
	/*
	 * "vfio:0000:01:00.0"    PCI function bound to vfio-pci, type1 IOMMU
	 * "vfio-noiommu:..."     the same without an IOMMU (the kernel must allow it)
	 * "xen:0000:01:00.0"     PCI function without a driver, in a PV dom0 of Xen
	 * "vfio-user:/path"      socket of a vfio-user server such as glane-sim
	 *
	 * In a dom0, vfio-noiommu has its memory from Xen too.
	 */
	const char *device;
	uint64_t table_bytes; /* memory for translation tables (4 MiB), a multiple of 4096 */
	unsigned timeout_ms;  /* longest wait for the NIC or its server (10000) */
	/* For tests: fills software's bits of table entries, picks pages. NULL: 0 and in order. */
	uint64_t (*random)(void *arg);
	void *random_arg;
};

/*
 * Opens the NIC, checks what it is (ID, major version: -EPROTO names both), enables bus mastering and MSI-X, and gives it an empty table region. Running contexts
 * are stopped. Does not load firmware. -EBUSY: another process has it.
 */
int gl_open(struct gl_nic **nic, const struct gl_config *config);
/* Stops DMA, gives everything back. With a VFIO back end the NIC is reset when the last descriptor closes. */
void gl_close(struct gl_nic *nic);
/* The last error of the handle; NULL: of gl_open, gl_adopt, gl_discover and gl_firmware_read in this thread. Never NULL. */
const char *gl_error(const struct gl_nic *nic);

unsigned gl_contexts(const struct gl_nic *nic);
uint32_t gl_clock_hz(const struct gl_nic *nic);
uint32_t gl_version(const struct gl_nic *nic); /* BAR0.VERSION */
const char *gl_device(const struct gl_nic *nic);
/* Resets the NIC (the function, where the back end can). Everything must be set up anew afterwards; memory stays. */
int gl_reset(struct gl_nic *nic);
/* Whether the NIC is still there (a register read gives all ones or the socket has closed: -ENODEV). */
int gl_alive(struct gl_nic *nic);

/* --- Outliving the process --------------------------------------------------------------------------------------------------- */

/*
 * A NIC keeps working as long as its descriptors are open somewhere. A daemon gives them to a keeper (systemd's FDSTORE, glane-hold)
 * whenever gl_generation() changes, writes gl_state() to a file, and after its death its successor goes on with gl_adopt().
 */
struct gl_fd {
	char name[32]; /* letters, digits, '-', '.'; unique in the NIC */
	int fd;	       /* belongs to the handle */
};
/* Counts changes of the set of descriptors or of the state text. */
uint64_t gl_generation(const struct gl_nic *nic);
/* Copies at most `room` descriptors; the number there are. */
size_t gl_fds(const struct gl_nic *nic, struct gl_fd *fds, size_t room);
/* What gl_adopt needs beside the descriptors, as one line of JSON. The caller frees it. NULL: no memory. */
char *gl_state(const struct gl_nic *nic);
/*
 * Takes a NIC over, without disturbing it. fds belong to the handle from a successful return on. Checked against the NIC: identification, BAR0.SCRATCH (a
 * nonce that gl_open wrote), table roots. -ESTALE: the NIC was reset or belongs to another session since; -EINVAL: the state text is damaged.
 */
int gl_adopt(struct gl_nic **nic, const char *state, const struct gl_fd *fds, size_t count);

/* --- Registers --------------------------------------------------------------------------------------------------------------------- */

enum gl_bar { GL_BAR0 = 0, GL_BAR2 = 2, GL_BAR4 = 4 };
/* Byte offsets; size 1, 2, 4. A read that fails gives all ones, and gl_alive() tells. Writes are posted. */
uint32_t gl_read(struct gl_nic *nic, enum gl_bar bar, uint32_t offset, unsigned size);
uint64_t gl_read64(struct gl_nic *nic, enum gl_bar bar, uint32_t offset); /* low half first */
void gl_write(struct gl_nic *nic, enum gl_bar bar, uint32_t offset, uint32_t value, unsigned size);
uint32_t gl_config_read(struct gl_nic *nic, uint32_t offset, unsigned size);
void gl_config_write(struct gl_nic *nic, uint32_t offset, uint32_t value, unsigned size);
/* Register of a context's device page (space DEV). */
uint32_t gl_page_read(struct gl_nic *nic, unsigned context, uint32_t offset, unsigned size);
void gl_page_write(struct gl_nic *nic, unsigned context, uint32_t offset, uint32_t value,
		   unsigned size);
/* Physical (under Xen: machine) address of a context's device page, to be mapped into a guest. -ENOTSUP: it has none. */
int gl_page_address(struct gl_nic *nic, unsigned context, uint64_t *address);
/*
 * An eventfd that rings the doorbell (DEV.QUEUE_NOTIFY := queue) of a context when it is written, without this library: for a driver in
 * another process. Belongs to the handle. -ENOTSUP: the back end cannot.
 */
int gl_doorbell_fd(struct gl_nic *nic, unsigned context, unsigned queue);

/* --- Memory ------------------------------------------------------------------------------------------------------------------------ */

/*
 * Memory that the NIC can reach, if a table leads there. Shared, zeroed, backed by a descriptor that mmap() takes at offset 0.
 *
 * Where the back end cannot give memory in one piece (a dom0 of Xen), `bus` is no address that the NIC could use but one of GL_STAND_IN and above, which
 * gl_map() and gl_translate() exchange for the real ones, page by page. GL_HUGE then maps small pages.
 */
#define GL_STAND_IN (1ull << 51)
struct gl_memory {
	void *data;   /* NULL: imported without mapping it here */
	uint64_t bus; /* of its first byte; contiguous */
	size_t bytes; /* a multiple of 4096 */
	int fd;	      /* belongs to the handle */
	unsigned id;  /* stays over gl_adopt */
};
/*
 * `name`: 1 to 20 letters, digits, '-', '.'; found again after gl_adopt by gl_memory_find(). In gl_fds it is "memory-<id>". Memory whose descriptor
 * reached no keeper is cut off by gl_adopt: so give it away before it is mapped anywhere.
 */
int gl_memory_new(struct gl_nic *nic, const char *name, size_t bytes,
		  const struct gl_memory **memory);
/*
 * Memory of another process: bytes of `fd`, which must be sealed against shrinking (F_SEAL_SHRINK) or hugetlbfs (-EPERM otherwise: a
 * hostile owner could take pages away). The library duplicates fd.
 */
int gl_memory_import(struct gl_nic *nic, const char *name, int fd, size_t bytes,
		     const struct gl_memory **memory);
const struct gl_memory *gl_memory_find(const struct gl_nic *nic, const char *name);
/* No table may lead there any more: revoke or unmap first (-EBUSY if one does). */
int gl_memory_free(struct gl_nic *nic, const struct gl_memory *memory);

enum gl_map_flags { GL_READ = 1, GL_WRITE = 2, GL_HUGE = 4 };
/*
 * Lets the context's device read, write or both [guest_address, guest_address + bytes), which lie at bus_address. All are multiples of
 * 4096, with GL_HUGE of 2 MiB; guest addresses have 39 bits. Nothing there may be mapped yet (-EEXIST). -ENOMEM: table_bytes are used up; nothing was mapped.
 */
int gl_map(struct gl_nic *nic, unsigned context, uint64_t guest_address, uint64_t bus_address,
	   uint64_t bytes, unsigned flags);
/* The same for pages that lie anywhere: bus[i] for the page at guest_address + 4096 * i; 0: that one is not mapped. */
int gl_map_pages(struct gl_nic *nic, unsigned context, uint64_t guest_address, const uint64_t *bus,
		 size_t count, unsigned flags);
/* Takes it back; when it returns no DMA uses it any more. Pages that are not mapped are passed over. */
int gl_unmap(struct gl_nic *nic, unsigned context, uint64_t guest_address, uint64_t bytes);
/* Makes the NIC forget what it knows of a range; bytes 0: of the context. Cycles it took, or -errno. gl_unmap() does this. */
int64_t gl_invalidate(struct gl_nic *nic, unsigned context, uint64_t guest_address, uint64_t bytes);
/* Walks the table as the NIC does: GL_FAULT_KIND_NONE and the bus address (unless NULL), or the kind of the fault. */
int gl_translate(const struct gl_nic *nic, unsigned context, uint64_t guest_address, bool write,
		 uint64_t *bus_address);

/* --- Firmware ------------------------------------------------------------------------------------------------------------------------- */

/* A firmware image (build/firmware/guestlane.fw; firmware/include/gl_image.h has the format). */
struct gl_firmware;
struct gl_firmware_info {
	uint32_t abi_version; /* of the mailbox */
	uint32_t build_id;
	uint32_t contexts; /* most it serves */
	size_t bytes;	   /* of code and data */
};
/* Reads and checks a file wholly: magic, sizes, checksum, addresses. Nothing is touched. -ENOEXEC with a sentence. Freed with gl_firmware_free(). */
int gl_firmware_read(struct gl_firmware **firmware, const char *path,
		     struct gl_firmware_info *info);
void gl_firmware_free(struct gl_firmware *firmware);
/*
 * Loads and starts it; the contexts are to be created anew. -EPROTO: its ABI version is not one of this library's, nothing was touched.
 * -ETIMEDOUT: it did not start (gl_firmware_log).
 */
int gl_firmware_load(struct gl_nic *nic, const struct gl_firmware *firmware);
/* After EVENT.WATCHDOG: restarts the NIC's moving parts with this firmware; contexts go on (gl_mbox.h). */
int gl_firmware_restart(struct gl_nic *nic, const struct gl_firmware *firmware);
/* Text of the log ring from byte *from on (0 at first); *from becomes the place to go on. Bytes written to text (no terminator), or -errno. Lost bytes are skipped. */
int gl_firmware_log(struct gl_nic *nic, uint64_t *from, char *text, size_t room);
/* The firmware's information block (struct gl_fw_info of gl_mbox.h). */
struct gl_fw_info;
int gl_firmware_info(struct gl_nic *nic, struct gl_fw_info *info);
/* A mailbox command (gl_mbox.h); bytes of the response's payload, or -errno (-EINVAL, -EBUSY ... for its status; gl_error has words). */
int gl_mailbox(struct gl_nic *nic, unsigned command, unsigned context, const void *payload,
	       size_t bytes, void *answer, size_t room);

/* --- Contexts ---------------------------------------------------------------------------------------------------------------------- */

enum gl_vlan_mode { GL_VLAN_TRANSPARENT, GL_VLAN_ACCESS, GL_VLAN_TRUNK };

struct gl_context_config {
	uint8_t mac[6];
	uint16_t mtu;	     /* 68 to 9000 (1500) */
	uint8_t weight;	     /* 1 to 255 (16) */
	uint8_t link_down;   /* the device shows no link */
	uint16_t queue_size; /* 2 to 256 (256) */
	uint64_t features;   /* to offer at most; 0: all */
	/* switch */
	enum gl_vlan_mode vlan_mode;
	uint16_t vid;	      /* access: 1 to 4094 */
	const uint16_t *vids; /* trunk: member of these, not kept */
	size_t vid_count;
	bool untagged;	  /* trunk: untagged frames too */
	bool no_wire;	  /* frames do not leave to the wire */
	bool promiscuous; /* receives every frame of its VLAN */
	bool any_source;  /* may send with any source MAC */
	/*
	 * While it is away - no driver runs its device, or context 0 was the last to send with its MAC - what is for its MAC goes to context 0 (docs/isolation.md).
	 * Not for context 0.
	 */
	bool fallback;
	uint64_t
		multicast_filter; /* bit gl_multicast_hash(address); ~0: all (0 means all too unless filter_multicast) */
	bool filter_multicast;
	/* limits: bits per second and octets, 0: none. Frames in the packet buffers, 0: none */
	uint64_t tx_rate, rx_rate, flood_rate;
	uint32_t tx_burst, rx_burst, flood_burst;
	uint8_t rx_share;
};
/* Creates the context in firmware and switch; its device page stays dead. -EEXIST: it is there. -EADDRINUSE: another context has the MAC (gl_error names it). -EINVAL names the field. */
int gl_context_create(struct gl_nic *nic, unsigned context, const struct gl_context_config *config);
/* Changes what may change while a driver runs: everything but features and queue_size, which wait for the driver's reset. */
int gl_context_configure(struct gl_nic *nic, unsigned context,
			 const struct gl_context_config *config);
/* The device page comes to life, or dies: the driver sees a device with ID 0. Table and switch entry stay. */
int gl_context_enable(struct gl_nic *nic, unsigned context, bool enable);
/*
 * Takes everything away from a context: revokes it, has the firmware forget it and frees its table. When this returns nothing is issued for it any
 * more. Returns the cycles that the NIC took, or -errno.
 */
int64_t gl_context_destroy(struct gl_nic *nic, unsigned context);

struct gl_context_state {
	bool exists, enabled, running; /* running: DMA may run */
	bool away;		       /* with `fallback`: its frames go to context 0 */
	uint8_t device_status;	       /* virtio 1.2, 2.1 */
	uint8_t firmware_state;	       /* enum gl_ctx_state of gl_mbox.h */
	uint8_t reset_reason;	       /* enum RESET_REASON of the last DEVICE_NEEDS_RESET */
	uint16_t resets;
	uint64_t features_offered, features_accepted;
	struct {
		bool ready, packed;
		uint16_t size;
		uint32_t buffers;
	} queue[2];
};
int gl_context_get(struct gl_nic *nic, unsigned context, struct gl_context_state *state);
/* As configured last (vids: NULL). -ENOENT: does not exist. */
int gl_context_config(const struct gl_nic *nic, unsigned context, struct gl_context_config *config);
unsigned gl_multicast_hash(const uint8_t mac[6]);

/* --- Events, interrupts, faults, counters ---------------------------------------------------------------------------------------------- */

/*
 * The eventfd of an MSI-X vector: 0 management, 1 + c context c. Readable when there was an interrupt; events coalesce. Belongs to the handle, but a
 * duplicate may be read by another process.
 */
int gl_irq_fd(struct gl_nic *nic, unsigned vector);
/* Puts a new eventfd in its place: who has a duplicate of the old one hears, and takes, no interrupts any more. 0 or -errno; then the old one stays. */
int gl_irq_renew(struct gl_nic *nic, unsigned vector);
/*
 * How contexts ask for interrupts (docs/interrupts.md): by a vector for each, or, where vectors are scarce, by one for all and a vector of bits in BAR0. gl_open()
 * takes the first if the function has vectors enough. Kept over gl_adopt(). Whoever waits on a gl_irq_fd() is woken once by the change.
 * -ENOTSUP: the function has too few vectors.
 */
enum gl_irq_mode { GL_IRQ_PER_CONTEXT, GL_IRQ_BIT_VECTOR };
int gl_irq_mode(struct gl_nic *nic, enum gl_irq_mode mode);
enum gl_irq_mode gl_irq_mode_now(const struct gl_nic *nic);
/*
 * With GL_IRQ_BIT_VECTOR: when this is readable, gl_irq_distribute() is to be called, which empties it and makes the gl_irq_fd() of each context that asked
 * readable (the NIC's answer takes a register read for each 32 contexts). A number, or -errno. The descriptor stays for the handle's life, whatever the mode; with
 * GL_IRQ_PER_CONTEXT it is never readable for long.
 */
int gl_irq_shared_fd(struct gl_nic *nic);
int gl_irq_distribute(struct gl_nic *nic);
/*
 * Least time between two interrupts of a vector, 0 to GL_IRQ_MODERATION_MAX cycles' worth; what was set last, rounded to whole cycles. An interrupt after a pause
 * is not held back.
 */
#define GL_IRQ_MODERATION_MAX 0xffffffu
int gl_irq_moderation(struct gl_nic *nic, unsigned microseconds);
unsigned gl_irq_moderation_now(const struct gl_nic *nic);
/*
 * Under Xen: a context's interrupt goes to an event channel of a guest (a port that it has left unbound for dom0), without waking anything here, and once
 * now, in case one was lost. gl_irq_fd() of it is silent meanwhile. Not kept over gl_adopt(), where the interrupt waits for this. -ENOTSUP: not under Xen.
 */
int gl_irq_to_guest(struct gl_nic *nic, unsigned context, unsigned domain, uint32_t port);
/* Closes the event channel and connects the eventfd again. */
int gl_irq_to_host(struct gl_nic *nic, unsigned context);
/* How often it was passed on to guests. */
uint64_t gl_irq_passed(const struct gl_nic *nic, unsigned context);
/* BAR0.EVENT: what vector 0 reports; reading the eventfd first, then this, loses nothing. */
uint32_t gl_event(struct gl_nic *nic);
void gl_event_clear(struct gl_nic *nic, uint32_t events);
void gl_event_enable(struct gl_nic *nic, uint32_t events);

/* The first fault of a context since its record was cleared. */
struct gl_fault {
	uint64_t address; /* guest address */
	unsigned kind;	  /* enum FAULT_KIND */
	bool write;	  /* the NIC was to write */
	unsigned queue;
	unsigned count;
};
int gl_fault_next(struct gl_nic *nic); /* lowest context with a record, or -1 */
bool gl_fault_get(struct gl_nic *nic, unsigned context, struct gl_fault *fault);
void gl_fault_clear(struct gl_nic *nic, unsigned context);

uint64_t gl_stat(struct gl_nic *nic, unsigned stat);			       /* enum STAT */
uint64_t gl_context_stat(struct gl_nic *nic, unsigned context, unsigned stat); /* enum CSTAT */
/* Names as in docs/registers.md in lower case, NULL beyond the last: of counters, fault kinds, reset reasons. */
const char *gl_stat_name(unsigned stat);
const char *gl_context_stat_name(unsigned stat);
const char *gl_fault_kind_name(unsigned kind);
const char *gl_reset_reason_name(unsigned reason);

#ifdef __cplusplus
}
#endif
#endif
