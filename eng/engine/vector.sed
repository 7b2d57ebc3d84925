# pgvector 0.8.0 is older than two changes of PostgreSQL 18.
s/vacuum_delay_point()/vacuum_delay_point(false)/
s/buildstate->tupdesc->attrs\[0\]\./TupleDescAttr(buildstate->tupdesc, 0)->/
