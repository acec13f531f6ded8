// SPDX-License-Identifier: Apache-2.0
// Unit test of nic_devpage: a model with one device per context follows every operation at the moment it is accepted; all
// outputs are compared in every cycle. A driver's bring-up, races between driver, firmware and dom0, isolation of
// contexts and the bound on the time of an access are tested on top of that.

#include "tb.h"
#include "guestlane_regs.h"

#ifndef CONTEXTS
#define CONTEXTS 32
#endif
// An access of the host: up to 5 steps of the operation before it, 6 of its own, the acceptance. The answer comes a cycle later.
#define TGT_CYCLES	   13
// The same when its context is being enabled or disabled: that comes first.
#define TGT_CYCLES_TOGGLED (TGT_CYCLES + 6)
// Each of the others alternates with the host; nic_irq and the firmware take turns; contexts that are enabled or disabled go first.
#define OTHER_CYCLES	   60

enum {
	S_ACKNOWLEDGE = 1,
	S_DRIVER = 2,
	S_DRIVER_OK = 4,
	S_FEATURES_OK = 8,
	S_NEEDS_RESET = 0x40,
	S_FAILED = 0x80,
};

#define CHECK(cond, ...)                       \
	do {                                   \
		if (!(cond))                   \
			fail_msg(__VA_ARGS__); \
	} while (0)

// ------------------------------------------------------------------ the model: one device per context

struct device {
	bool enabled, toggled, reset, fresh, event;
	uint8_t status, reason, isr, shown;
	uint32_t features[2], accepted[2], generation, config[16];
	bool fits[2]; // what the driver accepted was a subset when it was written
	bool written[2];
	uint32_t features_sel, accepted_sel, queue_sel;
	struct {
		uint32_t num, num_max, area[6];
		bool ready;
	} queue[2];
};

static struct device dev[CONTEXTS];

// What an operation does besides changing the model, all in the cycle of its acceptance.
struct effects {
	bool bad, ignored, reset, ring, forget;
	uint8_t queue;
};

static struct effects effects;

// Expected entries of the counter output and of the configuration interrupt output, in order.
struct expected {
	uint32_t entry[256];
	unsigned head, tail;
};

static struct expected cst, ci;

static void expect(struct expected *e, uint32_t entry)
{
	e->entry[e->tail++ % 256] = entry;
	CHECK(e->tail - e->head < 256, "too many outstanding entries");
}

static uint32_t expected_next(struct expected *e, const char *what)
{
	CHECK(e->head != e->tail, "%s out of nothing", what);
	return e->entry[e->head++ % 256];
}

static bool runs(unsigned c)
{
	return dev[c].enabled && !dev[c].toggled && !dev[c].reset &&
	       !(dev[c].status & S_NEEDS_RESET);
}

static uint32_t num_max(const struct device *d, unsigned q)
{
	return d->queue[q].num_max & 0xffff ? d->queue[q].num_max & 0xffff : GL_QUEUE_SIZE_MAX;
}

static void model_reset(struct device *d)
{
	d->status = d->isr = d->shown = 0;
	d->reset = d->fresh = d->event = true;
	d->features_sel = d->accepted_sel = d->queue_sel = 0;
	for (int i = 0; i < 2; i++) {
		d->accepted[i] = 0;
		d->written[i] = d->fits[i] = false;
		d->queue[i].num = 0;
		d->queue[i].ready = false;
	}
	effects.forget = true;
}

static uint32_t model_read(unsigned c, unsigned off)
{
	if (off == GL_DEV_MAGIC)
		return 0x74726976;
	if (off == GL_DEV_VERSION)
		return 2;
	if (c >= CONTEXTS || !dev[c].enabled)
		return 0;

	struct device *d = &dev[c];
	bool q_ok = d->queue_sel < 2;

	switch (off) {
	case GL_DEV_DEVICE_ID:
		return 1;
	case GL_DEV_VENDOR_ID:
		return 0x4e4c4731;
	case GL_DEV_DEVICE_FEATURES:
		return d->features_sel < 2 ? d->features[d->features_sel] : 0;
	case GL_DEV_QUEUE_NUM_MAX:
		return q_ok ? num_max(d, d->queue_sel) : 0;
	case GL_DEV_QUEUE_READY:
		return q_ok && d->queue[d->queue_sel].ready;
	case GL_DEV_INTERRUPT_STATUS:
		d->shown = d->isr;
		return d->isr;
	case GL_DEV_STATUS:
		return d->status;
	case GL_DEV_SHM_LEN_LO:
	case GL_DEV_SHM_LEN_HI:
		return 0xffffffff;
	case GL_DEV_CONFIG_GENERATION:
		return d->generation;
	}
	if (off >= GL_DEV_CONFIG && off < GL_DEV_CONFIG + 64)
		return d->config[(off - GL_DEV_CONFIG) / 4];
	return 0;
}

static void model_status(unsigned c, uint32_t v)
{
	struct device *d = &dev[c];

	if (v == 0) {
		effects.reset = true;
		model_reset(d);
		expect(&cst, c << 4 | GL_CSTAT_RESETS);
		return;
	}
	if (v >> 8) {
		effects.bad = true;
		return;
	}

	uint8_t set = v & (S_ACKNOWLEDGE | S_DRIVER | S_FAILED);
	bool features_fit = (!d->written[0] || d->fits[0]) && d->written[1] && d->fits[1];

	if ((v & S_FEATURES_OK) && features_fit)
		set |= S_FEATURES_OK;
	if ((v & S_DRIVER_OK) && ((d->status | set) & S_FEATURES_OK))
		set |= S_DRIVER_OK;
	if ((set & S_DRIVER_OK) && !(d->status & S_DRIVER_OK))
		d->event = true;
	d->status |= set;
	effects.bad = (v & ~d->status) != 0;
}

static void model_write(unsigned c, unsigned off, unsigned be, uint32_t v)
{
	if (c >= CONTEXTS || !dev[c].enabled || be != 0xf) {
		effects.bad = true;
		return;
	}

	struct device *d = &dev[c];
	unsigned q = d->queue_sel & 1;
	bool setup = (d->status & S_FEATURES_OK) && d->queue_sel < 2 && !d->queue[q].ready;

	switch (off) {
	case GL_DEV_DEVICE_FEATURES_SEL:
		d->features_sel = v;
		return;
	case GL_DEV_DRIVER_FEATURES_SEL:
		d->accepted_sel = v;
		return;
	case GL_DEV_QUEUE_SEL:
		d->queue_sel = v;
		return;
	case GL_DEV_DRIVER_FEATURES: {
		unsigned w = d->accepted_sel;

		if (d->status & S_FEATURES_OK) {
			effects.bad = true;
		} else if (w >= 2) {
			effects.bad = v != 0;
		} else {
			d->accepted[w] = v;
			d->written[w] = true;
			d->fits[w] = !(v & ~d->features[w]) && (w == 0 || (v & 1));
		}
		return;
	}
	case GL_DEV_QUEUE_NUM:
		if (setup && v >= 1 && v <= num_max(d, q)) {
			d->queue[q].num = v;
		} else {
			if (setup)
				d->queue[q].num = 0;
			effects.bad = true;
		}
		return;
	case GL_DEV_QUEUE_DESC_LO:
	case GL_DEV_QUEUE_DESC_HI:
	case GL_DEV_QUEUE_DRIVER_LO:
	case GL_DEV_QUEUE_DRIVER_HI:
	case GL_DEV_QUEUE_DEVICE_LO:
	case GL_DEV_QUEUE_DEVICE_HI:
		if (setup)
			d->queue[q]
				.area[(off - GL_DEV_QUEUE_DESC_LO) / 0x10 * 2 + (off & 4 ? 1 : 0)] =
				v;
		else
			effects.bad = true;
		return;
	case GL_DEV_QUEUE_READY:
		if (v == 0) {
			if (d->queue_sel < 2 && d->queue[q].ready) {
				d->queue[q].ready = false;
				d->event = true;
			}
		} else if (v == 1 && setup && d->queue[q].num) {
			d->queue[q].ready = true;
			if (d->status & S_DRIVER_OK)
				d->event = true;
		} else {
			effects.bad = true;
		}
		return;
	case GL_DEV_QUEUE_NOTIFY:
		if (v < 2 && (d->status & S_DRIVER_OK) && !(d->status & S_NEEDS_RESET) &&
		    d->queue[v].ready) {
			effects.ring = true;
			effects.queue = (uint8_t)v;
			expect(&cst, c << 4 | GL_CSTAT_DOORBELLS);
		} else {
			effects.ignored = true;
		}
		return;
	case GL_DEV_INTERRUPT_ACK:
		d->isr &= ~(v & d->shown);
		d->shown &= ~v;
		return;
	case GL_DEV_STATUS:
		model_status(c, v);
		return;
	}
	effects.bad = true;
}

