/*
 * choices.c
 *	  Arguments that are one word of a list, and those of pools.
 *
 * The names of choices are those of the design, also where a choice is not built:
 * that is feature_not_supported, any other word invalid_parameter_value.
 */
#include "sqlapi/choices.h"

const ZpChoice zp_access_level_choices[] = {
	{"read_only", ZP_ACCESS_READ_ONLY},
	{"single_strict", ZP_ACCESS_SINGLE_STRICT},
	{"single_shared", ZP_ACCESS_SINGLE_SHARED},
	{"one_writer", ZP_ACCESS_ONE_WRITER},
	{"multi_writer", ZP_ACCESS_MULTI_WRITER},
	{NULL, 0}
};

const ZpChoice zp_pool_level_choices[] = {
	{"auto", ZP_POOL_AUTO},
	{"no_lock", ZP_POOL_NO_LOCK},
	{"mutex", ZP_POOL_MUTEX},
	{"lock_free", ZP_POOL_LOCK_FREE},
	{"local_cache", ZP_POOL_LOCAL_CACHE},
	{"fixed", ZP_POOL_FIXED},
	{NULL, 0}
};

const ZpChoice zp_preset_choices[] = {
	{"balanced", ZP_PRESET_BALANCED},
	{"performance", ZP_PRESET_PERFORMANCE},
	{"memory", ZP_PRESET_MEMORY},
	{"realtime", ZP_PRESET_REALTIME},
	{NULL, 0}
};

/* The words that can be used, for a hint. */
static char *
usable_words(const ZpChoice *choices)
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

int
zp_choose(FunctionCallInfo fcinfo, int number, const char *name, const ZpChoice *choices)
{
	char	   *word;

	if (PG_ARGISNULL(number))
		zp_null_argument(name);
	word = text_to_cstring(PG_GETARG_TEXT_PP(number));
	for (const ZpChoice *choice = choices; choice->word != NULL; choice++)
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

uint64
zp_bytes_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	int64		bytes;

	if (PG_ARGISNULL(number))
		return 0;
	bytes = PG_GETARG_INT64(number);
	if (bytes <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be positive", name),
				 errhint("Leave it null for no limit.")));
	return (uint64) bytes;
}

void
zp_check_pool_options(const ZpPoolOptions *options)
{
	if (options->capacity != 0 && options->level != ZP_POOL_FIXED &&
		options->level != ZP_POOL_AUTO)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a pool of level %s has no capacity", zp_pool_level_name(options->level)),
				 errhint("Use max_bytes for a bound, or level fixed.")));
	if (options->max_bytes != 0 && (options->level == ZP_POOL_FIXED || options->capacity != 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a pool of fixed capacity has no max_bytes"),
				 errhint("Its capacity is its bound.")));
	if (options->level == ZP_POOL_FIXED && options->capacity == 0 &&
		zp_presets[options->preset].capacity == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("level fixed needs a capacity"),
				 errhint("Give one, or use preset realtime, which has one.")));
	if (options->capacity > ZP_LARGEST_CAPACITY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("capacity of a pool must not exceed %llu bytes",
						(unsigned long long) ZP_LARGEST_CAPACITY)));
}
