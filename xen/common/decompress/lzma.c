/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * LZMA symbol decoder.
 *
 * Unpacking dom0's kernel is the longest single computation of a boot, so lzma_decode() is written
 * for the number of instructions per coded bit: all state that changes per bit lives in one local
 * struct that the compiler keeps in registers, bit trees are unrolled, and bounds are checked once
 * per symbol, not once per byte.
 */

#include "lzma.h"

#define RC_TOP      (1U << 24)
#define PROB_BITS   11
#define PROB_INIT   (1 << (PROB_BITS - 1))
#define PROB_SHIFT  5
#define MATCH_MIN   2
#define SLOT_DIRECT 14 /* from here on a slot has bits coded without statistics */
#define ALIGN_BITS  4

/* What changes with every bit. Wide types, as the compiler adds no conversions then. */
struct rc {
	size_t range, code; /* 32 bits */
	const uint8_t *in;
	struct lzma *const lzma;
};

static always_inline void rc_normalise(struct rc *rc)
{
	if (rc->range < RC_TOP) {
		rc->range <<= 8;
		rc->code = rc->code << 8 | *rc->in++;
	}
}

/* The part of the range that stands for a 0 bit of probability @p. */
static always_inline size_t rc_bound(struct rc *rc, size_t p)
{
	rc_normalise(rc);
	return (rc->range >> PROB_BITS) * p;
}

static always_inline void rc_zero(struct rc *rc, uint16_t *prob, size_t p, size_t bound)
{
	rc->range = bound;
	*prob = rc->lzma->adapt[0][p];
}

static always_inline void rc_one(struct rc *rc, uint16_t *prob, size_t p, size_t bound)
{
	rc->range -= bound;
	rc->code -= bound;
	*prob = rc->lzma->adapt[1][p];
}

/* Decode one bit with probability *@prob and adapt it. */
static always_inline bool rc_bit(struct rc *rc, uint16_t *prob)
{
	size_t p = *prob, bound = rc_bound(rc, p);

	if (rc->code < bound) {
		rc_zero(rc, prob, p, bound);
		return false;
	}
	rc_one(rc, prob, p, bound);
	return true;
}

/*
 * Code generation only: @node looks changed, so the compiler neither keeps the address of its
 * probability in another register nor computes its successor ahead of the branch.
 */
#define RENEW(node) __asm__("" : "+r"(node))
/* The same, after all stores so far. */
#define RENEW_LATE(node) __asm__("" : "+r"(node) : : "memory")

/* As rc_bit() with the probability at *@node, which moves on by @if_zero or @if_one. */
static always_inline bool rc_step(
	struct rc *rc, uint16_t *tree, size_t *node, size_t if_zero, size_t if_one)
{
	size_t at = *node, p = tree[at], bound = rc_bound(rc, p);

	if (rc->code < bound) {
		RENEW(at);
		rc_zero(rc, &tree[at], p, bound);
		RENEW_LATE(at);
		*node = at + if_zero;
		return false;
	}
	RENEW(at);
	rc_one(rc, &tree[at], p, bound);
	RENEW_LATE(at);
	*node = at + if_one;
	return true;
}

/* One step down a bit tree whose node numbers begin at 1. */
static always_inline bool rc_tree_step(struct rc *rc, uint16_t *tree, size_t *node)
{
	size_t at = *node, p = tree[at], bound = rc_bound(rc, p);

	if (rc->code < bound) {
		RENEW(at);
		rc_zero(rc, &tree[at], p, bound);
		RENEW_LATE(at);
		*node = at * 2;
		return false;
	}
	RENEW(at);
	rc_one(rc, &tree[at], p, bound);
	RENEW_LATE(at);
	*node = at * 2 + 1;
	return true;
}

static always_inline size_t rc_tree3(struct rc *rc, uint16_t *tree)
{
	size_t node = 1;

	rc_tree_step(rc, tree, &node);
	rc_tree_step(rc, tree, &node);
	rc_tree_step(rc, tree, &node);
	return node - 8;
}

static always_inline size_t rc_tree6(struct rc *rc, uint16_t *tree)
{
	size_t node = 1;

	rc_tree_step(rc, tree, &node);
	rc_tree_step(rc, tree, &node);
	rc_tree_step(rc, tree, &node);
	rc_tree_step(rc, tree, &node);
	rc_tree_step(rc, tree, &node);
	rc_tree_step(rc, tree, &node);
	return node - 64;
}

/*
 * Bit trees whose bits come lowest first, as the low parts of distances do. How the nodes are
 * numbered is the decoder's own affair: with 2^depth + (bits so far) the last number holds the
 * value.
 */
