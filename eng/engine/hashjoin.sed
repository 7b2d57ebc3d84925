# executor/hashjoin.h and nodeHash.c: the buckets of a hash join's table that no other process uses are addresses of 32 bits.
s/struct HashJoinTupleData \*\*unshared;/uint32 *unshared;/
s/^\(.*palloc0_array(\|\t*   \)HashJoinTuple, /\1uint32, /
# What the planner counts on holds for the buckets of parallel joins too, which stay as they are.
/^ExecChooseHashTableSize(/,/^}/!s/sizeof(HashJoinTuple)/sizeof(uint32)/
