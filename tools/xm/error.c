/* Messages and exit codes. */
#include "xm.h"
#include <stdio.h>

static void print(const char *format, va_list args)
{
	g_autofree char *text = g_strdup_vprintf(format, args);

	fflush(stdout);
	fprintf(stderr, "xm: %s\n", text);
}

int xm_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(format, args);
	va_end(args);
	return XM_FAILED;
}

int xm_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(format, args);
	va_end(args);
	return XM_USAGE;
}

int xm_report(const GError *error)
{
	xm_error("%s", error->message);
	if (error->domain == XENRPC_ERROR)
		return error->code == XENRPC_ERROR_CONNECT ? XM_NO_XEND : XM_FAILED;
	if (error->domain == XENRPC_FAULT && error->code == XENRPC_FAULT_INVALID_DOMAIN)
		return XM_NO_DOMAIN;
	return error->domain == CONF_ERROR ? XM_CONFIG : XM_FAILED;
}
