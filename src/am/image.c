/*
 * image.c
 *	  Images of indexes: finding, making, loading, following the log, dropping.
 *
 * An image is an object of the registry whose name says which file it is of and which
 * incarnation of the index.  So an image can never be taken for that of another index, whatever
 * happened to files and their numbers; one that is of no use any more merely takes up memory.
 * Backends that used the index drop it at the end of their next transaction after the relation
 * cache was told of a change; others sweep when they make images, or VACUUM.
 *
 * Who finds that the image lags behind the log takes state->apply, reads the log from the cursor on,
 * and applies it entry by entry.  Loading is the same from the beginning of the log.  The holder
 * reads pages and may be interrupted; PG_TRY and a callback at the backend's end release the
 * mutex.  The cursor is moved behind a page once all of it is applied.
 *
 * Short of memory: images that nobody used in the last seconds are evicted, the least
 * recently used first, and the step is tried again.  If that does not help, this image is dropped;
 * what stays is an object without a trie that says why, and scans read the log for some time
 * before one of them tries again.
 */
#include "compat.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "storage/ipc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "am/image.h"
#include "shm/waits.h"

/* An image that was used within this time is not evicted for another one's sake. */
#define ZP_IMAGE_IDLE_US		(2 * USECS_PER_SEC)
/* A file that no catalog knows may be one that a transaction has just made. */
#define ZP_IMAGE_UNKNOWN_US		(60 * USECS_PER_SEC)
/* After a failure for want of memory scans read the log for this long; after each further one twice as long. */
#define ZP_IMAGE_RETRY_US		(5 * USECS_PER_SEC)
#define ZP_IMAGE_RETRY_DOUBLINGS	6
/* No entry of an image takes less. */
#define ZP_IMAGE_ENTRY_BYTES	12
/* How often a scan begins anew when images vanish under it, before it reads the log. */
#define ZP_IMAGE_ATTEMPTS		8

const char *const zp_image_reason_names[ZP_IMAGE_REASONS] = {
	[ZP_REASON_NONE] = NULL,
	[ZP_REASON_FIRST_USE] = "first use",
	[ZP_REASON_EVICTED] = "evicted",
	[ZP_REASON_COMPACTED] = "compacted",
	[ZP_REASON_ASKED] = "asked",
	[ZP_REASON_OPTIONS] = "options",
	[ZP_REASON_NO_MEMORY] = "out of shared memory",
	[ZP_REASON_OVER_LIMIT] = "memory limit"
};

uint64		zp_image_generation = 1;

static HTAB *images = NULL;
static uint32 drops_seen = 0;

/* The image whose mutex this backend holds. */
static ZpImage *applying = NULL;

/* ---- this backend's table of images ---- */

static void
flush_counts(ZpImage *image)
{
	if (image->state == NULL)
		return;
	if (image->scans > 0)
		zp_fetch_add_relaxed_u64(&image->state->scans, image->scans);
	if (image->log_scans > 0)
		zp_fetch_add_relaxed_u64(&image->state->log_scans, image->log_scans);
	image->scans = 0;
	image->log_scans = 0;
}

void
zp_image_close(ZpImage *image)
{
	ZpObject   *object = image->object;

	if (object == NULL)
		return;
	flush_counts(image);
	if (image->open)
	{
		zp_trie_close(&image->session);
		zp_registry_leave_pool(object);
	}
	image->open = false;
	image->written = false;
	image->object = NULL;
	image->state = NULL;
	zp_image_generation++;
	zp_registry_unpin(object);
}

static inline bool
is_dropped(const ZpImage *image)
{
	return zp_load_acquire_u32(&image->object->dropped) != 0;
}

static void
release_apply(void)
{
	if (applying != NULL)
	{
		ZpImageState *state = applying->state;

		applying = NULL;
		zp_mutex_unlock(&state->apply);
	}
}

/* Some image's index was changed or dropped: whether its file is still known is to be looked at. */
static bool suspects = false;

/* A relation's entry in the relation cache is void; InvalidOid: all are.  No catalog access here. */
static void
suspect_relation(Datum argument, Oid relation)
{
	HASH_SEQ_STATUS scan;
	ZpImage    *image;

	if (images == NULL)
		return;
	hash_seq_init(&scan, images);
	while ((image = hash_seq_search(&scan)) != NULL)
	{
		if (image->object != NULL && (relation == InvalidOid || image->relation == relation))
		{
			image->suspect = true;
			suspects = true;
		}
	}
}

