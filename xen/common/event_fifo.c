/*
 * The FIFO event ABI: the guest supplies an array of event words, one per port, and each vCPU a
 * control block with the heads of 16 queues, one per priority. An event that becomes pending and is
 * not masked is linked to the end of a queue through the LINK field of the words; the guest takes
 * events from the head. Interface: public/event_channel.h and the FIFO event channel design paper.
 *
 * All of this lies in guest memory that the guest may overwrite at any moment. We follow no link of
 * it: our own idea of a queue is the number of its last port, which is checked before use. Loops
 * over a word that changes under us are counted.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/rcu.h>
#include <xen/xmalloc.h>
#include "event_channel.h"

#define WORDS_PER_PAGE  (PAGE_SIZE / sizeof(event_word_t))
#define MAX_ARRAY_PAGES (EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)
#define LINK_TRIES      8 /* attempts to change a word; then again as many with BUSY set */
#define QUEUE_TRIES     4 /* attempts to find the queue of an event that others move around */

struct fifo_queue {
	spinlock_t lock;    /* rank FIFO_QUEUE, interrupts off: handlers raise events */
	evtchn_port_t tail; /* port put in last; 0 = none */
};

struct evtchn_fifo_vcpu {
	struct evtchn_fifo_control_block *control; /* in a page of the guest */
	struct evtchn_fifo_vcpu *next;             /* in evtchn_fifo_domain.vcpus */
	struct fifo_queue queue[EVTCHN_FIFO_MAX_QUEUES];
};

struct evtchn_fifo_domain {
	event_word_t *page[MAX_ARRAY_PAGES]; /* pages of the guest */
	unsigned int nr_words;               /* ports that have a word */
	struct evtchn_fifo_vcpu *vcpus;      /* all of the domain */
	struct domain *domain;
	struct rcu_head rcu; /* on the way out */
};

/* NULL when the guest has not supplied the page. The acquire pairs with expand_array. */
static always_inline event_word_t *word_of(const struct domain *d, evtchn_port_t port)
{
	const struct evtchn_fifo_domain *f = READ_ONCE(d->evtchn_fifo);

	if (unlikely(!f || port >= __atomic_load_n(&f->nr_words, __ATOMIC_ACQUIRE)))
		return NULL;
	return f->page[port / WORDS_PER_PAGE] + port % WORDS_PER_PAGE;
}

/* One attempt: 1 = now linked to `port`, 0 = in no queue any more, -EAGAIN = it changed. */
static int try_set_link(event_word_t *word, event_word_t *w, evtchn_port_t port)
{
	event_word_t old = *w;

	if (!(old & 1u << EVTCHN_FIFO_LINKED))
		return 0;
	*w = cmpxchg(word, old, (old & ~(1u << EVTCHN_FIFO_BUSY | EVTCHN_FIFO_LINK_MASK)) | port);
	return *w == old ? 1 : -EAGAIN;
}

/*
 * Make the tail's word point to `port`. False: the guest has taken the tail out already. A guest
 * that sees BUSY must leave the word alone; one that does not loses its own events.
 */
static bool set_link(event_word_t *word, evtchn_port_t port)
{
	event_word_t w = READ_ONCE(*word);
	int ret = -EAGAIN;

	for (unsigned int i = 0; i < LINK_TRIES && ret < 0; i++)
		ret = try_set_link(word, &w, port);
	if (likely(ret >= 0))
		return ret;
	set_bit(EVTCHN_FIFO_BUSY, word);
	w = READ_ONCE(*word);
	for (unsigned int i = 0; i < LINK_TRIES && ret < 0; i++)
		ret = try_set_link(word, &w, port);
	if (ret != 1)
		clear_bit(EVTCHN_FIFO_BUSY, word);
	return ret > 0;
}

static struct fifo_queue *queue_of(const struct domain *d, u32 id)
{
	const struct vcpu *v = d->vcpu[id >> 8];
	struct evtchn_fifo_vcpu *f = v ? READ_ONCE(v->evtchn_fifo) : NULL;

	return f ? &f->queue[id & 0xff] : NULL;
}

/*
 * Mark the word LINKED and take the event off the end of the queue it was in, which is empty then.
 * Both under that queue's lock, so that nobody appends to an event that is leaving for another
 * queue. True: to be appended to `q` now, whose lock is held with interrupts off. False: it is
 * in a queue already.
 */
