/* Circular doubly linked lists with embedded links. */
#ifndef XEN_LIST_H
#define XEN_LIST_H

#include <xen/compiler.h>
#include <xen/types.h>

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(n) { &(n), &(n) }
#define LIST_HEAD(n)      struct list_head n = LIST_HEAD_INIT(n)

static inline void INIT_LIST_HEAD(struct list_head *h)
{
	h->next = h->prev = h;
}

static inline void list_insert_between(struct list_head *n, struct list_head *p, struct list_head *q)
{
	n->prev = p;
	n->next = q;
	p->next = n;
	q->prev = n;
}

static inline void list_add(struct list_head *n, struct list_head *h)
{
	list_insert_between(n, h, h->next);
}

static inline void list_add_tail(struct list_head *n, struct list_head *h)
{
	list_insert_between(n, h->prev, h);
}

static inline void list_del_init(struct list_head *n)
{
	n->next->prev = n->prev;
	n->prev->next = n->next;
	INIT_LIST_HEAD(n);
}
#define list_del list_del_init

static inline bool list_empty(const struct list_head *h)
{
	return h->next == h;
}

#define list_entry(p, t, m)           container_of(p, t, m)
#define list_first_entry(h, t, m)     list_entry((h)->next, t, m)
#define list_last_entry(h, t, m)      list_entry((h)->prev, t, m)
#define list_for_each(p, h)           for ((p) = (h)->next; (p) != (h); (p) = (p)->next)
#define list_for_each_entry(e, h, m)                                                               \
	for ((e) = list_entry((h)->next, typeof(*(e)), m); &(e)->m != (h);                         \
	     (e) = list_entry((e)->m.next, typeof(*(e)), m))
#define list_for_each_entry_safe(e, n, h, m)                                                       \
	for ((e) = list_entry((h)->next, typeof(*(e)), m),                                         \
	    (n) = list_entry((e)->m.next, typeof(*(e)), m);                                        \
	     &(e)->m != (h); (e) = (n), (n) = list_entry((n)->m.next, typeof(*(n)), m))

#endif
