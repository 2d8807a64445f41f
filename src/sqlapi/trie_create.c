/*
 * trie_create.c
 *	  zipora_create, zipora_drop.
 *
 * The names of choices are those of the design, also where a choice is not built:
 * that is feature_not_supported, any other word invalid_parameter_value.
 */
#include "sqlapi/sqlapi.h"

#define ZP_NOT_BUILT (-1)

/* A word that an argument may be, and what it stands for. */
typedef struct Choice
{
	const char *word;
	int			meaning;		/* ZP_NOT_BUILT: known, but not built */
} Choice;

static const Choice value_types[] = {
	{"none", ZP_VALUE_NONE},
	{"bigint", ZP_VALUE_BIGINT},
	{"text", ZP_VALUE_TEXT},
	{"bytea", ZP_VALUE_BYTEA},
	{"jsonb", ZP_VALUE_JSONB},
	{NULL, 0}
};

static const Choice access_levels[] = {
	{"multi_writer", 0},
	{"one_writer", ZP_NOT_BUILT},
	{"single_shared", ZP_NOT_BUILT},
	{"single_strict", ZP_NOT_BUILT},
	{"read_only", ZP_NOT_BUILT},
	{NULL, 0}
};

/* auto: several sessions may come at any time, so it is mutex. */
static const Choice pool_levels[] = {
	{"auto", ZP_POOL_MUTEX},
	{"mutex", ZP_POOL_MUTEX},
	{"no_lock", ZP_POOL_NO_LOCK},
	{"lock_free", ZP_NOT_BUILT},
	{"local_cache", ZP_NOT_BUILT},
	{"fixed", ZP_NOT_BUILT},
	{NULL, 0}
};

static const Choice presets[] = {
	{"balanced", 0},
	{"performance", ZP_NOT_BUILT},
	{"memory", ZP_NOT_BUILT},
	{"realtime", ZP_NOT_BUILT},
	{NULL, 0}
};

PG_FUNCTION_INFO_V1(zipora_create);
PG_FUNCTION_INFO_V1(zipora_drop);

/* The words that can be used, for a hint. */
static char *
usable_words(const Choice *choices)
{
	StringInfoData text;

	initStringInfo(&text);
	for (; choices->word != NULL; choices++)
	{
		if (choices->meaning == ZP_NOT_BUILT)
			continue;
		appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "", choices->word);
	}
	return text.data;
}

/* What argument `number`, called `name`, stands for. */
static int
choose(FunctionCallInfo fcinfo, int number, const char *name, const Choice *choices)
{
	char	   *word;

	if (PG_ARGISNULL(number))
		zp_null_argument(name);
	word = text_to_cstring(PG_GETARG_TEXT_PP(number));
	for (const Choice *choice = choices; choice->word != NULL; choice++)
	{
		if (strcmp(choice->word, word) != 0)
			continue;
		if (choice->meaning == ZP_NOT_BUILT)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("%s \"%s\" is not supported", name, word),
					 errhint("Supported: %s.", usable_words(choices))));
		return choice->meaning;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid %s: \"%s\"", name, word),
			 errhint("Supported: %s.", usable_words(choices))));
}

PGDLLEXPORT Datum
zipora_create(PG_FUNCTION_ARGS)
{
	ZpObjectSpec spec;
	text	   *name;
	bool		if_not_exists;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a trie");
	name = PG_GETARG_TEXT_PP(0);
	zp_check_name(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), spec.name);
	spec.value_type = (ZpValueType) choose(fcinfo, 1, "value_type", value_types);
	(void) choose(fcinfo, 2, "access", access_levels);
	spec.pool_level = (ZpPoolLevel) choose(fcinfo, 3, "pool_level", pool_levels);
	(void) choose(fcinfo, 4, "preset", presets);
	spec.max_bytes = 0;
	if (!PG_ARGISNULL(5))
	{
		int64		max_bytes = PG_GETARG_INT64(5);

		if (max_bytes <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("max_bytes must be positive"),
					 errhint("Leave it null for no limit.")));
		spec.max_bytes = (uint64) max_bytes;
	}
	if_not_exists = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6);

	if (zp_registry_create(&spec))
		PG_RETURN_BOOL(true);
	if (!if_not_exists)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("trie \"%s\" already exists", spec.name)));
	ereport(NOTICE,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("trie \"%s\" already exists, skipping", spec.name)));
	PG_RETURN_BOOL(false);
}

PGDLLEXPORT Datum
zipora_drop(PG_FUNCTION_ARGS)
{
	text	   *name;
	bool		if_exists;
	char		copy[ZP_NAME_BYTES];
	ZpHandle   *handle;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a trie");
	name = PG_GETARG_TEXT_PP(0);
	zp_check_name(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), copy);
	if_exists = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);

	/* Not opened: a token takes memory, and dropping must work without any. */
	handle = zp_handle_find(copy, strlen(copy), ZP_PRIVILEGE_OWN, true);
	if (handle != NULL && zp_registry_drop(handle->object))
	{
		zp_handle_close(handle);
		PG_RETURN_BOOL(true);
	}
	if (handle != NULL)
		zp_handle_close(handle);
	if (!if_exists)
		zp_report_unknown(copy);
	ereport(NOTICE,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("trie \"%s\" does not exist, skipping", copy)));
	PG_RETURN_BOOL(false);
}
