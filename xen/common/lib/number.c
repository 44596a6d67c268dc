/* Numbers from text. */
#include <xen/errno.h>
#include <xen/lib.h>

static int digit_value(char c)
{
	if (isdigit(c))
		return c - '0';
	c = tolower(c);
	return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* A value that does not fit becomes the greatest one. Without a digit: 0, *end = s. */
unsigned long long strtoull(const char *s, const char **end, unsigned int base)
{
	unsigned long long v = 0;

	if ((base == 0 || base == 16) && s[0] == '0' && tolower(s[1]) == 'x' && isxdigit(s[2])) {
		s += 2;
		base = 16;
	} else if (base == 0) {
		base = s[0] == '0' ? 8 : 10;
	}
	for (; digit_value(*s) < (int)base; s++)
		if (__builtin_mul_overflow(v, (unsigned long long)base, &v) ||
			__builtin_add_overflow(v, (unsigned long long)digit_value(*s), &v))
			break;
	if (digit_value(*s) < (int)base) {
		v = ~0ULL;
		while (digit_value(*s) < (int)base)
			s++;
	}
	if (end)
		*end = s;
	return v;
}

/* As strtoull, with an optional sign in front; clamps to the range of the type. */
long long strtoll(const char *s, const char **end, unsigned int base)
{
	const long long most = 0x7fffffffffffffffLL;
	bool negative = *s == '-';
	const char *digits = s + (*s == '-' || *s == '+'), *e;
	unsigned long long v = strtoull(digits, &e, base);

	if (end)
		*end = e == digits ? s : e;
	if (negative)
		return v > (unsigned long long)most ? -most - 1 : -(long long)v;
	return v > (unsigned long long)most ? most : (long long)v;
}

/* Errors (no digits, or more than 64 bits of bytes): -EINVAL with *end = s. */
unsigned long long parse_size(const char *s, const char **end)
{
	static const char suffixes[] = "bkmgt";
	const char *e, *suffix;
	unsigned long long v = strtoull(s, &e, 0);
	unsigned int shift = 10;

	if (e == s)
		goto bad;
	suffix = *e ? strchr(suffixes, tolower(*e)) : NULL;
	if (suffix) {
		shift = (suffix - suffixes) * 10;
		e++;
	}
	if (v > ~0ULL >> shift)
		goto bad;
	if (end)
		*end = e;
	return v << shift;
bad:
	if (end)
		*end = s;
	return (unsigned long long)-EINVAL;
}

/* `end` is behind the word; NULL: the word is the whole string. */
int parse_bool(const char *s, const char *end)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "1", true }, { "yes", true }, { "on", true }, { "true", true }, { "enable", true },
		{ "0", false }, { "no", false }, { "off", false }, { "false", false },
		{ "disable", false },
	};
	size_t len = end ? (size_t)(end - s) : strlen(s);

	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i].word) == len && !strncmp(words[i].word, s, len))
			return words[i].value;
	return -1;
}
