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
	return zp_token_attach(map, &trie->versions, control_pool, &session->token);
}

void
zp_trie_close(ZpTrieSession *session)
{
	zp_token_detach(session->map, &session->trie->versions, session->pool, session->token);
	session->token = NULL;
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
	return zp_token_acquire(&session->trie->versions, session->token);
}

void
zp_trie_leave(ZpTrieSession *session)
{
	zp_token_release(session->token);
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
	return zp_lazy_reclaim_all(session->map, &session->trie->versions, session->pool,
							   session->token);
}

void
zp_trie_reclaim_own(ZpTrieSession *session)
{
	zp_lazy_reclaim(session->map, &session->trie->versions, session->pool, session->token);
}

void
zp_trie_token_stats(ZpTrieSession *session, ZpTokenStats *stats)
{
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
