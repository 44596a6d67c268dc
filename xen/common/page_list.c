/* Lists of pages, linked by frame number through page_info. Frame 0 is never in a list. */
#include <xen/mm.h>

/* Append a page that is in no list. The caller holds the list's lock. */
void page_list_add_tail(struct page_info *pg, struct page_list *l)
{
	u32 n = mfn_x(page_to_mfn(pg));

	pg->next = 0;
	pg->prev = l->tail;
	if (l->tail)
		frame_table[l->tail].next = n;
	else
		l->head = n;
	l->tail = n;
}

/* Prepend a page that is in no list. The caller holds the list's lock. */
void page_list_add(struct page_info *pg, struct page_list *l)
{
	u32 n = mfn_x(page_to_mfn(pg));

	pg->prev = 0;
	pg->next = l->head;
	if (l->head)
		frame_table[l->head].prev = n;
	else
		l->tail = n;
	l->head = n;
}

/* Take a page out of the list that it is in. The caller holds the list's lock. */
void page_list_del(struct page_info *pg, struct page_list *l)
{
	if (pg->prev)
		frame_table[pg->prev].next = pg->next;
	else
		l->head = pg->next;
	if (pg->next)
		frame_table[pg->next].prev = pg->prev;
	else
		l->tail = pg->prev;
	pg->next = pg->prev = 0;
}

/* Take the first page out, or NULL. The caller holds the list's lock. */
struct page_info *page_list_pop(struct page_list *l)
{
	struct page_info *pg = page_list_first(l);

	if (pg)
		page_list_del(pg, l);
	return pg;
}