static uint32_t model_fw_read(unsigned c, unsigned off)
{
	if (c >= CONTEXTS)
		return 0;

	struct device *d = &dev[c];
	unsigned q = off >> 5 & 1;

	if (off >= GL_CTX_CONFIG)
		return d->config[(off - GL_CTX_CONFIG) / 4];
	if (off >= GL_CTX_QUEUE && off < GL_CTX_QUEUE + 64) {
		switch (off & 0x1f) {
		case 0:
			return d->queue[q].num | (uint32_t)d->queue[q].ready << 31;
		case 4:
			return d->queue[q].num_max;
		default:
			return d->queue[q].area[(off & 0x1f) / 4 - 2];
		}
	}
	switch (off) {
	case GL_CTX_STATUS:
		return d->status | (uint32_t)d->reset << 8 | (uint32_t)d->enabled << 9 |
		       (uint32_t)runs(c) << 10;
	case GL_CTX_DRIVER_FEATURES_LO:
		return d->accepted[0];
	case GL_CTX_DRIVER_FEATURES_HI:
		return d->accepted[1];
	case GL_CTX_DEVICE_FEATURES_LO:
		return d->features[0];
	case GL_CTX_DEVICE_FEATURES_HI:
		return d->features[1];
	case GL_CTX_CONFIG_GENERATION:
		return d->generation;
	}
	return 0;
}

static void model_fw_write(unsigned c, unsigned off, uint32_t v)
{
	if (c >= CONTEXTS)
		return;

	struct device *d = &dev[c];

	if (off >= GL_CTX_CONFIG)
		d->config[(off - GL_CTX_CONFIG) / 4] = v;
	else if (off == GL_CTX_Q_NUM_MAX || off == GL_CTX_Q_NUM_MAX + GL_CTX_QUEUE_STRIDE)
		d->queue[off >> 5 & 1].num_max = v;
	else if (off == GL_CTX_DEVICE_FEATURES_LO || off == GL_CTX_DEVICE_FEATURES_HI) {
		unsigned w = off == GL_CTX_DEVICE_FEATURES_HI;

		d->features[w] = v;
		d->fits[w] = false;
	} else if (off == GL_CTX_CONFIG_GENERATION)
		d->generation = v;
}

static void model_ack(unsigned c)
{
	if (c < CONTEXTS && !dev[c].fresh && !dev[c].toggled)
		dev[c].reset = false;
}

static void model_needs_reset(unsigned c, unsigned reason)
{
	struct device *d = &dev[c];

	if (c >= CONTEXTS || !d->enabled || d->toggled || d->reset || (d->status & S_NEEDS_RESET))
		return;
	d->status |= S_NEEDS_RESET;
	d->reason = (uint8_t)reason;
	effects.forget = true;
	expect(&cst, c << 4 | GL_CSTAT_NEEDS_RESET);
	if (d->status & S_DRIVER_OK)
		expect(&ci, c);
}

static void model_isr(unsigned c, unsigned bits)
{
	struct device *d = &dev[c];

	if (c >= CONTEXTS || !d->enabled || d->toggled || !(d->status & S_DRIVER_OK))
		return;
	d->isr |= bits;
	d->shown &= ~bits;
}

static void model_toggle_done(unsigned c)
{
	struct device *d = &dev[c];

	CHECK(d->toggled, "context %u reset out of nothing", c);
	d->toggled = false;
	if (d->enabled)
		d->reason = 0;
	model_reset(d);
}

// ------------------------------------------------------------------ the bench: one cycle, all interfaces

enum { TGT, FW, ACK, NR, ISR, PORTS };

static struct {
	bool valid, we;
	unsigned ctx, off, be;
	uint32_t data;
	uint64_t since; // cycle of the request
	uint64_t worst; // longest wait so far
	bool toggled;	// its context was being enabled or disabled meanwhile
} port[PORTS];

static bool tgt_answer, fw_answer; // a read is answered in this cycle
static uint32_t tgt_value, fw_value;
static uint32_t last_tgt, last_fw; // the last answers
static unsigned pop_percent;	   // how willing the firmware is to take events
static unsigned ci_percent;	   // how willing nic_irq is
static int popped;		   // context of the event taken in the last cycle, or -1
static int pop_not;		   // take no event of this context
static unsigned latency_slack;	   // further cycles that the host's accesses may take
static struct {
	bool we, value;
	unsigned ctx;
} enable;

enum { RINGS, IGNORED, BAD, RESETS, TOGGLES, EVENTS, TOTALS };
static unsigned total[TOTALS];

static void bench_start(void)
{
	dut->clr_valid_i = dut->flow_rst_i = 0;
	memset(dev, 0, sizeof(dev));
	memset(port, 0, sizeof(port));
	memset(&cst, 0, sizeof(cst));
	memset(&ci, 0, sizeof(ci));
	memset(&enable, 0, sizeof(enable));
	tgt_answer = fw_answer = false;
	pop_percent = 50;
	ci_percent = 70;
	popped = pop_not = -1;
	latency_slack = 0;
}

