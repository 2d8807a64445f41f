/*
 * status.c
 *	  Names of the statuses, for messages and tests.
 *
 * A switch without a default: the compiler tells of a status that lacks a name.
 */
#include "port/status.h"

const char *
zp_status_name(ZpStatus status)
{
	switch (status)
	{
		case ZP_OK:
			return "ZP_OK";
		case ZP_EXISTS:
			return "ZP_EXISTS";
		case ZP_NOT_FOUND:
			return "ZP_NOT_FOUND";
		case ZP_END:
			return "ZP_END";
		case ZP_CANCELLED:
			return "ZP_CANCELLED";
		case ZP_TIMED_OUT:
			return "ZP_TIMED_OUT";
		case ZP_BUSY:
			return "ZP_BUSY";
		case ZP_OUT_OF_MEMORY:
			return "ZP_OUT_OF_MEMORY";
		case ZP_OVER_LIMIT:
			return "ZP_OVER_LIMIT";
		case ZP_MAP_FAILED:
			return "ZP_MAP_FAILED";
		case ZP_KEY_TOO_LONG:
			return "ZP_KEY_TOO_LONG";
		case ZP_BUFFER_TOO_SMALL:
			return "ZP_BUFFER_TOO_SMALL";
		case ZP_OVERFLOW:
			return "ZP_OVERFLOW";
		case ZP_BAD_ARGUMENT:
			return "ZP_BAD_ARGUMENT";
		case ZP_BAD_REF:
			return "ZP_BAD_REF";
		case ZP_BAD_SIZE:
			return "ZP_BAD_SIZE";
		case ZP_DOUBLE_FREE:
			return "ZP_DOUBLE_FREE";
		case ZP_NOT_OWNER:
			return "ZP_NOT_OWNER";
		case ZP_OWNED:
			return "ZP_OWNED";
		case ZP_READ_ONLY:
			return "ZP_READ_ONLY";
		case ZP_HELD:
			return "ZP_HELD";
		case ZP_ASK_FIRST:
			return "ZP_ASK_FIRST";
		case ZP_DROPPED:
			return "ZP_DROPPED";
		case ZP_CORRUPTED:
			return "ZP_CORRUPTED";
	}
	return "not a ZpStatus";
}
