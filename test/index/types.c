/*
 * types.c
 *	  The types that can be keys: their operators, and values that collide.
 *
 * Values are few and alike on purpose: equal ones by the hundred, one the prefix of another,
 * the least and the greatest, the empty one, those near the size limit.
 */
#include "types.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef enum TextStyle
{
	TEXT_LETTERS,				/* up to eight of two letters */
	TEXT_DUPLICATES,			/* one of five */
	TEXT_NUMBERED,				/* a long common prefix */
	TEXT_PATHS,
	TEXT_NESTED,				/* a, aa, aaa, ... */
	TEXT_MULTIBYTE,
	TEXT_CASES,					/* what collations other than C order differently */
	TEXT_LONG,
	TEXT_STYLES
} TextStyle;

static TextStyle text_styles[3];
static int	integer_spread;
static int	longest;
static int	few;				/* values of each type; 0: many */
static uint64_t few_seed;

bool
choose_styles(int longest_text)
{
	longest = longest_text;
	few = random_chance(25) ? random_between(2, 8) : 0;
	few_seed = random_bits();
	for (int i = 0; i < 3; i++)
		text_styles[i] = (TextStyle) random_below(TEXT_STYLES);
	integer_spread = random_chance(50) ? 20 : 2000;
	return few > 0;
}

void
random_value(const Type *type, Text *out)
{
	if (few > 0 && !random_chance(2))
	{
		uint64_t	chosen = (uint64_t) random_below(few);
		uint64_t	state = random_save();

		random_seed(few_seed, chosen);
		type->value(out);
		random_restore(state);
	}
	else
		type->value(out);
}

static const char *const multibyte[] = {
	"ä", "ß", "é", "e\xcc\x81", "日", "本", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\x7f", "\x01",
	"\xc2\x80", "\xed\x9f\xbf", "\xee\x80\x80", "z"
};

static const char *const cases[] = {
	"a", "A", "b", "B", "-", "_", "%", "\\", " ", "ab", "AB", "Ab", "a-b", "a b", "'", "\"", "ä", "Ä"
};

static const char *const folders[] = {
	"/usr", "/usr/share", "/usr/share/doc", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/etc"
};

#define ONE_OF(array) ((array)[random_below((int) (sizeof(array) / sizeof((array)[0])))])

/* most: the most bytes */
static void
any_text(Text *out, int most)
{
	size_t		begin = out->length;
	int			count;

	if (random_chance(2))
		return;
	switch (text_styles[random_below(3)])
	{
		case TEXT_LETTERS:
			count = random_below(9);
			for (int i = 0; i < count; i++)
				text_add_byte(out, random_chance(50) ? 'a' : 'b');
			break;
		case TEXT_DUPLICATES:
			text_add(out, "duplicate %d", random_below(5));
			break;
		case TEXT_NUMBERED:
			text_add(out, "key_%08d", random_below(300));
			break;
		case TEXT_PATHS:
			text_add(out, "%s/%c%d", ONE_OF(folders), 'a' + random_below(3), random_below(40));
			break;
		case TEXT_NESTED:
			count = random_below(most < 60 ? most : 60);
			for (int i = 0; i < count; i++)
				text_add_byte(out, 'a');
			break;
		case TEXT_MULTIBYTE:
			count = random_below(5);
			for (int i = 0; i < count; i++)
				text_add(out, "%s", ONE_OF(multibyte));
			break;
		case TEXT_CASES:
			count = random_below(4);
			for (int i = 0; i < count; i++)
				text_add(out, "%s", ONE_OF(cases));
			break;
		default:
			/* Few of them, and few beginnings; what makes them differ is at the end. */
			count = random_chance(85) ? random_between(1, 20) : random_between(200, most);
			for (int i = 0; i < count && i + 4 < most; i++)
				text_add_byte(out, (char) ('a' + i % 7));
			text_add(out, "%d", random_below(9));
			break;
	}
	/* Not in the middle of a letter. */
	if (out->length - begin > (size_t) most)
	{
		out->length = begin + (size_t) most;
		while (out->length > begin && ((unsigned char) out->data[out->length] & 0xC0) == 0x80)
			out->length--;
		out->data[out->length] = '\0';
	}
}

static void
text_value(Text *out)
{
	any_text(out, longest);
}

static void
bpchar_value(Text *out)
{
	any_text(out, longest - 4);
	for (int blanks = random_chance(40) ? random_below(3) : 0; blanks > 0; blanks--)
		text_add_byte(out, ' ');
}