// What is on the outputs just before the edge belongs to operations accepted in this cycle.
static void monitor(void)
{
	bool toggle_commit = dut->db_clear_o && !dut->tgt_ready_o && !dut->nr_ready_o;
	unsigned accepted = dut->tgt_ready_o + dut->fw_ready_o + dut->ack_ready_o +
			    dut->nr_ready_o + dut->isr_set_ready_o + toggle_commit;
	bool read_tgt = false, read_fw = false;
	uint32_t value_tgt = 0, value_fw = 0;
	unsigned ctx = 0;

	CHECK(accepted <= 1, "two operations at once");
	CHECK(dut->tgt_rvalid_o == tgt_answer, "tgt_rvalid_o is %d", dut->tgt_rvalid_o);
	CHECK(dut->fw_rvalid_o == fw_answer, "fw_rvalid_o is %d", dut->fw_rvalid_o);
	if (tgt_answer) {
		CHECK(dut->tgt_rdata_o == tgt_value, "page read gives 0x%x, not 0x%x",
		      dut->tgt_rdata_o, tgt_value);
		last_tgt = dut->tgt_rdata_o;
	}
	if (fw_answer) {
		CHECK(dut->fw_rdata_o == fw_value, "firmware reads 0x%x, not 0x%x", dut->fw_rdata_o,
		      fw_value);
		last_fw = dut->fw_rdata_o;
	}

	// Taking an event comes first: what happens in the same cycle makes a new one.
	popped = -1;
	if (dut->evq_valid_o) {
		CHECK(dut->evq_ctx_o < CONTEXTS && dev[dut->evq_ctx_o].event,
		      "event of context %u out of nothing", dut->evq_ctx_o);
		if (dut->evq_ready_i) {
			popped = dut->evq_ctx_o;
			dev[popped].event = dev[popped].fresh = false;
			total[EVENTS]++;
		}
	}

	memset(&effects, 0, sizeof(effects));
	if (dut->tgt_ready_o) {
		CHECK(port[TGT].valid, "tgt_ready_o without a request");
		ctx = port[TGT].ctx;
		if (port[TGT].we) {
			model_write(ctx, port[TGT].off, port[TGT].be, port[TGT].data);
		} else {
			read_tgt = true;
			value_tgt = model_read(ctx, port[TGT].off);
		}
	} else if (dut->fw_ready_o) {
		CHECK(port[FW].valid, "fw_ready_o without a request");
		ctx = port[FW].ctx;
		if (port[FW].we) {
			model_fw_write(ctx, port[FW].off, port[FW].data);
		} else {
			read_fw = true;
			value_fw = model_fw_read(ctx, port[FW].off);
		}
	} else if (dut->ack_ready_o) {
		CHECK(port[ACK].valid, "ack_ready_o without a request");
		ctx = port[ACK].ctx;
		model_ack(ctx);
	} else if (dut->nr_ready_o) {
		CHECK(port[NR].valid, "nr_ready_o without a request");
		ctx = port[NR].ctx;
		model_needs_reset(ctx, port[NR].data);
	} else if (dut->isr_set_ready_o) {
		CHECK(port[ISR].valid, "isr_set_ready_o without a request");
		ctx = port[ISR].ctx;
		model_isr(ctx, port[ISR].data);
	} else if (toggle_commit) {
		ctx = dut->db_ctx_o;
		CHECK(ctx < CONTEXTS, "reset of context %u", ctx);
		model_toggle_done(ctx);
	}

	total[RINGS] += effects.ring;
	total[IGNORED] += effects.ignored;
	total[BAD] += effects.bad;
	total[RESETS] += effects.reset;
	total[TOGGLES] += toggle_commit;
	CHECK(dut->ev_bad_write_o == effects.bad,
	      "ev_bad_write_o is %d (context %u offset 0x%x data 0x%x)", dut->ev_bad_write_o, ctx,
	      port[TGT].off, port[TGT].data);
	CHECK(dut->ev_doorbell_ignored_o == effects.ignored, "ev_doorbell_ignored_o is %d",
	      dut->ev_doorbell_ignored_o);
	CHECK(dut->ev_reset_o == effects.reset, "ev_reset_o is %d", dut->ev_reset_o);
	CHECK(dut->ev_doorbell_o == effects.ring, "ev_doorbell_o is %d", dut->ev_doorbell_o);
	CHECK(dut->db_set_o == effects.ring, "db_set_o is %d", dut->db_set_o);
	CHECK(dut->db_clear_o == effects.forget, "db_clear_o is %d", dut->db_clear_o);
	if (effects.ring)
		CHECK(dut->db_ctx_o == ctx && dut->db_queue_o == effects.queue,
		      "rings context %u queue %u", dut->db_ctx_o, dut->db_queue_o);
	if (effects.forget)
		CHECK(dut->db_ctx_o == ctx, "forgets context %u, not %u", dut->db_ctx_o, ctx);

	if (dut->cst_valid_o && dut->cst_ready_i) {
		uint32_t want = expected_next(&cst, "a counter entry");
		CHECK(dut->cst_ctx_o == want >> 4 && dut->cst_idx_o == (want & 15) &&
			      dut->cst_add_o == 1,
		      "counts context %u counter %u", dut->cst_ctx_o, dut->cst_idx_o);
	}
	if (dut->ci_valid_o && dut->ci_ready_i) {
		uint32_t want = expected_next(&ci, "a configuration interrupt");
		CHECK(dut->ci_ctx_o == want, "configuration interrupt of context %u",
		      dut->ci_ctx_o);
	}

	if (enable.we && enable.ctx < CONTEXTS && dev[enable.ctx].enabled != enable.value) {
		dev[enable.ctx].enabled = enable.value;
		dev[enable.ctx].toggled = true;
	}
	if (dut->flow_rst_i)
		for (unsigned c = 0; c < CONTEXTS; c++)
			dev[c].event = true;
	tgt_answer = read_tgt;
	tgt_value = value_tgt;
	fw_answer = read_fw;
	fw_value = value_fw;
}

static void done(unsigned p, bool ready)
{
	uint64_t wait = tb_cycles - port[p].since;

	if (!port[p].valid)
		return;
	if (p == TGT) {
		bool toggled = port[TGT].toggled;

		CHECK(wait <= (toggled ? TGT_CYCLES_TOGGLED : TGT_CYCLES) + latency_slack,
		      "access takes %llu cycles", (unsigned long long)wait);
		if (!toggled && wait > port[p].worst)
			port[p].worst = wait;
	} else {
		CHECK(wait <= OTHER_CYCLES + latency_slack, "port %u takes %llu cycles", p,
		      (unsigned long long)wait);
		if (wait > port[p].worst)
			port[p].worst = wait;
	}
	if (ready)
		port[p].valid = false;
}

static void cycle(void)
{
	if (port[TGT].ctx < CONTEXTS && dev[port[TGT].ctx].toggled)
		port[TGT].toggled = true;
	dut->tgt_valid_i = port[TGT].valid;
	dut->tgt_we_i = port[TGT].we;
	dut->tgt_addr_i = port[TGT].ctx << 12 | port[TGT].off;
	dut->tgt_be_i = port[TGT].be;
	dut->tgt_wdata_i = port[TGT].data;
	dut->fw_valid_i = port[FW].valid;
	dut->fw_we_i = port[FW].we;
	dut->fw_addr_i = port[FW].ctx << 8 | port[FW].off;
	dut->fw_wdata_i = port[FW].data;
	dut->ack_valid_i = port[ACK].valid;
	dut->ack_ctx_i = port[ACK].ctx;
	dut->nr_valid_i = port[NR].valid;
	dut->nr_ctx_i = port[NR].ctx;
	dut->nr_reason_i = port[NR].data;
	dut->isr_set_valid_i = port[ISR].valid;
	dut->isr_set_ctx_i = port[ISR].ctx;
	dut->isr_set_bits_i = port[ISR].data;
	dut->en_we_i = enable.we;
	dut->en_ctx_i = enable.ctx;
	dut->en_value_i = enable.value;
	dut->evq_ready_i = tb_percent(pop_percent);
	dut->cst_ready_i = tb_percent(70);
	dut->ci_ready_i = tb_percent(ci_percent);
	tb_eval();
	if (dut->evq_valid_o && dut->evq_ctx_o == pop_not)
		dut->evq_ready_i = 0;
	tb_eval();
	bool ready[PORTS] = { (bool)dut->tgt_ready_o, (bool)dut->fw_ready_o, (bool)dut->ack_ready_o,
			      (bool)dut->nr_ready_o, (bool)dut->isr_set_ready_o };
	monitor();
	tb_tick();
	enable.we = false;
	for (unsigned p = 0; p < PORTS; p++)
		done(p, ready[p]);
	uint32_t want = 0;
	for (unsigned c = 0; c < CONTEXTS; c++)
		want |= (uint32_t)runs(c) << c;
	CHECK(dut->run_o == want, "run_o is 0x%x, not 0x%x", dut->run_o, want);
}

static void cycles(unsigned n)
{
	while (n--)
		cycle();
}

static void request(unsigned p, bool we, unsigned ctx, unsigned off, uint32_t data)
{
	CHECK(!port[p].valid, "bench: port %u is busy", p);
	port[p].valid = true;
	port[p].we = we;
	port[p].ctx = ctx;
	port[p].off = off;
	port[p].be = 0xf;
	port[p].data = data;
	port[p].since = tb_cycles;
	port[p].toggled = false;
}

// The core waits for each of its stores and loads.
static bool core_waits(void)
{
	return port[FW].valid || port[ACK].valid || port[NR].valid;
}

static void finish(unsigned p)
{
	while (port[p].valid)
		cycle();
}

static void page_write(unsigned c, unsigned off, uint32_t v)
{
	request(TGT, true, c, off, v);
	finish(TGT);
}

static uint32_t page_read(unsigned c, unsigned off)
{
	request(TGT, false, c, off, 0);
	finish(TGT);
	cycle();
	return last_tgt;
}

static void fw_write(unsigned c, unsigned off, uint32_t v)
{
	request(FW, true, c, off, v);
	finish(FW);
}

static uint32_t fw_read(unsigned c, unsigned off)
{
	request(FW, false, c, off, 0);
	finish(FW);
	cycle();
	return last_fw;
}

static void ack(unsigned c)
{
	request(ACK, true, c, 0, 0);
	finish(ACK);
}

static void set_enable(unsigned c, bool value)
{
	enable.we = true;
	enable.ctx = c;
	enable.value = value;
	cycle();
}

// BAR0.CTX_STATUS: valid four cycles after the pulse.
static uint32_t ctx_status(unsigned c)
{
	dut->st_re_i = 1;
	dut->st_ctx_i = c;
	cycle();
	dut->st_re_i = 0;
	dut->st_ctx_i = 0xff;
	cycles(3);
	return dut->st_data_o;
}

// Takes the next event; -1 if there is none within a round of both searches.
static int take_event(void)
{
	pop_percent = 100;
	for (unsigned n = 0; n < 2 * CONTEXTS + 40; n++) {
		cycle();
		if (popped >= 0) {
			pop_percent = 0;
			return popped;
		}
	}
	pop_percent = 0;
	return -1;
}