/* Drops the images of suspects whose files no catalog knows any more; may access catalogs. */
static void
drop_unknown(void)
{
	HASH_SEQ_STATUS scan;
	ZpImage    *image;

	hash_seq_init(&scan, images);
	while ((image = hash_seq_search(&scan)) != NULL)
	{
		if (!image->suspect)
			continue;
		image->suspect = false;
		if (image->object == NULL || image->key.backend >= 0 ||
			OidIsValid(ZP_RELID_OF_FILE(image->key.space, image->key.file)))
			continue;
		(void) zp_registry_drop(image->object);
		zp_image_close(image);
	}
}

static void
end_of_transaction(XactEvent event, void *argument)
{
	HASH_SEQ_STATUS scan;
	ZpImage    *image;
	uint32		drops;

	if (event == XACT_EVENT_PRE_COMMIT && suspects && images != NULL && zp_backend.started)
	{
		suspects = false;
		drop_unknown();
	}
	if (images == NULL || !zp_backend.started ||
		(event != XACT_EVENT_COMMIT && event != XACT_EVENT_PARALLEL_COMMIT &&
		 event != XACT_EVENT_ABORT && event != XACT_EVENT_PARALLEL_ABORT &&
		 event != XACT_EVENT_PREPARE))
		return;
	drops = zp_load_acquire_u32(&zp_backend.control->drops);
	hash_seq_init(&scan, images);
	while ((image = hash_seq_search(&scan)) != NULL)
	{
		if (image->object == NULL)
		{
			/* Of a file that is gone, perhaps; no scan points to it between transactions. */
			if (image->scans == 0)
				(void) hash_search(images, &image->key, HASH_REMOVE, NULL);
			continue;
		}
		flush_counts(image);
		if (image->open && image->written)
		{
			zp_trie_reclaim_own(&image->session);
			image->written = false;
		}
		if (drops != drops_seen && is_dropped(image))
			zp_image_close(image);
	}
	drops_seen = drops;
}

static void
end_of_backend(int code, Datum argument)
{
	HASH_SEQ_STATUS scan;
	ZpImage    *image;

	release_apply();
	if (images == NULL || !zp_backend.started)
		return;
	hash_seq_init(&scan, images);
	while ((image = hash_seq_search(&scan)) != NULL)
	{
		if (image->object == NULL)
			continue;
		/* Nobody else can use the image of a temporary relation of ours. */
		if (image->key.backend >= 0)
			(void) zp_registry_drop(image->object);
		zp_image_close(image);
	}
}

static ZpImageKey
key_of_index(Relation index)
{
	ZpImageKey	key;

	memset(&key, 0, sizeof(key));
	key.space = ZP_SPACE_OID(index);
	key.file = ZP_FILE_NUMBER(index);
	key.backend = index->rd_backend;
	return key;
}

/* The entry of this backend's table; perhaps closed. */
static ZpImage *
image_of_index(Relation index)
{
	ZpImageKey	key = key_of_index(index);
	ZpImage    *image;
	bool		found;

	if (images == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = sizeof(ZpImageKey);
		control.entrysize = sizeof(ZpImage);
		control.hcxt = TopMemoryContext;
		images = hash_create("zipora images", 32, &control,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		RegisterXactCallback(end_of_transaction, NULL);
		CacheRegisterRelcacheCallback(suspect_relation, (Datum) 0);
		/* Before that of backend.c, which was registered before. */
		before_shmem_exit(end_of_backend, (Datum) 0);
	}
	image = hash_search(images, &key, HASH_ENTER, &found);
	if (!found)
		memset((char *) image + sizeof(key), 0, sizeof(ZpImage) - sizeof(key));
	image->relation = RelationGetRelid(index);
	return image;
}

/* ---- objects ---- */

/*
 * Two databases that were copied from one template can have the same OID one after the other, and
 * then indexes that are alike in all but what came after the copying; so the transaction that made the
 * database's row in pg_database is part of the name.
 */
static void
make_name(char *name, const ZpImageKey *key, uint64 incarnation)
{
	static TransactionId database_made = InvalidTransactionId;

	if (database_made == InvalidTransactionId)
	{
		HeapTuple	row = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));

		if (HeapTupleIsValid(row))
		{
			database_made = HeapTupleHeaderGetRawXmin(row->t_data);
			ReleaseSysCache(row);
		}
	}
	snprintf(name, ZP_NAME_BYTES, "%x/%x/%x/%x/%x%08x", database_made, key->space, key->file,
			 (uint32) key->backend, (uint32) (incarnation >> 32), (uint32) incarnation);
}