static bool claim_word(struct domain *d, struct evtchn *chn, event_word_t *word, u32 id,
	struct fifo_queue *q, unsigned long *flags)
{
	for (unsigned int i = 0; i < QUEUE_TRIES; i++) {
		u32 old_id = READ_ONCE(chn->last_queue);
		struct fifo_queue *old = old_id == id ? q : queue_of(d, old_id);

		if (!old) /* never was in a queue */
			old = q;
		spin_lock_irqsave(&old->lock, *flags);
		if (likely(READ_ONCE(chn->last_queue) == old_id)) {
			if (test_and_set_bit(EVTCHN_FIFO_LINKED, word)) {
				spin_unlock_irqrestore(&old->lock, *flags);
				return false;
			}
			if (old->tail == chn->port)
				old->tail = 0;
			WRITE_ONCE(chn->last_queue, id);
			if (old != q) {
				spin_unlock(&old->lock);
				spin_lock(&q->lock);
			}
			return true;
		}
		spin_unlock_irqrestore(&old->lock, *flags);
	}
	/* The guest moves it about on many CPUs at once: its loss. PENDING stays set. */
	return false;
}

/* Put the event at the end of the queue for its vCPU and priority, and tell the vCPU. */
static void link_event(struct vcpu *v, struct evtchn *chn, event_word_t *word)
{
	struct evtchn_fifo_vcpu *f = READ_ONCE(v->evtchn_fifo);
	unsigned int priority = READ_ONCE(chn->priority);
	struct fifo_queue *q;
	event_word_t *tail_word;
	unsigned long flags;
	bool linked = false;

	if (!f) /* no control block: the guest sees PENDING when it unmasks */
		return;
	q = &f->queue[priority];
	if (!claim_word(v->domain, chn, word, (u32)v->vcpu_id << 8 | priority, q, &flags))
		return;
	if (q->tail) {
		tail_word = word_of(v->domain, q->tail);
		linked = tail_word && set_link(tail_word, chn->port);
	}
	if (!linked)
		WRITE_ONCE(f->control->head[priority], chn->port);
	q->tail = chn->port;
	spin_unlock_irqrestore(&q->lock, flags);

	if (!linked && !test_and_set_bit(priority, &f->control->ready))
		vcpu_mark_events_pending(v);
}

static void set_pending_fifo(struct vcpu *v, struct evtchn *chn)
{
	struct domain *d = v->domain;
	event_word_t *word = word_of(d, chn->port);
	event_word_t w;

	if (unlikely(!word)) {
		/* Raised again by expand_array; look once more in case that is running now. */
		__atomic_store_n(&chn->fifo_pending, 1, __ATOMIC_SEQ_CST);
		word = word_of(d, chn->port);
		if (!word)
			return;
	}
	w = __atomic_fetch_or(word, 1u << EVTCHN_FIFO_PENDING, __ATOMIC_SEQ_CST);
	if (!(w & (1u << EVTCHN_FIFO_MASKED | 1u << EVTCHN_FIFO_LINKED)))
		link_event(v, chn, word);
	if (!(w & 1u << EVTCHN_FIFO_PENDING))
		evtchn_check_pollers(d, chn->port);
}

static void clear_pending_fifo(struct domain *d, struct evtchn *chn)
{
	event_word_t *word = word_of(d, chn->port);

	/* A linked event stays in its queue; the guest skips it for want of PENDING. */
	chn->fifo_pending = 0;
	if (word)
		clear_bit(EVTCHN_FIFO_PENDING, word);
}

static bool is_pending_fifo(const struct domain *d, const struct evtchn *chn)
{
	event_word_t *word = word_of(d, chn->port);

	return word ? test_bit(EVTCHN_FIFO_PENDING, word) : chn->fifo_pending;
}

static bool is_masked_fifo(const struct domain *d, const struct evtchn *chn)
{
	event_word_t *word = word_of(d, chn->port);

	return !word || test_bit(EVTCHN_FIFO_MASKED, word);
}

static void unmask_fifo(struct domain *d, struct evtchn *chn)
{
	struct vcpu *v = d->vcpu[chn->notify_vcpu];
	event_word_t *word = word_of(d, chn->port);

	if (!v || !word)
		return;
	clear_bit(EVTCHN_FIFO_MASKED, word);
	if (test_bit(EVTCHN_FIFO_PENDING, word))
		set_pending_fifo(v, chn);
}