static always_inline size_t rc_reverse4(struct rc *rc, uint16_t *tree)
{
	size_t node = 1;

	rc_step(rc, tree, &node, 1, 2);
	rc_step(rc, tree, &node, 2, 4);
	rc_step(rc, tree, &node, 4, 8);
	rc_step(rc, tree, &node, 8, 16);
	return node - 16;
}

static always_inline size_t rc_reverse(struct rc *rc, uint16_t *tree, unsigned int bits)
{
	size_t node = 1, weight = 1, end = (size_t)1 << bits;

	do {
		rc_step(rc, tree, &node, weight, weight * 2);
		weight *= 2;
	} while (weight < end);
	return node - weight;
}

/* Bits at even odds. */
static always_inline size_t rc_direct(struct rc *rc, unsigned int bits)
{
	size_t value = 0;

	do {
		size_t below;

		rc_normalise(rc);
		rc->range >>= 1;
		rc->code -= rc->range;
		below = (ptrdiff_t)rc->code >> 63; /* all ones, or 0 */
		value = value * 2 + 1 + below;
		rc->code += rc->range & below;
	} while (--bits);
	return value;
}

/* One bit of a literal after a match. Returns whether it equals the next bit of @match. */
static always_inline bool rc_matched_step(
	struct rc *rc, uint16_t *probs, size_t *node, unsigned int *match)
{
	*match <<= 1;
	if (*match & 0x100)
		return rc_tree_step(rc, probs + 0x200, node);
	return !rc_tree_step(rc, probs + 0x100, node);
}

/*
 * A literal for @out. Just after a match (@after_match) of the distance @rep0 + 1, its bits have
 * statistics of their own for as long as they equal those of the byte that would continue the
 * match.
 */
static always_inline size_t decode_literal(
	struct rc *rc, uint16_t *probs, bool after_match, const uint8_t *out, uint32_t rep0)
{
	size_t node = 1;

	if (after_match) {
		unsigned int match = out[-(ptrdiff_t)rep0 - 1];

		if (!rc_matched_step(rc, probs, &node, &match))
			goto left7;
		if (!rc_matched_step(rc, probs, &node, &match))
			goto left6;
		if (!rc_matched_step(rc, probs, &node, &match))
			goto left5;
		if (!rc_matched_step(rc, probs, &node, &match))
			goto left4;
		if (!rc_matched_step(rc, probs, &node, &match))
			goto left3;
		if (!rc_matched_step(rc, probs, &node, &match))
			goto left2;
		if (!rc_matched_step(rc, probs, &node, &match))
			goto left1;
		rc_matched_step(rc, probs, &node, &match);
		return node - 0x100;
	}
	rc_tree_step(rc, probs, &node);
left7:
	rc_tree_step(rc, probs, &node);
left6:
	rc_tree_step(rc, probs, &node);
left5:
	rc_tree_step(rc, probs, &node);
left4:
	rc_tree_step(rc, probs, &node);
left3:
	rc_tree_step(rc, probs, &node);
left2:
	rc_tree_step(rc, probs, &node);
left1:
	rc_tree_step(rc, probs, &node);
	return node - 0x100;
}

static always_inline size_t decode_len(struct rc *rc, struct lzma_len *l, size_t pos)
{
	size_t node = 1;

	if (!rc_bit(rc, &l->choice))
		return MATCH_MIN + rc_tree3(rc, l->low[pos]);
	if (!rc_bit(rc, &l->choice2))
		return MATCH_MIN + 8 + rc_tree3(rc, l->mid[pos]);
	while (node < 0x100)
		rc_tree_step(rc, l->high, &node);
	return MATCH_MIN + 16 + node - 0x100;
}

static always_inline size_t decode_dist(struct rc *rc, struct lzma_probs *p, size_t len)
{
	size_t slot = rc_tree6(rc, p->dist_slot[min(len - MATCH_MIN, (size_t)3)]), base;
	unsigned int bits;

	if (slot < 4)
		return slot;
	bits = (slot >> 1) - 1;
	base = (2 | (slot & 1)) << bits;
	if (slot < SLOT_DIRECT)
		return base + rc_reverse(rc, p->dist_special + base - slot, bits);
	base += rc_direct(rc, bits - ALIGN_BITS) << ALIGN_BITS;
	return base + rc_reverse4(rc, p->dist_align);
}

/* A match at a new distance: puts that in front of the list and returns the length. */
static always_inline size_t decode_match(struct rc *rc, struct lzma *s, size_t pos)
{
	size_t len = decode_len(rc, &s->probs.match_len, pos);

	s->rep[3] = s->rep[2];
	s->rep[2] = s->rep[1];
	s->rep[1] = s->rep[0];
	s->rep[0] = decode_dist(rc, &s->probs, len);
	return len;
}