/* The state that an image begins with: that of `old` (may be NULL), as far as it is to stay. */
static void
make_state(ZpImageState *state, const ZpImageKey *key, uint64 incarnation,
		   ZpImagePhase phase, ZpImageReason reason, const ZpIndexOptions *options,
		   ZpImageState *old)
{
	memset(state, 0, sizeof(*state));
	state->incarnation = incarnation;
	state->space = key->space;
	state->file = key->file;
	state->backend = key->backend;
	zp_store_relaxed_u32(&state->phase, phase);
	zp_store_relaxed_u32(&state->reason, reason);
	if (options != NULL)
	{
		state->access = options->access;
		state->pool = options->pool;
		state->preset = options->preset;
	}
	if (old != NULL)
	{
		zp_store_relaxed_u64(&state->scans, zp_load_relaxed_u64(&old->scans));
		zp_store_relaxed_u64(&state->log_scans, zp_load_relaxed_u64(&old->log_scans));
		zp_store_relaxed_u64(&state->loads, zp_load_relaxed_u64(&old->loads));
		zp_store_relaxed_u64(&state->evictions, zp_load_relaxed_u64(&old->evictions));
		zp_store_relaxed_u64(&state->applied, zp_load_relaxed_u64(&old->applied));
		zp_store_relaxed_u64(&state->killed, zp_load_relaxed_u64(&old->killed));
		zp_store_relaxed_u64(&state->used_at, zp_load_relaxed_u64(&old->used_at));
	}
	if (phase != ZP_IMAGE_ABSENT)
		zp_store_relaxed_u64(&state->used_at, (uint64) GetCurrentTimestamp());
	if (reason == ZP_REASON_NO_MEMORY || reason == ZP_REASON_OVER_LIMIT)
	{
		/* Also while a new attempt is made: only its success forgets them. */
		if (old != NULL)
			zp_store_relaxed_u64(&state->refusals, zp_load_relaxed_u64(&old->refusals));
		if (phase == ZP_IMAGE_ABSENT)
			zp_fetch_add_relaxed_u64(&state->refusals, 1);
		zp_store_relaxed_u64(&state->refused_at, (uint64) GetCurrentTimestamp());
		zp_store_relaxed_u64(&state->refused_limit, (uint64) zp_memory_limit);
	}
}

/* What the registry is to make: an object with this state, which must live as long as the spec. */
static void
make_spec(ZpObjectSpec *spec, Oid database, const char *name, const ZpImageState *state)
{
	memset(spec, 0, sizeof(*spec));
	spec->kind = ZP_OBJECT_IMAGE;
	spec->database = database;
	spec->image = state;
	strlcpy(spec->name, name, ZP_NAME_BYTES);
}

/* Somebody was quicker to make a new object: adds the old one's statistics to its own. */
static void
add_statistics(const char *name, ZpImageState *old)
{
	ZpObject   *object;
	ZpImageState *state;

	if (zp_registry_try_pin(ZP_OBJECT_IMAGE, name, &object) != ZP_OK)
		return;
	state = zp_registry_image_state(object);
	if (state != NULL)
	{
		zp_fetch_add_relaxed_u64(&state->scans, zp_load_relaxed_u64(&old->scans));
		zp_fetch_add_relaxed_u64(&state->log_scans, zp_load_relaxed_u64(&old->log_scans));
		zp_fetch_add_relaxed_u64(&state->loads, zp_load_relaxed_u64(&old->loads));
		zp_fetch_add_relaxed_u64(&state->evictions, zp_load_relaxed_u64(&old->evictions));
		zp_fetch_add_relaxed_u64(&state->applied, zp_load_relaxed_u64(&old->applied));
		zp_fetch_add_relaxed_u64(&state->killed, zp_load_relaxed_u64(&old->killed));
	}
	zp_registry_unpin(object);
}

/*
 * Puts an object without a trie in the place of one that was dropped, which is pinned, so
 * that its statistics stay.  Without memory even for that they are lost.
 */
static void
leave_placeholder(ZpObject *object, ZpImageState *old, ZpImageReason reason)
{
	ZpObjectSpec spec;
	ZpImageState state;
	ZpImageKey	key;

	memset(&key, 0, sizeof(key));
	key.space = old->space;
	key.file = old->file;
	key.backend = old->backend;
	make_state(&state, &key, old->incarnation, ZP_IMAGE_ABSENT, reason, NULL, old);
	if (reason == ZP_REASON_EVICTED || reason == ZP_REASON_ASKED)
		zp_fetch_add_relaxed_u64(&state.evictions, 1);
	make_spec(&spec, object->database, object->name, &state);
	if (zp_registry_try_create(&spec) == ZP_EXISTS)
		add_statistics(spec.name, &state);
}