static void no_event(void)
{
	int c = take_event();
	CHECK(c < 0, "event of context %d", c);
}

static void event_of(unsigned c)
{
	int got = take_event();
	CHECK(got == (int)c, "event of context %d, not %u", got, c);
}

static void start(void)
{
	bench_start();
	latency_slack = 64 * 64; // the memories are being cleared
	page_read(0, GL_DEV_MAGIC);
	latency_slack = 0;
	pop_percent = 0;
}

#define FEATURES_LO 0x00010020u // STATUS, MAC
#define FEATURES_HI 0x00000007u // RING_PACKED, ACCESS_PLATFORM, VERSION_1

// What the firmware does on "create" and dom0 on "enable", and the firmware's answer.
static void create(unsigned c)
{
	fw_write(c, GL_CTX_DEVICE_FEATURES_LO, FEATURES_LO);
	fw_write(c, GL_CTX_DEVICE_FEATURES_HI, FEATURES_HI);
	fw_write(c, GL_CTX_CONFIG, 0x563e1600 + c);
	fw_write(c, GL_CTX_CONFIG + 4, 0x00010000);
	set_enable(c, true);
	event_of(c);
	ack(c);
	assert_true(runs(c));
}

// The accesses of Linux's virtio_mmio and virtio_net, in their order.
static void stock_driver(unsigned c, uint32_t features_hi)
{
	assert_int_equal(page_read(c, GL_DEV_MAGIC), 0x74726976);
	assert_int_equal(page_read(c, GL_DEV_VERSION), 2);
	assert_int_equal(page_read(c, GL_DEV_DEVICE_ID), 1);
	page_read(c, GL_DEV_VENDOR_ID);
	page_write(c, GL_DEV_STATUS, 0);
	assert_int_equal(page_read(c, GL_DEV_STATUS), 0);
	page_write(c, GL_DEV_STATUS, S_ACKNOWLEDGE);
	page_write(c, GL_DEV_STATUS, S_ACKNOWLEDGE | S_DRIVER);
	page_write(c, GL_DEV_DEVICE_FEATURES_SEL, 1);
	assert_int_equal(page_read(c, GL_DEV_DEVICE_FEATURES), FEATURES_HI);
	page_write(c, GL_DEV_DEVICE_FEATURES_SEL, 0);
	assert_int_equal(page_read(c, GL_DEV_DEVICE_FEATURES), FEATURES_LO);
	page_write(c, GL_DEV_DRIVER_FEATURES_SEL, 1);
	page_write(c, GL_DEV_DRIVER_FEATURES, features_hi);
	page_write(c, GL_DEV_DRIVER_FEATURES_SEL, 0);
	page_write(c, GL_DEV_DRIVER_FEATURES, FEATURES_LO);
	assert_int_equal(page_read(c, GL_DEV_STATUS), S_ACKNOWLEDGE | S_DRIVER);
	page_write(c, GL_DEV_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	assert_int_equal(page_read(c, GL_DEV_STATUS), S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);

	page_read(c, GL_DEV_CONFIG_GENERATION);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(page_read(c, GL_DEV_CONFIG + (i & ~3u)),
				 i < 4 ? 0x563e1600 + c : 0x00010000);
	page_read(c, GL_DEV_CONFIG_GENERATION);

	for (unsigned q = 0; q < 2; q++) {
		page_write(c, GL_DEV_QUEUE_SEL, q);
		assert_int_equal(page_read(c, GL_DEV_QUEUE_READY), 0);
		assert_int_equal(page_read(c, GL_DEV_QUEUE_NUM_MAX), 256);
		page_write(c, GL_DEV_QUEUE_NUM, 256);
		page_write(c, GL_DEV_QUEUE_DESC_LO, 0x10000 * c + 0x1000 * q);
		page_write(c, GL_DEV_QUEUE_DESC_HI, q);
		page_write(c, GL_DEV_QUEUE_DRIVER_LO, 0x10000 * c + 0x1000 * q + 0x100);
		page_write(c, GL_DEV_QUEUE_DRIVER_HI, q + 1);
		page_write(c, GL_DEV_QUEUE_DEVICE_LO, 0x10000 * c + 0x1000 * q + 0x200);
		page_write(c, GL_DEV_QUEUE_DEVICE_HI, q + 2);
		page_write(c, GL_DEV_QUEUE_READY, 1);
	}
	page_write(c, GL_DEV_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK);
	assert_int_equal(page_read(c, GL_DEV_STATUS),
			 S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK);
}

// A context whose driver is up and whose firmware has seen it.
static void bring_up(unsigned c)
{
	create(c);
	stock_driver(c, FEATURES_HI);
	event_of(c);
	ack(c);
	assert_true(runs(c));
}

// ------------------------------------------------------------------ tests

static void disabled_page_shows_no_device(void **state)
{
	(void)state;
	start();
	fw_write(1, GL_CTX_CONFIG, 0x12345678);
	fw_write(1, GL_CTX_DEVICE_FEATURES_LO, 0xffffffff);
	for (unsigned off = 0; off < 0x1000; off += 4)
		assert_int_equal(page_read(1, off), off == 0 ? 0x74726976 : off == 4 ? 2 : 0);
	for (unsigned off = 0; off < 0x200; off += 4)
		page_write(1, off, 1); // counted, see the model
	assert_int_equal(fw_read(1, GL_CTX_STATUS), 0);
	assert_int_equal(fw_read(1, GL_CTX_CONFIG), 0x12345678);
	no_event();
}

static void stock_driver_packed_and_split(void **state)
{
	(void)state;
	start();
	for (unsigned split = 0; split < 2; split++) {
		unsigned c = split ? CONTEXTS - 1 : 0;

		create(c);
		stock_driver(c, split ? 3 : 7);
		event_of(c);
		assert_int_equal(fw_read(c, GL_CTX_STATUS),
				 0x30f); // reset pending, enabled, DRIVER_OK
		ack(c);
		assert_int_equal(fw_read(c, GL_CTX_STATUS), 0x60f); // runs
		assert_int_equal(fw_read(c, GL_CTX_DRIVER_FEATURES_HI), split ? 3 : 7);
		assert_int_equal(fw_read(c, GL_CTX_DRIVER_FEATURES_LO), FEATURES_LO);
		for (unsigned q = 0; q < 2; q++) {
			unsigned base = GL_CTX_QUEUE + GL_CTX_QUEUE_STRIDE * q;
			assert_int_equal(fw_read(c, base), 0x80000000u | 256);
			for (unsigned i = 0; i < 3; i++) {
				assert_int_equal(fw_read(c, base + 8 + 8 * i),
						 0x10000 * c + 0x1000 * q + 0x100 * i);
				assert_int_equal(fw_read(c, base + 12 + 8 * i), q + i);
			}
		}
		no_event();
		page_write(c, GL_DEV_QUEUE_NOTIFY, 0);
		page_write(c, GL_DEV_QUEUE_NOTIFY, 1);

		// Interrupt handler.
		request(ISR, true, c, 0, 1);
		finish(ISR);
		assert_int_equal(page_read(c, GL_DEV_INTERRUPT_STATUS), 1);
		page_write(c, GL_DEV_INTERRUPT_ACK, 1);
		assert_int_equal(page_read(c, GL_DEV_INTERRUPT_STATUS), 0);

		// Removal: reset, then the queues.
		page_write(c, GL_DEV_STATUS, 0);
		assert_false(dut->run_o >> c & 1);
		for (unsigned q = 0; q < 2; q++) {
			page_write(c, GL_DEV_QUEUE_SEL, q);
			page_write(c, GL_DEV_QUEUE_READY, 0);
			assert_int_equal(page_read(c, GL_DEV_QUEUE_READY), 0);
		}
		event_of(c);
		ack(c);
		assert_true(dut->run_o >> c & 1);
	}
}

static void features_ok_needs_a_subset_with_version_1(void **state)
{
	static const struct {
		uint32_t lo, hi;
		bool write_lo, write_hi, ok;
	} cases[] = {
		{ FEATURES_LO, FEATURES_HI, true, true, true },
		{ 0, 1, false, true, true },
		{ 0, 0, false, false, false },
		{ FEATURES_LO, 0, true, false, false },
		{ FEATURES_LO, 6, true, true, false },
		{ FEATURES_LO | 1, FEATURES_HI, true, true, false },
		{ FEATURES_LO, FEATURES_HI | 8, true, true, false },
		{ 0, 0x80000001, true, true, false },
	};

	(void)state;
	start();
	create(2);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		page_write(2, GL_DEV_STATUS, 0);
		page_write(2, GL_DEV_STATUS, 3);
		if (cases[i].write_lo) {
			page_write(2, GL_DEV_DRIVER_FEATURES_SEL, 0);
			page_write(2, GL_DEV_DRIVER_FEATURES, cases[i].lo);
		}
		if (cases[i].write_hi) {
			page_write(2, GL_DEV_DRIVER_FEATURES_SEL, 1);
			page_write(2, GL_DEV_DRIVER_FEATURES, cases[i].hi);
		}
		page_write(2, GL_DEV_STATUS, 0xf);
		assert_int_equal(page_read(2, GL_DEV_STATUS), cases[i].ok ? 0xf : 0x3);
		// Too late, or with a select beyond the words.
		page_write(2, GL_DEV_DRIVER_FEATURES, 1);
		page_write(2, GL_DEV_DRIVER_FEATURES_SEL, 0x80000001);
		page_write(2, GL_DEV_DRIVER_FEATURES, 1);
		page_write(2, GL_DEV_DEVICE_FEATURES_SEL, 2);
		assert_int_equal(page_read(2, GL_DEV_DEVICE_FEATURES), 0);
		page_write(2, GL_DEV_DEVICE_FEATURES_SEL, 0);
	}
}

