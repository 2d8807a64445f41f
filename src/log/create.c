/*
 * create.c
 *	  The metapage of a new index.
 */
#include "compat.h"

#include "log/log.h"

void
zp_meta_init(Page page, uint64 incarnation)
{
	ZpLogMeta  *meta;

	zp_page_init(page, ZP_PAGE_META, incarnation, 0);
	meta = zp_page_meta(page);
	memset(meta, 0, sizeof(*meta));
	meta->magic = ZP_META_MAGIC;
	meta->version = ZP_LOG_VERSION;
	meta->incarnation = incarnation;
	meta->generation = 1;
	meta->first = meta->seal = meta->last = InvalidBlockNumber;
	meta->epoch = 1;
	meta->drained = 1;
	((PageHeader) page)->pd_lower = (uint16) ((char *) (meta + 1) - (char *) page);
}
