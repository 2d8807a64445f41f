/*
 * key_inet.c
 *	  An address of type inet or cidr as a byte string in the order of network_cmp.
 */
#include "am/key_inet.h"

static inline int
address_bytes(unsigned char first)
{
	return first == ZP_INET_FIRST_V4 ? 4 : 16;
}

/* Copies an address, its bits from the given one on set to 0 or to 1. */
static void
copy_masked(const unsigned char *address, int bytes, int bits, unsigned char fill,
			unsigned char *out)
{
	int			whole = bits / 8;

	memcpy(out, address, whole);
	if (whole < bytes)
	{
		unsigned char mask = (unsigned char) (0xFF >> bits % 8);

		out[whole] = (unsigned char) ((address[whole] & ~mask) | (fill & mask));
		memset(out + whole + 1, fill, bytes - whole - 1);
	}
}

size_t
zp_inet_encode_network(const inet_struct *address, int bits, unsigned char *out)
{
	int			bytes = address->family == PGSQL_AF_INET ? 4 : 16;

	out[0] = address->family == PGSQL_AF_INET ? ZP_INET_FIRST_V4 : ZP_INET_FIRST_V6;
	copy_masked(address->ipaddr, bytes, bits, 0x00, out + 1);
	out[1 + bytes] = (unsigned char) bits;
	return 1 + bytes + 1;
}

size_t
zp_inet_encode_last(const inet_struct *address, unsigned char *out)
{
	int			bytes = address->family == PGSQL_AF_INET ? 4 : 16;

	out[0] = address->family == PGSQL_AF_INET ? ZP_INET_FIRST_V4 : ZP_INET_FIRST_V6;
	copy_masked(address->ipaddr, bytes, address->bits, 0xFF, out + 1);
	return 1 + bytes;
}

size_t
zp_inet_encode(const inet_struct *address, unsigned char *out)
{
	int			bytes = address->family == PGSQL_AF_INET ? 4 : 16;
	int			whole = address->bits / 8;
	size_t		length = zp_inet_encode_network(address, address->bits, out);

	memcpy(out + length, address->ipaddr + whole, bytes - whole);
	return length + bytes - whole;
}

size_t
zp_inet_bytes(const unsigned char *in, size_t available, unsigned char flip)
{
	unsigned char first = in[0] ^ flip;
	size_t		bytes = address_bytes(first);
	size_t		mask;
	size_t		length;

	if ((first != ZP_INET_FIRST_V4 && first != ZP_INET_FIRST_V6) || available < 1 + bytes + 1)
		return 0;
	mask = in[1 + bytes] ^ flip;
	if (mask > bytes * 8)
		return 0;
	length = 1 + bytes + 1 + (bytes - mask / 8);
	return length <= available ? length : 0;
}

bool
zp_inet_decode(const unsigned char *in, inet_struct *address)
{
	int			bytes = address_bytes(in[0]);
	int			bits = in[1 + bytes];
	unsigned char network[16];

	address->family = in[0] == ZP_INET_FIRST_V4 ? PGSQL_AF_INET : PGSQL_AF_INET6;
	address->bits = (unsigned char) bits;
	memcpy(address->ipaddr, in + 1, bits / 8);
	memcpy(address->ipaddr + bits / 8, in + 1 + bytes + 1, bytes - bits / 8);
	copy_masked(address->ipaddr, bytes, bits, 0x00, network);
	return memcmp(network, in + 1, bytes) == 0;
}
