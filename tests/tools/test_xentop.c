/* sources: tools/xentop/view.c */
/* packages: glib-2.0 */
/* The lines of xentop. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "view.h"

static const char header[] = "      NAME  STATE   CPU(sec) CPU(%)     MEM(k) MEM(%)  MAXMEM(k) "
			     "MAXMEM(%) VCPUS NETS NETTX(k) "
			     "NETRX(k) VBDS   VBD_OO   VBD_RD   VBD_WR  VBD_RSECT  VBD_WSECT SSID";

static struct domain *add(struct sample *sample, uint32_t id, const char *name, uint32_t flags)
{
	struct domain *d = g_new0(struct domain, 1);

	d->id = id;
	d->name = g_strdup(name);
	d->flags = flags;
	d->max_memory_kb = UINT64_MAX;
	d->networks = g_array_new(FALSE, FALSE, sizeof(struct network));
	d->disks = g_array_new(FALSE, FALSE, sizeof(struct disk));
	d->vcpu_ns = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	g_ptr_array_add(sample->domains, d);
	return d;
}

static void start(struct sample *sample)
{
	*sample = (struct sample){ .domains = g_ptr_array_new() };
	sample->machine.total_pages = 262144;
	sample->machine.free_pages = 65536;
	sample->machine.nr_cpus = 2;
	sample->machine.cpu_khz = 2596060;
}

static GPtrArray *lines_of(const struct view *view, const struct sample *sample)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

	view_domains(view, sample, lines);
	return lines;
}

START_TEST(test_header)
{
	g_autofree char *line = view_header();

	ck_assert_str_eq(line, header);
	ck_assert_int_eq(view_find_column("cpu(%)"), 3);
	ck_assert_int_eq(view_find_column("nothing"), -1);
}
END_TEST

START_TEST(test_lines)
{
	struct network net = { .id = 0, .rx_bytes = 10240, .tx_bytes = 2048 };
	struct disk disk = { .id = 51712, .reads = 12, .written_sectors = 800 };
	struct view view = { .networks = true, .disks = true, .vcpus = true };
	uint64_t vcpu = 3000000000;
	struct sample sample;
	struct domain *d;
	GPtrArray *lines;

	start(&sample);
	d = add(&sample, 3, "a-very-long-name", XEN_DOMINF_blocked);
	d->cpu_ns = 12345678901;
	d->cpu_percent = 99.95;
	d->memory_kb = 262144;
	d->max_memory_kb = 524288;
	d->vcpus = 1;
	g_array_append_val(d->networks, net);
	g_array_append_val(d->disks, disk);
	g_array_append_val(d->vcpu_ns, vcpu);
	lines = lines_of(&view, &sample);
	ck_assert_uint_eq(lines->len, 4);
	ck_assert_str_eq(g_ptr_array_index(lines, 0),
		"a-very-lon --b---         12  100.0     262144   25.0     524288      50.0     1  "
		"  1        2 "
		"      10    1        0       12        0          0        800    0");
	ck_assert_str_eq(g_ptr_array_index(lines, 1), "VCPUs(sec):    0:        3s");
	ck_assert_ptr_nonnull(strstr(g_ptr_array_index(lines, 2), "RX:    10240bytes"));
	ck_assert_ptr_nonnull(strstr(g_ptr_array_index(lines, 3), "VBD BlkBack 51712 [ca: 0]"));
	g_ptr_array_free(lines, TRUE);
}
END_TEST

START_TEST(test_states_and_limits)
{
	static const struct {
		uint32_t flags;
		const char *state;
	} cases[] = {
		{ XEN_DOMINF_running, "-----r" },
		{ XEN_DOMINF_paused, "----p-" },
		{ XEN_DOMINF_dying | XEN_DOMINF_paused, "d---p-" },
		{ XEN_DOMINF_shutdown | SHUTDOWN_poweroff << XEN_DOMINF_shutdownshift, "-s----" },
		{ XEN_DOMINF_shutdown | SHUTDOWN_crash << XEN_DOMINF_shutdownshift, "---c--" },
	};
	struct view view = { 0 };
	struct sample sample;
	GPtrArray *lines;

	start(&sample);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		add(&sample, i, i ? "x\ny" : "Domain-0", cases[i].flags);
	lines = lines_of(&view, &sample);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *line = g_ptr_array_index(lines, i);

		ck_assert(!strncmp(line + 11, cases[i].state, 6));
		ck_assert_ptr_nonnull(strstr(line, "  no limit       n/a"));
		ck_assert_ptr_null(strchr(line, '\n'));
		ck_assert_uint_eq(strlen(line), strlen(header));
	}
	g_ptr_array_free(lines, TRUE);
}
END_TEST

START_TEST(test_order_and_summary)
{
	struct view view = {
		.sort = view_find_column("CPU(%)"), .version = "4.17", .repeat_header = true
	};
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
	struct sample sample;

	start(&sample);
	add(&sample, 0, "idle", XEN_DOMINF_blocked)->cpu_percent = 1;
	add(&sample, 5, "busy", XEN_DOMINF_running)->cpu_percent = 90;
	add(&sample, 2, "idle2", XEN_DOMINF_blocked)->cpu_percent = 1;
	view_domains(&view, &sample, lines);
	ck_assert_uint_eq(lines->len, 5);
	ck_assert_ptr_nonnull(strstr(g_ptr_array_index(lines, 0), "busy "));
	ck_assert_str_eq(g_ptr_array_index(lines, 1), header);
	ck_assert_ptr_nonnull(strstr(g_ptr_array_index(lines, 2), "idle "));
	ck_assert_ptr_nonnull(strstr(g_ptr_array_index(lines, 4), "idle2 "));
	g_ptr_array_set_size(lines, 0);
	view_summary(&view, &sample, lines);
	ck_assert_str_eq(g_ptr_array_index(lines, 1),
		"3 domains: 1 running, 2 blocked, 0 paused, 0 crashed, 0 dying, 0 shutdown");
	ck_assert_str_eq(g_ptr_array_index(lines, 2),
		"Mem: 1048576k total, 786432k used, 262144k free    CPUs: 2 @ 2596MHz");
	g_ptr_array_free(lines, TRUE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("xentop");
	TCase *tc = tcase_create("lines");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tc, test_header);
	tcase_add_test(tc, test_lines);
	tcase_add_test(tc, test_states_and_limits);
	tcase_add_test(tc, test_order_and_summary);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
