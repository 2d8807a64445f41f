/*
 * image_apply.c
 *	  Taking one entry of the log over into the trie.
 *
 * Every change is harmless if it is made again: a change that failed for want of memory, or
 * whose maker was stopped, is simply repeated from the log.
 */
#include "compat.h"

#include "am/image.h"

/* Writes key || TID || included values; returns the length. */
static size_t
secondary_key(unsigned char *to, const ZpLogEntry *entry)
{
	memcpy(to, entry->key, entry->key_bytes);
	zp_tid_encode(to + entry->key_bytes, unconstify(ItemPointerData *, &entry->tid));
	if (entry->included_bytes > 0)
		memcpy(to + entry->key_bytes + ZP_TID_BYTES, entry->included, entry->included_bytes);
	return entry->key_bytes + ZP_TID_BYTES + entry->included_bytes;
}

static inline void
count_entry(ZpImage *image, const ZpLogEntry *entry, int sign)
{
	ZpImageState *state = image->state;

	/* Only one backend writes at a time. */
	zp_store_relaxed_u64(&state->entries, zp_load_relaxed_u64(&state->entries) + (int64) sign);
	zp_store_relaxed_u64(&state->key_bytes, zp_load_relaxed_u64(&state->key_bytes) +
						 sign * (int64) entry->key_bytes);
}

ZpStatus
zp_image_insert(ZpImage *image, bool has_included, const ZpLogEntry *entry)
{
	ZpTrieSession *session = &image->session;
	uint64		payload = zp_payload_of_tid(unconstify(ItemPointerData *, &entry->tid),
											entry->key_bytes);
	unsigned char secondary[ZP_IMAGE_KEY_BYTES];
	size_t		secondary_bytes;
	uint64_t	primary = 0;
	ZpStatus	status;

	if (!has_included)
	{
		status = zp_trie_insert(session, entry->key, entry->key_bytes, payload);
		if (status == ZP_OK)
			count_entry(image, entry, 1);
		if (status != ZP_EXISTS)
			return status;
		status = zp_trie_lookup(session, entry->key, entry->key_bytes, &primary);
		if (status != ZP_OK)
			return status;
		if (((primary ^ payload) & ZP_PAYLOAD_TID_MASK) == 0)
			return ZP_OK;
	}

	secondary_bytes = secondary_key(secondary, entry);
	if (!has_included && !zp_payload_has_row(primary))
	{
		/* The primary place is free; but the entry may stand among the others already. */
		status = zp_trie_lookup(session, secondary, secondary_bytes, NULL);
		if (status == ZP_OK)
			return ZP_OK;
		if (status != ZP_NOT_FOUND)
			return status;
		status = zp_trie_upsert(session, entry->key, entry->key_bytes,
								payload | ZP_PAYLOAD_MORE, NULL);
		if (status != ZP_EXISTS && status != ZP_OK)
			return status;
		count_entry(image, entry, 1);
		return ZP_OK;
	}

	/* Who looks at the primary entry must be told before there is more. */
	if (!has_included && (primary & ZP_PAYLOAD_MORE) == 0)
	{
		status = zp_trie_upsert(session, entry->key, entry->key_bytes,
								primary | ZP_PAYLOAD_MORE, NULL);
		if (status != ZP_EXISTS && status != ZP_OK)
			return status;
	}
	status = zp_trie_insert(session, secondary, secondary_bytes, payload | ZP_PAYLOAD_SECONDARY);
	if (status == ZP_OK)
		count_entry(image, entry, 1);
	return status == ZP_EXISTS ? ZP_OK : status;
}

/* Whether the key has secondary entries: ZP_OK or ZP_NOT_FOUND. */
static ZpStatus
has_secondary(ZpTrieSession *session, const unsigned char *key, size_t key_bytes)
{
	unsigned char buffer[ZP_IMAGE_KEY_BYTES + 64];
	ZpCursor	cursor;
	ZpEntry		found;
	size_t		count;
	size_t		needed;
	ZpStatus	status;

	zp_cursor_begin(&cursor, session);
	status = zp_cursor_seek(&cursor, key, key_bytes, true);
	if (status == ZP_OK)
		status = zp_cursor_read(&cursor, ZP_FORWARD, &found, 1, buffer, sizeof(buffer),
								&count, &needed);
	zp_cursor_end(&cursor);
	if (status == ZP_END)
		return ZP_NOT_FOUND;
	if (status != ZP_OK)
		return status;
	return found.key_bytes > key_bytes && memcmp(found.key, key, key_bytes) == 0 ?
		ZP_OK : ZP_NOT_FOUND;
}

ZpStatus
zp_image_remove(ZpImage *image, bool has_included, const ZpLogEntry *entry)
{
	ZpTrieSession *session = &image->session;
	uint64		payload = zp_payload_of_tid(unconstify(ItemPointerData *, &entry->tid),
											entry->key_bytes);
	unsigned char secondary[ZP_IMAGE_KEY_BYTES];
	uint64_t	primary = 0;
	ZpStatus	status;

	if (!has_included)
	{
		status = zp_trie_lookup(session, entry->key, entry->key_bytes, &primary);
		if (status == ZP_NOT_FOUND)
			return ZP_OK;
		if (status != ZP_OK)
			return status;
		if (((primary ^ payload) & ZP_PAYLOAD_TID_MASK) == 0)
		{
			if ((primary & ZP_PAYLOAD_MORE) != 0)
			{
				status = has_secondary(session, entry->key, entry->key_bytes);
				if (status == ZP_OK)
				{
					/* The place stays, without a row. */
					status = zp_trie_upsert(session, entry->key, entry->key_bytes,
											(primary & ~ZP_PAYLOAD_TID_MASK), NULL);
					if (status == ZP_EXISTS || status == ZP_OK)
					{
						count_entry(image, entry, -1);
						status = ZP_OK;
					}
					return status;
				}
				if (status != ZP_NOT_FOUND)
					return status;
			}
			status = zp_trie_delete(session, entry->key, entry->key_bytes);
			if (status == ZP_OK)
				count_entry(image, entry, -1);
			return status == ZP_NOT_FOUND ? ZP_OK : status;
		}
	}

	status = zp_trie_delete(session, secondary, secondary_key(secondary, entry));
	if (status == ZP_NOT_FOUND)
		return ZP_OK;
	if (status != ZP_OK)
		return status;
	count_entry(image, entry, -1);
	if (has_included)
		return ZP_OK;

	/* Was it the last one? */
	status = has_secondary(session, entry->key, entry->key_bytes);
	if (status == ZP_NOT_FOUND)
	{
		if (zp_payload_has_row(primary))
			status = zp_trie_upsert(session, entry->key, entry->key_bytes,
									primary & ~ZP_PAYLOAD_MORE, NULL);
		else
			status = zp_trie_delete(session, entry->key, entry->key_bytes);
		if (status == ZP_EXISTS)
			status = ZP_OK;
	}
	return status;
}
