/* sources: tools/xentop/table.c tools/xentop/stats.c */
/* packages: glib-2.0 */
#include "xentop/xentop.h"

#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static void collect_line(void *data, const char *text, int highlight)
{
	g_string_append_printf(data, "%s\n", text);
}

static struct domain *add(struct sample *sample, unsigned id, const char *name, uint64_t cpu_ns)
{
	struct domain *domain = domain_new(id);

	domain->name = g_strdup(name);
	strcpy(domain->state, id ? "--b---" : "-----r");
	domain->cpu_ns = cpu_ns;
	domain->mem_kb = 262144;
	domain->max_kb = id ? 524288 : UINT64_MAX;
	domain->vcpus_online = 2;
	g_ptr_array_add(sample->domains, domain);
	return domain;
}

static struct sample *two_domains(gint64 time, uint64_t ns)
{
	struct sample *sample = sample_new();

	sample->time = time;
	sample->total_kb = 1048576;
	add(sample, 0, "Domain-0", 12000000000);
	add(sample, 3, "a-very-long-name", ns);
	return sample;
}

static char *lines(struct sample *sample, const struct options *options)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < sample->domains->len; i++)
		table_domain(sample, i, options, collect_line, text);
	return g_string_free(text, FALSE);
}

START_TEST(header)
{
	g_autofree char *text = table_header();

	ck_assert_str_eq(text,
		"      NAME  STATE   CPU(sec) CPU(%)     MEM(k) MEM(%)  MAXMEM(k) MAXMEM(%) VCPUS "
		"NETS NETTX(k) "
		"NETRX(k) VBDS   VBD_OO   VBD_RD   VBD_WR  VBD_RSECT  VBD_WSECT SSID");
}
END_TEST

START_TEST(rows)
{
	struct sample *before = two_domains(1000000, 1000000000),
		      *sample = two_domains(3000000, 2500000000);
	struct options options = { 0 };
	g_autofree char *text = NULL, *full = NULL;

	count_percent(sample, before);
	text = lines(sample, &options);
	ck_assert_str_eq(text, "  Domain-0 -----r         12    0.0     262144   25.0   no limit   "
			       "    n/a     2    0        0        0"
			       "    0        0        0        0          0          0    0\n"
			       "a-very-lon --b---          2   75.0     262144   25.0     524288   "
			       "   50.0     2    0        0        0"
			       "    0        0        0        0          0          0    0\n");
	options.full_name = true;
	options.sort = 3;
	table_sort(sample, &options);
	full = lines(sample, &options);
	ck_assert(g_str_has_prefix(full, "a-very-long-name --b---"));
	sample_free(before);
	sample_free(sample);
}
END_TEST

/* An id that another domain has by now says nothing of this one. */
START_TEST(percent_of_a_new_domain)
{
	struct sample *before = two_domains(1000000, 1000000000),
		      *sample = two_domains(3000000, 2500000000);
	struct domain *domain = sample->domains->pdata[1];

	g_free(domain->name);
	domain->name = g_strdup("other");
	count_percent(sample, before);
	ck_assert(domain->percent == 0);
	sample->time = before->time;
	count_percent(sample, before);
	ck_assert(domain->percent == 0);
	sample_free(before);
	sample_free(sample);
}
END_TEST

START_TEST(nics)
{
	g_autofree char *folder = g_dir_make_tmp(NULL, NULL),
			*path = g_build_filename(folder, "dev", NULL);
	struct sample *sample = two_domains(0, 0);
	struct domain *domain = sample->domains->pdata[1];
	struct options options = { .nets = true };
	g_autofree char *text = NULL;

	g_file_set_contents(path,
		"Inter-|   Receive                                                |  Transmit\n"
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
		"packets errs drop\n"
		"  eth0: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n"
		"vif3.0: 20480 20 1 2 0 0 0 0 10240 10 3 4 0 0 0 0\n"
		" vif3.1: 1024 1 0 0 0 0 0 0 2048 2 0 0 0 0 0 0\n"
		"  vif9.0: 1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n"
		"  vif3.x: broken\n",
		-1, NULL);
	read_nics(path, sample->domains);
	ck_assert_uint_eq(domain->nics->len, 2);
	ck_assert_uint_eq(((struct domain *)sample->domains->pdata[0])->nics->len, 0);
	text = lines(sample, &options);
	/* What dom0 receives is what the guest sent. */
	ck_assert_ptr_nonnull(strstr(text, "     2    2       21       12    0"));
	ck_assert_ptr_nonnull(strstr(text, "\nNet0 RX:    10240bytes       10pkts        3err      "
					   "  4drop  TX:    20480bytes"));
	g_unlink(path);
	g_rmdir(folder);
	sample_free(sample);
}
END_TEST

