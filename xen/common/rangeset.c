/*
 * Sets of numbers: sorted arrays of inclusive ranges that neither overlap nor touch. A look-up is
 * a binary search, which is what guests make us do; changes are rare.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/rangeset.h>
#include <xen/spinlock.h>
#include <xen/xmalloc.h>

struct range {
	unsigned long s, e;
};

struct rangeset {
	spinlock_t lock;
	char name[24];
	unsigned int nr, room;
	struct range *range;
};

struct rangeset *rangeset_new(const char *name)
{
	struct rangeset *r = xzalloc(struct rangeset);

	if (!r)
		return NULL;
	spin_lock_init(&r->lock, LOCK_RANK_LEAF);
	strlcpy(r->name, name, sizeof(r->name));
	return r;
}

void rangeset_destroy(struct rangeset *r)
{
	if (!r)
		return;
	xfree(r->range);
	xfree(r);
}

/* Number of the first range that ends at or behind n; r->nr when there is none. */
static unsigned int first_ending_from(const struct rangeset *r, unsigned long n)
{
	unsigned int lo = 0, hi = r->nr;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (r->range[mid].e < n)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * Return with the lock held and room for one range more. The allocator's locks rank below ours:
 * memory is found without the lock, and found again when others were faster.
 */
static int lock_with_room(struct rangeset *r)
{
	spin_lock(&r->lock);
	while (r->nr == r->room) {
		unsigned int room = r->room ? r->room * 2 : 8;
		struct range *old, *new;

		spin_unlock(&r->lock);
		new = xmalloc_array(struct range, room);
		if (!new)
			return -ENOMEM;
		spin_lock(&r->lock);
		old = new;
		if (r->room < room) {
			if (r->nr)
				memcpy(new, r->range, r->nr * sizeof(*new));
			old = r->range;
			r->range = new;
			r->room = room;
		}
		if (!old)
			continue;
		spin_unlock(&r->lock);
		xfree(old);
		spin_lock(&r->lock);
	}
	return 0;
}

/* Replace the ranges [i, j) by `n` (0 to 2) new ones, for which there is room. */
static void replace(
	struct rangeset *r, unsigned int i, unsigned int j, const struct range *new, unsigned int n)
{
	memmove(&r->range[i + n], &r->range[j], (r->nr - j) * sizeof(*new));
	memcpy(&r->range[i], new, n * sizeof(*new));
	r->nr += n + i - j;
}

int rangeset_add_range(struct rangeset *r, unsigned long s, unsigned long e)
{
	struct range new = { s, e };
	unsigned int i, j;
	int rc;

	if (s > e)
		return -EINVAL;
	rc = lock_with_room(r);
	if (rc)
		return rc;
	/* Ranges that overlap or touch the new one become part of it. */
	i = first_ending_from(r, s ? s - 1 : 0);
	for (j = i; j < r->nr && r->range[j].s <= (e + 1 ? e + 1 : e); j++) {
		new.s = min(new.s, r->range[j].s);
		new.e = max(new.e, r->range[j].e);
	}
	replace(r, i, j, &new, 1);
	spin_unlock(&r->lock);
	return 0;
}

int rangeset_remove_range(struct rangeset *r, unsigned long s, unsigned long e)
{
	struct range rest[2];
	unsigned int i, j, n = 0;
	int rc;

	if (s > e)
		return -EINVAL;
	rc = lock_with_room(r);
	if (rc)
		return rc;
	i = first_ending_from(r, s);
	for (j = i; j < r->nr && r->range[j].s <= e; j++) {
		if (r->range[j].s < s)
			rest[n++] = (struct range){ r->range[j].s, s - 1 };
		if (r->range[j].e > e)
			rest[n++] = (struct range){ e + 1, r->range[j].e };
	}
	replace(r, i, j, rest, n);
	spin_unlock(&r->lock);
	return 0;
}

bool rangeset_contains_range(struct rangeset *r, unsigned long s, unsigned long e)
{
	unsigned int i;
	bool in;

	spin_lock(&r->lock);
	i = first_ending_from(r, s);
	in = s <= e && i < r->nr && r->range[i].s <= s && r->range[i].e >= e;
	spin_unlock(&r->lock);
	return in;
}

bool rangeset_overlaps_range(struct rangeset *r, unsigned long s, unsigned long e)
{
	unsigned int i;
	bool some;

	spin_lock(&r->lock);
	i = first_ending_from(r, s);
	some = s <= e && i < r->nr && r->range[i].s <= e;
	spin_unlock(&r->lock);
	return some;
}

/* The first range with a part in [s, e], cut to it. False when there is none. */
static bool next_range(struct rangeset *r, unsigned long s, unsigned long e, struct range *out)
{
	bool found = false;
	unsigned int i;

	spin_lock(&r->lock);
	i = first_ending_from(r, s);
	if (i < r->nr && r->range[i].s <= e) {
		*out = (struct range){ max(s, r->range[i].s), min(e, r->range[i].e) };
		found = true;
	}
	spin_unlock(&r->lock);
	return found;
}

/* fn is called without the lock: it may take others, or change the set. */
int rangeset_report_ranges(struct rangeset *r, unsigned long s, unsigned long e,
	int (*fn)(unsigned long s, unsigned long e, void *ctx), void *ctx)
{
	struct range cur;
	int rc = 0;

	while (s <= e && next_range(r, s, e, &cur)) {
		rc = fn(cur.s, cur.e, ctx);
		if (rc || cur.e == e)
			break;
		s = cur.e + 1;
	}
	return rc;
}

static int print_range(unsigned long s, unsigned long e, void *ctx)
{
	if (s == e)
		printk(" %lx", s);
	else
		printk(" %lx-%lx", s, e);
	return 0;
}

void rangeset_printk(struct rangeset *r)
{
	printk("%-10s {", r->name);
	rangeset_report_ranges(r, 0, ~0UL, print_range, NULL);
	printk(" }");
}
