/* packages: glib-2.0 */
/*
 * Our headers of the device libraries, and libxen-dev's behind them: a function that both declare,
 * and differently, does not compile. What the headers of Xen define as structures is renamed on the
 * way.
 */
#include <check.h>
#include <stddef.h>

#include "suite.h"
#include "xencall.h"
#include "xenevtchn.h"
#include "xenforeignmemory.h"
#include "xengnttab.h"

typedef struct xengnttab_grant_copy_segment our_segment;

#undef XENCALL_H
#undef XENEVTCHN_H
#undef XENFOREIGNMEMORY_H
#undef XENGNTTAB_H
#undef XENCALL_OPENFLAG_NON_REENTRANT
#undef XENEVTCHN_NO_CLOEXEC
#define xengnttab_grant_copy_segment   their_segment
#define xengnttab_grant_copy_segment_t their_segment_t
#define xengnttab_copy_ptr             their_copy_ptr
#define xengnttab_grant_copy           their_grant_copy
#include "/usr/include/xencall.h"
#include "/usr/include/xenevtchn.h"
#include "/usr/include/xenforeignmemory.h"
#include "/usr/include/xengnttab.h"

/* The one structure, member by member. */
START_TEST(test_copy_segment)
{
	ck_assert_uint_eq(sizeof(our_segment), sizeof(struct their_segment));
	ck_assert_uint_eq(offsetof(our_segment, dest), offsetof(struct their_segment, dest));
	ck_assert_uint_eq(offsetof(our_segment, len), offsetof(struct their_segment, len));
	ck_assert_uint_eq(offsetof(our_segment, flags), offsetof(struct their_segment, flags));
	ck_assert_uint_eq(offsetof(our_segment, status), offsetof(struct their_segment, status));
	ck_assert_uint_eq(offsetof(our_segment, source.foreign.domid),
		offsetof(struct their_segment, source.foreign.domid));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("headers");

	tcase_add_test(tc, test_copy_segment);
	return run_suite("api", tc);
}
