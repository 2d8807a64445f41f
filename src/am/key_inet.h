/*
 * key_inet.h
 *	  An address of type inet or cidr as a byte string in the order of network_cmp.
 *
 *	  byte 0			family
 *	  4 or 16 bytes		the network: the address, its bits behind the mask set to 0
 *	  1 byte			length of the mask, in bits
 *	  the rest			the address's bytes from the one on where the host's bits begin
 *
 * network_cmp compares the family, the network's bits that both have, the mask's lengths and
 * last the whole addresses.  With the network padded by zeros, the shorter one of two that
 * agree in their common bits is less already, or equal, and then the mask decides.
 */
#ifndef ZP_KEY_INET_H
#define ZP_KEY_INET_H

#include "compat.h"

#include <sys/socket.h>

#include "utils/inet.h"

#define ZP_INET_FIRST_V4	0x84
#define ZP_INET_FIRST_V6	0x86
#define ZP_INET_MAX_BYTES	(1 + 16 + 1 + 16)

/* Writes at most ZP_INET_MAX_BYTES; how many. */
extern size_t zp_inet_encode(const inet_struct *address, unsigned char *out);

/*
 * Of the encoding that begins here, each byte XORed with flip; 0: it is none, or longer than what
 * is available.
 */
extern size_t zp_inet_bytes(const unsigned char *in, size_t available, unsigned char flip);

/* in holds one whole encoding.  false: it is not one that zp_inet_encode makes. */
extern bool zp_inet_decode(const unsigned char *in, inet_struct *address);

/* The address's network with a mask of so many bits: what k >>= address looks for. */
extern size_t zp_inet_encode_network(const inet_struct *address, int bits, unsigned char *out);

/* The largest network of all that have the address's first bits in common: no mask follows. */
extern size_t zp_inet_encode_last(const inet_struct *address, unsigned char *out);

#endif							/* ZP_KEY_INET_H */
