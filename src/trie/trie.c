/*
 * trie.c
 *	  A trie's life: create, open, close, drop; and what is known about it as a whole.
 */
#include "trie/node.h"

#include <string.h>

ZpStatus
zp_trie_create(ZpArenaMap *map, ZpRef control_pool, ZpRef pool, ZpPayloadKind kind, ZpRef *trie)
{
	ZpPool	   *control;
	ZpTrie	   *made;
	ZpStatus	status;

	if (kind != ZP_PAYLOAD_NONE && kind != ZP_PAYLOAD_FIXED && kind != ZP_PAYLOAD_BLOCK)
		return ZP_BAD_ARGUMENT;
	map->map_failed = false;
	control = zp_at(map, control_pool);
	if (map->map_failed)
		return ZP_MAP_FAILED;
	status = zp_pool_alloc(map, control, sizeof(ZpTrie), trie);
	if (status != ZP_OK)
		return status;
	made = zp_at(map, *trie);
	if (map->map_failed)
	{
		(void) zp_pool_free(map, control, *trie, sizeof(ZpTrie));
		return ZP_MAP_FAILED;
	}
	memset(made, 0, sizeof(*made));
	made->magic = ZP_TRIE_MAGIC;
	made->version = ZP_TRIE_VERSION;
	made->payload_kind = kind;
	made->control_pool = control_pool;
	made->pool = pool;
	zp_versions_init(&made->versions);
	return ZP_OK;
}

/* The shared struct, checked; NULL: it cannot be mapped, or is none. */
static ZpStatus
find_trie(ZpArenaMap *map, ZpRef ref, ZpTrie **trie)
{
	if (ref < ZP_FIRST_REF)
		return ZP_CORRUPTED;
	map->map_failed = false;
	*trie = zp_at(map, ref);
	if (map->map_failed)
		return ZP_MAP_FAILED;
	if ((*trie)->magic != ZP_TRIE_MAGIC || (*trie)->version != ZP_TRIE_VERSION)
		return ZP_CORRUPTED;
	return ZP_OK;
}

ZpStatus
zp_trie_open(ZpArenaMap *map, ZpRef ref, ZpTrieSession *session)
{
	ZpTrie	   *trie;
	ZpPool	   *control_pool;
	ZpStatus	status = find_trie(map, ref, &trie);

	if (status != ZP_OK)
		return status;
	control_pool = zp_at(map, trie->control_pool);
	session->map = map;
	session->trie = trie;
	session->pool = zp_at(map, trie->pool);
	session->payload_kind = (ZpPayloadKind) trie->payload_kind;
	session->finger.bucket = NULL;
	session->entry_bytes = trie->payload_kind == ZP_PAYLOAD_NONE ? 8 : 16;
	if (map->map_failed)
		return ZP_MAP_FAILED;
	status = zp_token_attach(map, &trie->versions, control_pool, &session->token);
	if (status == ZP_OK)
		zp_pass_init(&session->pass, map, &trie->versions, session->token);
	return status;
}

void
zp_trie_close(ZpTrieSession *session)
{
	zp_pass_leave(&session->pass);
	zp_token_detach(session->map, &session->trie->versions, session->pool, session->token);
	session->token = NULL;
}

void
zp_trie_rest(ZpTrieSession *session)
{
	zp_pass_rest(&session->pass);
}

ZpStatus
zp_trie_init_access(ZpArenaMap *map, ZpRef ref, ZpAccessLevel level, uint32_t owner)
{
	ZpTrie	   *trie;
	ZpStatus	status = find_trie(map, ref, &trie);

	if (status == ZP_OK)
		zp_access_init(&trie->versions, level, owner);
	return status;
}

ZpStatus
zp_trie_access_at(ZpArenaMap *map, ZpRef ref, ZpAccessLevel *level)
{
	ZpTrie	   *trie;
	ZpStatus	status = find_trie(map, ref, &trie);

	if (status == ZP_OK)
		*level = zp_access_level(&trie->versions);
	return status;
}

ZpStatus
zp_trie_begin_reader_token(ZpTrieSession *session, ZpHold *token)
{
	return zp_hold_begin(&session->pass, token, false, 0);
}

ZpStatus
zp_trie_begin_writer_token(ZpTrieSession *session, ZpHold *token)
{
	return zp_hold_begin(&session->pass, token, true, 0);
}

void
zp_trie_end_token(ZpHold *token)
{
	if (token->pass != NULL)
		zp_hold_end(token);
}