/* Bring the distance of a match that repeats another than the last one to the front of the list. */
static always_inline void decode_older_rep(struct rc *rc, struct lzma *s, struct lzma_state *state)
{
	uint32_t dist;

	if (!rc_bit(rc, &state->is_rep1)) {
		dist = s->rep[1];
	} else {
		if (!rc_bit(rc, &state->is_rep2)) {
			dist = s->rep[2];
		} else {
			dist = s->rep[3];
			s->rep[3] = s->rep[2];
		}
		s->rep[2] = s->rep[1];
	}
	s->rep[1] = s->rep[0];
	s->rep[0] = dist;
}

int lzma_decode(struct lzma *s, const uint8_t *in_limit, uint8_t *out_limit)
{
	struct rc rc = {s->range, s->code, s->in, s};
	uint8_t *out = s->out, *const dict = s->dict;
	size_t prev = out > dict ? out[-1] : 0;
	struct lzma_state *state = s->state;
	int ret = 0;

	while (out < out_limit) {
		size_t at = out - dict, pos = at & s->pb_mask, len, dist;

		if (rc.in > in_limit)
			goto corrupt;
		if (!rc_bit(&rc, &state->is_match[pos])) {
			size_t coder = ((at << 8) + prev) & s->lit_mask;

			prev = decode_literal(&rc, s->probs.literal + 3 * (coder << s->lc),
				state->after_match, out, s->rep[0]);
			*out++ = prev;
			state = state->on_literal;
			continue;
		}
		if (!rc_bit(&rc, &state->is_rep)) {
			len = decode_match(&rc, s, pos);
			state = state->on_match;
		} else if (rc_bit(&rc, &state->is_rep0)) {
			decode_older_rep(&rc, s, state);
			len = decode_len(&rc, &s->probs.rep_len, pos);
			state = state->on_rep;
		} else if (rc_bit(&rc, &state->is_rep0_long[pos])) {
			len = decode_len(&rc, &s->probs.rep_len, pos);
			state = state->on_rep;
		} else {
			len = 1;
			state = state->on_short_rep;
		}
		dist = s->rep[0];
		if (dist >= at || out + len > out_limit)
			goto corrupt;
		copy_match(out, dist + 1, len, s->fast_end);
		out += len;
		prev = out[-1];
	}
out:
	s->range = rc.range;
	s->code = rc.code;
	s->in = rc.in;
	s->out = out;
	s->state = state;
	return ret;
corrupt:
	ret = -EINVAL;
	goto out;
}

bool lzma_finished(struct lzma *s)
{
	if (s->range < RC_TOP) {
		s->range <<= 8;
		s->code = s->code << 8 | *s->in++;
	}
	return s->code == 0;
}

int lzma_start(struct lzma *s, const uint8_t *in)
{
	s->range = UINT32_MAX;
	s->code = (uint32_t)in[1] << 24 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 8 | in[4];
	s->in = in + 5;
	return in[0] == 0 && s->code < s->range ? 0 : -EINVAL;
}

static void reset_states(struct lzma *s)
{
	for (unsigned int i = 0; i < LZMA_STATES; i++) {
		struct lzma_state *state = &s->states[i];
		bool literal = i < 7; /* the last symbol was one */

		for (unsigned int pos = 0; pos < LZMA_POS_MAX; pos++)
			state->is_match[pos] = state->is_rep0_long[pos] = PROB_INIT;
		state->is_rep = state->is_rep0 = state->is_rep1 = state->is_rep2 = PROB_INIT;
		state->after_match = !literal;
		state->on_literal = &s->states[i < 4 ? 0 : i < 10 ? i - 3 : i - 6];
		state->on_match = &s->states[literal ? 7 : 10];
		state->on_rep = &s->states[literal ? 8 : 11];
		state->on_short_rep = &s->states[literal ? 9 : 11];
	}
	s->state = &s->states[0];
}

void lzma_reset_state(struct lzma *s)
{
	uint16_t *p = (uint16_t *)&s->probs;

	for (size_t i = 0; i < sizeof(s->probs) / sizeof(*p); i++)
		p[i] = PROB_INIT;
	for (uint32_t v = 0; v < 1 << PROB_BITS; v++) {
		s->adapt[0][v] = v + (((1 << PROB_BITS) - v) >> PROB_SHIFT);
		s->adapt[1][v] = v - (v >> PROB_SHIFT);
	}
	reset_states(s);
	memset(s->rep, 0, sizeof(s->rep));
}

int lzma_set_props(struct lzma *s, uint8_t props)
{
	unsigned int lc, lp, pb;

	if (props > (4 * 5 + 4) * 9 + 8)
		return -EINVAL;
	lc = props % 9;
	lp = props / 9 % 5;
	pb = props / 45;
	if (lc + lp > 4)
		return -EINVAL;
	s->lc = lc;
	s->lit_mask = (0x100UL << lp) - (0x100 >> lc);
	s->pb_mask = (1UL << pb) - 1;
	return 0;
}
