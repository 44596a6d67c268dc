/* Looking at how a call goes that takes long, beside it. */
#include "xm.h"
#include <signal.h>

#define LOOK_US G_USEC_PER_SEC

GVariant *call_beside(const char *method, GVariant *params)
{
	g_autoptr(GVariant) held = g_variant_ref_sink(params);
	g_autoptr(xenrpc_client) client = xenrpc_client_new(xm_server(), NULL);
	GVariant *result = client ? xenrpc_call(client, method, held, NULL) : NULL;

	return result ? g_variant_take_ref(result) : NULL;
}

static void *observe(void *data)
{
	struct observer *observer = data;
	gint64 next = g_get_monotonic_time() + LOOK_US;

	g_mutex_lock(&observer->lock);
	while (!observer->end) {
		if (g_cond_wait_until(&observer->changed, &observer->lock, next))
			continue;
		g_mutex_unlock(&observer->lock);
		observer->look(observer->data);
		next = g_get_monotonic_time() + LOOK_US;
		g_mutex_lock(&observer->lock);
	}
	g_mutex_unlock(&observer->lock);
	return NULL;
}

void observer_begin(struct observer *observer, void look(void *data), void *data)
{
	sigset_t all, old;

	*observer = (struct observer){ .look = look, .data = data };
	g_mutex_init(&observer->lock);
	g_cond_init(&observer->changed);
	/* Signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	observer->thread = g_thread_new("observer", observe, observer);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void observer_end(struct observer *observer)
{
	g_mutex_lock(&observer->lock);
	observer->end = true;
	g_cond_signal(&observer->changed);
	g_mutex_unlock(&observer->lock);
	g_thread_join(observer->thread);
	g_mutex_clear(&observer->lock);
	g_cond_clear(&observer->changed);
}
