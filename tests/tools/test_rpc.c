/* sources: tools/libs/rpc/encode.c tools/libs/rpc/decode.c tools/libs/rpc/client.c */
/* packages: glib-2.0 gio-unix-2.0 libsoup-3.0 libxml-2.0 */
#include "xenrpc.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static GVariant *roundtrip(GVariant *value)
{
	g_autofree char *text = xenrpc_encode_result(value);
	g_autoptr(GError) error = NULL;
	GVariant *v = xenrpc_decode_reply(text, strlen(text), &error);

	ck_assert_msg(v != NULL, "%s: %s", text, error ? error->message : "?");
	return v;
}

START_TEST(values)
{
	static const char *const same[] = { "<'a<&>\"b ä'>", "<-5>", "<int64 99999999999>", "<true>", "<1.5>", "<()>",
		"<@av [<'x'>, <@av []>]>", "<{'k': <'v'>}>", "<b'bytes'>", "<''>", "<' two  '>" };

	for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
		g_autoptr(GVariant) boxed = g_variant_parse(G_VARIANT_TYPE_VARIANT, same[i], NULL, NULL, NULL);
		ck_assert_ptr_nonnull(boxed);
		g_autoptr(GVariant) v = g_variant_get_variant(boxed), back = roundtrip(g_variant_get_variant(boxed));
		if (g_variant_is_of_type(v, G_VARIANT_TYPE_BYTESTRING)) {
			ck_assert_uint_eq(g_variant_get_size(back), g_variant_get_size(v));
			continue;
		}
		ck_assert_msg(g_variant_equal(v, back), "%s became %s", same[i], g_variant_print(back, TRUE));
	}
	g_autoptr(GVariant) control = roundtrip(g_variant_new_string("a\001b"));
	ck_assert_str_eq(g_variant_get_string(control, NULL), "a?b");
	g_autoptr(GVariant) u32 = roundtrip(g_variant_new_uint32(G_MAXUINT32));
	ck_assert_int_eq(g_variant_get_int64(u32), G_MAXUINT32);
}
END_TEST

START_TEST(calls)
{
	g_autofree char *text = xenrpc_encode_call("xend.domain.pause", g_variant_new("(si)", "alice", 3));
	g_autofree char *method = NULL;
	g_autoptr(GVariant) params = NULL;
	g_autoptr(GError) error = NULL;

	ck_assert(xenrpc_decode_call(text, strlen(text), &method, &params, &error));
	ck_assert_str_eq(method, "xend.domain.pause");
	g_autofree char *print = g_variant_print(params, FALSE);
	ck_assert_str_eq(print, "[<'alice'>, <3>]");
}
END_TEST

START_TEST(faults)
{
	g_autoptr(GError) fault = g_error_new(XENRPC_FAULT, XENRPC_FAULT_INVALID_DOMAIN, "no <x>"), back = NULL;
	g_autofree char *text = xenrpc_encode_fault(fault);

	ck_assert_ptr_null(xenrpc_decode_reply(text, strlen(text), &back));
	ck_assert(g_error_matches(back, XENRPC_FAULT, XENRPC_FAULT_INVALID_DOMAIN));
	ck_assert_str_eq(back->message, "no <x>");
}
END_TEST

START_TEST(wrong_messages)
{
	static const char *const wrong[] = { "", "x", "<methodResponse/>", "<methodResponse><params/></methodResponse>",
		"<methodResponse><params><param/></params></methodResponse>",
		"<methodResponse><params><param><value><int>x</int></value></param></params></methodResponse>",
		"<methodResponse><params><param><value><int>4294967296</int></value></param></params></methodResponse>",
		"<methodResponse><params><param><value><foo/></value></param></params></methodResponse>",
		"<methodResponse><params><param><value><struct><member/></struct></value></param></params></methodResponse>",
		"<!DOCTYPE a [<!ENTITY b 'c'>]><methodResponse><params><param><value>&b;</value></param></params></methodResponse>",
		"<methodCall/>" };

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;

		ck_assert_ptr_null(xenrpc_decode_reply(wrong[i], strlen(wrong[i]), &error));
		ck_assert(g_error_matches(error, XENRPC_ERROR, XENRPC_ERROR_PROTOCOL));
	}
}
END_TEST

START_TEST(depth_is_limited)
{
	GString *text = g_string_new("<methodCall><methodName>m</methodName><params><param>");
	g_autofree char *method = NULL;
	g_autoptr(GVariant) params = NULL;
	g_autoptr(GError) error = NULL;

	for (int i = 0; i < 10000; i++)
		g_string_append(text, "<value><array><data>");
	ck_assert(!xenrpc_decode_call(text->str, text->len, &method, &params, &error));
	g_string_free(text, TRUE);
}
END_TEST

START_TEST(addresses)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(xenrpc_client) client = xenrpc_client_new("ftp://x", &error);

	ck_assert_ptr_null(client);
	ck_assert_ptr_nonnull(error);
	g_clear_error(&error);
	client = xenrpc_client_new("unix:/nowhere/socket", &error);
	ck_assert_ptr_nonnull(client);
	ck_assert_ptr_null(xenrpc_call(client, "x", NULL, &error));
	ck_assert(g_error_matches(error, XENRPC_ERROR, XENRPC_ERROR_CONNECT));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("rpc");

	tcase_add_test(t, values);
	tcase_add_test(t, calls);
	tcase_add_test(t, faults);
	tcase_add_test(t, wrong_messages);
	tcase_add_test(t, depth_is_limited);
	tcase_add_test(t, addresses);
	return run_suite("rpc", t);
}