static int set_priority_fifo(struct domain *d, struct evtchn *chn, unsigned int priority)
{
	if (priority > EVTCHN_FIFO_PRIORITY_MIN)
		return -EINVAL;
	WRITE_ONCE(chn->priority, priority);
	return 0;
}

static void print_fifo(const struct domain *d, const struct evtchn *chn)
{
	event_word_t *word = word_of(d, chn->port);
	event_word_t w = word ? READ_ONCE(*word) : 0;

	printk(XENLOG_ALWAYS "%c next %u", w & 1u << EVTCHN_FIFO_LINKED ? 'l' : '-',
		w & EVTCHN_FIFO_LINK_MASK);
}

const struct evtchn_port_ops evtchn_port_ops_fifo = {
	.max_ports = EVTCHN_FIFO_NR_CHANNELS,
	.set_pending = set_pending_fifo,
	.clear_pending = clear_pending_fifo,
	.unmask = unmask_fifo,
	.is_pending = is_pending_fifo,
	.is_masked = is_masked_fifo,
	.set_priority = set_priority_fifo,
	.print = print_fifo,
};

/* --- Pages of the guest ----------------------------------------------------------------------- */

/* The address of a page of the current domain that is, and stays, ordinary writable memory. */
static void *hold_guest_page(struct domain *d, u64 gfn)
{
	struct page_info *pg = get_page_from_gfn(d, _gfn(gfn));

	if (!pg)
		return NULL;
	if (get_page_type(pg, PGT_writable)) {
		put_page(pg);
		return NULL;
	}
	return page_to_virt(pg);
}

/* Any address within such a page; NULL is allowed. */
static void release_guest_page(void *p)
{
	if (!p)
		return;
	mark_page_dirty(virt_to_page(p));
	put_page_and_type(virt_to_page(p));
}

/* Events are noted in these pages at any time. */
void evtchn_fifo_mark_dirty(struct domain *d)
{
	struct evtchn_fifo_vcpu *fv;

	spin_lock(&d->event_lock);
	for (unsigned int i = 0; d->evtchn_fifo && i * WORDS_PER_PAGE < d->evtchn_fifo->nr_words; i++)
		mark_page_dirty(virt_to_page(d->evtchn_fifo->page[i]));
	for (fv = d->evtchn_fifo ? d->evtchn_fifo->vcpus : NULL; fv; fv = fv->next)
		if (fv->control)
			mark_page_dirty(virt_to_page(fv->control));
	spin_unlock(&d->event_lock);
}

static struct evtchn_fifo_vcpu *alloc_fifo_vcpu(void)
{
	struct evtchn_fifo_vcpu *f = xzalloc(struct evtchn_fifo_vcpu);

	for (unsigned int i = 0; f && i < EVTCHN_FIFO_MAX_QUEUES; i++)
		spin_lock_init(&f->queue[i].lock, LOCK_RANK_FIFO_QUEUE);
	return f;
}

/* Bound ports take their pending events along; those raised right now on other CPUs may be lost, as
 * the interface says. Event lock held. */
static void switch_to_fifo(struct domain *d, struct evtchn_fifo_domain *f)
{
	for (evtchn_port_t port = 1; port < d->valid_evtchns; port++) {
		struct evtchn *chn = evtchn_of(d, port);

		chn->fifo_pending = binding_state(chn->binding) > ECS_RESERVED &&
			evtchn_port_ops_2l.is_pending(d, chn);
	}
	__atomic_store_n(&d->evtchn_fifo, f, __ATOMIC_RELEASE);
	__atomic_store_n(&d->evtchn_port_ops, &evtchn_port_ops_fifo, __ATOMIC_RELEASE);
}

/* EVTCHNOP_init_control: -ENOENT no such vCPU, -EINVAL bad place or already done, -ENOMEM. */
long evtchn_fifo_init_control(struct evtchn_init_control *ic)
{
	struct domain *d = current->domain;
	struct vcpu *v = domain_vcpu(d, ic->vcpu);
	struct evtchn_fifo_domain *f = NULL;
	struct evtchn_fifo_vcpu *fv = NULL;
	void *page = NULL;
	long rc = -EINVAL;

	if (!v)
		return -ENOENT;
	if (ic->offset > PAGE_SIZE - sizeof(*fv->control) || ic->offset % 8)
		return -EINVAL;
	page = hold_guest_page(d, ic->control_gfn);
	if (!page)
		return -EINVAL;
	f = xzalloc(struct evtchn_fifo_domain);
	fv = alloc_fifo_vcpu();

	spin_lock(&d->event_lock);
	if (!f || !fv)
		rc = -ENOMEM;
	else if (!v->evtchn_fifo && !d->is_dying) {
		bool first = !d->evtchn_fifo;

		if (!first) {
			xfree(f);
			f = d->evtchn_fifo;
		}
		fv->control = page + ic->offset;
		fv->next = f->vcpus;
		f->vcpus = fv;
		__atomic_store_n(&v->evtchn_fifo, fv, __ATOMIC_RELEASE);
		if (first)
			switch_to_fifo(d, f);
		f = NULL; /* all three are in use now */
		fv = NULL;
		page = NULL;
		ic->link_bits = EVTCHN_FIFO_LINK_BITS;
		rc = 0;
	}
	spin_unlock(&d->event_lock);
	xfree(f);
	xfree(fv);
	release_guest_page(page);
	return rc;
}

