/* Lists the event channels of a domain. */
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "xenctrl.h"

static void print(const struct evtchn_status *status)
{
	printf("%4u: VCPU %u: ", status->port, status->vcpu);
	switch (status->status) {
	case EVTCHNSTAT_unbound:
		printf("Interdomain (Waiting connection) - Remote Domain %u",
			status->u.unbound.dom);
		break;
	case EVTCHNSTAT_interdomain:
		printf("Interdomain (Connected) - Remote Domain %u, Port %u",
			status->u.interdomain.dom, status->u.interdomain.port);
		break;
	case EVTCHNSTAT_pirq:
		printf("Physical IRQ %u", status->u.pirq);
		break;
	case EVTCHNSTAT_virq:
		printf("Virtual IRQ %u", status->u.virq);
		break;
	case EVTCHNSTAT_ipi:
		printf("IPI");
		break;
	default:
		printf("Unknown");
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct evtchn_status status = { 0 };
	xc_interface *xc;
	uint64_t domid = 0;

	if (argc > 2 || (argc == 2 && !g_ascii_string_to_unsigned(argv[1], 10, 0,
					      DOMID_FIRST_RESERVED - 1, &domid, NULL))) {
		fprintf(stderr, "usage: lsevtchn [DOMAIN-ID]\n");
		return 2;
	}
	xc = xc_open();
	if (!xc) {
		fprintf(stderr, "lsevtchn: the hypervisor's interface: %s\n", strerror(errno));
		return 1;
	}
	status.dom = domid;
	for (status.port = 0; !xc_evtchn_status(xc, &status); status.port++)
		if (status.status != EVTCHNSTAT_closed)
			print(&status);
	/* Behind the last port there is none; anything else went wrong. */
	if (errno != EINVAL) {
		fprintf(stderr, "lsevtchn: domain %u: %s\n", (unsigned)domid, strerror(errno));
		xc_close(xc);
		return 1;
	}
	xc_close(xc);
	return 0;
}