static ZpStatus
with_token(ZpTrieSession *session, bool writer, ZpWithToken function, void *context)
{
	ZpHold		token;
	ZpStatus	status = zp_hold_begin(&session->pass, &token, writer, 0);

	if (status != ZP_OK)
		return status;
	status = function(session, &token, context);
	zp_trie_end_token(&token);
	return status;
}

ZpStatus
zp_with_reader_token(ZpTrieSession *session, ZpWithToken function, void *context)
{
	return with_token(session, false, function, context);
}

ZpStatus
zp_with_writer_token(ZpTrieSession *session, ZpWithToken function, void *context)
{
	return with_token(session, true, function, context);
}

ZpStatus
zp_trie_change_begin(ZpTrieSession *session)
{
	return zp_access_change_begin(&session->pass);
}

ZpStatus
zp_trie_change_ready(ZpTrieSession *session)
{
	return zp_access_change_ready(&session->pass);
}

void
zp_trie_change_end(ZpTrieSession *session, ZpAccessLevel level)
{
	zp_access_change_end(&session->pass, level);
}

void
zp_trie_change_undo(ZpTrieSession *session)
{
	zp_access_change_undo(&session->pass);
}

ZpStatus
zp_trie_close_for_all(ZpArenaMap *map, ZpRef ref)
{
	ZpTrie	   *trie;
	ZpStatus	status = find_trie(map, ref, &trie);

	return status != ZP_OK ? status : zp_versions_close(map, &trie->versions);
}

ZpStatus
zp_trie_free(ZpArenaMap *map, ZpRef ref)
{
	ZpTrie	   *trie;
	ZpPool	   *control_pool;
	ZpStatus	status = find_trie(map, ref, &trie);

	if (status != ZP_OK)
		return status;
	control_pool = zp_at(map, trie->control_pool);
	if (map->map_failed)
		return ZP_MAP_FAILED;
	status = zp_versions_free(map, &trie->versions, control_pool);
	if (status != ZP_OK)
		return status;
	trie->magic = 0;
	return zp_pool_free(map, control_pool, ref, sizeof(ZpTrie));
}

ZpStatus
zp_trie_enter(ZpTrieSession *session)
{
	return zp_pass_enter(&session->pass);
}

void
zp_trie_leave(ZpTrieSession *session)
{
	zp_pass_end_read(&session->pass);
}

uint64_t
zp_trie_count(ZpTrieSession *session)
{
	int64_t		sum = zp_token_sum(session->map, &session->trie->versions);

	/* While others write, one token's part may be read before another's. */
	return sum < 0 ? 0 : (uint64_t) sum;
}

uint64_t
zp_trie_reclaim(ZpTrieSession *session)
{
	/* What is kept for the next operation only would hold back our own. */
	zp_trie_rest(session);
	return zp_lazy_reclaim_all(session->map, &session->trie->versions, session->pool,
							   session->token);
}

void
zp_trie_reclaim_own(ZpTrieSession *session)
{
	zp_pass_reclaim(&session->pass, session->pool);
}

bool
zp_trie_held_back(ZpTrieSession *session, uint64_t version, uint64_t *blocks, uint64_t *bytes)
{
	return zp_lazy_held_back(session->map, &session->trie->versions, version, blocks, bytes);
}

size_t
zp_trie_token_list(ZpTrieSession *session, ZpTokenInfo *infos, size_t max)
{
	return zp_token_list(session->map, &session->trie->versions, infos, max);
}

void
zp_trie_token_stats_reset(ZpTrieSession *session, uint64_t now)
{
	zp_pass_publish(&session->pass);
	zp_token_stats_reset(session->map, &session->trie->versions, now);
}

void
zp_trie_token_stats(ZpTrieSession *session, ZpTokenStats *stats)
{
	zp_pass_publish(&session->pass);
	zp_token_stats(session->map, &session->trie->versions, stats);
}

ZpStatus
zp_copy_payload(ZpTrieSession *session, uint64_t payload, void *buffer, size_t buffer_bytes)
{
	size_t		bytes = zp_payload_bytes(payload);
	void	   *value;

	if (bytes > buffer_bytes)
		return ZP_BUFFER_TOO_SMALL;
	if (bytes == 0)
		return ZP_OK;
	value = zp_at(session->map, zp_payload_ref(payload));
	if (session->map->map_failed)
		return ZP_MAP_FAILED;
	memcpy(buffer, value, bytes);
	return ZP_OK;
}
