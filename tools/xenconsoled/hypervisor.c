/* The hypervisor's messages, from its ring into hypervisor.log. */
#include "xenconsoled.h"

#include <errno.h>
#include <string.h>

/* Without a virtual interrupt for it the ring is looked at now and then. */
#define POLL_SECONDS 2

static struct log *hv_log;
static int hv_port = -1;
static guint polling;
static uint32_t position;

static void take_messages(void)
{
	static char buffer[16384];
	unsigned count;

	do {
		count = sizeof(buffer);
		if (xc_readconsole(xc, buffer, &count, false, true, &position)) {
			complain("the hypervisor's messages cannot be read: %s", g_strerror(errno));
			return;
		}
		log_write(hv_log, buffer, count);
	} while (count == sizeof(buffer));
}

static gboolean on_poll(gpointer data)
{
	take_messages();
	return G_SOURCE_CONTINUE;
}

void hypervisor_init(void)
{
	if (!options.log_hypervisor)
		return;
	hv_log = log_open("hypervisor", options.stamp_hypervisor);
	hv_port = xenevtchn_bind_virq(events, VIRQ_CON_RING);
	if (hv_port < 0)
		polling = g_timeout_add_seconds(POLL_SECONDS, on_poll, NULL);
	take_messages();
}

bool hypervisor_event(evtchn_port_t port)
{
	if (hv_port < 0 || port != hv_port)
		return false;
	xenevtchn_unmask(events, port);
	take_messages();
	return true;
}

void hypervisor_reopen_log(void)
{
	log_reopen(hv_log);
}

void hypervisor_exit(void)
{
	if (polling)
		g_source_remove(polling);
	log_close(hv_log);
}
