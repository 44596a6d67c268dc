/*
 * Formatted text. Conversions d i u x X o p s c %, flags - 0 + space #, width and precision (also
 * as *), lengths hh h l ll z t j. Added to the C standard's: %p is 16 digits without 0x, and
 * followed by S or s it is the name of the function at that address (S: always with the offset).
 */
#include <xen/lib.h>
#include <xen/symbols.h>

struct out {
	char *buf;
	size_t size, len; /* len: characters wished for so far */
};

struct spec {
	bool left, zero, plus, space, alt, upper;
	int width, precision; /* precision < 0: none given */
	unsigned int base;
};

static void put(struct out *o, char c)
{
	if (o->len < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_many(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_string(struct out *o, const char *s, const struct spec *sp)
{
	int n;

	if (!s)
		s = "(null)";
	n = strnlen(s, sp->precision < 0 ? 0x7fffffff : (size_t)sp->precision);
	if (!sp->left)
		put_many(o, ' ', sp->width - n);
	for (int i = 0; i < n; i++)
		put(o, s[i]);
	if (sp->left)
		put_many(o, ' ', sp->width - n);
}

/* The characters before the digits: sign, or what # asks for. */
static unsigned int number_prefix(char *prefix, bool negative, u64 v, const struct spec *sp)
{
	unsigned int n = 0;

	if (negative)
		prefix[n++] = '-';
	else if (sp->plus)
		prefix[n++] = '+';
	else if (sp->space)
		prefix[n++] = ' ';
	if (sp->alt && v && sp->base == 16) {
		prefix[n++] = '0';
		prefix[n++] = sp->upper ? 'X' : 'x';
	}
	return n;
}

static void put_number(struct out *o, u64 v, bool negative, const struct spec *sp)
{
	const char *digits = sp->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char tmp[24], prefix[4];
	unsigned int npre = number_prefix(prefix, negative, v, sp);
	int n = 0, zeros, pad;

	for (; v; v /= sp->base)
		tmp[n++] = digits[v % sp->base];
	zeros = (sp->precision < 0 ? 1 : sp->precision) - n;
	if (sp->alt && sp->base == 8 && zeros < 1 && !(n && tmp[n - 1] == '0'))
		zeros = 1;
	if (zeros < 0)
		zeros = 0;
	pad = sp->width - n - zeros - (int)npre;
	if (sp->zero && !sp->left && sp->precision < 0 && pad > 0) {
		zeros += pad;
		pad = 0;
	}
	if (!sp->left)
		put_many(o, ' ', pad);
	for (unsigned int i = 0; i < npre; i++)
		put(o, prefix[i]);
	put_many(o, '0', zeros);
	while (n)
		put(o, tmp[--n]);
	if (sp->left)
		put_many(o, ' ', pad);
}

/* %p, %ps, %pS. Returns the format position behind what was used. */
static const char *put_pointer(struct out *o, const char *fmt, unsigned long addr, struct spec *sp)
{
	bool with_offset = *fmt == 'S';
	unsigned long offset, size;
	const char *name;

	if (*fmt != 'S' && *fmt != 's') {
		sp->base = 16;
		if (sp->precision < 0)
			sp->precision = 16;
		put_number(o, addr, false, sp);
		return fmt;
	}
	name = symbols_lookup(addr, &offset, &size);
	if (!name) {
		put_pointer(o, "", addr, sp);
		return fmt + 1;
	}
	put_string(o, name, sp);
	if (with_offset || offset) {
		struct spec hex = { .base = 16, .alt = true, .precision = -1 };

		put(o, '+');
		put_number(o, offset, false, &hex);
		put(o, '/');
		put_number(o, size, false, &hex);
	}
	return fmt + 1;
}

static const char *parse_flags(const char *fmt, struct spec *sp)
{
	for (;; fmt++) {
		if (*fmt == '-')
			sp->left = true;
		else if (*fmt == '0')
			sp->zero = true;
		else if (*fmt == '+')
			sp->plus = true;
		else if (*fmt == ' ')
			sp->space = true;
		else if (*fmt == '#')
			sp->alt = true;
		else
			return fmt;
	}
}

static const char *parse_int(const char *fmt, int *v)
{
	for (*v = 0; isdigit(*fmt); fmt++)
		if (*v < 100000)
			*v = *v * 10 + *fmt - '0';
	return fmt;
}

/* Bytes of the argument: 1, 2, 4 or 8. */
static const char *parse_length(const char *fmt, unsigned int *bytes)
{
	*bytes = sizeof(int);
	if (*fmt == 'h') {
		fmt++;
		*bytes = sizeof(short);
		if (*fmt == 'h') {
			fmt++;
			*bytes = sizeof(char);
		}
	} else {
		while (*fmt == 'l' || *fmt == 'z' || *fmt == 't' || *fmt == 'j') {
			fmt++;
			*bytes = sizeof(long);
		}
	}
	return fmt;
}

static u64 narrow(u64 v, unsigned int bytes, bool is_signed)
{
	unsigned int shift = 64 - bytes * 8;

	return is_signed ? (u64)((s64)(v << shift) >> shift) : v << shift >> shift;
}

/* va_list may be an array: passed on by address it needs a struct around it. */
struct args {
	va_list ap;
};

/* Everything between the % and the conversion character. */
static const char *parse_spec(const char *fmt, struct spec *sp, unsigned int *bytes, struct args *a)
{
	fmt = parse_flags(fmt, sp);
	if (*fmt == '*') {
		fmt++;
		sp->width = va_arg(a->ap, int);
		if (sp->width < 0) {
			sp->left = true;
			sp->width = -sp->width;
		}
	} else {
		fmt = parse_int(fmt, &sp->width);
	}
	if (*fmt == '.' && fmt[1] == '*') {
		fmt += 2;
		sp->precision = va_arg(a->ap, int);
	} else if (*fmt == '.') {
		fmt = parse_int(fmt + 1, &sp->precision);
	}
	return parse_length(fmt, bytes);
}

static void put_integer(struct out *o, char conversion, struct spec *sp, unsigned int bytes, u64 v)
{
	bool is_signed = conversion == 'd' || conversion == 'i', negative;

	sp->upper = conversion == 'X';
	sp->base = (conversion | 32) == 'x' ? 16 : conversion == 'o' ? 8 : 10;
	v = narrow(v, bytes, is_signed);
	negative = is_signed && (s64)v < 0;
	if (!is_signed)
		sp->plus = sp->space = false;
	put_number(o, negative ? -v : v, negative, sp);
}

/* One conversion; `fmt` is behind its %. Returns where the format goes on. */
static const char *convert(struct out *o, const char *fmt, struct args *a)
{
	struct spec sp = { .base = 10, .precision = -1 };
	const char *start = fmt;
	char text[2] = "";
	unsigned int bytes;

	fmt = parse_spec(fmt, &sp, &bytes, a);
	switch (*fmt++) {
	case 'd':
	case 'i':
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		put_integer(o, fmt[-1], &sp, bytes,
			bytes == 8 ? va_arg(a->ap, u64) : va_arg(a->ap, unsigned int));
		return fmt;
	case 'c':
		text[0] = va_arg(a->ap, int);
		put_string(o, text, &sp);
		return fmt;
	case 's':
		put_string(o, va_arg(a->ap, const char *), &sp);
		return fmt;
	case 'p':
		return put_pointer(o, fmt, va_arg(a->ap, unsigned long), &sp);
	case '%':
		put(o, '%');
		return fmt;
	default: /* not ours: shown as it stands */
		put(o, '%');
		return start;
	}
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { .buf = buf, .size = size ? size - 1 : 0 };
	struct args a;

	va_copy(a.ap, ap);
	while (*fmt) {
		if (*fmt == '%')
			fmt = convert(&o, fmt + 1, &a);
		else
			put(&o, *fmt++);
	}
	va_end(a.ap);
	if (size)
		buf[o.len < o.size ? o.len : o.size] = '\0';
	return o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n < (int)size ? n : size ? (int)size - 1 : 0;
}