static void queue_setup_rules(void **state)
{
	(void)state;
	start();
	create(3);
	page_write(3, GL_DEV_STATUS, 3);
	page_write(3, GL_DEV_QUEUE_NUM, 16); // before FEATURES_OK
	page_write(3, GL_DEV_DRIVER_FEATURES_SEL, 1);
	page_write(3, GL_DEV_DRIVER_FEATURES, 1);
	page_write(3, GL_DEV_STATUS, 0xb);
	page_write(3, GL_DEV_QUEUE_READY, 1); // no size yet
	assert_int_equal(page_read(3, GL_DEV_QUEUE_READY), 0);
	fw_write(3, GL_CTX_Q_NUM_MAX + GL_CTX_QUEUE_STRIDE, 64);
	static const struct {
		uint32_t queue, num;
		bool ok;
	} cases[] = { { 0, 0, false },	 { 0, 1, true },	{ 0, 256, true },
		      { 0, 257, false }, { 0, 0x10010, false }, { 1, 64, true },
		      { 1, 65, false },	 { 2, 16, false },	{ 0x10000, 16, false } };
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		page_write(3, GL_DEV_QUEUE_SEL, cases[i].queue);
		assert_int_equal(page_read(3, GL_DEV_QUEUE_NUM_MAX), cases[i].queue == 0   ? 256
								     : cases[i].queue == 1 ? 64
											   : 0);
		page_write(3, GL_DEV_QUEUE_NUM, cases[i].num);
		page_write(3, GL_DEV_QUEUE_READY, 1);
		assert_int_equal(page_read(3, GL_DEV_QUEUE_READY), cases[i].ok);
		page_write(3, GL_DEV_QUEUE_NUM, 2);	    // not while it is ready
		page_write(3, GL_DEV_QUEUE_DESC_LO, 0xbad); // the same
		page_write(3, GL_DEV_QUEUE_READY, 2);
		if (cases[i].ok)
			assert_int_equal(fw_read(3, GL_CTX_QUEUE + 32 * cases[i].queue),
					 0x80000000u | cases[i].num);
		no_event();
		page_write(3, GL_DEV_QUEUE_READY, 0);
		if (cases[i].ok)
			event_of(3);
		no_event();
		assert_int_equal(page_read(3, GL_DEV_QUEUE_READY), 0);
	}
}

static void status_bits_are_only_cleared_by_reset(void **state)
{
	(void)state;
	start();
	bring_up(4);
	page_write(4, GL_DEV_STATUS, 1);
	assert_int_equal(page_read(4, GL_DEV_STATUS), 0xf);
	page_write(4, GL_DEV_STATUS, 0x4f); // NEEDS_RESET is the device's
	assert_int_equal(page_read(4, GL_DEV_STATUS), 0xf);
	page_write(4, GL_DEV_STATUS, 0x100);
	assert_int_equal(page_read(4, GL_DEV_STATUS), 0xf);
	page_write(4, GL_DEV_STATUS, 0x80);
	assert_int_equal(page_read(4, GL_DEV_STATUS), 0x8f);
	page_write(4, GL_DEV_STATUS, 0);
	assert_int_equal(page_read(4, GL_DEV_STATUS), 0);
}

static void needs_reset_stops_and_tells(void **state)
{
	(void)state;
	start();
	bring_up(1);
	bring_up(2);
	request(NR, true, 1, 0, GL_RESET_REASON_LOOP);
	finish(NR);
	assert_int_equal(dut->run_o & 6, 4);
	cycles(20);
	assert_int_equal(ci.tail, 1); // told
	assert_int_equal(ci.head, ci.tail);
	assert_int_equal(page_read(1, GL_DEV_STATUS), 0x4f);
	assert_int_equal(ctx_status(1), GL_RESET_REASON_LOOP << 16 | 1 << 9 | 0x4f);
	assert_int_equal(ctx_status(2), 1 << 9 | 1 << 8 | 0x0f);
	page_write(1, GL_DEV_QUEUE_NOTIFY, 0);		   // ignored
	request(NR, true, 1, 0, GL_RESET_REASON_BAD_DESC); // the first reason stays
	finish(NR);
	assert_int_equal(ctx_status(1) >> 16, GL_RESET_REASON_LOOP);
	ack(1); // no way out
	assert_int_equal(dut->run_o & 6, 4);
	page_write(1, GL_DEV_STATUS, 0);
	assert_int_equal(page_read(1, GL_DEV_STATUS), 0);
	request(NR, true, 1, 0, GL_RESET_REASON_BAD_DESC); // about a device that is gone
	finish(NR);
	assert_int_equal(page_read(1, GL_DEV_STATUS), 0);
	event_of(1);
	ack(1);
	assert_int_equal(dut->run_o & 6, 6);
	assert_int_equal(ctx_status(1), GL_RESET_REASON_LOOP << 16 | 3 << 8);
	set_enable(1, false);
	assert_int_equal(dut->run_o & 6, 4);
	set_enable(1, true);
	cycles(40);
	assert_int_equal(ctx_status(1), 1 << 9); // the reason belonged to the guest before
}

// The firmware's acknowledgement of a reset never covers a later one.
static void reset_between_event_and_ack(void **state)
{
	(void)state;
	start();
	bring_up(0);
	// For every distance between the acknowledgement and a second reset.
	for (int distance = -20; distance <= 20; distance++) {
		page_write(0, GL_DEV_STATUS, 0);
		event_of(0);
		for (int t = -20; t <= 20; t++) {
			if (t == 0)
				request(ACK, true, 0, 0, 0);
			if (t == distance)
				request(TGT, true, 0, GL_DEV_STATUS, 0);
			cycle();
		}
		finish(ACK);
		finish(TGT);
		assert_false(dut->run_o & 1); // the second reset holds it, whichever came first
		assert_int_equal(fw_read(0, GL_CTX_STATUS), 0x300);
		event_of(0);
		ack(0);
		assert_true(dut->run_o & 1);
	}
}

// A reset in the very cycle in which the event of the one before is taken makes an event of its own.
static void reset_while_an_event_is_taken(void **state)
{
	(void)state;
	start();
	bring_up(0);
	for (unsigned take = 0; take < 16; take++) {
		page_write(0, GL_DEV_STATUS, 0);
		while (!dut->evq_valid_o)
			cycle();
		request(TGT, true, 0, GL_DEV_STATUS, 0);
		for (unsigned t = 0; t < 16; t++) {
			pop_percent = t == take ? 100 : 0;
			cycle();
		}
		pop_percent = 0;
		finish(TGT);
		if (dev[0].event) // the taking was not the later one
			event_of(0);
		no_event();
		ack(0);
		assert_true(dut->run_o & 1);
	}
}

