/*
 * options.c
 *	  WITH (...) of an index.
 */
#include "compat.h"

#include "am/options.h"
#include "mem/preset.h"

static relopt_kind option_kind;

static relopt_enum_elt_def access_members[] = {
	{"one_writer", ZP_INDEX_ONE_WRITER},
	{"multi_writer", ZP_INDEX_MULTI_WRITER},
	{NULL}
};

/* no_lock is for one backend, fixed never grows: no image can live in these. */
static relopt_enum_elt_def pool_members[] = {
	{"auto", ZP_POOL_AUTO},
	{"mutex", ZP_POOL_MUTEX},
	{"lock_free", ZP_POOL_LOCK_FREE},
	{"local_cache", ZP_POOL_LOCAL_CACHE},
	{NULL}
};

static relopt_enum_elt_def preset_members[] = {
	{"balanced", ZP_PRESET_BALANCED},
	{"performance", ZP_PRESET_PERFORMANCE},
	{"memory", ZP_PRESET_MEMORY},
	{"realtime", ZP_PRESET_REALTIME},
	{NULL}
};

void
zp_options_define(void)
{
	option_kind = add_reloption_kind();
	add_int_reloption(option_kind, "fillfactor",
					  "Percentage of a page that CREATE INDEX and compaction fill",
					  ZP_DEFAULT_FILLFACTOR, ZP_MIN_FILLFACTOR, 100,
					  ShareUpdateExclusiveLock);
	add_enum_reloption(option_kind, "access",
					   "Access level of the index's image in shared memory",
					   access_members, ZP_INDEX_ONE_WRITER,
					   "Valid values are \"one_writer\" and \"multi_writer\".",
					   ShareUpdateExclusiveLock);
	add_enum_reloption(option_kind, "pool",
					   "Level of the memory pool of the index's image",
					   pool_members, ZP_POOL_AUTO,
					   "Valid values are \"auto\", \"mutex\", \"lock_free\" and \"local_cache\".",
					   ShareUpdateExclusiveLock);
	add_enum_reloption(option_kind, "preset",
					   "Preset of the memory pool of the index's image",
					   preset_members, ZP_PRESET_BALANCED,
					   "Valid values are \"balanced\", \"performance\", \"memory\" and \"realtime\".",
					   ShareUpdateExclusiveLock);
}

bytea *
zp_index_options(Datum reloptions, bool validate)
{
	static const relopt_parse_elt elements[] = {
		{.optname = "fillfactor", .opttype = RELOPT_TYPE_INT, .offset = offsetof(ZpIndexOptions, fillfactor)},
		{.optname = "access", .opttype = RELOPT_TYPE_ENUM, .offset = offsetof(ZpIndexOptions, access)},
		{.optname = "pool", .opttype = RELOPT_TYPE_ENUM, .offset = offsetof(ZpIndexOptions, pool)},
		{.optname = "preset", .opttype = RELOPT_TYPE_ENUM, .offset = offsetof(ZpIndexOptions, preset)}
	};

	return (bytea *) build_reloptions(reloptions, validate, option_kind,
									  sizeof(ZpIndexOptions), elements, lengthof(elements));
}

void
zp_options_get(Relation index, ZpIndexOptions *options)
{
	if (index->rd_options != NULL)
		memcpy(options, index->rd_options, sizeof(*options));
	else
	{
		memset(options, 0, sizeof(*options));
		options->fillfactor = ZP_DEFAULT_FILLFACTOR;
		options->access = ZP_INDEX_ONE_WRITER;
		options->pool = ZP_POOL_AUTO;
		options->preset = ZP_PRESET_BALANCED;
	}
}
