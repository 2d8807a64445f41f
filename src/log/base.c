/*
 * base.c
 *	  Writing the base: entries in key order, with what a key shares with the one before it
 *	  left out.
 *
 * A page can only be written once it is known where the next one is, so the writer claims
 * the next page first.  A claimed page is stamped as a base page at once: whoever else comes
 * to it finds it taken.
 */
#include "compat.h"

#include "access/generic_xlog.h"
#include "miscadmin.h"

#include "log/log.h"

void
zp_base_begin(ZpBaseWriter *writer, Relation index, bool logged, uint64 incarnation,
			  uint64 generation, int fillfactor)
{
	memset(writer, 0, offsetof(ZpBaseWriter, last));
	writer->index = index;
	writer->logged = logged;
	writer->has_included = IndexRelationGetNumberOfAttributes(index) >
		IndexRelationGetNumberOfKeyAttributes(index);
	writer->incarnation = incarnation;
	writer->generation = generation;
	writer->room = ZP_PAGE_ROOM * fillfactor / 100;
	writer->first = InvalidBlockNumber;
	writer->buffer = InvalidBuffer;
	writer->page = palloc(BLCKSZ);
	writer->entries = 0;
	writer->key_bytes = 0;
}

/* Puts an image of a page into its buffer, which is locked; the lock is released. */
static void
store_page(ZpBaseWriter *writer, Buffer buffer, Page image)
{
	if (writer->logged)
	{
		GenericXLogState *state = GenericXLogStart(writer->index);
		Page		page = GenericXLogRegisterBuffer(state, buffer, GENERIC_XLOG_FULL_IMAGE);

		memcpy(page, image, BLCKSZ);
		GenericXLogFinish(state);
	}
	else
	{
		START_CRIT_SECTION();
		memcpy(BufferGetPage(buffer), image, BLCKSZ);
		MarkBufferDirty(buffer);
		END_CRIT_SECTION();
	}
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
}

/* Claims the page that comes next; its buffer is pinned, not locked. */
static Buffer
claim_page(ZpBaseWriter *writer, uint64 birth)
{
	Buffer		buffer = writer->logged ? zp_log_claim(writer->index) :
		zp_extend_relation(writer->index);
	PGAlignedBlock image;

	memset(image.data, 0, BLCKSZ);
	zp_page_init((Page) image.data, ZP_PAGE_BASE, writer->incarnation, birth);
	store_page(writer, buffer, (Page) image.data);
	return buffer;
}

/* Makes the page that is being filled empty, for `buffer`. */
static void
start_page(ZpBaseWriter *writer, Buffer buffer, uint64 birth)
{
	writer->buffer = buffer;
	memset(writer->page, 0, BLCKSZ);
	zp_page_init(writer->page, ZP_PAGE_BASE, writer->incarnation, birth);
	writer->last_bytes = 0;
}

/* Writes the page that is full, linked to its successor. */
static void
finish_page(ZpBaseWriter *writer, BlockNumber next, uint64 next_birth)
{
	ZpPageMark *mark = zp_page_mark(writer->page);

	mark->next = next;
	mark->next_birth = next_birth;
	LockBuffer(writer->buffer, BUFFER_LOCK_EXCLUSIVE);
	store_page(writer, writer->buffer, writer->page);
	ReleaseBuffer(writer->buffer);
	writer->buffer = InvalidBuffer;
}

static size_t
common_prefix(const unsigned char *a, size_t a_bytes, const unsigned char *b, size_t b_bytes)
{
	size_t		most = Min(a_bytes, b_bytes);
	size_t		shared = 0;

	while (shared < most && a[shared] == b[shared])
		shared++;
	return shared;
}

void
zp_base_put(ZpBaseWriter *writer, const ZpRecord *record)
{
	ItemPointerData tid = record->tid;
	size_t		shared = 0;
	size_t		length;
	uint16		lower;

	if (writer->buffer != InvalidBuffer)
		shared = common_prefix(writer->last, writer->last_bytes, record->key, record->key_bytes);
	length = zp_entry_base_bytes(writer->has_included, shared, record->key_bytes,
								 record->included_bytes);
	if (writer->buffer != InvalidBuffer)
	{
		lower = zp_page_lower(writer->page);
		if (lower - ZP_PAGE_FIRST + length > writer->room && lower > ZP_PAGE_FIRST)
		{
			uint64		birth = zp_base_birth(writer->generation, ++writer->number);
			Buffer		next = claim_page(writer, birth);

			CHECK_FOR_INTERRUPTS();
			finish_page(writer, BufferGetBlockNumber(next), birth);
			start_page(writer, next, birth);
			shared = 0;
		}
	}
	else
	{
		uint64		birth = zp_base_birth(writer->generation, ++writer->number);
		Buffer		buffer = claim_page(writer, birth);

		writer->first = BufferGetBlockNumber(buffer);
		writer->first_birth = birth;
		start_page(writer, buffer, birth);
	}

	lower = zp_page_lower(writer->page);
	length = zp_entry_encode_base((unsigned char *) writer->page + lower, &tid,
								  writer->has_included, shared, record->key, record->key_bytes,
								  record->included, record->included_bytes);
	((PageHeader) writer->page)->pd_lower = (uint16) (lower + length);
	memcpy(writer->last, record->key, record->key_bytes);
	writer->last_bytes = record->key_bytes;
	writer->entries++;
	writer->key_bytes += record->key_bytes;
}

void
zp_base_end(ZpBaseWriter *writer, BlockNumber next, uint64 next_birth)
{
	if (writer->buffer != InvalidBuffer)
		finish_page(writer, next, next_birth);
	pfree(writer->page);
	writer->page = NULL;
}