static void driver_that_is_faster_than_the_firmware(void **state)
{
	(void)state;
	start();
	bring_up(0);
	page_write(0, GL_DEV_QUEUE_NOTIFY, 1);
	// Reset, up again, first doorbell: all before the firmware looks.
	stock_driver(0, 3);
	page_write(0, GL_DEV_QUEUE_NOTIFY, 0); // db_set_o, see the model
	assert_false(dut->run_o & 1);
	event_of(0);
	no_event();
	ack(0);
	assert_true(dut->run_o & 1);
	assert_int_equal(fw_read(0, GL_CTX_STATUS), 0x60f);
	// Reset and up again between the event and the acknowledgement.
	page_write(0, GL_DEV_STATUS, 0);
	event_of(0);
	stock_driver(0, 7);
	ack(0);
	assert_false(dut->run_o & 1);
	event_of(0);
	ack(0);
	assert_true(dut->run_o & 1);
	no_event();
}

static void interrupt_ack_clears_only_what_was_shown(void **state)
{
	(void)state;
	start();
	bring_up(1);
	request(ISR, true, 1, 0, 1);
	finish(ISR);
	page_write(1, GL_DEV_INTERRUPT_ACK, 3); // not read yet
	assert_int_equal(page_read(1, GL_DEV_INTERRUPT_STATUS), 1);
	request(ISR, true, 1, 0, 2);
	finish(ISR);
	page_write(1, GL_DEV_INTERRUPT_ACK, 3); // bit 1 came after the read
	assert_int_equal(page_read(1, GL_DEV_INTERRUPT_STATUS), 2);
	request(ISR, true, 1, 0, 2); // once more, before the acknowledgement
	finish(ISR);
	page_write(1, GL_DEV_INTERRUPT_ACK, 2);
	assert_int_equal(page_read(1, GL_DEV_INTERRUPT_STATUS), 2);
	page_write(1, GL_DEV_INTERRUPT_ACK, 1); // another bit
	assert_int_equal(page_read(1, GL_DEV_INTERRUPT_STATUS), 2);
	page_write(1, GL_DEV_INTERRUPT_ACK, 2);
	page_write(1, GL_DEV_INTERRUPT_ACK, 2);
	assert_int_equal(page_read(1, GL_DEV_INTERRUPT_STATUS), 0);
	request(ISR, true, 1, 0, 1);
	finish(ISR);
	page_write(1, GL_DEV_STATUS, 0);
	assert_int_equal(page_read(1, GL_DEV_INTERRUPT_STATUS), 0);
}

// dom0 disables (and enables again) a context at every phase of an operation on it.
static void disable_at_any_moment(void **state)
{
	(void)state;
	start();
	for (unsigned kind = 0; kind < 8; kind++) {
		for (unsigned delay = 0; delay < 12; delay++) {
			bool again = kind & 1;

			// The model follows what is certain; in between, run_o and the end state are what counts.
			create(0);
			stock_driver(0, 7);
			event_of(0);
			if (kind / 2 == 1) // the acknowledgement that would let it run
				page_write(0, GL_DEV_STATUS, 0), event_of(0);
			else
				ack(0);
			bool asks = true; // until the operation is accepted
			for (unsigned t = 0; t < 80; t++) {
				dut->tgt_valid_i = asks && kind / 2 == 0;
				dut->tgt_we_i = 1;
				dut->tgt_be_i = 0xf;
				dut->tgt_addr_i = GL_DEV_QUEUE_NOTIFY;
				dut->tgt_wdata_i = 0;
				dut->ack_valid_i = asks && kind / 2 == 1;
				dut->nr_valid_i = asks && kind / 2 == 2;
				dut->nr_reason_i = GL_RESET_REASON_LOOP;
				dut->isr_set_valid_i = asks && kind / 2 == 3;
				dut->isr_set_ctx_i = dut->nr_ctx_i = dut->ack_ctx_i = 0;
				dut->isr_set_bits_i = 3;
				dut->en_we_i = t == delay || (again && t == delay + 1);
				dut->en_ctx_i = 0;
				dut->en_value_i = t == delay + 1;
				dut->evq_ready_i = 0;
				dut->cst_ready_i = dut->ci_ready_i = 1;
				tb_eval();
				if (dut->tgt_ready_o || dut->ack_ready_o || dut->nr_ready_o ||
				    dut->isr_set_ready_o)
					asks = false;
				tb_tick();
				CHECK(t < delay || !(dut->run_o & 1),
				      "runs %u cycles after the disable", t - delay);
			}
			assert_false(asks);
			dut->en_we_i = 0;
			dut->tgt_valid_i = dut->ack_valid_i = dut->nr_valid_i =
				dut->isr_set_valid_i = 0;
			// Now everything has settled: a page just reset, or dead.
			struct device *d = &dev[0];
			d->enabled = again;
			d->toggled = true;
			model_toggle_done(0);
			cst.head = cst.tail = ci.head = ci.tail = 0;
			d->reason = kind / 2 == 2 && !again ? GL_RESET_REASON_LOOP : 0;
			cycles(1);
			assert_int_equal(fw_read(0, GL_CTX_STATUS), again ? 0x300 : 0x100);
			assert_int_equal(page_read(0, GL_DEV_STATUS), 0);
			assert_int_equal(page_read(0, GL_DEV_INTERRUPT_STATUS), 0);
			assert_int_equal(page_read(0, GL_DEV_DEVICE_ID), again);
			event_of(0);
			ack(0);
			assert_int_equal(dut->run_o & 1, again);
			if (again) {
				set_enable(0, false);
				event_of(0);
				ack(0);
			}
		}
	}
}

static void enabling_twice_changes_nothing(void **state)
{
	(void)state;
	start();
	bring_up(1);
	set_enable(1, true);
	no_event();
	assert_int_equal(page_read(1, GL_DEV_STATUS), 0xf);
	set_enable(1, false);
	set_enable(1, false);
	event_of(1);
	no_event();
	// A page that was disabled and enabled is in reset at the very next access.
	ack(1);
	set_enable(1, true);
	assert_int_equal(page_read(1, GL_DEV_DEVICE_ID), 1);
	event_of(1);
	ack(1);
	stock_driver(1, 7);
	set_enable(1, false);
	set_enable(1, true);
	assert_int_equal(page_read(1, GL_DEV_STATUS), 0);
}

// Accesses of all kinds to contexts other than c, one per port at a time.
static void others_at_work(unsigned c)
{
	const unsigned other = (c + 1 + tb_below(CONTEXTS - 1)) % CONTEXTS;

	if (!port[TGT].valid && tb_percent(60))
		request(TGT, tb_percent(50), other, 4 * tb_below(0x150 / 4), (uint32_t)tb_rand());
	if (!core_waits() && tb_percent(60))
		request(FW, tb_percent(50), other, 4 * tb_below(64), (uint32_t)tb_rand());
	if (!port[ISR].valid && tb_percent(30))
		request(ISR, true, tb_percent(80) ? other : c, 0, tb_below(4));
	cycle();
}

