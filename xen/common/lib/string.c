/* Strings. Nothing hot depends on these; copying and filling memory is in arch/. */
#include <xen/lib.h>

#undef memcmp
#undef strlen

/* The loops below must not be turned into calls of the very functions that they implement. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	const u8 *p = s;

	for (; n; n--, p++)
		if (*p == (u8)c)
			return (void *)p;
	return NULL;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p)
		p++;
	return p - s;
}

size_t strnlen(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i])
		i++;
	return i;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	while (n && *a && *a == *b) {
		a++;
		b++;
		n--;
	}
	return n ? (u8)*a - (u8)*b : 0;
}

char *strchr(const char *s, int c)
{
	while (*s != (char)c)
		if (!*s++)
			return NULL;
	return (char *)s;
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	do {
		if (*s == (char)c)
			found = s;
	} while (*s++);
	return (char *)found;
}

char *strstr(const char *s, const char *needle)
{
	size_t n = strlen(needle);

	for (; *s || !n; s++)
		if (!strncmp(s, needle, n))
			return (char *)s;
	return NULL;
}

/* Copy with truncation; returns strlen(s), so that a result >= size tells of truncation. */
size_t strlcpy(char *d, const char *s, size_t size)
{
	size_t len = strlen(s);

	if (size) {
		size_t n = len < size ? len : size - 1;

		memcpy(d, s, n);
		d[n] = '\0';
	}
	return len;
}

/* Append with truncation; `size` is that of the whole buffer. Returns the length wished for. */
size_t strlcat(char *d, const char *s, size_t size)
{
	size_t have = strnlen(d, size);

	return have + strlcpy(d + have, s, size - have);
}
