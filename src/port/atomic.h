/*
 * atomic.h
 *	  C11 atomics with the memory order in the function's name.
 *
 * A field that two participants may touch at once has one of these types, so
 * that a plain access does not compile.  There is no function without an order
 * in its name.  seq_cst appears only where a store must be seen before a later
 * load (the store-load fence of token.c); each such place says why.
 *
 * All types are lock-free on every platform that we build for, hence good in
 * memory that several processes map at different addresses.
 */
#ifndef ZP_ATOMIC_H
#define ZP_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ZpAtomicU32
{
	_Atomic uint32_t value;
} ZpAtomicU32;

typedef struct ZpAtomicU64
{
	_Atomic uint64_t value;
} ZpAtomicU64;

_Static_assert(sizeof(ZpAtomicU32) == 4, "a futex word is 32 bits");
_Static_assert(sizeof(ZpAtomicU64) == 8, "a version is 64 bits");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
			   "shared memory needs lock-free atomics");

#define ZP_DEFINE_ATOMICS(Type, suffix, ctype) \
static inline ctype \
zp_load_relaxed_##suffix(const Type *a) \
{ \
	return atomic_load_explicit(&((Type *) a)->value, memory_order_relaxed); \
} \
static inline ctype \
zp_load_acquire_##suffix(const Type *a) \
{ \
	return atomic_load_explicit(&((Type *) a)->value, memory_order_acquire); \
} \
static inline ctype \
zp_load_seq_cst_##suffix(const Type *a) \
{ \
	return atomic_load_explicit(&((Type *) a)->value, memory_order_seq_cst); \
} \
static inline void \
zp_store_relaxed_##suffix(Type *a, ctype v) \
{ \
	atomic_store_explicit(&a->value, v, memory_order_relaxed); \
} \
static inline void \
zp_store_release_##suffix(Type *a, ctype v) \
{ \
	atomic_store_explicit(&a->value, v, memory_order_release); \
} \
static inline ctype \
zp_exchange_acquire_##suffix(Type *a, ctype v) \
{ \
	return atomic_exchange_explicit(&a->value, v, memory_order_acquire); \
} \
static inline ctype \
zp_exchange_release_##suffix(Type *a, ctype v) \
{ \
	return atomic_exchange_explicit(&a->value, v, memory_order_release); \
} \
static inline ctype \
zp_exchange_seq_cst_##suffix(Type *a, ctype v) \
{ \
	return atomic_exchange_explicit(&a->value, v, memory_order_seq_cst); \
} \
/* On failure *expected holds what was found (read relaxed). */ \
static inline bool \
zp_cas_acquire_##suffix(Type *a, ctype *expected, ctype desired) \
{ \
	return atomic_compare_exchange_strong_explicit(&a->value, expected, desired, \
												   memory_order_acquire, \
												   memory_order_relaxed); \
} \
static inline bool \
zp_cas_release_##suffix(Type *a, ctype *expected, ctype desired) \
{ \
	return atomic_compare_exchange_strong_explicit(&a->value, expected, desired, \
												   memory_order_release, \
												   memory_order_relaxed); \
} \
static inline bool \
zp_cas_acq_rel_##suffix(Type *a, ctype *expected, ctype desired) \
{ \
	return atomic_compare_exchange_strong_explicit(&a->value, expected, desired, \
												   memory_order_acq_rel, \
												   memory_order_acquire); \
} \
/* The fetch functions return the value before the operation. */ \
static inline ctype \
zp_fetch_add_relaxed_##suffix(Type *a, ctype v) \
{ \
	return atomic_fetch_add_explicit(&a->value, v, memory_order_relaxed); \
} \
static inline ctype \
zp_fetch_sub_relaxed_##suffix(Type *a, ctype v) \
{ \
	return atomic_fetch_sub_explicit(&a->value, v, memory_order_relaxed); \
} \
static inline ctype \
zp_fetch_add_seq_cst_##suffix(Type *a, ctype v) \
{ \
	return atomic_fetch_add_explicit(&a->value, v, memory_order_seq_cst); \
} \
static inline ctype \
zp_fetch_or_relaxed_##suffix(Type *a, ctype v) \
{ \
	return atomic_fetch_or_explicit(&a->value, v, memory_order_relaxed); \
} \
static inline ctype \
zp_fetch_and_release_##suffix(Type *a, ctype v) \
{ \
	return atomic_fetch_and_explicit(&a->value, v, memory_order_release); \
}

ZP_DEFINE_ATOMICS(ZpAtomicU32, u32, uint32_t)
ZP_DEFINE_ATOMICS(ZpAtomicU64, u64, uint64_t)

#undef ZP_DEFINE_ATOMICS

#if defined(__SANITIZE_THREAD__)
#define ZP_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ZP_THREAD_SANITIZER 1
#endif
#endif

/*
 * Orders every earlier access before every later one, stores before loads too.
 * ThreadSanitizer does not model fences; a read-modify-write is as strong on
 * every platform that it runs on.
 */
static inline void
zp_fence_seq_cst(void)
{
#ifdef ZP_THREAD_SANITIZER
	_Atomic int here = 0;

	atomic_fetch_add_explicit(&here, 1, memory_order_seq_cst);
#else
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

#define ZP_LIKELY(x)	__builtin_expect(!!(x), 1)
#define ZP_UNLIKELY(x)	__builtin_expect(!!(x), 0)

/* Participants' private shared fields are kept this many bytes apart. */
#define ZP_CACHE_LINE_BYTES 64

#endif							/* ZP_ATOMIC_H */