// Revocation: from the done on, the page and the words of the context are as after reset, whatever the others do meanwhile.
static void clear_bus_scrubs_one_context(void **state)
{
	(void)state;
	start();
	unsigned worst = 0;
	for (unsigned n = 0; n < 60; n++) {
		const unsigned c = tb_below(CONTEXTS);

		// Something in every word of every context.
		for (unsigned x = 0; x < CONTEXTS; x++)
			if (x == c || tb_percent(20))
				for (unsigned i = 0; i < 64; i++)
					if (i * 4 != GL_CTX_DEVICE_FEATURES_LO &&
					    i * 4 != GL_CTX_DEVICE_FEATURES_HI)
						fw_write(x, 4 * i, (uint32_t)tb_rand());
		while (take_event() >= 0)
			;
		const bool live = tb_percent(70);
		if (live) {
			fw_write(c, GL_CTX_Q_NUM_MAX, 0);
			fw_write(c, GL_CTX_Q_NUM_MAX + GL_CTX_QUEUE_STRIDE, 0);
			bring_up(c);
			request(ISR, true, c, 0, 3);
			finish(ISR);
			page_write(c, GL_DEV_QUEUE_NOTIFY, 1);
			if (tb_percent(50)) {
				ci_percent = tb_percent(50) ? 70 : 1;
				request(NR, true, c, 0, GL_RESET_REASON_LOOP);
				finish(NR);
			}
		}
		pop_percent = 0;
		if (dev[c].enabled)
			set_enable(c, false);
		for (unsigned i = tb_below(3) * 10; i; i--)
			others_at_work(c);
		const uint64_t from = tb_cycles;
		dut->clr_valid_i = 1;
		dut->clr_ctx_i = (uint8_t)c;
		while (tb_eval(), !dut->clr_done_o) {
			others_at_work(c);
			CHECK(tb_cycles - from < 64 * 2 + 2 * CONTEXTS + 100, "takes too long");
			if (tb_cycles - from > 90)
				ci_percent = 70;
		}
		CHECK(!dut->ci_valid_o || dut->ci_ctx_o != c, "an interrupt is still to come");
		ci_percent = 70;
		if (tb_cycles - from > worst)
			worst = (unsigned)(tb_cycles - from);
		dut->clr_valid_i = 0;
		const bool reset = dev[c].reset, fresh = dev[c].fresh, event = dev[c].event;
		memset(&dev[c], 0, sizeof(dev[c]));
		dev[c].reset = reset;
		dev[c].fresh = fresh;
		dev[c].event = event;
		cycle();
		CHECK(!dut->clr_done_o, "done stays");
		for (unsigned p = 0; p < PORTS; p++)
			finish(p);
		// The firmware sees nothing of it, dom0 no reason, and the next guest a fresh device.
		assert_int_equal(fw_read(c, GL_CTX_STATUS), reset ? 0x100 : 0);
		for (unsigned i = 1; i < 64; i++)
			assert_int_equal(fw_read(c, 4 * i), 0);
		assert_int_equal(ctx_status(c), 0);
		while (take_event() >= 0)
			;
		ack(c);
		set_enable(c, true);
		assert_int_equal(page_read(c, GL_DEV_STATUS), 0);
		assert_int_equal(page_read(c, GL_DEV_INTERRUPT_STATUS), 0);
		assert_int_equal(page_read(c, GL_DEV_QUEUE_NUM_MAX), GL_QUEUE_SIZE_MAX);
		for (unsigned i = 0; i < 16; i++)
			assert_int_equal(page_read(c, GL_DEV_CONFIG + 4 * i), 0);
		for (unsigned i = 0; i < 2; i++) {
			page_write(c, GL_DEV_DEVICE_FEATURES_SEL, i);
			assert_int_equal(page_read(c, GL_DEV_DEVICE_FEATURES), 0);
		}
		set_enable(c, false);
		while (take_event() >= 0)
			;
		ack(c);
		// The others' words are theirs: the model compares what the firmware reads.
		for (unsigned i = 0; i < 40; i++)
			fw_read(tb_below(CONTEXTS), 4 * tb_below(64));
	}
	printf("# at most %u cycles\n", worst);
}

// RESTART: the firmware that comes next is told of every context; run bits and pages stay.
static void restart_announces_every_context(void **state)
{
	(void)state;
	start();
	bring_up(1);
	bring_up(2);
	page_write(2, GL_DEV_STATUS, 0);
	event_of(2); // taken by the firmware that hangs, never acknowledged
	const uint32_t run = dut->run_o;
	dut->flow_rst_i = 1;
	cycles(32);
	dut->flow_rst_i = 0;
	assert_int_equal(dut->run_o, run);
	unsigned seen = 0;
	for (int c; (c = take_event()) >= 0; seen++)
		;
	assert_int_equal(seen, CONTEXTS);
	assert_int_equal(page_read(1, GL_DEV_STATUS), 0xf);
	assert_int_equal(fw_read(2, GL_CTX_STATUS), 0x300);
	ack(2);
	assert_int_equal(dut->run_o & 6, 6);
}

// The search for changed contexts may have stopped at one that an access has found first.
static void enable_again_at_any_moment(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 10 * CONTEXTS; n++) {
		unsigned c = n % CONTEXTS, delay = n / CONTEXTS;

		set_enable(c, !dev[c].enabled);
		page_read(c, GL_DEV_STATUS);
		assert_false(dev[c].toggled);
		cycles(delay);
		set_enable(c, !dev[c].enabled);
		cycles(2 * CONTEXTS + 40);
		assert_false(dev[c].toggled);
	}
}

static void idle_only_when_nothing_is_pending(void **state)
{
	(void)state;
	start();
	cycles(40);
	assert_true(dut->idle_o);
	bring_up(1);
	cycles(40);
	assert_true(dut->idle_o);
	page_write(1, GL_DEV_QUEUE_NOTIFY, 1);
	for (unsigned n = 0; n < 8; n++) {
		assert_false(dut->idle_o);
		cycle();
	}
	cycles(40);
	assert_true(dut->idle_o);
	page_write(1, GL_DEV_STATUS, 0);
	for (unsigned n = 0; n < 100; n++) {
		assert_false(dut->idle_o); // an event waits
		cycle();
	}
	event_of(1);
	cycles(40);
	assert_true(dut->idle_o);
}

static void an_accepted_read_is_answered_through_reset(void **state)
{
	(void)state;
	start();
	request(TGT, false, 0, GL_DEV_MAGIC, 0);
	dut->tgt_valid_i = 1;
	dut->tgt_we_i = 0;
	dut->tgt_addr_i = 0;
	tb_wait(dut->tgt_ready_o, 20);
	dut->rst_i = 1;
	tb_tick();
	dut->tgt_valid_i = 0;
	tb_eval();
	assert_true(dut->tgt_rvalid_o);
	assert_int_equal(dut->tgt_rdata_o, 0x74726976);
	tb_ticks(3);
	dut->rst_i = 0;
}

// One page is flooded, the firmware and nic_irq are busy: every other access keeps its bound (checked in done()).
static void flood_delays_no_other_page(void **state)
{
	(void)state;
	start();
	bring_up(0);
	bring_up(1);
	for (unsigned p = 0; p < PORTS; p++)
		port[p].worst = 0;
	pop_percent = 20;
	for (unsigned n = 0; n < 20000; n++) {
		if (!port[TGT].valid) {
			if (tb_percent(90)) {
				static const unsigned offs[] = { GL_DEV_QUEUE_NOTIFY, GL_DEV_STATUS,
								 GL_DEV_QUEUE_NUM, GL_DEV_CONFIG,
								 GL_DEV_DRIVER_FEATURES };
				unsigned off = offs[tb_below(5)];
				request(TGT, true, 0, off, off == GL_DEV_STATUS ? 0 : tb_below(2));
			} else {
				request(TGT, tb_percent(50), 1,
					GL_DEV_INTERRUPT_STATUS + 4 * tb_below(2), 1);
			}
		}
		if (!core_waits() && tb_percent(50))
			request(FW, tb_percent(50), 1, GL_CTX_CONFIG, n);
		if (!core_waits() && popped < 0 && tb_percent(60))
			request(ACK, true, tb_below(2), 0, 0), pop_not = port[ACK].ctx;
		if (!core_waits())
			request(NR, true, 0, 0, 1);
		if (!port[ISR].valid)
			request(ISR, true, 1, 0, 1 + tb_below(3));
		cycle();
		if (!port[ACK].valid)
			pop_not = -1;
	}
	printf("# worst waits: host %u, firmware %u, ack %u, needs-reset %u, interrupt %u cycles\n",
	       (unsigned)port[TGT].worst, (unsigned)port[FW].worst, (unsigned)port[ACK].worst,
	       (unsigned)port[NR].worst, (unsigned)port[ISR].worst);
	assert_true(runs(1)); // untouched
}

static const uint16_t registers[] = {
	GL_DEV_MAGIC,		GL_DEV_VERSION,
	GL_DEV_DEVICE_ID,	GL_DEV_VENDOR_ID,
	GL_DEV_DEVICE_FEATURES, GL_DEV_DEVICE_FEATURES_SEL,
	GL_DEV_DRIVER_FEATURES, GL_DEV_DRIVER_FEATURES_SEL,
	GL_DEV_QUEUE_SEL,	GL_DEV_QUEUE_NUM_MAX,
	GL_DEV_QUEUE_NUM,	GL_DEV_QUEUE_READY,
	GL_DEV_QUEUE_NOTIFY,	GL_DEV_INTERRUPT_STATUS,
	GL_DEV_INTERRUPT_ACK,	GL_DEV_STATUS,
	GL_DEV_QUEUE_DESC_LO,	GL_DEV_QUEUE_DESC_HI,
	GL_DEV_QUEUE_DRIVER_LO, GL_DEV_QUEUE_DRIVER_HI,
	GL_DEV_QUEUE_DEVICE_LO, GL_DEV_QUEUE_DEVICE_HI,
	GL_DEV_SHM_LEN_LO,	GL_DEV_SHM_LEN_HI,
	GL_DEV_QUEUE_RESET,	GL_DEV_CONFIG_GENERATION,
	GL_DEV_CONFIG,		GL_DEV_CONFIG + 0x3c,
};