/* Events that were raised while their words did not exist. */
static void raise_saved(struct domain *d, evtchn_port_t first)
{
	for (evtchn_port_t port = first; port < first + WORDS_PER_PAGE && port < d->valid_evtchns;
		port++) {
		struct evtchn *chn = evtchn_of(d, port);

		if (__atomic_exchange_n(&chn->fifo_pending, 0, __ATOMIC_SEQ_CST))
			evtchn_set_pending(d, chn);
	}
}

/* EVTCHNOP_expand_array: -EOPNOTSUPP without FIFO ABI, -ENOSPC array complete, -EINVAL bad page. */
long evtchn_fifo_expand_array(const struct evtchn_expand_array *ea)
{
	struct domain *d = current->domain;
	struct evtchn_fifo_domain *f;
	unsigned int nr;
	void *page;
	long rc = 0;

	if (!READ_ONCE(d->evtchn_fifo))
		return -EOPNOTSUPP;
	page = hold_guest_page(d, ea->array_gfn);
	if (!page)
		return -EINVAL;

	spin_lock(&d->event_lock);
	f = d->evtchn_fifo;
	nr = f ? f->nr_words : 0;
	if (!f)
		rc = -EOPNOTSUPP;
	else if (d->is_dying)
		rc = -EINVAL;
	else if (nr / WORDS_PER_PAGE >= MAX_ARRAY_PAGES)
		rc = -ENOSPC;
	else {
		f->page[nr / WORDS_PER_PAGE] = page;
		page = NULL;
		__atomic_store_n(&f->nr_words, nr + WORDS_PER_PAGE, __ATOMIC_SEQ_CST);
		raise_saved(d, nr);
	}
	spin_unlock(&d->event_lock);
	release_guest_page(page);
	return rc;
}

/* --- Leaving the ABI -------------------------------------------------------------------------- */

static void free_fifo(struct evtchn_fifo_domain *f)
{
	struct evtchn_fifo_vcpu *fv, *next;

	for (unsigned int i = 0; i < f->nr_words / WORDS_PER_PAGE; i++)
		release_guest_page(f->page[i]);
	for (fv = f->vcpus; fv; fv = next) {
		next = fv->next;
		release_guest_page(fv->control);
		xfree(fv);
	}
	xfree(f);
}

static void free_fifo_rcu(struct rcu_head *head)
{
	struct evtchn_fifo_domain *f = container_of(head, struct evtchn_fifo_domain, rcu);
	struct domain *d = f->domain;

	free_fifo(f);
	put_domain(d);
}

/* Take everything out of senders' sight. NULL: the domain has no FIFO events. */
static struct evtchn_fifo_domain *detach_fifo(struct domain *d)
{
	struct evtchn_fifo_domain *f;
	struct vcpu *v;

	spin_lock(&d->event_lock);
	f = d->evtchn_fifo;
	WRITE_ONCE(d->evtchn_port_ops, &evtchn_port_ops_2l);
	WRITE_ONCE(d->evtchn_fifo, NULL);
	for_each_vcpu(d, v)
		WRITE_ONCE(v->evtchn_fifo, NULL);
	spin_unlock(&d->event_lock);
	return f;
}

void evtchn_fifo_reset(struct domain *d)
{
	struct evtchn_fifo_domain *f = detach_fifo(d);

	if (f) {
		get_knownalive_domain(d);
		f->domain = d;
		call_rcu(&f->rcu, free_fifo_rcu);
	}
}

void evtchn_fifo_destroy(struct domain *d)
{
	struct evtchn_fifo_domain *f = detach_fifo(d);

	if (f)
		free_fifo(f);
}
