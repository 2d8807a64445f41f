/*
 * page.c
 *	  Making, checking and reading pages of an index relation.
 */
#include "compat.h"

#include "port/pg_crc32c.h"

#include "log/page.h"

void
zp_page_init(Page page, ZpPageKind kind, uint64 incarnation, uint64 birth)
{
	ZpPageMark *mark;

	PageInit(page, BLCKSZ, sizeof(ZpPageMark));
	mark = zp_page_mark(page);
	mark->incarnation = incarnation;
	mark->birth = birth;
	mark->next_birth = 0;
	mark->next = InvalidBlockNumber;
	mark->kind = (uint16) kind;
	mark->magic = ZP_PAGE_MAGIC;
}

void
zp_page_corrupted(Relation index, BlockNumber block, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" is corrupted in block %u", RelationGetRelationName(index), block),
			 errdetail("%s", what),
			 errhint("Please REINDEX it.")));
}

/* Whether a mark's birth is one of its kind of page. */
static bool
has_birth_of_kind(const ZpPageMark *mark)
{
	if (mark->kind == ZP_PAGE_TAIL)
		return (mark->birth & ZP_BIRTH_OF_TAIL) != 0;
	if (mark->kind == ZP_PAGE_BASE)
		return mark->birth != 0 && (mark->birth & ZP_BIRTH_OF_TAIL) == 0;
	return mark->birth == 0;
}

void
zp_page_check(Relation index, BlockNumber block, Page page)
{
	PageHeader	header = (PageHeader) page;
	ZpPageMark *mark;

	if (PageIsNew(page))
		zp_page_corrupted(index, block, "The page is empty.");
	if (PageGetPageSize(page) != BLCKSZ ||
		header->pd_special != ZP_PAGE_END ||
		header->pd_upper != ZP_PAGE_END ||
		header->pd_lower < ZP_PAGE_FIRST || header->pd_lower > ZP_PAGE_END)
		zp_page_corrupted(index, block, "The page header is not that of a zipora index.");
	mark = zp_page_mark(page);
	if (mark->magic != ZP_PAGE_MAGIC ||
		mark->kind < ZP_PAGE_META || mark->kind > ZP_PAGE_FREE)
		zp_page_corrupted(index, block, "The page does not have the mark of a zipora index.");
	if ((mark->next == InvalidBlockNumber) != (mark->next_birth == 0) ||
		!has_birth_of_kind(mark))
		zp_page_corrupted(index, block, "The parts of the page's mark do not agree.");
}

static uint32
checksum_of(const ZpLogMeta *meta)
{
	pg_crc32c	checksum;

	INIT_CRC32C(checksum);
	COMP_CRC32C(checksum, meta, offsetof(ZpLogMeta, checksum));
	FIN_CRC32C(checksum);
	return checksum;
}

void
zp_meta_stamp(ZpLogMeta *meta)
{
	meta->checksum = checksum_of(meta);
}

/* What zp_page_check does not look at. */
static void
check_meta(Relation index, const ZpLogMeta *meta, const ZpPageMark *mark, uint16 lower)
{
	if (mark->kind != ZP_PAGE_META || meta->magic != ZP_META_MAGIC)
		zp_page_corrupted(index, ZP_META_BLOCK, "The page is no metapage.");
	if (meta->version != ZP_LOG_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" was made by another version of zipora",
						RelationGetRelationName(index)),
				 errdetail("Its format is %u; this library reads format %d.",
						   meta->version, ZP_LOG_VERSION),
				 errhint("Please REINDEX it.")));
	if (meta->checksum != checksum_of(meta) || meta->padding != 0)
		zp_page_corrupted(index, ZP_META_BLOCK, "The checksum of the metapage is wrong.");
	if (mark->incarnation != meta->incarnation || mark->next != InvalidBlockNumber ||
		lower != ZP_PAGE_FIRST + sizeof(ZpLogMeta))
		zp_page_corrupted(index, ZP_META_BLOCK, "The parts of the metapage do not agree.");
}

ZpLogMeta *
zp_meta_change(Relation index, Page page)
{
	zp_page_check(index, ZP_META_BLOCK, page);
	check_meta(index, zp_page_meta(page), zp_page_mark(page), zp_page_lower(page));
	return zp_page_meta(page);
}

void
zp_meta_read(Relation index, ZpLogMeta *meta)
{
	Buffer		buffer = ReadBuffer(index, ZP_META_BLOCK);
	Page		page = BufferGetPage(buffer);
	ZpPageMark	mark;
	uint16		lower;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	zp_page_check(index, ZP_META_BLOCK, page);
	mark = *zp_page_mark(page);
	lower = zp_page_lower(page);
	memcpy(meta, zp_page_meta(page), sizeof(*meta));
	UnlockReleaseBuffer(buffer);
	check_meta(index, meta, &mark, lower);
}

bool
zp_meta_has_changed(Relation index, const ZpLogMeta *since)
{
	ZpLogMeta	now;

	zp_meta_read(index, &now);
	return now.incarnation != since->incarnation || now.generation != since->generation ||
		now.first != since->first || now.first_birth != since->first_birth;
}

bool
zp_page_read(Relation index, BlockNumber block, uint64 incarnation, uint64 birth,
			 BufferAccessStrategy strategy, Page copy)
{
	Buffer		buffer;
	Page		page;
	ZpPageMark *mark;
	bool		same;

	/* The file never shrinks, so this is not for a link that was good once. */
	if (block >= RelationGetNumberOfBlocks(index))
		return false;
	buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	zp_page_check(index, block, page);
	mark = zp_page_mark(page);
	same = mark->incarnation == incarnation && mark->birth == birth;
	if (same)
	{
		uint16		lower = zp_page_lower(page);

		/* What lies between is a hole. */
		memcpy(copy, page, lower);
		memcpy((char *) copy + ZP_PAGE_END, (char *) page + ZP_PAGE_END, BLCKSZ - ZP_PAGE_END);
	}
	UnlockReleaseBuffer(buffer);
	return same;
}