// The next access of a driver that mostly does its bring-up in order.
static void random_driver(void)
{
	static unsigned place[CONTEXTS];
	static const struct {
		uint16_t off;
		uint32_t value;
	} script[] = {
		{ GL_DEV_STATUS, 0 },
		{ GL_DEV_STATUS, 3 },
		{ GL_DEV_DRIVER_FEATURES_SEL, 1 },
		{ GL_DEV_DRIVER_FEATURES, 1 },
		{ GL_DEV_DRIVER_FEATURES_SEL, 0 },
		{ GL_DEV_DRIVER_FEATURES, 0 },
		{ GL_DEV_STATUS, 0xb },
		{ GL_DEV_QUEUE_SEL, 0 },
		{ GL_DEV_QUEUE_NUM, 32 },
		{ GL_DEV_QUEUE_DESC_LO, 0x1000 },
		{ GL_DEV_QUEUE_READY, 1 },
		{ GL_DEV_QUEUE_SEL, 1 },
		{ GL_DEV_QUEUE_NUM, 32 },
		{ GL_DEV_QUEUE_DEVICE_HI, 0x2000 },
		{ GL_DEV_QUEUE_READY, 1 },
		{ GL_DEV_STATUS, 0xf },
		{ GL_DEV_QUEUE_NOTIFY, 0 },
		{ GL_DEV_QUEUE_NOTIFY, 1 },
		{ GL_DEV_QUEUE_NOTIFY, 0 },
		{ GL_DEV_INTERRUPT_STATUS, 0 },
	};
	const unsigned steps = sizeof(script) / sizeof(script[0]);
	unsigned c = tb_below(tb_percent(70) ? (CONTEXTS < 4 ? CONTEXTS : 4) : CONTEXTS);

	if (tb_percent(85)) {
		unsigned s = place[c]++ % steps;

		if (s == steps - 1 && tb_percent(90))
			place[c] = tb_percent(80) ? 16 : 0; // stays up mostly
		if (dev[c].toggled || !dev[c].enabled)
			place[c] = 0;
		request(TGT, true, c, script[s].off, script[s].value);
		return;
	}
	unsigned off = tb_percent(95)
			       ? registers[tb_below(sizeof(registers) / sizeof(registers[0]))]
			       : tb_below(0x400) * 4;
	uint32_t value = tb_percent(70)	  ? tb_below(4)
			 : tb_percent(50) ? 1u << tb_below(32)
					  : (uint32_t)tb_rand();

	if (off == GL_DEV_STATUS && value == 0 && tb_percent(80))
		value = 0xf;
	request(TGT, tb_percent(55), CONTEXTS < 256 && tb_percent(1) ? tb_below(256) : c, off,
		value);
	if (tb_percent(4))
		port[TGT].be = tb_below(16);
}

// Nothing of that context is asked for: enabling or disabling it has a definite place in the order.
static bool untouched(unsigned c)
{
	for (unsigned p = 0; p < PORTS; p++)
		if (port[p].valid && port[p].ctx == c)
			return false;
	return !dev[c].toggled;
}

static void random_operations(unsigned n)
{
	while (n--) {
		if (!port[TGT].valid && tb_percent(60))
			random_driver();
		if (!core_waits() && tb_percent(20)) {
			static const unsigned words[] = { GL_CTX_DEVICE_FEATURES_LO,
							  GL_CTX_DEVICE_FEATURES_HI, GL_CTX_STATUS,
							  GL_CTX_Q_NUM, GL_CTX_Q_NUM_MAX };
			unsigned off = tb_percent(50) ? words[tb_below(5)] : tb_below(64) * 4;
			bool we = tb_percent(off == GL_CTX_DEVICE_FEATURES_HI ? 5 : 40);
			uint32_t v = off == GL_CTX_DEVICE_FEATURES_HI ? 7 : (uint32_t)tb_rand();
			if (off == GL_CTX_Q_NUM_MAX || off == GL_CTX_Q_NUM_MAX + 32)
				v = tb_below(64);
			request(FW, we, tb_below(CONTEXTS), off, v);
		}
		if (!core_waits() && tb_percent(10)) {
			request(ACK, true,
				tb_percent(90) ? tb_below(CONTEXTS < 4 ? CONTEXTS : 4)
					       : tb_below(CONTEXTS),
				0, 0);
			pop_not = port[ACK].ctx;
		}
		if (!core_waits() && tb_percent(2))
			request(NR, true, tb_below(CONTEXTS), 0, tb_below(9));
		if (!port[ISR].valid && tb_percent(10))
			request(ISR, true, tb_below(CONTEXTS < 4 ? CONTEXTS : 4), 0,
				1 + tb_below(3));
		unsigned c = tb_below(CONTEXTS);
		if (untouched(c) && tb_percent(dev[c].enabled ? 1 : 10) && tb_percent(30)) {
			enable.we = true;
			enable.ctx = c;
			enable.value = tb_percent(dev[c].enabled ? 20 : 90);
		}
		cycle();
		if (!port[ACK].valid)
			pop_not = -1;
	}
	for (unsigned p = 0; p < PORTS; p++)
		finish(p);
	pop_not = -1;
}

// Every word of every context, as both sides see it, is the model's: an operation on one changes no other.
static void compare_all(void)
{
	for (unsigned c = 0; c < CONTEXTS; c++) {
		for (unsigned off = 0; off < 0x100; off += 4)
			fw_read(c, off);
		for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
			if (registers[i] != GL_DEV_INTERRUPT_STATUS)
				page_read(c, registers[i]);
		uint32_t s = ctx_status(c);
		CHECK(s == ((uint32_t)dev[c].reason << 16 | (uint32_t)dev[c].enabled << 9 |
			    (uint32_t)runs(c) << 8 | (dev[c].enabled ? dev[c].status : 0u)),
		      "CTX_STATUS of %u is 0x%x", c, s);
	}
}

static void random_operations_against_the_model(void **state)
{
	(void)state;
	start();
	memset(total, 0, sizeof(total));
	for (unsigned round = 0; round < 40; round++) {
		pop_percent = round % 4 * 30;
		random_operations(5000);
		compare_all();
	}
	// All that waits comes out in the end.
	pop_percent = 100;
	cycles(4 * CONTEXTS + 200);
	for (unsigned c = 0; c < CONTEXTS; c++)
		CHECK(!dev[c].event && !dev[c].toggled, "context %u: event or toggle left", c);
	assert_int_equal(cst.head, cst.tail);
	assert_int_equal(ci.head, ci.tail);
	cycles(40);
	assert_true(dut->idle_o);
	printf("# %u rings, %u ignored, %u bad writes, %u resets, %u toggles, %u events, %u "
	       "configuration interrupts\n",
	       total[RINGS], total[IGNORED], total[BAD], total[RESETS], total[TOGGLES],
	       total[EVENTS], ci.tail);
	for (unsigned i = 0; i < TOTALS; i++)
		assert_true(total[i] > 100); // else this test tests too little
	assert_true(ci.tail > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(disabled_page_shows_no_device),
		TB_TEST(stock_driver_packed_and_split),
		TB_TEST(features_ok_needs_a_subset_with_version_1),
		TB_TEST(queue_setup_rules),
		TB_TEST(status_bits_are_only_cleared_by_reset),
		TB_TEST(needs_reset_stops_and_tells),
		TB_TEST(reset_between_event_and_ack),
		TB_TEST(reset_while_an_event_is_taken),
		TB_TEST(driver_that_is_faster_than_the_firmware),
		TB_TEST(interrupt_ack_clears_only_what_was_shown),
		TB_TEST(disable_at_any_moment),
		TB_TEST(enabling_twice_changes_nothing),
		TB_TEST(clear_bus_scrubs_one_context),
		TB_TEST(restart_announces_every_context),
		TB_TEST(enable_again_at_any_moment),
		TB_TEST(idle_only_when_nothing_is_pending),
		TB_TEST(an_accepted_read_is_answered_through_reset),
		TB_TEST(flood_delays_no_other_page),
		TB_TEST(random_operations_against_the_model),
	};
	return TB_RUN(tests);
}