/* Drops an object that is pinned and has a trie. */
static bool
drop_object(ZpObject *object, ZpImageReason reason)
{
	ZpImageState *state = zp_registry_image_state(object);
	bool		dropped = zp_registry_drop(object);

	if (dropped && state != NULL)
		leave_placeholder(object, state, reason);
	return dropped;
}

/* Evicts the image that has not been used for longest; false: there is none. */
static bool
evict_one(ZpObject *except)
{
	ZpObject   *object = zp_registry_pin_idle_image(except, GetCurrentTimestamp() -
													ZP_IMAGE_IDLE_US);

	if (object == NULL)
		return false;
	PG_TRY();
	{
		(void) drop_object(object, ZP_REASON_EVICTED);
	}
	PG_FINALLY();
	{
		zp_registry_unpin(object);
	}
	PG_END_TRY();
	return true;
}

static inline bool
is_memory_short(ZpStatus status)
{
	return status == ZP_OUT_OF_MEMORY || status == ZP_OVER_LIMIT;
}

/* Makes the object of an image, pinned; what is there already is taken. */
static ZpStatus
make_object(ZpImage *image, const ZpIndexOptions *options, ZpImageState *old,
			ZpImageReason reason)
{
	ZpObjectSpec spec;
	ZpImageState state;
	char		name[ZP_NAME_BYTES];
	ZpStatus	status;

	make_name(name, &image->key, image->incarnation);
	make_spec(&spec, MyDatabaseId, name, &state);
	spec.access = options->access == ZP_INDEX_MULTI_WRITER ? ZP_ACCESS_MULTI_WRITER :
		ZP_ACCESS_ONE_WRITER;
	spec.pool.level = (ZpPoolLevel) options->pool;
	spec.pool.preset = (ZpPresetName) options->preset;
	make_state(&state, &image->key, image->incarnation, ZP_IMAGE_EMPTY, reason, options, old);
	for (;;)
	{
		status = zp_registry_try_create(&spec);
		if (status == ZP_CANCELLED)
			CHECK_FOR_INTERRUPTS();
		else if (!is_memory_short(status) || !evict_one(NULL))
			break;
	}
	if (is_memory_short(status))
	{
		/* So that it can be seen why. */
		reason = status == ZP_OVER_LIMIT ? ZP_REASON_OVER_LIMIT : ZP_REASON_NO_MEMORY;
		make_state(&state, &image->key, image->incarnation, ZP_IMAGE_ABSENT, reason, options,
				   old);
		(void) zp_registry_try_create(&spec);
		return status;
	}
	return status == ZP_EXISTS ? ZP_OK : status;
}

/* Makes an object without a trie that says that the image is too large; false: not even that. */
static bool
refuse(ZpImage *image, const ZpIndexOptions *options)
{
	ZpObjectSpec spec;
	ZpImageState state;
	char		name[ZP_NAME_BYTES];
	ZpStatus	status;

	make_state(&state, &image->key, image->incarnation, ZP_IMAGE_ABSENT, ZP_REASON_OVER_LIMIT,
			   options, NULL);
	make_name(name, &image->key, image->incarnation);
	make_spec(&spec, MyDatabaseId, name, &state);
	status = zp_registry_try_create(&spec);
	return status == ZP_OK || status == ZP_EXISTS;
}

/* Whether an object without a trie is to be left as it is for now. */
static bool
is_refused(ZpImageState *state)
{
	uint64		at = zp_load_relaxed_u64(&state->refused_at);
	uint64		refusals = zp_load_relaxed_u64(&state->refusals);
	int			doublings = (int) Min(refusals > 0 ? refusals - 1 : 0,
									  ZP_IMAGE_RETRY_DOUBLINGS);

	return at != 0 && zp_load_relaxed_u64(&state->refused_limit) == (uint64) zp_memory_limit &&
		GetCurrentTimestamp() < (TimestampTz) at + (ZP_IMAGE_RETRY_US << doublings);
}

/* Now and then, before memory is taken for a new image. */
static void
sweep_sometimes(void)
{
	static TimestampTz last = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (now > last + ZP_IMAGE_UNKNOWN_US)
	{
		last = now;
		(void) zp_images_sweep();
	}
}

/* Whether the image was made with these options. */
static bool
has_options(const ZpImageState *state, const ZpIndexOptions *options)
{
	return state->access == options->access && state->pool == options->pool &&
		state->preset == options->preset;
}

/*
 * Finds the object of an index's image and opens it.  options NULL: only if it is there, without
 * making one.  fits: it is worth trying to load it.  false: there is none, or it has no trie.
 */
