/*
 * entry.c
 *	  Writing and reading the entries of a page.  See page.h for the format.
 */
#include "compat.h"

#include "log/entry.h"

void
zp_decoder_begin(ZpLogDecoder *decoder, Relation index, BlockNumber block, Page page,
				 bool has_included)
{
	decoder->index = index;
	decoder->block = block;
	decoder->page = page;
	decoder->base = zp_page_mark(page)->kind == ZP_PAGE_BASE;
	decoder->has_included = has_included;
	decoder->offset = ZP_PAGE_FIRST;
	decoder->lower = zp_page_lower(page);
	decoder->key_bytes = 0;
}

void
zp_decoder_seek(ZpLogDecoder *decoder, uint16 offset)
{
	Assert(!decoder->base || offset == ZP_PAGE_FIRST || offset == decoder->lower);
	decoder->offset = offset;
}

static void
bad_entry(ZpLogDecoder *decoder, uint16 offset)
{
	zp_page_corrupted(decoder->index, decoder->block,
					  psprintf("The entry at offset %u is not well formed.", offset));
}

bool
zp_decoder_next(ZpLogDecoder *decoder, ZpLogEntry *entry)
{
	const unsigned char *bytes = (const unsigned char *) decoder->page + decoder->offset;
	const unsigned char *end;
	uint16		offset = decoder->offset;
	uint16		head;
	size_t		length;

	if (offset >= decoder->lower)
		return false;
	if (decoder->lower - offset < (int) ZP_ENTRY_HEAD)
		bad_entry(decoder, offset);
	head = zp_load_uint16(bytes);
	length = head & ZP_ENTRY_LENGTH;
	if (length < ZP_ENTRY_HEAD || length > (size_t) (decoder->lower - offset))
		bad_entry(decoder, offset);
	end = bytes + length;
	entry->offset = offset;
	entry->dead = (head & ZP_ENTRY_DEAD) != 0;
	memcpy(&entry->tid, bytes + sizeof(uint16), sizeof(ItemPointerData));
	bytes += ZP_ENTRY_HEAD;
	decoder->offset = (uint16) (offset + length);

	entry->tombstone = ItemPointerGetOffsetNumberNoCheck(&entry->tid) == InvalidOffsetNumber;
	if (entry->tombstone)
	{
		if (decoder->base || length < ZP_TOMBSTONE_HEAD ||
			(length - ZP_TOMBSTONE_HEAD) % sizeof(uint16) != 0)
			bad_entry(decoder, offset);
		entry->target = ItemPointerGetBlockNumberNoCheck(&entry->tid);
		memcpy(&entry->target_birth, bytes, sizeof(uint64));
		entry->targets = bytes + sizeof(uint64);
		entry->target_count = (length - ZP_TOMBSTONE_HEAD) / sizeof(uint16);
		return true;
	}

	entry->included_bytes = 0;
	if (decoder->has_included)
	{
		if (end - bytes < (ptrdiff_t) sizeof(uint16))
			bad_entry(decoder, offset);
		entry->included_bytes = zp_load_uint16(bytes);
		bytes += sizeof(uint16);
	}
	if (decoder->base)
	{
		size_t		shared;
		size_t		rest;

		if (bytes >= end)
			bad_entry(decoder, offset);
		shared = *bytes++;
		if ((shared & 0x80) != 0)
		{
			if (bytes >= end)
				bad_entry(decoder, offset);
			shared = (shared & 0x7F) << 8 | *bytes++;
		}
		if (shared > decoder->key_bytes || entry->included_bytes > (size_t) (end - bytes))
			bad_entry(decoder, offset);
		rest = (size_t) (end - bytes) - entry->included_bytes;
		if (shared + rest > BLCKSZ)
			bad_entry(decoder, offset);
		memcpy(decoder->key + shared, bytes, rest);
		decoder->key_bytes = shared + rest;
		entry->key = decoder->key;
		entry->key_bytes = decoder->key_bytes;
	}
	else
	{
		if (entry->included_bytes > (size_t) (end - bytes))
			bad_entry(decoder, offset);
		entry->key = bytes;
		entry->key_bytes = (size_t) (end - bytes) - entry->included_bytes;
	}
	entry->included = end - entry->included_bytes;
	if (entry->key_bytes + entry->included_bytes > ZP_LONGEST_KEY)
		bad_entry(decoder, offset);
	return true;
}

/* Writes head, TID and the bytes of included values; returns where the rest goes. */
static inline unsigned char *
encode_head(unsigned char *to, size_t length, ItemPointer tid, bool has_included,
			size_t included_bytes)
{
	uint16		head = (uint16) length;
	uint16		included = (uint16) included_bytes;

	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), tid, sizeof(ItemPointerData));
	to += ZP_ENTRY_HEAD;
	if (has_included)
	{
		memcpy(to, &included, sizeof(included));
		to += sizeof(included);
	}
	return to;
}

size_t
zp_entry_encode(unsigned char *to, ItemPointer tid, bool has_included,
				const unsigned char *key, size_t key_bytes,
				const unsigned char *included, size_t included_bytes)
{
	size_t		length = ZP_ENTRY_HEAD + (has_included ? sizeof(uint16) : 0) +
		key_bytes + included_bytes;

	to = encode_head(to, length, tid, has_included, included_bytes);
	memcpy(to, key, key_bytes);
	if (included_bytes > 0)
		memcpy(to + key_bytes, included, included_bytes);
	return length;
}

size_t
zp_entry_base_bytes(bool has_included, size_t shared, size_t key_bytes, size_t included_bytes)
{
	return ZP_ENTRY_HEAD + (has_included ? sizeof(uint16) : 0) + (shared < 128 ? 1 : 2) +
		(key_bytes - shared) + included_bytes;
}

size_t
zp_entry_encode_base(unsigned char *to, ItemPointer tid, bool has_included, size_t shared,
					 const unsigned char *key, size_t key_bytes,
					 const unsigned char *included, size_t included_bytes)
{
	size_t		length = zp_entry_base_bytes(has_included, shared, key_bytes, included_bytes);

	to = encode_head(to, length, tid, has_included, included_bytes);
	if (shared < 128)
		*to++ = (unsigned char) shared;
	else
	{
		*to++ = (unsigned char) (0x80 | shared >> 8);
		*to++ = (unsigned char) shared;
	}
	memcpy(to, key + shared, key_bytes - shared);
	if (included_bytes > 0)
		memcpy(to + key_bytes - shared, included, included_bytes);
	return length;
}

size_t
zp_entry_encode_tombstone(unsigned char *to, BlockNumber target, uint64 target_birth,
						  const uint16 *offsets, size_t count)
{
	size_t		length = ZP_TOMBSTONE_HEAD + count * sizeof(uint16);
	uint16		head = (uint16) length;
	ItemPointerData tid;

	ItemPointerSet(&tid, target, InvalidOffsetNumber);
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), &tid, sizeof(tid));
	memcpy(to + ZP_ENTRY_HEAD, &target_birth, sizeof(target_birth));
	memcpy(to + ZP_TOMBSTONE_HEAD, offsets, count * sizeof(uint16));
	return length;
}
