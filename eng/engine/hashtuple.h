/*
 * Before nodeHash.c and nodeHashjoin.c: a tuple of a hash join's table takes 8 bytes less, 32 instead of 40 with two integers, as with pointers of 32 bits.
 * Its hash value lies in the six bytes that every MinimalTuple leaves unused behind its length, and not in 8 bytes of its own before it.
 * Buckets take 4 bytes by hashjoin.sed.
 */
#include "postgres.h"
#include "access/htup_details.h"
#include "nodes/execnodes.h"
#include "port/atomics.h"
#include "storage/barrier.h"
#include "storage/buffile.h"
#include "storage/lwlock.h"
#include "utils/dsa.h"

/* HashJoinTupleData: the link, the MinimalTuple's length, the hash value. In HashSkewBucket, which has one too, the other takes what alignment left free. */
#define hashvalue tuple_length; uint32 hashvalue
#include "executor/hashjoin.h"
#undef hashvalue
#undef HJTUPLE_OVERHEAD
#define HJTUPLE_OVERHEAD offsetof(HashJoinTupleData, tuple_length)

StaticAssertDecl(offsetof(HashJoinTupleData, hashvalue) - HJTUPLE_OVERHEAD == offsetof(MinimalTupleData, mt_padding), "the hash value lies in the padding");
StaticAssertDecl(sizeof(uint32) <= MINIMAL_TUPLE_PADDING, "the hash value fits in the padding");
StaticAssertDecl(HJTUPLE_OVERHEAD == MAXALIGN(HJTUPLE_OVERHEAD), "the tuple behind the link is aligned");

/* nodeHash.c sets a hash value before it copies the tuple. */
static inline void *
copy_minimal_tuple(void *to, const void *from, size_t size)
{
	const size_t unused = offsetof(MinimalTupleData, mt_padding) + sizeof(uint32);

	((MinimalTuple) to)->t_len = ((const MinimalTupleData *) from)->t_len;
	memcpy((char *) to + unused, (const char *) from + unused, size - unused);
	return to;
}

#define memcpy(to, from, size) _Generic((to), MinimalTuple: copy_minimal_tuple, default: memcpy)(to, from, size)