static bool
attach(ZpImage *image, uint64 incarnation, const ZpIndexOptions *options, bool fits)
{
	char		name[ZP_NAME_BYTES];
	ZpStatus	status;

	if (image->object != NULL && image->incarnation != incarnation)
	{
		/* The file was emptied and filled again: the old image is of no use to anybody. */
		(void) zp_registry_drop(image->object);
		zp_image_close(image);
	}
	if (image->object != NULL && is_dropped(image))
		zp_image_close(image);
	if (image->open && options != NULL && !has_options(image->state, options))
	{
		(void) drop_object(image->object, ZP_REASON_OPTIONS);
		zp_image_close(image);
	}
	if (image->open)
		return true;
	image->incarnation = incarnation;
	make_name(name, &image->key, incarnation);
	for (int attempt = 0; attempt < ZP_IMAGE_ATTEMPTS; attempt++)
	{
		ZpImageState old;
		ZpImageReason reason = ZP_REASON_FIRST_USE;
		bool		has_old = false;

		CHECK_FOR_INTERRUPTS();
		if (image->object == NULL)
		{
			status = zp_registry_try_pin(ZP_OBJECT_IMAGE, name, &image->object);
			if (status != ZP_OK)
				image->object = NULL;
			if (status != ZP_OK && status != ZP_NOT_FOUND)
				return false;
		}
		if (image->object != NULL && image->state == NULL)
		{
			image->state = zp_registry_image_state(image->object);
			if (image->state == NULL)
			{
				zp_image_close(image);
				return false;
			}
		}
		if (image->object != NULL && image->object->trie != ZP_NULL_REF)
		{
			status = zp_trie_open(&zp_backend.map, image->object->trie, &image->session);
			if (status == ZP_OK)
			{
				image->open = true;
				return true;
			}
			zp_image_close(image);
			if (status == ZP_DROPPED)
				continue;
			if (!is_memory_short(status) || !evict_one(NULL))
				return false;
			continue;
		}
		if (options == NULL)
			return false;
		if (image->object == NULL && !fits)
		{
			if (!refuse(image, options))
				return false;
			continue;
		}
		if (image->object != NULL)
		{
			/* No trie: make an object that has one. */
			if (!fits)
				zp_store_relaxed_u32(&image->state->reason, ZP_REASON_OVER_LIMIT);
			if (!fits || is_refused(image->state))
				return false;
			reason = (ZpImageReason) zp_load_relaxed_u32(&image->state->reason);
			memcpy(&old, image->state, sizeof(old));
			has_old = true;
			(void) zp_registry_drop(image->object);
			zp_image_close(image);
		}
		sweep_sometimes();
		status = make_object(image, options, has_old ? &old : NULL, reason);
		if (status != ZP_OK)
			return false;
	}
	return false;
}

/* ---- following the log ---- */

/* Moves the cursor; the caller holds the mutex. */
static void
set_cursor(ZpImageState *state, BlockNumber block, uint64 birth, uint16 offset)
{
	if (zp_load_relaxed_u64(&state->birth) != birth)
		zp_store_relaxed_u64(&state->birth, 0);
	zp_store_release_u64(&state->place, (uint64) block << 16 | offset);
	zp_store_release_u64(&state->birth, birth);
}

/* Reads the cursor without the mutex; false: it is being moved, or there is none. */
static bool
get_cursor(ZpImageState *state, BlockNumber *block, uint64 *birth, uint16 *offset)
{
	uint64		place;

	*birth = zp_load_acquire_u64(&state->birth);
	place = zp_load_acquire_u64(&state->place);
	*block = (BlockNumber) (place >> 16);
	*offset = (uint16) place;
	return *birth != 0 && zp_load_relaxed_u64(&state->birth) == *birth;
}

/* Whether the image is ready and nothing has been appended since it last followed the log. */
static bool
is_current(ZpImage *image, Relation index, const ZpLogMeta *meta)
{
	ZpImageState *state = image->state;
	BlockNumber block;
	uint64		birth;
	uint16		offset;
	Buffer		buffer;
	Page		page;
	bool		current;

	if (zp_load_acquire_u32(&state->phase) != ZP_IMAGE_READY ||
		zp_load_acquire_u64(&state->generation) != meta->generation ||
		!get_cursor(state, &block, &birth, &offset))
		return false;
	buffer = ReadBuffer(index, block);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	current = !PageIsNew(page) &&
		zp_page_mark(page)->incarnation == meta->incarnation &&
		zp_page_mark(page)->birth == birth &&
		zp_page_mark(page)->next == InvalidBlockNumber &&
		zp_page_lower(page) == offset;
	UnlockReleaseBuffer(buffer);
	return current;
}