static void put(const char *folder, const char *device, const char *name, const char *value)
{
	g_autofree char *directory = g_build_filename(folder, device, "statistics", NULL);
	g_autofree char *path = g_build_filename(directory, name, NULL);

	g_mkdir_with_parents(directory, 0700);
	g_file_set_contents(path, value, -1, NULL);
}

START_TEST(disks)
{
	g_autofree char *folder = g_dir_make_tmp(NULL, NULL),
			*command = g_strdup_printf("rm -r %s", folder);
	struct sample *sample = two_domains(0, 0);
	struct options options = { .disks = true };
	g_autofree char *text = NULL;

	put(folder, "vbd-3-51728", "rd_req", "5\n");
	put(folder, "vbd-3-51712", "oo_req", "1\n");
	put(folder, "vbd-3-51712", "rd_req", "100\n");
	put(folder, "vbd-3-51712", "wr_req", "200\n");
	put(folder, "vbd-3-51712", "rd_sect", "800\n");
	put(folder, "vbd-3-51712", "wr_sect", "1600\n");
	put(folder, "vbd-9-1", "rd_req", "7\n");
	put(folder, "vif-3-0", "rd_req", "7\n");
	read_disks(folder, sample->domains);
	text = lines(sample, &options);
	ck_assert_ptr_nonnull(
		strstr(text, "    2        1      105      200        800       1600    0\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nVBD BlkBack  51712 [ca: 0]  OO:        1   RD:      "
					   "100   WR:      200  RSECT:        800  WSECT:"
					   "       1600\nVBD BlkBack  51728 [ca:10]"));
	ck_assert_int_eq(system(command), 0);
	read_disks(folder, sample->domains);
	sample_free(sample);
}
END_TEST

START_TEST(vcpus_and_headers)
{
	struct sample *sample = two_domains(0, 0);
	struct domain *domain = sample->domains->pdata[1];
	struct options options = { .vcpus = true, .repeat_header = true };
	g_autofree char *text = NULL, *head = table_header();

	for (unsigned i = 0; i < 7; i++) {
		struct vcpu vcpu = { .online = i != 2, .ns = i * 1000000000ULL };

		g_array_append_val(domain->vcpus, vcpu);
	}
	text = lines(sample, &options);
	ck_assert_ptr_nonnull(strstr(text, head));
	ck_assert_ptr_nonnull(strstr(text, "VCPUs(sec):   0:          0s   1:          1s   3:     "
					   "     3s   4:          4s   5:          5s\n"
					   "              6:          6s\n"));
	sample_free(sample);
}
END_TEST

START_TEST(summary)
{
	struct sample *sample = two_domains(0, 0);
	GString *text = g_string_new(NULL);

	strcpy(sample->version, "4.17-x");
	sample->free_kb = 48576;
	sample->cpus = 2;
	sample->khz = 2400123;
	table_summary(sample, collect_line, text);
	ck_assert_ptr_nonnull(strstr(text->str,
		"   Xen 4.17-x\n2 domains: 1 running, 1 blocked, 0 paused, 0 crashed, 0 dying, "
		"0 shutdown\nMem: 1048576k total, 1000000k used, 48576k free    CPUs: 2 @ "
		"2400MHz\n"));
	g_string_free(text, TRUE);
	sample_free(sample);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("all");

	tcase_add_test(all, header);
	tcase_add_test(all, rows);
	tcase_add_test(all, percent_of_a_new_domain);
	tcase_add_test(all, nics);
	tcase_add_test(all, disks);
	tcase_add_test(all, vcpus_and_headers);
	tcase_add_test(all, summary);
	return run_suite("xentop", all);
}
