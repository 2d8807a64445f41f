/*
 * bucket.c
 *	  Work on one bucket: its order, a new entry, a dead one.
 */
#include "trie/bucket.h"

/* Puts the bytes that a head has into room (8 bytes); where the suffix's others are, behind five. */
static const unsigned char *
behind_five(const ZpBucket *bucket, uint64_t head, unsigned char *room, size_t *suffix_bytes)
{
	zp_store_big_endian(room, head);
	if (zp_head_is_long(head))
		return zp_heap_rest(bucket, head, suffix_bytes);
	*suffix_bytes = (head & 0xFF) - 1;
	return room + ZP_HEAD_LONG_BYTES;
}

static inline size_t
least_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

int
zp_head_compare(const ZpBucket *bucket, uint64_t head, const unsigned char *at, size_t bytes)
{
	unsigned char room[8];
	size_t		suffix_bytes;
	const unsigned char *rest = behind_five(bucket, head, room, &suffix_bytes);
	size_t		common = least_size(suffix_bytes, bytes);
	int			order = memcmp(room, at, least_size(common, ZP_HEAD_LONG_BYTES));

	if (order == 0 && common > ZP_HEAD_LONG_BYTES)
		order = memcmp(rest, at + ZP_HEAD_LONG_BYTES, common - ZP_HEAD_LONG_BYTES);
	return order != 0 ? order : (suffix_bytes > bytes) - (suffix_bytes < bytes);
}

/* Their first five bytes are the same, or zeros behind the end of a shorter one. */
bool
zp_head_less_long(const ZpBucket *bucket, uint64_t a, uint64_t b)
{
	unsigned char a_room[8];
	unsigned char b_room[8];
	size_t		a_bytes;
	size_t		b_bytes;
	const unsigned char *a_rest = behind_five(bucket, a, a_room, &a_bytes);
	const unsigned char *b_rest = behind_five(bucket, b, b_room, &b_bytes);
	size_t		common = least_size(a_bytes, b_bytes);
	int			order = common <= ZP_HEAD_LONG_BYTES ? 0
		: memcmp(a_rest, b_rest, common - ZP_HEAD_LONG_BYTES);

	return order != 0 ? order < 0 : a_bytes < b_bytes;
}

void
zp_bucket_order(ZpBucket *bucket, uint32_t state, size_t entry_bytes, ZpBucketOrder *order)
{
	uint32_t	count = zp_state_count(state);
	uint32_t	sorted = zp_state_sorted(state);
	uint64_t	heads[ZP_BUCKET_ENTRIES];
	uint64_t	keys[ZP_BUCKET_ENTRIES];
	uint32_t	n = 0;

	if (sorted == count)
	{
		for (uint32_t entry = 0; entry < count; entry++)
		{
			uint64_t	head = zp_load_relaxed_u64(zp_bucket_head(bucket, entry, entry_bytes));

			order->head[n] = head;
			order->entry[n] = (uint8_t) entry;
			n += head != ZP_HEAD_DEAD;
		}
		order->count = n;
		return;
	}

	/* By the seven bytes of the heads, with the entries' numbers behind them. */
	for (uint32_t entry = 0; entry < count; entry++)
	{
		uint64_t	head = zp_load_relaxed_u64(zp_bucket_head(bucket, entry, entry_bytes));
		uint64_t	key = (head & ~UINT64_C(0xFF)) | entry;
		uint32_t	at = n;

		if (head == ZP_HEAD_DEAD)
			continue;
		heads[entry] = head;
		if (entry >= sorted)
		{
			for (; at > 0 && keys[at - 1] > key; at--)
				keys[at] = keys[at - 1];
		}
		keys[at] = key;
		n++;
	}

	/* What the five bytes that all heads have do not tell apart is put in order then. */
	for (uint32_t i = 0; i < n; i++)
	{
		uint8_t		entry = (uint8_t) keys[i];
		uint64_t	head = heads[entry];
		uint32_t	at = i;

		while (at > 0 && (head ^ order->head[at - 1]) >> 24 == 0 &&
			   zp_head_less(bucket, head, order->head[at - 1]))
		{
			order->head[at] = order->head[at - 1];
			order->entry[at] = order->entry[at - 1];
			at--;
		}
		order->head[at] = head;
		order->entry[at] = entry;
	}
	order->count = n;
}

void
zp_bucket_kill(ZpBucket *bucket, size_t entry_bytes, uint32_t entry)
{
	uint32_t	state = zp_load_relaxed_u32(&bucket->state);

	zp_store_release_u64(zp_bucket_head(bucket, entry, entry_bytes), ZP_HEAD_DEAD);
	zp_store_release_u32(&bucket->state,
						 zp_make_state(zp_state_count(state), zp_state_sorted(state),
									   zp_state_dead(state) + 1));
}