typedef enum ZpFollowed
{
	ZP_FOLLOWED,				/* the image is complete */
	ZP_FOLLOW_AGAIN,			/* the object is gone: attach again */
	ZP_FOLLOW_REFUSED			/* no memory: read the log */
} ZpFollowed;

/* Takes out the entries that a tombstone names. */
static ZpStatus
apply_tombstone(ZpImage *image, Relation index, ZpLogWalk *walk, const ZpLogEntry *tombstone,
				Page target, ZpLogDecoder *decoder, bool *moved)
{
	ZpStatus	status = ZP_OK;
	ZpLogEntry	entry;
	size_t		next = 0;

	*moved = !zp_page_read(index, tombstone->target, walk->incarnation,
						   tombstone->target_birth, walk->strategy, target);
	if (*moved)
		return ZP_OK;
	zp_decoder_begin(decoder, index, tombstone->target, target, walk->has_included);
	zp_fetch_add_relaxed_u64(&image->state->removals, tombstone->target_count);
	while (status == ZP_OK && next < tombstone->target_count &&
		   zp_decoder_next(decoder, &entry))
	{
		if (entry.offset != zp_load_uint16(tombstone->targets + next * sizeof(uint16)))
			continue;
		next++;
		if (!entry.dead)
			zp_page_corrupted(index, walk->block, "A tombstone names an entry that is alive.");
		status = zp_image_remove(image, walk->has_included, &entry);
	}
	if (status == ZP_OK && next < tombstone->target_count)
		zp_page_corrupted(index, walk->block, "A tombstone names an entry that is not there.");
	return status;
}

/* Applies a page's entries, from where the decoder stands. */
static ZpStatus
apply_page(ZpImage *image, Relation index, ZpLogWalk *walk, Page target,
		   ZpLogDecoder *target_decoder, uint64 *count, bool *moved)
{
	ZpLogEntry	entry;
	ZpStatus	status = ZP_OK;

	*moved = false;
	while (!*moved && zp_decoder_next(&walk->decoder, &entry))
	{
		for (;;)
		{
			if (entry.tombstone)
				status = apply_tombstone(image, index, walk, &entry, target, target_decoder,
										 moved);
			else if (entry.dead)
				status = ZP_OK;
			else
				status = zp_image_insert(image, walk->has_included, &entry);
			if (status == ZP_CANCELLED)
				CHECK_FOR_INTERRUPTS();
			else if (!is_memory_short(status) || !evict_one(image->object))
				break;
		}
		if (status != ZP_OK)
			return status;
		(*count)++;
	}
	return ZP_OK;
}

/* Applies what the image lacks; the mutex is held. */
static ZpStatus
apply_log(ZpImage *image, Relation index, const ZpLogMeta *meta, bool *moved)
{
	ZpImageState *state = image->state;
	bool		load = zp_load_relaxed_u32(&state->phase) != ZP_IMAGE_READY;
	bool		fresh;			/* from the beginning of the chain */
	BlockNumber block;
	uint64		birth;
	uint16		offset;
	ZpLogWalk	walk;
	ZpWalkResult result;
	ZpLogDecoder *target_decoder = palloc(sizeof(ZpLogDecoder));
	Page		target = palloc(BLCKSZ);
	ZpStatus	status = ZP_OK;
	BufferAccessStrategy strategy = NULL;
	uint64		count = 0;

	image->written = true;
	fresh = load && zp_load_relaxed_u64(&state->birth) == 0;
	if (fresh)
	{
		zp_store_relaxed_u32(&state->phase, ZP_IMAGE_LOADING);
		zp_store_relaxed_u64(&state->killed_since_load, 0);
		block = meta->first;
		birth = meta->first_birth;
		offset = ZP_PAGE_FIRST;
	}
	else
	{
		/* A load that was stopped goes on where it was. */
		uint64		place = zp_load_relaxed_u64(&state->place);

		block = (BlockNumber) (place >> 16);
		offset = (uint16) place;
		birth = zp_load_relaxed_u64(&state->birth);
	}

	if (load)
		strategy = zp_walk_strategy(index);
	zp_walk_begin(&walk, index, strategy, meta->incarnation, block, birth);
	result = zp_walk_next_page(&walk);
	if (result == ZP_WALK_PAGE)
		zp_decoder_seek(&walk.decoder, offset);
	while (result == ZP_WALK_PAGE)
	{
		status = apply_page(image, index, &walk, target, target_decoder, &count, moved);
		if (status != ZP_OK || *moved)
			break;
		if (load)
			zp_fetch_add_relaxed_u64(&state->pages_read, 1);
		set_cursor(state, walk.block, walk.birth, zp_page_lower(walk.page));
		result = zp_walk_next_page(&walk);
	}
	*moved = *moved || result == ZP_WALK_MOVED;
	if (*moved && fresh && !zp_meta_has_changed(index, meta))
		zp_page_corrupted(index, result == ZP_WALK_MOVED ? walk.next : walk.block,
						  "The chain of pages is broken.");
	if (status == ZP_OK && !*moved)
	{
		zp_store_release_u64(&state->generation, meta->generation);
		if (load)
		{
			zp_fetch_add_relaxed_u64(&state->loads, 1);
			zp_store_relaxed_u64(&state->refusals, 0);
			zp_store_release_u32(&state->phase, ZP_IMAGE_READY);
		}
	}
	if (!load)
		zp_fetch_add_relaxed_u64(&state->applied, count);
	if (strategy != NULL)
		FreeAccessStrategy(strategy);
	zp_walk_end(&walk);
	pfree(target);
	pfree(target_decoder);
	return status;
}