static void
short_text_value(Text *out)
{
	/* Of eight letters at most: of ASCII only, so that bytes are letters. */
	int			count = random_below(9);

	for (int i = 0; i < count; i++)
		text_add_byte(out, "ab /A"[random_below(5)]);
}

static void
bytea_value(Text *out)
{
	static const unsigned char bytes[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, 'a'};
	int			count = random_below(random_chance(90) ? 6 : 60);

	text_add(out, "\\x");
	if (random_chance(2))
	{
		count = random_between(200, longest);
		for (int i = 0; i < count; i++)
			text_add(out, "ff");
		return;
	}
	for (int i = 0; i < count; i++)
		text_add(out, "%02x", ONE_OF(bytes));
}

static void
integer_value(Text *out, int64_t least, int64_t greatest)
{
	switch (random_below(12))
	{
		case 0:
			text_add(out, "%" PRId64, least + random_below(2));
			break;
		case 1:
			text_add(out, "%" PRId64, greatest - random_below(2));
			break;
		case 2:
			text_add(out, "%" PRId64,
					 least + (int64_t) (random_bits() % ((uint64_t) greatest - (uint64_t) least)));
			break;
		case 3:
		case 4:
			text_add(out, "%d", least < 0 ? random_between(-2, 2) : random_below(3));
			break;
		default:
			text_add(out, "%d", least < 0 && random_chance(30) ? -random_below(integer_spread) :
					 random_below(integer_spread));
			break;
	}
}

static void
int2_value(Text *out)
{
	integer_value(out, INT16_MIN, INT16_MAX);
}

static void
int4_value(Text *out)
{
	integer_value(out, INT32_MIN, INT32_MAX);
}

static void
int8_value(Text *out)
{
	integer_value(out, INT64_MIN, INT64_MAX);
}

static void
oid_value(Text *out)
{
	integer_value(out, 0, UINT32_MAX);
}

static void
uuid_value(Text *out)
{
	static const char *const few[] = {
		"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
		"00000000-0000-0000-0000-000000000001", "80000000-0000-0000-0000-000000000000",
	};

	if (random_chance(10))
		text_add(out, "%s", ONE_OF(few));
	else if (random_chance(50))
		text_add(out, "12345678-9abc-def0-1234-56789abc%04x", random_below(integer_spread));
	else
		text_add(out, "%08x-0000-4000-8000-000000000000", random_below(integer_spread));
}

static void
date_value(Text *out)
{
	static const char *const few[] = {
		"-infinity", "infinity", "4713-01-01 BC", "5874897-12-31", "0001-01-01", "0001-12-31 BC",
		"1999-12-31", "2000-01-01",
	};

	if (random_chance(20))
		text_add(out, "%s", ONE_OF(few));
	else
		text_add(out, "%d-%02d-%02d", random_between(1999, integer_spread > 100 ? 2030 : 2000),
				 random_between(1, 12), random_between(1, 28));
}

static void
timestamp_value(Text *out)
{
	static const char *const few[] = {
		"-infinity", "infinity", "4713-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999",
		"1999-12-31 23:59:59.999999", "2000-01-01 00:00:00", "2000-01-01 00:00:00.000001",
	};

	if (random_chance(20))
		text_add(out, "%s", ONE_OF(few));
	else if (random_chance(50))
		text_add(out, "2000-01-01 00:00:%02d", random_below(60));
	else
		text_add(out, "%d-%02d-%02d %02d:00:00.%06d", random_between(1999, 2001),
				 random_between(1, 12), random_between(1, 28), random_below(24),
				 random_below(2));
}

static void
address_value(Text *out, bool is_network)
{
	static const char *const six[] = {
		"::/0", "::/128", "::1/128", "2001:db8::/32", "2001:db8:1::/48", "2001:db8:1:2::/64",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "::ffff:0:0/96", "fe80::/10",
	};
	int			bits;
	uint32_t	address;

	if (random_chance(25))
	{
		text_add(out, "%s", ONE_OF(six));
		return;
	}
	bits = random_chance(50) ? 8 * random_below(5) : random_below(33);
	switch (random_below(4))
	{
		case 0:
			address = random_chance(50) ? 0 : UINT32_MAX;
			break;
		case 1:
			address = UINT32_C(0xC0A80000) + (uint32_t) random_below(4);
			break;
		default:
			address = UINT32_C(0x0A000000) + ((uint32_t) random_below(3) << 16) +
				((uint32_t) random_below(3) << 8) + (uint32_t) random_below(4);
			break;
	}
	if (is_network && bits < 32)
		address &= ~(UINT32_MAX >> bits);
	text_add(out, "%u.%u.%u.%u/%d", address >> 24, (address >> 16) & 255, (address >> 8) & 255,
			 address & 255, bits);
}

