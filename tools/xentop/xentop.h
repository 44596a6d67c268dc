/* xentop: what domains use, as it changes. collect.c and stats.c ask, table.c formats, screen.c and
 * main.c show. */
#ifndef XENTOP_H
#define XENTOP_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* A NIC of a domain, counted as the domain sees it. */
struct nic {
	unsigned index;
	uint64_t rx[4], tx[4]; /* bytes, packets, errors, drops */
};

/* A disk of a domain: requests that found the back end busy, requests, sectors of 512 bytes. */
struct disk {
	unsigned number;
	const char *driver; /* "BlkBack" or "BlkTap": text that stays */
	uint64_t oo, rd, wr, rd_sectors, wr_sectors;
};

struct vcpu {
	bool online;
	uint64_t ns;
};

struct domain {
	unsigned id;
	char *name;
	char state[7]; /* dsbcpr, '-' for what is not so */
	uint64_t cpu_ns;
	double percent;          /* of one CPU, since the sample before */
	uint64_t mem_kb, max_kb; /* UINT64_MAX: no limit */
	unsigned vcpus_online;
	uint32_t ssid;
	GArray *vcpus; /* struct vcpu; only if asked for */
	GArray *nics;  /* struct nic */
	GArray *disks; /* struct disk */
};

/* All domains at one instant. */
struct sample {
	gint64 time; /* microseconds, monotonic */
	char version[64];
	uint64_t total_kb, free_kb;
	unsigned cpus, khz;
	GPtrArray *domains; /* struct domain */
};

/** Connects to hypervisor and store. False after a message on stderr. */
bool collect_open(void);
void collect_close(void);
/** A new sample; percentages are those since @last (NULL: 0). NULL after a message in *@message
 * (g_free). */
struct sample *collect(const struct sample *last, bool vcpus, char **message);
struct sample *sample_new(void);
void sample_free(struct sample *sample);
struct domain *domain_new(unsigned id);

/** Reads the NICs of all domains from @path, a file as /proc/net/dev. */
void read_nics(const char *path, GPtrArray *domains);
/** Reads the disks of all domains from the directory @path of devices of back ends. */
void read_disks(const char *path, GPtrArray *domains);
/** Sets the percentages of @sample. */
void count_percent(struct sample *sample, const struct sample *last);

/* What to show. */
struct options {
	bool nets, disks, vcpus, repeat_header, full_name;
	unsigned sort; /* a column */
};

/** Sorts the domains by column options->sort. */
void table_sort(struct sample *sample, const struct options *options);
unsigned table_columns(void);
const char *table_column_name(unsigned column);

/** Writes a line; @highlight: 1 header, 2 a domain's, 0 other. */
typedef void line_fn(void *data, const char *text, int highlight);
/** Lines about the machine. */
void table_summary(const struct sample *sample, line_fn *line, void *data);
/** The header, without end of line; g_free(). */
char *table_header(void);
/** The lines of domain @index: itself, virtual CPUs, NICs, disks. */
void table_domain(const struct sample *sample, unsigned index, const struct options *options,
	line_fn *line, void *data);

/** Runs on the terminal until the user leaves or @iterations samples are over (0: never). Returns
 * an exit code. */
int screen_run(struct options *options, double delay, unsigned iterations);

#endif