/* Makes the image complete; with only_try, not if somebody else is at it. */
static ZpFollowed
follow(ZpImage *image, Relation index, bool only_try)
{
	ZpImageState *state = image->state;
	ZpObject   *object = image->object;
	ZpStatus	status;
	ZpLogMeta	meta;
	bool		moved = false;
	ZpImageReason reason;

	if (only_try)
	{
		if (!zp_mutex_try_lock(&state->apply))
			return ZP_FOLLOW_AGAIN;
	}
	else
	{
		while (zp_mutex_lock(&state->apply, &zp_wait_hooks, NULL) == ZP_CANCELLED)
			CHECK_FOR_INTERRUPTS();
	}
	applying = image;
	PG_TRY();
	{
		/* Here and not before: compaction may have changed the metapage while we waited. */
		zp_meta_read(index, &meta);
		if (is_dropped(image) || meta.incarnation != state->incarnation)
			status = ZP_DROPPED;
		else
			status = apply_log(image, index, &meta, &moved);
	}
	PG_FINALLY();
	{
		release_apply();
	}
	PG_END_TRY();

	if (status == ZP_OK && !moved)
		return ZP_FOLLOWED;
	if (status == ZP_OK)
		reason = ZP_REASON_COMPACTED;
	else if (status == ZP_OVER_LIMIT)
		reason = ZP_REASON_OVER_LIMIT;
	else
		reason = ZP_REASON_NO_MEMORY;
	if (status != ZP_DROPPED)
		(void) drop_object(object, reason);
	zp_image_close(image);
	return status == ZP_OK || status == ZP_DROPPED ? ZP_FOLLOW_AGAIN : ZP_FOLLOW_REFUSED;
}

void
zp_image_touch(ZpImage *image)
{
	uint64		now = (uint64) GetCurrentTimestamp();

	if (now > zp_load_relaxed_u64(&image->state->used_at) + USECS_PER_SEC)
		zp_store_relaxed_u64(&image->state->used_at, now);
}

/* The last failure to have any shared memory at all. */
static TimestampTz start_failed_at = 0;
static ZpImageReason start_failure = ZP_REASON_NONE;

/* As zp_backend_try_start, but not again and again in vain. */
static bool
try_start(void)
{
	ZpStatus	status;

	if (zp_backend.started)
		return zp_backend_try_start() == ZP_OK;
	if (start_failure != ZP_REASON_NONE &&
		GetCurrentTimestamp() < start_failed_at + ZP_IMAGE_RETRY_US)
		return false;
	status = zp_backend_try_start();
	start_failure = status == ZP_OK ? ZP_REASON_NONE :
		status == ZP_OVER_LIMIT ? ZP_REASON_OVER_LIMIT : ZP_REASON_NO_MEMORY;
	start_failed_at = GetCurrentTimestamp();
	return status == ZP_OK;
}

ZpImageReason
zp_image_start_failed(void)
{
	return start_failure;
}

/* Whether it is worth trying: others would be evicted in vain for what is too large by itself. */
static bool
can_fit(const ZpLogMeta *meta)
{
	return zp_memory_limit == 0 ||
		meta->base_entries * ZP_IMAGE_ENTRY_BYTES < (uint64) zp_memory_limit * 1024;
}