static void
inet_value(Text *out)
{
	address_value(out, false);
}

static void
cidr_value(Text *out)
{
	address_value(out, true);
}

#define TEXT_OPERATORS	"=! ~<~! ~<=~! ~>=~! ~>~! ^@! @^!"
#define TEXT_BTREE		"=! ~<~! ~<=~! ~>=~! ~>~! ^@ @^"
#define BLANKS			"=! ~<~! ~<=~! ~>=~! ~>~!"
#define OWN_ORDER		"=! <! <=! >=! >! <>"
#define INET_OPERATORS	"=! <! <=! >=! >! <<=! >>=! << >> && <>"
#define INET_BTREE		"=! <! <=! >=! >! <<= >>= << >> && <>"

/* A type whose values have an order of their own, and are all that there is to them. */
#define PLAIN(name, value, family) \
	{name, name, name, {"", ""}, {OWN_ORDER, OWN_ORDER}, "", "", value, true, false, family}

const Type	types[] = {
	{"text", "text", "text", {"", "text_pattern_ops"}, {TEXT_OPERATORS, TEXT_BTREE},
		"~<~", "~>~", text_value, true, false, 0},
	{"text, ICU", "text COLLATE \"en-x-icu\"", "text", {"", "text_pattern_ops"},
		{TEXT_OPERATORS, TEXT_BTREE}, "~<~", "~>~", text_value, true, false, 0},
	{"text, C", "text COLLATE \"C\"", "text", {"", "text_pattern_ops"},
		{TEXT_OPERATORS, TEXT_BTREE}, "~<~", "~>~", text_value, true, false, 0},
	{"text_c_ops", "text COLLATE \"C\"", "text", {"text_c_ops", "text_ops"},
		{OWN_ORDER " ^@! @^!", OWN_ORDER " ^@ @^"}, "", "", text_value, true, false, 0},
	{"varchar", "varchar", "varchar", {"", "varchar_pattern_ops"}, {TEXT_OPERATORS, TEXT_BTREE},
		"~<~", "~>~", text_value, true, false, 0},
	{"varchar_c_ops", "varchar COLLATE \"C\"", "varchar", {"varchar_c_ops", "varchar_ops"},
		{OWN_ORDER " ^@! @^!", OWN_ORDER " ^@ @^"}, "", "", text_value, true, false, 0},
	{"bpchar", "bpchar", "bpchar", {"", "bpchar_pattern_ops"}, {BLANKS, BLANKS},
		"~<~", "~>~", bpchar_value, false, true, 0},
	{"char(8)", "char(8)", "char(8)", {"", "bpchar_pattern_ops"}, {BLANKS, BLANKS},
		"~<~", "~>~", short_text_value, false, true, 0},
	{"bpchar_c_ops", "bpchar COLLATE \"C\"", "bpchar", {"bpchar_c_ops", "bpchar_ops"},
		{OWN_ORDER, OWN_ORDER}, "", "", bpchar_value, false, true, 0},
	{"bytea", "bytea", "bytea", {"", ""}, {OWN_ORDER " @^!", OWN_ORDER " @^"}, "", "",
		bytea_value, true, false, 0},
	PLAIN("int2", int2_value, 1),
	PLAIN("int4", int4_value, 1),
	PLAIN("int8", int8_value, 1),
	PLAIN("oid", oid_value, 0),
	PLAIN("uuid", uuid_value, 0),
	PLAIN("date", date_value, 2),
	PLAIN("timestamp", timestamp_value, 2),
	PLAIN("timestamptz", timestamp_value, 2),
	{"inet", "inet", "inet", {"", ""}, {INET_OPERATORS, INET_BTREE}, "", "", inet_value,
		false, false, 0},
	{"cidr", "cidr", "cidr", {"", ""}, {INET_OPERATORS, INET_BTREE}, "", "", cidr_value,
		false, false, 0},
};
const int	type_count = (int) (sizeof(types) / sizeof(types[0]));

const Type *
comparable_type(const Type *type)
{
	const Type *chosen = type;
	int			count = 0;

	if (type->family == 0 || random_chance(60))
		return type;
	for (int i = 0; i < type_count; i++)
		if (types[i].family == type->family && random_below(++count) == 0)
			chosen = &types[i];
	return chosen;
}