ZpImage *
zp_image_get(Relation index, const ZpIndexOptions *options)
{
	ZpImage    *image;

	if (!try_start())
		return NULL;
	image = image_of_index(index);
	for (int attempt = 0; attempt < ZP_IMAGE_ATTEMPTS; attempt++)
	{
		ZpLogMeta	meta;
		ZpFollowed	followed;

		CHECK_FOR_INTERRUPTS();
		zp_meta_read(index, &meta);
		if (!attach(image, meta.incarnation, options, can_fit(&meta)))
			return NULL;
		zp_image_touch(image);
		if (is_current(image, index, &meta))
			return image;
		followed = follow(image, index, false);
		if (followed == ZP_FOLLOWED)
			return image;
		if (followed == ZP_FOLLOW_REFUSED)
			return NULL;
	}
	return NULL;
}

ZpImage *
zp_image_peek(Relation index, uint64 incarnation)
{
	ZpImage    *image;

	if (!try_start())
		return NULL;
	image = image_of_index(index);
	(void) attach(image, incarnation, NULL, false);
	return image->object != NULL ? image : NULL;
}

void
zp_image_follow(Relation index, bool wait)
{
	ZpLogMeta	meta;
	ZpImage    *image;

	if (!try_start())
		return;
	zp_meta_read(index, &meta);
	image = zp_image_peek(index, meta.incarnation);
	if (image != NULL && image->open &&
		zp_load_acquire_u32(&image->state->phase) == ZP_IMAGE_READY)
		(void) follow(image, index, !wait);
}

bool
zp_image_evict(Relation index, ZpImageReason reason)
{
	ZpLogMeta	meta;
	ZpImage    *image;
	bool		dropped = false;

	zp_meta_read(index, &meta);
	image = zp_image_peek(index, meta.incarnation);
	if (image == NULL)
		return false;
	if (image->open)
	{
		dropped = drop_object(image->object, reason);
		zp_image_close(image);
	}
	return dropped;
}

void
zp_image_count_scan(Relation index, bool from_log)
{
	ZpImage    *image;

	if (!zp_backend.started)
		return;
	image = image_of_index(index);
	image->scans++;
	if (from_log)
		image->log_scans++;
}

void
zp_image_kill(ZpImage *image, uint64 removals, const ZpKeyLayout *layout,
			  const ZpRecord *records, int count)
{
	ZpImageState *state = image->state;
	bool		has_included = layout->attributes > layout->columns;
	ZpStatus	status = ZP_OK;

	/* It is a convenience: not worth a wait. */
	if (!image->open || is_dropped(image) || !zp_mutex_try_lock(&state->apply))
		return;
	applying = image;
	if (zp_load_relaxed_u64(&state->removals) == removals &&
		zp_load_relaxed_u32(&state->phase) == ZP_IMAGE_READY)
	{
		image->written = true;
		zp_fetch_add_relaxed_u64(&state->removals, count);
		for (int i = 0; i < count && status == ZP_OK; i++)
		{
			ZpLogEntry	entry = {0};

			entry.tid = records[i].tid;
			entry.key = records[i].key;
			entry.key_bytes = records[i].key_bytes;
			entry.included = records[i].included;
			entry.included_bytes = records[i].included_bytes;
			status = zp_image_remove(image, has_included, &entry);
			if (status == ZP_OK)
			{
				zp_fetch_add_relaxed_u64(&state->killed, 1);
				zp_fetch_add_relaxed_u64(&state->killed_since_load, 1);
			}
		}
	}
	release_apply();
}

int
zp_images_sweep(void)
{
	ZpObjectInfo *infos;
	int			count;
	int			dropped = 0;

	if (!try_start())
		return 0;
	/* Databases that are no more. */
	dropped = zp_registry_sweep();
	infos = zp_registry_list(ZP_OBJECT_IMAGE, MyDatabaseId, &count);
	for (int i = 0; i < count; i++)
	{
		ZpImageState *state = &infos[i].image;
		ZpObject   *object;

		/* A temporary relation's goes with its backend, which may have been killed. */
		if ((TimestampTz) zp_load_relaxed_u64(&state->used_at) >
			GetCurrentTimestamp() - ZP_IMAGE_UNKNOWN_US ||
			(state->backend >= 0 ? ZP_IS_BACKEND_ALIVE(state->backend) :
			 OidIsValid(ZP_RELID_OF_FILE(state->space, state->file))))
			continue;
		if (zp_registry_try_pin(ZP_OBJECT_IMAGE, infos[i].name, &object) != ZP_OK)
			continue;
		PG_TRY();
		{
			if (zp_registry_drop(object))
				dropped++;
		}
		PG_FINALLY();
		{
			zp_registry_unpin(object);
		}
		PG_END_TRY();
	}
	pfree(infos);
	return dropped;
}
